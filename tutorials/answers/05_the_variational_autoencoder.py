"""Answers to the exercises of notebook 5; to be read after a try of your own."""

import numpy as np


def kl_of_gaussians(mu_q, log_var_q, mu_p, log_var_p):
    """Under q the mean of (z - mu_p)^2 is sigma_q^2 + (mu_q - mu_p)^2; log p divides by sigma_p^2.

    With mu_p = 0 and log_var_p = 0 this is the formula of the page.
    """
    squared = np.exp(log_var_q) + (mu_q - mu_p) ** 2
    return 0.5 * np.sum(log_var_p - log_var_q - 1 + squared / np.exp(log_var_p), axis=-1)


def mean_bound(log_px, mu, log_var):
    """A mean over draws and datapoints, minus a sum over latents, averaged over datapoints."""
    kl = 0.5 * np.sum(mu**2 + np.exp(log_var) - 1 - log_var, axis=1)
    return np.mean(log_px) - np.mean(kl)


def sgvb_a_backward(dz, mu, log_var, eps):
    """With (z - mu) / sigma = eps, log q(z|x) = -1/2 sum of (log 2 pi + log_var + eps^2).

    The noise is given, so that mu has gone from log q, and only log_var / 2 is left of -log q.
    All else passes through z: log p(x|z) with dz, and log p(z) with -z.
    """
    sigma = np.exp(log_var / 2)
    z = mu + sigma * eps
    df = dz - z
    return df, df * sigma * eps / 2 + 0.5
