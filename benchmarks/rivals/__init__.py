"""The programs that are compared, each behind the same few methods.

All maximise the same bound (eq. 10 of the paper) of the same model from the same parameters, over
the same minibatches in the same order, by the same Adagrad, in float32. Each draws its own noise.
"""

from importlib import import_module
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np


class Contender:
    """What a program must be able to do; subclasses say how.

    Parameters
    ----------
    problem : settings.Problem
    threads : int
        How many threads it may use.
    params : Params or dict of str to float32 array
        Where to start: "encoder.W1" (n_in, n_out), "encoder.b1" (n_out,), "encoder.W2", ...,
        "decoder.b2", as in `minivae.Params`. Copied.
    """

    def __init__(self, problem, threads, params):
        self.problem, self.setting, self.threads = problem, problem.setting, threads
        self.reset(params)

    @property
    def granularity(self):
        """`run` is at its best with multiples of this many steps; others may have to compile."""
        return 1

    def reset(self, params):
        """Go back to step 0 with these parameters and a fresh optimizer."""
        raise NotImplementedError

    def run(self, n_steps):
        """Take so many steps of training, and return when they are done.

        Returns
        -------
        bounds : (n_steps,) array
            The minibatch's mean bound in each step, in nats per datapoint.
        """
        raise NotImplementedError

    def params(self):
        """Return the parameters now, as a dict like the one it started from."""
        raise NotImplementedError

    def bound_and_gradient(self, x, noise):
        """Return the mean bound and its gradient, computed by the function that `run` uses.

        Parameters
        ----------
        x : (M, n_features) float32 array
        noise : (M, n_latent) float32 array

        Returns
        -------
        bound : float
        gradient : dict of str to array
        """
        raise NotImplementedError

    def close(self):
        """End threads, if any were started."""


class Entry(NamedTuple):
    """Where a contender is found, and what it needs.

    Attributes
    ----------
    module, name : str
        Of its class.
    packages : tuple of str
        What must be installed.
    thread_variables : tuple of str
        Environment variables that must hold its number of threads before it is imported.
    convolves : bool
        Whether it knows settings with convolutions.
    """

    module: str
    name: str
    packages: tuple
    thread_variables: tuple = ()
    convolves: bool = False


CONTENDERS = {
    "minivae": Entry("rivals.minivae_", "Minivae", ("minivae",), convolves=True),
    "numpy": Entry("rivals.numpy_textbook", "NumpyTextbook", ("numpy",)),
    "torch-eager": Entry("rivals.pytorch", "Eager", ("torch",), convolves=True),
    "torch-compile": Entry("rivals.pytorch", "Compiled", ("torch",), convolves=True),
    "jax-step": Entry("rivals.jax_", "JittedStep", ("jax", "jaxlib"), ("NPROC",)),
    "jax-scan": Entry("rivals.jax_", "ScannedEpoch", ("jax", "jaxlib"), ("NPROC",)),
}


def missing_packages(name):
    """Return the packages that a contender needs and that are not installed."""
    return [package for package in CONTENDERS[name].packages if find_spec(package) is None]


def contender_class(name):
    """Import and return the class of that name."""
    entry = CONTENDERS[name]
    return getattr(import_module(entry.module), entry.name)


def halves(q_params, n_latent):
    """Return mu and log_var, the halves of the encoder's output."""
    return q_params[:, :n_latent], q_params[:, n_latent:]


def as_float32(params):
    """Return a dict of float32 copies."""
    return {name: np.array(params[name], np.float32) for name in params}
