"""Answers to the exercises of notebook 4; to be read after a try of your own."""

import numpy as np


def gaussian_log_prob_backward(x, mean, log_var):
    """Write log p = -1/2 (log 2 pi + log_var + (x - mean)^2 exp(-log_var)), and differentiate.

    The second term gives -1/2, the third gives (x - mean)^2 exp(-log_var) / 2, because the
    derivative of exp(-log_var) is -exp(-log_var).
    """
    error = (x - mean) * np.exp(-log_var)
    dmean = error
    dlog_var = ((x - mean) * error - 1) / 2
    return dmean, dlog_var


def network_backward(dlogits, x, h, W2):
    """Three steps back: the second affine map, tanh, the first affine map."""
    dW2 = h.T @ dlogits
    db2 = dlogits.sum(axis=0)
    dh = dlogits @ W2.T
    da = dh * (1 - h**2)
    dW1 = x.T @ da
    db1 = da.sum(axis=0)
    return dW1, db1, dW2, db2


def central_difference(f, x, h):
    """Move one entry at a time, by h up and by h down."""
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        grad[index] = (f(x + step) - f(x - step)) / (2 * h)
    return grad
