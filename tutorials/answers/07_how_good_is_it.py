"""Answers to the exercises of notebook 7; to be read after a try of your own."""

import numpy as np


def importance_estimate(log_pxz, log_q):
    """Average the weights over the draws, axis 0, with the largest taken out before exp.

    exp(-2000) is zero, and so is a sum of such; exp(log_w - largest) is 1 for the largest.
    """
    log_w = log_pxz - log_q
    largest = log_w.max(axis=0)
    return largest + np.log(np.mean(np.exp(log_w - largest), axis=0))


def leapfrog_by_hand(grad, z, r, step, n_steps):
    """Kick half, drift, kick half; the second kick is at the new place.

    Run with -r from where it ends, the same steps lead back to the start: that symmetry is what
    the acceptance test relies on. New arrays, since z and r belong to the caller.
    """
    for _ in range(n_steps):
        r = r + step / 2 * grad(z)
        z = z + step * r
        r = r + step / 2 * grad(z)
    return z, r


def appendix_d_estimate(log_q, log_pxz):
    """1 / p(x) is the mean of q(z) / p(x, z) over draws of the posterior, so log p(x) is minus."""
    log_v = log_q - log_pxz
    largest = log_v.max(axis=0)
    return -(largest + np.log(np.mean(np.exp(log_v - largest), axis=0)))
