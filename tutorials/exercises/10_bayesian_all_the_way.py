"""Exercises of notebook 10: the cost of weights, their gradient, local reparameterisation."""

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def kl_problem(rng):
    mu, log_var = rng.standard_normal((2, *different(rng, 2)))
    return {"mu": mu, "log_var": log_var, "s": rng.uniform(1.4, 2.5)}


def kl_terms(mu, log_var, s):
    return {
        "the part with log s^2": -mu.size * np.log(s),
        "the part with log_var": 0.5 * log_var.sum(),
        "the part with mu^2": -0.5 * np.sum(mu**2) / s**2,
        "the part with sigma^2": -0.5 * np.sum(np.exp(log_var)) / s**2,
        "the 1/2 of each weight": 0.5 * mu.size,
    }


def for_a_standard_prior(mu, log_var, s):
    return 0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))


def variance_for_log_variance(mu, log_var, s):
    return minus_kl(mu, 2 * log_var, s)


def per_weight(mu, log_var, s):
    return minus_kl(mu, log_var, s) / mu.size


def minus_kl(mu, log_var, s):
    return sum(kl_terms(mu, log_var, s).values())


def not_scaled_log(mu, log_var, s):
    return minus_kl(mu, log_var, s) + mu.size * np.log(s) / 2


def variance_for_deviation(mu, log_var, s):
    return 0.5 * np.sum(1 + log_var - np.log(s) - (mu**2 + np.exp(log_var)) / s)


def gradient_problem(rng):
    N, P = different(rng, 2, low=5, high=20)
    given = dict(zip(("g", "mu", "log_var", "zeta"), rng.standard_normal((4, P)), strict=True))
    return {**given, "N": N, "s": rng.uniform(1.4, 2.5)}


def theta_gradient(g, mu, log_var, zeta, N, s, share=1.0, slope=0.5, prior=1.0):
    std = np.exp(log_var / 2)
    kl = share / N * prior
    return g - kl * mu / s**2, slope * g * std * zeta + kl * (1 - std**2 / s**2) / 2


def whole_kl(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, zeta, N, s, share=N)


def without_kl(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, zeta, N, s, prior=0)


def slope_of_sigma(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, zeta, N, s, slope=1)


def standard_prior(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, zeta, N, 1.0)


def divided_by_s(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, zeta, N, np.sqrt(s))


def data_divided_as_well(g, mu, log_var, zeta, N, s):
    return theta_gradient(g / N, mu, log_var, zeta, N, s)


def kl_raised(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, zeta, N, s, prior=-1)


def noise_left_out(g, mu, log_var, zeta, N, s):
    return theta_gradient(g, mu, log_var, 1.0, N, s)


def with_the_variance(g, mu, log_var, zeta, N, s):
    dmu, dlog_var = theta_gradient(g, mu, log_var, zeta, N, s, slope=0)
    return dmu, dlog_var + g * np.exp(log_var) * zeta / 2


def local_problem(rng):
    n, n_in, n_out = different(rng, 3)
    return {
        "h": rng.standard_normal((n, n_in)),
        "mu": rng.standard_normal((n_in, n_out)),
        "log_var": rng.standard_normal((n_in, n_out)),
        "eps": rng.standard_normal((n, n_out)),
    }


def deviations_added(h, mu, log_var, eps):
    return h @ mu + (h @ np.exp(log_var / 2)) * eps


def sizes_added(h, mu, log_var, eps):
    return h @ mu + (np.abs(h) @ np.exp(log_var / 2)) * eps


def variance_as_deviation(h, mu, log_var, eps):
    return h @ mu + (h**2 @ np.exp(log_var)) * eps


def noise_of_one_weight(h, mu, log_var, eps):
    return h @ mu + np.sqrt(h**2 @ np.exp(log_var / 2)) * eps


def exp_of_log_var_twice(h, mu, log_var, eps):
    return h @ mu + np.sqrt(h**2 @ np.exp(2 * log_var)) * eps


def mean_alone(h, mu, log_var, eps):
    return h @ mu


def noise_alone(h, mu, log_var, eps):
    return np.sqrt(h**2 @ np.exp(log_var)) * eps


def layer_of_variance_one(h, mu, log_var, eps):
    return h @ mu + eps


def not_squared(h, mu, log_var, eps):
    return h @ mu + np.sqrt(np.abs(h @ np.exp(log_var))) * eps


def with_the_noise_turned_round(h, mu, log_var, eps):
    """-eps is as good a standard normal as eps."""
    return h @ mu - np.sqrt(h**2 @ np.exp(log_var)) * eps


EXERCISES = [
    Exercise(
        "minus_kl_theta",
        kl_problem,
        sizes=lambda mu, **_: {"rows": mu.shape[0], "columns": mu.shape[1]},
        terms=kl_terms,
        mistakes={
            "that is for the prior N(0, I): here its variance is s^2": for_a_standard_prior,
            "log_var is log sigma^2 already: sigma^2 is exp(log_var), not its square": (
                variance_for_log_variance
            ),
            "that is the mean over the weights: independent weights add up": per_weight,
            "log s^2 is 2 log s": not_scaled_log,
            "s is the standard deviation of the prior, the formula wants s^2": (
                variance_for_deviation
            ),
        },
    ),
    Exercise(
        "theta_gradient",
        gradient_problem,
        minutes=15,
        returns=("dmu", "dlog_var"),
        sizes=lambda N, **_: {"N": N},
        mistakes={
            "the KL of theta is paid once by all N datapoints: per datapoint it counts 1/N": (
                whole_kl
            ),
            "that is the part from the data; -KL / N has a gradient, too": without_kl,
            "the slope of sigma = exp(log_var / 2) is sigma / 2": slope_of_sigma,
            "that is for the prior N(0, I): here its variance is s^2": standard_prior,
            "s is a standard deviation: the slopes have s^2 in them": divided_by_s,
            "g is the gradient of a mean over datapoints already: only the KL is divided by N": (
                data_divided_as_well
            ),
            "the bound has -KL in it: its gradient has the other sign": kl_raised,
            "d theta / d sigma is zeta, the draw's own noise": noise_left_out,
            "theta = mu + sigma zeta has sigma in it, not sigma^2": with_the_variance,
        },
    ),
    Exercise(
        "local_sample",
        local_problem,
        minutes=15,
        also=(with_the_noise_turned_round,),
        sizes=lambda h, mu, **_: {"M": len(h), "n_in": h.shape[1], "n_out": mu.shape[1]},
        mistakes={
            "variances add up, standard deviations do not": deviations_added,
            "variances add up, standard deviations do not, nor do their sizes": sizes_added,
            "that multiplies eps by the variance; it wants the standard deviation": (
                variance_as_deviation
            ),
            "exp(log_var / 2) is sigma: variances are what adds up": noise_of_one_weight,
            "the variance of a weight is exp(log_var), not its square": exp_of_log_var_twice,
            "that is the mean of a: a draw is around it": mean_alone,
            "that has mean 0: the mean of a is h mu": noise_alone,
            "that has variance 1 everywhere: how large is that of a?": layer_of_variance_one,
            "a factor h on W is a factor h^2 on its variance": not_squared,
        },
    ),
]
