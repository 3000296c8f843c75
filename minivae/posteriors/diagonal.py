"""Gaussians without correlations: the paper's, and one with a single variance."""

from dataclasses import dataclass

import numpy as np

from minivae.gaussian import (
    log_density,
    sample_posterior,
    sample_posterior_backward,
    split_stats,
)
from minivae.protocols import New


@dataclass(frozen=True)
class DiagonalGaussian:
    """q(z|x) = N(mu, diag sigma^2) with stats = [mu, log sigma^2] (eq. 9)."""

    name = "gaussian"

    def n_stats(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return 2 * n_latent

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        rng.standard_normal(out=out, dtype=out.dtype)

    def sample(
        self, stats: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``, (L, M, J) and (M,); see `gaussian.sample_posterior`."""
        return sample_posterior(stats, noise, new)

    def sample_backward(
        self,
        dz: np.ndarray,
        stats: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dstats, (M, n_stats): the gradient of (a function of z) + scale * sum of minus_kl.

        `dz` is the gradient of that function; with scale = 0 this is the chain rule through z
        alone. See `gaussian.sample_posterior_backward`.
        """
        return sample_posterior_backward(dz, stats, noise, scale, new)

    def log_density(self, z: np.ndarray, stats: np.ndarray) -> np.ndarray:
        """Return log q(z|x) of every sample, (L, M), in nats."""
        return log_density(z, *split_stats(stats))

    def log_density_grad(
        self, z: np.ndarray, stats: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of sum(weights * log q(z|x)) with respect to z and to stats.

            d/dmu = (z - mu) / sigma^2,    d/dlog_var = ((z - mu)^2 / sigma^2 - 1) / 2

        and d/dz is minus the former; each is taken with the other argument held fixed.

        Parameters
        ----------
        z : (L, M, J) array
        stats : (M, n_stats) array
        weights : (L, M) array

        Returns
        -------
        dz : (L, M, J) array
        dstats : (M, n_stats) array
        """
        mu, log_var = split_stats(stats)
        w = weights[..., None]
        error = z - mu
        dmu = w * error / np.exp(log_var)
        dlog_var = 0.5 * (dmu * error - w)
        return -dmu, np.hstack([dmu.sum(axis=0), dlog_var.sum(axis=0)])

    def moments(self, stats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        mu, log_var = split_stats(stats)
        return mu.copy(), log_var.copy()


@dataclass(frozen=True)
class IsotropicGaussian:
    """q(z|x) = N(mu, sigma^2 I) with stats = [mu, log sigma^2], a single variance for all latents.

    Parameters
    ----------
    relu_mean : bool
        Whether the mean is ReLU(a) of the encoder's output a.
    """

    relu_mean: bool = False

    @property
    def name(self) -> str:
        """The name that `VAE` takes for it."""
        return "isotropic-relu" if self.relu_mean else "isotropic"

    def n_stats(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return n_latent + 1

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        rng.standard_normal(out=out, dtype=out.dtype)

    def sample(
        self, stats: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``; see `DiagonalGaussian`."""
        return sample_posterior(self._diagonal(stats), noise, new)

    def sample_backward(
        self,
        dz: np.ndarray,
        stats: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dstats; see `DiagonalGaussian`."""
        diagonal = self._diagonal(stats)
        ddiagonal = sample_posterior_backward(dz, diagonal, noise, scale, new)
        return self._diagonal_backward(ddiagonal, stats)

    def log_density(self, z: np.ndarray, stats: np.ndarray) -> np.ndarray:
        """Return log q(z|x), (L, M)."""
        return DiagonalGaussian().log_density(z, self._diagonal(stats))

    def log_density_grad(
        self, z: np.ndarray, stats: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(dz, dstats)``; see `DiagonalGaussian`."""
        dz, ddiagonal = DiagonalGaussian().log_density_grad(z, self._diagonal(stats), weights)
        return dz, self._diagonal_backward(ddiagonal, stats)

    def moments(self, stats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        return DiagonalGaussian().moments(self._diagonal(stats))

    def _diagonal(self, stats: np.ndarray) -> np.ndarray:
        """Return the stats of the same Gaussian as a `DiagonalGaussian`."""
        mu, log_var = stats[:, :-1], stats[:, -1:]
        if self.relu_mean:
            mu = np.maximum(mu, 0)
        return np.hstack([mu, np.broadcast_to(log_var, mu.shape)])

    def _diagonal_backward(self, ddiagonal: np.ndarray, stats: np.ndarray) -> np.ndarray:
        dmu, dlog_var = split_stats(ddiagonal)
        if self.relu_mean:
            dmu = dmu * (stats[:, :-1] > 0)
        return np.hstack([dmu, dlog_var.sum(axis=1, keepdims=True)])
