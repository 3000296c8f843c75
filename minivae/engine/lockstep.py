"""Gradient steps whose work is shared by threads, without any sums between them.

Thread k owns some rows of every minibatch and carries them forward and backward. It also owns some
of the parameters: once all rows are done it computes their gradient over the whole minibatch, and
moves them. This works because a parameter's gradient is a product or a sum of arrays that have a
row for every datapoint (`minivae.parts`): what one thread has written into its part of such an
array (`SharedArena`), the others read. So no gradients are exchanged and added up, and the same
number of threads gives the same bits.
"""

import contextlib
import math
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike
from threadpoolctl import threadpool_limits

from minivae.engine import memory
from minivae.engine.arena import SharedArena
from minivae.engine.subnormals import flushed_subnormals
from minivae.engine.team import Team

_LARGE = 50_000  # numbers: an array of which each thread has a part


_blas_lock = threading.Lock()
_blas_limits: list[Any] = []  # one for every user: the first knows how many threads there were


@contextlib.contextmanager
def blas_single_threaded() -> Iterator[None]:
    """Context manager: BLAS uses one thread, and afterwards as many as before.

    It does so for the whole process; of several users at a time the last one out restores.
    """
    with _blas_lock:
        _blas_limits.append(threadpool_limits(1, user_api="blas"))
    try:
        yield
    finally:
        with _blas_lock:
            last = _blas_limits.pop()
            if not _blas_limits:
                last.restore_original_limits()


