"""Which form of the library runs: kernels, or the NumPy lines that they stand for.

An equation is written in NumPy where it is read. Where that is too slow, the engine has a kernel of
the same name that computes the same, and `has_kernel` puts it in the place of the equation. With
``MINIVAE_ENGINE=numpy`` in the environment nothing is replaced, and Numba is not imported: the
lines that are read are the lines that run. So it is where Numba is told not to compile
(``NUMBA_DISABLE_JIT=1``): kernels do not run uncompiled.
"""

import importlib
import os
import platform
from collections.abc import Callable
from typing import TypeVar

F = TypeVar("F", bound=Callable)

ENGINES = ("kernels", "numpy")
_PLACES = (
    "minivae.engine.kernels",
    "minivae.engine.products",
    "minivae.engine.patches",
    "minivae.engine.sequences",
)


def _chosen() -> str:
    engine = os.environ.get("MINIVAE_ENGINE") or "kernels"
    if engine not in ENGINES:
        raise ValueError(f"MINIVAE_ENGINE is {engine!r}, expected one of {', '.join(ENGINES)}")
    return "numpy" if os.environ.get("NUMBA_DISABLE_JIT", "0").strip() not in ("", "0") else engine


NUMPY_ONLY = _chosen() == "numpy"
X86 = platform.machine().lower() in ("x86_64", "amd64")

EQUATIONS: dict[str, Callable] = {}
"""The NumPy form of every kernel, by name."""


def has_kernel(equation: F) -> F:
    """Decorate an equation whose kernel, the engine's function of that name, is to run instead."""
    name = equation.__name__
    EQUATIONS[name] = equation
    if NUMPY_ONLY:
        return equation
    for place in _PLACES:
        found = getattr(importlib.import_module(place), name, None)
        if found is not None:
            return found
    raise LookupError(f"the engine has no kernel {name!r}")


def compiled_for() -> str:
    """Say which CPU the kernels are compiled for."""
    if NUMPY_ONLY:
        return "not used: MINIVAE_ENGINE is numpy, or NUMBA_DISABLE_JIT is set"
    from llvmlite import binding
    from numba import config

    return f"compiles for {vars(config)['CPU_NAME'] or binding.get_host_cpu_name()}"
