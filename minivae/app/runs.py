"""A run folder: the settings, the model, the history and the pictures of one training run.

settings.json         what was asked for, written first
model.npz             the checkpoint: model, optimizer, random state, history
history.csv           the learning curve
learning_curve.png    pictures, made at the end
samples.png
reconstructions.png
manifold.png, latent_space.png      with two latents
"""

import argparse
import contextlib
import shlex
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minivae.datasets import Dataset
from minivae.training.checkpoint import atomic_write, read_archive
from minivae.training.history import History
from minivae.training.models import describe
from minivae.training.reading import reading
from minivae.training.run_folder import RunFolder
from minivae.training.settings import Settings, checksum
from minivae.training.state import check_same, read_training
from minivae.vae import VAE


class Run(RunFolder):
    """A run folder with the settings in it."""

    def __init__(self, path: str | Path, settings: dict[str, Any]) -> None:
        super().__init__(path)
        self.settings = settings

    def history(self) -> History:
        """Return the `History` in the checkpoint."""
        meta, _ = read_training(self.model_path)
        return History(**meta["training"]["history"])

    def check_same(self, vae: VAE, settings: Settings) -> None:
        """Raise ValueError unless model and settings are those of the checkpoint."""
        meta, _ = read_training(self.model_path)
        given = {**describe(vae), **settings.described()}
        with reading(self.model_path):
            saved = {**meta["vae"], **meta["training"]["settings"]}
        check_same(self.model_path, {name: saved[name] for name in given if name in saved}, given)

    def was_trained_on(self, vae: VAE, data: Dataset) -> bool:
        """Return whether the checkpoint's model was trained on these data."""
        parts = {"data": data.train, "test_data": data.test}
        return self.saw(**{name: vae.check_data(name, x) for name, x in parts.items()})

    def saw(self, **parts: np.ndarray) -> bool:
        """Return whether these are the parts of the data ("data", "test_data") of its training."""
        now = {name: checksum(x) for name, x in parts.items()}
        with reading(self.model_path):
            then = read_archive(self.model_path)[0].get("training", {}).get("settings", {})
            return all(then.get(name, was) == was for name, was in now.items())

    def save_history(self, history: History) -> None:
        """Write history.csv."""
        with atomic_write(self.path / "history.csv", "w", newline="") as file:
            history.write_csv(file)


@contextlib.contextmanager
def new_run(folder: str | Path, settings: dict[str, Any]) -> Iterator[Run]:
    """Make a run folder, unless it is there, write its settings, and lock it until the block ends.

    Raises
    ------
    ValueError
        If there is a run in it already, or another process is making one.
    OSError
        If it cannot be made or written.
    """
    run = Run(folder, settings)
    run.path.mkdir(parents=True, exist_ok=True)
    with run.locked():
        if run.settings_path.exists() or run.model_path.exists():
            raise ValueError(
                f"out: {folder} already holds a run; go on with it by --resume "
                f"{shlex.quote(str(folder))}, or choose another folder"
            )
        run.save_settings(settings)
        yield run


def open_run(folder: str | Path, names: Iterable[str]) -> Run:
    """Open an existing run folder, whose settings have these names.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If it is not a run folder, or its settings are damaged.
    """
    run = RunFolder(folder)
    if not run.path.is_dir():
        raise FileNotFoundError(f"run: there is no folder {folder}")
    if not run.settings_path.exists():
        raise ValueError(f"run: {folder} is not a run folder, it has no {run.settings_path.name}")
    try:
        settings = run.read_settings()
    except ValueError as error:
        raise ValueError(f"run: {error}") from error
    if not set(names) <= set(settings):
        raise ValueError(f"run: {run.settings_path} is damaged (settings are missing)")
    return Run(folder, settings)


def resumed_run(
    open_folder: Callable[[str], Run],
    requested: dict[str, Any],
    arguments: argparse.Namespace,
    stack: contextlib.ExitStack,
) -> Run:
    """Open the run to go on with, locked until `stack` ends, with as many samples as asked for.

    Parameters
    ----------
    open_folder : callable
        Opens a run folder.
    requested : dict
        The settings that were asked for now.
    arguments : argparse.Namespace
        Its `resume` is the folder, its `out` has to be None.
    stack : contextlib.ExitStack

    Raises
    ------
    ValueError
        If settings were asked for that the run has already, or fewer samples than it has seen.
    """
    fixed = sorted(set(requested) - {"samples"})
    if fixed or arguments.out is not None:
        option = (fixed or ["out"])[0].replace("_", "-")
        raise ValueError(f"--{option} cannot be given with --resume: a run keeps its settings")
    stack.enter_context(open_folder(arguments.resume).locked())
    run = open_folder(arguments.resume)  # as the one before has left it
    seen = run.samples_seen()
    if requested.get("samples", seen) < seen:
        raise ValueError(
            f"samples is {requested['samples']:,}, but {run.path} has seen {seen:,} already"
        )
    run.settings.update(requested)
    return run


def free_folder(stem: str) -> Path:
    """Make ``runs/stem``, or ``runs/stem-2``, ... : the first that does not exist."""
    runs, number = Path("runs"), 1
    runs.mkdir(exist_ok=True)  # which fails here, and not below, if something else has its name
    while True:
        folder = runs / (stem if number == 1 else f"{stem}-{number}")
        try:
            folder.mkdir()
            return folder
        except FileExistsError:  # perhaps since a moment ago
            number += 1
