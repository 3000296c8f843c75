"""Where a training step's time goes, measured inside the step that `minivae.fit` runs.

The functions that a step calls are wrapped, for as long as a context lasts, in ones that add up the
time spent in them, thread by thread. About forty calls a step are timed, at a fifth of a
microsecond each. A wrapped function's time includes what it waits for the interpreter's lock when
it returns. What no function accounts for is Python between the calls, and copies that it makes.
"""

import contextlib
import threading
import time
from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import patch

import numpy as np
from products import NumpyWithMatmul, product_names

from minivae import kernels, layers, minibatches
from minivae.layers import ACTIVATIONS, Activation

PYTHON = "Python, copies between the calls"
WAITING = "waiting for the other threads"

# Label by kernel, in the order of a step.
_KERNELS = {
    "sample_posterior": "z and KL",
    "bernoulli": "likelihood and its gradient",
    "gaussian": "likelihood and its gradient",
    "sample_posterior_backward": "gradient of z and KL",
    "mix": "mixing the threads' gradients",
    "adagrad": "Adagrad",
}


class Stopwatch:
    """Seconds by thread and label."""

    def __init__(self):
        self._seconds = defaultdict(float)

    def timed(self, label, function):
        """Return `function`, wrapped; `label` is a str or is called to get one."""
        seconds, clock, thread = self._seconds, time.perf_counter, threading.get_ident
        name = label if callable(label) else lambda: label

        def wrapped(*args, **kwargs):
            started = clock()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[thread(), name()] += clock() - started

        return wrapped

    def reset(self):
        """Forget what was measured."""
        self._seconds.clear()

    def per_step(self, n_steps, n_threads):
        """Return the mean over threads of the seconds per step, by label."""
        totals = defaultdict(float)
        for (_, label), seconds in self._seconds.items():
            totals[label] += seconds / n_steps / n_threads
        return dict(totals)


def _labels_in_turn(labels):
    """Return a function that gives every thread the labels in turn, over and over."""
    calls = defaultdict(int)

    def label():
        thread = threading.get_ident()
        calls[thread] += 1
        return labels[(calls[thread] - 1) % len(labels)]

    return label


def timed_activation(stopwatch, activation, label):
    """Return an `Activation` whose functions are timed."""
    return Activation(
        activation.name,
        stopwatch.timed(label, activation.forward),
        stopwatch.timed(f"{label}, backward", activation.backward),
    )


@contextlib.contextmanager
def instrumented(stopwatch, loop):
    """Time the parts of the steps that `loop` takes within this context.

    Parameters
    ----------
    stopwatch : Stopwatch
    loop : MinibatchLoop
    """
    vae, team, rngs = loop.vae, loop.team, loop.state.rngs
    identity = timed_activation(stopwatch, ACTIVATIONS["identity"], "output bias")
    hidden = timed_activation(stopwatch, vae.activation, vae.activation.name)
    matmul = stopwatch.timed(_labels_in_turn(product_names(vae)), np.matmul)
    with contextlib.ExitStack() as patches:
        for name, label in _KERNELS.items():
            timed = stopwatch.timed(label, getattr(kernels, name))
            patches.enter_context(patch.object(kernels, name, timed))
        patches.enter_context(patch.object(layers, "np", NumpyWithMatmul(matmul)))
        gather = stopwatch.timed("gathering pixels", minibatches.gather)
        patches.enter_context(patch.object(minibatches, "gather", gather))
        barrier = stopwatch.timed(WAITING, team.barrier)
        patches.enter_context(patch.object(team, "barrier", barrier))
        for mlp in (vae.encoder, vae.decoder):
            timed_layers = [
                (W, b, identity if activation.name == "identity" else hidden)
                for W, b, activation in mlp.layers
            ]
            patches.enter_context(patch.dict(mlp.__dict__, layers=timed_layers))
        noise = [
            SimpleNamespace(standard_normal=stopwatch.timed("noise", rng.standard_normal))
            for rng in rngs
        ]
        patches.enter_context(patch.object(loop.state, "rngs", noise))
        yield
