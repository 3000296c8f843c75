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


def for_each_row(x, W, b, psi):
    mean, covariance = posterior(x, W, b, psi)
    return mean, np.repeat(covariance[None], len(x), axis=0)


def diagonal(x, W, b, psi):
    mean, covariance = posterior(x, W, b, psi)
    return mean, np.diag(covariance)


def multiplied(x, W, b, psi):
    return posterior(x, W, b, 1 / psi)


def no_root(x, W, b, psi):
    return posterior(x, W, b, np.sqrt(psi))


def deviation(e, mean, covariance):
    W, sigma2 = m_step(e, mean, covariance)
    return W, np.sqrt(sigma2)


def transposed(e, mean, covariance):
    W, sigma2 = m_step(e, mean, covariance)
    return W.T, sigma2


def not_explained(e, mean, covariance):
    return m_step(e, mean, covariance)[0], np.mean(e**2)


def noise_of_each_feature(e, mean, covariance):
    W, _ = m_step(e, mean, covariance)
    return W, np.mean(e**2 - e * (mean @ W), axis=0)


def cosines(W, V):
    return np.linalg.svd(basis(W) @ basis(V).T, compute_uv=False)


def first_only(W, V):
    return np.rad2deg(angles(basis(W), basis(V)))[0]


def of_columns(W, V):
    return np.rad2deg(angles(np.linalg.qr(W)[0], np.linalg.qr(V)[0]))


def between_rows(W, V):
    cos = np.sum(W * V, 1) / np.linalg.norm(W, axis=1) / np.linalg.norm(V, axis=1)
    return np.sort(np.rad2deg(np.arccos(cos)))


WRONG = {
    "fa_posterior": [
        (for_each_row, "covariance has shape"),
        (diagonal, "covariance has shape"),
        (multiplied, "psi divides, it does not multiply"),
        (no_root, "psi are variances"),
        (lambda x, W, b, psi: posterior(x, W, b, psi, prior=0), "that is the prior"),
        (precision, "that is the precision P"),
        (weighed_once, "each is divided by its psi"),
        (transposed_mean, "it is transposed and is right otherwise"),
        (rows_not_columns, "in the line   return (x - b) @ W.T"),
    ],
    "m_step": [
        (deviation, "that is sigma, asked for is sigma^2"),
        (transposed, "it is transposed and is right otherwise"),
        (not_explained, "what W explains has to be taken off"),
        (noise_of_each_feature, "sigma2 has shape"),
        (regression, "this takes z as known"),
        (lambda e, mean, covariance: m_step(e, mean, covariance, count=1), "in it N times"),
        (summed_over_features, "sigma2: that is the noise of all D features together"),
        (error_at_the_mean, "because z varies"),
    ],
    "principal_angles": [
        (cosines, "these are the cosines"),
        (first_only, "expected an array of shape"),
        (of_columns, " at index ["),
        (between_rows, "angles between row 1 and row 1"),
        (lambda W, V: angles(basis(W), basis(V)), "these are radians"),
        (unit_rows, "not orthogonal to each other"),
        (lambda W, V: np.rad2deg(angles(basis(W), basis(V)))[::-1], "the largest comes first"),
        (raw, "arccos of what has none"),
    ],
}
