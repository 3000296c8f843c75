"""Estimators of the bound and of its gradient: eq. 6, eq. 7, their rivals and relatives.

`fit(..., estimator=...)` takes any of them. With z_l = g(eps_l, x), L samples for every datapoint,
and the learning signal f_l = log p(x, z_l) - log q(z_l|x):

    SGVBB               log p(x|z_l) averaged over l, minus the exact KL (estimator B, eq. 7, 10)
    SGVBA               f_l averaged over l, everything sampled (estimator A, eq. 6)
    ImportanceWeighted  log mean_l exp f_l, a tighter bound (Burda, Grosse, Salakhutdinov 2015);
                        with L = 1 it is SGVBA
    ScoreFunction       the bound of SGVBA, its phi-gradient without reparameterisation (sec. 2.2)
    Denoising           SGVBB for an encoder that sees a corrupted x (Vincent et al. 2008)

The contract. An estimator is a frozen set of settings with four methods:

    noise = estimator.noise(vae, L, m, dtype)      buffers for m datapoints
    estimator.draw(vae, rng, noise)                fills them
    bound, factors = estimator.propagate(vae, params, x, noise, batch_size, workspace, memory)
    estimator.remember(memory, bound)              after each step, with the minibatch's bound

`propagate` is as `VAE.propagate`: a deterministic function of its arguments for some datapoints of
a minibatch of `batch_size`. `memory` is a dict of numbers that lasts from step to step, empty at
first and for most estimators always.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from minivae.gaussian import log_density
from minivae.mlp import mlp_backward, mlp_forward
from minivae.vae import Factors
from minivae.validation import as_pixels, check_fraction
from minivae.workspace import Workspace


class _Estimator:
    """What most estimators have in common: one eps per sample, and nothing to remember."""

    def noise(self, vae, L, m, dtype):
        """Return buffers for the noise of m datapoints."""
        return np.empty((L, m, vae.n_latent), dtype)

    def draw(self, vae, rng, noise):
        """Fill the buffers."""
        vae.posterior.draw_noise(rng, noise)

    def remember(self, memory, bound):
        """Change `memory` after a step whose minibatch had this bound: there is no need to."""


@dataclass(frozen=True)
class SGVBB(_Estimator):
    """Estimator B (eq. 7): log p(x|z) sampled, the KL analytic. The default, and the fastest."""

    name = "sgvb-b"

    def propagate(self, vae, params, x, noise, batch_size, workspace, memory):
        """See the module docstring; the work is done by `VAE.propagate`."""
        return vae.propagate(params, x, noise, batch_size, workspace)


class _Sampled(_Estimator):
    """Bounds made of f_l alone: their mean, unless a subclass weighs the samples otherwise.

    For a bound with d bound / d f_l = w_l,

        dtheta = sum_l w_l d log p(x|z_l)
        dz_l   = w_l (d log p(x|z_l) / dz - z_l - d log q(z_l|x) / dz)
        dstats = sum_l (dz_l through z_l = g(eps_l, stats)) - w_l d log q(z_l|x) / dstats

    where the last term moves q's parameters with z held fixed.
    """

    def propagate(self, vae, params, x, noise, batch_size, workspace, memory):
        """See the module docstring."""
        stats, encoder_cache = mlp_forward(vae.encoder, params, x, workspace)
        z, _ = vae.posterior.sample(stats, noise, workspace)
        dout, decoder_cache = mlp_forward(vae.decoder, params, z, workspace)
        log_px = workspace.empty("log_px", (len(z),), x.dtype)
        vae.likelihood.log_prob_and_grad(dout, x, 1.0, log_px)
        f = log_px + log_density(z) - vae.posterior.log_density(z, stats)
        bounds, weights = self._bounds_and_weights(f.reshape(len(noise), len(x)))
        weights = weights.reshape(-1).astype(x.dtype) / batch_size

        dout *= weights[:, None]
        dz, decoder_deltas = mlp_backward(vae.decoder, params, decoder_cache, dout, workspace)
        dz -= weights[:, None] * z
        dstats = self._dstats(vae.posterior, dz, z, stats, noise, f, weights, workspace, memory)
        _, encoder_deltas = mlp_backward(
            vae.encoder, params, encoder_cache, dstats, workspace, input_gradient=False
        )
        factors = Factors(
            (encoder_cache.activations, encoder_deltas),
            (decoder_cache.activations, decoder_deltas),
        )
        return float(bounds.sum(dtype=np.float64)) / batch_size, factors

    def _bounds_and_weights(self, f):
        return f.mean(axis=0), np.full_like(f, 1 / len(f))

    def _dstats(self, posterior, dz, z, stats, noise, f, weights, workspace, memory):
        dz_of_q, dstats_of_q = posterior.log_density_grad(z, stats, weights)
        dstats = posterior.sample_backward(dz - dz_of_q, stats, noise, 0, workspace)
        dstats -= dstats_of_q
        return dstats


@dataclass(frozen=True)
class SGVBA(_Sampled):
    """Estimator A (eq. 6): the mean of f_l, for any posterior whose density is known."""

    name = "sgvb-a"


@dataclass(frozen=True)
class ImportanceWeighted(_Sampled):
    """The importance-weighted bound log (1/L) sum_l exp f_l, whose w_l is softmax(f)_l.

    It grows with L towards log p(x). `fit(..., noise_samples=L)` sets L.
    """

    name = "importance-weighted"

    def _bounds_and_weights(self, f):
        return logsumexp(f, axis=0) - np.log(len(f)), softmax(f, axis=0)


BASELINES = ("none", "running", "optimal")


@dataclass(frozen=True)
class ScoreFunction(_Sampled):
    """The naive estimator of sec. 2.2: d E_q[f] / dphi = E_q[f d log q(z|x) / dphi].

    As E_q[d log q / dphi] = 0, any baseline b that does not depend on z_l may be taken off f_l: the
    gradient stays unbiased and its variance may fall. (The bound of theta is as in SGVB-A.)

    Parameters
    ----------
    baseline : str
        "none"; "running": the mean of the minibatch bounds seen so far, recent ones weighing more;
        "optimal": for every stat s of every datapoint b = E[f (dlog q/ds)^2] / E[(dlog q/ds)^2],
        which minimises the variance of that entry, estimated from the other samples of that
        datapoint (so that b does not depend on z_l; it takes L >= 2).
    memory_decay : float
        Of the running mean, per step.
    """

    baseline: str = "none"
    memory_decay: float = 0.99
    name = "score-function"

    def __post_init__(self):
        if self.baseline not in BASELINES:
            raise ValueError(
                f"baseline is {self.baseline!r}, expected one of {', '.join(BASELINES)}"
            )
        check_fraction("memory_decay", self.memory_decay)

    def noise(self, vae, L, m, dtype):
        """Return buffers for the noise of m datapoints."""
        if self.baseline == "optimal" and L < 2:
            raise ValueError(f"noise_samples is {L}, the optimal baseline expects at least 2")
        return super().noise(vae, L, m, dtype)

    def remember(self, memory, bound):
        """Update the running mean: a weighted sum of bounds and the sum of the weights."""
        if self.baseline == "running":
            for name, value in (("total", bound), ("weight", 1.0)):
                memory[name] = self.memory_decay * memory.get(name, 0.0) + value

    def _running_mean(self, memory):
        if self.baseline == "none" or not memory:
            return 0.0
        return memory["total"] / memory["weight"]

    def _dstats(self, posterior, dz, z, stats, noise, f, weights, workspace, memory):
        if self.baseline == "optimal":
            dstats = _optimally_controlled(posterior, z, stats, f.reshape(len(noise), -1), weights)
        else:
            b = self._running_mean(memory)
            dstats = posterior.log_density_grad(z, stats, weights * (f - b))[1]
        return dstats


def _optimally_controlled(posterior, z, stats, f, weights):
    """Return sum_l w_l (f_l - b_l) dlog q(z_l|x)/dstats, b_l from all samples but z_l."""
    L, M = f.shape
    ones = np.ones(M, f.dtype)
    score = np.stack(
        [posterior.log_density_grad(z[rows], stats, ones)[1] for rows in _by_sample(L, M)]
    )
    f = f[:, :, None]
    squares = score**2
    others = _sums_of_others(squares)
    b = _sums_of_others(squares * f) / np.maximum(others, np.finfo(f.dtype).tiny)
    return np.sum(weights.reshape(L, M, 1) * (f - b) * score, axis=0)


def _sums_of_others(terms):
    """For every entry of the first axis the sum of all others.

    The sum of all minus the entry would be left with rounding errors alone where it is the largest.
    """
    return np.stack([np.delete(terms, k, axis=0).sum(axis=0) for k in range(len(terms))])


def _by_sample(L, M):
    return [slice(sample * M, (sample + 1) * M) for sample in range(L)]


@dataclass(frozen=True)
class Denoising(_Estimator):
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

    def noise(self, vae, L, m, dtype):
        """Return buffers: eps, and the mask by which pixels are multiplied."""
        return super().noise(vae, L, m, dtype), np.empty((m, vae.n_features), dtype)

    def draw(self, vae, rng, noise):
        """Fill the buffers."""
        eps, kept = noise
        super().draw(vae, rng, eps)
        np.greater_equal(rng.random(kept.shape, kept.dtype), self.corruption, out=kept)

    def propagate(self, vae, params, x, noise, batch_size, workspace, memory):
        """See the module docstring."""
        eps, kept = noise
        corrupted = workspace.empty("corrupted", x.shape, x.dtype)
        np.multiply(x, kept, out=corrupted)
        return vae.propagate(params, x, eps, batch_size, workspace, inputs=corrupted)


def bound_and_grad(estimator, vae, params, x, noise, memory=None):
    """Estimate the bound per datapoint, in nats, and its gradient, on a whole minibatch.

    Parameters
    ----------
    estimator : estimator
    vae : VAE
    params : Params
    x : (M, n_features) array
    noise : array or tuple of arrays
        As from ``estimator.noise(vae, L, M, dtype)`` and ``estimator.draw``.
    memory : dict, optional

    Returns
    -------
    bound : float
    grad : Params
        With respect to all parameters, laid out like `params`.
    """
    workspace = Workspace()
    vae.check_params(params)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    bound, factors = estimator.propagate(
        vae, params, x, noise, len(x), workspace, {} if memory is None else memory
    )
    grad = workspace.gradient(params)
    vae.gradient(factors, grad, grad.shares(1)[0])
    return bound, grad
