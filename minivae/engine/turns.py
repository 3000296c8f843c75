"""Threads take turns with the interpreter, without going to sleep.

A kernel releases the interpreter's lock while it works, and asks for it again when it returns.
If another thread has it just then, the system puts this one to sleep; the lock is free again within
microseconds, but waking up takes ten times as long, and small models are nothing but small kernels.

So a kernel gives up its *turn* when it begins, and before it returns watches until no other thread
has a turn, and takes it. Who has the turn finds the interpreter's lock free. The turn is a number
in memory and protects nothing: a thread that has waited too long (another one may be busy outside
of kernels) goes on without.

The two calls are put around a kernel's instructions when it is compiled (`compiled.kernel`).
"""

import numpy as np
from llvmlite import binding, ir
from numba import types
from numba.extending import intrinsic

from minivae.engine import memory
from minivae.engine.mode import X86

_NAME = "minivae_turn"  # under which compiled code, also that from Numba's cache, finds it
_TURN = memory.zeros(16, np.int64)  # has two cache lines to itself
_TRIES = 10_000  # some hundred microseconds: Python between two kernels takes ten
_INT = ir.IntType(64)

binding.add_symbol(_NAME, _TURN.ctypes.data)


def _turn(builder):
    """The number's address."""
    found = builder.module.globals.get(_NAME)
    return ir.GlobalVariable(builder.module, _INT, _NAME) if found is None else found


@intrinsic
def leave(typing_context):
    """Let others have their turn; for use inside compiled code."""

    def generate(context, builder, signature, arguments):
        builder.store_atomic(_INT(0), _turn(builder), "release", 8)
        return context.get_dummy_value()

    return types.void(), generate


@intrinsic
def enter(typing_context):
    """Wait until nobody has a turn, and take it; for use inside compiled code.

    False if it took so long that this thread has to go on without.
    """

    def generate(context, builder, signature, arguments):
        turn, before = _turn(builder), builder.block
        watch, attempt, again, after = map(
            builder.append_basic_block, ("watch", "attempt", "again", "after")
        )
        builder.branch(watch)
        builder.position_at_end(watch)
        tries = builder.phi(_INT)
        taken = builder.load_atomic(turn, "monotonic", 8)
        builder.cbranch(builder.icmp_signed("==", taken, _INT(0)), attempt, again)
        builder.position_at_end(attempt)
        result = builder.cmpxchg(turn, _INT(0), _INT(1), "acquire", "monotonic")
        builder.cbranch(builder.extract_value(result, 1), after, again)
        builder.position_at_end(again)
        if X86:  # leaves the core's other tasks alone for a moment
            nothing = ir.FunctionType(ir.VoidType(), [])
            builder.call(builder.module.declare_intrinsic("llvm.x86.sse2.pause", (), nothing), [])
        more = builder.add(tries, _INT(1))
        tries.add_incoming(_INT(0), before)
        tries.add_incoming(more, again)
        builder.cbranch(builder.icmp_signed("<", more, _INT(_TRIES)), watch, after)
        builder.position_at_end(after)
        got_it = builder.phi(ir.IntType(1))
        got_it.add_incoming(ir.IntType(1)(1), attempt)
        got_it.add_incoming(ir.IntType(1)(0), again)
        return got_it

    return types.boolean(), generate
