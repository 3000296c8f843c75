"""Monte Carlo EM with Hamiltonian Monte Carlo (app. E): the paper's rival without an encoder.

log p(x) is climbed by the identity d/dtheta log p(x) = E_p(z|x)[d/dtheta log p(x, z)]. One chain is
kept for every training datapoint, and each minibatch is visited in two steps:

- **E-step**: the chains of these datapoints move on by one HMC transition of 10 leapfrog steps in
  p(z|x), whose step size is tuned on line to an acceptance of 90 %;
- **M-step**: 5 steps of the optimizer on theta, along the gradient of the minibatch's mean of
  log p(x, z) at the acquired z, with the weight prior of `minivae.fit`.

No recognition model is learned. But a chain moves only when its datapoint is visited: with much
data it is seldom, and with data that come once, never again. So one cannot learn on line.
"""

import itertools
import math
import time
from typing import NamedTuple

import numpy as np

from minivae.data_stream import (
    INIT,
    NOISE,
    gather,
    minibatches,
    stream,
)
from minivae.engine.arena import Arena
from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.subnormals import flushed_subnormals
from minivae.evaluation.hmc import HMC, begin, check_hmc, draw_noise
from minivae.evaluation.joint import decoder_params, forward_backward_theta, unnormalized_posterior
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.parts import sum_up
from minivae.training import TrainingDiverged
from minivae.training.progress import progress_bar
from minivae.training.settings import check_optimizer, first_params
from minivae.validation import check_batch_size, check_count, check_dtype


class Record(NamedTuple):
    """One entry of the history.

    Attributes
    ----------
    samples : int
        Training samples seen so far: every visit to a datapoint counts once.
    log_joint : float
        Mean of log p(x, z) after each E-step since the entry before, in nats per datapoint.
    acceptance : float
        Mean acceptance probability of the same E-steps.
    step_size : float
        Of HMC, at the end.
    seconds : float
        Time spent so far, callbacks left out.
    """

    samples: int
    log_joint: float
    acceptance: float
    step_size: float
    seconds: float


class MCEMResult(NamedTuple):
    """What `fit_mcem` returns.

    Attributes
    ----------
    params : Params
        The decoder's part is trained; the encoder's is as it was.
    history : list of Record
    z : (N, J) array
        Where the chains of the training datapoints ended.
    """

    params: Params
    history: list
    z: np.ndarray


def fit_mcem(
    vae,
    data,
    samples,
    *,
    batch_size=100,
    optimizer=None,
    weight_prior=True,
    seed=0,
    hmc=None,
    m_steps=5,
    evaluate_every=100_000,
    params=None,
    dtype=np.float32,
    progress=None,
    callback=None,
):
    """Train a VAE's decoder by Monte Carlo EM.

    In one thread. The same arguments and seed give the same bits.

    Parameters
    ----------
    vae : VAE
    data : Dataset or (N, n_features) array
        As for `minivae.fit`; a test set is not looked at.
    samples : int
        Training samples to see before it ends (rounded up to whole minibatches).
    batch_size : int
        M, datapoints per E-step.
    optimizer : Adagrad, SGD or Adam
        Default ``Adagrad(0.02)``.
    weight_prior : bool
        MAP with p(theta) = N(0, I), as in `minivae.fit`; else maximum likelihood.
    seed : int
        For the initial parameters and chains, the order of the datapoints, and all noise.
    hmc : HMC, optional
        Default ``HMC(n_leapfrog=10)``.
    m_steps : int
        Steps of the optimizer per minibatch.
    evaluate_every : int, sequence of int, or None
        Samples between entries of the history, or the numbers of samples seen at which to add one;
        there is one at the end, too. None: never.
    params : Params, optional
        Where to start, instead of ``vae.init_params``; copied.
    dtype : dtype
        float32 or float64.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.
    callback : callable, optional
        Called as ``callback(params, samples_seen, seconds)`` with every entry of the history.

    Returns
    -------
    result : MCEMResult

    Raises
    ------
    ValueError
        If an argument does not fit; always before training starts.
    TrainingDiverged
        If the parameters become NaN or infinite.
    """
    train = vae.check_data("data", getattr(data, "train", data))
    samples = check_count("samples", samples)
    batch_size = check_batch_size(batch_size, train)
    seed = check_count("seed", seed, minimum=0)
    m_steps = check_count("m_steps", m_steps)
    n_visits = math.ceil(samples / batch_size)
    due = _visits_due(evaluate_every, n_visits, batch_size)
    optimizer = Adagrad() if optimizer is None else optimizer
    check_optimizer(optimizer)
    hmc = check_hmc(HMC(n_leapfrog=10) if hmc is None else hmc)
    params = first_params(vae, params, seed, check_dtype(dtype))
    decay = 1 / len(train) if weight_prior else 0.0
    em = _EM(vae, train, params, hmc, optimizer, m_steps, decay, seed)
    with progress_bar(samples, progress) as bar:
        history = em.run(n_visits, batch_size, due, bar, callback)
    return MCEMResult(params, history, em.z)


