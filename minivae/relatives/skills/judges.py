"""What the approximations are judged by: each right, given time.

HMC and importance sampling work in coordinates in which a Gaussian that is already good, such as
EP's, is N(0, I): s = mean + C y. There a trajectory of Hamilton's equations is nearly a rotation of
(y, momentum) with the period 2 pi. After half a period y has become -y, and |y| as it was: means
would be superb, and standard deviations never found. So trajectories last a quarter, pi/2, where y
has been replaced by the fresh momentum.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from minivae.evaluation.hmc import HMC, Target, begin
from minivae.gaussian import log_density
from minivae.relatives.skills.model import Gaussian, Skills
from minivae.validation import check_count


class Judged(NamedTuple):
    """An estimate by sampling, with its standard errors.

    Attributes
    ----------
    belief : Gaussian
        The posterior's mean and covariance.
    mean_error, sd_error : (J,) arrays
        Standard errors of the mean and of the standard deviation of every unknown.
    log_evidence_error : float
        NaN, as is `belief.log_evidence`, if there is no estimate.
    """

    belief: Gaussian
    mean_error: np.ndarray
    sd_error: np.ndarray
    log_evidence_error: float


def in_coordinates_of(model: Skills, belief: Gaussian) -> Target:
    """Return log p(s, outcomes) + log |C| and its gradient in y as a target, s = mean + C y."""
    C = np.linalg.cholesky(belief.covariance)
    log_determinant = np.sum(np.log(np.diag(C)))

    def target(y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        log_p, grad = model.log_joint_and_grad(belief.mean + y @ C.T)
        return log_p + log_determinant, grad @ C

    return target


def by_hmc(
    model: Skills,
    around: Gaussian,
    *,
    chains: int,
    samples: int,
    rng: np.random.Generator,
    n_leapfrog: int = 6,
    warm_up: int = 20,
) -> Judged:
    """Sample p(s | outcomes) by Hamiltonian Monte Carlo, trajectories of a quarter period.

    Parameters
    ----------
    model : Skills
    around : Gaussian
        Whose coordinates are used, and from which the chains start.
    chains, samples : int
        Chains, which are independent, and samples of each. Errors come from comparing chains.
    rng : numpy.random.Generator
    n_leapfrog : int
        Leapfrog steps of a quarter period.
    warm_up : int
        Transitions to throw away first.

    Returns
    -------
    result : Judged
        Without an evidence.
    """
    chains = check_count("chains", chains)
    if chains < 2:
        raise ValueError(f"chains is {chains}, expected at least 2: they are compared")
    target, hmc = in_coordinates_of(model, around), HMC(n_leapfrog)
    step = np.pi / 2 / n_leapfrog
    start = begin(target, rng.standard_normal((chains, len(around.mean))))
    _, start = hmc.sample(target, start, step, check_count("warm_up", warm_up), rng)
    drawn, _ = hmc.sample(target, start, step, check_count("samples", samples), rng)
    C = np.linalg.cholesky(around.covariance)
    s = around.mean + drawn.z @ C.T
    means = s.mean(axis=0)  # (chains, J)
    mean = means.mean(axis=0)
    squares = np.mean((s - mean) ** 2, axis=0)
    flat = (s - mean).reshape(-1, s.shape[-1])
    belief = Gaussian(mean, flat.T @ flat / len(flat))
    of_mean, of_square = (x.std(axis=0, ddof=1) / np.sqrt(chains) for x in (means, squares))
    return Judged(belief, of_mean, of_square / (2 * belief.sd), np.nan)


def by_importance_sampling(model: Skills, q: Gaussian, noise: np.ndarray) -> Judged:
    """Weigh draws from a Gaussian by p(s, outcomes) / q(s).

    Parameters
    ----------
    model : Skills
    q : Gaussian
    noise : (L, J) array
        Standard normal.

    Returns
    -------
    result : Judged
    """
    log_p, _ = in_coordinates_of(model, q)(noise)
    log_weights = log_p - log_density(noise)
    total = logsumexp(log_weights)
    share = np.exp(log_weights - total)  # of each draw
    s = q.mean + noise @ np.linalg.cholesky(q.covariance).T
    mean = share @ s
    away = s - mean
    belief = Gaussian(mean, (away.T * share) @ away, float(total - np.log(len(noise))))
    mean_error = np.sqrt(share**2 @ away**2)
    sd_error = np.sqrt(share**2 @ (away**2 - belief.sd**2) ** 2) / (2 * belief.sd)
    error = np.sqrt(np.sum((share - 1 / len(share)) ** 2))  # of the mean weight, relative to it
    return Judged(belief, mean_error, sd_error, float(error))


def by_quadrature(model: Skills, nodes: int = 301) -> Gaussian:
    """Integrate over a dense grid: two teams.

    The outcomes depend on s through u alone, whose rows are multiples of one direction without a
    home advantage and span a plane with it. Along the others the posterior is the prior.

    Parameters
    ----------
    model : Skills
        With two teams, or so few matches that A has rank two.
    nodes : int
        Points of the grid along each of the two directions, from -9 to 9 of the prior's standard
        deviations. The trapezoidal rule has nine digits once the posterior's narrowest standard
        deviation is their distance, and all of them soon after.

    Returns
    -------
    belief : Gaussian
        Mean, covariance and evidence, exact.
    """
    nodes = check_count("nodes", nodes, minimum=2)
    if not len(model.outcome):
        raise ValueError("outcome has no matches, expected at least one")
    _, sizes, directions = np.linalg.svd(model.A * model.prior_sd, full_matrices=False)
    plane = directions[sizes > 1e-12 * np.max(sizes, initial=0.0)]  # (rank, J), orthonormal, of z
    if len(plane) > 2:
        raise ValueError(f"A has rank {len(plane)}, expected 2: the matches of two teams")
    t = np.linspace(-9, 9, nodes)
    grid = np.stack(np.meshgrid(*[t] * len(plane), indexing="ij"), axis=-1).reshape(-1, len(plane))
    log_joint = log_density(grid) + len(plane) * np.log(t[1] - t[0])
    u = grid @ (plane * model.prior_sd) @ model.A.T
    log_joint += model.outcomes_given(u).log_mass.sum(axis=1)
    log_evidence = logsumexp(log_joint)
    p = np.exp(log_joint - log_evidence)
    mean = p @ grid
    away = grid - mean
    inner = (away.T * p) @ away - np.eye(len(plane))
    covariance = np.eye(len(model.prior_sd)) + plane.T @ inner @ plane
    scale = model.prior_sd
    return Gaussian(
        scale * (mean @ plane), covariance * np.outer(scale, scale), float(log_evidence)
    )
