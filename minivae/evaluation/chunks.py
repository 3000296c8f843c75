"""Data sets chunk by chunk, by several threads and in bounded memory."""

import contextlib
from collections.abc import Iterator

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import gather
from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.team import Team, default_threads
from minivae.layers import work
from minivae.protocols import New
from minivae.vae import VAE
from minivae.validation import check_count

CHUNK = 500  # rows of activations at a time, so that they stay in the cache


def worthwhile_threads(vae: VAE, n_rows: int) -> int:
    """Return how many threads `n_rows` datapoints at a time are worth, on this machine."""
    return default_threads(work(vae.encoder) + work(vae.decoder), n_rows)


@contextlib.contextmanager
def evaluating(vae: VAE, threads: int | None) -> Iterator[Team]:
    """Context manager: a team of threads, by default as many as the model is worth."""
    if threads is None:
        threads = worthwhile_threads(vae, CHUNK)
    with blas_single_threaded(), Team(check_count("threads", threads)) as team:
        yield team


def fetch(x: np.ndarray, rows: slice, dtype: DTypeLike, new: New = np.empty) -> np.ndarray:
    """Return a slice of a data set as numbers of `dtype`, bytes divided by 255."""
    pixels = new((rows.stop - rows.start, x.shape[1]), dtype)
    gather(x, np.arange(rows.start, rows.stop), pixels)
    return pixels
