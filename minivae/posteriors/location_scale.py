"""Laplace and logistic posteriors: location, scale, and a KL that is sampled (sec. 2.4)."""

from dataclasses import dataclass

import numpy as np

from minivae.gaussian import halves, log_density
from minivae.protocols import New
from minivae.standard_densities import log_laplace, log_logistic


class LocationScale:
    """q(z|x) of independent z_j = mu_j + s_j eps_j with q_params = [mu, log s]; KL by sampling.

    A family says how eps is drawn, log p(eps) (`log_base`) and its derivative (`score`). As
    log q(z|x) = log p(eps) - sum_j log s_j, and the first term does not move with q_params,

        dS/dmu = sum_l t,    dS/dlog s = sum_l t eps s + scale,    t = dz - scale / L * z

    for the sampled -KL that `sample` describes.
    """

    base_variance: float

    def log_base(self, eps: np.ndarray) -> np.ndarray:
        """Return log p(eps), elementwise."""
        raise NotImplementedError

    def score(self, eps: np.ndarray) -> np.ndarray:
        """Return d/deps log p(eps)."""
        raise NotImplementedError

    def n_params(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return 2 * n_latent

    def sample(
        self, q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``, the latter the mean of log p(z) - log q(z|x) over L samples."""
        mu, log_s = halves(q_params)
        z = mu + np.exp(log_s) * noise
        log_q = np.sum(self.log_base(noise) - log_s, axis=-1)
        return z, np.mean(log_density(z) - log_q, axis=0)

    def sample_backward(
        self,
        dz: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dq_params; see `DiagonalGaussian` and the class docstring."""
        mu, log_s = halves(q_params)
        s = np.exp(log_s)
        t = dz - scale / len(noise) * (mu + s * noise)
        dq_params = np.hstack([t.sum(axis=0), np.sum(t * noise, axis=0) * s + scale])
        return dq_params

    def log_density(self, z: np.ndarray, q_params: np.ndarray) -> np.ndarray:
        """Return log q(z|x), (L, M)."""
        mu, log_s = halves(q_params)
        eps = (z - mu) / np.exp(log_s)
        return np.sum(self.log_base(eps) - log_s, axis=-1)

    def log_density_grad(
        self, z: np.ndarray, q_params: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(dz, dq_params)``; see `DiagonalGaussian`.

        d/dz = score(eps) / s,    d/dmu = -d/dz,    d/dlog s = -eps score(eps) - 1
        """
        mu, log_s = halves(q_params)
        w = weights[..., None]
        eps = (z - mu) / np.exp(log_s)
        score = self.score(eps)
        dz = w * score / np.exp(log_s)
        dlog_s = -w * (eps * score + 1)
        return dz, np.hstack([-dz.sum(axis=0), dlog_s.sum(axis=0)])

    def moments(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        mu, log_s = halves(q_params)
        return mu.copy(), 2 * log_s + np.log(self.base_variance)


@dataclass(frozen=True)
class Laplace(LocationScale):
    """log p(eps) = -|eps| - log 2, for every latent."""

    name = "laplace"
    base_variance = 2.0

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        out[:] = rng.laplace(size=out.shape)

    def log_base(self, eps: np.ndarray) -> np.ndarray:
        """Return log p(eps), elementwise."""
        return log_laplace(eps)

    def score(self, eps: np.ndarray) -> np.ndarray:
        """Return d/deps log p(eps)."""
        return -np.sign(eps)


@dataclass(frozen=True)
class Logistic(LocationScale):
    """log p(eps) = -eps - 2 log(1 + exp(-eps)), for every latent."""

    name = "logistic"
    base_variance = np.pi**2 / 3

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out`, (L, M, J), with draws of eps."""
        out[:] = rng.logistic(size=out.shape)

    def log_base(self, eps: np.ndarray) -> np.ndarray:
        """Return log p(eps), elementwise."""
        return log_logistic(eps)

    def score(self, eps: np.ndarray) -> np.ndarray:
        """Return d/deps log p(eps)."""
        return -np.tanh(eps / 2)
