"""The state of a training run: all that changes from step to step, and how it is kept in a file."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minivae.params import Params
from minivae.training.checkpoint import read_archive, save_model
from minivae.training.descriptions import alike, describe_value, rebuild
from minivae.training.history import History
from minivae.training.models import describe
from minivae.training.reading import UnreadableModel, reading
from minivae.validation import check_count, check_finite

if TYPE_CHECKING:
    from minivae.training.loop import Method

_NUMBERS = int | float | np.generic | np.ndarray
_OWN = "state."  # what a method's own arrays are called in the file, after this


@dataclass
class TrainingState:
    """What a checkpoint must hold so that a run can go on to the bit.

    Attributes
    ----------
    params : Params
        What is trained.
    optimizer_state : dict of str to array
        Vectors, as the optimizer's `init` has made them.
    rngs : list of numpy.random.Generator
        For the noise: one per thread, or one per purpose.
    history : History
    step : int
        Steps taken.
    seconds : float
        Time they took.
    numbers : dict of str to float or array
        Of the method or the estimator, such as a running mean.
    arrays : dict of str to array
        Of the method, such as the places of Markov chains.
    """

    params: Params
    optimizer_state: dict[str, np.ndarray]
    rngs: list[np.random.Generator]
    history: History
    step: int = 0
    seconds: float = 0.0
    numbers: dict[str, Any] = field(default_factory=dict)
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


def save(path: str | Path, method: Method, state: TrainingState) -> None:
    """Write a checkpoint; `minivae.load_model` can read the model in it.

    Raises
    ------
    OSError
        If it cannot be written; an earlier one is untouched.
    """
    training = {
        "settings": method.described(),
        "step": state.step,
        "seconds": state.seconds,
        "history": state.history.as_dict(),
        "memory": remembered(state.numbers),
        "rngs": [rng.bit_generator.state for rng in state.rngs],
    }
    model_params = method.model_params(state.params)
    own = dict(state.arrays)
    if model_params is not state.params:
        own["params"] = state.params.vector
    arrays = {**state.optimizer_state, **{_OWN + name: array for name, array in own.items()}}
    save_model(path, method.vae, model_params, {"training": training}, arrays)


def remembered(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return `TrainingState.numbers` as JSON can hold them.

    Raises
    ------
    ValueError
        If it cannot, or could not be read again: names are text, values numbers and arrays.
    """
    for name, value in numbers.items():
        if not isinstance(name, str):
            raise ValueError(f"state has the name {name!r}, expected text")
        if not isinstance(value, _NUMBERS):
            raise ValueError(f"state[{name!r}] is {value!r}, expected a number or an array")
    return {name: describe_value(f"state[{name!r}]", value) for name, value in numbers.items()}


def read_training(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return ``(meta, arrays)`` of a checkpoint, whose ``meta["training"]`` is good in itself.

    Raises
    ------
    FileNotFoundError, UnreadableModel
        As by `read_archive`; the latter also if it holds a model but no training.
    """
    meta, arrays = read_archive(path)
    if "training" not in meta:
        raise UnreadableModel(f"checkpoint: {path} holds a model but no training to resume")
    with reading(path):
        training = meta["training"]
        training["step"] = check_count("step", training["step"], minimum=0)
        check_count("batch_size", training["settings"]["batch_size"])
        history = History(columns=tuple(training["history"]), **training["history"])
        _check_numbers(training["seconds"], *itertools.chain(*history.rows()))
        if not 0 <= training["seconds"] < np.inf:
            raise ValueError(f"seconds is {training['seconds']}, expected a number of at least 0")
    return meta, arrays


def restore(path: str | Path, method: Method) -> TrainingState:
    """Read a checkpoint of a run with the same settings.

    Parameters
    ----------
    path : path
    method : Method
        Its `threads` may be None, and become what they were.

    Raises
    ------
    FileNotFoundError, UnreadableModel
        As by `read_training`; the latter also if the checkpoint lacks something.
    ValueError
        If its model or settings are not those given.
    """
    meta, arrays = read_training(path)
    training = meta["training"]
    with reading(path):
        if method.threads is None:
            threads = check_count("threads", training["settings"]["threads"])
            method.threads = min(threads, method.settings.batch_size)
        given = {**describe(method.vae), **method.described()}
        saved = {**meta["vae"], **training["settings"]}
    check_same(path, saved, given)
    state = method.begin()
    with reading(path):
        _fill(state, training, arrays)
    return state


def check_same(path: str | Path, saved: dict[str, Any], given: dict[str, Any]) -> None:
    """Raise ValueError unless all that a checkpoint says of its model and its run is given, too."""
    for name, before in saved.items():
        if alike(given.get(name), before):
            continue
        if name in ("data", "test_data", "words"):
            raise ValueError(f"{name}: the data have changed since {path} was trained on them")
        raise ValueError(f"{name} is {given.get(name)}, but {path} was trained with {before}")


def _fill(state: TrainingState, training: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Put what a checkpoint holds into a state as a run begins with, where the two are alike."""
    params = arrays.pop("params")
    own = {
        name.removeprefix(_OWN): arrays.pop(name) for name in list(arrays) if name.startswith(_OWN)
    }
    _copy({"params": own.pop("params", params)}, {"params": state.params.vector})
    check_finite("params", state.params.vector)
    _copy(arrays, state.optimizer_state)
    _copy(own, state.arrays)
    if len(training["rngs"]) != len(state.rngs):
        raise ValueError(f"rngs are {len(training['rngs'])}, expected {len(state.rngs)}")
    for rng, rng_state in zip(state.rngs, training["rngs"], strict=True):
        rng.bit_generator.state = rng_state
    state.history = History(columns=state.history.columns, **training["history"])
    state.step, state.seconds = training["step"], training["seconds"]
    held = training.get("memory", {})
    numbers = {name: rebuild("it", value, {}) for name, value in held.items()}
    _check_numbers(*numbers.values(), *map(numbers.get, state.numbers))
    state.numbers = numbers


def _copy(theirs: dict[str, np.ndarray], ours: dict[str, np.ndarray]) -> None:
    """Copy arrays into those of the same names, which a run has made."""
    for name in {**ours, **theirs}:
        came, expected = _shown(theirs.get(name)), _shown(ours.get(name))
        if came != expected:
            raise ValueError(f"it has {came} for {name}, expected {expected}")
        if np.isnan(theirs[name]).any():  # a sum of squares may have overflowed to infinity
            raise ValueError(f"{name} has values that are NaN")
        ours[name][...] = theirs[name]


def _check_numbers(*values: Any) -> None:
    for value in values:
        if not isinstance(value, _NUMBERS):
            raise ValueError(f"it has {value!r}, expected a number")
        np.asarray(value, np.float64)  # or OverflowError


def _shown(array: np.ndarray | None) -> str:
    return "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
