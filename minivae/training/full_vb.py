"""Algorithm 2: training a VAE whose decoder has a distribution (app. F).

The model, its bound and the bound's gradient stand in `minivae.training.bayesian_decoder`.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import NOISE, Order, gather, stream
from minivae.engine.team import Team
from minivae.optimizers import Adam
from minivae.params import Params
from minivae.protocols import Optimizer
from minivae.training.bayesian_decoder import FullVB
from minivae.training.history import History
from minivae.training.loop import FitResult, Method, ascend, train
from minivae.training.settings import (
    Settings,
    first_params,
    optimizer_state,
    training_and_test,
    training_subset,
)
from minivae.training.state import TrainingState
from minivae.vae import VAE
from minivae.validation import check_batch_size, check_count, check_positive


def fit_full_vb(
    vae: VAE,
    data: Any,
    samples: int = 1_000_000,
    *,
    batch_size: int = 100,
    prior_std: float = 1.0,
    optimizer: Optimizer | None = None,
    seed: int = 0,
    evaluate_every: int | Sequence[int] | None = 100_000,
    draws: int = 10,
    params: Params | None = None,
    dtype: DTypeLike = np.float32,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 30.0,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Params, History], Any] | None = None,
) -> FitResult:
    """Fit phi and q(theta) by stochastic ascent of the bound on log p(X) (app. F, algorithm 2).

    Every step draws one eps per datapoint and one zeta. It all happens in one thread.

    Parameters
    ----------
    vae : VAE
    data : Dataset or (N, n_features) array
        As for `minivae.fit`.
    samples : int
        Training samples to see before it ends (rounded up to whole minibatches).
    batch_size : int
        M, datapoints per step.
    prior_std : float
        Standard deviation of p(theta).
    optimizer : Adagrad, SGD or Adam
        Default ``Adam(0.001)``.
    seed : int
        For the initial parameters, the order of the datapoints and all noise.
    evaluate_every : int, sequence of int, or None
        Samples between evaluations, or the numbers of samples seen at which to evaluate; there is
        one at the end, too. None: never.
    draws : int
        Draws of theta in an evaluation.
    params : Params, optional
        Where to start, instead of ``FullVB.init_params``; copied.
    dtype : dtype
        float32 or float64.
    checkpoint, checkpoint_every, resume
        As for `minivae.fit`. The model in the checkpoint is the VAE at the mean of theta.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.
    callback : callable, optional
        Called as ``callback(params, history)`` after every evaluation.

    Returns
    -------
    result : FitResult
        The parameters are those of ``FullVB(vae, N, prior_std)``. The history's bounds are those
        of `FullVB.mean_bound`; like those of `minivae.fit` they leave out what theta costs.

    Raises
    ------
    ValueError
        If an argument does not fit; always before training starts.
    TrainingDiverged
        If the bound becomes NaN or infinite.
    """
    settings = FullVBSettings(
        optimizer=Adam() if optimizer is None else optimizer,
        batch_size=batch_size,
        prior_std=prior_std,
        draws=draws,
        seed=seed,
        evaluate_every=evaluate_every,
        dtype=dtype,
    )
    state = train(
        FullVariationalBayes(vae, data, settings, params),
        samples,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        progress=progress,
        callback=callback,
    )
    return FitResult(state.params, state.history)


@dataclass(frozen=True, kw_only=True)
class FullVBSettings(Settings):
    """The settings of `fit_full_vb`; see there."""

    prior_std: float
    draws: int

    def __post_init__(self) -> None:
        super().__post_init__()
        self._set("prior_std", check_positive("prior_std", self.prior_std))
        self._set("draws", check_count("draws", self.draws))


class FullVariationalBayes(Method):
    """Algorithm 2 as a method for `minivae.training.loop.train`.

    Parameters
    ----------
    vae, data, params
        As for `fit_full_vb`.
    settings : FullVBSettings
    """

    def __init__(
        self, vae: VAE, data: Any, settings: FullVBSettings, params: Params | None = None
    ) -> None:
        self.vae, self.settings, self._start = vae, settings, params
        self.train, self.test = training_and_test(vae, data)
        check_batch_size(settings.batch_size, self.train)
        self.model = FullVB(vae, len(self.train), settings.prior_std)
        self._order = Order(len(self.train), settings.batch_size, settings.seed)
        subset = training_subset(self.train, self.test, settings.seed)
        self._evaluated = subset, self.test

    def model_params(self, params: Params) -> Params:
        """Return phi and the mean of theta: parameters for the VAE."""
        return self.model.draw(params)

    def begin(self) -> TrainingState:
        """Return the state before the first step."""
        settings = self.settings
        params = first_params(self.model, self._start, settings.seed, settings.dtype)
        rngs = [stream(settings.seed, NOISE, k) for k in range(2)]  # for eps and for zeta
        moments = optimizer_state(settings.optimizer, params.vector)
        return TrainingState(params, moments, rngs, History(columns=self.columns))

    def open(self, state: TrainingState, team: Team) -> None:
        """Get ready for steps."""
        self._state = state

    def step(self, n_steps: int) -> list[float]:
        """Take some steps."""
        return ascend(self._state, self.settings.optimizer, n_steps, self._bound_and_grad)

    def _bound_and_grad(self) -> tuple[float, np.ndarray]:
        """Of the next minibatch, with fresh noise."""
        state, rows = self._state, self._order.rows(self._state.step)
        x = np.empty((len(rows), self.vae.n_features), state.params.dtype)
        gather(self.train, rows, x)
        eps = np.empty((1, len(rows), self.vae.n_latent), x.dtype)
        self.vae.posterior.draw_noise(state.rngs[0], eps)
        zeta = state.rngs[1].standard_normal(self.model.n_theta, x.dtype)
        bound, grad = self.model.bound_and_grad(state.params, x, eps, zeta)
        return bound, grad.vector

    def measure(self, team: Team) -> list[float]:
        """Return the bounds of `FullVB.mean_bound` on both parts of the data."""
        settings, params = self.settings, self._state.params
        options = {"draws": settings.draws, "seed": settings.seed}
        return [
            math.nan if x is None else self.model.mean_bound(params, x, **options)
            for x in self._evaluated
        ]
