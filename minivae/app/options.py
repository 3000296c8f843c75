"""The settings of a run: their defaults, and the data that they speak of."""

from pathlib import Path
from typing import Any

from minivae import datasets
from minivae.app import runs

DEFAULTS: dict[str, Any] = {
    "data": "mnist",
    "data_path": None,
    "binarize": None,
    "latent": 20,
    "hidden": [500],
    "activation": "tanh",
    "likelihood": None,  # by data
    "sigma": None,
    "batch_size": 100,
    "noise_samples": 1,
    "optimizer": "adagrad",
    "step_size": None,  # adagrad: by a short trial; others: their default
    "no_weight_prior": False,
    "samples": 3_000_000,
    "seed": 0,
    "threads": None,
    "dtype": "float32",
    "evaluate_every": 100_000,
}


def open_run(folder: str | Path) -> runs.Run:
    """Open an existing run folder; see `minivae.app.runs.open_run`."""
    run = runs.open_run(folder, set(DEFAULTS) - {"binarize"})
    run.settings.setdefault("binarize", None)  # a setting that older runs do not have
    return run


def load_data(settings: dict[str, Any], fixed: bool = False) -> datasets.Dataset:
    """Return the data of a run, for training, or the same but for `fixed` pixels in any case."""
    binarize = settings["binarize"]
    if fixed and binarize is not None:
        binarize = "static"  # the test set is the same
    counts = settings["likelihood"] == "poisson"
    return datasets.load(settings["data"], settings["data_path"], binarize, counts=counts)
