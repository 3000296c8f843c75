"""A few threads that work in lockstep on the parts of one minibatch.

NumPy's matrix products and the kernels release the GIL, so that threads really run side by side;
what is left to Python between them is little, and so must be the price of meeting. A step is about
a millisecond long and the parts meet twice in it, hence a barrier that watches for the others for
a while, without the GIL, before it goes to sleep.
"""

import os
import threading
import time

import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minivae.engine.kernels import kernel

_APART = 16  # counters two cache lines apart, so that one thread's writing disturbs no other
_SPINS = 2_000_000  # some tens of microseconds of watching: equal parts differ by less
_LAG = 40_000  # some microseconds: what a thread does in Python before it lets go of the lock


def _element(context, builder, signature, arguments):
    """Return a pointer to array[i], the first two arguments."""
    array_type = signature.args[0]
    array = context.make_array(array_type)(context, builder, arguments[0])
    return cgutils.get_item_pointer(context, builder, array_type, array, [arguments[1]])


@intrinsic
def _load(typing_context, array, i):
    """array[i] as it is now: the compiler may not keep an older value."""

    def generate(context, builder, signature, arguments):
        pointer = _element(context, builder, signature, arguments)
        return builder.load_atomic(pointer, "acquire", 8)

    return types.int64(array, types.intp), generate


@intrinsic
def _store(typing_context, array, i, value):
    """array[i] = value, after everything that this thread has written before."""

    def generate(context, builder, signature, arguments):
        pointer = _element(context, builder, signature, arguments)
        builder.store_atomic(arguments[2], pointer, "release", 8)
        return ir.Constant(ir.IntType(64), 0)

    return types.int64(array, types.intp, types.int64), generate


@kernel
def _dawdle(arrivals, k):
    """Let k times a few microseconds pass; True."""
    passed = 0
    for _ in range(k * _LAG):
        passed += _load(arrivals, k * _APART)
    return passed >= 0


@kernel
def _arrive(arrivals, k, spins):
    """Count thread k's arrival, then watch for the others; False if they do not come soon.

    Threads leave one after the other. If all wanted the interpreter's lock at the same moment, all
    but one would be put to sleep, and it takes long to wake up.
    """
    mine = _load(arrivals, k * _APART) + 1
    _store(arrivals, k * _APART, mine)
    for _ in range(spins):
        missing = 0
        for i in range(0, arrivals.size, _APART):
            missing += _load(arrivals, i) < mine
        if missing == 0:
            return _dawdle(arrivals, k)
    return False


class TeamBroken(RuntimeError):
    """Another thread of the team has failed; its exception is the one to look at."""


class Team:
    """Threads 0 to size - 1, of which the caller's own thread is number 0.

    Use it as a context manager; the threads end with it.
    """

    def __init__(self, size):
        self.size = size
        self._arrivals = np.zeros(size * _APART, np.int64)
        # With fewer cores than threads, watching keeps the others from coming.
        self._spins = _SPINS if size <= available_cores() else 1
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
        """Thread k waits here until all the others have come as often as it has.

        Raises
        ------
        TeamBroken
            If one of them never will.
        """
        if self.size == 1 or _arrive(self._arrivals, k, self._spins):
            return
        arrivals = self._arrivals[::_APART]
        while arrivals.min() < arrivals[k]:
            if self._error is not None:
                raise TeamBroken
            time.sleep(5e-5)

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
