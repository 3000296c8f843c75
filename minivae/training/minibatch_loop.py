"""The inner loop of algorithm 1: minibatch, noise, gradient, step.

For one thread, all of it is

    for t in range(n_steps):
        x = train[order.rows(t)]  # X^M, a random minibatch
        eps = rng.standard_normal((L, len(x), vae.n_latent))  # noise from p(eps)
        bound, grad = vae.elbo_and_grad(params, x, eps)  # eq. 10 and its gradient
        optimizer.update(params.vector, grad.vector, moments, t + 1, decay=1 / len(train))

(The tests run these lines, and compare with `fit`.) `MinibatchLoop` cuts them where threads part
and meet: each thread fetches its rows of the minibatch, carries them forward and backward, and
moves its share of the parameters (`minivae.engine.lockstep`).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minivae.data_stream import Order, draw_binary, gather
from minivae.engine.lockstep import Lockstep
from minivae.engine.team import Team
from minivae.estimators.base import check_posterior
from minivae.protocols import New, Part
from minivae.training.settings import AEVBSettings
from minivae.training.state import TrainingState
from minivae.vae import VAE


class MinibatchLoop:
    """Runs training steps on a `TrainingState`, which it changes in place.

    Parameters
    ----------
    vae : VAE
    train : (N, D) array
        uint8 pixels or floats of the parameters' dtype.
    settings : AEVBSettings
    state : TrainingState
        Its ``rngs`` has one generator per thread, for the noise.
    team : Team
        As many threads as ``state.rngs``.
    """

    def __init__(
        self,
        vae: VAE,
        train: np.ndarray,
        settings: AEVBSettings,
        state: TrainingState,
        team: Team,
    ) -> None:
        self.vae, self.train, self.settings, self.state = vae, train, settings, state
        self._decay = 1 / len(train) if settings.weight_prior else 0.0  # p(theta) = N(0, I)
        # Encoder and decoder may take turns: odd steps move the one, even steps the other.
        halves = [list(vae.encoder.shapes), list(vae.decoder.shapes)]
        self._turns = halves if settings.alternate else [halves[0] + halves[1]]
        params = state.params
        self.lockstep = Lockstep(
            team, settings.batch_size, params.shapes, params.dtype, self._turns
        )
        # Settings that the estimator cannot do with are refused before training starts.
        check_posterior(settings.estimator, vae)
        L, rng = settings.noise_samples, np.random.default_rng(0)
        settings.estimator.draw_noise(vae, rng, L, 1, params.dtype)
        self._order = Order(len(train), settings.batch_size, settings.seed)
        self._views: dict[int, tuple[np.ndarray, Any, Any]] = {}  # of pieces

    @property
    def steps_per_epoch(self) -> int:
        """Whole minibatches in the training set."""
        return self._order.steps_per_epoch

    def run(self, n_steps: int) -> list[float]:
        """Take up to `n_steps` steps, not past the end of the epoch.

        Returns
        -------
        bounds : list of float
            The minibatch bound of each step taken, in nats per datapoint. If the last one is not
            finite, that step was not taken: parameters are as after the one before.
        """
        step = self.state.step
        self._order.rows(step)  # draws the epoch's order once, before threads ask for it
        n_steps = min(n_steps, self.steps_per_epoch - step % self.steps_per_epoch)
        bounds = self.lockstep.run(
            step, n_steps, self._fetch, self._forward_backward, self._update, self._finish
        )
        self.state.step += int(np.isfinite(bounds).sum())
        return bounds

    def _fetch(self, k: int, step: int, new: New) -> tuple[np.ndarray, Any]:
        """Thread k's rows of a minibatch, and noise for them."""
        rows, rng = self.lockstep.rows[k], self.state.rngs[k]
        chosen = self._order.rows(step)[rows]
        settings, dtype = self.settings, self.state.params.dtype
        x = new((len(chosen), self.vae.n_features), dtype)
        gather(self.train, chosen, x)
        if settings.binarize:
            draw_binary(x, rng)
        L = settings.noise_samples
        noise = settings.estimator.draw_noise(self.vae, rng, L, len(x), dtype, new)
        return x, noise

    def _forward_backward(
        self, k: int, fetched: tuple[np.ndarray, Any], new: New
    ) -> tuple[float, Mapping[str, Part]]:
        """Thread k's share of the minibatch's bound, and what its gradient is made of."""
        x, noise = fetched
        M, state = self.settings.batch_size, self.state
        return self.settings.estimator.forward_backward(
            self.vae, state.params, x, noise, M, state.numbers, new
        )

    def _update(self, step: int, piece: slice, gradient: np.ndarray) -> None:
        """One step of the optimizer for some of the parameters, along their gradient."""
        state, settings = self.state, self.settings
        if piece.start not in self._views:
            # What is done to a view is done to the vector.
            moments = {name: vector[piece] for name, vector in state.optimizer_state.items()}
            self._views[piece.start] = state.params.vector[piece], moments, dict(moments)
        theta, moments, views = self._views[piece.start]
        t = step // len(self._turns) + 1
        settings.optimizer.update(theta, gradient, moments, t, self._decay)
        for name, view in views.items():
            if moments.get(name) is not view:  # which a checkpoint would not hold
                raise ValueError(
                    f"optimizer.update has put something else under {name!r}, expected it to "
                    "overwrite the array that is there"
                )

    def _finish(self, step: int, bound: float) -> None:
        self.settings.estimator.update(self.state.numbers, bound)
