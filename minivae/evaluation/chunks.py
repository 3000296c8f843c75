"""Data sets chunk by chunk, by several threads and in bounded memory."""

import contextlib

import numpy as np

from minivae.data_stream import gather
from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.team import Team, default_threads
from minivae.layers import work
from minivae.validation import check_count

CHUNK = 500  # rows of activations at a time, so that they stay in the cache


@contextlib.contextmanager
def evaluating(vae, threads):
    """Context manager: a team of threads, by default as many as the model is worth."""
    if threads is None:
        threads = default_threads(work(vae.encoder) + work(vae.decoder), CHUNK)
    with blas_single_threaded(), Team(check_count("threads", threads)) as team:
        yield team


def fetch(x, rows, dtype, new=np.empty):
    """Return a slice of a data set as numbers of `dtype`, bytes divided by 255."""
    pixels = new((rows.stop - rows.start, x.shape[1]), dtype)
    gather(x, np.arange(rows.start, rows.stop), pixels)
    return pixels
