"""The clutter problem (Minka 2001): find the mean of a signal, when half of the data are noise.

    theta ~ N(0, v I),    x_i | theta ~ w N(theta, I) + (1 - w) N(0, c I),    v = 100, c = 10

(Minka writes w for the share of clutter.) The posterior is a mixture of 2^n Gaussians, one for each
way to say which datapoints are signal. In its place comes a single one, q(theta) = N(mu, diag
sigma^2), fitted by gradients through theta = mu + sigma * eps (sec. 2.4, theta in the place of z):

    ELBO = mean_l sum_i log p(x_i | theta_l) - KL(q || p(theta))
    -KL  = 1/2 sum_j (1 + log sigma_j^2 - log v - (mu_j^2 + sigma_j^2) / v)

**Gradient.** Clutter does not depend on theta: d/dtheta log p(x_i|theta) = r_i (x_i - theta),
where r_i = p(x_i is signal | x_i, theta). Hence, with g_l = sum_i r_li (x_i - theta_l),

    dELBO/dmu      = mean_l g_l - mu / v
    dELBO/dlog_var = mean_l g_l * eps_l * sigma / 2 + (1 - sigma^2 / v) / 2
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import expit, logsumexp

from minivae.gaussian import log_density
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.protocols import Optimizer
from minivae.validation import check_count, check_positive

_MOST = 16  # datapoints to enumerate


@dataclass(frozen=True, eq=False)
class Clutter:
    """The model and its data.

    Parameters
    ----------
    x : (n, d) or (n,) array
        Datapoints; kept as (n, d).
    w : float
        Share of signal, between 0 and 1.
    clutter_var, prior_var : float
        The variances c and v.

    Raises
    ------
    ValueError
        If an argument does not fit.
    """

    x: np.ndarray
    w: float = 0.5
    clutter_var: float = 10.0
    prior_var: float = 100.0

    def __post_init__(self) -> None:
        x = np.asarray(self.x, np.float64)
        x = x[:, None] if x.ndim == 1 else x
        if x.ndim != 2 or x.size == 0:
            raise ValueError(f"x has shape {np.shape(self.x)}, expected (n, d) or (n,)")
        if not np.all(np.isfinite(x)):
            raise ValueError("x has values that are NaN or infinite, expected finite numbers")
        object.__setattr__(self, "x", x)
        if not 0 < self.w < 1:
            raise ValueError(f"w is {self.w!r}, expected a number in (0, 1)")
        check_positive("clutter_var", self.clutter_var)
        check_positive("prior_var", self.prior_var)

    @classmethod
    def simulate(
        cls, theta: np.ndarray, n: int, rng: np.random.Generator, **options: float
    ) -> "Clutter":
        """Draw n datapoints with the signal at theta, (d,)."""
        n = check_count("n", n)
        model = cls(np.zeros((n, np.size(theta))), **options)
        signal = rng.random((n, 1)) < model.w
        noise = rng.standard_normal(model.x.shape)
        x = np.where(signal, theta + noise, np.sqrt(model.clutter_var) * noise)
        return cls(x, **options)

    def log_parts(self, theta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return log [w N(x_i; theta, I)] and log [(1 - w) N(x_i; 0, c I)], of shape (..., n).

        Parameters
        ----------
        theta : (..., d) array
        """
        signal = np.log(self.w) + log_density(self.x, theta[..., None, :])
        clutter = np.log1p(-self.w) + log_density(self.x, 0.0, np.log(self.clutter_var))
        return signal, clutter

    def log_joint(self, theta: np.ndarray) -> np.ndarray:
        """Return log p(theta, x_1, ..., x_n) in nats, (...), for theta of shape (..., d)."""
        log_prior = log_density(theta, 0.0, np.log(self.prior_var))
        return log_prior + np.logaddexp(*self.log_parts(theta)).sum(axis=-1)


# --- A Gaussian in its place ----------------------------------------------------------------------


