"""One flat vector of parameters, with named views into it.

Everything that treats all parameters alike (an optimizer, the weight prior, a checkpoint, a
gradient check) is one operation on ``params.vector``. Everything that treats them by name (a
layer) uses ``params["encoder.W1"]``, which is a *view*: writing to one writes to the other.

>>> params = Params({"W": (2, 3), "b": (3,)})
>>> params["b"][:] = 1.0
>>> params.vector
array([0., 0., 0., 0., 0., 0., 1., 1., 1.])
"""

import math
from itertools import pairwise
from typing import NamedTuple

import numpy as np


class Share(NamedTuple):
    """One of several parts of the parameters, whole rows of the arrays.

    Attributes
    ----------
    part : slice
        Of the vector.
    rows : dict of str to slice
        Of every array, the rows (entries, if it has one dimension) that lie in this part.
    """

    part: slice
    rows: dict


class Params:
    """A flat vector and the named arrays that tile it.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        The arrays, in the order in which they lie in the vector.
    vector : (n,) array, optional
        The memory to use, not copied. Zeros when not given.
    dtype : dtype, optional
        Of the zeros; ignored when `vector` is given.

    Attributes
    ----------
    vector : (n,) array
        All parameters. Assign into it (``params.vector[:] = ...``), do not replace it.
    names : list of str
        The arrays' names, in order.
    shapes : dict of str to tuple of int
        The arrays' shapes, in order.

    Raises
    ------
    ValueError
        If `vector` is not a contiguous one-dimensional array of the right size.
    """

    def __init__(self, shapes, vector=None, dtype=np.float64):
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.names = list(self.shapes)
        size = sum(math.prod(shape) for shape in self.shapes.values())
        if vector is None:
            vector = np.zeros(size, dtype)
        if vector.shape != (size,) or not vector.flags.c_contiguous:
            raise ValueError(
                f"vector has shape {vector.shape}, expected a contiguous vector of shape ({size},)"
            )
        self.vector = vector
        self._views = {}
        self._starts = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._views[name] = vector[start:stop].reshape(shape)
            self._starts[name] = start
            start = stop

    def __getitem__(self, name):
        return self._views[name]

    def __len__(self):
        return len(self.names)

    def __iter__(self):
        return iter(self.names)

    def __repr__(self):
        arrays = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"Params({self.vector.size:,} {self.dtype} in {arrays})"

    @property
    def dtype(self):
        """The dtype that all parameters share."""
        return self.vector.dtype

    def shares(self, count, names=None):
        """Cut the parameters into `count` parts of nearly equal size, between rows of the arrays.

        Parameters
        ----------
        count : int
        names : sequence of str, optional
            The arrays to cut, neighbours in the vector; all of them when not given.

        Returns
        -------
        shares : list of Share
        """
        names = self.names if names is None else names
        start = self._starts[names[0]]
        stop = self._starts[names[-1]] + self[names[-1]].size
        inner = [start + (stop - start) * k / count for k in range(1, count)]
        edges = [start, *map(self._nearest_row, inner), stop]
        parts = [slice(start, stop) for start, stop in pairwise(edges)]
        return [Share(part, self._rows_in(part)) for part in parts]

    def _nearest_row(self, position):
        """Return where in the vector the row starts whose start is nearest to `position`."""
        name = max((n for n in self.names if self._starts[n] <= position), key=self._starts.get)
        start, width = self._starts[name], _row_length(self.shapes[name])
        return start + width * round((position - start) / width)

    def _rows_in(self, part):
        rows = {}
        for name, shape in self.shapes.items():
            start, size = self._starts[name], math.prod(shape)
            first, last = (min(max(edge - start, 0), size) for edge in (part.start, part.stop))
            rows[name] = slice(first // _row_length(shape), last // _row_length(shape))
        return rows

    def like(self, vector):
        """Lay the same names and shapes over another vector (not copied)."""
        return Params(self.shapes, vector)

    def copy(self):
        """Return an independent copy."""
        return self.like(self.vector.copy())

    def astype(self, dtype):
        """Return a copy in another dtype."""
        return self.like(self.vector.astype(dtype))


def _row_length(shape):
    return math.prod(shape[1:])
