"""Run the reader's function beside the answer, on made-up problems, and say how they differ."""

import copy
import importlib.util
import inspect
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache, partial
from itertools import cycle
from pathlib import Path

import numpy as np

from exercises.calling import Complaint, Unfilled, call, call_by_name
from exercises.comparing import Run, complaint
from exercises.diagnosis import NOT_FILLED_IN, is_unfilled

FOLDER = Path(__file__).parents[1]
_PROBLEMS = 5  # made-up problems that a function has to get right
_ATTEMPTS = 1000  # to find sizes that all differ
_NAMELESS = "which one?"
RIGHT, WRONG, UNKNOWN = "right", "not yet right", "not checked"


@dataclass(frozen=True)
class Exercise:
    """A cell for the reader to fill in, and how to judge it.

    Attributes
    ----------
    name : str
        Of the function (or number, or array) in the notebook, and of its answer.
    problem : callable or tuple of callables, optional
        ``problem(rng)`` returns the arguments of the function, as a dict. Let sizes differ from
        each other, so that what is transposed, or summed over the wrong axis, shows, and from
        problem to problem, so that no number can be written into the answer. Several take
        turns: one for each case that a wrong function may get right.
        None: the answer is a value, not a function.
    returns : tuple of str
        Names of what the function returns; more than one: it returns a tuple of these.
    sizes : callable, optional
        ``sizes(**arguments)`` returns numbers with a meaning, ``{"n": 5}``; see `diagnose`.
        Left out: arguments that are whole numbers, and the lengths of arrays.
    terms : callable, optional
        ``terms(**arguments)`` returns summands of a single result, by name; see `diagnose`.
    mistakes : dict of str to callable
        Typical wrong functions, by what to say to somebody who wrote that: tried before `diagnose`
        looks for something more general. What is said about a part that is right is ignored.
    also : tuple of callables
        Functions that return something else than the answer does, and are right as well.
    rtol : float
    judge : callable, optional
        For what cannot be compared with an answer, such as a sampler: ``judge(came)`` returns None
        if it is right, else what is wrong, in words. Replaces all of the above.
    minutes : int
        That it takes a student, by an estimate; its points follow from it.
    """

    name: str
    problem: Callable | tuple | None = None
    returns: tuple = ("the result",)
    sizes: Callable | None = None
    terms: Callable | None = None
    mistakes: dict = field(default_factory=dict)
    also: tuple = ()
    rtol: float = 1e-6
    judge: Callable | None = None
    minutes: int = 10

    @property
    def points(self):
        """One for every five minutes."""
        return max(1, round(self.minutes / 5))


@dataclass(frozen=True)
class Verdict:
    """What a checker says.

    `state` is "right", "not yet right", "not filled in yet", or "not checked": nobody can tell
    which exercise is meant.
    """

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


def checker(notebook, seed=0):
    """Return the function that a notebook checks its exercises with.

    Parameters
    ----------
    notebook : str
        Its name without the suffix.
    seed : int
        Of the made-up problems.

    Returns
    -------
    check : callable
        ``check(function)`` or ``check(value, name)`` returns a `Verdict`, and raises nothing. The
        name may be left out where a function, or a variable of the notebook, has it.
    """
    exercises = {exercise.name: exercise for exercise in load("exercises", notebook).EXERCISES}
    answers = load("answers", notebook)

    def check(came, name=None):
        name = name or _name_of(came, exercises, sys._getframe(1).f_globals)
        if name not in exercises:
            if is_unfilled(came):
                return Verdict(name or _NAMELESS, NOT_FILLED_IN)
            return Verdict(name or _NAMELESS, UNKNOWN, _ask_for_name(exercises))
        return judge(exercises[name], came, getattr(answers, name, None), seed)

    return check


def _name_of(came, exercises, variables):
    """Find out which exercise is meant: by the function's name, its variable's, its arguments'."""
    own = getattr(came, "__name__", None)
    if own in exercises:
        return own
    assigned = [name for name in exercises if name in variables and variables[name] is came]
    if len(assigned) == 1:
        return assigned[0]
    if isinstance(came, partial) and getattr(came.func, "__name__", None) in exercises:
        return came.func.__name__
    if own == "<lambda>":
        wanted = list(inspect.signature(came).parameters)
        alike = [name for name, e in exercises.items() if e.problem and _arguments_of(e) == wanted]
        if len(alike) == 1:
            return alike[0]
    return own if own != "<lambda>" else None


