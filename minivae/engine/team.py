"""A few threads that work in lockstep on the parts of one minibatch, or share chunks of data.

NumPy's matrix products and the kernels release the GIL, so that threads really run side by side;
what is left to Python between them is little, and so must be the price of meeting. Hence a barrier
that watches for the others for a while (`barrier`) before it goes to sleep.
"""

import errno
import os
import threading
import time
from collections.abc import Callable

import numpy as np

from minivae.engine.arena import Arena
from minivae.engine.mode import NUMPY_ONLY
from minivae.engine.subnormals import flushed_subnormals

if NUMPY_ONLY:
    _APART, _arrive = 1, None
else:
    from minivae.engine.barrier import APART as _APART
    from minivae.engine.barrier import arrive as _arrive

_SPINS = 60_000  # a tenth of a millisecond: equal parts differ by less, unless a core is taken


class TeamBroken(RuntimeError):
    """Another thread of the team has failed; its exception is the one to look at."""


class Team:
    """Threads 0 to size - 1, of which the caller's own thread is number 0.

    Use it as a context manager; the threads end with it. It raises OSError if the system does not
    start so many.
    """

    def __init__(self, size: int) -> None:
        self.size = size
        self._arrivals = np.zeros(size * _APART, np.int64)
        # With fewer cores than threads, watching keeps the others from coming.
        self._spins = _SPINS if size <= available_cores() else 1
        self._error: BaseException | None = None
        self._task: Callable[[int], None] | None = None
        self._start = [threading.Semaphore(0) for _ in range(size)]
        self._threads = [
            threading.Thread(target=self._serve, args=(k,), name=f"minivae-{k}", daemon=True)
            for k in range(1, size)
        ]

    def __enter__(self) -> "Team":
        for k, thread in enumerate(self._threads):
            try:
                thread.start()
            except RuntimeError as error:
                self._threads = self._threads[:k]
                self.__exit__()
                raise OSError(
                    errno.EAGAIN, f"threads is {self.size}, and the system started {k + 1} only"
                ) from error
        return self

    def __exit__(self, *exception: object) -> None:
        self._task = None
        for k in range(1, self.size):
            self._start[k].release()
        for thread in self._threads:
            thread.join()

    def run(self, task: Callable[[int], None]) -> None:
        """Call ``task(k)`` in every thread k, and return when all have.

        Raises
        ------
        Exception
            Whatever a thread's task raised first. The team cannot be used after that.
        """
        self._task = task
        for k in range(1, self.size):
            self._start[k].release()
        self._attempt(0, task)
        if self._error is not None:
            raise self._error

    def barrier(self, k: int) -> None:
        """Thread k waits here until all the others have come as often as it has.

        Raises
        ------
        TeamBroken
            If one of them never will.
        """
        if self.size == 1:
            return
        arrivals = self._arrivals[::_APART]
        if _arrive is None:
            arrivals[k] += 1
        elif _arrive(self._arrivals, k, self._spins):
            return
        while arrivals.min() < arrivals[k]:
            if self._error is not None:
                raise TeamBroken
            time.sleep(5e-5)

    def _serve(self, k: int) -> None:
        while True:
            self._start[k].acquire()
            task = self._task
            if task is None:
                return
            self._attempt(k, task)

    def _attempt(self, k: int, task: Callable[[int], None]) -> None:
        try:
            task(k)
            self.barrier(k)
        except TeamBroken:
            pass
        except BaseException as error:
            if self._error is None:
                self._error = error


def available_cores() -> int:
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can tell
        return os.cpu_count() or 1


def default_threads(work: int, n_rows: int) -> int:
    """Choose the number of threads for minibatches.

    Meeting twice in a step costs some tens of microseconds, so that a thread should have at least
    a few times as much to do. More than eight parts of one minibatch are too thin to be efficient.

    Parameters
    ----------
    work : int
        Multiplications per datapoint, of a pass through the model.
    n_rows : int
        Datapoints of a minibatch.
    """
    worthwhile = max(1, 6 * n_rows * work // 20_000_000)
    return min(available_cores(), worthwhile, n_rows, 8)


def share_out(team: Team, n: int, size: int, task: Callable[[slice, Arena], None]) -> None:
    """Call ``task(rows, arena)`` for slices of range(n), `size` long, shared among threads."""
    starts = range(0, n, size)

    def serve(k: int) -> None:
        arena = Arena()
        # A bound that diverges is for the caller to see, and not a NumPy warning as well.
        with np.errstate(all="ignore"), flushed_subnormals():
            for start in starts[k :: team.size]:
                task(slice(start, min(start + size, n)), arena)

    team.run(serve)
