"""The state of a training run: all that changes from step to step, and how it is kept in a file."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from minivae.params import Params
from minivae.training.checkpoint import read_archive, save_model
from minivae.training.descriptions import alike, describe_value, rebuild
from minivae.training.history import History
from minivae.training.models import describe

if TYPE_CHECKING:
    from minivae.training.loop import Method

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


def restore(path: str | Path, method: Method) -> TrainingState:
    """Read a checkpoint of a run with the same settings.

    Parameters
    ----------
    path : path
    method : Method
        Its `threads` may be None, and become what they were.

    Raises
    ------
    ValueError
        If the checkpoint's model or settings are not those given, or it lacks something.
    """
    meta, arrays = read_archive(path)
    if "training" not in meta:
        raise ValueError(f"checkpoint: {path} holds a model but no training to resume")
    saved = meta["training"]
    method.threads = method.threads or saved["settings"].get("threads")
    given = {**describe(method.vae), **method.described()}
    for name, before in {**meta["vae"], **saved["settings"]}.items():
        if not alike(given.get(name), before):
            raise ValueError(f"{name} is {given.get(name)}, but {path} was trained with {before}")
    state = method.begin()
    params = arrays.pop("params")
    _fill(path, {"params": state.params.vector}, {"params": arrays.pop(_OWN + "params", params)})
    own = {
        name.removeprefix(_OWN): arrays.pop(name) for name in list(arrays) if name.startswith(_OWN)
    }
    _fill(path, state.optimizer_state, arrays)
    _fill(path, state.arrays, own)
    state.rngs = []
    for rng_state in saved["rngs"]:
        state.rngs.append(np.random.default_rng())
        state.rngs[-1].bit_generator.state = rng_state
    state.history = History(columns=method.columns, **saved["history"])
    state.step, state.seconds = saved["step"], saved["seconds"]
    state.numbers = {
        name: rebuild(path, value, {}) for name, value in saved.get("memory", {}).items()
    }
    return state


def remembered(numbers: dict[str, Any]) -> dict[str, Any]:
    """Return `TrainingState.numbers` as JSON can hold them.

    Raises
    ------
    ValueError
        If it cannot.
    """
    return {name: describe_value(f"state[{name!r}]", value) for name, value in numbers.items()}


def _fill(path: str | Path, fresh: dict[str, np.ndarray], arrays: dict[str, np.ndarray]) -> None:
    """Copy the arrays of a file into those that a run begins with, where they are alike."""
    for name in {**fresh, **arrays}:
        ours, theirs = _shown(fresh.get(name)), _shown(arrays.get(name))
        if theirs != ours:
            raise ValueError(f"checkpoint: {path} has {theirs} for {name}, expected {ours}")
        fresh[name][...] = arrays[name]


def _shown(array: np.ndarray | None) -> str:
    return "nothing" if array is None else f"{array.dtype} of shape {array.shape}"
