"""Hamiltonian Monte Carlo for many targets at once: one chain per row (Neal 2011).

A target with log density log p(z), known up to a constant, is made the marginal of a density of z
and a momentum r ~ N(0, I), log p(z) - |r|^2 / 2. A transition draws r afresh, follows Hamilton's
equations for a while, and accepts where it has come to with probability

    min(1, exp(H(z, r) - H(z', r'))),        H(z, r) = -log p(z) + |r|^2 / 2.

The leapfrog scheme with step s, n times over,

    r <- r + s/2 grad log p(z),    z <- z + s r,    r <- r + s/2 grad log p(z),

can be run backwards (start from z', -r') and preserves volume: these two make the acceptance test
right for *every* s. What s decides is how well H is conserved: to order s^2.

**A target** is a function ``target(z)`` for z of shape (n, J) that returns the log density of every
row, (n,), and its gradient, (n, J). Rows are independent of each other. It may return the same
buffers each time: whatever is kept is copied.

**The step is tuned** by stochastic approximation on its logarithm (Robbins and Monro 1951),

    log s <- log s + gain * (acceptance - target_acceptance),

for every chain by itself, or for all together by their mean acceptance. It is jittered as well,
since for some targets n steps of one length come full circle and the chain stands still.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple, TypeAlias

import numpy as np

from minivae.validation import check_count, check_fraction, check_positive

Target: TypeAlias = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""See the module docstring."""


class Chains(NamedTuple):
    """Where n chains are, one per row.

    Attributes
    ----------
    z : (n, J) array
    log_p : (n,) array
        The target's log density there.
    grad : (n, J) array
        Its gradient.
    """

    z: np.ndarray
    log_p: np.ndarray
    grad: np.ndarray


class Noise(NamedTuple):
    """All that is random in one transition of n chains.

    Attributes
    ----------
    momentum : (n, J) array
        Standard normal.
    jitter : (n,) array
        Uniform in [0, 1), for the step.
    threshold : (n,) array
        Uniform in [0, 1), for the acceptance test.
    """

    momentum: np.ndarray
    jitter: np.ndarray
    threshold: np.ndarray


class Samples(NamedTuple):
    """What `HMC.sample` has drawn.

    Attributes
    ----------
    z : (K, n, J) array
        K samples of each of n chains.
    log_p : (K, n) array
        The target's log density there.
    acceptance : (n,) array
        Mean acceptance probability of each chain.
    """

    z: np.ndarray
    log_p: np.ndarray
    acceptance: np.ndarray


def draw_noise(rng: np.random.Generator, shape: tuple[int, int], dtype: Any = np.float64) -> Noise:
    """Draw the `Noise` of one transition of chains of that shape, (n, J)."""
    momentum = rng.standard_normal(shape, dtype)
    return Noise(momentum, *rng.random((2, shape[0]), dtype))


def begin(target: Target, z: np.ndarray) -> Chains:
    """Return the `Chains` that stand at z, (n, J)."""
    log_p, grad = target(z)
    return Chains(z.copy(), log_p.copy(), grad.copy())


def leapfrog(
    target: Target,
    z: np.ndarray,
    momentum: np.ndarray,
    grad: np.ndarray,
    step: float | np.ndarray,
    n_steps: int,
) -> tuple[Chains, np.ndarray]:
    """Follow Hamilton's equations from (z, momentum) for `n_steps` leapfrog steps.

    Parameters
    ----------
    target : callable
    z, momentum : (n, J) arrays
    grad : (n, J) array
        The target's gradient at z.
    step : float or (n, 1) array
    n_steps : int

    Returns
    -------
    end : Chains
        May live in the target's buffers.
    momentum : (n, J) array
    """
    r = momentum + step / 2 * grad
    for _ in range(n_steps):
        z = z + step * r
        log_p, grad = target(z)
        r = r + step * grad  # the end of this step and the beginning of the next
    return Chains(z, log_p, grad), r - step / 2 * grad


def energy(log_p: np.ndarray, momentum: np.ndarray) -> np.ndarray:
    """Return H = -log p(z) + |r|^2 / 2 of every row."""
    return 0.5 * np.einsum("ij,ij->i", momentum, momentum) - log_p


def acceptance_probability(before: np.ndarray, after: np.ndarray) -> np.ndarray:
    """Return min(1, exp(H - H')) for energies H and H'; 0 where the trajectory has blown up."""
    return np.nan_to_num(np.exp(np.minimum(before - after, 0)), nan=0.0)


