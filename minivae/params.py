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
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import DTypeLike

from minivae.engine import memory


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

    def __init__(
        self,
        shapes: Mapping[str, tuple[int, ...]],
        vector: np.ndarray | None = None,
        dtype: DTypeLike = np.float64,
    ) -> None:
        self.shapes = {name: tuple(shape) for name, shape in shapes.items()}
        self.names = list(self.shapes)
        size = sum(math.prod(shape) for shape in self.shapes.values())
        if vector is None:
            vector = memory.zeros(size, dtype)
        if vector.shape != (size,) or not vector.flags.c_contiguous:
            raise ValueError(
                f"vector has shape {vector.shape}, expected a contiguous vector of shape ({size},)"
            )
        self.vector = vector
        self._views = {}
        start = 0
        for name, shape in self.shapes.items():
            stop = start + math.prod(shape)
            self._views[name] = vector[start:stop].reshape(shape)
            start = stop

    def __getitem__(self, name: str) -> np.ndarray:
        return self._views[name]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"Params({self.vector.size:,} {self.dtype} in {arrays})"

    @property
    def dtype(self) -> np.dtype:
        """The dtype that all parameters share."""
        return self.vector.dtype

    def like(self, vector: np.ndarray) -> "Params":
        """Lay the same names and shapes over another vector (not copied)."""
        return Params(self.shapes, vector)

    def copy(self) -> "Params":
        """Return an independent copy."""
        return self.astype(self.dtype)

    def astype(self, dtype: DTypeLike) -> "Params":
        """Return a copy in another dtype."""
        copy = Params(self.shapes, dtype=dtype)
        copy.vector[:] = self.vector
        return copy
