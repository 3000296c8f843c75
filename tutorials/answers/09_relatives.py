"""Answers to the exercises of notebook 9; to be read after a try of your own."""

import numpy as np


def m_step(e, mean, covariance):
    """Least squares of e on z, where E[z z^T] is the covariance plus the square of the mean.

    At this W the expected squared error is sum e^2 - tr W^T S_ze: the two terms with W are
    -2 tr W^T S_ze + tr W^T S_zz W, and S_zz W = S_ze.
    """
    n, d = e.shape
    S_zz = n * covariance + mean.T @ mean
    S_ze = mean.T @ e
    W = np.linalg.solve(S_zz, S_ze)
    sigma2 = (np.sum(e**2) - np.sum(W * S_ze)) / (n * d)
    return W, sigma2


def principal_angles(W, V):
    """Orthonormal rows of both; their products have the cosines as singular values.

    `np.linalg.svd` returns singular values from the largest on, so the angles come smallest first.
    Rounding may push a cosine beyond one, where arccos is NaN: hence the clip.
    """
    A, B = (np.linalg.svd(matrix, full_matrices=False)[2] for matrix in (W, V))
    cosines = np.linalg.svd(A @ B.T, compute_uv=False)
    return np.rad2deg(np.arccos(np.clip(cosines, -1, 1)))


def fa_posterior(x, W, b, psi):
    """Complete the square with Psi^-1 where 1 / sigma^2 was; Psi is diagonal, so it divides.

    log p(z|x) = -1/2 z (I + W Psi^-1 W^T) z^T + (x - b) Psi^-1 W^T z^T + ...
    """
    P = np.eye(len(W)) + (W / psi) @ W.T
    covariance = np.linalg.inv(P)
    mean = ((x - b) / psi) @ W.T @ covariance
    return mean, covariance
