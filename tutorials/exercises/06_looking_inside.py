"""Exercises of notebook 6: equal shares of a prior, KL per latent, the best variance of a pixel."""

import numpy as np
from scipy.stats import norm

from exercises import Exercise
from exercises.made_up import different


def shares_problem(rng):
    return {"n": int(rng.integers(5, 12))}


def middles(n):
    return (np.arange(n) + 0.5) / n


def logit(u):
    return np.log(u) - np.log1p(-u)


def the_cells_alone(n):
    return middles(n)


def the_function_itself(n):
    return 1 / (1 + np.exp(-middles(n)))


def edges_from_below(n):
    return logit(np.arange(1, n + 1) / (n + 1))


def of_the_normal(n):
    return norm.ppf(middles(n))


def mirrored(n):
    return -logit(middles(n))


def upside_down(n):
    return (1 - middles(n)) / middles(n)


def latents_problem(rng):
    N, J = different(rng, 2)
    mu, log_var = rng.standard_normal((2, N, J))
    return {"mu": mu, "log_var": log_var}


def latents_terms(mu, log_var):
    return {
        "mu^2": 0.5 * np.mean(mu**2, axis=0),
        "sigma^2": 0.5 * np.mean(np.exp(log_var), axis=0),
        "log sigma^2": -0.5 * np.mean(log_var, axis=0),
        "the -1/2": np.full(mu.shape[1], -0.5),
    }


def entries(mu, log_var):
    return 0.5 * (mu**2 + np.exp(log_var) - 1 - log_var)


def per_datapoint(mu, log_var):
    return entries(mu, log_var).sum(axis=1)


def averages_inside(mu, log_var):
    return entries(mu.mean(axis=0), log_var.mean(axis=0))


def averaged_over_both(mu, log_var):
    return entries(mu, log_var).mean(axis=0) / mu.shape[1]


def sigma_for_variance(mu, log_var):
    return np.mean(0.5 * (mu**2 + np.exp(log_var / 2) - 1 - log_var), axis=0)


def spread_of_means(mu, log_var):
    return mu.var(axis=0)


def pixels_problem(rng):
    N, D = different(rng, 2)
    x, mean = rng.random((2, N, D))
    return {"x": x, "mean": mean}


def around_its_own_mean(x, mean):
    return np.log(x.var(axis=0))


def spread_of_errors(x, mean):
    return np.log((x - mean).var(axis=0))


def log_of_sigma(x, mean):
    return 0.5 * np.log(np.mean((x - mean) ** 2, axis=0))


def mean_of_logs(x, mean):
    return np.mean(np.log((x - mean) ** 2), axis=0)


def one_degree_less(x, mean):
    return np.log(np.sum((x - mean) ** 2, axis=0) / (len(x) - 1))


def absolute_error(x, mean):
    return np.log(np.mean(np.abs(x - mean), axis=0))


def precision(x, mean):
    return -np.log(np.mean((x - mean) ** 2, axis=0))


EXERCISES = [
    Exercise(
        "equal_shares",
        shares_problem,
        returns=("z",),
        mistakes={
            "those are the u, even steps of probability: send them through the inverse of F": (
                the_cells_alone
            ),
            "that is F of u; the inverse of F is wanted: solve F(z) = u for z": (
                the_function_itself
            ),
            "the u are not at the middles of n cells, which are at (k + 1/2) / n": (
                edges_from_below
            ),
            "they run from the highest to the lowest: is the fraction upside down?": mirrored,
            "that is the normal's inverse: the prior here is logistic": of_the_normal,
            "that is exp(-z): is a logarithm missing?": upside_down,
        },
    ),
    Exercise(
        "kl_per_latent",
        latents_problem,
        returns=("the KL of each latent",),
        sizes=lambda mu, **_: {"N": len(mu), "J": mu.shape[1]},
        terms=latents_terms,
        mistakes={
            "that is the KL of each datapoint, summed over its latents: here each latent is "
            "averaged over the datapoints": per_datapoint,
            "that is the KL of the average mu and log_var: average the KLs, not what goes in": (
                averages_inside
            ),
            "that is averaged over the latents, too: their sum has to be the KL of the bound": (
                averaged_over_both
            ),
            "sigma^2 is exp(log_var); exp(log_var / 2) is sigma": sigma_for_variance,
            "that is the variance of the means, which tells active latents: not yet their KL": (
                spread_of_means
            ),
        },
    ),
    Exercise(
        "best_log_var",
        pixels_problem,
        minutes=15,
        returns=("log_var",),
        sizes=lambda x, **_: {"N": len(x), "D": x.shape[1]},
        mistakes={
            "that is the spread of x around its own mean: the decoder's means are given": (
                around_its_own_mean
            ),
            "an error that is the same everywhere is an error too: the errors' mean is not to be "
            "taken off": spread_of_errors,
            "that is log sigma: the decoder emits log sigma^2": log_of_sigma,
            "the N - 1 of a sample's variance is for a mean that was fitted; here it is given": (
                one_degree_less
            ),
            "the logarithm comes after the mean over the datapoints": mean_of_logs,
            "the density has the squared error in it, not the absolute one": absolute_error,
            "that has the wrong sign: large errors need a large variance": precision,
        },
    ),
]
