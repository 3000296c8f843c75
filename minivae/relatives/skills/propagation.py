"""Expectation propagation (Minka 2001), its factorised form (TrueSkill), and its first pass.

p(s | outcomes) is the prior times a factor for every match, of which each is a function of
u_i = a_i s alone. In the place of factor i comes a Gaussian one, a *site*

    t_i(u) proportional to exp(nu_i u - pi_i u^2 / 2),

chosen so that, beside the other sites, it does to mean and variance what the factor itself does:

1. take the site out of u's marginal N(m, v): the *cavity* N(c, w), 1/w = 1/v - pi,
   c = w (m/v - nu);
2. put the factor in: Z(c, w) = E[p(outcome | u)], and with g = d log Z / dc, k = -d^2 log Z / dc^2
   the *tilted* mean and variance are c + w g and w - w^2 k, exactly;
3. the site that gives these two: pi = k / (1 - w k), nu = (g + c k) / (1 - w k).

At a fixed point the estimate of the evidence is the integral of prior times sites, each scaled as
its factor is:

    log Z_EP = sum_i [log Z_i + F(c_i, w_i) - F(m_i, v_i)] + F(mean, covariance) - F(prior)
    F(m, V)  = (log |V| + m V^-1 m) / 2

Here all sites move at once, which comes to the same fixed point as one after the other.
"""

from dataclasses import replace
from typing import NamedTuple

import numpy as np

from minivae.relatives.skills.model import Gaussian, Skills
from minivae.validation import check_count, check_positive


class Moved(NamedTuple):
    """What a factor does to its cavity.

    Attributes
    ----------
    log_Z : (n,) array
    g, k : (n,) arrays
        The first derivative of log Z by the cavity's mean, and minus the second.
    """

    log_Z: np.ndarray
    g: np.ndarray
    k: np.ndarray


def tilt(model: Skills, mean: np.ndarray, variance: np.ndarray) -> Moved:
    """Compare every outcome with what cavities N(mean, variance) of u expect; see `Moved`."""
    found = model.outcomes_given(mean, variance)
    total = 1 + variance
    g = (found.lower - found.upper) / np.sqrt(total)
    return Moved(found.log_mass, g, found.variance_lost / total)


def expectation_propagation(
    model: Skills, *, sweeps: int = 1000, tol: float = 1e-10, damping: float = 1.0
) -> Gaussian:
    """Fit a Gaussian with full covariance to p(s | outcomes).

    Parameters
    ----------
    model : Skills
    sweeps : int
        At most so many.
    tol : float
        Stop when no mean and no variance of a u moves by more.
    damping : float
        How far a site goes towards its new value, up to 1.

    Returns
    -------
    belief : Gaussian

    Raises
    ------
    RuntimeError
        If it has not converged.
    """
    return fixed_point(model, sweeps, tol, damping)[0]


def fixed_point(
    model: Skills, sweeps: int = 1000, tol: float = 1e-10, damping: float = 1.0
) -> tuple[Gaussian, np.ndarray, np.ndarray]:
    """Return what `expectation_propagation` does, and mean and variance of the cavities, (n,)."""
    A, prior = model.A, model.prior
    sweeps, damping = _check(sweeps, tol, damping)
    pi, nu = np.zeros(len(A)), np.zeros(len(A))
    belief, old = prior, np.full((2, len(A)), np.inf)
    for _ in range(sweeps):
        m, v = now = np.array(belief.along(A))
        w = 1 / (1 / v - pi)
        c = w * (m / v - nu)
        tilted = tilt(model, c, w)
        if np.max(np.abs(now - old), initial=0.0) < tol:
            sites = np.sum(tilted.log_Z + _F(c, w) - _F(m, v))
            log_evidence = float(sites + _F_full(belief) - _F_full(prior))
            return replace(belief, log_evidence=log_evidence), c, w
        old = now
        rest = 1 - w * tilted.k
        pi = pi + damping * (tilted.k / rest - pi)
        nu = nu + damping * ((tilted.g + c * tilted.k) / rest - nu)
        covariance = np.linalg.inv(np.diag(model.prior_sd**-2.0) + (A.T * pi) @ A)
        belief = Gaussian(covariance @ (nu @ A), covariance)
    raise _not_converged(sweeps)


