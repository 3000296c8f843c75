"""Which latents does a model use? The bound's KL term, split by latent dimension.

For a diagonal Gaussian q the KL of eq. 10 is a sum over latents (app. B),

    KL(q(z|x) || p(z)) = sum_j KL_j,    KL_j = 1/2 (mu_j^2 + sigma_j^2 - 1 - log sigma_j^2),

and a latent that q leaves at the prior costs nothing and says nothing. It is called active if its
posterior mean depends on x: if the variance of mu_j over the data is above 0.01 (Burda, Grosse and
Salakhutdinov 2015, section 5.2).
"""

from typing import NamedTuple

import numpy as np

from minivae.evaluation import bound_terms
from minivae.params import Params
from minivae.posteriors.diagonal import DiagonalGaussian, IsotropicGaussian
from minivae.vae import VAE

ACTIVE_ABOVE = 0.01
_ROWS = 1000  # datapoints at a time


class LatentUsage(NamedTuple):
    """What `latent_usage` returns.

    Attributes
    ----------
    kl : (J,) array
        KL_j, averaged over the datapoints, in nats.
    variance : (J,) array
        Of mu_j over the datapoints; the prior's is 1.
    active : (J,) bool array
        Whether `variance` is above 0.01.
    reconstruction : float
        Mean of log p(x|z), in nats per datapoint. The bound is ``reconstruction - kl.sum()``.
    """

    kl: np.ndarray
    variance: np.ndarray
    active: np.ndarray
    reconstruction: float


def latent_usage(
    vae: VAE, params: Params, x: np.ndarray, *, noise_samples: int = 1, seed: int = 0
) -> LatentUsage:
    """Split the bound on a data set into its reconstruction term and a KL for each latent.

    Parameters
    ----------
    vae : VAE
        Whose q(z|x) is a diagonal Gaussian.
    params : Params
    x : (N, n_features) array
        Floats, or uint8 pixels.
    noise_samples, seed : int
        As for `minivae.evaluation.bound_terms`.

    Returns
    -------
    usage : LatentUsage

    Raises
    ------
    ValueError
        If an argument does not fit the model, or q(z|x) does not factorise over latents.
    """
    if not isinstance(vae.posterior, DiagonalGaussian | IsotropicGaussian):
        raise ValueError(f"posterior is {vae.posterior.name!r}, expected a diagonal Gaussian")
    log_px, _ = bound_terms(vae, params, x, noise_samples=noise_samples, seed=seed)
    parts = [vae.encode(params, x[i : i + _ROWS]) for i in range(0, len(x), _ROWS)]
    mu, log_var = (np.concatenate(part).astype(np.float64) for part in zip(*parts, strict=True))
    kl = 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var).mean(axis=0)
    variance = mu.var(axis=0)
    return LatentUsage(kl, variance, variance > ACTIVE_ABOVE, float(log_px.mean()))
