"""Laplace and logistic posteriors: location, scale, and a KL that is sampled (sec. 2.4)."""

from dataclasses import dataclass

import numpy as np

from minivae.gaussian import log_density, split_stats
from minivae.protocols import New


class LocationScale:
    """q(z|x) of independent z_j = mu_j + s_j eps_j with stats = [mu, log s]; KL by sampling.

    A family says how eps is drawn, log p(eps) (`log_base`) and its derivative (`score`). As
    log q(z|x) = log p(eps) - sum_j log s_j, and the first term does not move with the stats,

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

    def n_stats(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return 2 * n_latent

    def sample(
        self, stats: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``, the latter the mean of log p(z) - log q(z|x) over L samples."""
        mu, log_s = split_stats(stats)
        z = mu + np.exp(log_s) * noise
        log_q = np.sum(self.log_base(noise) - log_s, axis=-1)
        return z, np.mean(log_density(z) - log_q, axis=0)

    def sample_backward(
        self,
        dz: np.ndarray,
        stats: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dstats; see `DiagonalGaussian` and the class docstring."""
        mu, log_s = split_stats(stats)
        s = np.exp(log_s)
        t = dz - scale / len(noise) * (mu + s * noise)
        dstats = np.hstack([t.sum(axis=0), np.sum(t * noise, axis=0) * s + scale])
        return dstats

    def log_density(self, z: np.ndarray, stats: np.ndarray) -> np.ndarray:
        """Return log q(z|x), (L, M)."""
        mu, log_s = split_stats(stats)
        eps = (z - mu) / np.exp(log_s)
        return np.sum(self.log_base(eps) - log_s, axis=-1)

    def log_density_grad(
        self, z: np.ndarray, stats: np.ndarray, weights: np.ndarray
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(dz, dstats)``; see `DiagonalGaussian`.

        d/dz = score(eps) / s,    d/dmu = -d/dz,    d/dlog s = -eps score(eps) - 1
        """
        mu, log_s = split_stats(stats)
        w = weights[..., None]
        eps = (z - mu) / np.exp(log_s)
        score = self.score(eps)
        dz = w * score / np.exp(log_s)
        dlog_s = -w * (eps * score + 1)
        return dz, np.hstack([-dz.sum(axis=0), dlog_s.sum(axis=0)])

    def moments(self, stats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, each (M, J)."""
        mu, log_s = split_stats(stats)
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
        return -np.abs(eps) - np.log(2)

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
        return -np.abs(eps) - 2 * np.log1p(np.exp(-np.abs(eps)))  # even, and safe for large |eps|

    def score(self, eps: np.ndarray) -> np.ndarray:
        """Return d/deps log p(eps)."""
        return -np.tanh(eps / 2)
