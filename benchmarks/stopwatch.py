"""Where a training step's time goes, measured inside the step that `minivae.fit` runs.

The functions that a step calls are wrapped, where the model's files name them and for as long as a
context lasts, in ones that add up the time spent in them, thread by thread. About forty calls a
step are timed, at a fifth of a microsecond each. A wrapped function's time includes what it waits
for the interpreter's lock when it returns. What no function accounts for is Python between the
calls, and copies that it makes.
"""

import bisect
import contextlib
import dataclasses
import importlib
import threading
import time
from collections import defaultdict
from types import SimpleNamespace
from unittest.mock import patch

from products import products_of_step

from minivae.engine.mode import EQUATIONS
from minivae.training import minibatch_loop

PYTHON = "Python, copies between the calls"
WAITING = "waiting for the other threads"

# Label by kernel, in the order of a step.
_KERNELS = {
    "reparameterize": "z and KL",
    "bernoulli": "likelihood and its gradient",
    "gaussian": "likelihood and its gradient",
    "reparameterize_backward": "gradient of z and KL",
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
    params = loop.state.params
    grad = params.like(loop.lockstep.gradient)
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
    return dataclasses.replace(
        activation,
        forward=stopwatch.timed(label, activation.forward),
        backward=stopwatch.timed(f"{label}, backward", activation.backward),
    )


def _timed_layer(stopwatch, layer):
    """Return the layer with its activation's functions timed; a linear one as it is."""
    name = layer.activation.name
    if name == "identity":
        return layer
    activation = timed_activation(stopwatch, layer.activation, name)
    return dataclasses.replace(layer, activation=activation)


@contextlib.contextmanager
def instrumented(stopwatch, loop):
    """Time the parts of the steps that `loop` takes within this context.

    Parameters
    ----------
    stopwatch : Stopwatch
    loop : MinibatchLoop
    """
    vae, team, rngs = loop.vae, loop.lockstep.team, loop.state.rngs
    with contextlib.ExitStack() as patches:
        for name, label in {**_KERNELS, **_product_labels(loop)}.items():
            place = importlib.import_module(EQUATIONS[name].__module__)
            timed = stopwatch.timed(label, getattr(place, name))
            patches.enter_context(patch.object(place, name, timed))
        gather = stopwatch.timed("gathering pixels", minibatch_loop.gather)
        patches.enter_context(patch.object(minibatch_loop, "gather", gather))
        barrier = stopwatch.timed(WAITING, team.barrier)
        patches.enter_context(patch.object(team, "barrier", barrier))
        for network in (vae.encoder, vae.decoder):
            layers = tuple(_timed_layer(stopwatch, layer) for layer in network.layers)
            patches.enter_context(patch.dict(network.__dict__, layers=layers))
        noise = [
            SimpleNamespace(standard_normal=stopwatch.timed("noise", rng.standard_normal))
            for rng in rngs
        ]
        patches.enter_context(patch.object(loop.state, "rngs", noise))
        yield
