"""What stands around the steps of every method: once, for all of them.

`train` decides when to look at the clock, when to evaluate and to save, and what happens at a
signal or when the bound diverges. What a step is, a `Method` says.
"""

import contextlib
import math
import os
import time
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import numpy as np
from tqdm import tqdm

from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.subnormals import flushed_subnormals
from minivae.engine.team import Team
from minivae.params import Params
from minivae.protocols import Optimizer
from minivae.training.history import BOUNDS, History
from minivae.training.interruption import InterruptionGuard
from minivae.training.progress import progress_bar
from minivae.training.settings import checksum
from minivae.training.state import TrainingState, remembered, restore, save
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


class Method:
    """A way to train: what `train` asks of it.

    Attributes
    ----------
    vae : VAE, or another model
        What is saved in checkpoints.
    train, test : arrays
        The two parts of the data; `test` may be None.
    settings : Settings
    threads : int or None
        None: as many as `begin` chooses.
    columns : tuple of str
        Of the history: what `measure` gives, between samples and seconds.
    quantity, shown : str
        What the steps return, in words for an error and for the progress bar.
    held_out : str
        Whose bound is beside it on the progress bar: "test", if the history has a "test_bound".
    """

    vae: Any
    train: np.ndarray
    test: np.ndarray | None
    settings: Any
    threads: int | None = 1
    columns: tuple[str, ...] = BOUNDS
    quantity = "minibatch bound"
    shown = "train"
    held_out = "test"

    def described(self) -> dict[str, Any]:
        """Return what the run is, for its checkpoint, as a dict that JSON can hold."""
        return {**self.settings.described(), **self._checksums, "threads": self.threads}

    @cached_property
    def _checksums(self) -> dict[str, int | None]:
        """Of the data, so that a run is not resumed on others; once, and not for every save."""
        parts = {"data": self.train, "test_data": self.test}
        return {name: None if x is None else checksum(x) for name, x in parts.items()}

    def model_params(self, params: Params) -> Params:
        """Return parameters for the VAE, given those that are trained."""
        return params

    def begin(self) -> TrainingState:
        """Return the `TrainingState` before the first step."""
        raise NotImplementedError

    def open(self, state: TrainingState, team: Team) -> None:
        """Get ready for steps from `state`, with the threads of `team`."""
        raise NotImplementedError

    def step(self, n_steps: int) -> list[float]:
        """Take some steps, `n_steps` at most, and change the state.

        Returns
        -------
        bounds : list of float
            Of each step taken. If the last one is not finite, that step was not taken.
        """
        raise NotImplementedError

    def measure(self, team: Team) -> list[float]:
        """Return an entry of the history: numbers between samples and seconds."""
        raise NotImplementedError


def ascend(
    state: TrainingState,
    optimizer: Optimizer,
    n_steps: int,
    next_gradient: Callable[[], tuple[float, np.ndarray]],
) -> list[float]:
    """Take steps with one thread, for methods whose gradient comes whole: see `Method.step`.

    Parameters
    ----------
    state : TrainingState
        Changed in place.
    optimizer : optimizer
    n_steps : int
        At most.
    next_gradient : callable
        Returns what the next minibatch's objective is, and its gradient as a vector; the weight
        prior, if there is one, is in it.
    """
    objectives = []
    with np.errstate(all="ignore"), flushed_subnormals():
        for _ in range(n_steps):
            objective, grad = next_gradient()
            objectives.append(objective)
            if not math.isfinite(objective):
                break
            state.step += 1
            optimizer.update(state.params.vector, grad, state.optimizer_state, state.step, 0.0)
    return objectives


def train(
    method: Method,
    samples: int,
    *,
    checkpoint: str | Path | None = None,
    checkpoint_every: float = 30.0,
    resume: bool = False,
    progress: bool | None = None,
    callback: Callable[[Params, History], Any] | None = None,
) -> TrainingState:
    """Train until that many samples have been seen, and return the state at the end.

    The arguments are those of `minivae.fit`.

    Parameters
    ----------
    method : Method

    Returns
    -------
    state : TrainingState
    """
    samples = check_count("samples", samples)
    check_seconds("checkpoint_every", checkpoint_every)
    if callback is not None and not callable(callback):
        raise ValueError(f"callback is {callback!r}, expected a function")
    if not isinstance(checkpoint, str | os.PathLike | None):
        raise ValueError(f"checkpoint is {checkpoint!r}, expected the name of a file")
    if not resume:
        state = method.begin()
    elif checkpoint is not None:
        state = restore(checkpoint, method)
    else:
        raise ValueError("resume is True, expected a checkpoint to resume from")
    seen = state.step * method.settings.batch_size
    with progress_bar(samples, progress, seen) as bar:
        run = _Run(method, state, checkpoint, bar)
        run.run(math.ceil(samples / method.settings.batch_size), checkpoint_every, callback)
    return state


