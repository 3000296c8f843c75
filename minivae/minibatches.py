"""The inner loop of algorithm 1: minibatch, noise, gradient, step; split over threads.

Thread k owns some rows of every minibatch: it draws their noise from a generator of its own and
carries them forward and backward through the model. It also owns some of the parameters: once all
rows are done, it computes their gradient over the whole minibatch, and moves them. So no gradients
need to be exchanged and added up, and the same seed and number of threads give the same bits.
Within a thread BLAS runs single-threaded.
"""

import itertools
import math
import threading
from itertools import pairwise

import numpy as np
from threadpoolctl import threadpool_limits

from minivae.engine import kernels
from minivae.engine.subnormals import flushed_subnormals
from minivae.estimators import SGVBB
from minivae.workspace import WorkspacePart

# Streams of random numbers that all come from one seed, and never meet.
INIT, ORDER, NOISE, EVALUATION, SUBSET = range(5)


def stream(seed, *key):
    """Return the random generator of that name; the same whenever it is asked for."""
    return np.random.default_rng(np.random.SeedSequence(seed, spawn_key=key))


def shares(n, size):
    """Cut range(n) into `size` slices of nearly equal length."""
    edges = [n * k // size for k in range(size + 1)]
    return [slice(start, stop) for start, stop in pairwise(edges)]


def minibatches(n, batch_size, seed):
    """Yield the datapoints of one minibatch after the other, without end: (batch_size,) indices.

    Whole minibatches, in a new order every epoch: those of `minivae.fit` with that seed.
    """
    for epoch in itertools.count():
        order = stream(seed, ORDER, epoch).permutation(n)
        yield from order[: n - n % batch_size].reshape(-1, batch_size)


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
    estimator : estimator
        Of `minivae.estimators`.
    alternate : bool
        Whether encoder and decoder take turns: odd steps move the one, even steps the other.
    binarize : bool
        Whether every fetched pixel is drawn as 0 or 1, with its value as the probability of 1.
    """

    def __init__(
        self,
        vae,
        train,
        optimizer,
        state,
        team,
        *,
        batch_size,
        noise_samples,
        decay,
        seed,
        estimator=SGVBB(),  # noqa: B008 (it is frozen)
        alternate=False,
        binarize=False,
    ):
        self.vae, self.train, self.optimizer, self.state = vae, train, optimizer, state
        self.team, self.batch_size, self.decay, self.seed = team, batch_size, decay, seed
        self.estimator, self.binarize = estimator, binarize
        self._rows = shares(batch_size, team.size)
        buffers, lock = {}, threading.Lock()
        self._workspaces = [WorkspacePart(buffers, lock, rows, batch_size) for rows in self._rows]
        dtype = state.params.dtype
        self._noise = [
            estimator.noise(vae, noise_samples, rows.stop - rows.start, dtype)
            for rows in self._rows
        ]
        self._x = [None] * team.size
        self._factors = [None] * team.size
        self._grad = state.params.copy()
        turns = [list(vae.encoder.shapes()), list(vae.decoder.shapes())] if alternate else [None]
        self._turns = [state.params.shares(team.size, names) for names in turns]
        # Slices are views: what a thread does to its part it does to the whole vector.
        self._vectors = [[self._views(share.part) for share in shares] for shares in self._turns]
        self._epoch = None
        self._order = None

    def _views(self, part):
        return (
            self.state.params.vector[part],
            self._grad.vector[part],
            {name: vector[part] for name, vector in self.state.optimizer_state.items()},
        )

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
                self.team.barrier(k)  # every thread has updated its share of the parameters
                bounds[i, k] = self._propagate(k)
                self.team.barrier(k)  # every thread has carried its rows forward and backward
                bound = sum(bounds[i].tolist())
                if not math.isfinite(bound):
                    return
                self._update(k, self.state.step + i)
                if k == 0:
                    self.estimator.remember(self.state.memory, bound)

    def _fetch(self, k, batch):
        """Thread k's rows of a minibatch, and noise for them."""
        rows = self._rows[k]
        start = batch * self.batch_size
        part = self._order[start + rows.start : start + rows.stop]
        # Others may still need these rows of the last minibatch, for the gradient of their share.
        shape, dtype = (len(part), self.vae.n_features), self.state.params.dtype
        self._x[k] = self._workspaces[k].empty(("x", batch % 2), shape, dtype)
        gather(self.train, part, self._x[k])
        rng = self.state.rngs[k]
        if self.binarize:
            draw_binary(self._x[k], rng)
        self.estimator.draw(self.vae, rng, self._noise[k])

    def _propagate(self, k):
        """Forward and backward pass of thread k's rows; their share of the minibatch's bound."""
        bound, self._factors[k] = self.estimator.propagate(
            self.vae,
            self.state.params,
            self._x[k],
            self._noise[k],
            self.batch_size,
            self._workspaces[k],
            self.state.memory,
        )
        return bound

    def _update(self, k, step):
        """Thread k's share of the parameters: their gradient, and one step of the optimizer."""
        round_, turn = divmod(step, len(self._turns))
        factors = self._factors[k].of_whole_minibatch()
        self.vae.gradient(factors, self._grad, self._turns[turn][k])
        theta, gradient, moments = self._vectors[turn][k]
        self.optimizer.update(theta, gradient, moments, round_ + 1, self.decay)


def draw_binary(x, rng):
    """Turn every pixel into 1 with its value as the probability, else into 0; in place."""
    np.less(rng.random(x.shape, x.dtype), x, out=x)


def gather(data, rows, out):
    """Copy `rows` of `data` to `out`; uint8 pixels are divided by 255."""
    if data.dtype == np.uint8:
        kernels.gather_pixels(data, rows, out)
    else:
        out[:] = data[rows]
