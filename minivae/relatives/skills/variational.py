"""A Gaussian q(s) by gradients: the trick of sec. 2.4 in the place of Minka's derivation.

In units of the prior, s = prior_sd * z with z ~ N(0, I), this is a VAE's bound for one datapoint,
the whole season, with no encoder: q(z) is one of the library's posteriors, and its parameters are
what is learned,

    ELBO = mean_l sum_i log p(outcome_i | u_i = a_i s_l) - KL(q(z) || N(0, I)),

with the gradient d log p / du = phi(l - u)/Z - phi(r - u)/Z by hand. Nothing else about the model
is needed: no cavity, no moments.

**Without noise.** Under a Gaussian q every u_i is N(m_i, v_i), and its expectation is an integral
in one dimension, which a grid does to rounding. With f = log p(outcome | u),

    dELBO/dm = E[f'],  dELBO/dv = E[f''] / 2   (Bonnet, Price; Opper and Archambeau 2009)

At the maximum q's precision is that of the prior plus sum_i -E[f''_i] a_i a_i^T (or its diagonal,
for a diagonal q), and the gradient of its mean is zero. `fit_by_quadrature` goes there, or half the
way where that would lower the bound.
"""

from dataclasses import replace
from typing import NamedTuple, TypeAlias

import numpy as np

from minivae.optimizers import Adam
from minivae.posteriors.diagonal import DiagonalGaussian
from minivae.posteriors.full_covariance import FullCovarianceGaussian
from minivae.protocols import Optimizer
from minivae.relatives.skills.model import Gaussian, Skills
from minivae.validation import check_count, check_positive

Family: TypeAlias = DiagonalGaussian | FullCovarianceGaussian
FAMILIES: dict[str, Family] = {f.name: f for f in (FullCovarianceGaussian(), DiagonalGaussian())}

_REACH, _NODES = 9.0, 41  # of the quadrature: how many standard deviations, and points at least


# --- By samples -----------------------------------------------------------------------------------


def elbo_and_grad(
    model: Skills,
    posterior: Family,
    q_params: np.ndarray,
    noise: np.ndarray,
) -> tuple[float, np.ndarray]:
    """Estimate the bound on log p(outcomes) and its gradient; see the module docstring.

    Parameters
    ----------
    model : Skills
    posterior : DiagonalGaussian or FullCovarianceGaussian
    q_params : (1, K) array
        Of q(z), as the posterior has them.
    noise : (L, 1, J) array
        Standard normal eps. The estimate is a deterministic function of its arguments.

    Returns
    -------
    elbo : float
        In nats, for all matches together.
    grad : (1, K) array
    """
    A = model.A * model.prior_sd
    z, minus_kl = posterior.sample(q_params, noise)
    found = model.outcomes_given(z @ A.T)
    dz = (found.lower - found.upper) @ A / len(noise)
    elbo = found.log_mass.sum() / len(noise) + minus_kl[0]
    return float(elbo), posterior.sample_backward(dz, q_params, noise, 1.0)


class Fit(NamedTuple):
    """What `fit_gaussian` returns.

    Attributes
    ----------
    belief : Gaussian
        Of the mean parameters over the second half of the steps; `log_evidence` is the exact ELBO.
    bounds : (steps,) array
        The estimated bound before every step, in nats.
    """

    belief: Gaussian
    bounds: np.ndarray


