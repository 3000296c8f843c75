"""The naive estimator of sec. 2.2, without reparameterisation, and its baselines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import DTypeLike

from minivae.estimators.sgvb import Sampled
from minivae.protocols import New, PosteriorWithDensity
from minivae.vae import VAE
from minivae.validation import check_fraction

BASELINES = ("none", "running", "optimal")


@dataclass(frozen=True)
class ScoreFunction(Sampled):
    """The naive estimator of sec. 2.2: d E_q[f] / dphi = E_q[f d log q(z|x) / dphi].

    As E_q[d log q / dphi] = 0, any baseline b that does not depend on z_l may be taken off f_l: the
    gradient stays unbiased and its variance may fall. (The bound of theta is as in SGVB-A.)

    Parameters
    ----------
    baseline : str
        "none"; "running": the mean of the minibatch bounds seen so far, recent ones weighing more;
        "optimal": for every number s that describes q(z|x), of every datapoint,
        b = E[f (dlog q/ds)^2] / E[(dlog q/ds)^2], which minimises the variance of that entry,
        estimated from the other samples of that datapoint (so that b does not depend on z_l; it
        takes L >= 2).
    memory_decay : float
        Of the running mean, per step.
    """

    baseline: str = "none"
    memory_decay: float = 0.99
    name = "score-function"

    def __post_init__(self) -> None:
        if self.baseline not in BASELINES:
            raise ValueError(
                f"baseline is {self.baseline!r}, expected one of {', '.join(BASELINES)}"
            )
        check_fraction("memory_decay", self.memory_decay)

    def draw_noise(
        self,
        vae: VAE,
        rng: np.random.Generator,
        L: int,
        m: int,
        dtype: DTypeLike,
        new: New = np.empty,
    ) -> np.ndarray:
        """Draw eps, (L, m, J)."""
        if self.baseline == "optimal" and L < 2:
            raise ValueError(f"noise_samples is {L}, the optimal baseline expects at least 2")
        return super().draw_noise(vae, rng, L, m, dtype, new)

    def update(self, state: dict[str, float], bound: float) -> None:
        """Update the running mean: a weighted sum of bounds and the sum of the weights."""
        if self.baseline == "running":
            for name, value in (("total", bound), ("weight", 1.0)):
                state[name] = self.memory_decay * state.get(name, 0.0) + value

    def _running_mean(self, state: dict[str, float]) -> float:
        total, weight = state.get("total"), state.get("weight")
        return total / weight if self.baseline == "running" and total and weight else 0.0

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
        if self.baseline == "optimal":
            return _optimally_controlled(posterior, z, q_params, f, weights)
        signal = weights * (f - self._running_mean(state))
        return posterior.log_density_grad(z, q_params, signal)[1]


def _optimally_controlled(
    posterior: PosteriorWithDensity,
    z: np.ndarray,
    q_params: np.ndarray,
    f: np.ndarray,
    weights: np.ndarray,
) -> np.ndarray:
    """Return sum_l w_l (f_l - b_l) dlog q(z_l|x)/dq_params, b_l from all samples but z_l."""
    one = np.ones((1, len(q_params)), f.dtype)
    score = np.stack([posterior.log_density_grad(z_l[None], q_params, one)[1] for z_l in z])
    f = f[:, :, None]
    squares = score**2
    others = _sums_of_others(squares)
    b = _sums_of_others(squares * f) / np.maximum(others, np.finfo(f.dtype).tiny)
    return np.sum(weights[..., None] * (f - b) * score, axis=0)


def _sums_of_others(terms: np.ndarray) -> np.ndarray:
    """For every entry of the first axis the sum of all others.

    The sum of all minus the entry would be left with rounding errors alone where it is the largest.
    """
    return np.stack([np.delete(terms, k, axis=0).sum(axis=0) for k in range(len(terms))])
