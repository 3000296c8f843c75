"""Gaussians without correlations: the paper's, and one with a single variance."""

from dataclasses import dataclass

import numpy as np

from minivae.gaussian import (
    halves,
    log_density,
    sample_posterior,
    sample_posterior_backward,
)
from minivae.protocols import New


@dataclass(frozen=True)
class DiagonalGaussian:
    """q(z|x) = N(mu, diag sigma^2) with q_params = [mu, log sigma^2] (eq. 9)."""

    name = "gaussian"

    def n_params(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return 2 * n_latent

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        rng.standard_normal(out=out, dtype=out.dtype)

    def sample(
        self, q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``, (L, M, J) and (M,); see `gaussian.sample_posterior`."""
        return sample_posterior(q_params, noise, new)

    def sample_backward(
        self,
        dz: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dq_params, (M, n_params): the gradient of f(z) + scale * sum of minus_kl.

        `dz` is the gradient of f; with scale = 0 this is the chain rule through z
        alone. See `gaussian.sample_posterior_backward`.
        """
        return sample_posterior_backward(dz, q_params, noise, scale, new)

    def log_density(self, z: np.ndarray, q_params: np.ndarray) -> np.ndarray:
        """Return log q(z|x) of every sample, (L, M), in nats."""
        return log_density(z, *halves(q_params))

    def log_density_grad(
        self, z: np.ndarray, q_params: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return the gradient of sum(weights * log q(z|x)) with respect to z and to q_params.

            d/dmu = (z - mu) / sigma^2,    d/dlog_var = ((z - mu)^2 / sigma^2 - 1) / 2

        and d/dz is minus the former; each is taken with the other argument held fixed.

        Parameters
        ----------
        z : (L, M, J) array
        q_params : (M, n_params) array
        weights : (L, M) array

        Returns
        -------
        dz : (L, M, J) array
        dq_params : (M, n_params) array
        """
        mu, log_var = halves(q_params)
        w = weights[..., None]
        error = z - mu
        dmu = w * error / np.exp(log_var)
        dlog_var = 0.5 * (dmu * error - w)
        return -dmu, np.hstack([dmu.sum(axis=0), dlog_var.sum(axis=0)])

    def moments(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        mu, log_var = halves(q_params)
        return mu.copy(), log_var.copy()


@dataclass(frozen=True)
class IsotropicGaussian:
    """q(z|x) = N(mu, sigma^2 I) with q_params = [mu, log sigma^2], one variance for all latents.

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

    def n_params(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return n_latent + 1

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        rng.standard_normal(out=out, dtype=out.dtype)

    def sample(
        self, q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``; see `DiagonalGaussian`."""
        return sample_posterior(self._diagonal(q_params), noise, new)

    def sample_backward(
        self,
        dz: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dq_params; see `DiagonalGaussian`."""
        diagonal = self._diagonal(q_params)
        ddiagonal = sample_posterior_backward(dz, diagonal, noise, scale, new)
        return self._diagonal_backward(ddiagonal, q_params)

    def log_density(self, z: np.ndarray, q_params: np.ndarray) -> np.ndarray:
        """Return log q(z|x), (L, M)."""
        return DiagonalGaussian().log_density(z, self._diagonal(q_params))

    def log_density_grad(
        self, z: np.ndarray, q_params: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(dz, dq_params)``; see `DiagonalGaussian`."""
        dz, ddiagonal = DiagonalGaussian().log_density_grad(z, self._diagonal(q_params), weights)
        return dz, self._diagonal_backward(ddiagonal, q_params)

    def moments(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        return DiagonalGaussian().moments(self._diagonal(q_params))

    def _diagonal(self, q_params: np.ndarray) -> np.ndarray:
        """Return what describes the same Gaussian as a `DiagonalGaussian`."""
        mu, log_var = q_params[:, :-1], q_params[:, -1:]
        if self.relu_mean:
            mu = np.maximum(mu, 0)
        return np.hstack([mu, np.broadcast_to(log_var, mu.shape)])

    def _diagonal_backward(self, ddiagonal: np.ndarray, q_params: np.ndarray) -> np.ndarray:
        dmu, dlog_var = halves(ddiagonal)
        if self.relu_mean:
            dmu = dmu * (q_params[:, :-1] > 0)
        return np.hstack([dmu, dlog_var.sum(axis=1, keepdims=True)])