def message_passing(
    model: Skills, *, sweeps: int = 10_000, tol: float = 1e-10, damping: float = 1.0
) -> Gaussian:
    """Do so with a Gaussian of its own for every skill: the messages of TrueSkill's factor graph.

    A match sends each of its teams, and h, a message N(s_j; nu_ij / pi_ij, 1 / pi_ij). The cavity
    of u is made of those of its three summands, which are taken for independent.

    Parameters
    ----------
    model : Skills
    sweeps, tol, damping
        As of `expectation_propagation`.

    Returns
    -------
    belief : Gaussian
        With a diagonal covariance.
    """
    A, prior = model.A, model.prior
    sweeps, damping = _check(sweeps, tol, damping)
    pi, nu = np.zeros(A.shape), np.zeros(A.shape)  # messages from match i to s_j; zero where A is
    now, old = np.array([prior.mean, model.prior_sd**2]), np.full((2, A.shape[1]), np.inf)
    for _ in range(sweeps):
        m, v = now
        w = 1 / (1 / v - pi)
        c = w * (m / v - nu)
        tilted = tilt(model, np.sum(A * c, axis=1), np.sum(A**2 * w, axis=1))
        g, k = A * tilted.g[:, None], A**2 * tilted.k[:, None]
        if np.max(np.abs(now - old)) < tol:
            belief = Gaussian(m, np.diag(v))
            sites = tilted.log_Z.sum() + np.sum(_F(c, w) - _F(m, v))
            return replace(belief, log_evidence=float(sites + _F_full(belief) - _F_full(prior)))
        rest = 1 - w * k
        pi = pi + damping * (k / rest - pi)
        nu = nu + damping * ((g + c * k) / rest - nu)
        variance = 1 / (model.prior_sd**-2.0 + pi.sum(axis=0))
        old, now = now, np.array([variance * nu.sum(axis=0), variance])
    raise _not_converged(sweeps)


def assumed_density_filter(model: Skills, *, factorised: bool = False) -> Gaussian:
    """Take the matches in once, in their order: the first pass of EP, without looking back.

    Each step is exact for one outcome and a Gaussian belief, and then calls the result a Gaussian:

        mean <- mean + C a g,    C <- C - C a k a^T C

    What comes out depends on the order of the matches.

    Parameters
    ----------
    model : Skills
    factorised : bool
        Whether to forget all correlations after every match, as TrueSkill does online.

    Returns
    -------
    belief : Gaussian
        `log_evidence` is the sum of the log probabilities with which the outcomes were predicted.
    """
    belief, total = model.prior, 0.0
    for i, a in enumerate(model.A):
        one = model.with_matches(slice(i, i + 1))
        tilted = tilt(one, *belief.along(a[None]))
        Ca = belief.covariance @ a
        covariance = belief.covariance - tilted.k * np.outer(Ca, Ca)
        if factorised:
            covariance = np.diag(np.diag(covariance))
        belief = Gaussian(belief.mean + tilted.g * Ca, covariance)
        total += tilted.log_Z.item()
    return replace(belief, log_evidence=total)


def _F(mean: np.ndarray, variance: np.ndarray) -> np.ndarray:
    return 0.5 * (np.log(variance) + mean**2 / variance)


def _F_full(belief: Gaussian) -> float:
    _, log_determinant = np.linalg.slogdet(belief.covariance)
    solved = np.linalg.solve(belief.covariance, belief.mean)
    return float(0.5 * (log_determinant + belief.mean @ solved))


def _check(sweeps: int, tol: float, damping: float) -> tuple[int, float]:
    sweeps = check_count("sweeps", sweeps)
    check_positive("tol", tol)
    if check_positive("damping", damping) > 1:
        raise ValueError(f"damping is {damping!r}, expected a number in (0, 1]")
    return sweeps, damping


def _not_converged(sweeps: int) -> RuntimeError:
    return RuntimeError(
        f"EP has not converged in {sweeps} sweeps: try more of them, or a smaller damping"
    )
