"""Exercises of notebook 12: FLOP of a step, the roofline, a gradient put together from parts."""

from functools import partial
from itertools import pairwise

import numpy as np

from exercises import Exercise
from exercises.made_up import different


def step_problem(rng):
    M, D, J = (int(rng.integers(low, 4 * low)) for low in (10, 100, 3))
    down, up = (rng.integers(20, 90, rng.integers(1, 4)).tolist() for _ in range(2))
    return {"M": M, "encoder": (D, *down, 2 * J), "decoder": (J, *up, D)}


def weights(*networks):
    return sum(n_in * n_out for net in networks for n_in, n_out in pairwise(net))


def forward_only(M, encoder, decoder):
    return 2 * M * weights(encoder, decoder)


def gradient_of_the_data(M, encoder, decoder):
    return 6 * M * weights(encoder, decoder)


def nothing_back_to_z(M, encoder, decoder):
    first = encoder[0] * encoder[1] + decoder[0] * decoder[1]
    return 6 * M * weights(encoder, decoder) - 2 * M * first


def another_product_left_out(M, encoder, decoder):
    return 6 * M * weights(encoder, decoder) - 2 * M * decoder[-2] * decoder[-1]


def mirrored(M, encoder, decoder):
    decoder = (decoder[0], *encoder[-2:0:-1], decoder[-1])
    return 2 * M * (3 * weights(encoder, decoder) - encoder[0] * encoder[1])


def two_products_everywhere(M, encoder, decoder):
    return 4 * M * weights(encoder, decoder)


def encoder_alone(M, encoder, decoder):
    return 2 * M * (3 * weights(encoder) - encoder[0] * encoder[1])


def multiplications_only(M, encoder, decoder):
    return M * (3 * weights(encoder, decoder) - encoder[0] * encoder[1])


def backward_only(M, encoder, decoder):
    return 2 * M * (2 * weights(encoder, decoder) - encoder[0] * encoder[1])


def roof_problem(rng, peak=20.0):
    """A product, and a `peak` of so many times the limit of memory."""
    m, k, n = (int(size) for size in rng.integers(1, 400, 3))
    itemsize, bandwidth = int(rng.choice([4, 8])), float(rng.uniform(5e9, 2e10))
    peak *= roof(m, k, n, itemsize, np.inf, bandwidth)
    return dict(m=m, k=k, n=n, itemsize=itemsize, peak=peak, bandwidth=bandwidth)


def roof(m, k, n, itemsize, peak, bandwidth, flop=2):
    numbers = m * k + k * n + m * n
    return min(peak, flop * m * k * n / (itemsize * numbers) * bandwidth)


def parts_problem(rng):
    K, P = different(rng, 2)
    return {"parts": rng.standard_normal((K, P)), "rows": rng.integers(20, 60, K)}


EXERCISES = [
    Exercise(
        "flop_of_step",
        step_problem,
        minutes=15,
        mistakes={
            "that is the forward pass alone": forward_only,
            "that is the backward pass alone": backward_only,
            "nobody needs the gradient with respect to the data: the encoder's first layer has two "
            "products, not three": gradient_of_the_data,
            "the decoder's first layer has all three products: the message to z goes on to the "
            "encoder": nothing_back_to_z,
            "the product to leave out is one of the encoder's first layer, not of the decoder's "
            "last": another_product_left_out,
            "the encoder and the decoder may have hidden layers of different widths": mirrored,
            "the layers after the first have all three products, too": two_products_everywhere,
            "that is the step's count for the encoder alone": encoder_alone,
            "those are the multiplications; there are as many additions": multiplications_only,
        },
    ),
    Exercise(
        "attainable",
        (roof_problem, partial(roof_problem, peak=0.2)),  # limited by memory, and by arithmetic
        mistakes={
            "a product has m k n multiplications and as many additions": (
                lambda **a: roof(**a, flop=1)
            ),
            "the intensity is in FLOP per byte, not per number": (
                lambda itemsize, **a: roof(itemsize=1, **a)
            ),
            "that is the time of the product in seconds: its speed is FLOP by time": (
                lambda m, k, n, **a: 2 * m * k * n / roof(m=m, k=k, n=n, **a)
            ),
            "the result passes through memory, too: m n numbers are missing": (
                lambda m, k, n, itemsize, peak, bandwidth: min(
                    peak, 2 * m * k * n / (itemsize * (m * k + k * n)) * bandwidth
                )
            ),
            "that is the limit of memory; arithmetic has one too, and the lower one counts": (
                lambda peak, **a: roof(peak=np.inf, **a)
            ),
            "that is the limit of arithmetic; memory has one too, and the lower one counts": (
                lambda peak, **_: peak
            ),
            "that is the higher of the two limits; the lower one counts": (
                lambda peak, **a: max(peak, roof(peak=np.inf, **a))
            ),
        },
    ),
    Exercise(
        "combine",
        parts_problem,
        sizes=lambda parts, rows: {
            "K": parts.shape[0],
            "P": parts.shape[1],
            "M": int(rows.sum()),
        },
        mistakes={
            "every datapoint counts alike, so a part counts by its rows": (
                lambda parts, rows: parts.mean(axis=0)
            ),
            "the weights are shares of the minibatch: rows / rows.sum(), not upside down": (
                lambda parts, rows: (1 / rows) @ parts / np.sum(1 / rows)
            ),
            "that divides by the rows once more: the parts are means already": (
                lambda parts, rows: (1 / rows) @ parts
            ),
            "the parts are means over their own rows: multiply each by its rows before adding": (
                lambda parts, rows: parts.sum(axis=0) / rows.sum()
            ),
            "that is the part with the most rows alone": (
                lambda parts, rows: parts[np.argmax(rows)]
            ),
            "the parts are means already: weigh each by its share of the minibatch": (
                lambda parts, rows: parts.sum(axis=0)
            ),
        },
    ),
]
