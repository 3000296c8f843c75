"""The inner loop of algorithm 1: minibatch, noise, gradient, step."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from minivae.data_stream import Order, draw_binary, gather
from minivae.engine.lockstep import Lockstep
from minivae.engine.team import Team
from minivae.estimators import SGVBB
from minivae.protocols import Estimator, New, Optimizer, Part
from minivae.training.state import TrainingState
from minivae.vae import VAE


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
        vae: VAE,
        train: np.ndarray,
        optimizer: Optimizer,
        state: TrainingState,
        team: Team,
        *,
        batch_size: int,
        noise_samples: int,
        decay: float,
        seed: int,
        estimator: Estimator = SGVBB(),  # noqa: B008 (it is frozen)
        alternate: bool = False,
        binarize: bool = False,
    ) -> None:
        self.vae, self.train, self.optimizer, self.state = vae, train, optimizer, state
        self.batch_size, self.noise_samples, self.decay = batch_size, noise_samples, decay
        self.seed, self.estimator, self.binarize = seed, estimator, binarize
        halves = [list(vae.encoder.shapes), list(vae.decoder.shapes)]
        turns = halves if alternate else [halves[0] + halves[1]]
        params = state.params
        self.lockstep = Lockstep(team, batch_size, params.shapes, params.dtype, turns)
        # Slices are views: what a thread does to its pieces it does to the whole vector.
        self._views = [
            [
                [
                    (
                        params.vector[piece],
                        {name: vector[piece] for name, vector in state.optimizer_state.items()},
                    )
                    for piece in pieces
                ]
                for pieces in dealt
            ]
            for dealt in self.lockstep.slices
        ]
        # Settings that the estimator cannot do with are refused before training starts.
        estimator.draw_noise(vae, np.random.default_rng(0), noise_samples, 1, params.dtype)
        self._order = Order(len(train), batch_size, seed)

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
        dtype = self.state.params.dtype
        x = new((len(chosen), self.vae.n_features), dtype)
        gather(self.train, chosen, x)
        if self.binarize:
            draw_binary(x, rng)
        noise = self.estimator.draw_noise(self.vae, rng, self.noise_samples, len(x), dtype, new)
        return x, noise

    def _forward_backward(
        self, k: int, fetched: tuple[np.ndarray, Any], new: New
    ) -> tuple[float, Mapping[str, Part]]:
        """Thread k's share of the minibatch's bound, and what its gradient is made of."""
        x, noise = fetched
        return self.estimator.forward_backward(
            self.vae, self.state.params, x, noise, self.batch_size, self.state.numbers, new
        )

    def _update(self, k: int, step: int, i: int, gradient: np.ndarray) -> None:
        """One step of the optimizer for some of the parameters, along their gradient."""
        round_, turn = divmod(step, len(self._views))
        theta, moments = self._views[turn][k][i]
        self.optimizer.update(theta, gradient, moments, round_ + 1, self.decay)

    def _finish(self, step: int, bound: float) -> None:
        self.estimator.update(self.state.numbers, bound)
