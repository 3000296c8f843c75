"""Figure 2: the bound on training and test data as training goes on, AEVB and wake-sleep.

MNIST with 3, 5, 10, 20 and 200 latents and 500 hidden units, Frey Faces with 2, 5, 10 and 20
latents and 200 hidden units.
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from minivae import plots
from minivae.experiments.curves import Curve, CurveFolder
from minivae.experiments.experiment import FREY, MNIST, Experiment, Model, log_spaced, title

_MODELS = (*MNIST[1:], *FREY)
_LIMITS = {"mnist": (-150, -100), "frey": (0, 1600)}  # the paper's


def curves(samples: int, models: Sequence[Model] = _MODELS) -> list[Curve]:
    """Return the figure's curves, with that budget."""
    points = log_spaced(samples)
    return [
        Curve(model.dataset, method, model.n_latent, model.hidden, points, model.likelihood)
        for model in models
        for method in ("aevb", "wake-sleep")
    ]


def draw(places: Sequence[CurveFolder]) -> Figure:
    """Draw a row of panels for each data set, a panel for each number of latents."""
    rows: dict = {}
    for place in places:
        curve = place.curve
        panels = rows.setdefault(curve.dataset, {})
        panels.setdefault(title(curve), {})[curve.method] = place.table()
    return plots.bounds_of_methods(
        [
            [(name, tables, _LIMITS.get(dataset)) for name, tables in panels.items()]
            for dataset, panels in rows.items()
        ]
    )


FIGURE2 = Experiment("figure2", 1_000_000, curves, draw)
