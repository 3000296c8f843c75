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


def midpoint_of_logs(log_joint, dz):
    return np.mean(log_joint)


def divided_by_width(log_joint, dz):
    return without_width(log_joint, dz) - np.log(dz)


def width_twice(log_joint, dz):
    return without_width(log_joint, dz) + 2 * np.log(dz)


def base_two(log_joint, dz):
    return (without_width(log_joint, dz) + np.log(dz)) / np.log(2)


def evidence(log_joint, dz):
    return without_width(log_joint, dz) + np.log(dz)


def joint_itself(log_joint, dz):
    return np.exp(log_joint - log_joint.max()) * dz


def its_logarithm(log_joint, dz):
    return log_joint - evidence(log_joint, dz)


def upside_down(log_joint, dz):
    return np.exp(evidence(log_joint, dz) - log_joint)


def backwards(log_joint, dz):
    return np.exp(log_joint - evidence(log_joint, dz))[::-1]


def times_width(log_joint, dz):
    return sums_to_one(log_joint, dz) * dz


def importance(log_joint, z, m, s):
    log_w = log_joint - log_q(z, m, s)
    return np.log(np.mean(np.exp(log_w)))


def entropy_twice(log_joint, z, m, s):
    return np.mean(log_joint) + 1 + np.log(2 * np.pi * s**2)


def without_log_s(log_joint, z, m, s):
    return np.mean(log_joint - log_q(z, m, s)) - np.log(s)


WRONG = {
    "log_evidence_by_hand": [
        (midpoint_of_logs, "came, expected"),
        (divided_by_width, "that divides by dz"),
        (width_twice, "came, expected"),
        (base_two, "bits, where nats are wanted"),
        (lambda log_joint, dz: -evidence(log_joint, dz), "has the wrong sign"),
        (lambda log_joint, dz: (evidence(log_joint, dz), dz), "a tuple of 2, expected one number"),
        (underflow, "the logarithm of 0"),
        (without_width, "dz, is missing"),
        (maximum_not_added_back, "now add it back"),
        (of_every_point, "expected one number"),
    ],
    "posterior_on_grid": [
        (its_logarithm, "that is its logarithm"),
        (upside_down, "a quotient upside down"),
        (backwards, "in reverse order"),
        (times_width, "divide by dz, do not multiply"),
        (joint_itself, "off by one factor everywhere"),
        (lambda log_joint, dz: evidence(log_joint, dz), "expected an array of shape"),
        (sums_to_one, "a density times dz does"),
        (zero_by_zero, "0 divided by 0"),
        (lambda log_joint, dz: np.exp(log_joint - log_joint.max()), "has its peak at 1"),
    ],
    "elbo_from_samples": [
        (importance, "the ELBO is the mean of their logs"),
        (entropy_twice, "came, expected"),
        (without_log_s, "log q contains -log s"),
        (lambda log_joint, z, m, s: -np.mean(log_joint - log_q(z, m, s)), "has the wrong sign"),
        (lambda log_joint, z, m, s: np.mean(log_joint - np.exp(log_q(z, m, s))), "its logarithm"),
        (lambda log_joint, z, m, s: log_joint.mean(), "the mean of log q is missing"),
        (lambda log_joint, z, m, s: np.mean(log_joint + log_q(z, m, s)), "subtracted, not added"),
        (lambda log_joint, z, m, s: np.sum(log_joint - log_q(z, m, s)), "the factor L = "),
        (lambda log_joint, z, m, s: log_joint - log_q(z, m, s), "a mean over axis 0 is missing"),
        (lambda log_joint, z, m, s: np.mean(log_joint - log_q(z, m, s, 0)), "log(2 pi) / 2"),
        (lambda log_joint, z, m, s: np.mean(log_joint - log_q(z, m, s**0.5)), "divides by s^2"),
    ],
}
