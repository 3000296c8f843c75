"""The wake-sleep algorithm (Hinton, Dayan, Frey, Neal 1995), the paper's first rival.

One step has two phases, each of which moves one half of the parameters:

    wake    z ~ q(z|x) for data x;      dtheta = d/dtheta log p(x, z)     with z held fixed
    sleep   (z, x) ~ p(z) p(x|z);       dphi   = d/dphi   log q(z|x)      with z, x held fixed

Wake ascends the bound in theta, just as AEVB does. Sleep descends KL(p(z|x) || q(z|x)), averaged
over dreams, where the bound would have the reverse, KL(q || p), averaged over the data: the two
phases do not optimise one function. There is no gradient through a sample.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minivae.estimators.base import Estimator
from minivae.params import Params
from minivae.protocols import New, Parts
from minivae.vae import VAE


class WakeSleepNoise(NamedTuple):
    """What the two phases draw at random.

    Attributes
    ----------
    eps : (L, m, J) array
        For z ~ q(z|x).
    z : (1, m, J) array
        Of the dreams, from the prior.
    seed : int
        Seeds the generator for the dreamt x ~ p(x|z).
    """

    eps: np.ndarray
    z: np.ndarray
    seed: int


@dataclass(frozen=True)
class WakeSleep(Estimator):
    """Wake-sleep as an estimator for `minivae.fit`; see `minivae.estimators` for the methods.

    One dream is dreamt for every datapoint. The bound that it reports is AEVB's (eq. 10), although
    only theta ascends it.
    """

    name = "wake-sleep"
    density_methods = ("log_density_grad",)

    def draw_noise(
        self,
        vae: VAE,
        rng: np.random.Generator,
        L: int,
        m: int,
        dtype: DTypeLike,
        new: New = np.empty,
    ) -> WakeSleepNoise:
        """Draw what both phases need for m datapoints."""
        eps = super().draw_noise(vae, rng, L, m, dtype, new)
        z = new((1, m, vae.n_latent), dtype)
        rng.standard_normal(out=z, dtype=z.dtype)
        return WakeSleepNoise(eps, z, int(rng.integers(2**64, dtype=np.uint64)))

    def forward_backward(
        self,
        vae: VAE,
        params: Params,
        x: np.ndarray,
        noise: WakeSleepNoise,
        M: int,
        state: dict[str, float],
        new: New = np.empty,
    ) -> tuple[float, Parts]:
        """Return the bound, and what both phases' gradients are made of."""
        bound, decoder_parts = self._wake(vae, params, x, noise.eps, M, new)
        encoder_parts = self._sleep(vae, params, noise, M, new)
        return bound, {**encoder_parts, **decoder_parts}

    def _dream(
        self, vae: VAE, params: Params, noise: WakeSleepNoise, new: New = np.empty
    ) -> np.ndarray:
        """Return x ~ p(x|z)."""
        out, _ = vae.decoder.forward(params, noise.z[0], new)
        return vae.likelihood.sample(out, np.random.default_rng([noise.seed]))

    def _wake(
        self, vae: VAE, params: Params, x: np.ndarray, eps: np.ndarray, M: int, new: New
    ) -> tuple[float, Parts]:
        """Return the bound, and what d/dtheta log p(x, z) is made of."""
        L = len(eps)
        q_params, _ = vae.recognition(params, x, new)
        z, minus_kl = vae.posterior.sample(q_params, eps, new)
        log_px, saved = vae.generative(params, z, x, 1 / (L * M), new)
        _, parts = vae.generative_backward(params, saved, new, input_gradient=False)
        return float(log_px.sum() / L + minus_kl.sum()) / M, parts

    def _sleep(self, vae: VAE, params: Params, noise: WakeSleepNoise, M: int, new: New) -> Parts:
        """Return what d/dphi log q(z|x) of the dreams is made of."""
        dream = self._dream(vae, params, noise, new)
        q_params, saved = vae.recognition(params, dream, new)
        weights = np.full(noise.z.shape[:2], 1 / M, q_params.dtype)
        dq_params = vae.posterior.log_density_grad(noise.z, q_params, weights)[1]
        return vae.recognition_backward(params, saved, dq_params, new)
