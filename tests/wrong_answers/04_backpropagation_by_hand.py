"""Wrong answers to the exercises of notebook 4, and what the checker must say to each."""

import numpy as np


def network_backward(dlogits, x, h, W2, mean=1):
    da = (dlogits @ W2.T) * (1 - h**2)
    return x.T @ da / mean, da.sum(axis=0) / mean, h.T @ dlogits / mean, dlogits.sum(axis=0) / mean


def averaged(dlogits, x, h, W2):
    return network_backward(dlogits, x, h, W2, mean=len(x))


def transposed(dlogits, x, h, W2):
    dW1, db1, dW2, db2 = network_backward(dlogits, x, h, W2)
    return dW1, db1, dW2.T, db2


def biases_not_summed(dlogits, x, h, W2):
    dW1, _, dW2, _ = network_backward(dlogits, x, h, W2)
    return dW1, (dlogits @ W2.T) * (1 - h**2), dW2, dlogits


def biases_summed_over_units(dlogits, x, h, W2):
    dW1, db1, dW2, _ = network_backward(dlogits, x, h, W2)
    return dW1, db1, dW2, dlogits.sum(axis=1)


def in_place(dlogits, x, h, W2):
    right = network_backward(dlogits, x, h, W2)
    dlogits *= 2
    return right


def half_done(dlogits, x, h, W2):
    _, _, dW2, db2 = network_backward(dlogits, x, h, W2)
    return ..., ..., dW2, db2


def does_not_fit(dlogits, x, h, W2):
    dh = dlogits @ W2
    return dh, dh, dh, dh


def gaussian(x, mean, log_var, power=1.0, minus=1.0):
    error = (x - mean) * np.exp(-log_var * power)
    return error, ((x - mean) * error - minus) / 2


def descending(x, mean, log_var):
    dmean, dlog_var = gaussian(x, mean, log_var)
    return -dmean, -dlog_var


def without_half(x, mean, log_var):
    dmean, dlog_var = gaussian(x, mean, log_var)
    return dmean, 2 * dlog_var


def one_direction_only(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def first_row_only(f, x, h):
    grad = np.zeros_like(x)
    for j in range(x.shape[1]):
        step = np.zeros_like(x)
        step[0, j] = h
        grad[0, j] = (f(x + step) - f(x - step)) / (2 * h)
    return grad


def forward_difference(f, x, h):
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        grad[index] = (f(x + step) - f(x)) / h
    return grad


WRONG = {
    "network_backward": [
        (averaged, "too small by the factor n = 5: did you average twice"),
        (transposed, "dW2 has shape (3, 7) = (n_out, n_hidden), expected (7, 3)"),
        (biases_not_summed, "a sum over axis 0 is missing"),
        (biases_summed_over_units, "did a sum run over the wrong axis"),
        (in_place, "the argument dlogits was changed"),
        (half_done, "dW1 is not filled in yet"),
        (does_not_fit, "in the line   dh = dlogits @ W2"),
    ],
    "gaussian_log_prob_backward": [
        (descending, "the shape of dmean is right; its value has the wrong sign"),
        (without_half, "is off by the factor 2: is a 1/2 missing"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var, power=0.5), "divides by sigma;"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var, minus=0), "has a gradient too"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var)[0], "it returns one value"),
    ],
    "central_difference": [
        (forward_difference, "that is a one-sided difference"),
        (one_direction_only, "expected an array of shape (2, 3)"),
        (first_row_only, "is right in 3 of 6 entries"),
    ],
}
