"""Exercises of notebook 7: importance sampling, the leapfrog, the estimator of appendix D."""

import numpy as np
from scipy.special import logsumexp

from exercises import Exercise
from exercises.made_up import different


def weights_problem(rng):
    """Log densities of K draws for M datapoints, far below what exp can represent."""
    K, M = different(rng, 2)
    log_q = 3 + rng.standard_normal((K, M))
    return {"log_pxz": -1500 * rng.uniform(1, 2, M) + rng.standard_normal((K, M)), "log_q": log_q}


def weights_sizes(log_pxz, log_q):
    return {"K": log_pxz.shape[0], "M": log_pxz.shape[1]}


def trajectory_problem(rng):
    n, J, n_steps = different(rng, 3)
    precision = rng.uniform(0.5, 2.0, J)
    return {
        "grad": lambda z: -precision * z - 0.3 * z**3,
        "z": rng.standard_normal((n, J)),
        "r": rng.standard_normal((n, J)),
        "step": rng.uniform(0.1, 0.25),
        "n_steps": n_steps,
    }


def euler(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        z, r = z + step * r, r + step * grad(z)
    return z, r


def kick_and_drift(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        r = r + step * grad(z)
        z = z + step * r
    return z, r


def two_whole_kicks(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        r = r + step * grad(z)
        z = z + step * r
        r = r + step * grad(z)
    return z, r


def old_gradient(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        kick = step / 2 * grad(z)
        r = r + kick
        z = z + step * r
        r = r + kick
    return z, r


def downhill(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        r = r - step / 2 * grad(z)
        z = z + step * r
        r = r - step / 2 * grad(z)
    return z, r


def whole_first_kick(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        r = r + step * grad(z)
        z = z + step * r
        r = r + step / 2 * grad(z)
    return z, r


def drift_first(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        z = z + step / 2 * r
        r = r + step * grad(z)
        z = z + step / 2 * r
    return z, r


def half_drifts(grad, z, r, step, n_steps):
    for _ in range(n_steps):
        r = r + step / 2 * grad(z)
        z = z + step / 2 * r
        r = r + step / 2 * grad(z)
    return z, r


def one_step(grad, z, r, step, n_steps):
    r = r + step / 2 * grad(z)
    z = z + step * r
    return z, r + step / 2 * grad(z)


EXERCISES = [
    Exercise(
        "importance_estimate",
        weights_problem,
        returns=("log p(x)",),
        sizes=weights_sizes,
        mistakes={
            "that is a sum of the weights: a mean is wanted, log K has to come off": (
                lambda log_pxz, log_q: logsumexp(log_pxz - log_q, axis=0)
            ),
            "that is the mean of the logarithms, the bound: the log of the mean is wanted": (
                lambda log_pxz, log_q: np.mean(log_pxz - log_q, axis=0)
            ),
            "the sum runs over the datapoints: each has its own draws, along axis 0": (
                lambda log_pxz, log_q: logsumexp(log_pxz - log_q, axis=1) - np.log(log_pxz.shape[1])
            ),
            "the weight is p(x, z) / q(z|x): log q is missing": (
                lambda log_pxz, log_q: logsumexp(log_pxz, axis=0) - np.log(len(log_q))
            ),
            "each datapoint has an estimate of its own: the mean runs over its draws alone": (
                lambda log_pxz, log_q: logsumexp(log_pxz - log_q) - np.log(log_q.size)
            ),
            "that is the log of the largest weight alone": (
                lambda log_pxz, log_q: np.max(log_pxz - log_q, axis=0)
            ),
            "the largest was taken out of the mean, now add it back": (
                lambda log_pxz, log_q: (
                    logsumexp(log_pxz - log_q, axis=0)
                    - np.log(len(log_q))
                    - np.max(log_pxz - log_q, axis=0)
                )
            ),
            "the weight is p(x, z) / q(z|x): log q is subtracted": (
                lambda log_pxz, log_q: logsumexp(log_pxz + log_q, axis=0) - np.log(len(log_q))
            ),
        },
    ),
    Exercise(
        "leapfrog_by_hand",
        trajectory_problem,
        minutes=15,
        returns=("z", "r"),
        sizes=lambda z, n_steps, **_: {"n": len(z), "J": z.shape[1], "n_steps": n_steps},
        rtol=1e-9,
        mistakes={
            "that is Euler's method: its energy grows; kick half, drift, kick half": euler,
            "the kicks are whole ones: half a kick before the drift, half a kick after it": (
                kick_and_drift
            ),
            "two whole kicks in each step: both are halves": two_whole_kicks,
            "the first kick is a whole one: half a kick before the drift": whole_first_kick,
            "that is the leapfrog with the kick in the middle: as good, but not the same steps": (
                drift_first
            ),
            "the drift is a whole step between two half kicks": half_drifts,
            "the second half kick takes the gradient at the new z": old_gradient,
            "grad is that of log p, and the ball rolls towards more log p: kicks are added": (
                downhill
            ),
            "that is one step: n_steps of them are wanted": one_step,
        },
    ),
    Exercise(
        "appendix_d_estimate",
        weights_problem,
        returns=("log p(x)",),
        sizes=weights_sizes,
        mistakes={
            "that is log 1 / p(x): a sign is missing": (
                lambda log_pxz, log_q: logsumexp(log_q - log_pxz, axis=0) - np.log(len(log_q))
            ),
            "that is the importance sampling estimate: these draws are from the posterior": (
                lambda log_pxz, log_q: logsumexp(log_pxz - log_q, axis=0) - np.log(len(log_q))
            ),
            "1 / p(x) is a mean of ratios: log K belongs inside, under the minus sign": (
                lambda log_pxz, log_q: -logsumexp(log_q - log_pxz, axis=0) - np.log(len(log_q))
            ),
            "the mean runs over the draws of each datapoint, along axis 0": (
                lambda log_pxz, log_q: (
                    -(logsumexp(log_q - log_pxz, axis=1) - np.log(log_q.shape[1]))
                )
            ),
            "the ratio is q(z) / p(x, z): log q is missing": (
                lambda log_pxz, log_q: np.log(len(log_q)) - logsumexp(-log_pxz, axis=0)
            ),
            "that is minus the log of a sum: a mean is wanted": (
                lambda log_pxz, log_q: -logsumexp(log_q - log_pxz, axis=0)
            ),
            "that averages logarithms: average the ratios, then take the logarithm": (
                lambda log_pxz, log_q: np.mean(log_pxz - log_q, axis=0)
            ),
        },
    ),
]
