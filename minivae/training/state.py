"""The state of a training run: all that changes from step to step, and how it is kept in a file."""

from dataclasses import asdict, dataclass, field

import numpy as np

from minivae.data_stream import NOISE, stream
from minivae.params import Params
from minivae.training.checkpoint import read_archive, save_model, vae_settings
from minivae.training.history import History
from minivae.training.settings import first_params


@dataclass
class TrainingState:
    """What a checkpoint must hold so that a run can go on to the bit.

    Attributes
    ----------
    params : Params
    optimizer_state : dict of str to array
        Vectors shaped like ``params.vector``.
    rngs : list of numpy.random.Generator
        One per thread, for the noise.
    history : History
    step : int
        Steps taken.
    seconds : float
        Time they took.
    memory : dict of str to float
        What the estimator remembers from step to step.
    """

    params: Params
    optimizer_state: dict
    rngs: list
    history: History
    step: int = 0
    seconds: float = 0.0
    memory: dict = field(default_factory=dict)


def begin(vae, optimizer, params, settings):
    """Return the state before the first step.

    Parameters
    ----------
    vae : VAE
    optimizer : optimizer
    params : Params or None
        Where to start; None: at random.
    settings : dict
        With "seed", "threads" and "dtype".
    """
    params = first_params(vae, params, settings["seed"], settings["dtype"])
    rngs = [stream(settings["seed"], NOISE, k) for k in range(settings["threads"])]
    return TrainingState(params, optimizer.init(params.vector), rngs, History())


def save(path, vae, settings, state):
    """Write a checkpoint; `minivae.load_model` can read the model in it.

    Raises
    ------
    OSError
        If it cannot be written; an earlier one is untouched.
    """
    training = {
        "settings": settings,
        "step": state.step,
        "seconds": state.seconds,
        "history": asdict(state.history),
        "memory": state.memory,
        "rngs": [rng.bit_generator.state for rng in state.rngs],
    }
    save_model(path, vae, state.params, {"training": training}, state.optimizer_state)


def restore(path, vae, settings):
    """Read a checkpoint of a run with the same settings.

    Parameters
    ----------
    path : path
    vae : VAE
    settings : dict
        What the run is asked to be. Its "threads" may be None, and is set to what they were.

    Raises
    ------
    ValueError
        If the checkpoint's model or settings are not those given.
    """
    meta, arrays = read_archive(path)
    if "training" not in meta:
        raise ValueError(f"checkpoint: {path} holds a model but no training to resume")
    saved = meta["training"]
    settings["threads"] = settings["threads"] or saved["settings"]["threads"]
    given = {**vae_settings(vae), **settings}
    for name, before in {**meta["vae"], **saved["settings"]}.items():
        if given.get(name) != before:
            raise ValueError(f"{name} is {given.get(name)}, but {path} was trained with {before}")
    rngs = []
    for rng_state in saved["rngs"]:
        rngs.append(np.random.default_rng())
        rngs[-1].bit_generator.state = rng_state
    return TrainingState(
        params=Params(vae.param_shapes, arrays.pop("params")),
        optimizer_state=arrays,
        rngs=rngs,
        history=History(**saved["history"]),
        step=saved["step"],
        seconds=saved["seconds"],
        memory=saved.get("memory", {}),
    )
