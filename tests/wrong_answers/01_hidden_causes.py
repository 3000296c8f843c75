"""Wrong answers to the exercises of notebook 1, and what the checker must say to each."""

import numpy as np


def underflow(log_joint, dz):
    return np.log(np.sum(np.exp(log_joint)) * dz)


def without_width(log_joint, dz):
    largest = log_joint.max()
    return largest + np.log(np.sum(np.exp(log_joint - largest)))


def maximum_not_added_back(log_joint, dz):
    return np.log(np.sum(np.exp(log_joint - log_joint.max())) * dz)


def of_every_point(log_joint, dz):
    return log_joint + np.log(dz)


def sums_to_one(log_joint, dz):
    weights = np.exp(log_joint - log_joint.max())
    return weights / weights.sum()


def zero_by_zero(log_joint, dz):
    return np.exp(log_joint) / (np.exp(log_joint).sum() * dz)


def log_q(z, m, s, constant=1.0):
    return -0.5 * (constant * np.log(2 * np.pi) + 2 * np.log(s) + ((z - m) / s) ** 2)


WRONG = {
    "log_evidence_by_hand": [
        (underflow, "the logarithm of 0"),
        (without_width, "dz, is missing"),
        (maximum_not_added_back, "now add it back"),
        (of_every_point, "expected one number"),
    ],
    "posterior_on_grid": [
        (sums_to_one, "a density times dz does"),
        (zero_by_zero, "a division by 0"),
        (lambda log_joint, dz: np.exp(log_joint - log_joint.max()), "has its peak at 1"),
    ],
    "elbo_from_samples": [
        (lambda log_joint, z, m, s: log_joint.mean(), "the mean of log q is missing"),
        (lambda log_joint, z, m, s: np.mean(log_joint + log_q(z, m, s)), "subtracted, not added"),
        (lambda log_joint, z, m, s: np.sum(log_joint - log_q(z, m, s)), "the factor L = 7"),
        (lambda log_joint, z, m, s: log_joint - log_q(z, m, s), "a mean over axis 0 is missing"),
        (lambda log_joint, z, m, s: np.mean(log_joint - log_q(z, m, s, 0)), "log(2 pi) / 2"),
        (lambda log_joint, z, m, s: np.mean(log_joint - log_q(z, m, s**0.5)), "divides by s^2"),
    ],
}
