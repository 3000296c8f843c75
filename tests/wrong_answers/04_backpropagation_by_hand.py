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


def without_message(dlogits, x, h, W2):
    _, _, dW2, db2 = network_backward(dlogits, x, h, W2)
    return x.T @ h, h.sum(axis=0), dW2, db2


def layers_changed_places(dlogits, x, h, W2):
    dW1, db1, dW2, db2 = network_backward(dlogits, x, h, W2)
    return dW2, db2, dW1, db1


def ellipsis_in_the_sum(dlogits, x, h, W2):
    return np.einsum("ij,jk", dlogits[None], W2), ..., ..., ...


def squared_deviation(x, mean, log_var):
    error = (x - mean) * np.exp(-log_var)
    return error, (error**2 - 1) / 2


def log_density(x, mean, log_var):
    value = -0.5 * (np.log(2 * np.pi) + log_var + (x - mean) ** 2 * np.exp(-log_var))
    return value, value


def summed(x, mean, log_var):
    return tuple(part.sum(axis=1) for part in gaussian(x, mean, log_var))


def last_entry_only(f, x, h):
    grad = np.zeros_like(x)
    step = np.zeros_like(x)
    step[..., -1] = h
    grad[..., -1] = (f(x + step) - f(x - step)) / (2 * h)
    return grad


def steps_pile_up(f, x, h):
    grad, step = np.zeros_like(x), np.zeros_like(x)
    for index in np.ndindex(x.shape):
        step[index] = h
        grad[index] = (f(x + step) - f(x - step)) / (2 * h)
    return grad


def left_moved(f, x, h):
    grad = np.zeros_like(x)
    for index in np.ndindex(x.shape):
        old = x[index]
        x[index] = old + h
        up = f(x)
        x[index] = old - h
        grad[index] = (up - f(x)) / (2 * h)
    return grad


def flat(f, x, h):
    steps = h * np.eye(x.size).reshape(-1, *x.shape)
    return np.array([f(x + step) - f(x - step) for step in steps]) / (2 * h)


WRONG = {
    "network_backward": [
        (without_message, "that sends h"),
        (layers_changed_places, "dW1: that is dW2; the order is dW1, db1, dW2, db2"),
        (ellipsis_in_the_sum, "it raises ValueError"),
        (averaged, "too small by the factor n = "),
        (transposed, "= (n_out, n_hidden), expected"),
        (biases_not_summed, "a sum over axis 0 is missing"),
        (biases_summed_over_units, "did a sum run over the wrong axis"),
        (in_place, "the argument dlogits was changed"),
        (half_done, "dW1 is not filled in yet"),
        (does_not_fit, "in the line   dh = dlogits @ W2"),
    ],
    "gaussian_log_prob_backward": [
        (squared_deviation, "dlog_var is right; its value is not"),
        (log_density, "that is the log density itself"),
        (summed, "a sum over axis 1 is one too many"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var)[::-1], "dmean: that is dlog_var"),
        (
            lambda x, mean: (x, mean),
            "it takes the arguments (x, mean), expected (x, mean, log_var)",
        ),
        (descending, "the shape of dmean is right; its value has the wrong sign"),
        (without_half, "is off by the factor 2: is a 1/2 missing"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var, power=0.5), "divides by sigma;"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var, minus=0), "has a gradient too"),
        (lambda x, mean, log_var: gaussian(x, mean, log_var)[0], "it returns one array"),
    ],
    "central_difference": [
        (last_entry_only, "came at index"),
        (steps_pile_up, "came at index"),
        (left_moved, "and the argument x was changed on the way"),
        (flat, "their arrangement is not"),
        (lambda f, x, h: (f(x + h) - f(x)) / h, "it moves all entries at once"),
        (forward_difference, "that is a one-sided difference"),
        (one_direction_only, "it moves all entries at once"),
        (first_row_only, "tuple index out of range"),
    ],
}