class _Run:
    """A run of `train`: steps, and between them evaluations and checkpoints."""

    def __init__(
        self, method: Method, state: TrainingState, checkpoint: str | Path | None, bar: tqdm
    ) -> None:
        self.method, self.state, self.bar = method, state, bar
        self.checkpoint = None if checkpoint is None else Path(checkpoint)
        self._saved_at = -math.inf
        self._saved_step: int | None = None

    def run(
        self,
        last_step: int,
        checkpoint_every: float,
        callback: Callable[[Params, History], Any] | None,
    ) -> None:
        """Take all steps up to the last."""
        method, state = self.method, self.state
        with contextlib.ExitStack() as stack:
            guard = stack.enter_context(InterruptionGuard())
            stack.enter_context(blas_single_threaded())
            team = stack.enter_context(Team(method.threads or 1))
            method.open(state, team)  # which may refuse the settings
            if state.step == 0:
                self._save()
            n_steps = 1
            while state.step < last_step:
                due = int(min(last_step, self._next_evaluation()))
                n_steps = self._advance(min(n_steps, due - state.step))
                if state.step == due and method.settings.evaluate_every is not None:
                    self._measure(team, callback)
                elif time.monotonic() - self._saved_at > checkpoint_every:
                    self._save()
                if guard.signum:
                    self._save()
                    guard.check()
            # A checkpoint may be of later than `last_step`, and not have been evaluated there.
            is_evaluated = state.history.samples[-1:] == [self._samples_seen()]
            if method.settings.evaluate_every is not None and not is_evaluated:
                self._measure(team, callback)
            self._save()

    def _measure(self, team: Team, callback: Callable[[Params, History], Any] | None) -> None:
        """Evaluate, save, and tell whoever wants to know."""
        self._evaluate(team)
        self._save()
        if callback is not None:
            callback(self.state.params, self.state.history)

    def _samples_seen(self) -> int:
        return self.state.step * self.method.settings.batch_size

    def _next_evaluation(self) -> float:
        """The step after which the next evaluation is due."""
        settings = self.method.settings
        schedule, batch_size = settings.evaluate_every, settings.batch_size
        if schedule is None:
            return math.inf
        if isinstance(schedule, list):
            steps = (math.ceil(samples / batch_size) for samples in schedule)
            return min((step for step in steps if step > self.state.step), default=math.inf)
        every = math.ceil(schedule / batch_size)
        return (self.state.step // every + 1) * every

    def _advance(self, n_steps: int) -> int:
        """Take some steps and return how many would take `_CHUNK_SECONDS`."""
        state, bar = self.state, self.bar
        before, started = state.step, time.perf_counter()
        bounds = self.method.step(n_steps)
        elapsed = time.perf_counter() - started
        state.seconds += elapsed
        taken = state.step - before
        if taken < len(bounds):
            self._diverged(f"{self.method.quantity} became {bounds[-1]}")
        if before == 0 and self.checkpoint is not None:
            remembered(state.numbers)  # what a file cannot hold is refused now, not when it is due
        bar.update(min(taken * self.method.settings.batch_size, bar.total - bar.n))
        bar.set_postfix_str(self._postfix(float(np.mean(bounds))), refresh=False)
        return max(1, int(_CHUNK_SECONDS * taken / elapsed))

    def _postfix(self, bound: float) -> str:
        held_out = self.method.held_out
        bounds = getattr(self.state.history, f"{held_out}_bound", None)
        now = f", {held_out} {bounds[-1]:.1f}" if bounds else ""
        return f"{self.method.shown} {bound:.1f}{now}"

    def _evaluate(self, team: Team) -> None:
        state = self.state
        entry = self.method.measure(team)
        for value, x in zip(entry, (self.method.train, self.method.test), strict=False):
            if x is not None and not math.isfinite(value):
                self._diverged(f"evaluated bound became {value}")
        state.history.append(self._samples_seen(), *entry, state.seconds)

    def _diverged(self, what: str) -> NoReturn:
        step_size = getattr(self.method.settings.optimizer, "step_size", None)
        advice = ""
        if isinstance(step_size, int | float | np.floating):  # one's own optimizer may have none
            advice = f": try a step size below {step_size:g}"
        kept = "" if self.checkpoint is None else f"; {self.checkpoint} is the last good checkpoint"
        raise TrainingDiverged(f"the {what} after {self._samples_seen():,} samples{advice}{kept}")

    def _save(self) -> None:
        """Write the checkpoint, if there is to be one, unless the parameters are no longer good."""
        if self.checkpoint is None or self._saved_step == self.state.step:
            return
        if not np.all(np.isfinite(self.state.params.vector)):
            self._diverged("parameters became NaN or infinite")
        save(self.checkpoint, self.method, self.state)
        self._saved_at = time.monotonic()
        self._saved_step = self.state.step
