"""Exercises of notebook 14: a step back in time, the softmax's gradient, the KL while annealed."""

import numpy as np
from scipy.special import log_softmax

from exercises import Exercise
from exercises.made_up import different


def word_problem(rng, largest=0):
    V = int(rng.integers(5, 10))
    return {"logits": rng.normal(largest, 3, V), "word": int(rng.integers(V))}


def large_word_problem(rng):
    """Where nothing is taken off, exp overflows."""
    return word_problem(rng, largest=2000)


def improbable_word_problem(rng):
    """Where the word's probability is too small for a float, and its logarithm is not."""
    given = word_problem(rng)
    given["logits"][given["word"]] -= rng.uniform(800, 900)
    return given


def word(logits, word, *, sign=1, onehot=True):
    log_p = log_softmax(logits)
    return log_p[word], sign * (onehot * np.eye(len(logits))[word] - np.exp(log_p))


def loss_of_the_word(logits, word_):
    log_p, grad = word(logits, word_, sign=-1)
    return log_p, grad


def probabilities_alone(logits, word_):
    return word(logits, word_, onehot=False)


def of_p_itself(logits, word_):
    log_p, grad = word(logits, word_)
    return log_p, np.exp(log_p) * grad


def named(function):
    """The exercise calls the second argument `word`."""
    return lambda logits, word: function(logits, word)


def step_problem(rng):
    n = int(rng.integers(3, 8))
    gates = {name: rng.uniform(0.1, 0.9, n) for name in "ifo"}
    return {
        **gates,
        "g": rng.uniform(-0.9, 0.9, n),
        "c_before": rng.normal(0, 1, n),
        "c": rng.normal(0, 1, n),
        "dh": rng.normal(0, 1, n),
        "dc": rng.normal(0, 1, n),
    }


def step(
    i, f, o, g, c_before, c, dh, dc, *, later=1, slope=True, through_h=1, gates=True, forget=None
):
    t = np.tanh(c)
    dc = later * dc + through_h * dh * o * (1 - t**2 if slope else 1)
    factors = (i * (1 - i), f * (1 - f), 1 - g**2, o * (1 - o)) if gates else (1, 1, 1, 1)
    raw = dc * g, dc * c_before, dc * i, dh * t
    da = np.concatenate([a * b for a, b in zip(raw, factors, strict=True)])
    return da, dc * (f if forget is None else forget(i, f))


def future_forgotten(**given):
    return step(**given, later=0)


def through_the_cell_alone(**given):
    return step(**given, through_h=0)


def tanh_forgotten(**given):
    return step(**given, slope=False)


def slopes_of_the_gates_forgotten(**given):
    return step(**given, gates=False)


def by_the_input_gate(**given):
    return step(**given, forget=lambda i, f: i)


def nothing_forgotten(**given):
    return step(**given, forget=lambda i, f: 1)


def kl_problem(rng):
    M, J = different(rng, 2)
    mu, log_var = rng.normal(0, 1, (M, J)), rng.normal(0, 0.5, (M, J))
    kl = 0.5 * np.sum(mu**2 + np.exp(log_var) - 1 - log_var, axis=1)
    return {
        "mu": mu,
        "log_var": log_var,
        "weight": rng.uniform(0.2, 0.6),
        "free": 0.9 * float(kl.max()),
    }


def annealed(mu, log_var, weight, free, *, scale=None, counts=None, sign=1):
    kl = 0.5 * np.sum(mu**2 + np.exp(log_var) - 1 - log_var, axis=1)
    counts = kl > free if counts is None else counts(kl, free)
    w = sign * (weight if scale is None else scale) * np.asarray(counts)[:, None]
    return -w * mu, w / 2 * (1 - np.exp(log_var))


def weight_forgotten(**given):
    return annealed(**given, scale=1)


def nothing_free(**given):
    return annealed(**given, counts=lambda kl, free: np.ones(len(kl)))


def the_others(**given):
    return annealed(**given, counts=lambda kl, free: kl <= free)


def all_or_none(**given):
    return annealed(**given, counts=lambda kl, free: np.full(len(kl), kl.mean() > free))


def of_the_kl(**given):
    return annealed(**given, sign=-1)


def by_sigma(mu, log_var, weight, free):
    dmu, dlog_var = annealed(mu, log_var, weight, free)
    return dmu, 2 * dlog_var * np.exp(-log_var / 2)


EXERCISES = [
    Exercise(
        "step_back",
        step_problem,
        minutes=25,
        returns=("da", "dc_before"),
        sizes=lambda i, **_: {"n": len(i)},
        mistakes={
            "dc came from the step after: add to it, do not replace it": future_forgotten,
            "h = o tanh(c): dh reaches the cell, too": through_the_cell_alone,
            "between c and h is a tanh: its slope is 1 - tanh(c)^2": tanh_forgotten,
            "those are the gradients of the gates; da is before sigmoid and tanh": (
                slopes_of_the_gates_forgotten
            ),
            "c = f c_before + i g: what goes back to c_before goes through f": by_the_input_gate,
            "c = f c_before + i g: f is missing on the way to c_before": nothing_forgotten,
        },
    ),
    Exercise(
        "log_p_and_gradient",
        (word_problem, large_word_problem, improbable_word_problem),
        minutes=15,
        returns=("log_p", "gradient"),
        sizes=lambda logits, **_: {"V": len(logits)},
        mistakes={
            "that is the gradient of -log p, a loss; log p is to go up": named(loss_of_the_word),
            "the word's own logit is in log p as well: a one is missing there": named(
                probabilities_alone
            ),
            "that is the gradient of p; the one of log p is that over p": named(of_p_itself),
        },
    ),
    Exercise(
        "kl_gradient",
        kl_problem,
        minutes=15,
        returns=("dmu", "dlog_var"),
        sizes=lambda mu, **_: {"m": len(mu), "J": mu.shape[1]},
        mistakes={
            "the weight is missing": weight_forgotten,
            "a KL below the free nats costs nothing, and has no gradient": nothing_free,
            "it is the other sentences that pay: those whose KL is above the free nats": the_others,
            "every sentence has its own KL and its own free nats": all_or_none,
            "that is the gradient of the KL; the objective has it with a minus": of_the_kl,
            "that is the gradient by sigma; by log sigma^2 it is sigma / 2 times that": by_sigma,
        },
    ),
]
