"""Call the reader's function, whatever it is: what goes wrong becomes words, never a traceback."""

import contextlib
import dis
import inspect
import io
import re
import sys
import traceback

import numpy as np

from exercises.diagnosis import is_unfilled


class Unfilled(Exception):
    """The function is as it came."""


class Complaint(Exception):
    """The function gave no result to compare; the message says why."""


def call(function, *arguments, **named):
    """Call a function that may be anybody's.

    Raises
    ------
    Unfilled
        It still contains the dots, or nothing at all.
    Complaint
        It raised an exception, or it returned nothing.
    """
    printed = io.StringIO()
    try:
        with contextlib.redirect_stdout(printed), np.errstate(all="ignore"):
            came = function(*arguments, **named)  # what overflows shows in the result
    except NotImplementedError:
        raise Unfilled from None
    except (Exception, SystemExit) as error:
        if _is_about_dots(error):
            raise Unfilled from None
        raise Complaint(_story(error)) from None
    finally:
        sys.stdout.write(printed.getvalue())
    if came is None:
        if _does_nothing(function):
            raise Unfilled
        if printed.getvalue():
            raise Complaint("  it prints something and returns nothing: return it, do not print it")
        raise Complaint("  it returns nothing (None): does its last line lack a return?")
    if is_unfilled(came) and not (isinstance(came, tuple) and not all(map(is_unfilled, came))):
        raise Unfilled
    return came


def call_by_name(function, arguments, order):
    """Call with ``arguments``, a dict; in this ``order`` if the reader has renamed them."""
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # some are written in C and do not say
        return call(function, **arguments)
    if _fits(signature, **arguments):
        return call(function, **arguments)
    values = [arguments[name] for name in order]
    if _fits(signature, *values):
        return call(function, *values)
    raise Complaint(f"  it takes the arguments {signature}, expected ({', '.join(order)})")


def _fits(signature, *arguments, **named):
    try:
        signature.bind(*arguments, **named)
    except TypeError:
        return False
    return True


def _does_nothing(function):
    """Whether its body is empty: a docstring, ``pass`` or ``return None``."""

    def empty(): ...

    return hasattr(function, "__code__") and _instructions(function) == _instructions(empty)


def _instructions(function):
    return [(step.opname, step.argval) for step in dis.get_instructions(function)]


def _is_about_dots(error):
    """Whether an object `...` was used as a number; einsum's "..." gives other errors."""
    if isinstance(error, AttributeError):
        return error.obj is ...
    return isinstance(error, TypeError) and bool(re.search(r"\bellipsis\b", str(error)))


def _story(error):
    """Tell where in the reader's code an exception arose, and which shapes were there."""
    lines = [f"  it raises {type(error).__name__}: {error}"]
    if isinstance(error, NameError) and not isinstance(error, UnboundLocalError):
        lines[0] += " (is an import missing?)"
    steps = [
        (frame, summary)
        for (frame, _), summary in zip(
            traceback.walk_tb(error.__traceback__),
            traceback.extract_tb(error.__traceback__),
            strict=True,
        )
        if frame.f_code.co_filename != __file__
    ]
    if steps:
        frame, summary = steps[0]
        if summary.line:
            lines.append(f"  in the line   {summary.line}")
        shapes = {
            name: value.shape
            for name, value in frame.f_locals.items()
            if isinstance(value, np.ndarray)
        }
        if shapes:
            lines.append(f"  with shapes   {', '.join(f'{k} {v}' for k, v in shapes.items())}")
    return "\n".join(lines)
