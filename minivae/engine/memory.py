"""Arrays that begin where a cache line does.

A vector register of AVX-512 is as long as a cache line. Where rows of a matrix begin in the middle
of a line, every load takes two: a product takes a third longer. What `numpy.empty` gives begins
where the allocator happens to have room, at another place in every process.
"""

import math

import numpy as np
from numpy.typing import DTypeLike

_LINE = 64  # bytes


def empty(shape: int | tuple[int, ...], dtype: DTypeLike = float) -> np.ndarray:
    """As `numpy.empty`, from the beginning of a cache line on."""
    shape = shape if isinstance(shape, tuple) else (shape,)
    dtype = np.dtype(dtype)
    n_bytes = math.prod(shape) * dtype.itemsize
    memory = np.empty(n_bytes + _LINE, np.uint8)
    start = -memory.__array_interface__["data"][0] % _LINE
    return memory[start : start + n_bytes].view(dtype).reshape(shape)


def zeros(shape: int | tuple[int, ...], dtype: DTypeLike = float) -> np.ndarray:
    """As `numpy.zeros`, from the beginning of a cache line on."""
    array = empty(shape, dtype)
    array[...] = 0
    return array


def part(array: np.ndarray, start: int, shape: tuple[int, ...]) -> np.ndarray:
    """Return as many numbers of a vector as `shape` has, from `start` on.

    Whoever gets a view of it, in whatever shape, can tell by its ``base``: that is the same object
    for all of them, and for no other part.
    """
    # The vector's memory without the vector: else NumPy would call that the base.
    count = math.prod(shape)
    memory = array.data.cast("B")
    return np.frombuffer(memory, array.dtype, count, start * array.itemsize).reshape(shape)
