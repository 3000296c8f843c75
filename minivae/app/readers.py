"""What stands behind an option of the command line, read from its text.

Like the parser itself, this does without NumPy: a wrong argument need not wait for it.
"""

import argparse
from collections.abc import Callable
from decimal import Decimal, InvalidOperation
from itertools import pairwise

LARGEST = 2**63 - 1
_DIGITS = 309  # of a number at most, as of floats


def positive(text: str) -> float:
    """Read a positive finite number such as 0.02, 1_000_000 or 1e6."""
    value = _number(text)
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a positive number")
    return value


def positive_or_zero(text: str) -> float:
    """Read a finite number that is not negative."""
    value = _number(text)
    if not 0 <= value < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of at least 0")
    return value


def share(text: str) -> float:
    """Read a number from 0 to 1."""
    value = _number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number from 0 to 1")
    return value


def _number(text: str) -> float:
    """Return a number, or if it is none, NaN, which is in no range."""
    try:
        return float(text)
    except ValueError:
        return float("nan")


def whole(minimum: int, maximum: int | None = LARGEST) -> Callable[[str], int]:
    """Return a reader of whole numbers of at least `minimum`, to the last digit."""

    def read(text: str) -> int:
        try:
            value = Decimal(text)
        except InvalidOperation:
            value = Decimal("nan")
        is_whole = value.is_finite() and value.adjusted() < _DIGITS and value == int(value)
        if not (is_whole and value >= minimum):
            raise argparse.ArgumentTypeError(
                f"{text!r} is not a whole number of at least {minimum}"
            )
        if maximum is not None and value > maximum:
            raise argparse.ArgumentTypeError(f"{text!r} is not a whole number below 2^63")
        return int(value)

    return read


def several(read: Callable[[str], int]) -> Callable[[str], list[int]]:
    """Return a reader of one number or more, separated by commas, as `read` reads each."""
    return lambda text: [read(part) for part in text.split(",")]


seed = whole(0, maximum=None)
seeds = several(seed)  # 0 or 0,1,2
widths = several(whole(1))  # of layers, and the like: 500 or 200,100


def place(text: str) -> str:
    """Read the name of a file or a folder. An empty one is a variable that was not set."""
    if not text:
        raise argparse.ArgumentTypeError("it is empty, expected a name")
    return text


def schedule(text: str) -> list[list[float]]:
    """Read from how many samples on the step size is times what, such as 1e6:0.5,5e6:0.1."""
    changes: list[list[float]] = []
    for part in text.split(","):
        samples, colon, factor = part.partition(":")
        if not colon:
            raise argparse.ArgumentTypeError(f"{part!r} is not SAMPLES:FACTOR, such as 1e6:0.5")
        changes.append([whole(1)(samples), positive(factor)])
    if any(first[0] >= second[0] for first, second in pairwise(changes)):
        raise argparse.ArgumentTypeError(f"{text!r} has samples that do not increase")
    return changes
