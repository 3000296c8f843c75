"""Exercises of notebook 1: the evidence and the posterior on a grid, the ELBO from samples."""

import numpy as np
from scipy.special import logsumexp

from exercises import Exercise


def grid_problem(rng):
    """A log joint far below what exp can represent, as for an image of many pixels."""
    z = np.linspace(-4, rng.uniform(4, 6), int(rng.integers(30, 45)))
    log_joint = -2000 * rng.uniform(1, 2) - 0.5 * (z - rng.standard_normal()) ** 2 / 0.3
    return {"log_joint": log_joint, "dz": z[1] - z[0]}


def sample_problem(rng):
    L, m, s = int(rng.integers(5, 12)), rng.standard_normal(), rng.uniform(0.3, 0.8)
    return {
        "log_joint": -5 + rng.standard_normal(L),
        "z": m + s * rng.standard_normal(L),
        "m": m,
        "s": s,
    }


def log_q(z, m, s):
    return -0.5 * (np.log(2 * np.pi) + 2 * np.log(s) + ((z - m) / s) ** 2)


def sample_terms(log_joint, z, m, s):
    return {
        "the mean of log p(x, z)": log_joint.mean(),
        "the mean of log q": -log_q(z, m, s).mean(),
        "log s in log q": np.log(s),
        "the squared distance in log q": np.mean(0.5 * ((z - m) / s) ** 2),
    }


def with_the_exact_entropy(log_joint, z, m, s):
    """The mean of -log q in closed form: less noise, the same expectation."""
    return log_joint.mean() + 0.5 * (1 + np.log(2 * np.pi)) + np.log(s)


EXERCISES = [
    Exercise(
        "log_evidence_by_hand",
        grid_problem,
        returns=("log p(x)",),
        mistakes={
            "the width of the rectangles, dz, is missing": lambda log_joint, dz: logsumexp(
                log_joint
            ),
            "that divides by dz: rectangles are multiplied by their width": (
                lambda log_joint, dz: logsumexp(log_joint) - np.log(dz)
            ),
            "the maximum was taken out of the sum, now add it back": (
                lambda log_joint, dz: logsumexp(log_joint - log_joint.max()) + np.log(dz)
            ),
            "that is a mean over the grid: a sum times dz is wanted": (
                lambda log_joint, dz: logsumexp(log_joint) - np.log(len(log_joint))
            ),
            "that adds logarithms: the densities themselves have to be added": (
                lambda log_joint, dz: np.sum(log_joint) * dz
            ),
        },
    ),
    Exercise(
        "posterior_on_grid",
        grid_problem,
        minutes=5,
        returns=("p(z|x)",),
        mistakes={
            "that sums to 1; a density times dz does": (
                lambda log_joint, dz: np.exp(log_joint - logsumexp(log_joint))
            ),
            "probabilities of the cells are p dz: divide by dz, do not multiply": (
                lambda log_joint, dz: np.exp(log_joint - logsumexp(log_joint)) * dz
            ),
            "that has its peak at 1: divide by the sum, not by the maximum": (
                lambda log_joint, dz: np.exp(log_joint - log_joint.max())
            ),
            "that is its logarithm: take the exponential": (
                lambda log_joint, dz: log_joint - logsumexp(log_joint) - np.log(dz)
            ),
        },
    ),
    Exercise(
        "elbo_from_samples",
        sample_problem,
        returns=("the ELBO",),
        sizes=lambda log_joint, **_: {"L": len(log_joint)},
        terms=sample_terms,
        also=(with_the_exact_entropy,),
        mistakes={
            "log q is subtracted, not added": (
                lambda log_joint, z, m, s: np.mean(log_joint + log_q(z, m, s))
            ),
            "s is the standard deviation: the density divides by s^2": (
                lambda log_joint, z, m, s: np.mean(log_joint - log_q(z, m, np.sqrt(s)))
            ),
            "z is already drawn, and log_joint is its own: the samples are not weighed once more": (
                lambda log_joint, z, m, s: np.average(
                    log_joint - log_q(z, m, s), weights=np.exp(log_q(z, m, s))
                )
            ),
            "q is a density: its logarithm is subtracted, not q itself": (
                lambda log_joint, z, m, s: np.mean(log_joint - np.exp(log_q(z, m, s)))
            ),
            "that is the log of a mean of weights: the ELBO is the mean of their logs": (
                lambda log_joint, z, m, s: logsumexp(log_joint - log_q(z, m, s)) - np.log(len(z))
            ),
            "q is normalised by 1 / s, so that log q contains -log s": (
                lambda log_joint, z, m, s: np.mean(log_joint - log_q(z, m, s) - np.log(s))
            ),
        },
    ),
]
