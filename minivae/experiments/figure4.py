"""Figure 4: the manifolds that models with two latents learn of Frey Faces and of MNIST."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from minivae import plots
from minivae.experiments.curves import Curve, CurveFolder
from minivae.experiments.experiment import FREY, MNIST, Experiment, Model, dataset_title, log_spaced
from minivae.experiments.seeds import first_seed


def curves(samples: int, models: Sequence[Model] = (FREY[0], MNIST[0])) -> list[Curve]:
    """Return the models, as curves with that budget."""
    points = log_spaced(samples)
    return [Curve(m.dataset, "aevb", m.n_latent, m.hidden, points, m.likelihood) for m in models]


def draw(places: Sequence[CurveFolder]) -> Figure:
    """Draw the manifolds side by side."""
    grids, titles = [], []
    for place, letter in zip(first_seed(places), "ab", strict=False):
        vae, params = place.load_model()
        grids.append(plots.manifold_grid(vae, params, place.curve.load_data().image_shape))
        titles.append(f"({letter}) Learned manifold of {dataset_title(place.curve.dataset)}")
    return plots.side_by_side(grids, titles)


FIGURE4 = Experiment("figure4", 1_000_000, curves, draw)
