"""What a training run is given: its data, its start, and the settings that decide its course."""

import zlib
from dataclasses import dataclass, fields, is_dataclass
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import INIT, SUBSET, stream
from minivae.estimators import SGVBB
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.protocols import Estimator, Optimizer, members
from minivae.training.descriptions import describe_settings, describe_value
from minivae.vae import VAE
from minivae.validation import check_count, check_dtype, check_has, check_seed, check_switch

_EVALUATED = 5_000  # training datapoints, at most


def training_set(vae: VAE, data: Any) -> np.ndarray:
    """Return the part of `data` to train on, checked.

    Parameters
    ----------
    vae : VAE
    data : Dataset or (N, n_features) array
        A training set alone, if it is an array.

    Raises
    ------
    ValueError
        If it does not fit the model, or that is none.
    """
    if not isinstance(vae, VAE):
        raise ValueError(f"vae is {vae!r}, expected a VAE")
    if has_parts(data):
        return vae.check_data("data.train", data.train)
    return vae.check_data("data", data)


def training_and_test(vae: VAE, data: Any) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the two parts of `data`, checked as by `training_set`; the test set may be None."""
    train = training_set(vae, data)
    test = getattr(data, "test", None) if has_parts(data) else None
    return train, None if test is None else vae.check_data("data.test", test)


def has_parts(data: Any) -> bool:
    """Return whether `data` is a Dataset, or like one; a table with a column "train" is not."""
    return hasattr(data, "train") and not hasattr(data, "__array__")


def checksum(x: np.ndarray) -> int:
    """Return a number that changes with the data, so that a run is not resumed on others."""
    return zlib.crc32(x.data)


def training_subset(train: np.ndarray, test: np.ndarray | None, seed: int) -> np.ndarray:
    """Return the training datapoints of evaluations, drawn at random: as many as test datapoints.

    All of them, if there are not so many, and 5,000 at most: the time that more would take is
    better spent on training.
    """
    n = _EVALUATED if test is None else min(len(test), _EVALUATED)
    return train[np.sort(stream(seed, SUBSET).permutation(len(train))[:n])]


def first_params(model: Any, params: Params | None, seed: int, dtype: DTypeLike) -> Params:
    """Return where training starts: a copy of `params`, or if None, a random draw.

    Raises
    ------
    ValueError
        If `params` is not laid out for the model.
    """
    if params is None:
        return model.init_params(stream(seed, INIT), dtype)
    model.check_params(params)
    return params.astype(dtype)


_TAKEN = ("params", "meta", "checksum", "file", "allow_pickle")  # in files, or by `numpy.savez`


def optimizer_state(optimizer: Optimizer, theta: np.ndarray) -> dict[str, np.ndarray]:
    """Return what the optimizer remembers before the first step.

    Raises
    ------
    ValueError
        If it is not a dict of vectors like `theta`, each with memory of its own.
    """
    state = optimizer.init(theta)
    if not isinstance(state, dict):
        raise ValueError(f"optimizer.init returned {state!r}, expected a dict of vectors, or {{}}")
    in_use = [theta]
    for name, vector in state.items():
        if not isinstance(name, str) or name in _TAKEN or name.startswith("state."):
            raise ValueError(
                f"optimizer.init returned a vector called {name!r}, expected another name: "
                f"'state.' and {', '.join(_TAKEN)} have a meaning in checkpoints"
            )
        wrong = _unlike(vector, theta, in_use)
        if wrong:
            raise ValueError(
                f"optimizer.init returned {wrong} for {name!r}, expected a new vector of shape "
                f"{theta.shape}, like theta"
            )
        in_use.append(vector)
    return state


def _unlike(vector: Any, theta: np.ndarray, in_use: list[np.ndarray]) -> str:
    """What is wrong with a vector of an optimizer's, in words, or "" if nothing is."""
    if not isinstance(vector, np.ndarray):
        return repr(vector)
    if vector.shape != theta.shape or vector.dtype.kind not in "biuf":
        return f"{vector.dtype} of shape {vector.shape}"
    if not vector.flags.writeable:
        return "an array that is read-only"
    if any(np.may_share_memory(vector, other) for other in in_use):
        return "memory that is in use already"
    return ""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What decides the course of a run, whatever the method; see `minivae.fit` for the meanings.

    Raises
    ------
    ValueError
        If one of them cannot be.
    """

    optimizer: Optimizer
    batch_size: int
    seed: int
    evaluate_every: Any
    dtype: Any

    def __post_init__(self) -> None:
        check_has("optimizer", self.optimizer, members(Optimizer))
        self._set("batch_size", check_count("batch_size", self.batch_size))
        self._set("seed", check_seed("seed", self.seed))
        self._set("evaluate_every", _check_schedule(self.evaluate_every))
        self._set("dtype", check_dtype(self.dtype))

    def _set(self, name: str, value: Any) -> None:
        object.__setattr__(self, name, value)  # of a frozen object, while it is being made

    def described(self) -> dict[str, Any]:
        """Return the settings as a dict that JSON can hold.

        Raises
        ------
        ValueError
            If a setting of the optimizer's or of another object's cannot be held.
        """
        names = [field.name for field in fields(self)]
        return {name: _described(name, getattr(self, name)) for name in names}


@dataclass(frozen=True, kw_only=True)
class AEVBSettings(Settings):
    """The settings of algorithm 1."""

    optimizer: Optimizer = Adagrad()  # noqa: RUF009  (it is frozen)
    estimator: Estimator = SGVBB()  # noqa: RUF009
    batch_size: int = 100
    noise_samples: int = 1
    weight_prior: bool = True
    alternate: bool = False
    binarize: bool = False
    seed: int = 0
    evaluate_every: Any = 100_000
    dtype: Any = np.float32

    def __post_init__(self) -> None:
        super().__post_init__()
        check_has("estimator", self.estimator, members(Estimator))
        self._set("noise_samples", check_count("noise_samples", self.noise_samples))
        for name in ("weight_prior", "alternate", "binarize"):
            self._set(name, check_switch(name, getattr(self, name)))


def _described(name: str, value: Any) -> Any:
    """Return a setting as JSON can hold it; an object as its name and its own settings."""
    if isinstance(value, np.dtype):
        return value.name
    if (is_dataclass(value) or hasattr(value, "name")) and not isinstance(value, type):
        own = getattr(value, "name", type(value).__name__)
        return {"name": own, **describe_settings(name, value)}
    return describe_value(name, value)


def _check_schedule(evaluate_every: Any) -> int | list[int] | None:
    """Return when to evaluate: an interval, ascending numbers of samples, or None."""
    if evaluate_every is None:
        return None
    if np.ndim(evaluate_every) == 0:
        return check_count("evaluate_every", evaluate_every)
    return sorted({check_count("evaluate_every", samples) for samples in evaluate_every})
