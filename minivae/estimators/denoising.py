"""An encoder that sees corrupted data."""

from dataclasses import dataclass

import numpy as np

from minivae.estimators.base import Estimator
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

    def __post_init__(self):
        check_fraction("corruption", self.corruption)

    def draw_noise(self, vae, rng, L, m, dtype, new=np.empty):
        """Draw eps, and the mask by which pixels are multiplied, (m, D)."""
        eps, kept = super().draw_noise(vae, rng, L, m, dtype, new), new((m, vae.n_features), dtype)
        np.greater_equal(rng.random(kept.shape, kept.dtype), self.corruption, out=kept)
        return eps, kept

    def forward_backward(self, vae, params, x, noise, M, state, new=np.empty):
        """See the module docstring."""
        eps, kept = noise
        return vae.forward_backward(params, x, eps, M, new, inputs=x * kept)
