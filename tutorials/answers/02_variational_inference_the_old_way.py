"""Answers to the exercises of notebook 2; to be read after a try of your own."""

import numpy as np
from scipy.special import digamma, softmax


def sweep(log_px, alpha, gamma):
    """Write c_i one-hot, and read the log joint as a function of one factor at a time.

        log p(x, c, w) = sum_ik c_ik (log p_k(x_i) + log w_k) + sum_k (alpha_k - 1) log w_k + const

    As a function of c_i its mean over q(w) is sum_k c_ik (log p_k(x_i) + E[log w_k]): the logits of
    a choice among K, and softmax is what makes them add up to 1. It does not mind a constant, so
    that psi(sum gamma), the same for all k, may stay or go.
    As a function of w the mean over q(c) is sum_k (alpha_k - 1 + sum_i q_ik) log w_k: a Dirichlet.
    """
    q = softmax(log_px + digamma(gamma) - digamma(gamma.sum()), axis=1)
    new_gamma = alpha + q.sum(axis=0)
    return q, new_gamma


def clutter_sweep(x, q, log_rubbish, v):
    """As a function of theta the mean over q(c) is -1/2 [sum q_i (x_i - theta)^2 + theta^2 / v].

    The coefficient of -theta^2 / 2 is the precision, that of theta the precision times the mean.
    The logit of q(c_i) is the difference of the two brackets, with the mean over q(theta) taken:
    E[(x_i - theta)^2] = (x_i - mu)^2 + s2, a square of the mean plus a variance. The two log 1/2
    cancel.
    """
    precision = q.sum() + 1 / v
    mu = q @ x / precision
    s2 = 1 / precision
    logits = -0.5 * np.log(2 * np.pi) - 0.5 * ((x - mu) ** 2 + s2) - log_rubbish
    return mu, s2, logits


def heavy_tail_slope(theta, x, nu, v):
    """Differentiate -(nu + 1) / 2 log(1 + d^2 / nu) with respect to theta, where d = x - theta.

    The logarithm gives 1 / (1 + d^2 / nu), its inside 2 d / nu times -1: together the pull is
    (nu + 1) d / (nu + d^2). Nearby data pull like Gaussian ones, distant ones hardly at all.
    """
    distance = x - theta[:, None]
    pull = (nu + 1) * distance / (nu + distance**2)
    return pull.sum(axis=1) - theta / v
