"""Wrong answers to the exercises of notebook 15, and what the checker must say to each."""

import numpy as np
from scipy import signal


def true_convolution(x, w, stride):
    return signal.convolve2d(x, w, "valid")[::stride, ::stride]


def without_stride(x, w, stride):
    return signal.correlate2d(x, w, "valid")


def dense_patches(x, w, stride):
    a = signal.correlate2d(x, w, "valid")
    return a[: (len(x) - len(w)) // stride + 1, : (x.shape[1] - w.shape[1]) // stride + 1]


def rounded_down(x, w, stride):
    right = signal.correlate2d(x, w, "valid")[::stride, ::stride]
    P, Q = (len(x) - len(w)) // stride, (x.shape[1] - w.shape[1]) // stride
    return right[:P, :Q]


def negative(x, w, stride):
    return -signal.correlate2d(x, w, "valid")[::stride, ::stride]


def gradient(x, da, stride, shape):
    dw = np.zeros(shape)
    for i, j in np.ndindex(shape):
        P, Q = da.shape
        dw[i, j] = np.sum(da * x[i : i + stride * P : stride, j : j + stride * Q : stride])
    return dw


def mean_of_patches(x, da, stride, shape):
    return gradient(x, da, stride, shape) / da.size


def turned(x, da, stride, shape):
    return gradient(x, da, stride, shape)[::-1, ::-1]


def neighbours(x, da, stride, shape):
    return gradient(x, da, 1, shape)


def apart(y, stride):
    P, Q = y.shape
    wide = np.zeros((stride * (P - 1) + 1, stride * (Q - 1) + 1))
    wide[::stride, ::stride] = y
    return wide


def padded(x, height, width):
    return np.pad(x, ((0, height - len(x)), (0, width - x.shape[1])))


def overwritten(y, w, stride, height, width):
    x = np.zeros((height, width))
    for p, q in np.ndindex(*y.shape):
        x[stride * p :, stride * q :][: w.shape[0], : w.shape[1]] = y[p, q] * w
    return x


def correlated(y, w, stride, height, width):
    return padded(signal.correlate2d(apart(y, stride), w), height, width)


def not_apart(y, w, stride, height, width):
    return padded(signal.convolve2d(y, w), height, width)


def without_the_rest(y, w, stride, height, width):
    return signal.convolve2d(apart(y, stride), w)[:, :-1]


WRONG = {
    "convolve": [
        (true_convolution, "the filter is flipped"),
        (without_stride, "at every place"),
        (dense_patches, "the patches are neighbours"),
        (rounded_down, "one row and one column too few"),
        (negative, "has the wrong sign"),
    ],
    "filter_gradient": [
        (mean_of_patches, "a sum over patches, not a mean"),
        (turned, "nothing is flipped"),
        (neighbours, "da[p, q] belongs to the patch"),
    ],
    "transpose": [
        (overwritten, "one patch has overwritten another"),
        (correlated, "nothing is flipped"),
        (not_apart, "patch (p, q) begins at row s p"),
        (without_the_rest, "shape"),
    ],
}
