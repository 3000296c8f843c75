"""A curve: one model, trained by one method, and measured as training goes on.

The paper's figures are made of such curves, and of the models at their ends. Curves know nothing of
each other, so that they can be computed side by side, in any order and on any machine. Each has a
run folder of its own, which is all that is known of it:

settings.json   what it is, and the step size that a short trial chose for it
curve.csv       what was measured so far, a row for each point
model.npz       the checkpoint
"""

import csv
import math
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

from minivae import datasets
from minivae.data_stream import INIT, stream
from minivae.params import Params
from minivae.training.checkpoint import atomic_write
from minivae.training.run_folder import RunFolder
from minivae.vae import VAE
from minivae.validation import LARGEST, check_count, check_positive

METHODS = ("aevb", "wake-sleep", "mcem")
START_STD = 0.01  # the "N(0, 0.01)" of section 5, as its author's program reads it
BOUNDS = ("train_bound", "test_bound")
LOG_LIKELIHOODS = tuple(
    f"{part}_log_px{suffix}"
    for part in ("train", "test")
    for suffix in ("", "_error", "_mc_error", "_datapoints")
)


@dataclass(frozen=True)
class Curve:
    """What a curve is of.

    Parameters
    ----------
    dataset : str
        As `minivae.load` takes it.
    method : str
        "aevb", "wake-sleep" or "mcem".
    n_latent, hidden : int
        Dimensions of z, and units in the hidden layer of encoder and decoder.
    points : tuple of int
        Training samples seen when it is measured, increasing; the last is the budget. A curve that
        was computed to a smaller budget before goes on from there.
    likelihood : str
        As `VAE` takes it.
    n_train : int, optional
        Train on the first so many datapoints only.
    log_px_datapoints : int
        Estimate log p(x) too, on so many training and test datapoints; 0: only the bound.
    batch_size : int
    start_std : float
        Standard deviation of the weights in the beginning.
    seed : int
    data_path : str, optional
        As `minivae.load` takes it.
    """

    dataset: str
    method: str
    n_latent: int
    hidden: int
    points: tuple[int, ...]
    likelihood: str = "bernoulli"
    n_train: int | None = None
    log_px_datapoints: int = 0
    batch_size: int = 100
    start_std: float = START_STD
    seed: int = 0
    data_path: str | None = None

    methods: ClassVar[tuple[str, ...]] = METHODS

    def __post_init__(self) -> None:
        if self.method not in self.methods:
            named = ", ".join(self.methods)
            raise ValueError(f"method is {self.method!r}, expected one of {named}")
        points = tuple(check_count("points", point) for point in self.points)
        if not points or list(points) != sorted(set(points)):
            raise ValueError(f"points is {self.points!r}, expected numbers that increase")
        object.__setattr__(self, "points", points)

    @property
    def name(self) -> str:
        """The name of its folder."""
        part = "" if self.n_train is None else f"-{self.n_train}"
        data = Path(self.dataset).stem
        start = "" if self.start_std == START_STD else f"-std{self.start_std:g}"
        model = f"{data}{part}-h{self.hidden}-z{self.n_latent}"
        return f"{model}-{self.method}{start}{self.seed_suffix}"

    @property
    def seed_suffix(self) -> str:
        """What its name ends with."""
        return f"-seed{self.seed}" if self.seed else ""

    @property
    def samples(self) -> int:
        """Its budget: the training samples seen at its end."""
        return self.points[-1]

    @property
    def cost(self) -> tuple[int, ...]:
        """Something that grows with the time it takes."""
        return self.method == "mcem", self.samples * self.hidden, self.n_latent

    @property
    def heading(self) -> tuple[str, ...]:
        """What of its settings stands before the columns in a table of several curves."""
        return (
            "dataset", "n_train", "n_latent", "hidden", "method", "start_std", "seed", "step_size"
        )  # fmt: skip

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of its curve.csv."""
        measured = LOG_LIKELIHOODS if self.log_px_datapoints else ()
        return ("samples", "seconds", *BOUNDS, *measured)

    @property
    def identity(self) -> dict[str, Any]:
        """What must be the same for it to go on from what is in its folder, as a dict."""
        settings = asdict(self)
        del settings["points"], settings["data_path"]
        return settings

    def load_data(self) -> datasets.Dataset:
        """Return its `Dataset`."""
        data = datasets.load(self.dataset, self.data_path)
        return data if self.n_train is None else data._replace(train=data.train[: self.n_train])

    def build_model(self, data: datasets.Dataset) -> VAE:
        """Return its `VAE`."""
        return VAE(data.train.shape[1], self.n_latent, (self.hidden,), self.likelihood)

    def first_params(self, vae: VAE, data: datasets.Dataset) -> Params:
        """Return where it starts: what `minivae.fit` draws, with `start_std`."""
        return vae.init_params(stream(self.seed, INIT), np.float32, self.start_std)

    def merged_with(self, other: "Curve") -> "Curve":
        """Return a curve that serves two figures: the one with the larger budget, with all points.

        Raises
        ------
        ValueError
            If the two are not the same but for their points.
        """
        if self.identity != other.identity:
            raise ValueError(f"two different curves are called {self.name}")
        points = tuple(sorted({*self.points, *other.points}))
        return replace(self, points=points)


class CurveFolder(RunFolder):
    """The folder of a curve, as described at the top of this module.

    Parameters
    ----------
    curve : Curve
    folder : path
        The folder of the whole reproduction; the curve's own need not exist yet.
    """

    def __init__(self, curve: Curve, folder: str | Path) -> None:
        super().__init__(Path(folder) / "curves" / curve.name)
        self.curve = curve
        self.table_path = self.path / "curve.csv"

    @property
    def has_begun(self) -> bool:
        """Whether something of the curve was computed."""
        return self.table_path.exists() or self.model_path.exists()

    @property
    def is_finished(self) -> bool:
        """Whether the curve has reached its budget."""
        return self.measured_until() >= self.curve.samples

    def measured_until(self) -> int:
        """Return the training samples seen at the last measurement."""
        rows = self.rows()
        return rows[-1]["samples"] if rows else 0

    def samples_seen(self) -> int:
        """Return how many training samples are behind the last measurement or checkpoint."""
        return min(max(self.measured_until(), super().samples_seen()), self.curve.samples)

    def settings(self) -> dict[str, Any]:
        """Return the curve's settings; make the folder if there is none.

        Raises
        ------
        ValueError
            If the folder holds a curve with other settings, or is damaged.
        OSError
            If it cannot be made or written.
        """
        if not self.settings_path.exists():
            if self.has_begun:
                raise ValueError(f"{self.settings_path} is missing; remove {self.path}")
            self.save_settings(self.curve.identity)
        try:
            settings = self.read_settings()
            self._check_step_size(settings)
        except ValueError as error:
            raise ValueError(f"{error}; remove {self.path}") from error
        for name, wanted in self.curve.identity.items():
            if settings.get(name) != wanted:
                argument = name.removeprefix("log_px_")  # of `reproduce`
                raise ValueError(
                    f"{argument} is {wanted}, but the curve in {self.path} has "
                    f"{settings.get(name)}: choose another folder"
                )
        return settings

    def _check_step_size(self, settings: dict[str, Any]) -> None:
        """Raise ValueError for no step size, of a curve that chooses one, or a damaged one."""
        is_chosen = "step_size" in self.curve.heading
        try:
            if is_chosen and (self.has_begun or "step_size" in settings):
                check_positive("step_size", settings.get("step_size"))
            trial = settings.get("trial", {"samples": 1})
            check_count("trial", trial.get("samples") if isinstance(trial, dict) else trial)
        except ValueError as error:
            raise ValueError(f"{self.settings_path} is damaged ({error})") from error

    def rows(self) -> list[dict[str, Any]]:
        """Return what was measured: a dict for each row of curve.csv, if there is such a file.

        Raises
        ------
        ValueError
            If the file is damaged.
        """
        path = self.table_path
        if not path.exists():
            return []
        try:
            with path.open(newline="") as file:
                table = csv.DictReader(file, strict=True)
                columns = tuple(table.fieldnames or ())
                if columns != self.curve.columns:
                    raise ValueError("its columns are not those of the curve")
                rows = list(table)
            if any(None in row for row in rows):
                raise ValueError("a row has more cells than the heading")
            return _checked([{name: _number(row[name]) for name in columns} for row in rows])
        except (ValueError, TypeError, csv.Error) as error:
            raise ValueError(f"{path} is damaged ({error}); remove {self.path}") from error

    def save_rows(self, rows: list[dict[str, Any]]) -> None:
        """Write curve.csv."""
        with atomic_write(self.table_path, "w", newline="") as file:
            table = csv.DictWriter(file, self.curve.columns)
            table.writeheader()
            table.writerows(rows)

    def clear(self) -> None:
        """Remove what was computed."""
        for path in (self.table_path, self.model_path):
            path.unlink(missing_ok=True)

    def table(self) -> dict[str, np.ndarray]:
        """Return what was measured: a dict with an array for each column."""
        rows = self.rows()
        return {name: np.array([row[name] for row in rows]) for name in self.curve.columns}


def _checked(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    samples = [row["samples"] for row in rows]
    if not all(isinstance(n, int) and 0 < n <= LARGEST for n in samples):
        raise ValueError("its samples are no counts")
    if samples != sorted(set(samples)):
        raise ValueError("its samples do not increase")
    if any(math.isinf(row[name]) for row in rows for name in ("seconds", *BOUNDS)):
        raise ValueError("it has infinite numbers")
    return rows


def _number(text: str) -> int | float:
    try:
        return int(text)
    except ValueError:
        return float(text)
