"""The inner loop of algorithm 1: minibatch, noise, gradient, step; split over threads.

Thread k owns a fixed share of the rows of every minibatch and a fixed slice of the parameter
vector, and draws its rows' noise from a generator of its own. So the same seed and the same number
of threads give the same bits. Within a thread BLAS runs single-threaded.
"""

import math
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from minivae import kernels
from minivae.subnormals import flushed_subnormals
from minivae.workspace import Workspace

# Streams of random numbers that all come from one seed, and never meet.
INIT, ORDER, NOISE, EVALUATION, SUBSET = range(5)


def stream(seed, *key):
    """Return the random generator of that name; the same whenever it is asked for."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def shares(n, size):
    """Cut range(n) into `size` slices of nearly equal length."""
    edges = [n * k // size for k in range(size + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def blas_single_threaded():
    """Context manager: BLAS uses one thread, and afterwards as many as before."""
    return threadpool_limits(1, user_api="blas")


class MinibatchLoop:
    """Runs training steps on a `TrainingState`, which it changes in place.

    Parameters
    ----------
    vae : VAE
    train : (N, D) array
        uint8 pixels or floats of the parameters' dtype.
    optimizer : optimizer
    state : TrainingState
        Its ``rngs`` has one generator per thread, for the noise.
    team : Team
        As many threads as ``state.rngs``.
    batch_size, noise_samples : int
        M and L.
    decay : float
        Precision of the weight prior per datapoint, 1 / N, or 0 for none.
    seed : int
        For the order of the datapoints.
    """

    def __init__(
        self, vae, train, optimizer, state, team, *, batch_size, noise_samples, decay, seed
    ):
        self.vae, self.train, self.optimizer, self.state = vae, train, optimizer, state
        self.team, self.batch_size, self.decay, self.seed = team, batch_size, decay, seed
        theta = state.params.vector
        self._rows = shares(batch_size, team.size)
        self._grads = [None] * team.size
        self._workspaces = [Workspace() for _ in range(team.size)]
        self._x = []
        self._noise = []
        for part in self._rows:
            n = part.stop - part.start
            self._x.append(np.empty((n, vae.n_features), theta.dtype))
            self._noise.append(np.empty((noise_samples, n, vae.n_latent), theta.dtype))
        # Slices are views: what a thread does to its slice it does to the whole vector.
        self._slices = shares(theta.size, team.size)
        self._theta = [theta[part] for part in self._slices]
        self._optimizer_state = [
            {name: vector[part] for name, vector in state.optimizer_state.items()}
            for part in self._slices
        ]
        self._epoch = None
        self._order = None

    @property
    def steps_per_epoch(self):
        """Whole minibatches in the training set; the few datapoints left over change by epoch."""
        return len(self.train) // self.batch_size

    def run(self, n_steps):
        """Take up to `n_steps` steps, not past the end of the epoch.

        Returns
        -------
        bounds : list of float
            The minibatch bound of each step taken, in nats per datapoint. If the last one is not
            finite, that step was not taken: parameters are as after the one before.
        """
        epoch, first = divmod(self.state.step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._order = stream(self.seed, ORDER, epoch).permutation(len(self.train))
            self._epoch = epoch
        n_steps = min(n_steps, self.steps_per_epoch - first)
        bounds = np.full((n_steps, self.team.size), np.nan)
        self.team.run(lambda k: self._work(k, first, bounds))
        totals = bounds.sum(axis=1)
        taken = int(np.isfinite(totals).cumprod().sum())
        self.state.step += taken
        return totals[: taken + 1].tolist()

    def _work(self, k, first, bounds):
        # A diverging bound is reported once, by the caller, and not as a NumPy warning as well.
        with np.errstate(all="ignore"), flushed_subnormals():
            for i in range(len(bounds)):
                self._fetch(k, first + i)
                self.team.barrier(k)  # every thread has updated its slice of the parameters
                bounds[i, k] = self._gradient(k)
                self.team.barrier(k)  # every thread has its part of the gradient
                if not math.isfinite(bounds[i].sum()):
                    return
                self._update(k, self.state.step + i + 1)

    def _fetch(self, k, batch):
        """Thread k's rows of a minibatch, and noise for them."""
        part = self._rows[k]
        start = batch * self.batch_size
        gather(self.train, self._order[start + part.start : start + part.stop], self._x[k])
        noise = self._noise[k]
        self.state.rngs[k].standard_normal(out=noise, dtype=noise.dtype)

    def _gradient(self, k):
        """Gradient of thread k's rows, and their share of the minibatch's mean bound."""
        x = self._x[k]
        elbo, self._grads[k] = self.vae.elbo_and_grad(
            self.state.params, x, self._noise[k], self._workspaces[k]
        )
        return elbo * len(x) / self.batch_size

    def _update(self, k, t):
        """Thread k's slice: the mean gradient over all parts, and one step of the optimizer."""
        part = self._slices[k]
        real = self._theta[k].dtype.type
        weights = [real(len(x) / self.batch_size) for x in self._x]
        gradient = self._grads[0].vector[part]
        for j in range(1, self.team.size):
            own = weights[0] if j == 1 else real(1)
            kernels.mix(gradient, own, self._grads[j].vector[part], weights[j])
        self.optimizer.update(self._theta[k], gradient, self._optimizer_state[k], t, self.decay)


def gather(data, rows, out):
    """Copy `rows` of `data` to `out`; uint8 pixels are divided by 255."""
    if data.dtype == np.uint8:
        kernels.gather_pixels(data, rows, out)
    else:
        out[:] = data[rows]
