"""Densities that are fitted to the samples of many chains at once (app. D, stage ii).

``fit(z)``, for K samples of each of n chains, z of shape (K, n, J), returns a function ``log_q``
that maps other samples, (L, n, J), to their log densities, (L, n), each under its own chain's fit.
They are NaN for a chain whose samples lie in a plane.
"""

from collections.abc import Callable
from typing import TypeAlias

import numpy as np

from minivae.gaussian import LOG_2PI

Density: TypeAlias = Callable[[np.ndarray], np.ndarray]

_FLAT = 1e-10  # variance, relative to the largest, from which samples count as lying in a plane


def gaussian_density(z: np.ndarray) -> Density:
    """Fit Gaussians with full covariance; K > J (module docstring)."""
    origin = z[0]  # so that the variance of samples that are all the same is exactly zero
    mu = (z - origin).mean(axis=0)
    errors = z - origin - mu
    covariance = np.einsum("kni,knj->nij", errors, errors) / (len(z) - 1)
    variances, axes = np.linalg.eigh(covariance)  # ascending
    variances[variances <= _FLAT * variances[:, -1:]] = np.nan
    log_scale = -0.5 * np.sum(LOG_2PI + np.log(variances), axis=1)

    def log_q(z: np.ndarray) -> np.ndarray:
        along = np.einsum("kni,nij->knj", z - origin - mu, axes)
        return log_scale - 0.5 * np.sum(along**2 / variances, axis=-1)

    return log_q


def kernel_density(z: np.ndarray) -> Density:
    """Fit kernel densities, with the Gaussian kernel of `scipy.stats.gaussian_kde`; K > J."""
    from scipy.stats import gaussian_kde  # takes longer to import than all of this library

    origin = z[0]  # see above

    def fit(samples: np.ndarray) -> Density:
        variances = np.linalg.eigvalsh(np.atleast_2d(np.cov(samples.T)))  # ascending
        if variances[0] <= _FLAT * variances[-1]:  # rounding may hide it from SciPy
            return lambda points: np.full(points.shape[1], np.nan)
        return gaussian_kde(samples.T).logpdf

    log_densities = [fit(samples) for samples in np.swapaxes(z - origin, 0, 1)]

    def log_q(z: np.ndarray) -> np.ndarray:
        points = np.swapaxes(z - origin, 0, 1)
        return np.stack([f(p.T) for f, p in zip(log_densities, points, strict=True)], axis=1)

    return log_q


DENSITIES = {"gaussian": gaussian_density, "kernel": kernel_density}
