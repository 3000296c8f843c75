"""What the figures were measured on: processor, BLAS and versions; never host names or paths."""

import os
import platform
import statistics
import subprocess
import sys
import time
from importlib import metadata
from pathlib import Path

import llvmlite.binding as llvm
import numpy as np

from minivae.app.system import PINS, blas_pools, cpu_name
from minivae.engine.team import Team, available_cores

# PINS bind NumPy's products (and so minivae's), while PyTorch and JAX bring their own: left set,
# they would compare kernels made for different processors.

_PACKAGES = ("minivae", "numpy", "scipy", "numba", "torch", "jax", "jaxlib")
_BUSY = 0.5  # load average from which other programs matter
_COMPANY = 0.1  # cores used by others, likewise
_MOVED = 1.5  # ratio of handover times that means that cores are not where they were


def environment_without_pins():
    """Return this process's environment without `PINS`."""
    return {name: value for name, value in os.environ.items() if name not in PINS}


def describe_environment(keep_env):
    """Return one sentence on what was done about `PINS`."""
    if not keep_env:
        return f"measured with {' and '.join(PINS)} removed from the environment"
    found = [f"{name}={os.environ[name]}" for name in PINS if name in os.environ]
    return f"measured in the environment as it is ({' '.join(found) or 'nothing pinned'})"


def describe():
    """Return a dict of the processor, the system and the versions."""
    return {
        "cpu": cpu_name(),
        "microarchitecture": llvm.get_host_cpu_name(),
        "architecture": platform.machine(),
        "cores": available_cores(),
        "system": platform.system(),
        "python": platform.python_version(),
        "packages": versions(),
        "load_average": load_average(),
    }


def versions():
    """Return the installed versions of the packages that matter."""
    found = {}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def load_average():
    """Return the mean number of busy processes over the last minute, or None if unknown."""
    return round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None


def blas():
    """Return one dict per BLAS that NumPy uses in this process: name, version, kernels."""
    libraries = blas_pools()
    # SciPy's wheels bring a second copy, which nothing here calls.
    of_numpy = [library for library in libraries if "numpy" in library["filepath"]]
    return [
        {
            "library": library["internal_api"],
            "version": library.get("version"),
            "kernels": library.get("architecture"),
            "threading": library.get("threading_layer"),
        }
        for library in of_numpy or libraries
    ]


def headline(description, libraries):
    """Return one line for a table's head or a picture's foot."""
    kernels = ", ".join(
        f"{library['library']} {library['version']} ({library['kernels']})" for library in libraries
    )
    cpu = f"{description['cpu']} ({description['microarchitecture']})"
    return f"{cpu}, {description['cores']} cores; BLAS: {kernels}"


def busy_warning(description):
    """Return a warning if other programs kept the processor busy before the start, else None."""
    load = description["load_average"]
    if load is None or load < _BUSY:
        return None
    return f"warning: load average {load} before the start; the figures are provisional"


def busy_seconds():
    """Return the processor time that all programs together have used so far, or None if unknown."""
    try:
        # user, nice, system, (idle, iowait,) irq, softirq, steal
        ticks = [int(field) for field in Path("/proc/stat").read_text().split()[1:9]]
    except (OSError, ValueError):
        return None
    return (sum(ticks) - ticks[3] - ticks[4]) / os.sysconf("SC_CLK_TCK")


def handover_microseconds():
    """Return how long a core takes to overwrite 3.3 MB that another core has just written.

    As much as the parameters of a 784-500-20 model, which threads hand to each other in every step.
    It depends on whether the cores share a cache; on a virtual machine, whose cores the host moves
    about, it can change from one minute to the next. None if there is one core only.
    """
    if available_cores() < 2:
        return None
    data = np.zeros(824_000, np.float32)
    seconds = []

    def work(k):
        for turn in range(2_000):  # long enough for the system to put the threads on two cores
            if turn % 2 == k:
                started = time.perf_counter()
                data.fill(turn)
                seconds.append(time.perf_counter() - started)
            team.barrier(k)

    with Team(2) as team:
        team.run(work)
    return round(1e6 * statistics.median(seconds[-500:]), 1)


class Conditions:
    """What may disturb a measurement, from its creation on.

    Parameters
    ----------
    own : callable
        Returns the processor time that the benchmark itself has used so far.
    """

    def __init__(self, own=time.process_time):
        self._own = own
        self._handover = handover_microseconds()
        self._since = time.monotonic(), busy_seconds(), own()

    def report(self):
        """Return a dict for the JSON file.

        Mean number of cores that other programs kept busy (None if unknown), and the handover
        between cores, before and after.
        """
        started, busy, own = self._since
        others = None
        if busy is not None:
            others = (busy_seconds() - busy) - (self._own() - own)
            others = round(max(0.0, others) / (time.monotonic() - started), 2)
        handovers = [self._handover, handover_microseconds()]
        return {"others_used_cores": others, "core_handover_us": handovers}


def conditions_warning(report):
    """Return a warning if a report says that the figures are worth little, else None."""
    others, (before, after) = report["others_used_cores"], report["core_handover_us"]
    if others is not None and others >= _COMPANY:
        return f"warning: other programs used {others} cores meanwhile; the figures are provisional"
    if before is not None and max(before, after) > _MOVED * min(before, after):
        return (
            f"warning: handing 3.3 MB from core to core took {before:.0f} us before and "
            f"{after:.0f} us after; the host has moved the cores"
        )
    return None


def restart_without_pins():
    """Run this script again in a clean environment if one of `PINS` is set, and exit with it."""
    if any(name in os.environ for name in PINS):
        again = subprocess.run([sys.executable, *sys.argv], env=environment_without_pins())
        sys.exit(again.returncode)
