"""What estimators have in common, and what one of them says about a whole minibatch."""

from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae import protocols
from minivae.params import Params
from minivae.parts import sum_up
from minivae.posteriors.deterministic import Deterministic, refuse_density
from minivae.protocols import New
from minivae.vae import VAE
from minivae.validation import as_pixels, check_has


class Estimator:
    """What most estimators have in common: one eps per sample, and nothing to remember.

    Attributes
    ----------
    density_methods : tuple of str
        Of the posterior, those that the estimator calls for its density.
    """

    density_methods: tuple[str, ...] = ()

    def draw_noise(
        self,
        vae: VAE,
        rng: np.random.Generator,
        L: int,
        m: int,
        dtype: DTypeLike,
        new: New = np.empty,
    ) -> Any:
        """Draw the noise for m datapoints: eps, (L, m, J)."""
        eps = new((L, m, vae.n_latent), dtype)
        vae.posterior.draw_noise(rng, eps)
        return eps

    def update(self, state: dict[str, float], bound: float) -> None:
        """Change `state` after a step whose minibatch had this bound: there is no need to."""


def check_posterior(estimator: protocols.Estimator, vae: VAE) -> None:
    """Raise ValueError unless the posterior has the density that the estimator asks for, if any."""
    methods = getattr(estimator, "density_methods", ())
    check_has("posterior", vae.posterior, methods)
    if methods and isinstance(vae.posterior, Deterministic):  # which has them, to say it has none
        refuse_density()


def bound_and_grad(
    estimator: protocols.Estimator,
    vae: VAE,
    params: Params,
    x: np.ndarray,
    noise: Any,
    state: dict[str, float] | None = None,
) -> tuple[float, Params]:
    """Estimate the bound per datapoint, in nats, and its gradient, on a whole minibatch.

    Parameters
    ----------
    estimator : estimator
    vae : VAE
    params : Params
    x : (M, n_features) array
    noise : array or tuple of arrays
        As from ``estimator.draw_noise``.
    state : dict, optional

    Returns
    -------
    bound : float
    grad : Params
        With respect to all parameters, laid out like `params`.
    """
    vae.check_params(params)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    state = {} if state is None else state
    bound, parts = estimator.forward_backward(vae, params, x, noise, len(x), state)
    return bound, sum_up(parts, params)
