"""What is said on the command line. Nobody may be listening: that is no reason to stop training."""

import contextlib
import io
import os
import sys
from typing import TextIO


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


def _print(message: str, stream: TextIO) -> None:
    try:
        print(message, file=stream, flush=True)
    except OSError:
        abandon(stream)


def finish(stream: TextIO) -> None:
    """Write what is waiting in a stream, or give it up: Python would complain in the end."""
    try:
        stream.flush()
    except OSError:
        abandon(stream)


def abandon(stream: TextIO) -> None:
    """Have a stream that has failed write to nowhere, what is waiting in it as well."""
    with contextlib.suppress(OSError):  # a stream that is no file
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
