"""Answers to the exercises of notebook 12; to be read after a try of your own."""

from itertools import pairwise


def flop_of_step(M, encoder, decoder):
    """Three products for each layer, less one: nobody needs the gradient of the data.

    Each takes 2 M n_in n_out. The message to z is needed, since it goes on to the encoder.
    """
    layers = [*pairwise(encoder), *pairwise(decoder)]
    products = 3 * sum(n_in * n_out for n_in, n_out in layers) - encoder[0] * encoder[1]
    return 2 * M * products


def attainable(m, k, n, itemsize, peak, bandwidth):
    """The lower of the two limits; the second grows with how often a number is used again."""
    flop = 2 * m * k * n
    bytes_moved = itemsize * (m * k + k * n + m * n)
    return min(peak, flop / bytes_moved * bandwidth)


def combine(parts, rows):
    """Undo each mean, add up, and divide by the size of the whole.

    With equal parts the plain mean is the same: a mistake that shows only when the minibatch cannot
    be divided evenly. It is simpler to let every thread divide by M in the first place.
    """
    return rows @ parts / rows.sum()
