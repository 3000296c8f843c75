"""Wrong answers to the exercises of notebook 7, and what the checker must say to each."""

import numpy as np


def log_mean(a, axis=0):
    largest = a.max(axis=axis, keepdims=True)
    return np.squeeze(largest, axis) + np.log(np.mean(np.exp(a - largest), axis=axis))


def log_sum(a):
    return log_mean(a) + np.log(len(a))


def leapfrog(grad, z, r, step, n_steps, first=0.5, second=0.5, fresh=True):
    for _ in range(n_steps):
        old = grad(z)
        r = r + first * step * old
        z = z + step * r
        r = r + second * step * (grad(z) if fresh else old)
    return z, r


def euler(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        z, r = z + step * r, r + step * grad(z)
    return z, r


def in_place(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        r += step / 2 * grad(z)
        z += step * r
        r += step / 2 * grad(z)
    return z, r


def over_everything(log_pxz, log_q):
    log_w = log_pxz - log_q
    return log_w.max() + np.log(np.mean(np.exp(log_w - log_w.max())))


def not_added_back(log_pxz, log_q):
    log_w = log_pxz - log_q
    return np.log(np.mean(np.exp(log_w - log_w.max(axis=0)), axis=0))


def one_largest_for_all(log_pxz, log_q):
    """Datapoints differ by hundreds of nats."""
    log_w = log_pxz - log_q
    largest = log_w.max()
    return largest + np.log(np.mean(np.exp(log_w - largest), axis=0))


def no_momentum_kept(grad, z, r, step, n_steps):
    return leapfrog(grad, z, r, step, n_steps)[0]


def halved_drift(grad, z, r, step, n_steps):
    return leapfrog(grad, z, r / 2, step, n_steps)


def flipped(grad, z, r, step, n_steps):
    z, r = leapfrog(grad, z, r, step, n_steps)
    return z, -r


def path(grad, z, r, step, n_steps):
    places = [z]
    for _ in range(n_steps):
        places.append(leapfrog(grad, z, r, step, len(places))[0])
    return np.array(places), r


def as_a_row(log_q, log_pxz):
    return -log_mean(log_q - log_pxz)[None]


def plain_exp(log_q, log_pxz):
    return -np.log(np.mean(np.exp(log_q - log_pxz), axis=0))


WRONG = {
    "importance_estimate": [
        (over_everything, "each datapoint has an estimate of its own"),
        (not_added_back, "now add it back"),
        (one_largest_for_all, "is -inf"),
        (lambda log_pxz, log_q: log_mean(log_pxz - log_q, axis=1), "each has its own draws"),
        (lambda log_pxz, log_q: np.mean(log_pxz - log_q, axis=0), "the bound"),
        (lambda log_pxz, log_q: log_sum(log_pxz - log_q), "log K has to come off"),
        (lambda log_pxz, log_q: log_mean(log_pxz), "log q is missing"),
        (
            lambda log_pxz, log_q: np.log(np.mean(np.exp(log_pxz - log_q), axis=0)),
            "the logarithm of 0?",
        ),
    ],
    "leapfrog_by_hand": [
        (no_momentum_kept, "it returns one array"),
        (halved_drift, "came at index"),
        (flipped, "r is right; its value has the wrong sign"),
        (path, "z has shape"),
        (euler, "that is Euler's method"),
        (lambda **given: leapfrog(**given, first=1, second=0), "the kicks are whole ones"),
        (lambda **given: leapfrog(**given, first=1, second=1), "two whole kicks"),
        (lambda **given: leapfrog(**given, fresh=False), "the gradient at the new z"),
        (lambda **given: leapfrog(**given, first=-0.5, second=-0.5), "kicks are added"),
        (lambda **given: leapfrog(**{**given, "n_steps": 1}), "that is one step"),
        (in_place, "was changed"),
    ],
    "appendix_d_estimate": [
        (as_a_row, "keepdims? reshape?"),
        (plain_exp, "is -inf at index [0]"),
        (lambda log_q, log_pxz: -log_mean(log_q - log_pxz, axis=1), "along axis 0"),
        (lambda log_q, log_pxz: -log_mean(-log_pxz), "log q is missing"),
        (lambda log_q, log_pxz: log_mean(log_q - log_pxz), "a sign is missing"),
        (lambda log_q, log_pxz: log_mean(log_pxz - log_q), "importance sampling estimate"),
        (lambda log_q, log_pxz: -log_sum(log_q - log_pxz), "a mean is wanted"),
        (lambda log_q, log_pxz: np.mean(log_pxz - log_q, axis=0), "averages logarithms"),
    ],
}
