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

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike

from minivae.data_stream import INIT, NOISE, Order, gather, stream
from minivae.engine.arena import Arena
from minivae.engine.subnormals import flushed_subnormals
from minivae.engine.team import Team
from minivae.evaluation.hmc import HMC, Noise, begin, check_hmc, draw_noise
from minivae.evaluation.joint import (
    decoder_params,
    forward_backward_theta,
    unnormalized_posterior,
)
from minivae.optimizers import Adagrad
from minivae.params import Params
from minivae.parts import sum_up
from minivae.protocols import Optimizer
from minivae.training.history import History
from minivae.training.loop import Method, train
from minivae.training.settings import (
    Settings,
    first_params,
    optimizer_state,
    training_set,
)
from minivae.training.state import TrainingState
from minivae.vae import VAE
from minivae.validation import check_batch_size, check_count, check_switch


class MCEMResult(NamedTuple):
    """What `fit_mcem` returns.

    Attributes
    ----------
    params : Params
        The decoder's part is trained; the encoder's is as it was.
    history : History
        Samples seen (every visit to a datapoint counts once); mean of log p(x, z) after each
        E-step since the entry before, in nats per datapoint; mean acceptance probability of the
        same E-steps; step size of HMC; seconds.
    z : (N, J) array
        Where the chains of the training datapoints ended.
    """

    params: Params
    history: History
    z: np.ndarray


