"""Wrong answers to the exercises of notebook 14, and what the checker must say to each."""

import numpy as np
from scipy.special import logsumexp, softmax


def one_hot(logits, word):
    return np.arange(len(logits)) == word


def naive(logits, word):
    with np.errstate(all="ignore"):
        e = np.exp(logits)
        p = e / np.sum(e)
        return np.log(p)[word], one_hot(logits, word) - p


def descended(logits, word):
    return logits[word] - logsumexp(logits), softmax(logits) - one_hot(logits, word)


def without_the_one(logits, word):
    return logits[word] - logsumexp(logits), -softmax(logits)


def loss_for_log_p(logits, word):
    return logsumexp(logits) - logits[word], one_hot(logits, word) - softmax(logits)


def back(i, f, g, o, c_before, c, dh, dc, dt=None, future=True):
    t = np.tanh(c)
    dc = future * dc + dh * o * (1 - t * t if dt is None else dt)
    da = (
        dc * g * i * (1 - i),
        dc * c_before * f * (1 - f),
        dc * i * (1 - g * g),
        dh * t * o * (1 - o),
    )
    return np.hstack(da), f * dc


def only_here(i, f, g, o, c_before, c, dh, dc):
    return back(i, f, g, o, c_before, c, dh, dc, future=False)


def no_slope(i, f, g, o, c_before, c, dh, dc):
    return back(i, f, g, o, c_before, c, dh, dc, dt=1.0)


def kept(i, f, g, o, c_before, c, dh, dc):
    da, before = back(i, f, g, o, c_before, c, dh, dc)
    return da, before / f


def other_gate(i, f, g, o, c_before, c, dh, dc):
    da, before = back(i, f, g, o, c_before, c, dh, dc)
    return da, before / f * i


def paid(mu, log_var, weight, free, who=None):
    kl = -0.5 * (1 + log_var - mu * mu - np.exp(log_var)).sum(axis=1)
    pays = (kl > free if who is None else who(kl)).reshape(-1, 1) * weight
    return -mu * pays, (1 - np.exp(log_var)) * pays / 2


def everybody(mu, log_var, weight, free):
    return paid(mu, log_var, weight, free, who=lambda kl: kl > -1)


def full_price(mu, log_var, weight, free):
    return paid(mu, log_var, 1.0, free)


def raised(mu, log_var, weight, free):
    dmu, dlog_var = paid(mu, log_var, weight, free)
    return -dmu, -dlog_var


def on_average(mu, log_var, weight, free):
    return paid(mu, log_var, weight, free, who=lambda kl: (kl.mean() > free) & (kl > -1))


def of_p(logits, word):
    p = softmax(logits)
    return np.log(p[word]), p[word] * (one_hot(logits, word) - p)


def probability(logits, word):
    p = softmax(logits)
    return p[word], one_hot(logits, word) - p


def by_the_softmax(logits, word):
    p = softmax(logits)
    with np.errstate(all="ignore"):
        return np.log(p)[word], one_hot(logits, word) - p


def kept_from_zero(logits, word):
    p = softmax(logits)
    return np.log(p[word] + 1e-12), one_hot(logits, word) - p


def for_all_words(logits, word):
    return logits - logsumexp(logits), one_hot(logits, word) - softmax(logits)


def of_the_gates(i, f, g, o, c_before, c, dh, dc):
    t = np.tanh(c)
    dc = dc + dh * o * (1 - t * t)
    return np.hstack([dc * g, dc * c_before, dc * i, dh * t]), f * dc


def stacked(i, f, g, o, c_before, c, dh, dc):
    da, before = back(i, f, g, o, c_before, c, dh, dc)
    return da.reshape(4, -1), before


def gates_in_another_order(i, f, g, o, c_before, c, dh, dc):
    da, before = back(i, f, g, o, c_before, c, dh, dc)
    return np.roll(da, len(i)), before


def per_sentence(mu, log_var, weight, free):
    return tuple(part / len(mu) for part in paid(mu, log_var, weight, free))


def by_sigma(mu, log_var, weight, free):
    dmu, dlog_var = paid(mu, log_var, weight, free)
    return dmu, 2 * dlog_var * np.exp(-log_var / 2)


def swapped(mu, log_var, weight, free):
    return paid(mu, log_var, weight, free)[::-1]


WRONG = {
    "log_p_and_gradient": [
        (of_p, "the one of log p is that over p"),
        (probability, "log_p is the exponential of what it should be"),
        (by_the_softmax, "the logarithm of 0"),
        (kept_from_zero, "log_p is not: "),
        (for_all_words, "log_p has shape"),
        (naive, "0 divided by 0"),
        (descended, "log p is to go up"),
        (without_the_one, "a one is missing there"),
        (loss_for_log_p, "has the wrong sign"),
    ],
    "step_back": [
        (of_the_gates, "da is before sigmoid and tanh"),
        (stacked, "their arrangement is not"),
        (gates_in_another_order, "the right numbers in another order"),
        (only_here, "dc came from the step after"),
        (no_slope, "its slope is 1 - tanh(c)^2"),
        (kept, "f is missing on the way"),
        (other_gate, "goes through f"),
    ],
    "kl_gradient": [
        (per_sentence, "is too small by the factor m = "),
        (by_sigma, "that is the gradient by sigma"),
        (swapped, "dmu: that is dlog_var"),
        (everybody, "a KL below the free nats costs nothing"),
        (full_price, "the weight is missing"),
        (raised, "the objective has it with a minus"),
        (on_average, "every sentence has its own KL"),
    ],
}
