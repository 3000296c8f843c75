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

from minivae.mlp import mlp_backward, mlp_forward
from minivae.vae import Factors


class WakeSleepNoise(NamedTuple):
    """What the two phases draw at random.

    Attributes
    ----------
    eps : (L, m, J) array
        For z ~ q(z|x).
    z : (m, J) array
        Of the dreams, from the prior.
    seed : (1,) uint64 array
        Seeds the generator for the dreamt x ~ p(x|z).
    """

    eps: np.ndarray
    z: np.ndarray
    seed: np.ndarray


@dataclass(frozen=True)
class WakeSleep:
    """Wake-sleep as an estimator for `minivae.fit`; see `minivae.estimators` for the methods.

    One dream is dreamt for every datapoint. The bound that it reports is AEVB's (eq. 10), although
    only theta ascends it.
    """

    name = "wake-sleep"

    def noise(self, vae, L, m, dtype):
        """Return buffers for the noise of m datapoints."""
        eps, z = np.empty((L, m, vae.n_latent), dtype), np.empty((m, vae.n_latent), dtype)
        return WakeSleepNoise(eps, z, np.empty(1, np.uint64))

    def draw(self, vae, rng, noise):
        """Fill the buffers."""
        vae.posterior.draw_noise(rng, noise.eps)
        rng.standard_normal(out=noise.z, dtype=noise.z.dtype)
        noise.seed[0] = rng.integers(2**64, dtype=np.uint64)

    def propagate(self, vae, params, x, noise, batch_size, workspace, memory):
        """Return the bound and both phases' factors; see `minivae.estimators`."""
        # The dream comes first, because its pass through the decoder uses the wake phase's buffers.
        dream = self._dream(vae, params, noise, workspace)
        bound, decoder = self._wake(vae, params, x, noise.eps, batch_size, workspace)
        encoder = self._sleep(vae, params, dream, noise.z, batch_size, workspace)
        return bound, Factors(encoder, decoder)

    def remember(self, memory, bound):
        """Nothing lasts from step to step."""

    def _dream(self, vae, params, noise, workspace):
        """Return x ~ p(x|z)."""
        out, _ = mlp_forward(vae.decoder, params, noise.z, workspace)
        dream = workspace.empty("dream", (len(out), vae.n_features), out.dtype)
        dream[:] = vae.likelihood.sample(out, np.random.default_rng(noise.seed))
        return dream

    def _wake(self, vae, params, x, eps, M, workspace):
        """Return the bound, and what d/dtheta log p(x, z) is made of."""
        L = len(eps)
        stats, _ = mlp_forward(vae.encoder, params, x, workspace)
        z, minus_kl = vae.posterior.sample(stats, eps, workspace)
        out, cache = mlp_forward(vae.decoder, params, z, workspace)
        log_px = workspace.empty("log_px", (len(out),), x.dtype)
        vae.likelihood.log_prob_and_grad(out, x, 1 / (L * M), log_px)
        _, deltas = mlp_backward(vae.decoder, params, cache, out, workspace, input_gradient=False)
        return float(log_px.sum() / L + minus_kl.sum()) / M, (cache.activations, deltas)

    def _sleep(self, vae, params, dream, z, M, workspace):
        """Return what d/dphi log q(z|x) of the dreams is made of."""
        stats, cache = mlp_forward(vae.encoder, params, dream, workspace)
        weights = np.full(len(z), 1 / M, z.dtype)
        dstats = vae.posterior.log_density_grad(z, stats, weights)[1]
        _, deltas = mlp_backward(
            vae.encoder, params, cache, dstats, workspace, input_gradient=False
        )
        return cache.activations, deltas
