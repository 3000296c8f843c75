"""Answers to the exercises of notebook 10; to be read after a try of your own."""

import numpy as np


def minus_kl_theta(mu, log_var, s):
    """Average log p - log q over q; weights are independent in both, so their terms add up."""
    return 0.5 * np.sum(1 + log_var - np.log(s**2) - (mu**2 + np.exp(log_var)) / s**2)


def theta_gradient(g, mu, log_var, zeta, N, s):
    """The chain rule through theta = mu + exp(log_var / 2) zeta, and the slope of -KL / N.

    For large N the second part goes away: many data leave the prior nothing to say.
    """
    sigma = np.exp(log_var / 2)
    dmu = g - mu / (N * s**2)
    dlog_var = g * sigma * zeta / 2 + (1 - sigma**2 / s**2) / (2 * N)
    return dmu, dlog_var


def local_sample(h, mu, log_var, eps):
    """A sum of independent Gaussians h_i W_ij is Gaussian; means and variances add up.

    Over the rows of a minibatch these draws are independent, which those of one drawn W are not.
    The distribution of each row by itself is the same, and so the mean of the gradient is.
    """
    mean = h @ mu
    variance = h**2 @ np.exp(log_var)
    return mean + np.sqrt(variance) * eps
