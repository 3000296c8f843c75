"""A run folder: the settings, the model, the history and the pictures of one training run.

settings.json         what was asked for, written first
model.npz             the checkpoint: model, optimizer, random state, history
history.csv           the learning curve
learning_curve.png    pictures, made at the end
samples.png
reconstructions.png
manifold.png, latent_space.png      with two latents
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from minivae.training.checkpoint import atomic_write, read_archive
from minivae.training.history import History
from minivae.training.run_folder import RunFolder


class Run(RunFolder):
    """A run folder with the settings in it."""

    def __init__(self, path: str | Path, settings: dict[str, Any]) -> None:
        super().__init__(path)
        self.settings = settings

    def history(self) -> History:
        """Return the `History` in the checkpoint."""
        meta, _ = read_archive(self.model_path)
        return History(**meta["training"]["history"])

    def save_history(self, history: History) -> None:
        """Write history.csv."""
        with atomic_write(self.path / "history.csv", "w", newline="") as file:
            history.write_csv(file)


def create_run(folder: str | Path, settings: dict[str, Any]) -> Run:
    """Make a run folder and write its settings.

    Raises
    ------
    ValueError
        If there is a run in it already.
    OSError
        If it cannot be made or written.
    """
    run = Run(folder, settings)
    if run.settings_path.exists() or run.model_path.exists():
        raise ValueError(
            f"out: {folder} already holds a run; go on with it by --resume {folder}, "
            "or choose another folder"
        )
    run.save_settings(settings)
    return run


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


def free_folder(stem: str) -> Path:
    """Return ``runs/stem``, or ``runs/stem-2``, ... : the first that does not exist."""
    number = 1
    while True:
        folder = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
        if not folder.exists():
            return folder
        number += 1
