"""Wrong answers to the exercises of notebook 2, and what the checker must say to each."""

import numpy as np
from scipy.special import digamma, softmax


def sweep(log_px, alpha, gamma, logs=digamma, axis=1, operation=np.sum):
    q = softmax(log_px + logs(gamma), axis=axis)
    return q, alpha + operation(q, axis=0)


def means_of_shares(log_px, alpha, gamma):
    return sweep(log_px, alpha, gamma, logs=lambda g: np.log(g / g.sum()))


def over_rolls(log_px, alpha, gamma):
    return sweep(log_px, alpha, gamma, axis=0)


def summed_over_ovens(log_px, alpha, gamma):
    q, _ = sweep(log_px, alpha, gamma)
    return q, q.sum(axis=1)


def from_the_old_gamma(log_px, alpha, gamma):
    q, _ = sweep(log_px, alpha, gamma)
    return q, gamma + q.sum(axis=0)


def in_place(log_px, alpha, gamma):
    q, new = sweep(log_px, alpha, gamma)
    gamma[:] = new
    return q, gamma


def clutter(x, q, log_rubbish, v, spread=1.0):
    precision = q.sum() + 1 / v
    mu = np.sum(q * x) / precision
    logits = -0.5 * (np.log(2 * np.pi) + (x - mu) ** 2 + spread / precision) - log_rubbish
    return mu, 1 / precision, logits


def weighted_mean(x, q, log_rubbish, v):
    _, s2, logits = clutter(x, q, log_rubbish, v)
    return np.sum(q * x) / np.sum(q), s2, logits


def without_constant(x, q, log_rubbish, v):
    mu, s2, logits = clutter(x, q, log_rubbish, v)
    return mu, s2, logits + 0.5 * np.log(2 * np.pi)


def upside_down(x, q, log_rubbish, v):
    mu, s2, logits = clutter(x, q, log_rubbish, v)
    return mu, s2, -logits


def slope(theta, x, nu, v, prior=1.0, axis=1):
    distance = x - theta[:, None]
    pull = np.sum((nu + 1) * distance / (nu + distance**2), axis=axis)
    return pull - prior * theta / v


def not_summed(theta, x, nu, v):
    distance = x - theta[:, None]
    return (nu + 1) * distance / (nu + distance**2) - theta[:, None] / v


def log_of_q(log_px, alpha, gamma):
    q, new = sweep(log_px, alpha, gamma)
    return np.log(q), new


def first_alpha_then_q(log_px, alpha, gamma):
    q, new = sweep(log_px, alpha, gamma)
    return new, q


def mean_of_q(log_px, alpha, gamma):
    return sweep(log_px, alpha, gamma, operation=np.mean)


def of_alpha(log_px, alpha, gamma):
    return sweep(log_px, gamma, alpha)


def likelihood_alone(log_px, alpha, gamma):
    q = softmax(log_px, axis=1)
    return q, alpha + q.sum(axis=0)


def deviation(x, q, log_rubbish, v):
    mu, s2, logits = clutter(x, q, log_rubbish, v)
    return mu, np.sqrt(s2), logits


def not_divided(x, q, log_rubbish, v):
    _, s2, logits = clutter(x, q, log_rubbish, v)
    return np.sum(q * x), s2, logits


def deviation_of_prior(x, q, log_rubbish, v):
    return clutter(x, q, log_rubbish, v**0.5)


def swapped(x, q, log_rubbish, v):
    mu, s2, logits = clutter(x, q, log_rubbish, v)
    return s2, mu, logits


def one_logit(x, q, log_rubbish, v):
    mu, s2, logits = clutter(x, q, log_rubbish, v)
    return mu, s2, logits.sum()


def mean_over_data(theta, x, nu, v):
    distance = x - theta[:, None]
    return np.mean((nu + 1) * distance / (nu + distance**2), axis=1) - theta / v


def data_only_in_rows(theta, x, nu, v):
    distance = x[:, None] - theta
    return np.sum((nu + 1) * distance / (nu + distance**2), axis=1) - theta / v


def log_density(theta, x, nu, v):
    distance = x - theta[:, None]
    return -(nu + 1) / 2 * np.log1p(distance**2 / nu).sum(axis=1) - theta**2 / (2 * v)


WRONG = {
    "sweep": [
        (log_of_q, "the logarithm of what it should be"),
        (first_alpha_then_q, "q: that is new_gamma; the order is q, new_gamma"),
        (mean_of_q, "new_gamma"),
        (of_alpha, "came at index"),
        (likelihood_alone, "what q(w) says about the shares"),
        (lambda log_px, alpha, gamma: sweep(log_px, alpha, gamma)[1], "expected 2 values: q, new_"),
        (means_of_shares, "that has log E[w_k]"),
        (over_rolls, "it adds up to 1 over the rolls"),
        (summed_over_ovens, "= (n,), expected"),
        (from_the_old_gamma, "the old gamma is not in the best new one"),
        (in_place, "the argument gamma was changed"),
    ],
    "clutter_sweep": [
        (deviation, "s2 is the root of what it should be: a standard deviation"),
        (not_divided, "mu is not"),
        (deviation_of_prior, "came, expected"),
        (swapped, "mu: that is s2; the order is mu, s2, logits"),
        (one_logit, "a sum over axis 0 is one too many"),
        (lambda x, q, log_rubbish, v: clutter(x, q, log_rubbish, v, 0), "(x_i - mu)^2 + s^2"),
        (weighted_mean, "mu: the prior's precision 1/v is missing"),
        (without_constant, "log(2 pi) / 2"),
        (upside_down, "logits is right; its value has the wrong sign"),
    ],
    "heavy_tail_slope": [
        (mean_over_data, "a sum over x, no mean"),
        (data_only_in_rows, "it raises ValueError"),
        (log_density, "that is the log density"),
        (lambda theta, x, nu, v: slope(theta, x, nu, v, prior=0), "the prior's slope is missing"),
        (lambda theta, x, nu, v: slope(theta, x, nu, v, prior=-1), "prior's slope has the wrong"),
        (lambda theta, x, nu, v: -slope(theta, x, nu, v), "has the wrong sign"),
        (lambda theta, x, nu, v: np.sum(x - theta[:, None], 1) - theta / v, "has to pull less"),
        (not_summed, "is a sum or a mean missing?"),
    ],
}
