"""Answers to the exercises of notebook 0; to be read after a try of your own."""

import numpy as np


def count_parameters(n_features, n_latent, n_hidden):
    """A layer from n to m units has n m weights and m biases, (n + 1) m in all.

    The encoder's last layer has 2 n_latent outputs: a mean and a log variance for each latent.
    """
    encoder = (n_features + 1) * n_hidden + (n_hidden + 1) * 2 * n_latent
    decoder = (n_latent + 1) * n_hidden + (n_hidden + 1) * n_features
    return encoder + decoder


def minus_kl(mu, log_var):
    """The sum runs over latents, axis 1. There is no mean: that comes later, over datapoints."""
    return 0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var), axis=1)
