"""Step sizes that change: factors worked out by hand, every optimizer, files, and refusals.

What a schedule does through `fit`, with any number of threads, is in `test_one_step`, and that runs
are resumed to the bit in `test_methods`.
"""

import re
from dataclasses import dataclass, replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import SGD, VAE, Adagrad, Adam, fit
from minivae.schedules import RobbinsMonro, Scheduled, Stepwise
from minivae.training import TrainingDiverged
from minivae.training.mcem import fit_mcem

DATA = np.random.default_rng(0).random((100, 6))
MODEL = VAE(6, 2, hidden=(4,))
QUIET = {"batch_size": 20, "progress": False, "evaluate_every": None}
HALVES = Stepwise(after=(3, 8), factors=(0.5, 0.25))


@dataclass
class Momentum:
    """Somebody's own: neither frozen nor hashable."""

    step_size: float = 0.01
    friction: float = 0.1
    name = "momentum"

    def init(self, theta):
        return {"velocity": np.zeros_like(theta)}

    def update(self, theta, grad, state, t, decay):
        velocity = state["velocity"]
        velocity *= 1 - self.friction
        velocity += self.step_size * (grad - decay * theta)
        theta += velocity


every_optimizer = pytest.mark.parametrize(
    "optimizer", [Adagrad(0.1), SGD(0.1), Adam(0.1), Momentum()], ids=lambda each: each.name
)


# --- Factors --------------------------------------------------------------------------------------


def test_a_factor_holds_from_the_first_update_after_so_many():
    assert [HALVES.factor(t) for t in range(1, 11)] == [1] * 3 + [0.5] * 5 + [0.25] * 2
    assert Stepwise((), ()).factor(10**9) == 1


@given(st.sets(st.integers(1, 50), max_size=5), st.data())
def test_every_update_has_the_factor_of_the_last_change_before_it(after, data):
    factors = data.draw(st.lists(st.floats(0.1, 10), min_size=len(after), max_size=len(after)))
    schedule, now = Stepwise(sorted(after), factors), 1.0
    for t in range(1, 60):
        if t - 1 in after:
            now = factors[sorted(after).index(t - 1)]
        assert schedule.factor(t) == now


def test_robbins_and_monro_s_factor_is_a_half_after_so_many_updates():
    schedule = RobbinsMonro(10)
    assert [schedule.factor(t) for t in (1, 11, 31, 91)] == [1, 1 / 2, 1 / 4, 1 / 10]


# --- Optimizers -----------------------------------------------------------------------------------


@every_optimizer
@pytest.mark.parametrize("schedule", [HALVES, RobbinsMonro(4)], ids=lambda each: each.name)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_every_update_is_the_optimizer_s_own_with_another_step_size(optimizer, schedule, dtype):
    rng = np.random.default_rng(1)
    scheduled = Scheduled(optimizer, schedule)
    ours = rng.standard_normal(7).astype(dtype)
    theirs, state, own_state = ours.copy(), scheduled.init(ours), optimizer.init(ours)
    for t in range(1, 13):
        grad = rng.standard_normal(7).astype(dtype)
        scheduled.update(ours, grad, state, t, 0.1)
        at_t = replace(optimizer, step_size=optimizer.step_size * schedule.factor(t))
        at_t.update(theirs, grad, own_state, t, 0.1)
        assert np.array_equal(ours, theirs)
        assert all(np.array_equal(state[name], own_state[name]) for name in own_state)
    assert ours.dtype == dtype and state.keys() == own_state.keys()


class Own:
    """A schedule of somebody's own: these factors, and then one."""

    def __init__(self, *factors):
        self.factors = factors

    def factor(self, t):
        return self.factors[t - 1] if t <= len(self.factors) else 1.0


@pytest.mark.parametrize("first", [2.0, 0.5, 1.0])
def test_the_first_factor_counts(first):
    theta, grad = np.zeros(3), np.arange(3.0)
    scheduled = Scheduled(SGD(0.1), Own(first))
    scheduled.update(theta, grad, scheduled.init(theta), 1, 0.0)
    np.testing.assert_allclose(theta, 0.1 * first * grad, rtol=1e-15)


@every_optimizer
@pytest.mark.parametrize("threads", [1, 2])
def test_before_the_first_change_training_is_as_without(optimizer, threads):
    def trained(optimizer, samples):
        options = {**QUIET, "threads": threads, "optimizer": optimizer}
        return fit(MODEL, DATA, samples, **options).params.vector

    scheduled = Scheduled(optimizer, HALVES)
    assert np.array_equal(trained(scheduled, 60), trained(optimizer, 60))
    assert not np.array_equal(trained(scheduled, 80), trained(optimizer, 80))


def test_monte_carlo_em_counts_its_m_steps():
    """A visit to a minibatch has five; with no step left after those, one visit moves."""
    stops = Scheduled(SGD(0.01), Stepwise((5,), (1e-30,)))
    once, thrice = (
        fit_mcem(MODEL, DATA, n, optimizer=stops, dtype=np.float64, **QUIET) for n in (20, 60)
    )
    assert np.array_equal(once.params.vector, thrice.params.vector)
    assert not np.array_equal(once.params.vector, fit_mcem(MODEL, DATA, 60, **QUIET).params.vector)


