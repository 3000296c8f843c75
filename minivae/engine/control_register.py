"""x86's control register of floating-point arithmetic, which every thread has for itself."""

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from minivae.engine.compiled import kernel

FLUSH = 0x8040  # bits of MXCSR: results that are subnormal become zero, and so do operands


def _control_register(context, builder, instruction, slot):
    byte_pointer = ir.IntType(8).as_pointer()
    signature = ir.FunctionType(ir.VoidType(), [byte_pointer])
    function = cgutils.get_or_insert_function(
        builder.module, signature, f"llvm.x86.sse.{instruction}"
    )
    builder.call(function, [builder.bitcast(slot, byte_pointer)])


@intrinsic
def _read(typing_context):
    def generate(context, builder, signature, arguments):
        slot = cgutils.alloca_once(builder, ir.IntType(32))
        _control_register(context, builder, "stmxcsr", slot)
        return builder.load(slot)

    return types.uint32(), generate


@intrinsic
def _write(typing_context, value):
    def generate(context, builder, signature, arguments):
        slot = cgutils.alloca_once_value(builder, arguments[0])
        _control_register(context, builder, "ldmxcsr", slot)
        return context.get_dummy_value()

    return types.void(types.uint32), generate


@kernel
def exchange(value, mask):
    """Set those bits of the control register that `mask` names; return what it was."""
    before = _read()
    _write(types.uint32((before & ~mask) | (value & mask)))
    return before
