"""Algorithm 1: minibatch AEVB, from data to a trained model."""

import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.binarization import fixed_draw
from minivae.data_stream import NOISE, stream
from minivae.engine.team import Team
from minivae.estimators import SGVBB
from minivae.evaluation import bound_terms_with
from minivae.evaluation.chunks import worthwhile_threads
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.protocols import Estimator, Optimizer
from minivae.training.history import History
from minivae.training.loop import FitResult, Method, TrainingDiverged, train
from minivae.training.minibatch_loop import MinibatchLoop
from minivae.training.settings import (
    AEVBSettings,
    first_params,
    has_parts,
    optimizer_state,
    training_and_test,
    training_subset,
)
from minivae.training.state import TrainingState
from minivae.vae import VAE
from minivae.validation import check_batch_size, check_count


def fit(
    vae: VAE,
    data: Any,
    samples: int = 1_000_000,
    *,
    batch_size: int = 100,
    noise_samples: int = 1,
    optimizer: Optimizer | None = None,
    estimator: Estimator | None = None,
    weight_prior: bool = True,
    alternate: bool = False,
    binarize: bool = False,
    seed: int = 0,
    evaluate_every: int | Sequence[int] | None = 100_000,
    params: Params | None = None,
    threads: int | None = None,
    dtype: DTypeLike = np.float32,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 30.0,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Params, History], Any] | None = None,
) -> FitResult:
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
        Default ``Adagrad(0.02)``. With a step size that changes: `minivae.schedules.Scheduled`.
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
        datapoints (5,000 at most), or the numbers of samples seen at which to evaluate, and at the
        end; None: never.
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

    Examples
    --------
    >>> from minivae import load
    >>> vae, data = VAE(784, 2, hidden=(50,)), load("mnist")
    >>> params, history = fit(vae, data.train, 2000, evaluate_every=None, progress=False)
    >>> vae.encode(params, data.test[:3])[0].shape
    (3, 2)
    """
    optimizer = Adagrad() if optimizer is None else optimizer
    estimator = SGVBB() if estimator is None else estimator
    settings = AEVBSettings(
        optimizer=optimizer,
        estimator=estimator,
        batch_size=batch_size,
        noise_samples=noise_samples,
        weight_prior=weight_prior,
        alternate=alternate,
        binarize=binarize,
        seed=seed,
        evaluate_every=evaluate_every,
        dtype=dtype,
    )
    state = train(
        AEVB(vae, data, settings, params, threads),
        samples,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        progress=progress,
        callback=callback,
    )
    return FitResult(state.params, state.history)


class AEVB(Method):
    """Algorithm 1 as a method for `minivae.training.loop.train`; the steps are `MinibatchLoop`'s.

    Parameters
    ----------
    vae, data, params, threads
        As for `fit`.
    settings : AEVBSettings
    """

    def __init__(
        self,
        vae: VAE,
        data: Any,
        settings: AEVBSettings,
        params: Params | None = None,
        threads: int | None = None,
    ) -> None:
        self.vae, self.settings, self._start = vae, settings, params
        self.train, self.test = train, test = training_and_test(vae, data)
        check_batch_size(settings.batch_size, train)
        if settings.binarize and train.dtype != np.uint8 and (train.min() < 0 or train.max() > 1):
            raise ValueError("binarize is True, expected a data set with pixels in [0, 1]")
        for name, network in (("encoder", vae.encoder), ("decoder", vae.decoder)):
            if settings.alternate and not network.shapes:
                raise ValueError(f"alternate is True, but the {name} has no parameters to train")
        if not vae.param_shapes:
            raise ValueError("vae has no parameters to train")
        self.threads = threads
        if threads is not None:
            self.threads = min(check_count("threads", threads), settings.batch_size)
        self._evaluated = training_subset(train, test, settings.seed), test
        if settings.binarize:
            self._evaluated = (
                fixed_draw("data.train", self._evaluated[0], seed=0),
                None if test is None else fixed_draw("data.test", test, seed=1),
            )

    def begin(self) -> TrainingState:
        """Return the state before the first step."""
        settings, vae = self.settings, self.vae
        if self.threads is None:
            self.threads = worthwhile_threads(vae, settings.batch_size)
        params = first_params(vae, self._start, settings.seed, settings.dtype)
        rngs = [stream(settings.seed, NOISE, k) for k in range(self.threads)]
        moments = optimizer_state(settings.optimizer, params.vector)
        return TrainingState(params, moments, rngs, History(columns=self.columns))

    def open(self, state: TrainingState, team: Team) -> None:
        """Get ready for steps."""
        self._state = state
        self._loop = MinibatchLoop(self.vae, self.train, self.settings, state, team)

    def step(self, n_steps: int) -> list[float]:
        """Take some steps."""
        return self._loop.run(n_steps)

    def measure(self, team: Team) -> list[float]:
        """Return the bounds on a part of the training set and on the test set."""
        return [math.nan if x is None else self._bound(team, x) for x in self._evaluated]

    def _bound(self, team: Team, x: np.ndarray) -> float:
        settings = self.settings
        terms = bound_terms_with(
            team, self.vae, self._state.params, x, settings.noise_samples, settings.seed
        )
        return float(np.mean(terms[0] + terms[1]))


def choose_step_size(
    vae: VAE,
    data: Any,
    candidates: Sequence[float] = (0.01, 0.02, 0.1),
    *,
    samples: int = 20_000,
    **options: Any,
) -> tuple[float, dict[float, float]]:
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
    bounds: dict[float, float] = {}
    train = data.train if has_parts(data) else data
    if not np.iterable(candidates):
        raise ValueError(f"candidates is {candidates!r}, expected several step sizes")
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
    return max(bounds, key=lambda step_size: bounds[step_size]), bounds
