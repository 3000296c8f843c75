"""Classical variational inference: two known components, and a weight that is not known.

    w ~ Beta(alpha, beta),    c_i | w ~ Bernoulli(w),    x_i | c_i ~ p1 if c_i = 1, else p2

**Mean field.** Of all q(w) prod_i q(c_i), the best given the rest are (PRML 10.9)

    q(w) = Beta(gamma_1, gamma_2),    gamma_1 = alpha + sum q_i,    gamma_2 = beta + n - sum q_i
    q_i = q(c_i = 1) = sigmoid(r_i),  r_i = log p1(x_i) + A - log p2(x_i) - B

    A = E[log w]     = psi(gamma_1) - psi(gamma_1 + gamma_2)
    B = E[log (1-w)] = psi(gamma_2) - psi(gamma_1 + gamma_2)

with the digamma function psi; taking turns (coordinate ascent) raises the bound at every sweep:

    ELBO = sum_i [ q_i log p1(x_i) + (1 - q_i) log p2(x_i) - q_i log q_i - (1 - q_i) log (1 - q_i) ]
         + (alpha + sum q_i - gamma_1) A + (beta + n - sum q_i - gamma_2) B
         + log Beta(gamma_1, gamma_2) - log Beta(alpha, beta)

**Gradient**, with respect to gamma and to r, the logits of q. The derivative of log Beta(gamma) is
(A, B), which cancels that of the factors -gamma_1 and -gamma_2, and psi' is what is left:

    dELBO/dgamma_1 = s_1 psi'(gamma_1) - (s_1 + s_2) psi'(gamma_1 + gamma_2),
        s_1 = alpha + sum q_i - gamma_1,    s_2 = beta + n - sum q_i - gamma_2   (and 2 likewise)
    dELBO/dr_i     = q_i (1 - q_i) [log p1(x_i) + A - log p2(x_i) - B - r_i]

It is zero where the updates change nothing.

**Exact.** p(w|x) is a polynomial of degree n in w times the prior's Beta density, so that
Gauss-Jacobi quadrature, whose weight function is that density, has no error but rounding.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import (
    betaln,
    digamma,
    expit,
    log_expit,
    logit,
    logsumexp,
    polygamma,
    roots_jacobi,
)
from scipy.stats import beta as beta_distribution
from scipy.stats import norm

from minivae.validation import check_count, check_positive, check_rng


@dataclass(frozen=True, eq=False)
class Mixture:
    """The model and its data.

    Parameters
    ----------
    log_p1, log_p2 : (n,) arrays
        Log densities of the data under the two components, in nats.
    alpha, beta : float
        Of the prior Beta(alpha, beta) of the first component's weight w; Beta(1, 1) is uniform.

    Raises
    ------
    ValueError
        If the log densities are not of one shape or not finite, or alpha or beta is not positive.
    """

    log_p1: np.ndarray
    log_p2: np.ndarray
    alpha: float = 1.0
    beta: float = 1.0

    def __post_init__(self) -> None:
        for name in ("log_p1", "log_p2"):
            value = np.asarray(getattr(self, name), np.float64)
            if value.ndim != 1 or value.shape != np.shape(self.log_p1) or not len(value):
                raise ValueError(
                    f"{name} has shape {value.shape}, expected (n,), the same for both"
                )
            if not np.all(np.isfinite(value)):
                raise ValueError(
                    f"{name} has values that are NaN or infinite, expected log densities"
                )
            object.__setattr__(self, name, value)
        check_positive("alpha", self.alpha)
        check_positive("beta", self.beta)

    @classmethod
    def gaussian(
        cls,
        x: np.ndarray,
        means: Sequence[float],
        sds: Sequence[float],
        alpha: float = 1.0,
        beta: float = 1.0,
    ) -> "Mixture":
        """Make one of data (n,) and the means and standard deviations of two Gaussians."""
        log_p1, log_p2 = (norm.logpdf(x, m, s) for m, s in zip(means, sds, strict=True))
        return cls(log_p1, log_p2, alpha, beta)

    @property
    def log_ratio(self) -> np.ndarray:
        """Log p1(x_i) - log p2(x_i), (n,)."""
        return self.log_p1 - self.log_p2

    def log_likelihood(self, w: ArrayLike) -> np.ndarray:
        """Return log p(x_1, ..., x_n | w) in nats, in the shape of w, which is in [0, 1]."""
        w = np.asarray(w, np.float64)[..., None]
        with np.errstate(divide="ignore"):  # log 0 = -inf is right
            return np.logaddexp(np.log(w) + self.log_p1, np.log1p(-w) + self.log_p2).sum(axis=-1)


# --- Mean field -----------------------------------------------------------------------------------


class MeanField(NamedTuple):
    """What `coordinate_ascent` returns: q(w) = Beta(gamma), q(c_i = 1) = sigmoid(logits_i).

    Attributes
    ----------
    gamma : (2,) array
    logits : (n,) array
    elbos : (sweeps + 1,) array
        The bound, in nats for all the data together: at the start, then after every sweep.
    """

    gamma: np.ndarray
    logits: np.ndarray
    elbos: np.ndarray

    @property
    def weight(self) -> Any:
        """q(w), a frozen `scipy.stats.beta`."""
        return beta_distribution(*self.gamma)


def update_gamma(model: Mixture, logits: np.ndarray) -> np.ndarray:
    """Return the best (gamma_1, gamma_2) given q(c)."""
    expected = expit(logits).sum()
    return np.array([model.alpha + expected, model.beta + len(logits) - expected])


def update_logits(model: Mixture, gamma: np.ndarray) -> np.ndarray:
    """Return the logits of the best q(c_i = 1) given q(w)."""
    A, B = _expected_logs(gamma)
    return model.log_ratio + A - B


def elbo_and_grad(
    model: Mixture, gamma: np.ndarray, logits: np.ndarray
) -> tuple[float, dict[str, np.ndarray]]:
    """Compute the bound on log p(x_1, ..., x_n), in closed form, and its gradient.

    Parameters
    ----------
    model : Mixture
    gamma : (2,) array
        Positive.
    logits : (n,) array

    Returns
    -------
    elbo : float
        In nats, for all the data together.
    grad : dict of str to array
        With respect to "gamma" and "logits".
    """
    q = expit(logits)
    A, B = _expected_logs(gamma)
    slack = update_gamma(model, logits) - gamma  # s_1, s_2
    entropy = -q * log_expit(logits) - (1 - q) * log_expit(-logits)
    elbo = np.sum(q * model.log_p1 + (1 - q) * model.log_p2 + entropy)
    elbo += slack @ (A, B) + betaln(*gamma) - betaln(model.alpha, model.beta)
    grad = {
        "gamma": slack * polygamma(1, gamma) - slack.sum() * polygamma(1, gamma.sum()),
        "logits": q * (1 - q) * (update_logits(model, gamma) - logits),
    }
    return float(elbo), grad


def coordinate_ascent(
    model: Mixture,
    *,
    start: tuple[float, float] = (1.0, 1.0),
    sweeps: int = 1000,
    tol: float = 1e-10,
) -> MeanField:
    """Take turns with the two closed-form updates until the bound stands still.

    Parameters
    ----------
    model : Mixture
    start : pair of float
        The gamma to start from.
    sweeps : int
        At most so many.
    tol : float
        Stop after a sweep that raises the bound by less, in nats.

    Returns
    -------
    result : MeanField
    """
    gamma = np.array([check_positive("start", value) for value in start])
    check_positive("tol", tol)
    logits = update_logits(model, gamma)
    elbos = [elbo_and_grad(model, gamma, logits)[0]]
    for _ in range(check_count("sweeps", sweeps)):
        gamma = update_gamma(model, logits)
        logits = update_logits(model, gamma)
        elbos.append(elbo_and_grad(model, gamma, logits)[0])
        if elbos[-1] - elbos[-2] < tol:
            break
    return MeanField(gamma, logits, np.array(elbos))


def _expected_logs(gamma: np.ndarray) -> np.ndarray:
    """Return E[log w] and E[log (1 - w)] under Beta(gamma)."""
    return digamma(gamma) - digamma(gamma.sum())


# --- What it approximates -------------------------------------------------------------------------


def gibbs(
    model: Mixture, sweeps: int, rng: np.random.Generator, *, chains: int = 1, burn_in: int = 100
) -> np.ndarray:
    """Draw from p(w|x) by Gibbs sampling: c given w and x, then w given c, in turn.

        p(c_i = 1 | w, x_i) = sigmoid(log p1(x_i) - log p2(x_i) + logit w)
        p(w | c)            = Beta(alpha + sum c_i, beta + n - sum c_i)

    Parameters
    ----------
    model : Mixture
    sweeps : int
        Draws to keep of each chain.
    rng : numpy.random.Generator
    chains : int
        Independent chains, which start from the prior.
    burn_in : int
        Sweeps to throw away first.

    Returns
    -------
    w : (sweeps, chains) array
    """
    check_rng(rng)
    sweeps, chains = check_count("sweeps", sweeps), check_count("chains", chains)
    draws = np.empty((sweeps, chains))
    w = rng.beta(model.alpha, model.beta, chains)
    for t in range(-check_count("burn_in", burn_in, minimum=0), sweeps):
        p = expit(model.log_ratio + logit(w)[:, None])
        ones = np.sum(rng.random(p.shape) < p, axis=1)
        w = rng.beta(model.alpha + ones, model.beta + p.shape[1] - ones)
        if t >= 0:
            draws[t] = w
    return draws


@dataclass(frozen=True)
class ExactPosterior:
    """p(w|x), exact.

    Attributes
    ----------
    model : Mixture
    log_evidence : float
        log p(x_1, ..., x_n), in nats.
    mean, variance : float
        Of w given the data.
    """

    model: Mixture
    log_evidence: float
    mean: float
    variance: float

    def density(self, w: ArrayLike) -> np.ndarray:
        """Return p(w|x) in the shape of w, which is in (0, 1)."""
        log_prior = beta_distribution.logpdf(w, self.model.alpha, self.model.beta)
        return np.exp(log_prior + self.model.log_likelihood(w) - self.log_evidence)


def exact_posterior(model: Mixture) -> ExactPosterior:
    """Compute the evidence and the moments of p(w|x) by Gauss-Jacobi quadrature.

    The second moment is the integral of a polynomial of degree n + 2, for which n / 2 + 2 nodes
    are enough.

    Parameters
    ----------
    model : Mixture

    Returns
    -------
    posterior : ExactPosterior
    """
    # SciPy's nodes are on [-1, 1], for the weight function (1 - t)^a (1 + t)^b; here t = 2 w - 1.
    t, weights = roots_jacobi(len(model.log_p1) // 2 + 2, model.beta - 1, model.alpha - 1)
    w = (1 + t) / 2
    log_joint = np.log(weights / weights.sum()) + model.log_likelihood(w)
    log_evidence = logsumexp(log_joint)
    p = np.exp(log_joint - log_evidence)
    mean = p @ w
    return ExactPosterior(model, float(log_evidence), float(mean), float(p @ (w - mean) ** 2))
