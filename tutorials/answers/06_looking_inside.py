"""Answers to the exercises of notebook 6; to be read after a try of your own."""

import numpy as np


def equal_shares(n):
    """From u = 1 / (1 + exp(-z)) follows exp(-z) = (1 - u) / u, so z = log(u / (1 - u)): the logit.

    The draw of a uniform u, sent through it, is a logistic z: inversion again.
    """
    u = (np.arange(n) + 0.5) / n
    return np.log(u / (1 - u))


def kl_per_latent(mu, log_var):
    """A mean over the datapoints, the latents kept apart; the sum over these would come last."""
    return np.mean(0.5 * (mu**2 + np.exp(log_var) - 1 - log_var), axis=0)


def best_log_var(x, mean):
    """The slope -1/2 (1 - S exp(-lambda)) vanishes where exp(lambda) = S, the mean squared error.

    So a trained decoder's sigma^2 is an estimate of its own squared error, pixel by pixel.
    """
    return np.log(np.mean((x - mean) ** 2, axis=0))