def fit_gaussian(
    model: Skills,
    noise: np.ndarray,
    *,
    family: str = "full-covariance",
    optimizer: Optimizer | None = None,
) -> Fit:
    """Fit q(s) by stochastic gradient ascent, from the prior.

    Parameters
    ----------
    model : Skills
    noise : (steps, L, J) array
        Standard normal: the eps of every step.
    family : str
        One of `FAMILIES`: "full-covariance", or "gaussian" for a diagonal one.
    optimizer : Adagrad, SGD or Adam
        Default ``Adam(0.02)``.

    Returns
    -------
    result : Fit
    """
    if family not in FAMILIES:
        raise ValueError(f"family is {family!r}, expected one of {', '.join(FAMILIES)}")
    posterior, J = FAMILIES[family], len(model.prior_sd)
    noise = np.asarray(noise, np.float64)
    if noise.ndim != 3 or 0 in noise.shape or noise.shape[2] != J:
        raise ValueError(f"noise has shape {noise.shape}, expected (steps, L, {J})")
    optimizer = Adam(0.02) if optimizer is None else optimizer
    vector = np.zeros(posterior.n_params(J))  # N(0, I)
    state, path, bounds = optimizer.init(vector), [], np.empty(len(noise))
    for t, eps in enumerate(noise):
        bounds[t], grad = elbo_and_grad(model, posterior, vector[None], eps[:, None])
        optimizer.update(vector, grad[0], state, t + 1, decay=0.0)
        path.append(vector.copy())
    mean = np.mean(path[len(path) // 2 :], axis=0, keepdims=True)
    return Fit(as_belief(model, posterior, mean), bounds)


def as_belief(model: Skills, posterior: Family, q_params: np.ndarray) -> Gaussian:
    """Return q as a Gaussian of s."""
    mu, log_var = posterior.moments(q_params)
    if isinstance(posterior, FullCovarianceGaussian):
        C = posterior.cholesky(q_params)[0] * model.prior_sd[:, None]
        covariance = C @ C.T
    else:
        covariance = np.diag(np.exp(log_var[0]) * model.prior_sd**2)
    belief = Gaussian(mu[0] * model.prior_sd, covariance)
    return replace(belief, log_evidence=elbo_by_quadrature(model, belief))


# --- By quadrature --------------------------------------------------------------------------------


class Expected(NamedTuple):
    """Means over u ~ N(m, v), for every match.

    Attributes
    ----------
    value, slope, curvature : (n,) arrays
        Of f = log p(outcome | u), f' and f''.
    """

    value: np.ndarray
    slope: np.ndarray
    curvature: np.ndarray


def expected_log_likelihood(model: Skills, m: np.ndarray, v: np.ndarray) -> Expected:
    """Return E[log p(outcome_i | u_i)] for u_i ~ N(m_i, v_i), and E of its two derivatives."""
    # The trapezoidal rule, whose error vanishes exponentially once the points are closer than the
    # width of q and half the noise of a match.
    widest = np.sqrt(np.max(v, initial=0.0))
    t = np.linspace(-_REACH, _REACH, _NODES * int(np.ceil(max(widest, 1.0))))[:, None]
    weights = np.exp(-(t[:, 0] ** 2) / 2)
    found = model.outcomes_given(m + np.sqrt(v) * t)
    parts = found.log_mass, found.lower - found.upper, -found.variance_lost
    return Expected(*(weights @ part / weights.sum() for part in parts))


def minus_kl(model: Skills, belief: Gaussian) -> float:
    """Return -KL(q || prior) in nats."""
    variance = np.diag(belief.covariance) / model.prior_sd**2
    squares = (belief.mean / model.prior_sd) ** 2 + variance
    log_ratio = np.linalg.slogdet(belief.covariance)[1] - 2 * np.sum(np.log(model.prior_sd))
    return float(0.5 * (log_ratio + len(variance) - squares.sum()))


def elbo_by_quadrature(model: Skills, belief: Gaussian) -> float:
    """Return the bound of a Gaussian q, in nats, without noise."""
    expected = expected_log_likelihood(model, *belief.along(model.A))
    return float(expected.value.sum()) + minus_kl(model, belief)


def fit_by_quadrature(
    model: Skills, *, diagonal: bool = False, sweeps: int = 1000, tol: float = 1e-10
) -> Gaussian:
    """Return the Gaussian with the highest bound, of all or of those with a diagonal covariance.

    Parameters
    ----------
    model : Skills
    diagonal : bool
        Whether q is to have no correlations: mean field.
    sweeps : int
        At most so many.
    tol : float
        Stop when no mean and no standard deviation moves by more.

    Returns
    -------
    belief : Gaussian
        Its `log_evidence` is the ELBO.

    Raises
    ------
    RuntimeError
        If it has not converged.
    """
    sweeps = check_count("sweeps", sweeps)
    check_positive("tol", tol)
    A, rate, belief = model.A, 1.0, model.prior
    bound, precision = elbo_by_quadrature(model, belief), np.diag(model.prior_sd**-2.0)
    for _ in range(sweeps):
        expected = expected_log_likelihood(model, *belief.along(A))
        slope = expected.slope @ A - belief.mean / model.prior_sd**2
        best = np.diag(model.prior_sd**-2.0) - (A.T * expected.curvature) @ A
        mean = belief.mean + rate * np.linalg.solve(best, slope)
        best = np.diag(np.diag(best)) if diagonal else best
        next_precision = precision + rate * (best - precision)
        new = Gaussian(mean, np.linalg.inv(next_precision))
        new_bound = elbo_by_quadrature(model, new)
        if new_bound < bound - 1e-9:  # rounding is less
            rate /= 2
            continue
        moved = np.max(np.abs([new.mean - belief.mean, new.sd - belief.sd]))
        belief, bound, precision = new, new_bound, next_precision
        if moved < tol * rate:
            return replace(belief, log_evidence=bound)
    raise RuntimeError(f"the bound has not reached its maximum in {sweeps} sweeps: try more")