def _arguments_of(exercise):
    """Names of what the function is called with, in the order of the made-up problem."""
    return list(_problems(exercise)[0](np.random.default_rng(0)))


def _ask_for_name(exercises):
    return (
        "  which exercise is this? Say it by the name: check(..., "
        f"{next(iter(exercises))!r}), or another of {', '.join(exercises)}"
    )


def judge(exercise, came, answer, seed=0):
    """Return the `Verdict` on what came, given the right answer."""
    unfilled = Verdict(exercise.name, NOT_FILLED_IN)
    if is_unfilled(came):
        return unfilled
    try:
        if exercise.judge:
            words = exercise.judge(came)
        elif exercise.problem is None:
            words = complaint(exercise, (exercise.name,), [Run(came, [answer])])
        elif not callable(came):
            words = f"  it is of type {type(came).__name__}, expected a function"
        else:
            words = _on_problems(exercise, came, (answer, *exercise.also), seed)
    except Unfilled:
        return unfilled
    except Complaint as said:
        words = str(said)
    return Verdict(exercise.name, WRONG if words else RIGHT, words or "")


def _problems(exercise):
    return exercise.problem if isinstance(exercise.problem, tuple) else (exercise.problem,)


def made_up(exercise, seed=0):
    """Return the arguments of every problem, as dicts.

    The second has no size in common with the first, so that none can be written into an answer.
    """
    all_of_them = []
    for k, problem in zip(range(_PROBLEMS), cycle(_problems(exercise)), strict=False):
        for attempt in range(_ATTEMPTS):
            arguments = problem(np.random.default_rng([seed, k, attempt]))
            if k != 1 or _all_sizes_differ(all_of_them[0], arguments):
                break
        all_of_them.append(arguments)
    return all_of_them


def _all_sizes_differ(one, other):
    one, other = _whole_numbers(**one), _whole_numbers(**other)
    return all(one[name] != other[name] for name in one.keys() & other.keys())


def _on_problems(exercise, function, answers, seed):
    runs, changed = [], None
    for arguments in made_up(exercise, seed):
        own = copy.deepcopy(arguments)
        came = call_by_name(function, own, _order(answers[0], arguments))
        expected = [answer(**copy.deepcopy(arguments)) for answer in answers]
        sizes = (exercise.sizes or _whole_numbers)(**arguments)
        terms = exercise.terms(**arguments) if exercise.terms else {}
        runs.append(Run(_kept(came), expected, arguments, sizes, terms))
        changed = changed or _changed(arguments, own)
    words = complaint(exercise, exercise.returns, runs)
    if not changed:
        return words
    first = f"{words}\n  and" if words else "  the result is right, but"
    return f"{first} the argument {changed} was changed on the way: copy it"


def _kept(came):
    """Copy what was returned: a function may write its next result into the same array."""
    if isinstance(came, tuple | list):
        return type(came)([*map(_kept, came)]) if type(came) in (tuple, list) else came
    return came.copy() if isinstance(came, np.ndarray) else came


def _order(answer, arguments):
    """The order of the arguments, which is that of the answer's signature if it has one."""
    try:
        names = list(inspect.signature(answer).parameters)
    except (TypeError, ValueError):
        names = []
    return names if set(names) == set(arguments) else list(arguments)


def _whole_numbers(**arguments):
    """Numbers that a factor may come from, where an exercise names none."""
    sizes = {}
    for name, value in arguments.items():
        if isinstance(value, int | np.integer):
            sizes[name] = int(value)
        elif isinstance(value, np.ndarray) and value.ndim:
            lengths = dict(enumerate(value.shape))
            sizes |= {f"{name}.shape[{axis}]": length for axis, length in lengths.items()}
    return sizes


def _changed(before, after):
    """Name an argument that was changed for good; what comes back up to rounding has not been."""
    for name, value in before.items():
        if isinstance(value, np.ndarray) and (
            value.shape != np.shape(after[name]) or not np.allclose(value, after[name], rtol=1e-9)
        ):
            return name
    return None


__all__ = ["Exercise", "Verdict", "call", "checker", "judge", "load"]