def shares(n: int, size: int) -> list[slice]:
    """Cut range(n) into `size` slices of nearly equal length."""
    edges = [n * k // size for k in range(size + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def cut(shapes: Mapping[str, tuple[int, ...]], names: Sequence[str], count: int) -> list[slice]:
    """Cut parameters that lie in a vector into parts of nearly equal size, between rows.

    Parameters
    ----------
    shapes : dict of str to tuple of int
        Of all parameters, in the order in which they lie in the vector.
    names : list of str
        Those to cut, neighbours in the vector.
    count : int

    Returns
    -------
    parts : list of slice
        Of the vector. None begins or ends within a row, numbers along a last axis: some may be
        empty.
    """
    starts, rows, position = [], [], 0
    for name, shape in shapes.items():
        size = math.prod(shape)
        if name in names:
            starts.append(position)
            rows.append(shape[-1] if shape else 1)
            stop = position + size
        position += size

    def nearest_row(edge: float) -> int:
        k = max(i for i, start in enumerate(starts) if start <= edge)
        return starts[k] + rows[k] * round((edge - starts[k]) / rows[k])

    first = starts[0]
    inner = [nearest_row(first + (stop - first) * k / count) for k in range(1, count)]
    return [slice(start, stop) for start, stop in pairwise([first, *inner, stop])]


def deal(
    shapes: Mapping[str, tuple[int, ...]], names: Sequence[str], count: int
) -> list[list[slice]]:
    """Deal out parameters to `count` threads, in pieces.

    Of every large array each thread has a part, so that all have as much to do: how long a number's
    gradient takes depends on the array (where many datapoints are zero, it is computed sooner).

    Returns
    -------
    pieces : list of list of slice
        Of the vector, for each thread; none is empty.
    """
    groups: list[list[str]] = [[]]
    n_large = 0
    for name in names:  # a large array, and the small ones behind it
        n_large += math.prod(shapes[name]) > _LARGE
        if n_large > len(groups):
            groups.append([])
        groups[-1].append(name)
    dealt = [cut(shapes, group, count) for group in groups]
    return [[p for p in pieces if p.start < p.stop] for pieces in zip(*dealt, strict=True)]


class _Piece(NamedTuple):
    """Parameters that are neighbours in the vector, and moved at once.

    Attributes
    ----------
    place : slice
        Where in the vector.
    gradient : array
        Its part of the gradient.
    entries : list of (str, int, array)
        What it consists of: a parameter's name, the first of its numbers, their gradient.
    """

    place: slice
    gradient: np.ndarray
    entries: list[tuple[str, int, np.ndarray]]


class Lockstep:
    """Takes gradient steps with the threads of a team.

    Parameters
    ----------
    team : Team
    n_rows : int
        Datapoints of a minibatch.
    shapes : dict of str to tuple of int
        Of the parameters, in the order in which they lie in their vector.
    dtype : dtype
    turns : list of list of str
        The parameters that are moved, step after step in turn: neighbours in the vector.

    Attributes
    ----------
    rows : list of slice
        The datapoints of a minibatch that are each thread's.
    gradient : (n,) array
        That of the last step.
    """

    def __init__(
        self,
        team: Team,
        n_rows: int,
        shapes: Mapping[str, tuple[int, ...]],
        dtype: DTypeLike,
        turns: Sequence[Sequence[str]],
    ) -> None:
        self.team, self._alone = team, team.size == 1
        self._names = list(shapes)
        self.rows = shares(n_rows, team.size)
        wholes: dict[Any, np.ndarray] = {}
        lock = threading.Lock()
        self._arenas = [SharedArena(wholes, lock, rows, n_rows) for rows in self.rows]
        # Others may still need what was fetched for the last step, for their share of its gradient.
        fetched: tuple[dict, dict] = {}, {}
        self._fetching = [
            [SharedArena(each, lock, rows, n_rows) for each in fetched] for rows in self.rows
        ]
        self._parts: list[dict[str, Any]] = [{}] * team.size
        self._wholes: list[dict[str, Any]] = [{}] * team.size
        self._known: list[dict[tuple, tuple]] = [{} for _ in range(team.size)]
        self.gradient = memory.zeros(sum(map(math.prod, shapes.values())), dtype)
        self._pieces = [  # for each turn and thread
            [[self._piece(shapes, place) for place in mine] for mine in dealt]
            for dealt in (deal(shapes, names, team.size) for names in turns)
        ]

    def _piece(self, shapes: Mapping[str, tuple[int, ...]], place: slice) -> _Piece:
        entries, start = [], 0
        for name, shape in shapes.items():
            stop = start + math.prod(shape)
            first, last = max(start, place.start), min(stop, place.stop)
            if first < last:
                entries.append((name, first - start, self.gradient[first:last]))
            start = stop
        return _Piece(place, self.gradient[place], entries)

    def run(
        self,
        first: int,
        n_steps: int,
        fetch: Callable,
        forward_backward: Callable,
        update: Callable,
        finish: Callable | None = None,
    ) -> list[float]:
        """Take up to `n_steps` steps, the first of which has the number `first`.

        Parameters
        ----------
        first, n_steps : int
        fetch : callable
            ``fetch(k, step, new)`` returns what thread k's rows of that minibatch consist of.
        forward_backward : callable
            ``forward_backward(k, fetched, new)`` returns their share of the minibatch's bound, and
            what they contribute to the gradient (`minivae.parts`), by the parameters' names.
        update : callable
            ``update(step, piece, gradient)`` moves a piece of the parameters, a slice of their
            vector.
        finish : callable, optional
            ``finish(step, bound)`` is called once in a step, by one of the threads.

        Returns
        -------
        bounds : list of float
            The minibatch bound of each step taken. If the last one is not finite, that step was not
            taken: parameters are as after the one before.

        Raises
        ------
        ValueError
            If something contributes to the gradient of a parameter that there is not.
        """
        bounds = np.full((n_steps, self.team.size), np.nan)
        callables = fetch, forward_backward, update, finish

        def work(k: int) -> None:
            # A diverging bound is reported once, by the caller, and not as a NumPy warning as well.
            with np.errstate(all="ignore"), flushed_subnormals():
                for i in range(n_steps):
                    if not self._step(k, first + i, bounds[i], *callables):
                        return

        self.team.run(work)
        self._refuse_unknown_parts()
        totals = bounds.sum(axis=1)
        taken = int(np.isfinite(totals).cumprod().sum())
        return totals[: taken + 1].tolist()

    def _refuse_unknown_parts(self) -> None:
        for name in {name for parts in self._parts for name in parts}:
            if name not in self._names:
                raise ValueError(
                    f"there is a part of a gradient for {name!r}, expected one of the parameters "
                    f"{', '.join(self._names)}"
                )

    def _step(
        self,
        k: int,
        step: int,
        bounds: np.ndarray,
        fetch: Callable,
        forward_backward: Callable,
        update: Callable,
        finish: Callable | None,
    ) -> bool:
        fetching = self._fetching[k][step % 2].again()
        fetched = fetch(k, step, fetching)
        self.team.barrier(k)  # every thread has updated its share of the parameters
        bounds[k], self._parts[k] = forward_backward(k, fetched, self._arenas[k].again())
        self._find_wholes(k, fetching)
        self.team.barrier(k)  # every thread has carried its rows forward and backward
        bound = sum(bounds.tolist())
        if not math.isfinite(bound):
            return False
        if k == 0 and finish is not None:
            finish(step, bound)
        find = self._parts[0].get if self._alone else self._of_all_rows
        for place, gradient, entries in self._pieces[step % len(self._pieces)][k]:
            for name, first, out in entries:
                part = find(name)
                if part is None:
                    out.fill(0)
                else:
                    part.write(out, first)
            update(step, place, gradient)
        return True

    def _find_wholes(self, k: int, fetching: SharedArena) -> None:
        """Find what thread k's parts are parts of: the same arrays with the rows of all threads."""
        if self._alone:
            return
        known, wholes = self._known[k], {}
        for name, part in self._parts[k].items():
            found = known.get(_key(part))
            wholes[name] = self._whole(k, part, fetching) if found is None else found
        self._wholes[k] = wholes

    def _whole(self, k: int, part: Any, fetching: SharedArena) -> tuple | None:
        """Return such a part, and by which memory it is to be recognised; None if not known."""
        arena = self._arenas[k]
        memory = [arena.whole(array, fetching) for array in part]
        arrays = [
            each.reshape(-1, *array.shape[1:])
            for each, array in zip(memory, part, strict=True)
            if each is not None
        ]
        if len(arrays) < len(part):
            return None
        found = tuple(map(id, memory)), part._make(arrays)
        if all(arena.has(array) or fetching.has(array) for array in part):  # for good
            self._known[k][_key(part)] = found
        return found

    def _of_all_rows(self, name: str) -> Any:
        """Return what all threads have contributed as one part; None if nothing."""
        found: Any = self._wholes[0].get(name)
        for wholes in self._wholes:
            other: Any = wholes.get(name)
            if found is None or other is None or other[0] != found[0]:
                break
        else:
            return found[1]
        # Somebody's fresh arrays, or not the same ones in every thread.
        rows = [parts[name] for parts in self._parts if name in parts]
        return rows[0]._make(map(np.concatenate, zip(*rows, strict=True))) if rows else None


def _key(part: Any) -> tuple:
    """By what a part is recognised: several parts may be of the same arrays."""
    return type(part), *map(id, part)
