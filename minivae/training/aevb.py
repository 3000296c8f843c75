"""Algorithm 1: minibatch AEVB, from data to a trained model."""

import math
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np

from minivae.binarization import fixed_draw
from minivae.data_stream import SUBSET, stream
from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.team import Team, default_threads
from minivae.estimators import SGVBB
from minivae.evaluation import bound_terms_with
from minivae.layers import work
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.training.history import History
from minivae.training.interruption import InterruptionGuard
from minivae.training.minibatch_loop import MinibatchLoop
from minivae.training.progress import progress_bar
from minivae.training.settings import run_settings, training_and_test
from minivae.training.state import begin, restore, save
from minivae.validation import check_count, check_seconds

_CHUNK_SECONDS = 0.1  # of training between looks at the clock, the keyboard and the bound


class TrainingDiverged(ArithmeticError):
    """The bound is no longer a finite number; parameters and checkpoint are the last good ones."""


class FitResult(NamedTuple):
    """What `fit` returns.

    Attributes
    ----------
    params : Params
        The trained parameters.
    history : History
        Samples seen, train and test bound, seconds.
    """

    params: Params
    history: History


def fit(
    vae,
    data,
    samples=1_000_000,
    *,
    batch_size=100,
    noise_samples=1,
    optimizer=None,
    estimator=None,
    weight_prior=True,
    alternate=False,
    binarize=False,
    seed=0,
    evaluate_every=100_000,
    params=None,
    threads=None,
    dtype=np.float32,
    checkpoint=None,
    checkpoint_every=30.0,
    resume=False,
    progress=None,
    callback=None,
):
    """Train a VAE by algorithm 1.

    The same arguments, seed and thread count give the same bits.

    Parameters
    ----------
    vae : VAE
    data : Dataset or (N, n_features) array
        From `minivae.load`, or the training set alone: floats, or uint8 pixels, which stay uint8 in
        memory.
    samples : int
        Training samples to see before it ends (rounded up to whole minibatches).
    batch_size : int
        M, datapoints per step.
    noise_samples : int
        L, draws of z per datapoint.
    optimizer : Adagrad, SGD or Adam
        Default ``Adagrad(0.02)``.
    estimator : estimator, optional
        Of the bound's gradient, from `minivae.estimators`. Default ``SGVBB()``, the paper's
        estimator B.
    weight_prior : bool
        MAP with p(theta) = N(0, I) on all parameters, as in the paper; else maximum likelihood.
    alternate : bool
        Whether encoder and decoder take turns: every other step moves only the one or the other.
    binarize : bool
        Dynamic binarisation: whenever a pixel in [0, 1] is fetched, it is drawn as 0 or 1 with its
        value as the probability of 1. Evaluations use one fixed draw.
    seed : int
        For the initial parameters, the order of the datapoints and all noise.
    evaluate_every : int, sequence of int, or None
        Samples between evaluations of the bound on the test set and on as many training
        datapoints, or the numbers of samples seen at which to evaluate; None: never.
    params : Params, optional
        Where to start, instead of ``vae.init_params``; copied.
    threads : int, optional
        Parts that a minibatch is split into, each with a thread. Default: the cores available, or
        fewer for small models.
    dtype : dtype
        float32 or float64.
    checkpoint : path, optional
        A file to save to, at the start, after every evaluation, every `checkpoint_every` seconds,
        at the end, and when interrupted by Ctrl-C or SIGTERM.
    checkpoint_every : float
        Seconds; more than zero, and infinite for never.
    resume : bool
        Go on from the file `checkpoint`. The other arguments must be what they were, `samples`
        alone may grow. The result is what it would have been without the interruption.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.
    callback : callable, optional
        Called as ``callback(params, history)`` after every evaluation.

    Returns
    -------
    result : FitResult

    Raises
    ------
    ValueError
        If an argument does not fit; always before training starts.
    TrainingDiverged
        If the bound becomes NaN or infinite. The checkpoint is the last good one.
    Interrupted
        A KeyboardInterrupt, raised after the step under way and a checkpoint.
    OSError
        If the checkpoint cannot be written; an earlier one is untouched.
    """
    train, test = training_and_test(vae, data)
    optimizer = Adagrad() if optimizer is None else optimizer
    estimator = SGVBB() if estimator is None else estimator
    settings = run_settings(
        optimizer=optimizer,
        estimator=estimator,
        batch_size=batch_size,
        noise_samples=noise_samples,
        weight_prior=weight_prior,
        alternate=alternate,
        binarize=binarize,
        seed=seed,
        evaluate_every=evaluate_every,
        threads=threads,
        dtype=dtype,
        train=train,
        test=test,
    )
    check_seconds("checkpoint_every", checkpoint_every)
    samples = check_count("samples", samples)
    if resume:
        if checkpoint is None:
            raise ValueError("resume is True, expected a checkpoint to resume from")
        state = restore(checkpoint, vae, settings)
    else:
        settings["threads"] = settings["threads"] or default_threads(
            work(vae.encoder) + work(vae.decoder), settings["batch_size"]
        )
        state = begin(vae, optimizer, params, settings)
    training = _Training(vae, train, test, optimizer, estimator, state, settings, checkpoint)
    with progress_bar(samples, progress, state.step * settings["batch_size"]) as bar:
        training.run(samples, checkpoint_every, bar, callback)
    return FitResult(state.params, state.history)


