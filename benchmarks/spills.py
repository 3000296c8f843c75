"""Do the kernels keep their vectors in registers? A look at the machine code of their loops.

    python benchmarks/spills.py                         # for this machine
    python benchmarks/spills.py --cpu znver4 haswell    # for others, without running anything

A loop with more vectors than there are registers stores some on the stack and fetches them back in
every round. How much it does of that depends on what LLVM believes of a processor, and what it
costs on where the stack of a thread happens to lie: a product took 167 us in one process and 640 in
the next. A dash means that no loop stores vectors on the stack.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile

_MATRIX, _VECTOR, _SAMPLES, _REAL, _INTEGER = "matrix", "vector", "samples", "real", "integer"
_IMAGES, _PATCHES, _PAIR = "images", "patches", "pair"

# The arguments that every kernel is called with.
SIGNATURES = {
    "products._affine": (_MATRIX, _MATRIX, _VECTOR, _MATRIX),
    "products._affine_skipping": (_MATRIX, _MATRIX, _VECTOR, _MATRIX),
    "products._matmul_nt": (_MATRIX, _MATRIX, _MATRIX),
    "products._matmul_nt_tall": (_MATRIX, _MATRIX, _MATRIX),
    "products._matmul_tn": (_MATRIX, _MATRIX, _MATRIX, _INTEGER),
    "products._matmul_tn_skipping": (_MATRIX, _MATRIX, _MATRIX, _INTEGER),
    "products._matmul_tn_tall": (_MATRIX, _MATRIX, _MATRIX, _INTEGER),
    "patches.gather_patches": (_IMAGES, _PAIR, _PAIR, _PATCHES),
    "patches.scatter_patches": (_PATCHES, _VECTOR, _PAIR, _PAIR, _IMAGES),
    "kernels.gather_pixels": ("bytes", "rows", _MATRIX),
    "kernels.add_bias": (_MATRIX, _VECTOR),
    "kernels.column_sums": (_MATRIX, _INTEGER, _VECTOR),
    "kernels.tanh": (_MATRIX,),
    "kernels.tanh_backward": (_MATRIX, _MATRIX),
    "kernels.relu": (_MATRIX,),
    "kernels.relu_backward": (_MATRIX, _MATRIX),
    "kernels.softplus": (_MATRIX,),
    "kernels.softplus_backward": (_MATRIX, _MATRIX),
    "kernels.sigmoid": (_MATRIX,),
    "kernels.sigmoid_backward": (_MATRIX, _MATRIX),
    "kernels.reparameterize": (_MATRIX, _SAMPLES, _SAMPLES, _VECTOR),
    "kernels.reparameterize_backward": (_SAMPLES, _MATRIX, _SAMPLES, _REAL, _MATRIX),
    "kernels.bernoulli": (_SAMPLES, _MATRIX, _REAL, _MATRIX),
    "kernels.gaussian": (_SAMPLES, _MATRIX, "flag", _REAL, _MATRIX),
    "kernels.adagrad": (_VECTOR, _VECTOR, _VECTOR, _REAL, _REAL, _REAL),
    "kernels.adam": (_VECTOR,) * 4 + (_REAL,) * 5,
}
PRODUCTS = [name for name in SIGNATURES if name.startswith("products.")]
DTYPES = ("float32", "float64")

_LABEL = re.compile(r"^(\.?L[\w.]+):")
_JUMP = re.compile(r"^\s+j\w+\s+(\.?L[\w.]+)")
_VECTOR_STORE = re.compile(r"^\s+vmov\w+\s+%[xyz]mm\d+, -?\d*\(%rsp")


def spills(assembly):
    """Count the vectors that innermost loops store on the stack.

    Parameters
    ----------
    assembly : str
        Of x86, in AT&T's syntax.
    """
    lines = assembly.splitlines()
    labels, count, covered = {}, 0, -1
    for i, line in enumerate(lines):
        label, jump = _LABEL.match(line), _JUMP.match(line)
        if label:
            labels[label[1]] = i
        elif jump and labels.get(jump[1], -1) > covered:  # backwards, and no loop inside of it
            body = lines[labels[jump[1]] : i]
            if not any("callq" in each for each in body):  # the way from Python and back
                count += sum(bool(_VECTOR_STORE.match(each)) for each in body)
            covered = i
    return count


def inspect(names):
    """Compile kernels for the CPU that Numba has been told of; yield ``(name, dtype, spills)``."""
    from numba import types

    from minivae.engine import kernels, patches, products

    places = {"products": products, "patches": patches, "kernels": kernels}
    for name in names:
        place, function = name.split(".")
        for dtype in DTYPES:
            real = getattr(types, dtype)
            kinds = {
                _MATRIX: real[:, ::1], _VECTOR: real[::1], _SAMPLES: real[:, :, ::1], _REAL: real,
                _INTEGER: types.int64, "flag": types.boolean, "rows": types.int64[::1],
                "bytes": types.uint8[:, ::1], _PAIR: types.UniTuple(types.int64, 2),
                _IMAGES: real[:, :, :, ::1], _PATCHES: real[:, :, :, :, :, ::1],
            }  # fmt: skip
            compiled = getattr(places[place], function)
            signature = tuple(kinds[kind] for kind in SIGNATURES[name])
            compiled.compile(signature)
            yield name, dtype, spills(compiled.inspect_asm(signature))


def inspect_for(cpu, names=tuple(SIGNATURES)):
    """Return ``{(name, dtype): spills}`` for a CPU by LLVM's name; None for this one."""
    with tempfile.TemporaryDirectory() as cache:  # that of this machine's code is left alone
        environment = {**os.environ, "NUMBA_CACHE_DIR": cache}
        if cpu is not None:
            environment["NUMBA_CPU_NAME"] = cpu
        child = subprocess.run(
            [sys.executable, __file__, "--child", *names],
            env=environment, capture_output=True, text=True, check=True,
        )  # fmt: skip
    rows = (line.split() for line in child.stdout.splitlines())
    return {(name, dtype): int(count) for name, dtype, count in rows}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cpu", nargs="+", default=[None], metavar="NAME", help="as LLVM has it")
    parser.add_argument("--child", nargs="+", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        for row in inspect(arguments.child):
            print(*row)
        return
    found = [inspect_for(cpu) for cpu in arguments.cpu]
    print(f"{'vectors stored by inner loops':44}", *(f"{c or 'here':>16}" for c in arguments.cpu))
    for name in SIGNATURES:
        for dtype in DTYPES:
            counts = (f"{each[name, dtype] or '-':>16}" for each in found)
            print(f"{name:34}{dtype:10}", *counts)


if __name__ == "__main__":
    main()
