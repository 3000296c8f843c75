"""Wrong answers to the exercises of notebook 6, and what the checker must say to each."""

import numpy as np
from scipy.stats import norm


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


def normal_shares(n):
    return norm.ppf((np.arange(n) + 0.5) / n)


def one_too_many(n):
    return logit(np.arange(1, n + 2) / (n + 2))


def highest_first(n):
    return logit((np.arange(n) + 0.5) / n)[::-1]


def as_a_column(n):
    return logit((np.arange(n) + 0.5) / n)[:, None]


def share_of_the_first(mu, log_var):
    return entries(mu, log_var)[0]


def weighed_by_latents(mu, log_var):
    cost = entries(mu, log_var).mean(axis=0)
    return cost / cost.sum()


def own_mean(x, mean):
    return np.log(x.var(axis=0))


def variance_where_its_log_belongs(x, mean):
    return np.sqrt(variance(x, mean))


def one_degree_of_freedom(x, mean):
    return np.log(np.sum((x - mean) ** 2, axis=0) / (len(x) - 1))


def of_all_entries(x, mean):
    return np.log((x - mean) ** 2)


WRONG = {
    "equal_shares": [
        (normal_shares, "that is the normal's inverse"),
        (one_too_many, "has shape"),
        (highest_first, "they run from the highest to the lowest"),
        (as_a_column, "keepdims? reshape?"),
        (with_both_ends, "z is -inf at index [0]"),
        (left_edges, "z is -inf at index [0]"),
        (no_logarithm, "the exponential of what it should be: is a logarithm missing"),
        (even_steps, "came at index ["),
        (lambda n: 2 * logit((np.arange(n) + 0.5) / n), "is a 1/2 missing"),
    ],
    "kl_per_latent": [
        (share_of_the_first, "came at index"),
        (weighed_by_latents, "off by one factor everywhere"),
        (lambda mu, log_var: np.median(entries(mu, log_var), axis=0), "came at index"),
        (summed, "too large by the factor N = "),
        (negative, "has the wrong sign"),
        (total, "a sum over axis 0 is one too many"),
        (by_datapoint, "that is the KL of each datapoint"),
        (lambda mu, log_var: entries(mu, log_var), "a mean over axis 0 is missing"),
        (lambda mu, log_var: entries(mu, log_var, half=1).mean(axis=0), "is a 1/2 missing"),
        (lambda mu, log_var: entries(mu, log_var, minus=0).mean(axis=0), "the -1/2 is missing"),
    ],
    "best_log_var": [
        (own_mean, "around its own mean"),
        (variance_where_its_log_belongs, "sigma where log sigma^2 belongs"),
        (one_degree_of_freedom, "here it is given"),
        (of_all_entries, "is a sum or a mean missing"),
        (variance, "the exponential of what it should be: is a logarithm missing"),
        (lambda x, mean: np.log(variance(x.T, mean.T)), "= (N,), expected"),
        (lambda x, mean: np.log(variance(x, mean)) / 2, "that is log sigma"),
        (lambda x, mean: np.log(variance(x, mean).sum()), "did a sum or a mean run over too much"),
        (
            lambda x, mean: np.log(((x - mean) ** 2).sum(axis=0)),
            "under the logarithm, a sum where a mean belongs",
        ),
    ],
}
