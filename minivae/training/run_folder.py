"""The folder of a training run, on the command line and in experiments.

settings.json    what the run is, written first
model.npz        the checkpoint: model, optimizer, random state, history

What else there is (a learning curve, pictures) is for others to add.
"""

import contextlib
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from minivae.params import Params
from minivae.training.checkpoint import atomic_write, load_model
from minivae.training.state import read_training
from minivae.vae import VAE

try:
    import fcntl
except ImportError:  # not on Windows
    fcntl = None  # type: ignore[assignment]


class FolderInUse(ValueError):
    """Another process is training in a run folder."""


class RunFolder:
    """A run folder, which need not exist yet.

    Parameters
    ----------
    path : str or path
    """

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self.settings_path = self.path / "settings.json"
        self.model_path = self.path / "model.npz"

    def read_settings(self) -> dict[str, Any]:
        """Return what settings.json holds.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        try:
            return dict(json.loads(self.settings_path.read_text()))
        except (ValueError, TypeError, RecursionError) as error:
            raise ValueError(f"{self.settings_path} is damaged ({error})") from error

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other process from training in the folder, which exists, until the block ends.

        The lock leaves no trace and ends with the process, however that ends. Where the system or
        the file system knows no such locks, nobody is kept out.

        Raises
        ------
        FolderInUse
            If another process is at work in it.
        """
        with contextlib.ExitStack() as stack:
            if fcntl is not None:
                folder = os.open(self.path, os.O_RDONLY)
                stack.callback(os.close, folder)
                try:
                    fcntl.flock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
                except BlockingIOError:
                    raise FolderInUse(f"run: another process is training in {self.path}") from None
                except OSError:
                    pass
            yield

    def save_settings(self, settings: dict[str, Any]) -> None:
        """Write settings.json; make the folder if there is none.

        Raises
        ------
        OSError
            If it cannot be made or written.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        with atomic_write(self.settings_path, "w") as file:
            json.dump(settings, file, indent=2)
            file.write("\n")

    def load_model(self) -> tuple[VAE, Params]:
        """Return ``(vae, params)`` of the checkpoint."""
        return load_model(self.model_path)

    def samples_seen(self) -> int:
        """Return how many training samples the checkpoint has seen; none if there is none yet."""
        if not self.model_path.exists():
            return 0
        training = read_training(self.model_path)[0]["training"]
        return training["step"] * training["settings"]["batch_size"]
