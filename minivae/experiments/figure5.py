"""Figure 5: random samples of models of MNIST with 2, 5, 10 and 20 latents."""

from collections.abc import Sequence

from matplotlib.figure import Figure

from minivae import plots
from minivae.experiments import figure4
from minivae.experiments.curves import Curve, CurveFolder
from minivae.experiments.experiment import MNIST, Experiment, Model
from minivae.experiments.seeds import first_seed

_MODELS = tuple(model for model in MNIST if model.n_latent in (2, 5, 10, 20))


def curves(samples: int, models: Sequence[Model] = _MODELS) -> list[Curve]:
    """Return the models, as curves with that budget."""
    return figure4.curves(samples, models)


def draw(places: Sequence[CurveFolder]) -> Figure:
    """Draw a hundred samples of each model, side by side."""
    grids, titles = [], []
    for place, letter in zip(first_seed(places), "abcd", strict=False):
        vae, params = place.load_model()
        grids.append(plots.samples_grid(vae, params, place.curve.load_data().image_shape))
        titles.append(f"({letter}) {vae.n_latent}-D latent space")
    return plots.side_by_side(grids, titles)


FIGURE5 = Experiment("figure5", 1_000_000, curves, draw)
