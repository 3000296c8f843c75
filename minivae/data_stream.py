"""Streams of random numbers, and of the data: minibatch after minibatch."""

import itertools

import numpy as np

from minivae.engine.mode import has_kernel

# Streams of random numbers that all come from one seed, and never meet.
INIT, ORDER, NOISE, EVALUATION, SUBSET = range(5)


def stream(seed, *key):
    """Return the random generator of that name; the same whenever it is asked for."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def minibatches(n, batch_size, seed):
    """Yield the datapoints of one minibatch after the other, without end: (batch_size,) indices.

    Whole minibatches, in a new order every epoch: those of `minivae.fit` with that seed.
    """
    for epoch in itertools.count():
        order = stream(seed, ORDER, epoch).permutation(n)
        yield from order[: n - n % batch_size].reshape(-1, batch_size)


def draw_binary(x, rng):
    """Turn every pixel into 1 with its value as the probability, else into 0; in place."""
    np.less(rng.random(x.shape, x.dtype), x, out=x)


@has_kernel
def gather_pixels(data, rows, out):
    """Copy rows of uint8 pixels as floats in [0, 1]."""
    np.multiply(data[rows], out.dtype.type(1.0 / 255.0), out=out)


def gather(data, rows, out):
    """Copy `rows` of `data` to `out`; uint8 pixels are divided by 255."""
    if data.dtype == np.uint8:
        gather_pixels(data, rows, out)
    else:
        out[:] = data[rows]