def fit_mcem(
    vae: VAE,
    data: Any,
    samples: int,
    *,
    batch_size: int = 100,
    optimizer: Optimizer | None = None,
    weight_prior: bool = True,
    seed: int = 0,
    hmc: HMC | None = None,
    m_steps: int = 5,
    evaluate_every: int | Sequence[int] | None = 100_000,
    params: Params | None = None,
    dtype: DTypeLike = np.float32,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 30.0,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Params, History], Any] | None = None,
) -> MCEMResult:
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
    checkpoint, checkpoint_every, resume
        As for `minivae.fit`: the chains are part of the checkpoint.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.
    callback : callable, optional
        Called as ``callback(params, history)`` after every entry of the history.

    Returns
    -------
    result : MCEMResult

    Raises
    ------
    ValueError
        If an argument does not fit; always before training starts.
    TrainingDiverged
        If the parameters become NaN or infinite.
    Interrupted, OSError
        As by `minivae.fit`.
    """
    settings = MCEMSettings(
        optimizer=Adagrad() if optimizer is None else optimizer,
        hmc=HMC(n_leapfrog=10) if hmc is None else hmc,
        batch_size=batch_size,
        weight_prior=weight_prior,
        m_steps=m_steps,
        seed=seed,
        evaluate_every=evaluate_every,
        dtype=dtype,
    )
    state = train(
        MonteCarloEM(vae, data, settings, params),
        samples,
        checkpoint=checkpoint,
        checkpoint_every=checkpoint_every,
        resume=resume,
        progress=progress,
        callback=callback,
    )
    return MCEMResult(state.params, state.history, state.arrays["z"])


@dataclass(frozen=True, kw_only=True)
class MCEMSettings(Settings):
    """The settings of `fit_mcem`; see there."""

    hmc: HMC
    weight_prior: bool
    m_steps: int

    def __post_init__(self) -> None:
        super().__post_init__()
        check_hmc(self.hmc)
        self._set("weight_prior", check_switch("weight_prior", self.weight_prior))
        self._set("m_steps", check_count("m_steps", self.m_steps))


def e_step(
    vae: VAE,
    params: Params,
    x: np.ndarray,
    z: np.ndarray,
    hmc: HMC,
    step: float,
    noise: Noise,
) -> tuple[np.ndarray, float, float, float]:
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


class MonteCarloEM(Method):
    """Monte Carlo EM as a method for `minivae.training.loop.train`; a step is a visit.

    Its chains and the step size of HMC are part of the state.

    Parameters
    ----------
    vae, data, params
        As for `fit_mcem`.
    settings : MCEMSettings
    """

    columns = ("samples", "log_joint", "acceptance", "step_size", "seconds")
    quantity = "mean of log p(x, z), or a parameter,"
    shown = "log p(x, z)"

    def __init__(
        self, vae: VAE, data: Any, settings: MCEMSettings, params: Params | None = None
    ) -> None:
        self.vae, self.settings, self._start = vae, settings, params
        self.train, self.test = training_set(vae, data), None
        check_batch_size(settings.batch_size, self.train)
        self._decay = 1 / len(self.train) if settings.weight_prior else 0.0
        self._order = Order(len(self.train), settings.batch_size, settings.seed)
        self._arena = Arena()

    def begin(self) -> TrainingState:
        """Return the state before the first visit: chains start at samples of the prior."""
        settings = self.settings
        params = first_params(self.vae, self._start, settings.seed, settings.dtype)
        shape = (len(self.train), self.vae.n_latent)
        z = stream(settings.seed, INIT, 1).standard_normal(shape, params.dtype)
        theta = decoder_params(self.vae, params).vector
        moments = optimizer_state(settings.optimizer, theta)
        rngs = [stream(settings.seed, NOISE)]
        numbers = {"step_size": settings.hmc.step_size, **_NONE_YET}
        return TrainingState(
            params, moments, rngs, History(columns=self.columns), numbers=numbers, arrays={"z": z}
        )

    def open(self, state: TrainingState, team: Team) -> None:
        """Get ready for visits."""
        self._state = state
        self._theta = decoder_params(self.vae, state.params)

    def step(self, n_steps: int) -> list[float]:
        """Visit some minibatches; the numbers returned are their means of log p(x, z)."""
        log_joints = []
        # A diverging run is reported once, by the caller, and not as NumPy warnings as well.
        with np.errstate(all="ignore"), flushed_subnormals():
            for _ in range(n_steps):
                log_joints.append(self._visit(self._order.rows(self._state.step)))
                if not np.isfinite(log_joints[-1]):
                    break
                self._state.step += 1
        return log_joints

    def _visit(self, rows: np.ndarray) -> float:
        """One E-step and its M-steps; return mean log p(x, z), or NaN if they have diverged."""
        vae, state, numbers = self.vae, self._state, self._state.numbers
        z = state.arrays["z"]
        x = np.empty((len(rows), vae.n_features), state.params.dtype)
        gather(self.train, rows, x)
        noise = draw_noise(state.rngs[0], (len(rows), vae.n_latent), state.params.dtype)
        z[rows], numbers["step_size"], log_joint, acceptance = e_step(
            vae, state.params, x, z[rows], self.settings.hmc, numbers["step_size"], noise
        )
        for k in range(self.settings.m_steps):
            self._m_step(x, z[rows], state.step * self.settings.m_steps + k + 1)
        for name, value in (("visits", 1), ("log_joint", log_joint), ("acceptance", acceptance)):
            numbers[name] += value
        return log_joint if np.all(np.isfinite(self._theta.vector)) else np.nan

    def _m_step(self, x: np.ndarray, z: np.ndarray, t: int) -> None:
        new, state = self._arena.again(), self._state
        _, parts = forward_backward_theta(self.vae, state.params, x, z[None], new)
        grad = sum_up(parts, self._theta).vector
        moments = state.optimizer_state
        self.settings.optimizer.update(self._theta.vector, grad, moments, t, self._decay)

    def measure(self, team: Team) -> list[float]:
        """Return the means over the visits since the last time, and the step size of HMC."""
        numbers = self._state.numbers
        means = [numbers[name] / numbers["visits"] for name in ("log_joint", "acceptance")]
        numbers.update(_NONE_YET)
        return [*means, numbers["step_size"]]


_NONE_YET = {"visits": 0, "log_joint": 0.0, "acceptance": 0.0}  # since the last entry
