"""Training treats subnormal numbers as zero, and leaves no trace of that behind."""

import platform
import threading

import numpy as np
import pytest

from minivae import VAE, fit
from minivae.engine.mode import NUMPY_ONLY
from minivae.engine.subnormals import flushed_subnormals

X86 = platform.machine().lower() in ("x86_64", "amd64") and not NUMPY_ONLY  # which cannot flush
TINY = np.finfo(np.float32).tiny


def half_of_the_smallest_normal():
    """Computed anew on every call, by NumPy."""
    return (np.full(8, TINY) * np.float32(0.5))[0]


def test_flushed_inside_and_as_before_outside():
    assert half_of_the_smallest_normal() > 0
    with flushed_subnormals():
        inside = half_of_the_smallest_normal()
    assert inside == (0 if X86 else TINY / 2)
    assert half_of_the_smallest_normal() > 0


def test_put_back_after_an_error():
    with pytest.raises(ZeroDivisionError), flushed_subnormals():
        _ = 1 / 0
    assert half_of_the_smallest_normal() > 0


def test_threads_that_run_already_are_not_touched():
    results, go = [], threading.Event()

    def work():
        go.wait()
        results.append(half_of_the_smallest_normal())

    thread = threading.Thread(target=work)
    thread.start()
    with flushed_subnormals():
        go.set()
        thread.join()
    assert results[0] > 0


def test_weights_of_dead_pixels_do_not_become_subnormal():
    x = np.zeros((100, 6), np.uint8)
    x[:, :3] = np.random.default_rng(0).integers(0, 256, (100, 3))
    result = fit(VAE(6, 2, hidden=(8,)), x, 40_000, evaluate_every=None, progress=False)
    weights = np.abs(result.params["encoder.W1"])
    assert weights[3:].max() < 1e-20
    if X86:
        assert not np.any((weights > 0) & (weights < TINY))
    assert half_of_the_smallest_normal() > 0
