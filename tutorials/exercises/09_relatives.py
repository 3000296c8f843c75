"""Exercises of notebook 9: the M-step, principal angles, a posterior."""

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def posterior_problem(rng):
    j, d, n = sorted(different(rng, 3, low=2))
    return {
        "x": rng.standard_normal((n, d)),
        "W": rng.standard_normal((j, d)),
        "b": rng.standard_normal(d),
        "psi": rng.uniform(0.3, 2, d),
    }


def fa_posterior(x, W, b, psi, prior=1.0, weights=None, centre=True):
    weights = 1 / psi if weights is None else weights
    covariance = np.linalg.inv(prior * np.eye(len(W)) + (W * weights) @ W.T)
    return ((x - b * centre) * weights) @ W.T @ covariance, covariance


def without_the_prior(x, W, b, psi):
    return fa_posterior(x, W, b, psi, prior=0)


def with_deviations(x, W, b, psi):
    return fa_posterior(x, W, b, psi, weights=1 / np.sqrt(psi))


def not_centred(x, W, b, psi):
    return fa_posterior(x, W, b, psi, centre=False)


def not_divided(x, W, b, psi):
    covariance = fa_posterior(x, W, b, psi)[1]
    return (x - b) @ W.T @ covariance, covariance


def prior_alone(x, W, b, psi):
    _, covariance = fa_posterior(x, W, b, psi)
    return ((x - b) / psi) @ W.T, covariance


def variance_of_one_noise(x, W, b, psi):
    return fa_posterior(x, W, b, psi, weights=np.full_like(psi, 1 / psi.mean()))


def multiplied(x, W, b, psi):
    return fa_posterior(x, W, b, psi, weights=psi)


def precision(x, W, b, psi):
    mean, covariance = fa_posterior(x, W, b, psi)
    return mean, np.linalg.inv(covariance)


def m_step_problem(rng):
    j, d, n = sorted(different(rng, 3, low=2))
    factor = rng.standard_normal((j, j))
    return {
        "e": rng.standard_normal((n, d)),
        "mean": rng.standard_normal((n, j)),
        "covariance": factor @ factor.T / 4,
    }


def m_step(e, mean, covariance, times=1.0):
    S_ze = mean.T @ e
    W = np.linalg.solve(times * covariance + mean.T @ mean, S_ze)
    return W, (np.sum(e**2) - np.sum(W * S_ze)) / e.size


def as_if_certain(e, mean, covariance):
    return m_step(e, mean, covariance, times=0)


def covariance_once(e, mean, covariance):
    return m_step(e, mean, covariance, times=1)


def covariance_left_out(e, mean, covariance):
    W, _ = m_step(e, mean, covariance, times=len(e))
    return W, np.mean(e**2) - np.mean((mean @ W) ** 2)


def deviation(e, mean, covariance):
    W, sigma2 = m_step(e, mean, covariance, times=len(e))
    return W, np.sqrt(sigma2)


def variance_of_e(e, mean, covariance):
    return m_step(e, mean, covariance, times=len(e))[0], np.mean(e**2)


def per_datapoint(e, mean, covariance):
    W, sigma2 = m_step(e, mean, covariance, times=len(e))
    return W, sigma2 * e.shape[1]


def error_at_the_mean(e, mean, covariance):
    W, _ = m_step(e, mean, covariance, times=len(e))
    return W, np.mean((e - mean @ W) ** 2)


def angles_problem(rng):
    J, D = int(rng.integers(2, 5)), int(rng.integers(8, 12))
    W = rng.standard_normal((J, D))
    return {"W": W, "V": W + 0.7 * rng.standard_normal((J, D))}


def angles(A, B):
    return np.rad2deg(np.arccos(np.clip(np.linalg.svd(A @ B.T, compute_uv=False), -1, 1)))


def rows(W):
    return np.linalg.svd(W, full_matrices=False)[2]


def only_unit_length(W, V):
    return angles(*(A / np.linalg.norm(A, axis=1, keepdims=True) for A in (W, V)))


def row_by_row(W, V):
    W, V = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (W, V))
    return np.sort(np.rad2deg(np.arccos(np.sum(W * V, axis=1))))


EXERCISES = [
    Exercise(
        "m_step",
        m_step_problem,
        minutes=25,
        returns=("W", "sigma2"),
        sizes=lambda e, mean, **_: {"N": len(e), "D": e.shape[1], "J": mean.shape[1]},
        mistakes={
            "this takes z as known to be its mean: E[z z^T] has the covariance in it": (
                as_if_certain
            ),
            "S_zz is a sum over N datapoints, and so the covariance is in it N times": (
                covariance_once
            ),
            "the mean square of mean W is not all of E[z z^T]: its covariance is left out": (
                covariance_left_out
            ),
            "that is sigma, asked for is sigma^2": deviation,
            "that is the variance of the data: what W explains has to be taken off": variance_of_e,
            "that is the noise of all D features together: sigma^2 is that of one": per_datapoint,
            "that is the error at the mean of z; on the average over q it is larger, because z "
            "varies": error_at_the_mean,
        },
    ),
    Exercise(
        "principal_angles",
        angles_problem,
        minutes=15,
        sizes=lambda W, **_: {"J": len(W), "D": W.shape[1]},
        rtol=1e-5,
        mistakes={
            "the rows have length one now, but they are not orthogonal to each other: find rows "
            "that span the same and are": only_unit_length,
            "these are angles between row 1 and row 1, row 2 and row 2: a subspace has no such "
            "rows": row_by_row,
            "these are the cosines, not the angles": lambda W, V: np.cos(
                np.deg2rad(angles(rows(W), rows(V)))
            ),
            "these are the sines, not the angles": lambda W, V: np.sin(
                np.deg2rad(angles(rows(W), rows(V)))
            ),
            "that is the largest angle, everywhere": lambda W, V: np.full(
                len(W), angles(rows(W), rows(V)).max()
            ),
            "these are radians": lambda W, V: np.deg2rad(angles(rows(W), rows(V))),
            "the largest comes first; the smallest should": lambda W, V: angles(rows(W), rows(V))[
                ::-1
            ],
        },
    ),
    Exercise(
        "fa_posterior",
        posterior_problem,
        minutes=20,
        returns=("mean", "covariance"),
        sizes=lambda x, W, **_: {"N": len(x), "D": x.shape[1], "J": len(W)},
        mistakes={
            "the identity in P is missing: that is the prior, without it there is least squares "
            "and no shrinkage": without_the_prior,
            "psi are variances: divide by them, not by their roots": with_deviations,
            "b has not been taken off x": not_centred,
            "the noise weighs the features: in x - b, too, each is divided by its psi": not_divided,
            "the mean is the message (x - b) Psi^-1 W^T times the covariance": prior_alone,
            "every feature has a noise of its own: that takes their average": variance_of_one_noise,
            "psi divides, it does not multiply: a noisy feature says less": multiplied,
            "that is the precision P; the covariance is its inverse": precision,
        },
    ),
]
