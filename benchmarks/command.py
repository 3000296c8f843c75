"""What the benchmarks' command lines share."""

import argparse
import sys
from pathlib import Path

import machine
from rivals import CONTENDERS
from settings import SETTINGS

from minivae.engine.team import available_cores

_RESULTS = Path(__file__).with_name("results")


class Failure(RuntimeError):
    """A benchmark cannot go on; its message says why in one line."""


def run(main):
    """Call `main` and exit; a failure or Ctrl-C is one line, not a traceback."""
    try:
        main()
    except Failure as failure:
        complain(f"{Path(sys.argv[0]).name}: {failure}")
        sys.exit(1)
    except KeyboardInterrupt:
        complain(f"{Path(sys.argv[0]).name}: interrupted")
        sys.exit(130)


class Parser(argparse.ArgumentParser):
    """An argument parser whose errors are one line and exit status 2."""

    def __init__(self, description, seconds, rounds=9):
        super().__init__(description=description.splitlines()[0])
        if rounds:
            self.add_argument(
                "--rounds", type=whole, default=rounds, help=f"turns of each (default {rounds})"
            )
        self.add_argument(
            "--seconds",
            type=positive,
            default=seconds,
            help=f"length of a turn (default {seconds})",
        )
        self.add_argument(
            "--keep-env",
            action="store_true",
            help=f"leave {' and '.join(machine.PINS)} as they are in the environment",
        )
        self.add_argument(
            "--out", type=folder, default=_RESULTS, help="folder for the JSON and PNG files"
        )

    def error(self, message):
        """Say what is wrong and exit."""
        self.exit(2, f"{self.prog}: {message}\n")


def whole(text):
    """Return a positive whole number."""
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"{text!r}, expected a whole number of at least 1")
    return number


def positive(text):
    """Return a positive number."""
    try:
        number = float(text)
    except ValueError:
        number = 0.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r}, expected a positive number")
    return number


def folder(text):
    """Return a path that is a folder or can become one."""
    path = Path(text)
    if path.exists() and not path.is_dir():
        raise argparse.ArgumentTypeError(f"{text!r} is a file, expected a folder")
    return path


def one_of(known):
    """Return a parser of one name, or "all"."""

    def parse(text):
        if text == "all":
            return list(known)
        return [check_name(text, known)]

    return parse


def names_of(known):
    """Return a parser of names with commas between them."""

    def parse(text):
        return [check_name(name, known) for name in text.split(",")]

    return parse


def check_name(name, known):
    if name not in known:
        raise argparse.ArgumentTypeError(f"{name!r}, expected one of {', '.join(known)}")
    return name


def add_setting(parser, known=SETTINGS):
    """Add ``--setting``; the parsed value is a list of names, of those that are `known`."""
    first = next(iter(known))
    parser.add_argument(
        "--setting",
        type=one_of(known),
        default=[first],
        help=f"{', '.join(known)}, or all (default {first})",
    )


def add_contenders(parser):
    """Add ``--contenders`` and ``--threads``; the parsed values are lists."""
    parser.add_argument(
        "--contenders",
        type=names_of(CONTENDERS),
        default=list(CONTENDERS),
        help=f"with commas between: {','.join(CONTENDERS)} (default all; minivae always runs)",
    )
    parser.add_argument(
        "--threads",
        type=counts,
        default=powers_of_two(available_cores()),
        help="numbers of threads to try with each contender, with commas between "
        "(default: 1, 2, 4, ... and all cores)",
    )


def counts(text):
    """Return whole numbers that have commas between them."""
    return sorted({whole(part) for part in text.split(",")})


def powers_of_two(limit):
    """Return 1, 2, 4, ... up to `limit`, and `limit`."""
    return sorted({2**k for k in range(limit.bit_length())} | {limit})


def announce(result):
    """Print what is measured where, and whether the machine is busy."""
    description = result["machine"]
    say(f"{description['cpu']}, {description['cores']} cores")
    say(result["environment"])
    warn(machine.busy_warning(description))


def say(*words, sep=" "):
    """Print at once, also into a pipe."""
    print(*words, sep=sep, flush=True)


def warn(warning):
    """Print a warning to stderr, unless it is None."""
    if warning:
        complain(warning)


def complain(*words):
    """Print to stderr."""
    print(*words, file=sys.stderr, flush=True)
