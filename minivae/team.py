"""A few threads that work in lockstep on the parts of one minibatch.

NumPy's matrix products and the kernels release the GIL, so that threads really run side by side;
what is left to Python between them is little, and so must be the price of meeting. A step is about
a millisecond long and the parts meet twice in it, hence a barrier that watches for the others for
a while before it goes to sleep.
"""

import os
import threading
import time

import numpy as np


class TeamBroken(RuntimeError):
    """Another thread of the team has failed; its exception is the one to look at."""


class Team:
    """Threads 0 to size - 1, of which the caller's own thread is number 0.

    Use it as a context manager; the threads end with it.
    """

    _SPINS = 2000  # about a millisecond of watching, longer than parts of equal size differ

    def __init__(self, size):
        self.size = size
        self._arrivals = [0] * size
        self._error = None
        self._task = None
        self._start = [threading.Semaphore(0) for _ in range(size)]
        self._threads = [
            threading.Thread(target=self._serve, args=(k,), name=f"minivae-{k}", daemon=True)
            for k in range(1, size)
        ]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *exception):
        self._task = None
        for k in range(1, self.size):
            self._start[k].release()
        for thread in self._threads:
            thread.join()

    def run(self, task):
        """Call ``task(k)`` in every thread k, and return when all have.

        Raises
        ------
        Exception
            Whatever a thread's task raised first. The team cannot be used after that.
        """
        self._task = task
        for k in range(1, self.size):
            self._start[k].release()
        self._attempt(0)
        if self._error is not None:
            raise self._error

    def barrier(self, k):
        """Thread k waits here until all the others have come as often as it has."""
        arrivals = self._arrivals
        arrivals[k] += 1
        target = arrivals[k]
        spins = 0
        while min(arrivals) < target:
            if self._error is not None:
                raise TeamBroken
            spins += 1
            if spins < self._SPINS:
                time.sleep(0)  # lets go of the GIL
            else:
                time.sleep(1e-4)

    def _serve(self, k):
        while True:
            self._start[k].acquire()
            if self._task is None:
                return
            self._attempt(k)

    def _attempt(self, k):
        try:
            self._task(k)
            self.barrier(k)
        except TeamBroken:
            pass
        except BaseException as error:
            if self._error is None:
                self._error = error


def available_cores():
    """Return how many cores this process may use."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not every system can tell
        return os.cpu_count() or 1


def default_threads(vae, batch_size):
    """Choose the number of threads for minibatches of that size.

    Meeting twice in a step costs some tens of microseconds, so that a thread should have at least
    a few times as much to do. More than eight parts of one minibatch are too thin to be efficient.
    """
    products = 6 * batch_size * sum(np.prod(shape) for shape in vae.param_shapes.values())
    worthwhile = max(1, int(products // 20e6))
    return min(available_cores(), worthwhile, batch_size, 8)
