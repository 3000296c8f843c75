"""Pictures of a model and of its training: the paper's figures 2 to 5, and some more.

Every picture is a `matplotlib.figure.Figure` that no global state knows of: pyplot is never
imported, a display is never needed, and nothing has to be closed. A notebook shows a figure that
is the last value of a cell; `save` writes it to a file.

The pictures share one look, whatever the user's own Matplotlib settings are, and one palette that
colour-blind readers can tell apart (`minivae.plots.style`).
"""

from minivae.plots.curves import bounds_of_methods, learning_curve, log_likelihoods_of_methods
from minivae.plots.images import (
    image_grid,
    interpolation,
    manifold,
    manifold_grid,
    reconstructions,
    samples,
    samples_grid,
    side_by_side,
)
from minivae.plots.latents import latent_space, latent_usage
from minivae.plots.style import PALETTE, STYLE, check_path, save

__all__ = [
    "PALETTE",
    "STYLE",
    "bounds_of_methods",
    "check_path",
    "image_grid",
    "interpolation",
    "latent_space",
    "latent_usage",
    "learning_curve",
    "log_likelihoods_of_methods",
    "manifold",
    "manifold_grid",
    "reconstructions",
    "samples",
    "samples_grid",
    "save",
    "side_by_side",
]
