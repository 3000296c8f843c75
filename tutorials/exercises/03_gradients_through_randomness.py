"""Exercises of notebook 3: the score function, the best baseline, an inverse CDF and its slopes."""

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def score_problem(rng):
    L, mu, log_var = int(rng.integers(5, 12)), rng.standard_normal(), rng.uniform(-2, 1)
    z = mu + np.exp(log_var / 2) * rng.standard_normal(L)
    return {"f": z**2 + 1, "z": z, "mu": mu, "log_var": log_var, "b": rng.uniform(1, 2)}


def scores(z, mu, log_var):
    return (z - mu) / np.exp(log_var), ((z - mu) ** 2 / np.exp(log_var) - 1) / 2


def weighted(f, s_mu, s_log_var):
    return np.mean(f * s_mu), np.mean(f * s_log_var)


def without_baseline(f, z, mu, log_var, b):
    return weighted(f, *scores(z, mu, log_var))


def baseline_added(f, z, mu, log_var, b):
    return weighted(f + b, *scores(z, mu, log_var))


def divided_by_sigma(f, z, mu, log_var, b):
    return weighted(f - b, (z - mu) / np.exp(log_var / 2), scores(z, mu, log_var)[1])


def exp_of_log_var_as_sigma(f, z, mu, log_var, b):
    return weighted(f - b, *scores(z, mu, 2 * log_var))


def with_respect_to_sigma(f, z, mu, log_var, b):
    s_mu, s_log_var = scores(z, mu, log_var)
    return weighted(f - b, s_mu, 2 * s_log_var / np.exp(log_var / 2))


def with_respect_to_variance(f, z, mu, log_var, b):
    s_mu, s_log_var = scores(z, mu, log_var)
    return weighted(f - b, s_mu, s_log_var / np.exp(log_var))


def without_normaliser(f, z, mu, log_var, b):
    s_mu, s_log_var = scores(z, mu, log_var)
    return weighted(f - b, s_mu, s_log_var + 0.5)


def density_in_place_of_score(f, z, mu, log_var, b):
    q = np.exp(-0.5 * (np.log(2 * np.pi) + log_var + (z - mu) ** 2 / np.exp(log_var)))
    s_mu, s_log_var = scores(z, mu, log_var)
    return weighted(f - b, q * s_mu, q * s_log_var)


def kumaraswamy_problem(rng):
    n = int(rng.integers(4, 9))
    return {"u": rng.random(n), "a": rng.uniform(0.5, 3), "b": rng.uniform(0.5, 3)}


def from_one_minus_u(u, a, b):
    return inverse(1 - u, a, b)


def exponents_swapped(u, a, b):
    z, da, db = inverse(u, b, a)
    return z, db, da


def inverse(u, a, b):
    v = (1 - u) ** (1 / b)
    z = (1 - v) ** (1 / a)
    return z, -z * np.log1p(-v) / a**2, z / (a * (1 - v)) * v * np.log1p(-u) / b**2


def powers_not_roots(u, a, b):
    return (1 - (1 - u) ** b) ** a, *inverse(u, a, b)[1:]


def slopes_of_the_cdf(u, a, b):
    z = inverse(u, a, b)[0]
    v = 1 - z**a
    return z, b * v ** (b - 1) * z**a * np.log(z), -(v**b) * np.log(v)


def forgot_square_of_a(u, a, b):
    z, da, db = inverse(u, a, b)
    return z, da * a, db


def forgot_square_of_b(u, a, b):
    z, da, db = inverse(u, a, b)
    return z, da, db * b


def forgot_outer_root(u, a, b):
    v = (1 - u) ** (1 / b)
    z, da, _ = inverse(u, a, b)
    return z, da, v * np.log1p(-u) / b**2


def baseline_problem(rng):
    L, J = different(rng, 2, low=4)
    return {"f": rng.normal(-3, 1, L), "score": rng.standard_normal((L, J))}


def quotient(top, bottom):
    return (top.sum(axis=0) - top) / (bottom.sum(axis=0) - bottom)


def with_itself(f, score):
    top, bottom = f[:, None] * score**2, score**2
    return np.broadcast_to(top.sum(axis=0) / bottom.sum(axis=0), score.shape)


def unweighted(f, score):
    return quotient(f[:, None] * np.ones_like(score), np.ones_like(score))


def not_squared(f, score):
    return quotient(f[:, None] * score, score)


def without_denominator(f, score):
    top = f[:, None] * score**2
    return (top.sum(axis=0) - top) / (len(f) - 1)


def own_in_the_denominator(f, score):
    top, bottom = f[:, None] * score**2, score**2
    return (top.sum(axis=0) - top) / bottom.sum(axis=0)


def for_each_draw(f, score):
    return f[:, None] - (f @ score**2 - f[:, None] * score**2) / (
        np.sum(score**2, axis=0) - score**2
    )


EXERCISES = [
    Exercise(
        "score_gradient",
        score_problem,
        minutes=20,
        returns=("dmu", "dlog_var"),
        sizes=lambda z, **_: {"L": len(z)},
        mistakes={
            "the baseline b is not taken off": without_baseline,
            "the baseline is subtracted from f, not added": baseline_added,
            "that divides by sigma; d log q / dmu is (z - mu) / sigma^2": divided_by_sigma,
            "sigma is exp(log_var / 2), and sigma^2 is exp(log_var)": exp_of_log_var_as_sigma,
            "that is the derivative with respect to sigma": with_respect_to_sigma,
            "that is the derivative with respect to sigma^2": with_respect_to_variance,
            "log q also contains -log_var / 2, whose slope is -1/2": without_normaliser,
            "that multiplies by the slope of q: draws of q want the slope of log q": (
                density_in_place_of_score
            ),
        },
    ),
    Exercise(
        "best_baselines",
        baseline_problem,
        minutes=15,
        sizes=lambda score, **_: {"L": score.shape[0], "J": score.shape[1]},
        mistakes={
            "draw l itself is still in its baseline: take it out of both sums": with_itself,
            "draw l itself is still in the lower sum": own_in_the_denominator,
            "that is the mean of the others; the best baseline weighs them by score^2": unweighted,
            "that is f with the baseline taken off: the baseline itself is wanted": for_each_draw,
            "the weights are the squares of the scores": not_squared,
            "the weights have to be divided by their own mean, E[s^2]": without_denominator,
        },
    ),
    Exercise(
        "kumaraswamy",
        kumaraswamy_problem,
        minutes=25,
        returns=("z", "dz_da", "dz_db"),
        mistakes={
            "that inverts 1 - F: also a draw, but it falls as u rises": from_one_minus_u,
            "a and b have changed places": exponents_swapped,
            "the inverse of a power is a root: exponents 1/a and 1/b": powers_not_roots,
            "that is the slope of F: z = F^-1(u) moves by minus that, divided by the density": (
                slopes_of_the_cdf
            ),
            "the slope of 1/a is -1/a^2": forgot_square_of_a,
            "the slope of 1/b is -1/b^2": forgot_square_of_b,
            "b sits inside the root 1/a: its slope is one more factor": forgot_outer_root,
        },
    ),
]
