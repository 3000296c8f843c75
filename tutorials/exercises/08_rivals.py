"""Exercises of notebook 8: moment matching, the sleep phase, the gradient of the evidence."""

import numpy as np
from scipy.special import softmax

from exercises import Exercise
from exercises.made_up import different


def posterior_problem(rng):
    """A mixture of two Gaussians on a grid."""
    z, dz = np.linspace(-6, 6, int(rng.integers(200, 300)), retstep=True)
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


def the_median(z, posterior, dz):
    m = np.interp(0.5, np.cumsum(posterior) * dz, z)
    return m, np.sqrt(np.sum((z - m) ** 2 * posterior) * dz)


def second_moment(z, posterior, dz):
    mean, _ = moments(z, posterior, dz)
    return mean, np.sum(z**2 * posterior) * dz


def unweighted(z, posterior, dz):
    return z.mean(), z.std()


def dream_problem(rng):
    z, mu, log_var = rng.standard_normal((3, *different(rng, 2)))
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


def by_variance(z, mu, log_var):
    dmu, dlog_var = dream_gradient(z, mu, log_var)
    return dmu, dlog_var / np.exp(log_var)


def by_sigma(z, mu, log_var):
    dmu, dlog_var = dream_gradient(z, mu, log_var)
    return dmu, 2 * dlog_var / np.exp(log_var / 2)


def as_if_variance_one(z, mu, log_var):
    return (z - mu) / len(z), ((z - mu) ** 2 - 1) / 2 / len(z)


def through_the_draw(z, mu, log_var):
    return np.zeros_like(mu), np.full_like(log_var, -0.5 / len(z))


def grid_problem(rng):
    G, P = int(rng.integers(25, 40)), int(rng.integers(3, 8))
    log_joint = -2000 * rng.uniform(1, 2) + 3 * rng.standard_normal(G)
    return {"log_joint": log_joint, "dlog_joint": rng.standard_normal((G, P))}


EXERCISES = [
    Exercise(
        "matched_gaussian",
        posterior_problem,
        minutes=15,
        returns=("m", "s"),
        mistakes={
            "that is the variance: s is its square root": variance_for_deviation,
            "that is measured from zero: the variance is about the mean": around_zero,
            "the width of the rectangles, dz, is missing": without_spacing,
            "that is the highest peak: KL(p || q) wants the posterior's mean": the_peak,
            "that is the median: KL(p || q) wants the posterior's mean": the_median,
            "that is E[z^2]: take the square of the mean off, and the root": second_moment,
            "every point of the grid counts the same there: weigh it by the posterior": unweighted,
        },
    ),
    Exercise(
        "sleep_backward",
        dream_problem,
        minutes=15,
        returns=("dmu", "dlog_var"),
        sizes=lambda z, **_: {"M": z.shape[0], "J": z.shape[1]},
        mistakes={
            "that divides by sigma; the density divides by sigma^2 = exp(log_var)": with_sigma,
            "-log_var / 2 in log q has a gradient too": without_the_normaliser,
            "that is the gradient with respect to sigma^2: log_var is its logarithm": by_variance,
            "that is the gradient with respect to sigma: log_var is log sigma^2": by_sigma,
            "the variance is exp(log_var), and it divides the squared error": as_if_variance_one,
            "that lets z move with mu and sigma: the dream's z stays where it is": through_the_draw,
        },
    ),
    Exercise(
        "evidence_gradient",
        grid_problem,
        minutes=15,
        returns=("the gradient",),
        sizes=lambda log_joint, dlog_joint: {"G": len(log_joint), "P": dlog_joint.shape[1]},
        mistakes={
            "every point of the grid counts the same there: weigh it by the posterior": (
                lambda log_joint, dlog_joint: dlog_joint.mean(axis=0)
            ),
            "the weights are not normalised: divide by p(x), their sum": (
                lambda log_joint, dlog_joint: np.exp(log_joint - log_joint.max()) @ dlog_joint
            ),
            "that is the gradient at the grid's best point alone: weigh all by the posterior": (
                lambda log_joint, dlog_joint: dlog_joint[np.argmax(log_joint)]
            ),
            "the sum of the slopes has to be divided by p(x): weigh each by the posterior": (
                lambda log_joint, dlog_joint: dlog_joint.sum(axis=0)
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
