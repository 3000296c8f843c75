"""Exercises of notebook 4: a Gaussian's gradient, two layers backward, finite differences."""

from functools import partial

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def gaussian_problem(rng):
    n, d = different(rng, 2)
    mean, log_var, x = rng.standard_normal((3, n, d))
    return {"x": x, "mean": mean, "log_var": log_var}


def stray_factor(x, mean, log_var):
    _, dlog_var = gaussian_gradient(x, mean, log_var)
    return (x - mean) / np.exp(log_var), dlog_var * mean * (1 - mean)


def without_the_variance(x, mean, log_var):
    return x - mean, ((x - mean) ** 2 - 1) / 2


def with_sigma(x, mean, log_var):
    sigma = np.exp(log_var / 2)
    return (x - mean) / sigma, ((x - mean) ** 2 / sigma - 1) / 2


def with_respect_to_variance(x, mean, log_var):
    dmean, dlog_var = gaussian_gradient(x, mean, log_var)
    return dmean, dlog_var / np.exp(log_var)


def log_density(x, mean, log_var):
    value = -0.5 * (np.log(2 * np.pi) + log_var + (x - mean) ** 2 / np.exp(log_var))
    return value, value


def without_the_normaliser(x, mean, log_var):
    dmean, dlog_var = gaussian_gradient(x, mean, log_var)
    return dmean, dlog_var + 0.5


def gaussian_gradient(x, mean, log_var):
    error = (x - mean) / np.exp(log_var)
    return error, ((x - mean) * error - 1) / 2


def network_problem(rng):
    n, n_in, n_hidden, n_out = different(rng, 4)
    return {
        "dlogits": rng.standard_normal((n, n_out)),
        "x": rng.standard_normal((n, n_in)),
        "h": np.tanh(rng.standard_normal((n, n_hidden))),
        "W2": rng.standard_normal((n_hidden, n_out)),
    }


def network_sizes(dlogits, x, h, W2):
    return {"n": len(x), "n_in": x.shape[1], "n_hidden": h.shape[1], "n_out": dlogits.shape[1]}


def network_gradient(dlogits, x, h, dh, slope):
    da = dh * slope
    return x.T @ da, da.sum(axis=0), h.T @ dlogits, dlogits.sum(axis=0)


def h_for_the_message(dlogits, x, h, W2):
    return network_gradient(dlogits, x, h, h, 1)


def h_for_the_slope(dlogits, x, h, W2):
    return network_gradient(dlogits, x, h, dlogits @ W2.T, h)


def without_tanh(dlogits, x, h, W2):
    return network_gradient(dlogits, x, h, dlogits @ W2.T, 1)


def tanh_applied_twice(dlogits, x, h, W2):
    return network_gradient(dlogits, x, h, dlogits @ W2.T, 1 - np.tanh(h) ** 2)


def slope_of_sigmoid(dlogits, x, h, W2):
    return network_gradient(dlogits, x, h, dlogits @ W2.T, h * (1 - h))


def wavy(a):
    """A function of an array in which the slope by one entry depends on all the others."""
    weights = 1 + np.arange(a.size).reshape(a.shape)
    return float(np.sum(weights * np.sin(a)) + np.sin(np.sum(weights * a) / a.size))


def difference_problem(rng, dimensions):
    shape = different(rng, dimensions, low=2, high=6)
    return {"f": wavy, "x": rng.standard_normal(shape), "h": rng.uniform(1e-3, 4e-3)}


def one_sided(f, x, h):
    return differences(f, x, h, lambda up, here, down: (up - here) / h)


def without_the_two(f, x, h):
    return differences(f, x, h, lambda up, here, down: (up - down) / h)


def all_at_once(f, x, h):
    return (f(x + h) - f(x - h)) / (2 * h)


def all_at_once_up(f, x, h):
    return (f(x + h) - f(x)) / h


def first_row_only(f, x, h):
    grad = np.zeros_like(x)
    rows = np.atleast_2d(differences(f, x, h, lambda up, here, down: (up - down) / (2 * h)))
    np.atleast_2d(grad)[0] = rows[0]
    return grad


def differences(f, x, h, formula):
    grad = np.empty_like(x)
    for index in np.ndindex(x.shape):
        step = np.zeros_like(x)
        step[index] = h
        grad[index] = formula(f(x + step), f(x), f(x - step))
    return grad


EXERCISES = [
    Exercise(
        "gaussian_log_prob_backward",
        gaussian_problem,
        minutes=15,
        returns=("dmean", "dlog_var"),
        sizes=lambda x, **_: {"n": x.shape[0], "D": x.shape[1]},
        mistakes={
            "the variance is exp(log_var), and it divides the squared error": without_the_variance,
            "that divides by sigma; the density divides by sigma^2 = exp(log_var)": with_sigma,
            "that is the gradient with respect to sigma^2; with respect to log sigma^2 the chain "
            "rule brings one more factor sigma^2": with_respect_to_variance,
            "that is the log density itself: its derivatives are wanted": log_density,
            "-log_var / 2 in the density has a gradient too": without_the_normaliser,
            "the decoder emits log_var itself: no sigmoid's slope belongs here": stray_factor,
        },
    ),
    Exercise(
        "network_backward",
        network_problem,
        minutes=20,
        returns=("dW1", "db1", "dW2", "db2"),
        sizes=network_sizes,
        mistakes={
            "the message that goes back is dlogits W2^T times the slope of tanh; that sends h": (
                h_for_the_message
            ),
            "tanh has a slope between the layers, and h is not it: it is 1 - h^2": h_for_the_slope,
            "the slope of tanh is missing between the two layers": without_tanh,
            "h is already the output of tanh, its slope is 1 - h^2": tanh_applied_twice,
            "h (1 - h) is the slope of a sigmoid, that of tanh is 1 - h^2": slope_of_sigmoid,
        },
    ),
    Exercise(
        "central_difference",
        tuple(partial(difference_problem, dimensions=k) for k in (2, 1, 3)),
        minutes=15,
        rtol=1e-8,
        mistakes={
            "that is a one-sided difference, off by a term in h: take a step each way": one_sided,
            "it moves all entries at once: move one entry, the others stay where they are": (
                all_at_once
            ),
            "it moves all entries at once: move one entry, and that one each way": all_at_once_up,
            "x may have any number of axes; only part of its entries were moved": first_row_only,
            "x + h and x - h are 2 h apart": without_the_two,
        },
    ),
]
