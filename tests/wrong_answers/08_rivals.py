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


def at_the_median(z, posterior, dz):
    m = np.interp(0.5, np.cumsum(posterior) * dz, z)
    return m, moments(z, posterior, dz, about=m)[1]


def mean_square(z, posterior, dz):
    return moments(z, posterior, dz)[0], np.sum(z**2 * posterior) * dz


def s_first(z, posterior, dz):
    return moments(z, posterior, dz)[::-1]


def log_deviation(z, posterior, dz):
    m, s = moments(z, posterior, dz)
    return m, np.log(s)


def half_width(z, posterior, dz):
    return moments(z, posterior, dz)[0], (z[posterior > posterior.max() / 2].size * dz) / 2


def hard_coded(z, mu, log_var):
    error = (z - mu) * np.exp(-log_var)
    return error / 5, ((z - mu) * error - 1) / 10


def by_variance(z, mu, log_var):
    dmu, dlog_var = asleep(z, mu, log_var)
    return dmu, dlog_var * np.exp(-log_var)


def over_latents_too(z, mu, log_var):
    return tuple(part / z.shape[1] for part in asleep(z, mu, log_var))


def reparameterised(z, mu, log_var):
    return asleep(z, mu, log_var)[0], np.full_like(z, -0.5 / len(z))


def mean_gradient(z, mu, log_var):
    return tuple(part.sum(axis=0) for part in asleep(z, mu, log_var))


def at_the_best_point(log_joint, dlog_joint):
    return dlog_joint[np.argmax(log_joint)]


def not_normalised(log_joint, dlog_joint):
    return np.exp(log_joint - log_joint.max()) @ dlog_joint


def of_p_itself(log_joint, dlog_joint):
    return np.exp(log_joint) @ dlog_joint


WRONG = {
    "matched_gaussian": [
        (at_the_median, "that is the median"),
        (mean_square, "that is E[z^2]"),
        (s_first, "m: that is s; the order is m, s"),
        (log_deviation, "s is the logarithm of what it should be"),
        (half_width, "s is not"),
        (lambda **given: moments(**given, power=1), "that is the variance"),
        (lambda **given: moments(**given, about=0), "measured from zero"),
        (at_the_peak, "that is the highest peak"),
        (lambda z, posterior, dz: moments(z, posterior, 1.0), "dz, is missing"),
    ],
    "sleep_backward": [
        (hard_coded, "everywhere"),
        (by_variance, "with respect to sigma^2"),
        (over_latents_too, "too small by the factor J = "),
        (reparameterised, "that lets z move"),
        (mean_gradient, "a sum over axis 0 is one too many"),
        (lambda **given: asleep(**given, mean=False), "is too large by the factor M = "),
        (lambda **given: asleep(**given, power=0.5), "divides by sigma;"),
        (lambda **given: asleep(**given, minus=0), "has a gradient too"),
        (descending, "has the wrong sign"),
    ],
    "evidence_gradient": [
        (at_the_best_point, "best point alone"),
        (not_normalised, "divide by p(x), their sum"),
        (of_p_itself, "came at index"),
        (lambda log_joint, dlog_joint: weighted(log_joint, dlog_joint).sum(axis=1), "has shape"),
        (lambda log_joint, dlog_joint: dlog_joint.mean(axis=0), "counts the same there"),
        (weighted, "a sum over axis 0 is missing"),
        (
            lambda log_joint, dlog_joint: np.exp(log_joint) @ dlog_joint / np.exp(log_joint).sum(),
            "0 divided by 0",
        ),
    ],
}