class ClutterFit(NamedTuple):
    """What `fit_gaussian` returns.

    Attributes
    ----------
    q : Params
        Arrays "mu" and "log_var", (d,) each: the mean over the second half of the steps.
    bounds : (steps,) array
        The estimated bound before every step, in nats for all the data together.
    """

    q: Params
    bounds: np.ndarray


def gaussian_params(mu: np.ndarray, log_var: np.ndarray) -> Params:
    """Return q(theta) as `Params` with arrays "mu" and "log_var", (d,) each.

    Raises
    ------
    ValueError
        If they are not two vectors of the same length, or two numbers.
    """
    mu, log_var = np.atleast_1d(mu), np.atleast_1d(log_var)
    if mu.ndim != 1 or mu.shape != log_var.shape:
        raise ValueError(
            f"log_var has shape {log_var.shape}, and mu {mu.shape}, expected (d,) twice"
        )
    vector = np.concatenate([mu, log_var]).astype(np.float64)
    return Params(dict.fromkeys(("mu", "log_var"), mu.shape), vector)


def elbo_and_grad(model: Clutter, q: Params, noise: np.ndarray) -> tuple[float, Params]:
    """Estimate the bound on log p(x_1, ..., x_n) and its gradient; see the module docstring.

    Parameters
    ----------
    model : Clutter
    q : Params
        "mu" and "log_var", as from `gaussian_params`.
    noise : (L, d) array
        Standard normal eps. The estimate is a deterministic function of its arguments.

    Returns
    -------
    elbo : float
        In nats, for all the data together.
    grad : Params
    """
    mu, log_var, v = q["mu"], q["log_var"], model.prior_var
    sigma = np.exp(log_var / 2)
    theta = mu + sigma * noise
    signal, clutter = model.log_parts(theta)
    log_px = np.logaddexp(signal, clutter).sum(axis=1)
    minus_kl = 0.5 * np.sum(1 + log_var - np.log(v) - (mu**2 + sigma**2) / v)
    r = expit(signal - clutter)  # (L, n)
    dtheta = r @ model.x - r.sum(axis=1, keepdims=True) * theta
    dmu = dtheta.mean(axis=0) - mu / v
    dlog_var = np.mean(dtheta * noise, axis=0) * sigma / 2 + (1 - sigma**2 / v) / 2
    return float(log_px.mean() + minus_kl), gaussian_params(dmu, dlog_var)


