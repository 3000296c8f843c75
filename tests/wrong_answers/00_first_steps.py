"""Wrong answers to the exercises of notebook 0, and what the checker must say to each."""

import numpy as np


def without_biases(n_features, n_latent, n_hidden):
    encoder = n_features * n_hidden + n_hidden * 2 * n_latent
    return encoder + n_latent * n_hidden + n_hidden * n_features


def one_output_per_latent(n_features, n_latent, n_hidden):
    encoder = (n_features + 1) * n_hidden + (n_hidden + 1) * n_latent
    return encoder + (n_latent + 1) * n_hidden + (n_hidden + 1) * n_features


def encoder_only(n_features, n_latent, n_hidden):
    return (n_features + 1) * n_hidden + (n_hidden + 1) * 2 * n_latent


def terms(mu, log_var):
    return 0.5 * (1 + log_var - mu**2 - np.exp(log_var))


def without_mu(mu, log_var):
    return 0.5 * np.sum(1 + log_var - np.exp(log_var), axis=1)


def sigma_for_variance(mu, log_var):
    return 0.5 * np.sum(1 + log_var - mu**2 - np.exp(0.5 * log_var), axis=1)


WRONG = {
    "count_parameters": [
        (without_biases, "the biases are missing"),
        (one_output_per_latent, "two outputs per latent"),
        (encoder_only, "came, expected"),
    ],
    "minus_kl": [
        (terms, "a sum over axis 1 is missing"),
        (lambda mu, log_var: terms(mu, log_var).sum(axis=0), "the wrong axis"),
        (lambda mu, log_var: terms(mu, log_var).sum(), "a sum over axis 0 is one too many"),
        (lambda mu, log_var: terms(mu, log_var).mean(axis=1), "too small by the factor J = 3"),
        (lambda mu, log_var: -terms(mu, log_var).sum(axis=1), "has the wrong sign"),
        (lambda mu, log_var: 2 * terms(mu, log_var).sum(axis=1), "is a 1/2 missing"),
        (without_mu, "the term with mu^2 is missing"),
        (sigma_for_variance, "sigma where sigma^2"),
    ],
}
