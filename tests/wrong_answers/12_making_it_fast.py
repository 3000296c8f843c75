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


def last_product_left_out(M, encoder, decoder):
    return 6 * M * (pairs(encoder) + pairs(decoder)) - 2 * M * decoder[-2] * decoder[-1]


def mirror_image(M, encoder, decoder):
    widths = [decoder[0], *reversed(encoder[1:-1]), decoder[-1]]
    return 2 * M * (3 * (pairs(encoder) + pairs(widths)) - encoder[0] * encoder[1])


def shallow(M, encoder, decoder):
    D, H, J = encoder[0], encoder[1], decoder[0]
    return 2 * M * (3 * (D * H + 2 * H * J + J * H + H * D) - D * H)


def forward(M, encoder, decoder):
    return 2 * M * (pairs(encoder) + pairs(decoder))


def with_biases(M, encoder, decoder):
    right = 2 * M * (3 * (pairs(encoder) + pairs(decoder)) - encoder[0] * encoder[1])
    return right + M * (sum(encoder[1:]) + sum(decoder[1:]))


def numbers_not_bytes(m, k, n, itemsize, peak, bandwidth):
    return min(peak, only_memory(m, k, n, 1, peak, bandwidth))


def one_flop(m, k, n, itemsize, peak, bandwidth):
    return min(peak, only_memory(m, k, n, itemsize, peak, bandwidth) / 2)


def result_is_free(m, k, n, itemsize, peak, bandwidth):
    return min(peak, 2 * m * k * n / (itemsize * (m * k + k * n)) * bandwidth)


def seconds(m, k, n, itemsize, peak, bandwidth):
    flop, moved = 2 * m * k * n, itemsize * (m * k + k * n + m * n)
    return max(flop / peak, moved / bandwidth)


def added(m, k, n, itemsize, peak, bandwidth):
    memory = only_memory(m, k, n, itemsize, peak, bandwidth)
    return 1 / (1 / peak + 1 / memory)


def inverse_weights(parts, rows):
    return (1 / rows) @ parts / np.sum(1 / rows)


def largest_part(parts, rows):
    return parts[np.argmax(rows)]


def not_added_up(parts, rows):
    return rows[:, None] * parts / rows.sum()


WRONG = {
    "flop_of_step": [
        (last_product_left_out, "not of the decoder's last"),
        (mirror_image, "may have hidden layers of different widths"),
        (shallow, "the result is not"),
        (forward, "that is the forward pass alone"),
        (with_biases, "the result is"),
        (three_each, "nobody needs the gradient with respect to the data"),
        (without_the_minibatch, "too small by the factor M"),
        (multiplications, "there are as many additions"),
    ],
    "attainable": [
        (numbers_not_bytes, "per byte, not per number"),
        (one_flop, "as many additions"),
        (result_is_free, "m n numbers are missing"),
        (seconds, "that is the time of the product"),
        (added, "the result is not"),
        (higher_limit, "that is the higher of the two limits"),
        (only_memory, "arithmetic has one too"),
        (lambda peak, **_: peak, "memory has one too"),
    ],
    "combine": [
        (inverse_weights, "not upside down"),
        (largest_part, "the most rows alone"),
        (not_added_up, "a sum over axis 0 is missing"),
        (lambda parts, rows: np.mean(parts, axis=0), "a part counts by its rows"),
        (lambda parts, rows: np.sum(parts, axis=0), "the parts are means already"),
        (weighted_but_not_divided, "too large by the factor M"),
        (over_the_wrong_axis, "= (P,): did a sum run over the wrong axis"),
    ],
}
