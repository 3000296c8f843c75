"""Memory that is handed out again and again: what the library calls ``new``.

A training step asks for the same arrays every time. `Arena` and `SharedArena` are called as
`numpy.empty` is and answer the k-th call of a step with the same memory as in the step before: it
stays warm in the cache, and the allocator is never called. What they gave is good until the next
step.
"""

import math
import threading
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import DTypeLike

from minivae.engine import memory

A = TypeVar("A", bound="Arena")


def own(array: np.ndarray, dtype: DTypeLike, new: Callable[..., np.ndarray]) -> np.ndarray:
    """Return `array` as C-contiguous numbers of `dtype` that may be overwritten.

    It is `array` itself where that fits, and was made by `new`; whatever else somebody's layer may
    return (a view, another memory order, another dtype) is copied.
    """
    if isinstance(new, Arena):
        return new.own(array, dtype)
    return np.require(array, dtype, ("C", "W"))


class Arena:
    """Arrays in the order in which they are asked for, the same in every step."""

    def __init__(self) -> None:
        self._next = 0
        self._arrays: dict[Any, np.ndarray] = {}
        # By the id of their base, which they have to themselves (`memory.part`).
        self._mine: dict[int, np.ndarray] = {}

    def again(self: A) -> A:
        """Begin a step: the first call gets the first array again. Returns the arena itself."""
        self._next = 0
        return self

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike = float) -> np.ndarray:
        """Return an array with arbitrary contents, as `numpy.empty` does."""
        key = self._next, shape, dtype
        self._next += 1
        array = self._arrays.get(key)
        if array is None:
            array = self._arrays[key] = self._make(*key)
            self._mine[id(array.base)] = array
        return array

    def own(self, array: np.ndarray, dtype: DTypeLike) -> np.ndarray:
        """See the function `own`."""
        array = np.asarray(array)
        if self.first_of(array) is not None and array.dtype == dtype:
            return array  # also z of L samples, (L, M, J), as (L * M, J)
        copy = self(array.shape, dtype)
        copy[...] = array
        return copy

    def _make(self, number: int, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        return memory.part(memory.empty(math.prod(shape), dtype), 0, shape)

    def first_of(self, array: np.ndarray) -> np.ndarray | None:
        """The array from here that has the same memory, in whatever shape; None for others'."""
        mine = self._mine.get(id(array.base))
        if mine is array or mine is None:
            return mine
        return mine if array.nbytes == mine.nbytes and array.flags.c_contiguous else None


class ElasticArena(Arena):
    """Arrays whose sizes differ from step to step: the k-th begins the memory of the largest."""

    def __call__(self, shape: tuple[int, ...], dtype: DTypeLike = float) -> np.ndarray:
        """Return an array with arbitrary contents, as `numpy.empty` does."""
        key = self._next, np.dtype(dtype)
        self._next += 1
        size = math.prod(shape)
        if key not in self._arrays or self._arrays[key].size < size:
            self._arrays[key] = memory.empty(size, dtype)
        return self._arrays[key][:size].reshape(shape)


class SharedArena(Arena):
    """One thread's arena, in which arrays are its part of larger ones for the whole minibatch.

    A thread carries some datapoints through the model, and afterwards computes some of the
    parameters' gradient over all datapoints: for that it has to find what the other threads have
    put into their parts. The parts lie one after the other, thread by thread.

    Parameters
    ----------
    wholes : dict
        The larger arrays, by number, size and dtype; all threads are given the same one.
    lock : threading.Lock
        For changing `wholes`.
    rows : slice
        Which datapoints of the minibatch are this thread's.
    n_rows : int
        Datapoints of the minibatch.
    """

    def __init__(
        self, wholes: dict[Any, np.ndarray], lock: threading.Lock, rows: slice, n_rows: int
    ) -> None:
        super().__init__()
        self._wholes, self._lock = wholes, lock
        self._rows, self._n_rows = rows, n_rows
        self._whole_of: dict[int, np.ndarray] = {}  # by the id of an array from here

    def whole(self, array: np.ndarray, *others: "SharedArena") -> np.ndarray | None:
        """Return the memory, for all rows, of which `array` from here (or `others`) is a part.

        A vector, in which threads' parts follow each other; None if `array` is from elsewhere.
        """
        for arena in (self, *others):
            first = arena.first_of(array)
            if first is not None:
                return arena._whole_of.get(id(first))
        return None

    def has(self, array: np.ndarray) -> bool:
        """Whether `array` is one from here, and no view of it."""
        return id(array) in self._whole_of

    def _make(self, number: int, shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
        each, rest = divmod(math.prod(shape), self._rows.stop - self._rows.start)
        if rest:
            return super()._make(number, shape, dtype)  # it has no rows for datapoints
        key = number, each, np.dtype(dtype)
        with self._lock:
            if key not in self._wholes:
                self._wholes[key] = memory.empty(each * self._n_rows, dtype)
            whole = self._wholes[key]
        array = memory.part(whole, each * self._rows.start, shape)
        self._whole_of[id(array)] = whole
        return array
