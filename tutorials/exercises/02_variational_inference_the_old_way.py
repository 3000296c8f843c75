"""Exercises of notebook 2: mean field for K ovens and for clutter, the slope of a heavy tail."""

import numpy as np
from scipy.special import digamma, expit, softmax
from scipy.stats import norm

from exercises import Exercise
from exercises.made_up import different


def sweep_problem(rng):
    n, K = different(rng, 2)
    return {
        "log_px": -3 * rng.random((n, K)),
        "alpha": rng.uniform(0.5, 2, K),
        "gamma": rng.uniform(0.5, 4, K),
    }


def sweep_with(log_px, alpha, gamma, expected_logs=None, axis=1):
    A = digamma(gamma) if expected_logs is None else expected_logs
    q = softmax(log_px + A, axis=axis)
    return q, alpha + q.sum(axis=0)


def logs_of_means(log_px, alpha, gamma):
    return sweep_with(log_px, alpha, gamma, np.log(gamma))


def without_weights(log_px, alpha, gamma):
    return sweep_with(log_px, alpha, gamma, 0)


def softmax_over_rolls(log_px, alpha, gamma):
    return sweep_with(log_px, alpha, gamma, axis=0)


def not_normalised(log_px, alpha, gamma):
    q = np.exp(log_px + digamma(gamma) - digamma(gamma.sum()))
    return q, alpha + q.sum(axis=0)


def added_to_gamma(log_px, alpha, gamma):
    q, _ = sweep_with(log_px, alpha, gamma)
    return q, gamma + q.sum(axis=0)


def without_prior(log_px, alpha, gamma):
    q, _ = sweep_with(log_px, alpha, gamma)
    return q, q.sum(axis=0)


def one_too_few(log_px, alpha, gamma):
    q, new = sweep_with(log_px, alpha, gamma)
    return q, new - 1


def clutter_problem(rng):
    n, v = int(rng.integers(4, 10)), rng.uniform(4, 12)
    x = rng.normal(1, 2, n)
    q = expit(rng.standard_normal(n))
    return {"x": x, "q": q, "log_rubbish": norm.logpdf(x, 0, rng.uniform(2, 4)), "v": v}


def clutter_with(x, q, log_rubbish, v, *, weight=None, prior=None, spread=1.0):
    precision = (q.sum() if weight is None else weight) + (1 / v if prior is None else prior)
    mu, s2 = q @ x / precision, 1 / precision
    logits = -0.5 * np.log(2 * np.pi) - 0.5 * ((x - mu) ** 2 + spread * s2) - log_rubbish
    return mu, s2, logits


def all_signal(x, q, log_rubbish, v):
    return clutter_with(x, q, log_rubbish, v, weight=len(x))


def no_prior(x, q, log_rubbish, v):
    return clutter_with(x, q, log_rubbish, v, prior=0)


def prior_precision_v(x, q, log_rubbish, v):
    return clutter_with(x, q, log_rubbish, v, prior=v)


def at_the_mean(x, q, log_rubbish, v):
    return clutter_with(x, q, log_rubbish, v, spread=0)


def the_precision(x, q, log_rubbish, v):
    mu, s2, logits = clutter_with(x, q, log_rubbish, v)
    return mu, 1 / s2, logits


def probabilities(x, q, log_rubbish, v):
    mu, s2, logits = clutter_with(x, q, log_rubbish, v)
    return mu, s2, expit(logits)


def tail_problem(rng):
    L, n = different(rng, 2)
    return {
        "theta": rng.standard_normal(L),
        "x": rng.normal(1, 2, n),
        "nu": rng.uniform(2, 5),
        "v": rng.uniform(2, 5),
    }


def pulls(theta, x, nu):
    return x - theta[:, None], (nu + 1) / (nu + (x - theta[:, None]) ** 2)


def tail_terms(theta, x, nu, v):
    distance, weight = pulls(theta, x, nu)
    return {"the prior's slope": -theta / v, "the slope of the data": np.sum(weight * distance, 1)}


def gaussian_tail(theta, x, nu, v):
    return np.sum(x - theta[:, None], axis=1) - theta / v


def averaged_over_data(theta, x, nu, v):
    distance, weight = pulls(theta, x, nu)
    return np.mean(weight * distance, axis=1) - theta / v


def log_joint(theta, x, nu, v):
    distance, _ = pulls(theta, x, nu)
    return -(nu + 1) / 2 * np.log1p(distance**2 / nu).sum(axis=1) - theta**2 / (2 * v)


def without_nu_plus_one(theta, x, nu, v):
    distance, weight = pulls(theta, x, nu)
    return np.sum(weight * distance, axis=1) / (nu + 1) - theta / v


def forgot_inner_derivative(theta, x, nu, v):
    distance, _ = pulls(theta, x, nu)
    return np.sum((nu + 1) * distance / (1 + distance**2 / nu), axis=1) - theta / v


EXERCISES = [
    Exercise(
        "sweep",
        sweep_problem,
        minutes=20,
        returns=("q", "new_gamma"),
        sizes=lambda log_px, **_: {"n": log_px.shape[0], "K": log_px.shape[1]},
        mistakes={
            "that has log E[w_k]; the mean of log p contains E[log w_k], with digamma": (
                logs_of_means
            ),
            "that forgets what q(w) says about the shares, E[log w_k]": without_weights,
            "it adds up to 1 over the rolls; the ovens of each roll have to": softmax_over_rolls,
            "the const in log q: each row of q has to add up to 1": not_normalised,
            "the old gamma is not in the best new one: start from the prior's alpha": (
                added_to_gamma
            ),
            "the prior's alpha is missing": without_prior,
            "the exponent is gamma_k - 1 as it is alpha_k - 1: nothing to take off": one_too_few,
        },
    ),
    Exercise(
        "clutter_sweep",
        clutter_problem,
        minutes=25,
        returns=("mu", "s2", "logits"),
        sizes=lambda x, **_: {"n": len(x)},
        mistakes={
            "a datapoint counts q_i, not 1: the precision is sum q_i + 1/v": all_signal,
            "the prior's precision 1/v is missing": no_prior,
            "v is the prior's variance, it adds 1/v to the precision": prior_precision_v,
            "E[(x_i - theta)^2] is (x_i - mu)^2 + s^2: theta is not known to be mu": at_the_mean,
            "that is the precision, the variance is 1 over it": the_precision,
            "these are the probabilities: return their logits": probabilities,
        },
    ),
    Exercise(
        "heavy_tail_slope",
        tail_problem,
        minutes=15,
        sizes=lambda theta, x, **_: {"L": len(theta), "n": len(x)},
        terms=tail_terms,
        mistakes={
            "that is the slope of Gaussian data: a distant x has to pull less": gaussian_tail,
            "the log densities of the data add up, and so do their slopes: a sum over x, no mean": (
                averaged_over_data
            ),
            "that is the log density, up to a constant; its slope by theta is wanted": log_joint,
            "the factor nu + 1 is missing": without_nu_plus_one,
            "the inner derivative of (x - theta)^2 / nu brings the factor 1/nu": (
                forgot_inner_derivative
            ),
        },
    ),
]
