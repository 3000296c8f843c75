"""Right answers to the exercises of notebook 7, written in other ways."""

import numpy as np
from scipy.special import logsumexp, softmax


def with_scipy(log_pxz, log_q):
    K = len(log_q)
    return logsumexp(log_pxz - log_q, axis=0, b=1 / K)


def one_at_a_time(log_pxz, log_q):
    estimates = []
    for a, b in zip(log_pxz.T, log_q.T, strict=True):
        total = -np.inf
        for log_w in a - b:
            total = np.logaddexp(total, log_w)
        estimates.append(total - np.log(len(a)))
    return estimates


def by_shares(joint, proposal):
    """Log w_k less the log of its share is the log of the sum, for every k."""
    log_w = joint - proposal
    return log_w[0] - np.log(softmax(log_w, axis=0)[0]) - np.log(len(log_w))


def in_single_precision(log_pxz, log_q):
    log_w = (log_pxz - log_q).astype(np.float32)
    middle = np.median(log_w, axis=0)
    return middle + np.log(np.mean(np.exp(log_w - middle), axis=0))


def kicks_joined(grad, z, r, step, n_steps):
    r = r + step / 2 * grad(z)
    for k in range(n_steps):
        z = z + step * r
        r = r + (step if k < n_steps - 1 else step / 2) * grad(z)
    return z, r


def second_order(grad, z, r, step, n_steps):
    """Velocity Verlet."""
    slope = grad(z)
    for _ in range(n_steps):
        z = z + step * r + step**2 / 2 * slope
        new = grad(z)
        r = r + step * (slope + new) / 2
        slope = new
    return np.stack([z, r])


def on_copies(force, place, momentum, dt, count):
    place, momentum = place.copy(), momentum.copy()
    while count:
        momentum += dt / 2 * force(place)
        place += dt * momentum
        momentum += dt / 2 * force(place)
        count -= 1
    return [place, momentum]


def harmonic_mean(log_q, log_pxz):
    log_w = log_pxz - log_q
    return np.log(len(log_w)) - logsumexp(-log_w, axis=0)


def smallest_taken_out(log_q, log_pxz):
    log_w = log_pxz - log_q
    smallest = log_w.min(axis=0)
    return smallest - np.log(np.mean(np.exp(smallest - log_w), axis=0))


def datapoint_by_datapoint(fitted, joint):
    columns = zip(fitted.T, joint.T, strict=True)
    return np.array([-logsumexp(q - p - np.log(len(q))) for q, p in columns])


RIGHT = {
    "importance_estimate": [with_scipy, one_at_a_time, by_shares, in_single_precision],
    "leapfrog_by_hand": [kicks_joined, second_order, on_copies],
    "appendix_d_estimate": [harmonic_mean, smallest_taken_out, datapoint_by_datapoint],
}
