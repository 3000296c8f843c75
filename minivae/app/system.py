"""What this machine is, which BLAS kernels NumPy uses on it, and what a pinned choice costs."""

import json
import os
import platform
import subprocess
import sys
from collections.abc import Mapping
from functools import cached_property
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

# OpenBLAS picks its kernels by CPU when it is loaded, unless one of these says otherwise.
PINS = ("OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE")

_PACKAGES = ("numpy", "scipy", "numba", "matplotlib", "tqdm", "pooch", "threadpoolctl")

# Runs in a child process, whose environment decides which kernels it gets. One thread and the
# shortest of many times: the least noisy way to compare kernels.
_PROBE = """
import json, time
import numpy as np
import threadpoolctl
x, W = np.ones((50, 784), np.float32), np.ones((784, 500), np.float32)
out = np.empty((50, 500), np.float32)
times = []
with threadpoolctl.threadpool_limits(1, user_api="blas"):
    for _ in range(40):
        start = time.perf_counter()
        np.matmul(x, W, out=out)
        times.append(time.perf_counter() - start)
pools = [p for p in threadpoolctl.threadpool_info() if p["user_api"] == "blas"]
kernels = pools[0].get("architecture") if pools else None
print(json.dumps({"seconds": min(times), "kernels": kernels}))
"""


def cpu_name() -> str:
    """Return the CPU's name as the system tells it."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def blas_pools() -> list[dict[str, Any]]:
    """Return threadpoolctl's description of each BLAS library in this process."""
    import numpy  # noqa: F401  (loads its BLAS)
    from threadpoolctl import threadpool_info

    return [pool for pool in threadpool_info() if pool["user_api"] == "blas"]


def package_versions() -> dict[str, str]:
    """Return the installed version of each run-time dependency."""
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = version(name)
        except PackageNotFoundError:
            versions[name] = "not installed"
    return versions


def pins() -> dict[str, str]:
    """Return those variables of the environment that pin OpenBLAS's choice of kernels."""
    return {name: os.environ[name] for name in PINS if os.environ.get(name)}


def _own_products() -> str:
    """Say what the BLAS is not needed for."""
    from minivae.engine.mode import NUMPY_ONLY

    if NUMPY_ONLY:
        return ""
    from minivae.engine.products import HAS_AVX512, THIN

    if not HAS_AVX512:
        return ""
    return f" (minivae does those of up to {THIN} datapoints per thread itself)"


class BlasProbe:
    """Measures, in two child processes, what the pins cost; does nothing where there are none.

    Creating one starts the work, `advice` waits for it, and the end of a ``with`` block ends it.
    """

    def __init__(self) -> None:
        self.pins = pins()
        self._children = []
        if self.pins:
            free = {name: value for name, value in os.environ.items() if name not in PINS}
            self._children = [self._start(os.environ), self._start(free)]

    @staticmethod
    def _start(environment: Mapping[str, str]) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, "-c", _PROBE],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )

    def __enter__(self) -> "BlasProbe":
        return self

    def __exit__(self, *exception: object) -> None:
        for child in self._children:
            child.kill()
            child.wait()
            if child.stdout is not None:
                child.stdout.close()

    def advice(self) -> str | None:
        """Return one line on what the pins cost and how to unset them, or None if all is well."""
        slowdown, kernels = self._outcome
        if slowdown is None or slowdown < 1.15:  # less is within the noise
            return None
        unset = " ".join(f"-u {name}" for name in self.pins)
        return (
            f"{self._pinned()} makes BLAS's matrix products {slowdown:.1f} times slower than the "
            f"kernels OpenBLAS picks for this CPU ({kernels}){_own_products()}; "
            f"unset: env {unset} minivae train"
        )

    def report(self) -> str:
        """Return one line for `minivae info`, whatever there is to say."""
        if not self.pins:
            return "OpenBLAS chooses its kernels freely: nothing to improve."
        advice = self.advice()
        if advice:
            return advice
        unknown = self._outcome[0] is None
        cost = "what that costs could not be measured" if unknown else "it costs nothing here"
        return f"{self._pinned()} pins OpenBLAS's kernels; {cost}."

    def _pinned(self) -> str:
        return " ".join(f"{name}={value}" for name, value in self.pins.items())

    @cached_property
    def _outcome(self) -> tuple[float | None, str | None]:
        """How many times slower, and than which kernels; (None, None) if that is unknown."""
        try:
            outputs = [child.communicate(timeout=20)[0] for child in self._children]
            pinned, free = map(json.loads, outputs)
        except (ValueError, subprocess.TimeoutExpired):  # no pins, or a child that failed
            self.__exit__()
            return None, None
        return pinned["seconds"] / free["seconds"], free["kernels"]


def describe() -> list[tuple[str, str]]:
    """Return the lines of `minivae info`: CPU, BLAS and its kernel set, Numba, versions."""
    from minivae.engine.mode import compiled_for
    from minivae.engine.team import available_cores

    lines = [
        ("CPU", f"{cpu_name()}, {available_cores()} cores available"),
        ("Python", f"{platform.python_version()} on {platform.system()} {platform.machine()}"),
    ]
    pools = blas_pools()
    for pool in pools:
        owner = Path(pool["filepath"]).parent.name.removesuffix(".libs")  # numpy, scipy, lib, ...
        lines.append(
            (
                "BLAS",
                f"{pool['internal_api']} {pool.get('version')} (from {owner}), "
                f"kernels for {pool.get('architecture', 'unknown')}, "
                f"{pool['num_threads']} threads, {pool.get('threading_layer', 'unknown')}",
            )
        )
    if not pools:
        lines.append(("BLAS", "none that threadpoolctl knows"))
    lines.append(("Numba", compiled_for()))
    lines += [(name, number) for name, number in package_versions().items()]
    return lines
