"""Figure 2: the bound on training and test data as training goes on, AEVB and wake-sleep.

MNIST with 3, 5, 10, 20 and 200 latents and 500 hidden units, Frey Faces with 2, 5, 10 and 20
latents and 200 hidden units; Frey Faces from both starts that "N(0, 0.01)" may mean.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from minivae import plots
from minivae.experiments.curves import START_STD, Curve, CurveFolder
from minivae.experiments.experiment import FREY, MNIST, Experiment, Model, log_spaced, title
from minivae.experiments.seeds import tables_by_method

_MODELS = (*MNIST[1:], *FREY)
_LIMITS = {"mnist": (-150, -100), "frey": (0, 1600)}  # the paper's


def curves(samples: int, models: Sequence[Model] = _MODELS) -> list[Curve]:
    """Return the figure's curves, with that budget."""
    points = log_spaced(samples)
    return [
        Curve(
            model.dataset,
            method,
            model.n_latent,
            model.hidden,
            points,
            model.likelihood,
            start_std=start,
        )
        for model in models
        for start in model.starts
        for method in ("aevb", "wake-sleep")
    ]


def draw(places: Sequence[CurveFolder]) -> Figure:
    """Draw a row of panels for each data set and start, a panel for each number of latents."""
    tables = tables_by_method(places, _panel)
    rows: dict = {}
    for dataset, start, name in tables:
        panel = name, tables[dataset, start, name], _LIMITS.get(dataset)
        rows.setdefault((dataset, start), []).append(panel)
    return plots.bounds_of_methods(list(rows.values()))


def _panel(curve: Curve) -> tuple[str, float, str]:
    start = "" if curve.start_std == START_STD else f"\nstart N(0, {curve.start_std:g}$^2$)"
    return curve.dataset, curve.start_std, f"{title(curve)}{start}"


FIGURE2 = Experiment("figure2", 1_000_000, curves, draw, varying=("seed",))
