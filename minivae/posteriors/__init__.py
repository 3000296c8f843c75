"""q(z|x): the families that a recognition model can choose from.

The encoder emits `q_params`, one row per datapoint; what they mean is for the posterior to say. It
is an object with the attributes and methods of `DiagonalGaussian` below, the paper's choice and the
default. z is (L, M, J), L samples for each datapoint. `sample` is the reparameterisation
z = g(eps, x) of sec. 2.4, so that `noise` holds draws of the family's own eps.

Where -KL(q(z|x) || p(z)) has no simple form, it is sampled along with z, as in estimator A (eq. 6):
-KL ~ mean over the samples of log p(z) - log q(z|x).
"""

import numpy as np

from minivae.posteriors.deterministic import Deterministic
from minivae.posteriors.diagonal import DiagonalGaussian, IsotropicGaussian
from minivae.posteriors.full_covariance import FullCovarianceGaussian
from minivae.posteriors.location_scale import Laplace, Logistic
from minivae.protocols import Posterior, PosteriorWithDensity, members
from minivae.validation import choose

POSTERIORS: dict[str, PosteriorWithDensity] = {
    posterior.name: posterior
    for posterior in (
        DiagonalGaussian(),
        FullCovarianceGaussian(),
        IsotropicGaussian(),
        IsotropicGaussian(relu_mean=True),
        Laplace(),
        Logistic(),
        Deterministic(),
    )
}


def check_own(posterior: Posterior, n_latent: int) -> None:
    """Try a posterior of one's own once, for what no gradient check tells.

    Raises
    ------
    ValueError
        If its noise does not fill what it is given, or what it returns has not the shape it should.
    """
    if type(posterior) in map(type, POSTERIORS.values()):
        return
    n_params = posterior.n_params(n_latent)
    noise, q_params = np.full((3, 2, n_latent), np.nan), np.zeros((2, n_params))
    posterior.draw_noise(np.random.default_rng(0), noise)
    if np.isnan(noise).any():
        raise ValueError(
            f"posterior {posterior.name!r} has a draw_noise that leaves numbers of `out` as they "
            "were, expected it to overwrite them all"
        )
    z, minus_kl = posterior.sample(q_params, noise)
    dq_params = posterior.sample_backward(np.zeros_like(noise), q_params, noise, 1.0)
    for name, array, expected in (
        ("sample returns z", z, noise.shape),
        ("sample returns minus_kl", minus_kl, (2,)),
        ("sample_backward returns dq_params", dq_params, q_params.shape),
    ):
        if np.shape(array) != expected:
            raise ValueError(
                f"posterior {posterior.name!r}: its {name} of shape {np.shape(array)} for L = 3, "
                f"m = 2, J = {n_latent}, expected {expected}"
            )


def get_posterior(posterior: str | Posterior) -> PosteriorWithDensity:
    """Return the posterior of that name, or `posterior` itself if it is an object.

    Raises
    ------
    ValueError
        If it is neither.
    """
    # One without a density will do as long as nobody asks for it.
    return choose("posterior", posterior, POSTERIORS, members(Posterior))
