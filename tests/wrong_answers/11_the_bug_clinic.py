"""Wrong answers to the exercises of notebook 11, and what the checker must say to each."""

import numpy as np

RIGHT = {
    "A": "path",
    "B": "beta",
    "C": "noise",
    "D": "sampler",
    "E": "slope",
    "F": "axis",
    "G": "sign",
    "H": "epochs",
}


def draws(sample, mu, log_var, seed=0, n=20_000):
    eps = np.random.default_rng(seed).standard_normal((n, 3, 2))
    return sample(np.full((3, 2), mu), np.full((3, 2), log_var), eps)


def standard_normal_only(sample):
    z = draws(sample, 0.0, 0.0)
    return np.all(np.abs(z.mean(axis=0)) < 0.05) and np.all(np.abs(z.std(axis=0) - 1) < 0.05)


def width_only(sample):
    return np.all(np.abs(draws(sample, 0.0, -1.0).std(axis=0) - np.exp(-0.5)) < 0.05)


def each_row_alone(sample):
    z = draws(sample, 1.0, -1.0)
    mean_fits = np.all(np.abs(z.mean(axis=0) - 1) < 0.05)
    return mean_fits and np.all(np.abs(z.std(axis=0) - np.exp(-0.5)) < 0.05)


def without_tolerance(sample):
    return np.all(draws(sample, 1.0, -1.0).std(axis=0) == np.exp(-0.5))


WRONG = {
    "diagnosis": [
        ({**RIGHT, "A": "slope", "E": "path"}, "A: not slope; its gradient is right in W4 and b4"),
        ({**RIGHT, "F": "decay"}, "F: not decay; its bound is right, its evidence is not"),
        ({**RIGHT, "B": "kl"}, "B: 'kl' came, expected one of axis, beta"),
        ({**RIGHT, "H": ...}, "H: not filled in yet"),
        ("path", "of type str, expected a dict"),
    ],
    "sampler_is_sound": [
        (lambda sample: True, "it accepts a sampler whose standard deviation is exp(log_var)"),
        (lambda sample: False, "it refuses a sound sampler"),
        (standard_normal_only, "do you try a log_var that is not 0"),
        (width_only, "whose mean is 0: do you try a mu that is not 0"),
        (each_row_alone, "do you look at two rows together"),
        (without_tolerance, "allow five times that"),
    ],
    "hidden_beta": [
        (lambda D, J: J / D, "upside down"),
        (lambda D, J: D, "the KL is divided by J as well"),
        (lambda D, J: 2 * D / J, "is off by the factor 2"),
    ],
}
