"""Streams of random numbers, and of the data: minibatch after minibatch."""

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.validation import check_seed

# Streams of random numbers that all come from one seed, and never meet.
INIT, ORDER, NOISE, EVALUATION, SUBSET = range(5)


def stream(seed: int, *key: int) -> np.random.Generator:
    """Return the random generator of that name; the same whenever it is asked for.

    Raises
    ------
    ValueError
        If `seed` is not a whole number, or is negative.
    """
    return np.random.default_rng(np.random.SeedSequence(check_seed("seed", seed), spawn_key=key))


class Order:
    """Which datapoints each minibatch has: whole minibatches, in a new order every epoch.

    The few datapoints left over by whole minibatches are others in every epoch.

    Parameters
    ----------
    n : int
        Datapoints in the training set.
    batch_size : int
    seed : int
    """

    def __init__(self, n: int, batch_size: int, seed: int) -> None:
        self._n, self._batch_size, self._seed = n, batch_size, seed
        self._epoch: int | None = None

    @property
    def steps_per_epoch(self) -> int:
        """Whole minibatches in the training set."""
        return self._n // self._batch_size

    def rows(self, step: int) -> np.ndarray:
        """Return the datapoints of a step's minibatch, (batch_size,); steps count from 0."""
        epoch, batch = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            order = stream(self._seed, ORDER, epoch).permutation(self._n)
            self._epoch, self._order = epoch, order
        return self._order[batch * self._batch_size : (batch + 1) * self._batch_size]


def draw_binary(x: np.ndarray, rng: np.random.Generator) -> None:
    """Turn every pixel of x, (m, D), into 1 with its value as the probability, else into 0."""
    np.less(rng.random(x.shape, x.dtype), x, out=x)


@has_kernel
def gather_pixels(data: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Copy rows of data, (N, D) uint8 pixels, to out, (m, D), as floats in [0, 1]."""
    np.multiply(data[rows], out.dtype.type(1.0 / 255.0), out=out)


def gather(data: np.ndarray, rows: np.ndarray, out: np.ndarray) -> None:
    """Copy rows of data, (N, D), to out, (m, D); uint8 pixels are divided by 255."""
    if data.dtype == np.uint8:
        gather_pixels(data, rows, out)
    else:
        out[:] = data[rows]
