"""A meeting of threads that watch for each other, without the interpreter's lock.

A step is about a millisecond long and the threads meet twice in it: too often to go to sleep and be
woken up each time.
"""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minivae.engine.compiled import part
from minivae.engine.turns import enter, leave

APART = 16  # counters two cache lines apart, so that one thread's writing disturbs no other


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


@part
def arrive(arrivals, k, spins):
    """Count thread k's arrival, then watch for the others; False if they do not come soon."""
    leave()
    mine = _load(arrivals, k * APART) + 1
    _store(arrivals, k * APART, mine)
    for _ in range(spins):
        missing = 0
        for i in range(0, arrivals.size, APART):
            missing += _load(arrivals, i) < mine
        if missing == 0:
            enter()
            return True
    return False
