"""Answers to the exercises of notebook 8; to be read after a try of your own."""

import numpy as np


def matched_gaussian(z, posterior, dz):
    """Only -E_p[log q] = log s + E_p[(z - m)^2] / (2 s^2) + const depends on q.

    Its derivatives vanish at the posterior's own mean and variance, whatever the posterior is.
    """
    m = np.sum(z * posterior) * dz
    s = np.sqrt(np.sum((z - m) ** 2 * posterior) * dz)
    return m, s


def sleep_backward(z, mu, log_var):
    """Differentiate log q = -1/2 (log 2 pi + log_var + (z - mu)^2 exp(-log_var)), z held fixed.

    It is a Gaussian regression: the same gradient as that of a Gaussian decoder (notebook 4), with
    the cause in the place of the pixels. The mean over dreams brings 1 / M.
    """
    M = len(z)
    error = (z - mu) * np.exp(-log_var)
    return error / M, ((z - mu) * error - 1) / (2 * M)


def evidence_gradient(log_joint, dlog_joint):
    """Weigh by the posterior, the normalised exponential of log_joint.

    The spacing does not matter: it multiplies p(x, z) and p(x) alike. Nor does a constant, so that
    the largest value may be taken off before exp.
    """
    weight = np.exp(log_joint - log_joint.max())
    return (weight / weight.sum()) @ dlog_joint
