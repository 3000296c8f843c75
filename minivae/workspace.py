"""Buffers that are made once and handed out again."""

import numpy as np


class Workspace:
    """Arrays by key, shape and dtype, allocated on first use and then handed out again.

    A training step asks for the same buffers again and again; they stay warm in the cache and the
    allocator is never called. What is asked for under a key is overwritten when the key is asked
    for again, so results that live in a workspace are good until its next use.
    """

    def __init__(self):
        self._buffers = {}

    def empty(self, key, shape, dtype):
        """Return the buffer called `key`, with arbitrary contents."""
        buffer = self._buffers.get((key, shape, dtype))
        if buffer is None:
            buffer = self._buffers[key, shape, dtype] = self._make(key, shape, dtype)
        return buffer

    def own(self, key, array, dtype):
        """Return `array` itself where it is a buffer from here, else its numbers in one.

        For arrays that others have made: a user's posterior may return a view, or a fresh array.
        """
        return np.ascontiguousarray(array, dtype)

    def _make(self, key, shape, dtype):
        return np.empty(shape, dtype)

    def gradient(self, params):
        """Return a `Params` of the same layout, with arbitrary contents, to hold a gradient."""
        gradient = self._buffers.get("gradient")
        if gradient is None or gradient.dtype != params.dtype or gradient.shapes != params.shapes:
            gradient = params.like(np.empty_like(params.vector))
            self._buffers["gradient"] = gradient
        return gradient


class WorkspacePart(Workspace):
    """A workspace whose buffers are rows of larger ones, which several parts of a minibatch share.

    Parameters
    ----------
    whole : dict
        The larger buffers, by key; all parts are given the same one.
    lock : threading.Lock
        For changing `whole`.
    part : slice
        Which datapoints of the minibatch are this part.
    batch_size : int
        Datapoints of the minibatch.
    """

    def __init__(self, whole, lock, part, batch_size):
        super().__init__()
        self._whole, self._lock = whole, lock
        self._part, self._batch_size = part, batch_size
        self._mine = set()  # the buffers' ids; they live as long as this does

    def own(self, key, array, dtype):
        """See `Workspace.own`; other threads find all rows of what it returns."""
        if id(array) in self._mine:
            return array
        buffer = self.empty(key, array.shape, dtype)
        buffer[:] = array
        return buffer

    def _make(self, key, shape, dtype):
        part = self._part
        rows_each = shape[0] // (part.stop - part.start)  # L, where there are L samples of z
        key = key, rows_each, dtype  # wake-sleep has L samples of z for a datapoint, and one dream
        with self._lock:
            if key not in self._whole:
                self._whole[key] = np.empty((rows_each * self._batch_size, *shape[1:]), dtype)
            buffer = self._whole[key][rows_each * part.start : rows_each * part.stop]
        self._mine.add(id(buffer))
        return buffer
