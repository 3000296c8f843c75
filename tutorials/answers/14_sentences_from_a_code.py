"""Answers to the exercises of notebook 14; to be read after a try of your own."""

import numpy as np


def step_back(i, f, g, o, c_before, c, dh, dc):
    """Go back through h = o tanh(c), then through c = f c_before + i g, then through the gates.

    The cell's gradient has two sources: the step after, and this step's h.
    """
    t = np.tanh(c)
    dc = dc + dh * o * (1 - t**2)
    di, df, dg, do = dc * g, dc * c_before, dc * i, dh * t
    da = np.concatenate([di * i * (1 - i), df * f * (1 - f), dg * (1 - g**2), do * o * (1 - o)])
    return da, dc * f


def log_p_and_gradient(logits, word):
    """Differentiate a_w - log sum_v exp(a_v): one at the word, minus the probability everywhere.

    The largest logit is taken off first: it cancels, and nothing overflows.
    """
    shifted = logits - logits.max()
    total = np.exp(shifted).sum()
    log_p = shifted[word] - np.log(total)
    gradient = -np.exp(shifted) / total
    gradient[word] += 1
    return log_p, gradient


def kl_gradient(mu, log_var, weight, free):
    """Only sentences whose KL is above the free nats pay; their gradient is app. B's, weighed."""
    kl = 0.5 * np.sum(mu**2 + np.exp(log_var) - 1 - log_var, axis=1)
    pays = weight * (kl > free)[:, None]
    dmu = -pays * mu
    dlog_var = pays / 2 * (1 - np.exp(log_var))
    return dmu, dlog_var
