"""The Gaussian q(z|x): reparameterisation, KL and log density (eq. 9, app. B).

A diagonal Gaussian is kept as `stats`, an (M, 2 J) array whose left half is mu and whose right half
is log_var = log sigma^2.
"""

import numpy as np

from minivae.engine import kernels


def sample_posterior(stats, noise, workspace):
    """Draw z = mu + sigma * eps (eq. 9) and compute -KL(q(z|x) || N(0, I)) (app. B).

    -KL = 1/2 sum_j (1 + log sigma_j^2 - mu_j^2 - sigma_j^2)

    Parameters
    ----------
    stats : (M, 2 J) array
        mu and log_var of each datapoint.
    noise : (L, M, J) array
        eps, standard normal.
    workspace : Workspace

    Returns
    -------
    z : (L * M, J) array
        Row l * M + m is sample l of datapoint m.
    minus_kl : (M,) array
        In nats.
    """
    eps = noise.reshape(-1, noise.shape[-1])
    z = workspace.empty("z", eps.shape, stats.dtype)
    minus_kl = workspace.empty("minus_kl", (len(stats),), stats.dtype)
    kernels.sample_posterior(stats, eps, z, minus_kl)
    return z, minus_kl


def sample_posterior_backward(dz, stats, noise, scale, workspace):
    """Return the gradient with respect to `stats` of what `sample_posterior` feeds.

    With S = sum_m scale * minus_kl_m + (a function of z with gradient dz):

        dS/dmu      = sum_l dz - scale * mu
        dS/dlog_var = sum_l dz * eps * sigma / 2 + scale / 2 * (1 - sigma^2)

    Parameters
    ----------
    dz : (L * M, J) array
    stats : (M, 2 J) array
    noise : (L, M, J) array
        The noise that `sample_posterior` was given: the same, not a fresh draw.
    scale : float
        The weight of each datapoint's -KL, 1 / M for a mean over the minibatch.
    workspace : Workspace

    Returns
    -------
    dstats : (M, 2 J) array
    """
    eps = noise.reshape(-1, noise.shape[-1])
    dstats = workspace.empty("dstats", stats.shape, stats.dtype)
    kernels.sample_posterior_backward(dz, stats, eps, stats.dtype.type(scale), dstats)
    return dstats


def split_stats(stats):
    """Return ``(mu, log_var)``, views of the halves of `stats` along its last axis."""
    return np.split(stats, 2, axis=-1)


def log_density(z, mu=0.0, log_var=0.0):
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
    return -0.5 * np.sum(kernels.LOG_2PI + log_var + (z - mu) ** 2 / np.exp(log_var), axis=-1)
