"""What is said on the command line. Nobody may be listening: that is no reason to stop training."""

import contextlib
import io
import os
import re
import sys
import warnings
from collections.abc import Iterator
from typing import Any, TextIO

EXIT_ERROR = 2


def open_all() -> None:
    """Give a process that was started without them an output and an error output.

    Otherwise the next file that it opens gets their numbers, and what is meant for them. What their
    encoding lacks is written as an escape.
    """
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115, PTH123  (for good)
        stream = getattr(sys, name)
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def tell(message: str) -> None:
    """Print a line, if somebody reads it."""
    _print(message, sys.stdout)


def complain(message: str) -> None:
    """Print a line on the error output, if it can be written."""
    _print(message, sys.stderr)


@contextlib.contextmanager
def one_line_warnings(program: str) -> Iterator[None]:
    """Say warnings in one line each: users have no need of the place in the code."""

    def show(message: Warning | str, *_: Any, **__: Any) -> None:
        complain(f"{program}: warning: {message}")

    shown = warnings.showwarning
    warnings.showwarning = show
    try:
        yield
    finally:
        warnings.showwarning = shown


def _print(message: str, stream: TextIO) -> None:
    try:
        print(message, file=stream, flush=True)
    except OSError:
        abandon(stream)


def finish(stream: TextIO) -> OSError | None:
    """Write what is waiting in a stream, or give it up: Python would complain in the end.

    Returns
    -------
    error : OSError or None
        Why it was given up, if it was.
    """
    try:
        stream.flush()
    except OSError as error:
        abandon(stream)
        return error
    return None


def finish_output() -> int:
    """Write what waits for stdout, and return an exit code; it is no news that nobody reads it."""
    error = finish(sys.stdout)
    if error is not None and not isinstance(error, BrokenPipeError):
        complain(f"minivae: error: {one_line(error)}")
    return 0 if error is None else EXIT_ERROR


def one_line(error: Exception) -> str:
    """Return what the first line says; those below it are for programmers."""
    line = str(error).strip().partition("\n")[0]
    return re.sub(r"^\[Errno \d+\] ", "", line) or type(error).__name__


def abandon(stream: TextIO) -> None:
    """Have a stream that has failed write to nowhere, what is waiting in it as well."""
    with contextlib.suppress(OSError):  # a stream that is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
