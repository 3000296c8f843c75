"""Right answers to the exercises of notebook 12, written in other ways."""

from itertools import pairwise

import numpy as np


def product_by_product(M, encoder, decoder):
    flop = 0
    for net in (encoder, decoder):
        for layer in range(len(net) - 1):
            one = 2 * M * net[layer] * net[layer + 1]
            flop += one  # forward
            flop += one  # the weights' gradient
            if not (net is encoder and layer == 0):
                flop += one  # the message
    return flop


def as_dot_products(batch, down, up):
    down, up = np.array(down), np.array(up)
    forward = down[:-1] @ down[1:] + up[:-1] @ up[1:]
    return float(batch * (6 * forward - 2 * down[0] * down[1]))


def of_matrices(M, encoder, decoder):
    first, *others = (np.zeros(shape).size for net in (encoder, decoder) for shape in pairwise(net))
    return M * (4 * first + 6 * sum(others))


def by_time(m, k, n, itemsize, peak, bandwidth):
    flop, moved = 2 * m * k * n, itemsize * (m * k + k * n + m * n)
    return flop / max(flop / peak, moved / bandwidth)


def by_intensity(m, k, n, itemsize, peak, bandwidth):
    intensity = 2 / itemsize / (1 / n + 1 / m + 1 / k)
    return peak if intensity * bandwidth > peak else intensity * bandwidth


def with_numpy(rows, inner, columns, size, arithmetic, memory):
    numbers = np.dot([rows, inner, columns], [inner, columns, rows])
    return np.minimum(arithmetic, 2 * rows * inner * columns * memory / (numbers * size))


def weighted_average(parts, rows):
    return np.average(parts, axis=0, weights=rows)


def share_by_share(parts, rows):
    total = 0
    for part, n in zip(parts, rows / sum(rows), strict=True):
        total = total + n * part
    return total


def every_datapoint(means, counts):
    return np.repeat(means, counts, axis=0).mean(axis=0)


RIGHT = {
    "flop_of_step": [product_by_product, as_dot_products, of_matrices],
    "attainable": [by_time, by_intensity, with_numpy],
    "combine": [weighted_average, share_by_share, every_datapoint],
}
