"""Wrong answers to the exercises of notebook 9, and what the checker must say to each."""

import numpy as np


def posterior(x, W, b, psi, prior=1.0):
    covariance = np.linalg.inv(prior * np.eye(len(W)) + (W / psi) @ W.T)
    return ((x - b) / psi) @ W.T @ covariance, covariance


def transposed_mean(x, W, b, psi):
    mean, covariance = posterior(x, W, b, psi)
    return mean.T, covariance


def precision(x, W, b, psi):
    mean, covariance = posterior(x, W, b, psi)
    return mean, np.linalg.inv(covariance)


def weighed_once(x, W, b, psi):
    _, covariance = posterior(x, W, b, psi)
    return (x - b) @ W.T @ covariance, covariance


def rows_not_columns(x, W, b, psi):
    return (x - b) @ W.T, np.linalg.inv(np.eye(len(W)) + W / psi @ W)


def regression(e, mean, covariance):
    W = np.linalg.lstsq(mean, e, rcond=None)[0]
    return W, np.mean((e - mean @ W) ** 2)


def m_step(e, mean, covariance, count=None):
    n, d = e.shape
    W = np.linalg.solve((count or n) * covariance + mean.T @ mean, mean.T @ e)
    return W, (np.sum(e**2) - np.sum(W * (mean.T @ e))) / (n * d)


def summed_over_features(e, mean, covariance):
    W, sigma2 = m_step(e, mean, covariance)
    return W, sigma2 * e.shape[1]


def error_at_the_mean(e, mean, covariance):
    W, _ = m_step(e, mean, covariance)
    return W, np.sum((e - mean @ W) ** 2) / e.size


def basis(W):
    return np.linalg.qr(W.T)[0].T


def angles(W, V):
    return np.arccos(np.linalg.svd(W @ V.T, compute_uv=False))


def raw(W, V):
    return np.rad2deg(np.arccos(np.linalg.svd(W @ V.T, compute_uv=False)))


def unit_rows(W, V):
    W, V = (A / np.linalg.norm(A, axis=1, keepdims=True) for A in (W, V))
    return np.rad2deg(np.arccos(np.clip(np.linalg.svd(W @ V.T, compute_uv=False), -1, 1)))


WRONG = {
    "fa_posterior": [
        (lambda x, W, b, psi: posterior(x, W, b, psi, prior=0), "that is the prior"),
        (precision, "that is the precision P"),
        (weighed_once, "each is divided by its psi"),
        (transposed_mean, "it is transposed and is right otherwise"),
        (rows_not_columns, "in the line   return (x - b) @ W.T"),
    ],
    "m_step": [
        (regression, "this takes z as known"),
        (lambda e, mean, covariance: m_step(e, mean, covariance, count=1), "in it N times"),
        (summed_over_features, "sigma2 is too large by the factor D = 4"),
        (error_at_the_mean, "because z varies"),
    ],
    "principal_angles": [
        (lambda W, V: angles(basis(W), basis(V)), "these are radians"),
        (unit_rows, "not orthogonal to each other"),
        (lambda W, V: np.rad2deg(angles(basis(W), basis(V)))[::-1], "the largest comes first"),
        (raw, "is nan"),
    ],
}
