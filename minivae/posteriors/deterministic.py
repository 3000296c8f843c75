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

    def n_params(self, n_latent: int) -> int:
        """Return how many numbers the encoder emits for a datapoint."""
        return n_latent

    def draw_noise(self, rng: np.random.Generator, out: np.ndarray) -> None:
        """Fill `out` with zeros: there is nothing to draw."""
        out.fill(0)

    def sample(
        self, q_params: np.ndarray, noise: np.ndarray, new: New = np.empty
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return ``(z, minus_kl)``: q_params, once per sample, and zeros."""
        return np.broadcast_to(q_params, noise.shape), np.zeros(len(q_params), q_params.dtype)

    def sample_backward(
        self,
        dz: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        scale: float,
        new: New = np.empty,
    ) -> np.ndarray:
        """Return dq_params; see `DiagonalGaussian`."""
        return dz.sum(axis=0)

    def log_density(self, z: np.ndarray, q_params: np.ndarray) -> NoReturn:
        """Raise ValueError: a point has no density."""
        refuse_density()

    def log_density_grad(
        self, z: np.ndarray, q_params: np.ndarray, weights: np.ndarray
    ) -> NoReturn:
        """Raise ValueError: a point has no density."""
        refuse_density()

    def moments(self, q_params: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the mean and the log variance of every latent, the latter -inf."""
        return q_params.copy(), np.full_like(q_params, -np.inf)


def refuse_density() -> NoReturn:
    """Raise ValueError: a point has no density."""
    raise ValueError("posterior is deterministic, expected one that has a density q(z|x)")
