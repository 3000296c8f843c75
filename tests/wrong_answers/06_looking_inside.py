"""Wrong answers to the exercises of notebook 6, and what the checker must say to each."""

import numpy as np


def logit(u):
    return np.log(u / (1 - u))


def with_both_ends(n):
    with np.errstate(divide="ignore"):
        return logit(np.linspace(0, 1, n))


def left_edges(n):
    with np.errstate(divide="ignore"):
        return logit(np.arange(n) / n)


def even_steps(n):
    return np.linspace(-3, 3, n)


def no_logarithm(n):
    u = (np.arange(n) + 0.5) / n
    return u / (1 - u)


def entries(mu, log_var, half=0.5, minus=1.0):
    return half * (mu**2 + np.exp(log_var) - minus - log_var)


def summed(mu, log_var):
    return entries(mu, log_var).sum(axis=0)


def negative(mu, log_var):
    return -entries(mu, log_var).mean(axis=0)


def total(mu, log_var):
    return entries(mu, log_var).mean(axis=0).sum()


def by_datapoint(mu, log_var):
    return entries(mu, log_var).sum(axis=1)


def variance(x, mean):
    return np.mean((x - mean) ** 2, axis=0)


WRONG = {
    "equal_shares": [
        (with_both_ends, "z is -inf at index [0]"),
        (left_edges, "z is -inf at index [0]"),
        (no_logarithm, "the exponential of what it should be: is a logarithm missing"),
        (even_steps, "came at index ["),
        (lambda n: 2 * logit((np.arange(n) + 0.5) / n), "is a 1/2 missing"),
    ],
    "kl_per_latent": [
        (summed, "too large by the factor N = 7"),
        (negative, "has the wrong sign"),
        (total, "expected an array of shape (4,) = (J,)"),
        (by_datapoint, "that is the KL of each datapoint"),
        (lambda mu, log_var: entries(mu, log_var), "a mean over axis 0 is missing"),
        (lambda mu, log_var: entries(mu, log_var, half=1).mean(axis=0), "is a 1/2 missing"),
        (lambda mu, log_var: entries(mu, log_var, minus=0).mean(axis=0), "the -1/2 is missing"),
    ],
    "best_log_var": [
        (variance, "the exponential of what it should be: is a logarithm missing"),
        (lambda x, mean: np.log(variance(x.T, mean.T)), "expected (4,) = (D,)"),
        (lambda x, mean: np.log(variance(x, mean)) / 2, "that is log sigma"),
        (lambda x, mean: np.log(variance(x, mean).sum()), "expected an array of shape (4,)"),
        (lambda x, mean: np.log(((x - mean) ** 2).sum(axis=0)), "the same everywhere"),
    ],
}
