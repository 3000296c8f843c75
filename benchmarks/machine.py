"""What the figures were measured on: processor, BLAS and versions; never host names or paths."""

import os
import platform
import subprocess
import sys
from importlib import metadata

from minivae.system import PINS, blas_pools, cpu_name
from minivae.team import available_cores

# PINS bind NumPy's products (and so minivae's), while PyTorch and JAX bring their own: left set,
# they would compare kernels made for different processors.

_PACKAGES = ("minivae", "numpy", "scipy", "numba", "torch", "jax", "jaxlib")
_BUSY = 0.5  # load average from which other programs matter


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
    """Return one dict per BLAS that this process has loaded: name, version, kernels."""
    return [
        {
            "library": library["internal_api"],
            "version": library.get("version"),
            "kernels": library.get("architecture"),
            "threading": library.get("threading_layer"),
        }
        for library in blas_pools()
    ]


def headline(description, libraries):
    """Return one line for a table's head or a picture's foot."""
    kernels = ", ".join(
        f"{library['library']} {library['version']} ({library['kernels']})" for library in libraries
    )
    return f"{description['cpu']}, {description['cores']} cores; BLAS: {kernels}"


def busy_warning(description):
    """Return a warning if other programs kept the processor busy before the start, else None."""
    load = description["load_average"]
    if load is None or load < _BUSY:
        return None
    return f"warning: load average {load} before the start; the figures are provisional"


def restart_without_pins():
    """Run this script again in a clean environment if one of `PINS` is set, and exit with it."""
    if any(name in os.environ for name in PINS):
        again = subprocess.run([sys.executable, *sys.argv], env=environment_without_pins())
        sys.exit(again.returncode)
