"""Estimators of the bound and of its gradient: eq. 6, eq. 7, their rivals and relatives.

`fit(..., estimator=...)` takes any of them. With z_l = g(eps_l, x), L samples for every datapoint,
and the learning signal f_l = log p(x, z_l) - log q(z_l|x):

    SGVBB               log p(x|z_l) averaged over l, minus the exact KL (estimator B, eq. 7, 10)
    SGVBA               f_l averaged over l, everything sampled (estimator A, eq. 6)
    ImportanceWeighted  log mean_l exp f_l, a tighter bound (Burda, Grosse, Salakhutdinov 2015);
                        with L = 1 it is SGVBA
    ScoreFunction       the bound of SGVBA, its phi-gradient without reparameterisation (sec. 2.2)
    Denoising           SGVBB for an encoder that sees a corrupted x (Vincent et al. 2008)

The contract. An estimator is a frozen set of settings with three methods:

    noise = estimator.draw_noise(vae, rng, L, m, dtype, new)       for m datapoints
    bound, parts = estimator.forward_backward(vae, params, x, noise, M, state, new)
    estimator.update(state, bound)                 after each step, with the minibatch's bound

`forward_backward` is as `VAE.forward_backward`: a deterministic function of its arguments, for some
datapoints of a minibatch of M. `state` is a dict of numbers that lasts from step to step, empty at
first and for most estimators always. `new` makes arrays as `numpy.empty` does.
"""

from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp, softmax

from minivae.gaussian import log_density
from minivae.parts import sum_up
from minivae.validation import as_pixels, check_fraction


class Estimator:
    """What most estimators have in common: one eps per sample, and nothing to remember."""

    def draw_noise(self, vae, rng, L, m, dtype, new=np.empty):
        """Draw the noise for m datapoints: eps, (L, m, J)."""
        eps = new((L, m, vae.n_latent), dtype)
        vae.posterior.draw_noise(rng, eps)
        return eps

    def update(self, state, bound):
        """Change `state` after a step whose minibatch had this bound: there is no need to."""


@dataclass(frozen=True)
class SGVBB(Estimator):
    """Estimator B (eq. 7): log p(x|z) sampled, the KL analytic. The default, and the fastest."""

    name = "sgvb-b"

    def forward_backward(self, vae, params, x, noise, M, state, new=np.empty):
        """See the module docstring; the work is done by `VAE.forward_backward`."""
        return vae.forward_backward(params, x, noise, M, new)


class _Sampled(Estimator):
    """Bounds made of f_l alone: their mean, unless a subclass weighs the samples otherwise.

    For a bound with d bound / d f_l = w_l,

        dtheta = sum_l w_l d log p(x|z_l)
        dz_l   = w_l (d log p(x|z_l) / dz - z_l - d log q(z_l|x) / dz)
        dstats = sum_l (dz_l through z_l = g(eps_l, stats)) - w_l d log q(z_l|x) / dstats

    where the last term moves q's parameters with z held fixed.
    """

    def forward_backward(self, vae, params, x, noise, M, state, new=np.empty):
        """See the module docstring."""
        stats, encoder = vae.recognition(params, x, new)
        z, _ = vae.posterior.sample(stats, noise, new)
        log_px, decoder = vae.generative(params, z, x, 1.0, new)
        f = log_px + log_density(z) - vae.posterior.log_density(z, stats)
        bounds, weights = self._bounds_and_weights(f)
        weights = weights.astype(x.dtype) / M

        dz, decoder_parts = vae.generative_backward(params, decoder, new, weights)
        dz -= weights[..., None] * z
        dstats = self._dstats(vae.posterior, dz, z, stats, noise, f, weights, state, new)
        encoder_parts = vae.recognition_backward(params, encoder, dstats, new)
        return float(bounds.sum(dtype=np.float64)) / M, {**encoder_parts, **decoder_parts}

    def _bounds_and_weights(self, f):
        return f.mean(axis=0), np.full_like(f, 1 / len(f))

    def _dstats(self, posterior, dz, z, stats, noise, f, weights, state, new):
        dz_of_q, dstats_of_q = posterior.log_density_grad(z, stats, weights)
        return posterior.sample_backward(dz - dz_of_q, stats, noise, 0, new) - dstats_of_q


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

    def draw_noise(self, vae, rng, L, m, dtype, new=np.empty):
        """Draw eps, (L, m, J)."""
        if self.baseline == "optimal" and L < 2:
            raise ValueError(f"noise_samples is {L}, the optimal baseline expects at least 2")
        return super().draw_noise(vae, rng, L, m, dtype, new)

    def update(self, state, bound):
        """Update the running mean: a weighted sum of bounds and the sum of the weights."""
        if self.baseline == "running":
            for name, value in (("total", bound), ("weight", 1.0)):
                state[name] = self.memory_decay * state.get(name, 0.0) + value

    def _running_mean(self, state):
        if self.baseline == "none" or not state:
            return 0.0
        return state["total"] / state["weight"]

    def _dstats(self, posterior, dz, z, stats, noise, f, weights, state, new):
        if self.baseline == "optimal":
            return _optimally_controlled(posterior, z, stats, f, weights)
        signal = weights * (f - self._running_mean(state))
        return posterior.log_density_grad(z, stats, signal)[1]


def _optimally_controlled(posterior, z, stats, f, weights):
    """Return sum_l w_l (f_l - b_l) dlog q(z_l|x)/dstats, b_l from all samples but z_l."""
    one = np.ones((1, len(stats)), f.dtype)
    score = np.stack([posterior.log_density_grad(z_l[None], stats, one)[1] for z_l in z])
    f = f[:, :, None]
    squares = score**2
    others = _sums_of_others(squares)
    b = _sums_of_others(squares * f) / np.maximum(others, np.finfo(f.dtype).tiny)
    return np.sum(weights[..., None] * (f - b) * score, axis=0)


def _sums_of_others(terms):
    """For every entry of the first axis the sum of all others.

    The sum of all minus the entry would be left with rounding errors alone where it is the largest.
    """
    return np.stack([np.delete(terms, k, axis=0).sum(axis=0) for k in range(len(terms))])


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


def bound_and_grad(estimator, vae, params, x, noise, state=None):
    """Estimate the bound per datapoint, in nats, and its gradient, on a whole minibatch.

    Parameters
    ----------
    estimator : estimator
    vae : VAE
    params : Params
    x : (M, n_features) array
    noise : array or tuple of arrays
        As from ``estimator.draw_noise``.
    state : dict, optional

    Returns
    -------
    bound : float
    grad : Params
        With respect to all parameters, laid out like `params`.
    """
    vae.check_params(params)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    state = {} if state is None else state
    bound, parts = estimator.forward_backward(vae, params, x, noise, len(x), state)
    return bound, sum_up(parts, params)
