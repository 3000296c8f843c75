"""The Gaussian q(z|x): reparameterisation, KL and log density (eq. 9, app. B).

A diagonal Gaussian is kept as `q_params`, an (M, 2 J) array whose left half is mu and whose right
half is log_var = log sigma^2.
"""

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.protocols import New

LOG_2PI = float(np.log(2.0 * np.pi))


@has_kernel
def reparameterize(
    q_params: np.ndarray, eps: np.ndarray, z: np.ndarray, minus_kl: np.ndarray
) -> None:
    """Set z <- mu + sigma * eps (eq. 9) and minus_kl <- -KL(q || N(0, I)) (app. B).

    Parameters
    ----------
    q_params : (M, 2 J) array
    eps : (L, M, J) array
    z : (L, M, J) array
        Overwritten.
    minus_kl : (M,) array
        Overwritten, in nats.
    """
    mu, log_var = halves(q_params)
    z[:] = mu + np.exp(log_var / 2) * eps
    minus_kl[:] = 0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var), axis=1)


@has_kernel
def reparameterize_backward(
    dz: np.ndarray, q_params: np.ndarray, eps: np.ndarray, scale: float, dq_params: np.ndarray
) -> None:
    """Set dq_params <- the gradient through z, plus scale times that of the sum of minus_kl.

    Parameters
    ----------
    dz : (L, M, J) array
    q_params : (M, 2 J) array
    eps : (L, M, J) array
    scale : float
    dq_params : (M, 2 J) array
        Overwritten.
    """
    mu, log_var = halves(q_params)
    dmu = np.sum(dz, axis=0) - scale * mu
    through_z = np.sum(dz * eps, axis=0) * np.exp(log_var / 2) / 2
    dlog_var = through_z + scale / 2 * (1 - np.exp(log_var))
    np.concatenate([dmu, dlog_var], axis=1, out=dq_params)


def sample_posterior(
    q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
) -> tuple[np.ndarray, np.ndarray]:
    """Draw z = mu + sigma * eps (eq. 9) and compute -KL(q(z|x) || N(0, I)) (app. B).

    -KL = 1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2)

    Parameters
    ----------
    q_params : (M, 2 J) array
        mu and log_var of each datapoint.
    noise : (L, M, J) array
        eps, standard normal.
    new : callable
        Makes arrays as `numpy.empty` does.

    Returns
    -------
    z : (L, M, J) array
    minus_kl : (M,) array
        In nats.

    Raises
    ------
    ValueError
        If the two do not fit together: a kernel would read beyond them.
    """
    if noise.shape[1:] != (len(q_params), q_params.shape[1] // 2):
        raise ValueError(
            f"noise has shape {noise.shape}, expected (L, {len(q_params)}, "
            f"{q_params.shape[1] // 2}) for q_params of shape {q_params.shape}"
        )
    z, minus_kl = new(noise.shape, q_params.dtype), new((len(q_params),), q_params.dtype)
    reparameterize(q_params, noise, z, minus_kl)
    return z, minus_kl


def sample_posterior_backward(
    dz: np.ndarray, q_params: np.ndarray, noise: np.ndarray, scale: float, new: New = np.empty
) -> np.ndarray:
    """Return the gradient with respect to `q_params` of what `sample_posterior` feeds.

    With S = sum_m scale * minus_kl_m + (a function of z with gradient dz):

        dS/dmu      = sum_l dz - scale * mu
        dS/dlog_var = sum_l dz * eps * sigma / 2 + scale / 2 * (1 - sigma^2)

    Parameters
    ----------
    dz : (L, M, J) array
    q_params : (M, 2 J) array
    noise : (L, M, J) array
        The noise that `sample_posterior` was given: the same, not a fresh draw.
    scale : float
        The weight of each datapoint's -KL, 1 / M for a mean over the minibatch.
    new : callable

    Returns
    -------
    dq_params : (M, 2 J) array

    Raises
    ------
    ValueError
        If dz has another shape than the noise.
    """
    if dz.shape != noise.shape:
        raise ValueError(f"dz has shape {dz.shape}, expected that of noise, {noise.shape}")
    dq_params = new(q_params.shape, q_params.dtype)
    reparameterize_backward(dz, q_params, noise, q_params.dtype.type(scale), dq_params)
    return dq_params


def halves(q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return ``(mu, log_var)``, views of the halves of `q_params` along its last axis."""
    *leading, width = q_params.shape
    both = q_params.reshape(*leading, 2, width // 2)  # refuses an odd width
    return both[..., 0, :], both[..., 1, :]


def log_density(
    z: np.ndarray, mu: np.ndarray | float = 0.0, log_var: np.ndarray | float = 0.0
) -> np.ndarray:
    """Log density of a diagonal Gaussian, summed over the last axis, in nats.

    Parameters
    ----------
    z : (..., J) array
    mu, log_var : arrays that broadcast against z
        The default is the prior N(0, I).

    Returns
    -------
    (...) array
    """
    return -0.5 * np.sum(LOG_2PI + log_var + (z - mu) ** 2 / np.exp(log_var), axis=-1)
