"""Figure 4: the manifolds that models with two latents learn of Frey Faces and of MNIST."""

from minivae import plots
from minivae.experiments.curves import Curve
from minivae.experiments.experiment import FREY, MNIST, Experiment, dataset_title, log_spaced


def curves(samples, models=(FREY[0], MNIST[0])):
    """Return the models, as curves with that budget."""
    points = log_spaced(samples)
    return [Curve(m.dataset, "aevb", m.n_latent, m.hidden, points, m.likelihood) for m in models]


def draw(places):
    """Draw the manifolds side by side."""
    grids, titles = [], []
    for place, letter in zip(places, "ab", strict=False):
        vae, params = place.load_model()
        grids.append(plots.manifold_grid(vae, params, place.curve.load_data().image_shape))
        titles.append(f"({letter}) Learned manifold of {dataset_title(place.curve.dataset)}")
    return plots.side_by_side(grids, titles)


FIGURE4 = Experiment("figure4", 1_000_000, curves, draw)
