"""Step sizes that change while a run goes on: a schedule, and an optimizer that follows it.

    Scheduled(Adam(1e-3), Stepwise(after=(3000, 12000), factors=(0.5, 0.1)))

is Adam whose step size is 0.001 for 3000 updates, 0.0005 up to update 12,000, and 0.0001 from then
on. The state is that of the optimizer, and the factor follows from the number of the update alone,
so that a run that was interrupted goes on to the bit.

The contract. A schedule is a frozen set of settings with one method: ``schedule.factor(t)`` is the
number that the step size is multiplied by in update t, counted from one as by optimizers.
"""

import dataclasses
from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from minivae.protocols import Optimizer, members
from minivae.validation import check_count, check_has, check_positive


class Schedule(Protocol):
    """How a step size changes; `Stepwise` is the example. Checkpoints keep its settings."""

    def factor(self, t: int) -> float:
        """Return what the step size is multiplied by in update `t`: a positive number."""
        ...


@dataclass(frozen=True)
class Stepwise:
    """A step size that is kept for some updates, and then another.

    Parameters
    ----------
    after : sequence of int
        After how many updates the factor changes, increasing.
    factors : sequence of float
        What it changes to, as many; before that it is one.

    Raises
    ------
    ValueError
        If the two are not such numbers.
    """

    after: Sequence[int]
    factors: Sequence[float]
    name = "stepwise"

    def __post_init__(self) -> None:
        for name, check in (("after", check_count), ("factors", check_positive)):
            given = getattr(self, name)
            if isinstance(given, str) or not np.iterable(given):
                raise ValueError(f"{name} is {given!r}, expected numbers in a tuple")
            object.__setattr__(self, name, tuple(check(name, number) for number in given))
        if any(first >= second for first, second in pairwise(self.after)):
            raise ValueError(f"after is {self.after}, expected numbers that increase")
        if len(self.after) != len(self.factors):
            raise ValueError(
                f"factors are {len(self.factors)}, expected {len(self.after)}, as many as in after"
            )

    def factor(self, t: int) -> float:
        """Return the factor of update `t`: one, or the last that has been changed to."""
        passed = bisect_left(self.after, t)
        return self.factors[passed - 1] if passed else 1.0


@dataclass(frozen=True)
class RobbinsMonro:
    """A step size that falls like 1/t: times 1 / (1 + (t - 1) / updates).

    Its sum over all updates is infinite and that of its square is not, so that stochastic gradient
    ascent forgets its start and loses its noise in the end (Robbins and Monro 1951).

    Parameters
    ----------
    updates : int
        After how many of them the step size has fallen to one half.
    """

    updates: int
    name = "robbins-monro"

    def __post_init__(self) -> None:
        object.__setattr__(self, "updates", check_count("updates", self.updates))

    def factor(self, t: int) -> float:
        """Return the factor of update `t`."""
        return self.updates / (self.updates + t - 1)


@dataclass(frozen=True)
class Scheduled:
    """An optimizer whose step size follows a schedule.

    Parameters
    ----------
    optimizer : optimizer
        One of `minivae.optimizers`, or a dataclass of your own with a field ``step_size``.
    schedule : Stepwise or RobbinsMonro
        Or an object of your own with ``factor(t)``. Where encoder and decoder take turns
        (`fit(..., alternate=True)`), t counts the updates of either.

    Raises
    ------
    ValueError
        If the optimizer has no such field, or the schedule gives it a step size that cannot be.
    """

    optimizer: Any
    schedule: Any
    name = "scheduled"

    def __post_init__(self) -> None:
        check_has("optimizer", self.optimizer, members(Optimizer))
        check_has("schedule", self.schedule, members(Schedule))
        names = [field.name for field in _fields(self.optimizer) if field.init]
        if "step_size" not in names:
            raise ValueError(
                f"optimizer is {self.optimizer!r}, expected a dataclass with a field step_size"
            )
        check_positive("optimizer.step_size", self.step_size)
        changes = self.schedule.after if isinstance(self.schedule, Stepwise) else ()
        for t in (1, *(after + 1 for after in changes)):  # before training, what can be known then
            self._at(t)

    @property
    def step_size(self) -> float:
        """The optimizer's own, which the schedule multiplies."""
        return self.optimizer.step_size

    def init(self, theta: np.ndarray) -> dict[str, np.ndarray]:
        """Return the optimizer's state before the first step."""
        return self.optimizer.init(theta)

    def update(
        self,
        theta: np.ndarray,
        grad: np.ndarray,
        state: dict[str, np.ndarray],
        t: int,
        decay: float,
    ) -> None:
        """Take one step of the optimizer in place, with the step size of update `t`."""
        self._at(t).update(theta, grad, state, t, decay)

    def _at(self, t: int) -> Any:
        """Return the optimizer as it is in update `t`: the last one made, if that will do."""
        factor = self.schedule.factor(t)
        known, optimizer = vars(self).get("_last", (1.0, self.optimizer))
        if factor != known:
            step_size = check_positive("schedule's factor", factor) * self.step_size
            try:
                optimizer = dataclasses.replace(self.optimizer, step_size=step_size)
            except ValueError as error:
                message = f"schedule has the factor {factor:g} in update {t}: {error}"
                raise ValueError(message) from error
            # One assignment, whichever thread makes it, and whichever is overtaken.
            object.__setattr__(self, "_last", (factor, optimizer))
        return optimizer


def _fields(optimizer: Any) -> Sequence[Any]:
    return dataclasses.fields(optimizer) if dataclasses.is_dataclass(optimizer) else ()