def test_it_has_a_step_size_to_lower():
    scheduled = Scheduled(SGD(1e30), HALVES)
    assert scheduled.step_size == 1e30
    with pytest.raises(TrainingDiverged, match=r"try a step size below 1e\+30"):
        fit(MODEL, DATA, 2000, optimizer=scheduled, **QUIET)


# --- Files ----------------------------------------------------------------------------------------


@every_optimizer
@pytest.mark.parametrize("first", [20, 60, 80, 160])
def test_a_run_in_two_parts_is_the_run_in_one(optimizer, first, tmp_path):
    options = {**QUIET, "optimizer": Scheduled(optimizer, HALVES), "threads": 2}
    whole = fit(MODEL, DATA, 240, **options)
    path = tmp_path / "run.npz"
    fit(MODEL, DATA, first, checkpoint=path, **options)
    resumed = fit(MODEL, DATA, 240, checkpoint=path, resume=True, **options)
    assert np.array_equal(resumed.params.vector, whole.params.vector)


@pytest.mark.parametrize(
    "other",
    [
        Adagrad(0.02),
        Scheduled(Adagrad(0.03), HALVES),
        Scheduled(SGD(0.02), HALVES),
        Scheduled(Adagrad(0.02), Stepwise((3, 9), (0.5, 0.25))),
        Scheduled(Adagrad(0.02), Stepwise((3, 8), (0.5, 0.2))),
        Scheduled(Adagrad(0.02), RobbinsMonro(3)),
    ],
)
def test_a_run_goes_on_with_its_own_schedule_only(other, tmp_path):
    options = {**QUIET, "checkpoint": tmp_path / "run.npz"}
    scheduled = Scheduled(Adagrad(0.02), HALVES)
    for first, second in ((scheduled, other), (other, scheduled)):
        fit(MODEL, DATA, 100, optimizer=first, **options)
        with pytest.raises(ValueError, match=r"^optimizer is .*, but .* was trained with .*"):
            fit(MODEL, DATA, 200, optimizer=second, resume=True, **options)
    again = Scheduled(Adagrad(0.02), Stepwise([3, 8], np.array([0.5, 0.25])))
    fit(MODEL, DATA, 100, optimizer=scheduled, **options)
    fit(MODEL, DATA, 200, optimizer=again, resume=True, **options)


# --- Refusals -------------------------------------------------------------------------------------


class Plain:
    """An optimizer that is no dataclass."""

    step_size, name = 0.1, "plain"

    def init(self, theta):
        return {}

    def update(self, theta, grad, state, t, decay):
        theta += self.step_size * grad


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stepwise(3, 0.5), "after is 3, expected numbers in a tuple"),
        (lambda: Stepwise((3,), 0.5), "factors is 0.5, expected numbers in a tuple"),
        (lambda: Stepwise("38", "12"), "after is '38', expected numbers in a tuple"),
        (lambda: Stepwise((0,), (0.5,)), "after is 0, expected a whole number of at least 1"),
        (lambda: Stepwise((2.5,), (0.5,)), "after is 2.5, expected a whole number"),
        (lambda: Stepwise((3, 3), (1, 2)), "after is (3, 3), expected numbers that increase"),
        (lambda: Stepwise((3, 8), (0.5,)), "factors are 1, expected 2, as many as in after"),
        (lambda: Stepwise((3,), (0,)), "factors is 0, expected a positive number"),
        (lambda: Stepwise((3,), (np.nan,)), "factors is nan, expected a positive number"),
        (lambda: RobbinsMonro(0), "updates is 0, expected a whole number of at least 1"),
        (lambda: Scheduled(Adam, HALVES), "optimizer is the class Adam, expected an object of it"),
        (lambda: Scheduled(0.1, HALVES), "optimizer is 0.1, which lacks name, init, update"),
        (lambda: Scheduled(Adam(), 0.5), "schedule is 0.5, which lacks factor"),
        (lambda: Scheduled(Adam(), Stepwise), "schedule is the class Stepwise, expected an object"),
        (lambda: Scheduled(Plain(), HALVES), "expected a dataclass with a field step_size"),
        (lambda: Scheduled(Momentum(None), HALVES), "optimizer.step_size is None, expected a posi"),
        (lambda: Scheduled(Adam(), Own(-1)), "schedule's factor is -1, expected a positive number"),
        (
            lambda: Scheduled(Adam(1e-300), Stepwise((3,), (1e-300,))),
            "schedule has the factor 1e-300 in update 4: step_size is 0.0, expected a positive num",
        ),
    ],
)
def test_nonsense(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        make()


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("factor", [0, -1, np.nan, np.inf, None, "half"])
def test_a_schedule_of_one_s_own_that_says_nonsense_is_named(factor, threads):
    message = re.escape(f"schedule's factor is {factor!r}, expected a positive number")
    schedule = Own(1.0, 1.0, 1.0, factor)
    with pytest.raises(ValueError, match=message):
        fit(MODEL, DATA, 200, optimizer=Scheduled(Adam(), schedule), threads=threads, **QUIET)
