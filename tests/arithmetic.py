"""Run the tests with other rounding than this machine's own, and with other random numbers.

    python tests/arithmetic.py                        # every kind of arithmetic, the numeric tests
    python tests/arithmetic.py haswell --seeds 0 1 2  # these alone
    python tests/arithmetic.py native --seeds 1 2 3 4 5 6 7 8 9 10

Sums come out differently on another CPU, with another BLAS or another NumPy, and what is chaotic
(a training run, a chain that accepts or rejects) carries the last digit to the first. A test that
passes on one machine only is found here, on any machine, by choosing among the loops that NumPy,
OpenBLAS and Numba have for different CPUs. A line is printed for every run; failures in full.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
from llvmlite import binding

# They start processes, time them, look at pages and pictures, are scikit-learn's own or test the
# tests: one run of each is enough.
ELSEWHERE = ["assignments", "benchmarks", "cli", "cli_mishaps", "cluster", "damaged_files",
             "datasets", "download", "exercises", "explorer", "explorer_page", "planted_bugs",
             "plots", "predictions", "reproduce", "sentences_cli", "site", "sklearn", "table1",
             "tutorials"]  # fmt: skip


def dispatched_features():
    """The instruction sets that NumPy would use here beyond those it was built for."""
    core = np._core._multiarray_umath
    return [name for name in core.__cpu_dispatch__ if core.__cpu_features__.get(name)]


def features_below_avx512():
    """What Numba is told to compile for, so that the tiles for AVX2 are used."""
    features = binding.get_host_cpu_features()
    wide = ("avx512", "amx", "avx10")
    return ",".join(f"{'-+'[has and not name.startswith(wide)]}{name}"
                    for name, has in features.items())  # fmt: skip


KINDS = {
    "native": {},
    "haswell": {"OPENBLAS_CORETYPE": "Haswell"},
    "sandybridge": {"OPENBLAS_CORETYPE": "Sandybridge"},
    "numpy-baseline": {"NPY_DISABLE_CPU_FEATURES": " ".join(dispatched_features())},
    "avx2": {"NUMBA_CPU_FEATURES": features_below_avx512(), "OPENBLAS_CORETYPE": "Haswell"},
    "numba-generic": {"NUMBA_CPU_NAME": "generic"},
    "equations": {"MINIVAE_ENGINE": "numpy"},  # the NumPy lines in place of the kernels
}


def run(kind, seed, options):
    """Run the tests in another process; return its exit code, the last line, and all it said."""
    environment = {**os.environ, **KINDS[kind], "MINIVAE_TEST_SEED": str(seed)}
    folder = Path(__file__).parent
    left_out = [f"--ignore={folder / f'test_{name}.py'}" for name in ELSEWHERE]
    command = [sys.executable, "-m", "pytest", "-q", "-n", "auto", "-p", "no:cacheprovider"]
    done = subprocess.run(
        [*command, *left_out, *options], cwd=folder.parent, env=environment, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    return done.returncode, done.stdout.strip().splitlines()[-1], done.stdout


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("kinds", nargs="*", metavar="kind", help=f"of {', '.join(KINDS)}")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0])
    arguments, options = parser.parse_known_args()  # what is left over is for pytest
    unknown = set(arguments.kinds) - set(KINDS)
    if unknown:
        parser.error(f"kind is {unknown.pop()!r}, expected one of {', '.join(KINDS)}")
    failed = 0
    for kind in arguments.kinds or KINDS:
        for seed in arguments.seeds:
            started = time.monotonic()
            code, last, everything = run(kind, seed, options)
            failed += code != 0
            if code:
                print(everything)
            took = time.monotonic() - started
            print(f"{kind:15} seed {seed:2}: {last} ({took:.0f} s)", flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
