"""Right answers to the exercises of notebook 9, written in other ways."""

import numpy as np
from scipy.linalg import cho_factor, cho_solve, subspace_angles


def by_conditioning(x, W, b, psi):
    """The joint Gaussian of z and x, conditioned on x."""
    C = W.T @ W + np.diag(psi)
    gain = np.linalg.solve(C, W.T).T
    return (x - b) @ gain.T, np.eye(len(W)) - gain @ W.T


def by_cholesky(x, W, b, psi):
    scaled = W / np.sqrt(psi)
    factor = cho_factor(np.eye(len(W)) + scaled @ scaled.T)
    mean = cho_solve(factor, scaled @ ((x - b) / np.sqrt(psi)).T).T
    return mean, cho_solve(factor, np.eye(len(W)))


def row_by_row(data, loadings, offset, noise):
    inverse = np.diag(1 / noise)
    covariance = np.linalg.inv(np.identity(len(loadings)) + loadings @ inverse @ loadings.T)
    means = [covariance @ (loadings @ (inverse @ (row - offset))) for row in data]
    return means, covariance


def moments_summed(e, mean, covariance):
    S_zz = sum(np.outer(m, m) + covariance for m in mean)
    W = np.linalg.inv(S_zz) @ (mean.T @ e)
    return W, np.mean((e - mean @ W) ** 2) + np.trace(W.T @ covariance @ W) / e.shape[1]


def as_regression(e, mean, covariance):
    """The covariance as more data: rows of its root, whose targets are zero."""
    n = len(e)
    rows = np.sqrt(n) * np.linalg.cholesky(covariance).T
    inputs = np.vstack([mean, rows])
    targets = np.vstack([e, np.zeros((len(rows), e.shape[1]))])
    W = np.linalg.lstsq(inputs, targets, rcond=None)[0]
    return W, np.sum((targets - inputs @ W) ** 2) / e.size


def all_terms(centred, m, C):
    n, d = centred.shape
    S = n * C + m.T @ m
    W = np.linalg.pinv(S) @ m.T @ centred
    error = np.sum(centred**2) - 2 * np.sum((m @ W) * centred) + np.trace(W.T @ S @ W)
    return [W, error / n / d]


def with_scipy(W, V):
    return np.rad2deg(subspace_angles(W.T, V.T)[::-1])


def by_qr(W, V):
    Q, R = np.linalg.qr(W.T)[0], np.linalg.qr(V.T)[0]
    cosines = np.linalg.svd(Q.T @ R)[1]
    return np.degrees(np.arccos(np.minimum(cosines, 1)))


def by_projections(A, B):
    """The eigenvalues of the product of two projections are the squares of the cosines."""
    P, Q = np.linalg.pinv(A) @ A, np.linalg.pinv(B) @ B
    squares = np.sort(np.linalg.eigvalsh(P @ Q @ P))[::-1][: len(A)]
    return [np.arccos(min(1.0, c**0.5)) * 180 / np.pi for c in squares]


RIGHT = {
    "fa_posterior": [by_conditioning, by_cholesky, row_by_row],
    "m_step": [moments_summed, as_regression, all_terms],
    "principal_angles": [with_scipy, by_qr, by_projections],
}
