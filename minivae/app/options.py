"""The settings of a run: their defaults, and the data that they speak of."""

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from types import UnionType
from typing import Any

from minivae import datasets
from minivae.app import runs
from minivae.binarization import BINARIZATIONS
from minivae.validation import check_count, check_positive, check_seed

DEFAULTS: dict[str, Any] = {
    "data": "mnist",
    "data_path": None,
    "binarize": None,
    "network": "mlp",
    "latent": 20,
    "channels": None,
    "hidden": [500],
    "activation": "tanh",
    "start": "normal",
    "likelihood": None,  # by data
    "sigma": None,
    "batch_size": 100,
    "noise_samples": 1,
    "optimizer": "adagrad",
    "step_size": None,  # adagrad: by a short trial; others: their default
    "schedule": None,
    "no_weight_prior": False,
    "samples": 3_000_000,
    "seed": 0,
    "threads": None,
    "dtype": "float32",
    "evaluate_every": 100_000,
}

NETWORKS: dict[str, dict[str, Any]] = {
    "mlp": {},
    "conv": {"channels": [16, 32], "hidden": [128], "activation": "relu", "start": "glorot"},
}
"""The defaults that are others for these networks; those of `minivae.layers.convnet`."""

# Settings that older runs do not have.
_NEWER = ("binarize", "network", "channels", "start", "schedule")


def open_run(folder: str | Path) -> runs.Run:
    """Open an existing run folder; see `minivae.app.runs.open_run`."""
    settings = runs.open_run(folder, ()).settings
    if settings.get("kind") == "sentences":
        raise ValueError(f"run: {folder} holds a model of sentences (minivae sentences)")
    if "method" in settings:
        raise ValueError(f"run: {folder} holds a curve of minivae reproduce, and no run")
    run = runs.open_run(folder, set(DEFAULTS) - set(_NEWER))
    for name in _NEWER:
        run.settings.setdefault(name, DEFAULTS[name])
    try:
        for name, value in run.settings.items():
            if name in _CHECKS and not (value is None and DEFAULTS.get(name) is None):
                _CHECKS[name](name, value)
    except ValueError as error:
        raise ValueError(f"run: {run.settings_path} is damaged ({error})") from error
    return run


def check_kind(kind: type | UnionType, called: str) -> Callable[[str, Any], None]:
    """Return a check of a setting: it raises ValueError for a value of another type."""

    def check(name: str, value: Any) -> None:
        if not isinstance(value, kind):
            raise ValueError(f"{name} is {value!r}, expected {called}")

    return check


def _check_widths(name: str, value: Any) -> None:
    check_kind(list, "a list")(name, value)
    for width in value:
        check_count(name, width)


def _check_binarize(name: str, value: Any) -> None:
    if value not in BINARIZATIONS:
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(BINARIZATIONS)}")


def _check_network(name: str, value: Any) -> None:
    if value not in tuple(NETWORKS):
        raise ValueError(f"{name} is {value!r}, expected one of {', '.join(NETWORKS)}")


def _check_image_shape(name: str, value: Any) -> None:
    _check_widths(name, value)
    if len(value) != 2:
        raise ValueError(f"{name} is {value!r}, expected height and width")


def _check_schedule(name: str, value: Any) -> None:
    check_kind(list, "a list")(name, value)
    for change in value:
        if not isinstance(change, list) or len(change) != 2:
            raise ValueError(f"{name} has {change!r}, expected samples and a factor")
        check_count(name, change[0])
        check_positive(name, change[1])
    if any(first[0] >= second[0] for first, second in pairwise(value)):
        raise ValueError(f"{name} is {value!r}, expected samples that increase")


_check_text = check_kind(str, "text")

# What a settings.json that was edited by hand may hold; null, too, where that is the default.
_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "data": _check_text,
    "data_path": _check_text,
    "binarize": _check_binarize,
    "network": _check_network,
    "latent": check_count,
    "channels": _check_widths,
    "hidden": _check_widths,
    "activation": _check_text,
    "start": _check_text,
    "likelihood": _check_text,
    "sigma": check_positive,
    "batch_size": check_count,
    "noise_samples": check_count,
    "optimizer": _check_text,
    "step_size": check_positive,
    "schedule": _check_schedule,
    "no_weight_prior": check_kind(bool, "true or false"),
    "samples": check_count,
    "seed": check_seed,
    "threads": check_count,
    "dtype": _check_text,
    "evaluate_every": check_count,
    "image_shape": _check_image_shape,
}


def load_data(settings: dict[str, Any]) -> datasets.Dataset:
    """Return the data of a run, as it is trained."""
    counts = settings["likelihood"] == "poisson"
    return datasets.load(
        settings["data"], settings["data_path"], settings["binarize"], counts=counts
    )
