"""Figure 3: the marginal likelihood as training goes on, AEVB, wake-sleep and Monte Carlo EM.

MNIST with 3 latents and 100 hidden units, and 1000 or 50000 training digits. log p(x) is estimated
as in appendix D, with 50 samples and 4 leapfrog steps, on the first digits of both parts of the
data. (The paper has Monte Carlo EM for 1000 digits only.)
"""

from collections.abc import Sequence

from matplotlib.figure import Figure

from minivae import plots
from minivae.experiments.curves import METHODS, Curve, CurveFolder
from minivae.experiments.experiment import Experiment, Model
from minivae.experiments.seeds import tables_by_method

DATAPOINTS = 200  # the paper's are 1000
_MODEL = Model("mnist", 3, 100)
_LIMITS = {1000: (-160, -100), 50_000: (-160, -125)}  # the paper's
_N_POINTS = 8


def curves(
    samples: int, model: Model = _MODEL, sizes: Sequence[int] = tuple(_LIMITS)
) -> list[Curve]:
    """Return the figure's curves, with that budget."""
    # Close to each other in the beginning, when most happens.
    points = sorted({max(1, samples * k**2 // _N_POINTS**2) for k in range(1, _N_POINTS + 1)})
    return [
        Curve(
            model.dataset,
            method,
            model.n_latent,
            model.hidden,
            tuple(points),
            model.likelihood,
            n_train=n_train,
            log_px_datapoints=DATAPOINTS,
        )
        for n_train in sizes
        for method in METHODS
    ]


def draw(places: Sequence[CurveFolder]) -> Figure:
    """Draw a panel for each size of the training set."""
    panels = tables_by_method(places, lambda curve: curve.n_train)
    return plots.log_likelihoods_of_methods(
        [
            (f"$N_\\mathrm{{train}}$ = {n_train}", tables, _LIMITS.get(n_train))
            for n_train, tables in panels.items()
        ]
    )


FIGURE3 = Experiment("figure3", 2_000_000, curves, draw, varying=("seed",))
