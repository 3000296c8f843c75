"""Compare what a function returned with what is right, part by part, over several problems."""

import copy
from dataclasses import dataclass, field

import numpy as np

from exercises.calling import Complaint, call
from exercises.diagnosis import Case, close, diagnose


@dataclass(frozen=True)
class Run:
    """One made-up problem: what the reader's function returned, and what is right.

    Attributes
    ----------
    came : object
    expected : list
        What the answer returns, and what other right functions do.
    arguments : dict
        What both were called with.
    sizes, terms : dict
        See `Case`.
    """

    came: object
    expected: list
    arguments: dict = field(default_factory=dict)
    sizes: dict = field(default_factory=dict)
    terms: dict = field(default_factory=dict)


def complaint(exercise, names, runs):
    """Return what is wrong with the parts of a result, called `names`, a line each, or None."""
    came = [_parts(run.came, names) for run in runs]
    candidates = [
        [_parts(run.expected[which], names) for run in runs]
        for which in range(len(runs[0].expected))
    ]
    wrong = [_wrong_runs(came, expected, exercise.rtol) for expected in candidates]
    if not all(map(any, wrong)):
        return None
    best = min(range(len(wrong)), key=lambda which: sum(map(len, wrong[which])))
    return _in_words(exercise, names, runs, came, candidates[best], wrong[best])


def _parts(value, names):
    """Return what was returned as a list of parts, one for each of `names`."""
    if len(names) == 1:
        return [value]
    stacked = isinstance(value, np.ndarray) and value.ndim
    if isinstance(value, tuple | list) or stacked:
        if len(value) == len(names):
            return list(value)
        count = f"{len(value)} values" if not stacked else f"one array of shape {value.shape}"
    else:
        count = "a dict" if isinstance(value, dict) else "one value"
    raise Complaint(f"  it returns {count}, expected {len(names)} values: {', '.join(names)}")


def _wrong_runs(came, expected, rtol):
    """For every part, the numbers of the runs in which it is wrong."""
    return [
        [k for k in range(len(came)) if not close(came[k][part], expected[k][part], rtol)]
        for part in range(len(expected[0]))
    ]


def _in_words(exercise, names, runs, came, expected, wrong):
    lines = []
    for part, name in enumerate(names):
        where = wrong[part]
        cases = [
            Case(came[k][part], expected[k][part], runs[k].sizes, runs[k].terms) for k in where
        ]
        words = diagnose(name, *cases, rtol=exercise.rtol)
        if words:
            values = [case.came for case in cases]
            known = _other_part(names, part, values, [expected[k] for k in where], exercise.rtol)
            known = known or _recognised(exercise, part, values, [runs[k] for k in where])
            words = f"{name}: {known}" if known else words
        lines.append(f"  {words or f'{name} is right'}")
    first = runs[min(min(part) for part in wrong if part)]
    shown = first.sizes if exercise.sizes else _numbers(first.arguments)
    if shown:
        lines.append(f"  (a problem with {', '.join(f'{k} = {v}' for k, v in shown.items())})")
    return "\n".join(lines)


def _numbers(arguments):
    """Arguments that are short enough to be shown."""
    shown = {k: v for k, v in arguments.items() if isinstance(v, int | tuple)}
    return shown | {k: f"{v:.4g}" for k, v in arguments.items() if isinstance(v, float)}


def _other_part(names, part, values, expected, rtol):
    """Say which other part of the result this is, or None."""
    for other, name in enumerate(names):
        if other != part and all(
            close(value, right[other], rtol) for value, right in zip(values, expected, strict=True)
        ):
            return f"that is {name}; the order is {', '.join(names)}"
    return None


def _recognised(exercise, part, values, runs):
    """Return what to say to somebody whose `part` is that of a known mistake, or None."""
    for words, mistake in exercise.mistakes.items():
        for value, run in zip(values, runs, strict=True):
            known = call(mistake, **copy.deepcopy(run.arguments))
            known = known[part] if len(exercise.returns) > 1 else known
            if not close(value, known, exercise.rtol):
                break
        else:
            return words
    return None