class _Training:
    """A run of `fit`: steps, and between them evaluations and checkpoints."""

    def __init__(self, vae, train, test, optimizer, estimator, state, settings, checkpoint):
        self.vae, self.train, self.test = vae, train, test
        self.optimizer, self.estimator = optimizer, estimator
        self.state, self.settings = state, settings
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self._saved_at = -math.inf
        self._saved_step = None
        n_subset = min(len(train), len(test) if test is not None else 10_000)
        subset = stream(settings["seed"], SUBSET).permutation(len(train))[:n_subset]
        self._train_subset = train[np.sort(subset)]
        if settings["binarize"]:
            self._train_subset = fixed_draw("data.train", self._train_subset, seed=0)
            self.test = None if test is None else fixed_draw("data.test", test, seed=1)

    def run(self, samples, checkpoint_every, bar, callback):
        """Train until that many samples have been seen."""
        state = self.state
        last_step = math.ceil(samples / self.settings["batch_size"])
        with InterruptionGuard() as guard, blas_single_threaded(), self._team() as team:
            loop = self._loop(team)  # which may refuse the settings
            if state.step == 0:
                self._save()
            n_steps = 1
            while state.step < last_step:
                due = min(last_step, self._next_evaluation())
                n_steps = self._advance(loop, min(n_steps, due - state.step), bar)
                if state.step == due and self.settings["evaluate_every"] is not None:
                    self._evaluate(team, bar)
                    self._save()
                    if callback is not None:
                        callback(state.params, state.history)
                elif time.monotonic() - self._saved_at > checkpoint_every:
                    self._save()
                if guard.signum:
                    self._save()
                    guard.check()
            self._save()

    def _team(self):
        return Team(self.settings["threads"])

    def _loop(self, team):
        settings = self.settings
        return MinibatchLoop(
            self.vae,
            self.train,
            self.optimizer,
            self.state,
            team,
            batch_size=settings["batch_size"],
            noise_samples=settings["noise_samples"],
            decay=1 / len(self.train) if settings["weight_prior"] else 0.0,
            seed=settings["seed"],
            estimator=self.estimator,
            alternate=settings["alternate"],
            binarize=settings["binarize"],
        )

    def _next_evaluation(self):
        """The step after which the next evaluation is due."""
        schedule, batch_size = self.settings["evaluate_every"], self.settings["batch_size"]
        if schedule is None:
            return math.inf
        if isinstance(schedule, list):
            steps = (math.ceil(samples / batch_size) for samples in schedule)
            return min((step for step in steps if step > self.state.step), default=math.inf)
        every = math.ceil(schedule / batch_size)
        return (self.state.step // every + 1) * every

    def _advance(self, loop, n_steps, bar):
        """Take some steps and return how many would take `_CHUNK_SECONDS`."""
        state, batch_size = self.state, self.settings["batch_size"]
        started = time.perf_counter()
        before = state.step
        bounds = loop.run(n_steps)
        elapsed = time.perf_counter() - started
        state.seconds += elapsed
        taken = state.step - before
        if taken < len(bounds):
            self._diverged(f"minibatch bound became {bounds[-1]}")
        bar.update(min(taken * batch_size, bar.total - bar.n))
        bar.set_postfix_str(self._postfix(float(np.mean(bounds))), refresh=False)
        return max(1, int(_CHUNK_SECONDS * taken / elapsed))

    def _postfix(self, bound):
        test = self.state.history.test_bound
        return f"train {bound:.1f}" + (f", test {test[-1]:.1f}" if test else "")

    def _evaluate(self, team, bar):
        state, settings = self.state, self.settings
        bounds = []
        for x in (self._train_subset, self.test):
            if x is None:
                bounds.append(math.nan)
                continue
            terms = bound_terms_with(
                team, self.vae, state.params, x, settings["noise_samples"], settings["seed"]
            )
            bounds.append(float(np.mean(terms[0] + terms[1])))
            if not math.isfinite(bounds[-1]):
                self._diverged(f"evaluated bound became {bounds[-1]}")
        state.history.append(state.step * settings["batch_size"], *bounds, state.seconds)

    def _diverged(self, what):
        seen = self.state.step * self.settings["batch_size"]
        advice = f"try a step size below {self.optimizer.step_size:g}"
        kept = "" if self.checkpoint is None else f"; {self.checkpoint} is the last good checkpoint"
        raise TrainingDiverged(f"the {what} after {seen:,} samples: {advice}{kept}")

    def _save(self):
        """Write the checkpoint, if there is to be one, unless the parameters are no longer good."""
        if self.checkpoint is None or self._saved_step == self.state.step:
            return
        if not np.all(np.isfinite(self.state.params.vector)):
            self._diverged("parameters became NaN or infinite")
        save(self.checkpoint, self.vae, self.settings, self.state)
        self._saved_at = time.monotonic()
        self._saved_step = self.state.step


def choose_step_size(vae, data, candidates=(0.01, 0.02, 0.1), *, samples=20_000, **options):
    """Choose Adagrad's step size as the paper does: by a short trial on the training set.

    Parameters
    ----------
    vae : VAE
    data : Dataset or array
    candidates : sequence of float
    samples : int
        The length of each trial.
    **options
        Further arguments of `fit`.

    Returns
    -------
    step_size : float
        The candidate with the highest training bound at the end of its trial.
    bounds : dict of float to float
        That bound for every candidate, -inf where the trial diverged.
    """
    bounds = {}
    train = getattr(data, "train", data)
    if not len(candidates):
        raise ValueError("candidates is empty, expected at least one step size")
    for step_size in candidates:
        try:
            result = fit(
                vae,
                train,
                samples,
                optimizer=Adagrad(step_size),
                evaluate_every=samples,
                progress=False,
                **options,
            )
            bounds[step_size] = result.history.train_bound[-1]
        except TrainingDiverged:
            bounds[step_size] = -math.inf
    return max(bounds, key=bounds.get), bounds
