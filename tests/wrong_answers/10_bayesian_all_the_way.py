"""Wrong answers to the exercises of notebook 10, and what the checker must say to each."""

import numpy as np


def minus_kl(mu, log_var, s):
    return 0.5 * np.sum(1 + log_var - np.log(s**2) - (mu**2 + np.exp(log_var)) / s**2)


def standard_prior(mu, log_var, s):
    return minus_kl(mu, log_var, 1.0)


def unscaled_log(mu, log_var, s):
    return 0.5 * np.sum(1 + log_var - (mu**2 + np.exp(log_var)) / s**2)


def per_weight(mu, log_var, s):
    return 0.5 * (1 + log_var - np.log(s**2) - (mu**2 + np.exp(log_var)) / s**2)


def gradient(g, mu, log_var, zeta, N, s, share=None, slope=0.5):
    std, share = np.exp(log_var / 2), share or 1 / N
    dmu = g - share * mu / s**2
    return dmu, slope * g * std * zeta + share * (1 - std**2 / s**2) / 2


def paid_by_each(g, mu, log_var, zeta, N, s):
    return gradient(g, mu, log_var, zeta, N, s, share=1.0)


def no_half(g, mu, log_var, zeta, N, s):
    return gradient(g, mu, log_var, zeta, N, s, slope=1.0)


def data_only(g, mu, log_var, zeta, N, s):
    return g, g * np.exp(log_var / 2) * zeta / 2


def descending(g, mu, log_var, zeta, N, s):
    dmu, dlog_var = gradient(g, mu, log_var, zeta, N, s)
    return -dmu, -dlog_var


def adds_deviations(h, mu, log_var, eps):
    return h @ mu + (h @ np.exp(log_var / 2)) * eps


def no_root(h, mu, log_var, eps):
    return h @ mu + (h**2 @ np.exp(log_var)) * eps


def mean_alone(h, mu, log_var, eps):
    return (h @ mu).T


def draws_a_weight(h, mu, log_var, eps):
    return h @ (mu + np.exp(log_var / 2) * eps)


def summed_over_rows(mu, log_var, s):
    return minus_kl(mu, log_var, s) / len(mu)


def variance_given(mu, log_var, s):
    return minus_kl(mu, log_var, np.sqrt(s))


def without_constant(mu, log_var, s):
    return minus_kl(mu, log_var, s) - mu.size / 2


def doubled(mu, log_var, s):
    return 2 * minus_kl(mu, log_var, s)


def for_all_data(g, mu, log_var, zeta, N, s):
    return tuple(N * part for part in gradient(g, mu, log_var, zeta, N, s))


def prior_of_one(g, mu, log_var, zeta, N, s):
    return gradient(g, mu, log_var, zeta, N, 1.0)


def order_reversed(g, mu, log_var, zeta, N, s):
    return gradient(g, mu, log_var, zeta, N, s)[::-1]


def kl_raised(g, mu, log_var, zeta, N, s):
    return gradient(g, mu, log_var, zeta, N, s, share=-1 / N)


def one_draw_for_all(h, mu, log_var, eps):
    return h @ mu + np.sqrt(h**2 @ np.exp(log_var)) * eps[:1]


def twice_log_var(h, mu, log_var, eps):
    return h @ mu + np.sqrt(h**2 @ np.exp(2 * log_var)) * eps


def noise_only(h, mu, log_var, eps):
    return np.sqrt(h**2 @ np.exp(log_var)) * eps


def variance_one(h, mu, log_var, eps):
    return h @ mu + eps


WRONG = {
    "minus_kl_theta": [
        (summed_over_rows, "too small by the factor rows = "),
        (variance_given, "the formula wants s^2"),
        (without_constant, "the 1/2 of each weight is missing"),
        (doubled, "is a 1/2 missing"),
        (lambda mu, log_var, s: minus_kl(mu, log_var, s) / mu.size, "independent weights add up"),
        (standard_prior, "here its variance is s^2"),
        (unscaled_log, "the part with log s^2 is missing"),
        (lambda mu, log_var, s: -minus_kl(mu, log_var, s), "has the wrong sign"),
        (per_weight, "expected one number"),
    ],
    "theta_gradient": [
        (for_all_data, "too large by the factor N = "),
        (prior_of_one, "that is for the prior N(0, I)"),
        (order_reversed, "dmu: that is dlog_var"),
        (kl_raised, "the bound has -KL in it"),
        (paid_by_each, "per datapoint it counts 1/N"),
        (no_half, "the slope of sigma = exp(log_var / 2) is sigma / 2"),
        (data_only, "-KL / N has a gradient, too"),
        (descending, "has the wrong sign"),
    ],
    "local_sample": [
        (one_draw_for_all, "is right in"),
        (twice_log_var, "not its square"),
        (noise_only, "that has mean 0"),
        (variance_one, "that has variance 1 everywhere"),
        (adds_deviations, "variances add up, standard deviations do not"),
        (no_root, "it wants the standard deviation"),
        (mean_alone, "= (n_out, M), expected"),
        (draws_a_weight, "in the line   return h @ (mu + np.exp(log_var / 2) * eps)"),
    ],
}