@dataclass(frozen=True)
class HMC:
    """A sampler: how long its trajectories are, and how their step is tuned.

    Its methods depend on their arguments alone, the noise among them.

    Parameters
    ----------
    n_leapfrog : int
        Leapfrog steps of a transition. The paper takes 10 for EM (app. E), 4 for the marginal
        likelihood (app. D).
    target_acceptance : float
        Between 0 and 1; the paper's is 0.9.
    step_size : float
        Before tuning.
    gain : float
        Of the tuning: from an acceptance of 0, the step falls by the factor exp(-0.9 gain) in a
        transition, and from 1 it grows by exp(0.1 gain), if the target is 0.9.
    jitter : float
        A trajectory's step is up to this fraction longer or shorter than the tuned one.

    Raises
    ------
    ValueError
        If one of them is out of its range.
    """

    n_leapfrog: int = 10
    target_acceptance: float = 0.9
    step_size: float = 0.1
    gain: float = 1.0
    jitter: float = 0.2

    def __post_init__(self) -> None:
        object.__setattr__(self, "n_leapfrog", check_count("n_leapfrog", self.n_leapfrog))
        check_fraction("target_acceptance", self.target_acceptance)
        check_positive("target_acceptance", self.target_acceptance)
        check_positive("step_size", self.step_size)
        check_positive("gain", self.gain)
        check_fraction("jitter", self.jitter)

    def transition(
        self, target: Target, chains: Chains, step: float | np.ndarray, noise: Noise
    ) -> tuple[Chains, np.ndarray]:
        """Move every chain by one trajectory, or leave it where it is.

        Parameters
        ----------
        target : callable
        chains : Chains
            Not changed.
        step : float or (n,) array
        noise : Noise

        Returns
        -------
        chains : Chains
        acceptance : (n,) array
            The probability with which each proposal was accepted.
        """
        z, momentum = chains.z, noise.momentum
        steps = step * (1 + self.jitter * (2 * noise.jitter - 1))
        steps = steps.astype(z.dtype)[:, None]
        with np.errstate(over="ignore", invalid="ignore"):  # a blown-up trajectory is rejected
            end, r = leapfrog(target, z, momentum, chains.grad, steps, self.n_leapfrog)
            before, after = energy(chains.log_p, momentum), energy(end.log_p, r)
            acceptance = acceptance_probability(before, after)
        accepted = noise.threshold < acceptance
        return Chains(
            np.where(accepted[:, None], end.z, z),
            np.where(accepted, end.log_p, chains.log_p),
            np.where(accepted[:, None], end.grad, chains.grad),
        ), acceptance

    def tune(self, step: float | np.ndarray, acceptance: np.ndarray, weight: float = 1.0) -> Any:
        """Return the step for the next transition.

        Parameters
        ----------
        step : float or (n,) array
            One for all chains, or one for each.
        acceptance : (n,) array
            What `transition` returned with that step.
        weight : float
            A factor for the gain.

        Returns
        -------
        step : float or (n,) array
        """
        rate = acceptance if np.ndim(step) else acceptance.mean()
        return step * np.exp(weight * self.gain * (rate - self.target_acceptance))

    def warm_up(
        self, target: Target, chains: Chains, n: int, rng: np.random.Generator
    ) -> tuple[Chains, np.ndarray]:
        """Let chains forget where they started, and tune a step for each.

        Parameters
        ----------
        target : callable
        chains : Chains
        n : int
            Transitions.
        rng : numpy.random.Generator

        Returns
        -------
        chains : Chains
        step : (n,) array
            Tuned with a gain that falls to zero: in the beginning a step has far to go, in the end
            it should no longer follow the luck of single transitions.
        """
        step = np.full(len(chains.z), self.step_size)
        for t in range(check_count("n", n)):
            noise = draw_noise(rng, chains.z.shape, chains.z.dtype)
            chains, acceptance = self.transition(target, chains, step, noise)
            step = self.tune(step, acceptance, 1 - t / n)
        return chains, step

    def sample(
        self,
        target: Target,
        chains: Chains,
        step: float | np.ndarray,
        n: int,
        rng: np.random.Generator,
    ) -> tuple[Samples, Chains]:
        """Draw a sample per transition from every chain, with a step that stays as it is.

        Parameters
        ----------
        target : callable
        chains : Chains
        step : float or (n,) array
        n : int
            K, samples per chain.
        rng : numpy.random.Generator

        Returns
        -------
        samples : Samples
        chains : Chains
            Where they ended.
        """
        z = np.empty((n, *chains.z.shape), chains.z.dtype)
        log_p = np.empty(z.shape[:2], chains.log_p.dtype)
        total = np.zeros(len(chains.z))
        for k in range(n):
            noise = draw_noise(rng, chains.z.shape, chains.z.dtype)
            chains, acceptance = self.transition(target, chains, step, noise)
            z[k], log_p[k] = chains.z, chains.log_p
            total += acceptance
        return Samples(z, log_p, total / n), chains


def check_hmc(hmc: Any) -> HMC:
    """Return `hmc`, or raise ValueError unless it is an `HMC`."""
    if not isinstance(hmc, HMC):
        raise ValueError(f"hmc is {hmc!r}, expected one such as HMC(n_leapfrog=4)")
    return hmc