def fit_gaussian(
    model: Clutter,
    noise: np.ndarray,
    *,
    optimizer: Optimizer | None = None,
    start: Params | None = None,
) -> ClutterFit:
    """Fit q(theta) by stochastic gradient ascent on the bound.

    The noise keeps the parameters moving about the maximum; their mean over the second half of the
    steps is far closer to it than the last of them (Polyak and Juditsky 1992).
    The posterior may have several modes, and the bound as many maxima: `start` decides.

    Parameters
    ----------
    model : Clutter
    noise : (steps, L, d) array
        Standard normal: the eps of every step.
    optimizer : Adagrad, SGD or Adam
        Default ``Adagrad(0.5)``.
    start : Params, optional
        Default: the mean of the data, and sigma = 1.

    Returns
    -------
    result : ClutterFit

    Raises
    ------
    ValueError
        If `noise` or `start` is not of the data's dimension.
    """
    d = model.x.shape[1]
    noise = np.asarray(noise, np.float64)
    if noise.ndim != 3 or 0 in noise.shape or noise.shape[2] != d:
        raise ValueError(f"noise has shape {noise.shape}, expected (steps, L, {d})")
    if start is not None and start.shapes != {"mu": (d,), "log_var": (d,)}:
        raise ValueError(f"start has {start.shapes}, expected mu and log_var of shape ({d},)")
    optimizer = Adagrad(0.5) if optimizer is None else optimizer
    q = gaussian_params(model.x.mean(axis=0), np.zeros(d)) if start is None else start.copy()
    state, path, bounds = optimizer.init(q.vector), [], np.empty(len(noise))
    for t, eps in enumerate(noise):
        bounds[t], grad = elbo_and_grad(model, q, eps)
        optimizer.update(q.vector, grad.vector, state, t + 1, decay=0.0)
        path.append(q.vector.copy())
    return ClutterFit(q.like(np.mean(path[len(path) // 2 :], axis=0)), bounds)


# --- What it approximates -------------------------------------------------------------------------


@dataclass(frozen=True)
class ExactPosterior:
    """p(theta|x), exact.

    Attributes
    ----------
    model : Clutter
    log_evidence : float
        log p(x_1, ..., x_n), in nats.
    mean, variance : (d,) arrays
        Of theta given the data.
    """

    model: Clutter
    log_evidence: float
    mean: np.ndarray
    variance: np.ndarray

    def density(self, theta: np.ndarray) -> np.ndarray:
        """Return p(theta|x), (...), for theta of shape (..., d)."""
        return np.exp(self.model.log_joint(theta) - self.log_evidence)


def exact_by_enumeration(model: Clutter) -> ExactPosterior:
    """Sum over all 2^n ways to say which datapoints are signal: any dimension, few data.

    Given that those in S are (k of them, adding up to s), conjugacy gives

        theta | S ~ N(s / a, 1/a I),    a = k + 1/v
        log p(x_S) = -k d/2 log 2 pi - 1/2 sum_S |x|^2 + |s|^2 / 2a - d/2 log(v a)

    Parameters
    ----------
    model : Clutter
        With up to 16 datapoints.

    Returns
    -------
    posterior : ExactPosterior
    """
    n, d = model.x.shape
    if n > _MOST:
        raise ValueError(f"x has {n} datapoints, expected at most {_MOST}")
    S = (np.arange(2**n)[:, None] >> np.arange(n)) & 1  # every row a subset
    zero = np.zeros(d)
    signal, clutter = model.log_parts(zero)  # signal holds -|x|^2 / 2, as log p(x_S) does
    s, a = S @ model.x, S.sum(axis=1) + 1 / model.prior_var
    log_joint = S @ signal + (1 - S) @ clutter
    log_joint += np.sum(s**2, axis=1) / (2 * a) - d / 2 * np.log(model.prior_var * a)
    log_evidence = logsumexp(log_joint)
    weights, means = np.exp(log_joint - log_evidence), s / a[:, None]
    mean = weights @ means
    variance = weights @ ((means - mean) ** 2 + 1 / a[:, None])
    return ExactPosterior(model, float(log_evidence), mean, variance)


def exact_by_quadrature(model: Clutter, nodes: int = 8001) -> ExactPosterior:
    """Integrate over a grid with the trapezoidal rule: one dimension, up to some hundred data.

    For a smooth function that vanishes at both ends the rule converges faster than any power of the
    spacing: half of the narrowest standard deviation, 1 / sqrt(n), is fine enough for ten digits.

    Parameters
    ----------
    model : Clutter
        With d = 1.
    nodes : int
        Points on a grid that covers ten standard deviations of the prior and of the data.

    Returns
    -------
    posterior : ExactPosterior

    Raises
    ------
    ValueError
        If the data have more dimensions, or the grid would be too coarse.
    """
    if model.x.shape[1] != 1:
        raise ValueError(f"x has {model.x.shape[1]} dimensions, expected 1")
    nodes, reach = check_count("nodes", nodes, minimum=2), 10 * np.sqrt(model.prior_var)
    ends = min(-reach, model.x.min() - 10), max(reach, model.x.max() + 10)
    narrowest = 1 / np.sqrt(len(model.x) + 1 / model.prior_var)
    needed = 1 + int(np.ceil((ends[1] - ends[0]) / (narrowest / 2)))
    if nodes < needed:
        raise ValueError(f"nodes is {nodes:,}, expected at least {needed:,} for these data")
    theta = np.linspace(*ends, nodes)[:, None]
    log_joint = model.log_joint(theta) + np.log(theta[1, 0] - theta[0, 0])
    log_evidence = logsumexp(log_joint)
    p = np.exp(log_joint - log_evidence)
    mean = p @ theta
    return ExactPosterior(model, float(log_evidence), mean, p @ (theta - mean) ** 2)
