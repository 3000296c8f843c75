"""A run folder: the settings, the model, the history and the pictures of one training run.

settings.json         what was asked for, written first
model.npz             the checkpoint: model, optimizer, random state, history
history.csv           the learning curve
learning_curve.png    pictures, made at the end
samples.png
reconstructions.png
manifold.png, latent_space.png      with two latents
"""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

from minivae.params import Params
from minivae.training.checkpoint import atomic_write, load_model, read_archive
from minivae.training.history import History
from minivae.vae import VAE

SETTINGS = "settings.json"
MODEL = "model.npz"


class Run(NamedTuple):
    """A run folder and the settings in it."""

    folder: Path
    settings: dict[str, Any]

    @property
    def model_path(self) -> Path:
        """Where the model is, or will be."""
        return self.folder / MODEL

    def load_model(self) -> tuple[VAE, Params]:
        """Return ``(vae, params)``."""
        return load_model(self.model_path)

    def history(self) -> History:
        """Return the `History` in the checkpoint."""
        meta, _ = read_archive(self.model_path)
        return History(**meta["training"]["history"])

    def samples_seen(self) -> int:
        """Return how many training samples the checkpoint has seen; none if there is none yet."""
        if not self.model_path.exists():
            return 0
        meta, _ = read_archive(self.model_path)
        return meta["training"]["step"] * meta["training"]["settings"]["batch_size"]

    def save_settings(self) -> None:
        """Write settings.json."""
        with atomic_write(self.folder / SETTINGS, "w") as file:
            json.dump(self.settings, file, indent=2)
            file.write("\n")

    def save_history(self, history: History) -> None:
        """Write history.csv."""
        with atomic_write(self.folder / "history.csv", "w", newline="") as file:
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
    folder = Path(folder)
    if (folder / SETTINGS).exists() or (folder / MODEL).exists():
        raise ValueError(
            f"out: {folder} already holds a run; go on with it by --resume {folder}, "
            "or choose another folder"
        )
    folder.mkdir(parents=True, exist_ok=True)
    run = Run(folder, settings)
    run.save_settings()
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
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"run: there is no folder {folder}")
    path = folder / SETTINGS
    if not path.exists():
        raise ValueError(f"run: {folder} is not a run folder, it has no {SETTINGS}")
    try:
        settings = json.loads(path.read_text())
    except ValueError as error:
        raise ValueError(f"run: {path} is damaged ({error})") from error
    if not isinstance(settings, dict) or not set(names) <= set(settings):
        raise ValueError(f"run: {path} is damaged (settings are missing)")
    return Run(folder, settings)


def free_folder(stem: str) -> Path:
    """Return ``runs/stem``, or ``runs/stem-2``, ... : the first that does not exist."""
    number = 1
    while True:
        folder = Path("runs") / (stem if number == 1 else f"{stem}-{number}")
        if not folder.exists():
            return folder
        number += 1
