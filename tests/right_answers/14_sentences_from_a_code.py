"""Right answers to the exercises of notebook 14, written in other ways."""

import numpy as np
from scipy.special import expit, log_softmax, logit, logsumexp


def from_the_logarithms(logits, word):
    log_p = log_softmax(logits)
    onehot = np.zeros(len(logits))
    onehot[word] = 1
    return log_p[word], onehot - np.exp(log_p)


def word_by_word(logits, word):
    total = logsumexp(logits)
    return logits[word] - total, [(k == word) - np.exp(a - total) for k, a in enumerate(logits)]


def by_complex_steps(scores, chosen):
    scores = scores - np.median(scores)
    steps = 1e-20j * np.eye(len(scores))
    slopes = [(s[chosen] - np.log(np.sum(np.exp(s)))).imag / 1e-20 for s in scores + steps]
    return scores[chosen] - np.log(np.exp(scores).sum()), np.array(slopes)


def gate_by_gate(i, f, g, o, c_before, c, dh, dc):
    dc_all = dc + dh * o / np.cosh(c) ** 2
    da = np.concatenate(
        [
            dc_all * g * (i - i**2),
            dc_all * c_before * (f - f**2),
            dc_all * i * (1 - g) * (1 + g),
            dh * np.tanh(c) * (o - o**2),
        ]
    )
    return da, f * dc_all


def cell_by_cell(i, f, g, o, c_before, c, dh, dc):
    rows = []
    for k in range(len(i)):
        back = dc[k] + dh[k] * o[k] * (1 - np.tanh(c[k]) ** 2)
        slopes = i[k] * (1 - i[k]), f[k] * (1 - f[k]), 1 - g[k] ** 2, o[k] * (1 - o[k])
        messages = back * g[k], back * c_before[k], back * i[k], dh[k] * np.tanh(c[k])
        rows.append([*np.multiply(slopes, messages), back * f[k]])
    return np.array(rows).T[:4].ravel(), np.array(rows)[:, 4]


def by_moving_the_gates(i, f, g, o, c_before, c, dh, dc):
    """Complex steps in what goes into the gates; c is a constant apart from its changes."""

    def moved(a_i, a_f, a_g, a_o, before):
        change = expit_(a_i) * np.tanh(a_g) + expit_(a_f) * before - (i * g + f * c_before)
        cell = c + change
        return np.sum(dh * expit_(a_o) * np.tanh(cell) + dc * cell)

    def expit_(a):
        return 1 / (1 + np.exp(-a))

    assert np.allclose(expit(logit(i)), i)
    at = [logit(i), logit(f), np.arctanh(g), logit(o), c_before]
    slopes = []
    for which in range(5):
        for k in range(len(i)):
            step = [np.zeros(len(i), complex) for _ in at]
            step[which][k] = 1e-20j
            slopes.append(moved(*(a + s for a, s in zip(at, step, strict=True))).imag / 1e-20)
    return np.array(slopes[: 4 * len(i)]), np.array(slopes[4 * len(i) :])


def sentence_by_sentence(mu, log_var, weight, free):
    dmu, dlog_var = np.zeros_like(mu), np.zeros_like(mu)
    for k, (m, lv) in enumerate(zip(mu, log_var, strict=True)):
        kl = sum(m**2 + np.exp(lv) - 1 - lv) / 2
        if kl > free:
            dmu[k], dlog_var[k] = -weight * m, weight * (1 - np.exp(lv)) / 2
    return dmu, dlog_var


def with_where(mu, log_var, weight, free):
    variance = np.exp(log_var)
    kl = (mu**2 + variance - 1 - log_var).sum(axis=-1, keepdims=True) / 2
    return np.where(kl > free, [-mu, (1 - variance) / 2], 0.0) * weight


def with_indices(means, log_variances, price, allowed):
    paying = np.flatnonzero(
        (means**2 + np.expm1(log_variances) - log_variances).sum(1) > 2 * allowed
    )
    dmu, dlog_var = np.zeros((2, *means.shape))
    dmu[paying] = -price * means[paying]
    dlog_var[paying] = -price / 2 * np.expm1(log_variances[paying])
    return [dmu, dlog_var]


RIGHT = {
    "log_p_and_gradient": [from_the_logarithms, word_by_word, by_complex_steps],
    "step_back": [gate_by_gate, cell_by_cell, by_moving_the_gates],
    "kl_gradient": [sentence_by_sentence, with_where, with_indices],
}
