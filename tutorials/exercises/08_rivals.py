"""Exercises of notebook 8: moment matching, the sleep phase, the gradient of the evidence."""

import numpy as np
from scipy.special import softmax

from exercises import Exercise


def posterior_problem(rng):
    """A mixture of two Gaussians on a grid."""
    z, dz = np.linspace(-6, 6, 241, retstep=True)
    left, right = -1 - rng.random(2)[0], 1 + rng.random()
    weight, width = rng.uniform(0.2, 0.4), rng.uniform(0.3, 0.6)
    p = weight * np.exp(-0.5 * ((z - left) / width) ** 2)
    p += (1 - weight) * np.exp(-0.5 * ((z - right) / width) ** 2)
    return {"z": z, "posterior": p / (p.sum() * dz), "dz": dz}


def moments(z, posterior, dz):
    mean = np.sum(z * posterior) * dz
    return mean, np.sum((z - mean) ** 2 * posterior) * dz


def variance_for_deviation(z, posterior, dz):
    return moments(z, posterior, dz)


def around_zero(z, posterior, dz):
    return moments(z, posterior, dz)[0], np.sqrt(np.sum(z**2 * posterior) * dz)


def without_spacing(z, posterior, dz):
    mean = np.sum(z * posterior)
    return mean, np.sqrt(np.sum((z - mean) ** 2 * posterior))


def the_peak(z, posterior, dz):
    m = z[np.argmax(posterior)]
    return m, np.sqrt(np.sum((z - m) ** 2 * posterior) * dz)


def unweighted(z, posterior, dz):
    return z.mean(), z.std()


def dream_problem(rng):
    z, mu, log_var = rng.standard_normal((3, 5, 3))
    return {"z": z, "mu": mu, "log_var": log_var}


def dream_gradient(z, mu, log_var):
    error = (z - mu) / np.exp(log_var)
    return error / len(z), ((z - mu) * error - 1) / 2 / len(z)


def with_sigma(z, mu, log_var):
    sigma = np.exp(log_var / 2)
    return (z - mu) / sigma / len(z), ((z - mu) ** 2 / sigma - 1) / 2 / len(z)


def without_the_normaliser(z, mu, log_var):
    dmu, dlog_var = dream_gradient(z, mu, log_var)
    return dmu, dlog_var + 0.5 / len(z)


def through_the_draw(z, mu, log_var):
    return np.zeros_like(mu), np.full_like(log_var, -0.5 / len(z))


def grid_problem(rng):
    G, P = 31, 4
    log_joint = -2000 * rng.uniform(1, 2) + 3 * rng.standard_normal(G)
    return {"log_joint": log_joint, "dlog_joint": rng.standard_normal((G, P))}


EXERCISES = [
    Exercise(
        "matched_gaussian",
        posterior_problem,
        returns=("m", "s"),
        mistakes={
            "that is the variance: s is its square root": variance_for_deviation,
            "that is measured from zero: the variance is about the mean": around_zero,
            "the width of the rectangles, dz, is missing": without_spacing,
            "that is the highest peak: KL(p || q) wants the posterior's mean": the_peak,
            "every point of the grid counts the same there: weigh it by the posterior": unweighted,
        },
    ),
    Exercise(
        "sleep_backward",
        dream_problem,
        returns=("dmu", "dlog_var"),
        sizes=lambda z, **_: {"M": z.shape[0], "J": z.shape[1]},
        mistakes={
            "that divides by sigma; the density divides by sigma^2 = exp(log_var)": with_sigma,
            "-log_var / 2 in log q has a gradient too": without_the_normaliser,
            "that lets z move with mu and sigma: the dream's z stays where it is": through_the_draw,
        },
    ),
    Exercise(
        "evidence_gradient",
        grid_problem,
        returns=("the gradient",),
        sizes=lambda log_joint, dlog_joint: {"G": len(log_joint), "P": dlog_joint.shape[1]},
        mistakes={
            "every point of the grid counts the same there: weigh it by the posterior": (
                lambda log_joint, dlog_joint: dlog_joint.mean(axis=0)
            ),
            "the weights are not normalised: divide by p(x), their sum": (
                lambda log_joint, dlog_joint: np.exp(log_joint - log_joint.max()) @ dlog_joint
            ),
            "that weighs by the logarithm: the posterior is its exponential": (
                lambda log_joint, dlog_joint: log_joint @ dlog_joint / log_joint.sum()
            ),
            "that divides by the number of points as well: the weights sum to 1 already": (
                lambda log_joint, dlog_joint: softmax(log_joint) @ dlog_joint / len(log_joint)
            ),
        },
    ),
]
