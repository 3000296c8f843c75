"""Where a training step's time goes, measured inside the step that `minivae.fit` runs.

The functions that a step calls are wrapped, for as long as a context lasts, in ones that add up the
time spent in them, thread by thread. About forty calls a step are timed, at a fifth of a
microsecond each. A wrapped function's time includes what it waits for the interpreter's lock when
it returns. What no function accounts for is Python between the calls, and copies that it makes.
"""

import bisect
import contextlib
import threading
import time
from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import patch

from products import products_of_step

from minivae import layers, minibatches
from minivae.engine import kernels
from minivae.layers import Activation

PYTHON = "Python, copies between the calls"
WAITING = "waiting for the other threads"

# Label by kernel, in the order of a step.
_KERNELS = {
    "sample_posterior": "z and KL",
    "bernoulli": "likelihood and its gradient",
    "gaussian": "likelihood and its gradient",
    "sample_posterior_backward": "gradient of z and KL",
    "column_sums": "gradient of biases",
    "adagrad": "Adagrad",
}


class Stopwatch:
    """Seconds by thread and label."""

    def __init__(self):
        self._seconds = defaultdict(float)

    def timed(self, label, function):
        """Return `function`, wrapped; `label` is a str, or gives one for the arguments."""
        seconds, clock, thread = self._seconds, time.perf_counter, threading.get_ident
        name = label if callable(label) else lambda *args: label

        def wrapped(*args, **kwargs):
            started = clock()
            try:
                return function(*args, **kwargs)
            finally:
                seconds[thread(), name(*args)] += clock() - started

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


def _product_labels(loop):
    """Return, by kind of product, a function that tells from its arguments which one it is."""
    names = {
        (product.kind, product.weights): product.name for product in products_of_step(loop.vae)
    }
    params, grad = loop.state.params, loop._grad
    weights = [name for name in params if params[name].ndim == 2]
    by_array = {id(params[name]): name for name in weights}
    starts = [_address(grad[name]) for name in weights]

    def with_weights(kind):
        return lambda left, W, *rest: names[kind, by_array[id(W)]]

    def gradient(x, da, dW, *rest):
        return names["matmul_tn", weights[bisect.bisect(starts, _address(dW)) - 1]]

    return {
        "affine": with_weights("affine"),
        "matmul_nt": with_weights("matmul_nt"),
        "matmul_tn": gradient,
    }


def _address(array):
    return array.__array_interface__["data"][0]


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
    hidden = timed_activation(stopwatch, vae.activation, vae.activation.name)
    with contextlib.ExitStack() as patches:
        for name, label in _KERNELS.items():
            timed = stopwatch.timed(label, getattr(kernels, name))
            patches.enter_context(patch.object(kernels, name, timed))
        for name, label in _product_labels(loop).items():
            timed = stopwatch.timed(label, getattr(layers, name))
            patches.enter_context(patch.object(layers, name, timed))
        gather = stopwatch.timed("gathering pixels", minibatches.gather)
        patches.enter_context(patch.object(minibatches, "gather", gather))
        barrier = stopwatch.timed(WAITING, team.barrier)
        patches.enter_context(patch.object(team, "barrier", barrier))
        for mlp in (vae.encoder, vae.decoder):
            timed_layers = [
                (W, b, activation if activation.name == "identity" else hidden)
                for W, b, activation in mlp.layers
            ]
            patches.enter_context(patch.dict(mlp.__dict__, layers=timed_layers))
        noise = [
            SimpleNamespace(standard_normal=stopwatch.timed("noise", rng.standard_normal))
            for rng in rngs
        ]
        patches.enter_context(patch.object(loop.state, "rngs", noise))
        yield
