"""Wrong answers to the exercises of notebook 8, and what the checker must say to each."""

import numpy as np


def moments(z, posterior, dz, power=0.5, about=None):
    m = np.sum(z * posterior) * dz
    center = m if about is None else about
    return m, (np.sum((z - center) ** 2 * posterior) * dz) ** power


def at_the_peak(z, posterior, dz):
    return z[np.argmax(posterior)], moments(z, posterior, dz)[1]


def asleep(z, mu, log_var, mean=True, power=1.0, minus=1.0):
    error = (z - mu) * np.exp(-power * log_var)
    n = len(z) if mean else 1
    return error / n, ((z - mu) * error - minus) / (2 * n)


def descending(z, mu, log_var):
    dmu, dlog_var = asleep(z, mu, log_var)
    return -dmu, -dlog_var


def weighted(log_joint, dlog_joint):
    weight = np.exp(log_joint - log_joint.max())
    return weight[:, None] * dlog_joint / weight.sum()


WRONG = {
    "matched_gaussian": [
        (lambda **given: moments(**given, power=1), "that is the variance"),
        (lambda **given: moments(**given, about=0), "measured from zero"),
        (at_the_peak, "that is the highest peak"),
        (lambda z, posterior, dz: moments(z, posterior, 1.0), "dz, is missing"),
    ],
    "sleep_backward": [
        (lambda **given: asleep(**given, mean=False), "is too large by the factor M = 5"),
        (lambda **given: asleep(**given, power=0.5), "divides by sigma;"),
        (lambda **given: asleep(**given, minus=0), "has a gradient too"),
        (descending, "has the wrong sign"),
    ],
    "evidence_gradient": [
        (lambda log_joint, dlog_joint: dlog_joint.mean(axis=0), "counts the same there"),
        (weighted, "a sum over axis 0 is missing"),
        (
            lambda log_joint, dlog_joint: np.exp(log_joint) @ dlog_joint / np.exp(log_joint).sum(),
            "an overflow, a division by 0",
        ),
    ],
}
