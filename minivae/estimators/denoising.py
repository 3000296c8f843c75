"""An encoder that sees corrupted data."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from minivae.estimators.base import Estimator
from minivae.params import Params
from minivae.protocols import New, Parts
from minivae.vae import VAE
from minivae.validation import check_fraction


@dataclass(frozen=True)
class Denoising(Estimator):
    """SGVB-B of clean pixels, encoded from corrupted ones: a denoising VAE or autoencoder.

    Parameters
    ----------
    corruption : float
        The probability that a pixel is set to zero in what the encoder sees.
    """

    corruption: float = 0.3
    name = "denoising"

    def __post_init__(self) -> None:
        check_fraction("corruption", self.corruption)

    def draw_noise(
        self,
        vae: VAE,
        rng: np.random.Generator,
        L: int,
        m: int,
        dtype: DTypeLike,
        new: New = np.empty,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Draw eps, and the mask by which pixels are multiplied, (m, D)."""
        eps, kept = super().draw_noise(vae, rng, L, m, dtype, new), new((m, vae.n_features), dtype)
        np.greater_equal(rng.random(kept.shape, kept.dtype), self.corruption, out=kept)
        return eps, kept

    def forward_backward(
        self,
        vae: VAE,
        params: Params,
        x: np.ndarray,
        noise: tuple[np.ndarray, np.ndarray],
        M: int,
        state: dict[str, float],
        new: New = np.empty,
    ) -> tuple[float, Parts]:
        """See the module docstring."""
        eps, kept = noise
        return vae.forward_backward(params, x, eps, M, new, inputs=x * kept)
