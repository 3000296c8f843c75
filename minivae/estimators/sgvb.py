"""The paper's estimators of the bound, A (eq. 6) and B (eq. 7), and a tighter relative of A."""

from dataclasses import dataclass

import numpy as np

from minivae.estimators.base import Estimator
from minivae.gaussian import log_density
from minivae.params import Params
from minivae.protocols import New, Parts, PosteriorWithDensity
from minivae.vae import VAE


@dataclass(frozen=True)
class SGVBB(Estimator):
    """Estimator B (eq. 7): log p(x|z) sampled, the KL analytic. The default, and the fastest."""

    name = "sgvb-b"

    def forward_backward(
        self,
        vae: VAE,
        params: Params,
        x: np.ndarray,
        noise: np.ndarray,
        M: int,
        state: dict[str, float],
        new: New = np.empty,
    ) -> tuple[float, Parts]:
        """See the module docstring; the work is done by `VAE.forward_backward`."""
        return vae.forward_backward(params, x, noise, M, new)


class Sampled(Estimator):
    """Bounds made of f_l alone: their mean, unless a subclass weighs the samples otherwise.

    For a bound with d bound / d f_l = w_l,

        dtheta = sum_l w_l d log p(x|z_l)
        dz_l   = w_l (d log p(x|z_l) / dz - z_l - d log q(z_l|x) / dz)
        dq_params = sum_l (dz_l through z_l = g(eps_l, q_params)) - w_l d log q(z_l|x) / dq_params

    where the last term moves q's parameters with z held fixed.
    """

    density_methods = "log_density", "log_density_grad"

    def forward_backward(
        self,
        vae: VAE,
        params: Params,
        x: np.ndarray,
        noise: np.ndarray,
        M: int,
        state: dict[str, float],
        new: New = np.empty,
    ) -> tuple[float, Parts]:
        """See the module docstring."""
        q_params, encoder = vae.recognition(params, x, new)
        z, _ = vae.posterior.sample(q_params, noise, new)
        log_px, decoder = vae.generative(params, z, x, 1.0, new)
        f = log_px + log_density(z) - vae.posterior.log_density(z, q_params)
        bounds, weights = self._bounds_and_weights(f)
        weights = weights.astype(x.dtype) / M

        dz, decoder_parts = vae.generative_backward(params, decoder, new, weights)
        dz -= weights[..., None] * z
        dq_params = self._dq_params(vae.posterior, dz, z, q_params, noise, f, weights, state, new)
        encoder_parts = vae.recognition_backward(params, encoder, dq_params, new)
        return float(bounds.sum(dtype=np.float64)) / M, {**encoder_parts, **decoder_parts}

    def _bounds_and_weights(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return f.mean(axis=0), np.full_like(f, 1 / len(f))

    def _dq_params(
        self,
        posterior: PosteriorWithDensity,
        dz: np.ndarray,
        z: np.ndarray,
        q_params: np.ndarray,
        noise: np.ndarray,
        f: np.ndarray,
        weights: np.ndarray,
        state: dict[str, float],
        new: New,
    ) -> np.ndarray:
        dz_of_q, dq_params_of_density = posterior.log_density_grad(z, q_params, weights)
        return (
            posterior.sample_backward(dz - dz_of_q, q_params, noise, 0, new) - dq_params_of_density
        )


@dataclass(frozen=True)
class SGVBA(Sampled):
    """Estimator A (eq. 6): the mean of f_l, for any posterior whose density is known."""

    name = "sgvb-a"


@dataclass(frozen=True)
class ImportanceWeighted(Sampled):
    """The importance-weighted bound log (1/L) sum_l exp f_l, whose w_l is softmax(f)_l.

    It grows with L towards log p(x). `fit(..., noise_samples=L)` sets L.
    """

    name = "importance-weighted"

    def _bounds_and_weights(self, f: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_total = np.logaddexp.reduce(f, axis=0)  # SciPy's logsumexp takes forty times as long
        return log_total - np.log(len(f)), np.exp(f - log_total)
