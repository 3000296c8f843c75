"""Answers to the exercises of notebook 15; to be read after a try of your own."""

import numpy as np


def convolve(x, w, stride):
    """Cut a patch out of the image for each output, and multiply it with the filter.

    The last patch begins at row height - k at the latest, and the first at row 0.
    """
    rows, columns = w.shape
    P, Q = (x.shape[0] - rows) // stride + 1, (x.shape[1] - columns) // stride + 1
    a = np.empty((P, Q))
    for p, q in np.ndindex(P, Q):
        top, left = stride * p, stride * q
        a[p, q] = np.sum(x[top : top + rows, left : left + columns] * w)
    return a


def filter_gradient(x, da, stride, shape):
    """Add up over all uses of the filter: da_pq / dw_ij = x[s p + i, s q + j].

    Each patch, times the gradient of its output.
    """
    dw = np.zeros(shape)
    for p, q in np.ndindex(*da.shape):
        top, left = stride * p, stride * q
        dw += da[p, q] * x[top : top + shape[0], left : left + shape[1]]
    return dw


def transpose(y, w, stride, height, width):
    """Add y_pq times the filter to the patch that it belongs to: da_pq / dx = w, at that place."""
    rows, columns = w.shape
    x = np.zeros((height, width))
    for p, q in np.ndindex(*y.shape):
        top, left = stride * p, stride * q
        x[top : top + rows, left : left + columns] += y[p, q] * w
    return x
