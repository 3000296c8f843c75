"""Wrong answers to the exercises of notebook 12, and what the checker must say to each."""

from itertools import pairwise

import numpy as np


def pairs(net):
    return sum(a * b for a, b in pairwise(net))


def three_each(M, encoder, decoder):
    return 6 * M * (pairs(encoder) + pairs(decoder))


def without_the_minibatch(M, encoder, decoder):
    return 2 * (3 * (pairs(encoder) + pairs(decoder)) - encoder[0] * encoder[1])


def multiplications(M, encoder, decoder):
    return M * (3 * (pairs(encoder) + pairs(decoder)) - encoder[0] * encoder[1])


def only_memory(m, k, n, itemsize, peak, bandwidth):
    return 2 * m * k * n / (itemsize * (m * k + k * n + m * n)) * bandwidth


def higher_limit(m, k, n, itemsize, peak, bandwidth):
    return max(peak, only_memory(m, k, n, itemsize, peak, bandwidth))


def weighted_but_not_divided(parts, rows):
    return rows @ parts


def over_the_wrong_axis(parts, rows):
    return parts.mean(axis=1)


WRONG = {
    "flop_of_step": [
        (three_each, "nobody needs the gradient with respect to the data"),
        (without_the_minibatch, "too small by the factor M"),
        (multiplications, "there are as many additions"),
    ],
    "attainable": [
        (higher_limit, "the lower one counts"),
        (only_memory, "arithmetic has one too"),
        (lambda peak, **_: peak, "memory has one too"),
    ],
    "combine": [
        (lambda parts, rows: np.mean(parts, axis=0), "a part counts by its rows"),
        (lambda parts, rows: np.sum(parts, axis=0), "the parts are means already"),
        (weighted_but_not_divided, "too large by the factor M"),
        (over_the_wrong_axis, "expected (7,) = (P,)"),
    ],
}
