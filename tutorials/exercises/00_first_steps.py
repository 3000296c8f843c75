"""Exercises of notebook 0: counting parameters, and the KL term of the bound."""

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def widths_problem(rng):
    n_features = int(rng.integers(20, 60))
    n_latent, n_hidden = different(rng, 2, 3, 15)
    return {"n_features": n_features, "n_latent": n_latent, "n_hidden": n_hidden}


def count(D, J, H, outputs=2, biases=1):
    encoder = (D + biases) * H + (H + biases) * outputs * J
    return encoder + (J + biases) * H + (H + biases) * D


def encoder_of(D, J, H):
    return (D + 1) * H + (H + 1) * 2 * J


def latent_problem(rng):
    M, J = different(rng, 2)
    mu, log_var = rng.standard_normal((2, M, J))
    return {"mu": mu, "log_var": log_var}


EXERCISES = [
    Exercise(
        "count_parameters",
        widths_problem,
        returns=("the count",),
        mistakes={
            "the biases are missing: one per unit of a layer": (
                lambda n_features, n_latent, n_hidden: count(
                    n_features, n_latent, n_hidden, biases=0
                )
            ),
            "the encoder has two outputs per latent, mu and log_var": (
                lambda n_features, n_latent, n_hidden: count(
                    n_features, n_latent, n_hidden, outputs=1
                )
            ),
            "that is the encoder alone: the decoder has parameters, too": (
                lambda n_features, n_latent, n_hidden: encoder_of(n_features, n_latent, n_hidden)
            ),
            "that is the decoder alone: the encoder has parameters, too": (
                lambda n_features, n_latent, n_hidden: (
                    count(n_features, n_latent, n_hidden)
                    - encoder_of(n_features, n_latent, n_hidden)
                )
            ),
            "the decoder emits one number for each pixel, not a mean and a log variance": (
                lambda n_features, n_latent, n_hidden: (
                    count(n_features, n_latent, n_hidden) + (n_hidden + 1) * n_features
                )
            ),
            "a bias belongs to a unit of the layer that receives, not of the one that sends": (
                lambda n_features, n_latent, n_hidden: (
                    count(n_features, n_latent, n_hidden, biases=0)
                    + 2 * n_hidden
                    + n_features
                    + n_latent
                )
            ),
        },
    ),
    Exercise(
        "minus_kl",
        latent_problem,
        returns=("-KL",),
        sizes=lambda mu, log_var: {"M": len(mu), "J": mu.shape[1]},
        mistakes={
            "log_var is log sigma^2 already: sigma^2 is exp(log_var), not its square": (
                lambda mu, log_var: 0.5 * np.sum(1 + log_var - mu**2 - np.exp(2 * log_var), axis=1)
            ),
            "that has sigma where sigma^2 = exp(log_var) belongs": (
                lambda mu, log_var: 0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var / 2), axis=1)
            ),
            "log sigma^2 is log_var itself, it does not need a factor 2": (
                lambda mu, log_var: 0.5 * np.sum(1 + 2 * log_var - mu**2 - np.exp(log_var), axis=1)
            ),
        },
        terms=lambda mu, log_var: {
            "the constant, J / 2": np.full(len(mu), mu.shape[1] / 2),
            "the term with log sigma^2": 0.5 * log_var.sum(axis=1),
            "the term with mu^2": -0.5 * np.sum(mu**2, axis=1),
            "the term with sigma^2": -0.5 * np.exp(log_var).sum(axis=1),
        },
    ),
]
