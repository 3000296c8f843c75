"""Wrong answers to the exercises of notebook 3, and what the checker must say to each."""

import numpy as np


def score(f, z, mu, log_var, b, *, minus=1.0, operation=np.mean, half=0.5):
    centred = z - mu
    s_log_var = half * (centred**2 * np.exp(-log_var) - minus)
    return operation((f - b) * centred * np.exp(-log_var)), operation((f - b) * s_log_var)


def summed(f, z, mu, log_var, b):
    return score(f, z, mu, log_var, b, operation=np.sum)


def for_every_draw(f, z, mu, log_var, b):
    return score(f, z, mu, log_var, b, operation=lambda values: values)


def in_sigma(f, z, mu, log_var, b):
    dmu, dlog_var = score(f, z, mu, log_var, b)
    return dmu, 2 * dlog_var * np.exp(-log_var / 2)


def kumaraswamy(u, a, b, sign=1.0):
    v = (1 - u) ** (1 / b)
    z = (1 - v) ** (1 / a)
    dz_db = sign * z * v * np.log(1 - u) / (a * (1 - v) * b**2)
    return z, -z * np.log(1 - v) / a**2, dz_db


def of_one_minus_u(u, a, b):
    return kumaraswamy(1 - u, a, b)


def the_other_way(u, a, b):
    return 1 - (1 - u**a) ** b, *kumaraswamy(u, a, b)[1:]


def without_own(values):
    return values.sum(axis=0) - values


def mean_of_the_others(f, score):
    b = without_own(f) / (len(f) - 1)
    return np.repeat(b[:, None], score.shape[1], axis=1)


def one_for_all_draws(f, score):
    return (f @ score**2) / np.sum(score**2, axis=0)


def one_for_all_parameters(f, score):
    weights = np.sum(score**2, axis=1)
    return without_own(f * weights) / without_own(weights)


def of_the_mean(f, z, mu, log_var, b):
    centred = np.mean(f) - b
    return centred * np.mean(z - mu) * np.exp(-log_var), 0.0


def only_mu(f, z, mu, log_var, b):
    return np.mean((f - b) * (z - mu) * np.exp(-log_var))


def changed_places(f, z, mu, log_var, b):
    return score(f, z, mu, log_var, b)[::-1]


def inverse_alone(u, a, b):
    return (1 - (1 - u) ** (1 / b)) ** (1 / a)


def slopes_of_the_cdf(u, a, b):
    z = inverse_alone(u, a, b)
    power = z**a
    return z, b * (1 - power) ** (b - 1) * power * np.log(z), -(np.log1p(-power)) * (1 - power) ** b


def slopes_changed_places(u, a, b):
    z, da, db = kumaraswamy(u, a, b)
    return z, db, da


def includes_itself(f, score):
    return np.ones_like(score) * (f @ score**2) / np.sum(score**2, axis=0)


def transposed(f, score):
    weights = score**2
    return (without_own(f[:, None] * weights) / without_own(weights)).T


def baseline_taken_off(f, score):
    return f[:, None] - without_own(f[:, None] * score**2) / without_own(score**2)


WRONG = {
    "score_gradient": [
        (of_the_mean, "dmu is not"),
        (only_mu, "it returns one value, expected 2 values: dmu, dlog_var"),
        (changed_places, "dmu: that is dlog_var; the order is dmu, dlog_var"),
        (summed, "too large by the factor L = "),
        (for_every_draw, "a mean over axis 0 is missing"),
        (in_sigma, "that is the derivative with respect to sigma"),
        (lambda f, z, mu, log_var, b: score(f, z, mu, log_var, -b), "subtracted from f, not added"),
        (lambda f, z, mu, log_var, b: score(f, z, mu, log_var, b, half=1), "is a 1/2 missing"),
        (lambda f, z, mu, log_var, b: score(f, z, mu, log_var, b, minus=0), "slope is -1/2"),
    ],
    "kumaraswamy": [
        (inverse_alone, "it returns one array"),
        (slopes_of_the_cdf, "that is the slope of F"),
        (slopes_changed_places, "dz_da: that is dz_db; the order is z, dz_da, dz_db"),
        (of_one_minus_u, "that inverts 1 - F"),
        (the_other_way, "z is right; its value is not"),
        (lambda u, a, b: kumaraswamy(u, a, b, -1), "dz_db is right; its value has the wrong sign"),
        (lambda u, a, b: kumaraswamy(u, b, a), "came at index"),
    ],
    "best_baselines": [
        (includes_itself, "draw l itself is still in its baseline"),
        (transposed, "it is transposed and is right otherwise"),
        (baseline_taken_off, "the baseline itself is wanted"),
        (mean_of_the_others, "weighs them by score^2"),
        (one_for_all_draws, "= (J,), expected"),
        (one_for_all_parameters, "= (L,), expected"),
        (lambda f, score: without_own(f[:, None] * score) / without_own(score), "the squares"),
    ],
}
