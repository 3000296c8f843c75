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
from collections.abc import Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import DTypeLike

from minivae.engine import memory


class Arrays(Protocol):
    """Arrays by name: a dict, or `Params`."""

    def __getitem__(self, name: str, /) -> np.ndarray:
        """Return the array of that name."""
        ...


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
        self._renamed: dict[int, tuple] = {}

    def __getitem__(self, name: str) -> np.ndarray:
        return self._views[name]

    def __len__(self) -> int:
        return len(self.names)

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __reduce__(self) -> tuple:
        return _restored, (self.shapes, self.vector)  # a copy's arrays are views of its own vector

    def __repr__(self) -> str:
        arrays = ", ".join(f"{name} {shape}" for name, shape in self.shapes.items())
        return f"Params({self.vector.size:,} {self.dtype} in {arrays})"

    @property
    def dtype(self) -> np.dtype:
        """The dtype that all parameters share."""
        return self.vector.dtype

    def renamed(self, names: Sequence[Mapping[str, str]]) -> list[dict[str, np.ndarray]]:
        """Return what the function `renamed` does, remembered: every training step asks for it."""
        known = self._renamed.get(id(names))
        if known is None or known[0] is not names:  # kept along, so that no other has its id
            known = self._renamed[id(names)] = names, renamed(self, names)
        return known[1]

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


def renamed(arrays: Arrays, names: Sequence[Mapping[str, str]]) -> list[dict[str, np.ndarray]]:
    """Return arrays under other names, in groups: each layer's under the layer's own names.

    Parameters
    ----------
    arrays : dict of str to array, or Params
    names : list of dict of str to str
        For each group, the other names and those here.
    """
    return [{new: arrays[name] for new, name in group.items()} for group in names]


def _restored(shapes: Mapping[str, tuple[int, ...]], vector: np.ndarray) -> Params:
    return Params(shapes, vector).copy()
