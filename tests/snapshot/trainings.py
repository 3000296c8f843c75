"""What the snapshot trains: the standard model, and each option of the library at least once."""

from functools import cache

import numpy as np

from minivae import SGD, VAE, Adagrad, Adam, load
from minivae.estimators import SGVBA, Denoising, ImportanceWeighted, ScoreFunction
from minivae.estimators.wake_sleep import WakeSleep
from minivae.layers import ACTIVATIONS
from minivae.likelihoods import LIKELIHOODS
from minivae.posteriors import POSTERIORS

SMALL = (64, 2, (30,))  # of the digits as means over blocks of pixels


@cache
def digits():
    """The first 5,000 training digits: (5000, 784) uint8."""
    return load("mnist").train[:5000]


@cache
def small_digits():
    """The same as means over blocks of pixels: (5000, 64) float32."""
    padded = np.pad(digits().reshape(-1, 28, 28), ((0, 0), (2, 2), (2, 2)))
    return np.float32(padded.reshape(-1, 8, 4, 8, 4).mean(axis=(2, 4)).reshape(-1, 64) / 255)


def settings():
    """Return ``{name: (vae, data, options of fit)}``, where ``data()`` gives the training set."""
    x, small = digits, small_digits
    found = {
        "standard": (VAE(784, 20), x, {}),
        "standard, 2 latents": (VAE(784, 2), x, {}),
        "deep": (VAE(64, 2, (30, 20)), small, {}),
        "linear": (VAE(64, 2, ()), small, {}),
        "odd minibatches": (VAE(*SMALL), small, {"batch_size": 7}),
    }
    for name in LIKELIHOODS:
        found[f"likelihood {name}"] = VAE(*SMALL, name), small, {}
    for name in POSTERIORS:
        found[f"posterior {name}"] = VAE(*SMALL, posterior=name), small, {}
    for name in ACTIVATIONS:
        found[f"activation {name}"] = VAE(*SMALL, activation=name), small, {}
    options = {
        "no prior": {"weight_prior": False},
        "three samples": {"noise_samples": 3},
        "in turn": {"alternate": True},
        "binarised": {"binarize": True},
        "SGD": {"optimizer": SGD(1e-3)},
        "Adam": {"optimizer": Adam(1e-3)},
        "estimator A": {"estimator": SGVBA()},
        "importance weighted": {"estimator": ImportanceWeighted(), "noise_samples": 5},
        "denoising": {"estimator": Denoising(0.3)},
        "wake-sleep": {"estimator": WakeSleep()},
        "wake-sleep, step 0.1": {"estimator": WakeSleep(), "optimizer": Adagrad(0.1)},
    }
    for baseline in ("none", "running", "optimal"):
        estimator = ScoreFunction(baseline)
        options[f"score function, {baseline}"] = {"estimator": estimator, "noise_samples": 2}
    for name, more in options.items():
        found[name] = VAE(*SMALL), small, more
    return found
