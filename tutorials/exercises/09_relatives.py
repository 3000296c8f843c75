"""Exercises of notebook 9: a posterior, the M-step, principal angles."""

import numpy as np

from exercises import Exercise


def posterior_problem(rng):
    n, d, j = 5, 4, 2
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


def precision(x, W, b, psi):
    mean, covariance = fa_posterior(x, W, b, psi)
    return mean, np.linalg.inv(covariance)


def m_step_problem(rng):
    n, d, j = 7, 4, 2
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


def error_at_the_mean(e, mean, covariance):
    W, _ = m_step(e, mean, covariance, times=len(e))
    return W, np.mean((e - mean @ W) ** 2)


def angles_problem(rng):
    W = rng.standard_normal((3, 6))
    return {"W": W, "V": W + 0.7 * rng.standard_normal((3, 6))}


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
        "fa_posterior",
        posterior_problem,
        returns=("mean", "covariance"),
        sizes=lambda x, W, **_: {"N": len(x), "D": x.shape[1], "J": len(W)},
        mistakes={
            "the identity in P is missing: that is the prior, without it there is least squares "
            "and no shrinkage": without_the_prior,
            "psi are variances: divide by them, not by their roots": with_deviations,
            "b has not been taken off x": not_centred,
            "the noise weighs the features: in x - b, too, each is divided by its psi": not_divided,
            "that is the precision P; the covariance is its inverse": precision,
        },
    ),
    Exercise(
        "m_step",
        m_step_problem,
        returns=("W", "sigma2"),
        sizes=lambda e, mean, **_: {"N": len(e), "D": e.shape[1], "J": mean.shape[1]},
        mistakes={
            "this takes z as known to be its mean: E[z z^T] has the covariance in it": (
                as_if_certain
            ),
            "S_zz is a sum over N datapoints, and so the covariance is in it N times": (
                covariance_once
            ),
            "that is the error at the mean of z; on the average over q it is larger, because z "
            "varies": error_at_the_mean,
        },
    ),
    Exercise(
        "principal_angles",
        angles_problem,
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
            "these are radians": lambda W, V: np.deg2rad(angles(rows(W), rows(V))),
            "the largest comes first; the smallest should": lambda W, V: angles(rows(W), rows(V))[
                ::-1
            ],
        },
    ),
]