def e_step(vae, params, x, z, hmc, step, noise):
    """Move the chains of a minibatch by one transition, and tune the step size.

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (M, n_features) array
    z : (M, J) array
    hmc : HMC
    step : float
        One for all chains: each is visited too seldom to tune its own.
    noise : Noise

    Returns
    -------
    z : (M, J) array
    step : float
        For the next E-step.
    log_joint : float
        Mean of log p(x, z), in nats.
    acceptance : float
        Mean probability of acceptance.
    """
    target = unnormalized_posterior(vae, params, x)
    chains, acceptance = hmc.transition(target, begin(target, z), step, noise)
    step = float(hmc.tune(step, acceptance))
    return chains.z, step, float(chains.log_p.mean(dtype=np.float64)), float(acceptance.mean())


class _EM:
    """A run of `fit_mcem`: the model, the chains, and what changes from minibatch to minibatch."""

    def __init__(self, vae, train, params, hmc, optimizer, m_steps, decay, seed):
        self.vae, self.train, self.params, self.hmc = vae, train, params, hmc
        self.optimizer, self.m_steps, self.decay, self.seed = optimizer, m_steps, decay, seed
        shape = (len(train), vae.n_latent)
        self.z = stream(seed, INIT, 1).standard_normal(shape, params.dtype)
        self.step_size = hmc.step_size
        self._theta = decoder_params(vae, params)
        self._moments = optimizer.init(self._theta.vector)
        self._updates = 0
        self._noise_rng = stream(seed, NOISE)
        self._arena = Arena()

    def run(self, n_visits, batch_size, due, bar, callback):
        """Visit that many minibatches; return the history, with entries where they are due."""
        history, seconds, recent = [], 0.0, []
        with blas_single_threaded():
            visits = itertools.islice(minibatches(len(self.train), batch_size, self.seed), n_visits)
            for visit, rows in enumerate(visits, 1):
                started = time.perf_counter()
                recent.append(self._visit(rows, (visit - 1) * batch_size))
                seconds += time.perf_counter() - started
                bar.update(min(batch_size, bar.total - bar.n))
                bar.set_postfix_str(f"log p(x, z) {recent[-1][0]:.1f}", refresh=False)
                if visit in due:
                    seen = visit * batch_size
                    history.append(Record(seen, *_means(recent), self.step_size, seconds))
                    recent = []
                    if callback is not None:
                        callback(self.params, seen, seconds)
        return history

    def _visit(self, rows, seen):
        """One E-step and its M-steps; return mean log p(x, z) and the acceptance."""
        x = np.empty((len(rows), self.vae.n_features), self.params.dtype)
        gather(self.train, rows, x)
        noise = draw_noise(self._noise_rng, (len(rows), self.vae.n_latent), self.params.dtype)
        # A diverging run is reported once, below, and not as NumPy warnings as well.
        with np.errstate(all="ignore"), flushed_subnormals():
            z, self.step_size, *means = e_step(
                self.vae,
                self.params,
                x,
                self.z[rows],
                self.hmc,
                self.step_size,
                noise,
            )
            for _ in range(self.m_steps):
                self._m_step(x, z)
        self.z[rows] = z
        if not np.all(np.isfinite(self._theta.vector)):
            self._diverged(seen)
        return means

    def _m_step(self, x, z):
        new = self._arena.again()
        _, parts = forward_backward_theta(self.vae, self.params, x, z[None], new)
        grad = sum_up(parts, self._theta)
        self._updates += 1
        theta = self._theta.vector
        self.optimizer.update(theta, grad.vector, self._moments, self._updates, self.decay)

    def _diverged(self, seen):
        raise TrainingDiverged(
            f"the parameters became NaN or infinite after {seen:,} samples: "
            f"try a step size below {self.optimizer.step_size:g}"
        )


def _visits_due(evaluate_every, n_visits, batch_size):
    """Return the visits after which the history gets an entry."""
    if evaluate_every is None:
        return set()
    if np.ndim(evaluate_every) == 0:
        every = math.ceil(check_count("evaluate_every", evaluate_every) / batch_size)
        return {*range(every, n_visits, every), n_visits}
    counts = [check_count("evaluate_every", samples) for samples in evaluate_every]
    return {*(math.ceil(samples / batch_size) for samples in counts), n_visits}


def _means(pairs):
    """Return the means of the first and of the second entries, as floats."""
    return np.mean(pairs, axis=0).tolist()
