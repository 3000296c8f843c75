"""Right answers to the exercises of notebook 15, written in other ways."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from scipy import signal


def correlated(x, w, stride):
    return signal.correlate(x, w, mode="valid", method="direct")[::stride, ::stride]


def by_windows(x, w, stride):
    return np.tensordot(sliding_window_view(x, w.shape)[::stride, ::stride], w, axes=2)


def weight_by_weight(image, kernel, step):
    P, Q = ((n - m) // step + 1 for n, m in zip(image.shape, kernel.shape, strict=True))
    a = np.zeros((P, Q))
    for (i, j), weight in np.ndenumerate(kernel):
        a += weight * image[i : i + step * P : step, j : j + step * Q : step][:P, :Q]
    return a


def slices(x, da, stride, shape):
    dw, (P, Q) = np.empty(shape), da.shape
    for i, j in np.ndindex(dw.shape):
        seen = x[i : i + stride * (P - 1) + 1 : stride, j : j + stride * (Q - 1) + 1 : stride]
        dw[i, j] = np.vdot(seen, da)
    return dw


def with_einsum(x, da, stride, shape):
    patches = sliding_window_view(x, shape)[::stride, ::stride]
    return np.einsum("pqij,pq->ij", patches[: da.shape[0], : da.shape[1]], da)


def by_linearity(x, da, stride, shape):
    """The output is linear in the filter: its slope is the output of a filter that is one."""
    dw = []
    for k in range(np.zeros(shape).size):
        w = np.zeros(shape)
        w.flat[k] = 1
        a = correlated(x, w, stride)[: da.shape[0], : da.shape[1]]
        dw.append(np.sum(a * da))
    return np.reshape(dw, shape)


def full_convolution(y, w, stride, height, width):
    wide = np.zeros((height - w.shape[0] + 1, width - w.shape[1] + 1))
    wide[: stride * len(y) : stride, : stride * y.shape[1] : stride][: len(y), : y.shape[1]] = y
    return signal.convolve2d(wide, w)


def pixel_by_pixel(y, w, stride, height, width):
    x = np.zeros((height, width))
    for p, q in np.ndindex(*y.shape):
        for i, j in np.ndindex(*w.shape):
            x[stride * p + i, stride * q + j] += y[p, q] * w[i, j]
    return x


def by_the_matrix(y, w, stride, height, width):
    """Write the convolution as a matrix, from images that have one pixel, and transpose it."""
    units = np.eye(height * width).reshape(-1, height, width)
    M = np.array([by_windows(unit, w, stride).ravel() for unit in units])
    return (M @ y.ravel()).reshape(height, width)


RIGHT = {
    "convolve": [correlated, by_windows, weight_by_weight],
    "filter_gradient": [slices, with_einsum, by_linearity],
    "transpose": [full_convolution, pixel_by_pixel, by_the_matrix],
}
