"""No randomness: what makes a VAE a plain autoencoder."""

from dataclasses import dataclass
from typing import NoReturn

import numpy as np

from minivae.protocols import New


@dataclass(frozen=True)
class Deterministic:
    """No posterior at all: z is the encoder's output, as in a plain autoencoder.

    The KL term is left out (taken as zero), so that what is maximised is the mean of log p(x|z), no
    bound on log p(x).
    """

    name = "deterministic"

    def n_stats(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return n_latent

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out` with zeros: there is nothing to draw."""
        out.fill(0)

    def sample(
        self, stats: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``: the stats, once per sample, and zeros."""
        return np.broadcast_to(stats, noise.shape), np.zeros(len(stats), stats.dtype)

    def sample_backward(
        self,
        dz: np.ndarray,
        stats: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dstats; see `DiagonalGaussian`."""
        return dz.sum(axis=0)

    def log_density(self, z: np.ndarray, stats: np.ndarray) -> NoReturn:
        """Raise ValueError: a point has no density."""
        raise ValueError("posterior is deterministic, expected one that has a density q(z|x)")

    def log_density_grad(self, z: np.ndarray, stats: np.ndarray, weights: np.ndarray) -> NoReturn:
        """Raise ValueError: a point has no density."""
        self.log_density(z, stats)

    def moments(self, stats: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, the latter -inf."""
        return stats.copy(), np.full_like(stats, -np.inf)
