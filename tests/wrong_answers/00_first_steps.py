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


def numbers_of_the_page(n_features, n_latent, n_hidden):
    return 784 * 200 + 200 + 200 * 40 + 40 + 20 * 200 + 200 + 200 * 784 + 784


def decoder_only(n_features, n_latent, n_hidden):
    return (n_latent + 1) * n_hidden + (n_hidden + 1) * n_features


def one_bias_per_layer(n_features, n_latent, n_hidden):
    return without_biases(n_features, n_latent, n_hidden) + 4


def variance_per_pixel(n_features, n_latent, n_hidden):
    encoder = (n_features + 1) * n_hidden + (n_hidden + 1) * 2 * n_latent
    return encoder + (n_latent + 1) * n_hidden + (n_hidden + 1) * 2 * n_features


def units(n_features, n_latent, n_hidden):
    return 2 * n_features + 2 * n_hidden + 3 * n_latent


def prints_it(mu, log_var):
    print(terms(mu, log_var).sum(axis=1))


def forgets_return(mu, log_var):
    terms(mu, log_var).sum(axis=1)


def logarithm_of_log_var(mu, log_var):
    return 0.5 * np.sum(1 + np.log(log_var) - mu**2 - log_var, axis=1)


def scaled_root(mu, log_var):
    return terms(mu, log_var).sum(axis=1) + 0j


WRONG = {
    "count_parameters": [
        (numbers_of_the_page, "the count is 326824 whatever the arguments are"),
        (lambda n_features, n_latent, n_hidden: 278, "the count is 278 whatever the arguments are"),
        (decoder_only, "that is the decoder alone"),
        (one_bias_per_layer, "the count is not"),
        (variance_per_pixel, "the decoder emits one number for each pixel"),
        (units, "the count is not"),
        (lambda n_features, n_latent: n_features, "expected (n_features, n_latent, n_hidden)"),
        (lambda n_features, n_latent, n_hidden: "278", "of type str, expected one number"),
        (without_biases, "the biases are missing"),
        (one_output_per_latent, "two outputs per latent"),
        (encoder_only, "that is the encoder alone"),
    ],
    "minus_kl": [
        (prints_it, "return it, do not print it"),
        (forgets_return, "lack a return"),
        (logarithm_of_log_var, "a root, logarithm or arccos of what has none"),
        (scaled_root, "is complex, expected real numbers"),
        (lambda mu, log_var: (terms(mu, log_var).sum(axis=1),), "a comma after the value"),
        (lambda mu, log_var: terms(mu, log_var).sum(1) - mu.shape[1], "J / 2 has the wrong sign"),
        (terms, "a sum over axis 1 is missing"),
        (lambda mu, log_var: terms(mu, log_var).sum(axis=0), "the wrong axis"),
        (lambda mu, log_var: terms(mu, log_var).sum(), "a sum over axis 0 is one too many"),
        (lambda mu, log_var: terms(mu, log_var).mean(axis=1), "too small by the factor J = "),
        (lambda mu, log_var: -terms(mu, log_var).sum(axis=1), "has the wrong sign"),
        (lambda mu, log_var: 2 * terms(mu, log_var).sum(axis=1), "is a 1/2 missing"),
        (without_mu, "the term with mu^2 is missing"),
        (sigma_for_variance, "sigma where sigma^2"),
    ],
}
