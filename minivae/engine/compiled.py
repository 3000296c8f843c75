"""How loops become machine code, which is kept in Numba's cache."""

import hashlib
from pathlib import Path

import numba
from numba import types
from numba.core import ir
from numba.core.compiler import CompilerBase, DefaultPassBuilder
from numba.core.compiler_machinery import FunctionPass, PassManager, register_pass
from numba.core.ir_utils import build_definitions
from numba.core.untyped_passes import IRProcessing
from numba.extending import intrinsic

from minivae.engine.turns import enter, leave

# Reassociation lets sums run in SIMD lanes. NaN and infinity keep their meaning (no "nnan", no
# "ninf"): training relies on a diverged bound being NaN. error_model="numpy" because the check for
# a zero divisor would stop vectorisation.
_OPTIONS = {
    "nogil": True,
    "fastmath": {"reassoc", "contract", "nsz", "arcp"},
    "error_model": "numpy",
}


def _digest() -> str:
    """Of the files that machine code is made from."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


_SOURCES = _digest()


def part(loop, **options):
    """Compile on first use what kernels call, keeping the machine code in Numba's cache if it can.

    Numba drops machine code when the file of a loop has changed, but would keep it when only what
    the loop calls from another file has. So it is told that the engine's files are all one.
    """
    try:
        compiled = numba.njit(cache=True, **_OPTIONS, **options)(loop)
    except RuntimeError:  # neither the package's folder nor the user's cache can be written
        return numba.njit(**_OPTIONS, **options)(loop)
    compiled._cache._cache_file._source_stamp = _SOURCES
    return compiled


def kernel(loop):
    """Compile what Python calls, as `part` does; threads that call kernels take turns."""
    return part(loop, pipeline_class=_KernelCompiler)


@intrinsic
def _use_whole_registers(typing_context):
    """Compile the function that calls this for vectors as long as the processor's registers.

    On Intel's processors LLVM uses half of AVX-512's, since whole ones once slowed their clocks
    down; the tiles of `products` use them anyway. exp and what is made of it gain a third.
    """

    def generate(context, builder, signature, arguments):
        # llvmlite knows no attributes with values, but writes down what it is given.
        set.add(builder.function.attributes, '"prefer-vector-width"="512"')
        return context.get_dummy_value()

    return types.void(), generate


@register_pass(mutates_CFG=False, analysis_only=False)
class _Surround(FunctionPass):
    """Put calls at the beginning and the ends of a function."""

    _name = "minivae_surround"

    def __init__(self):  # abstract in the class above
        super().__init__()

    def run_pass(self, state):
        blocks = state.func_ir.blocks
        first = blocks[min(blocks)]
        n_arguments = sum(_is_argument(statement) for statement in first.body)
        before = [*_call(_use_whole_registers, first), *_call(leave, first)]
        first.body[n_arguments:n_arguments] = before
        for block in blocks.values():
            if isinstance(block.terminator, ir.Return):
                block.body[-1:-1] = _call(enter, block)
        state.func_ir._definitions = build_definitions(blocks)
        return True


def _is_argument(statement):
    return isinstance(statement, ir.Assign) and isinstance(statement.value, ir.Arg)


def _call(function, block):
    """Statements that call a function of no arguments."""
    name, scope, loc = function._name, block.scope, block.loc
    callee, result = (scope.redefine(f"${name}_{what}", loc) for what in ("callee", "result"))
    return [
        ir.Assign(ir.Global(name, function, loc), callee, loc),
        ir.Assign(ir.Expr.call(callee, (), (), loc), result, loc),
    ]


class _KernelCompiler(CompilerBase):
    """Numba's compiler, with our pass."""

    def define_pipelines(self) -> list[PassManager]:
        passes = DefaultPassBuilder.define_nopython_pipeline(self.state)
        passes.add_pass_after(_Surround, IRProcessing)
        passes.finalize()
        return [passes]
