"""Buffers that are made once and handed out again."""

import numpy as np


class Workspace:
    """Arrays by key, allocated on first use and reused as long as shape and dtype stay the same.

    A training step asks for the same buffers again and again; with one workspace per thread they
    stay warm in that core's cache and the allocator is never called. What is asked for under a key
    is overwritten when the key is asked for again, so results that live in a workspace are good
    until its next use.
    """

    def __init__(self):
        self._buffers = {}

    def empty(self, key, shape, dtype):
        """Return the buffer called `key`, with arbitrary contents."""
        buffer = self._buffers.get(key)
        if buffer is None or buffer.shape != shape or buffer.dtype != dtype:
            buffer = self._buffers[key] = np.empty(shape, dtype)
        return buffer

    def gradient(self, params):
        """Return a `Params` of the same layout, with arbitrary contents, to hold a gradient."""
        gradient = self._buffers.get("gradient")
        if gradient is None or gradient.dtype != params.dtype or gradient.shapes != params.shapes:
            gradient = params.like(np.empty_like(params.vector))
            self._buffers["gradient"] = gradient
        return gradient
