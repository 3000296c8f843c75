"""Run the reader's function beside the answer, on made-up problems, and say how they differ."""

import copy
import importlib.util
import traceback
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from itertools import cycle
from pathlib import Path

import numpy as np

from exercises.diagnosis import NOT_FILLED_IN, close, diagnose, is_unfilled

FOLDER = Path(__file__).parents[1]
_PROBLEMS = 5  # made-up problems that a function has to get right


@dataclass(frozen=True)
class Exercise:
    """A cell for the reader to fill in, and how to judge it.

    Attributes
    ----------
    name : str
        Of the function (or number, or array) in the notebook, and of its answer.
    problem : callable or tuple of callables, optional
        ``problem(rng)`` returns the arguments of the function, as a dict. Let sizes differ from
        each other, so that what is transposed, or summed over the wrong axis, shows. Several take
        turns: one for each case that a wrong function may get right.
        None: the answer is a value, not a function.
    returns : tuple of str
        Names of what the function returns; more than one: it returns a tuple of these.
    sizes : callable, optional
        ``sizes(**arguments)`` returns numbers with a meaning, ``{"n": 5}``; see `diagnose`.
    terms : callable, optional
        ``terms(**arguments)`` returns summands of a single result, by name; see `diagnose`.
    mistakes : dict of str to callable
        Typical wrong functions, by what to say to somebody who wrote that: tried before `diagnose`
        looks for something more general. What is said about a part that is right is ignored.
    rtol : float
    judge : callable, optional
        For what cannot be compared with an answer, such as a sampler: ``judge(came)`` returns None
        if it is right, else what is wrong, in words. Replaces all of the above.
    """

    name: str
    problem: Callable | tuple | None = None
    returns: tuple = ("the result",)
    sizes: Callable | None = None
    terms: Callable | None = None
    mistakes: dict = field(default_factory=dict)
    rtol: float = 1e-6
    judge: Callable | None = None


@dataclass(frozen=True)
class Verdict:
    """What a checker says: `state` is "right", "wrong" or "not filled in yet"."""

    name: str
    state: str
    words: str = ""

    def __repr__(self):
        return f"{self.name}: {self.state}" + (f"\n{self.words}" if self.words else "")


@cache
def load(kind, notebook):
    """Import ``tutorials/<kind>/<notebook>.py``, whose name begins with a digit."""
    path = FOLDER / kind / f"{notebook}.py"
    spec = importlib.util.spec_from_file_location(f"{kind}_{notebook}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def checker(notebook):
    """Return the function that a notebook checks its exercises with.

    Parameters
    ----------
    notebook : str
        Its name without the suffix.

    Returns
    -------
    check : callable
        ``check(function)`` or ``check(value, name)`` returns a `Verdict`.
    """
    exercises = {exercise.name: exercise for exercise in load("exercises", notebook).EXERCISES}
    answers = load("answers", notebook)

    def check(came, name=None):
        name = name or getattr(came, "__name__", None)
        if name not in exercises:
            raise ValueError(f"name is {name!r}, expected one of {', '.join(exercises)}")
        return judge(exercises[name], came, getattr(answers, name, None))

    return check


def judge(exercise, came, answer):
    """Return the `Verdict` on what came, given the right answer."""
    unfilled = Verdict(exercise.name, NOT_FILLED_IN)
    if is_unfilled(came):
        return unfilled
    try:
        if exercise.judge:
            words = exercise.judge(came)
        elif exercise.problem is None:
            words = _compare(exercise, came, answer, {})
        elif not callable(came):
            words = f"  it is of type {type(came).__name__}, expected a function"
        else:
            words = _first_complaint(exercise, came, answer)
    except _Unfilled:
        return unfilled
    except _Crash as crash:
        words = str(crash)
    return Verdict(exercise.name, "not yet right" if words else "right", words or "")


class _Unfilled(Exception):
    """The function is as it came."""


class _Crash(Exception):
    """The function raised an exception; the message says where, and what shapes it met."""


def _first_complaint(exercise, function, answer):
    kinds = exercise.problem if isinstance(exercise.problem, tuple) else (exercise.problem,)
    for seed, problem in zip(range(_PROBLEMS), cycle(kinds), strict=False):
        arguments = problem(np.random.default_rng(seed))
        expected = answer(**copy.deepcopy(arguments))
        own = copy.deepcopy(arguments)
        came = call(function, **own)
        words = _compare(exercise, came, expected, arguments) or _changed(arguments, own)
        if words:
            return words
    return None


def call(function, *arguments, **named):
    """Call the reader's function; what it raises becomes words."""
    try:
        with np.errstate(all="ignore"):  # what overflows shows in the result
            came = function(*arguments, **named)
    except NotImplementedError:
        raise _Unfilled from None
    except Exception as error:
        if "ellipsis" in str(error).lower() or _is_ellipsis_attribute(error):
            raise _Unfilled from None
        raise _Crash(_story(error)) from None
    if is_unfilled(came) and not (isinstance(came, tuple) and not all(map(is_unfilled, came))):
        raise _Unfilled
    return came


def _is_ellipsis_attribute(error):
    return isinstance(error, AttributeError) and error.obj is ...


def _story(error):
    """Tell where in the reader's code an exception arose, and which shapes were there."""
    lines = [f"  it raises {type(error).__name__}: {error}"]
    frames = list(traceback.walk_tb(error.__traceback__))[1:]  # the first is `call`
    if frames:
        frame, _ = frames[0]
        summary = traceback.extract_tb(error.__traceback__)[1]
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


def _compare(exercise, came, expected, arguments):
    """Return what is wrong with the parts of a result, a line each, or None."""
    names = exercise.returns if exercise.problem else (exercise.name,)
    wrong = {words: call(f, **copy.deepcopy(arguments)) for words, f in exercise.mistakes.items()}
    if len(names) == 1:
        came, expected = (came,), (expected,)
        wrong = {words: (value,) for words, value in wrong.items()}
    if not isinstance(came, tuple | list) or len(came) != len(names):
        count = f"{len(came)} values" if isinstance(came, tuple | list) else "one value"
        return f"  it returns {count}, expected {len(names)}: {', '.join(names)}"
    sizes = exercise.sizes(**arguments) if exercise.sizes else {}
    terms = exercise.terms(**arguments) if exercise.terms else {}
    lines, fine = [], True
    for k, name in enumerate(names):
        words = diagnose(name, came[k], expected[k], rtol=exercise.rtol, sizes=sizes, terms=terms)
        if words:
            fine = False
            known = _recognised(came[k], k, wrong, exercise.rtol)
            words = f"{name}: {known}" if known else words
        lines.append(f"  {words or f'{name} is right'}")
    if fine:
        return None
    if sizes:
        lines.append(f"  (a problem with {', '.join(f'{k} = {v}' for k, v in sizes.items())})")
    return "\n".join(lines)


def _recognised(came, k, wrong, rtol):
    """Return what to say to somebody whose part `k` is that of a known mistake, or None."""
    if is_unfilled(came):
        return None
    for words, values in wrong.items():
        if np.shape(came) == np.shape(values[k]) and close(came, values[k], rtol):
            return words
    return None


def _changed(before, after):
    for name, value in before.items():
        if isinstance(value, np.ndarray) and not np.array_equal(value, after[name]):
            return f"  the result is right, but the argument {name} was changed on the way: copy it"
    return None
