"""Right answers to the exercises of notebook 6, written in other ways."""

import numpy as np
from scipy.special import logit
from scipy.stats import logistic, norm


def quantiles(n):
    return logistic.ppf((np.arange(n) + 0.5) / n)


def one_by_one(count):
    return [np.log((2 * k + 1) / (2 * count - 2 * k - 1)) for k in range(count)]


def by_artanh(n):
    edges = np.linspace(0, 1, n + 1)
    middles = (edges[1:] + edges[:-1]) / 2
    return 2 * np.arctanh(2 * middles - 1)


def summed_and_divided(mu, log_var):
    total = np.zeros(mu.shape[1])
    for m, lv in zip(mu, log_var, strict=True):
        total += (m**2 + np.exp(lv) - 1 - lv) / 2
    return total / len(mu)


def of_moments(mu, log_var):
    second = np.mean(mu, 0) ** 2 + np.var(mu, 0) + np.exp(log_var).mean(0)
    return (second - 1 - log_var.mean(0)) / 2


def cross_entropy_less_entropy(means, log_variances):
    cross = np.exp(log_variances) / 2 - norm.logpdf(means)
    entropy = norm(means, np.exp(log_variances / 2)).entropy()
    return np.average(cross - entropy, axis=0)


def twice_log_of_root(x, mean):
    return 2 * np.log(np.linalg.norm(x - mean, axis=0) / np.sqrt(len(x)))


def bias_and_variance(x, mean):
    error = x - mean
    return np.log(error.var(axis=0) + error.mean(axis=0) ** 2)


def pixel_by_pixel(pixels, means):
    columns = zip(pixels.T, means.T, strict=True)
    return [np.log(np.dot(a - b, a - b)) - np.log(len(a)) for a, b in columns]


RIGHT = {
    "equal_shares": [
        quantiles,
        one_by_one,
        by_artanh,
        lambda n: logit(np.arange(1, 2 * n, 2) / 2 / n),
    ],
    "kl_per_latent": [summed_and_divided, of_moments, cross_entropy_less_entropy],
    "best_log_var": [twice_log_of_root, bias_and_variance, pixel_by_pixel],
}
