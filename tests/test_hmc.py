"""Hamiltonian Monte Carlo: against moments that are known, and the facts that make it right."""

import numpy as np
import pytest
import scipy.integrate
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples

from minivae import check_grad
from minivae.evaluation import hmc
from minivae.evaluation.hmc import HMC, Chains, Noise, begin, draw_noise, energy, leapfrog

COVARIANCE = np.array([[1.0, 0.6, 0.0], [0.6, 2.0, -0.5], [0.0, -0.5, 0.3]])
MEAN = np.array([1.0, -2.0, 0.5])


def correlated_gaussian(z):
    """N(MEAN, COVARIANCE), not normalised."""
    error = z - MEAN.astype(z.dtype)
    grad = -error @ np.linalg.inv(COVARIANCE).astype(z.dtype)
    return 0.5 * np.sum(error * grad, axis=1), grad


def double_well(z):
    """Two peaks, and skewed: log p = -(z^2 - 1)^2 + z / 2."""
    log_p = -((z**2 - 1) ** 2) + z / 2
    return log_p.sum(axis=1), -4 * z * (z**2 - 1) + 0.5


def of_scales(scales):
    """For every row N(0, scale^2 I) with a scale of its own."""

    def target(z):
        return -0.5 * np.sum((z / scales[:, None]) ** 2, axis=1), -z / scales[:, None] ** 2

    return target


def in_buffers(target, n, J):
    """The same target, but it returns the same two arrays every time."""
    log_p, grad = np.empty(n), np.empty((n, J))

    def reusing(z):
        log_p[:], grad[:] = target(z)
        return log_p, grad

    return reusing


def draw(sampler, target, start, n, seed=0, step=None, warm_up=60):
    """Samples with the tuned or a given step, (n, chains, J); before, the start is forgotten."""
    rng = np.random.default_rng(seed)
    chains, tuned = sampler.warm_up(target, begin(target, start), warm_up, rng)
    step = tuned if step is None else step
    chains = sampler.sample(target, chains, step, warm_up, rng)[1]
    return sampler.sample(target, chains, step, n, rng)[0]


def expectation(f):
    """Of f(z) under the double well, by quadrature."""
    weights = [
        scipy.integrate.quad(lambda z, g=g: g(z) * np.exp(-((z**2 - 1) ** 2) + z / 2), -6, 6)[0]
        for g in (f, lambda z: 1.0)
    ]
    return weights[0] / weights[1]


def assert_mean(values, expected):
    """That independent chains, (K, n, ...), agree with a mean, to six standard errors."""
    means = values.mean(axis=0)
    error = means.std(axis=0, ddof=1) / np.sqrt(len(means))
    deviation = np.abs(means.mean(axis=0) - expected) / error
    assert np.all(deviation < 6), f"{deviation} standard errors"


def check_gaussian(n_leapfrog=4, step=None):
    # With single leapfrog steps z is a random walk: a transition forgets 3 % of where it was.
    sampler, start = HMC(n_leapfrog), np.zeros((300, 3))
    z = draw(sampler, correlated_gaussian, start, 60, step=step, warm_up=150).z
    assert_mean(z, MEAN)
    assert_mean((z - MEAN)[..., :, None] * (z - MEAN)[..., None, :], COVARIANCE)


def check_double_well():
    # A long step, so that half of the proposals are rejected, and rejecting right matters; and so
    # many chains that what is wrong with a mistaken sampler is more than ten standard errors.
    z = draw(HMC(n_leapfrog=5), double_well, np.zeros((1000, 1)), 100, step=0.5).z
    for power in range(1, 5):
        assert_mean(z**power, expectation(lambda z, power=power: z**power))


# --- Known moments --------------------------------------------------------------------------------


@pytest.mark.parametrize("target", [correlated_gaussian, double_well])
def test_the_targets_of_these_tests_have_the_gradients_they_claim(target):
    z = np.random.default_rng(0).standard_normal((4, 3))
    check_grad(lambda z: (target(z)[0].sum(), target(z)[1]), z)


@pytest.mark.parametrize("n_leapfrog", [1, 5])
def test_mean_and_covariance_of_a_correlated_gaussian(n_leapfrog):
    check_gaussian(n_leapfrog)


def test_moments_of_a_double_well():
    check_double_well()


def test_a_step_that_is_too_long_gives_the_same_moments():
    check_gaussian(step=0.6)


def test_every_row_may_have_a_target_of_its_own():
    scales = np.repeat([0.1, 1.0, 30.0], 100)
    # While the acceptance is above its target, the step grows by a tenth at most: it has far to go.
    z = draw(HMC(n_leapfrog=3), of_scales(scales), np.zeros((300, 2)), 40, warm_up=200).z
    for chains in np.split(z / scales[:, None], 3, axis=1):
        assert_mean(chains**2, 1.0)


# --- Those tests can fail -------------------------------------------------------------------------


def wrong_sign(before, after):
    return np.exp(np.minimum(after - before, 0))


def no_test(before, after):
    return np.ones_like(before)


def no_kinetic_energy(log_p, momentum):
    return -log_p


def one_long_kick(target, z, momentum, grad, step, n_steps):
    """A scheme that cannot be run backwards: explicit Euler."""
    for _ in range(n_steps):
        z, momentum = z + step * momentum, momentum + step * grad
        log_p, grad = target(z)
    return Chains(z, log_p, grad), momentum


@pytest.mark.parametrize(
    "name, planted",
    [
        ("acceptance_probability", wrong_sign),
        ("acceptance_probability", no_test),
        ("energy", no_kinetic_energy),
        ("leapfrog", one_long_kick),
    ],
)
def test_a_sampler_with_a_mistake_has_other_moments(monkeypatch, name, planted):
    monkeypatch.setattr(hmc, name, planted)
    # With the wrong sign the chain runs away, to numbers that overflow.
    with np.errstate(all="ignore"), pytest.raises(AssertionError, match="standard errors"):
        check_double_well()


# --- Leapfrog -------------------------------------------------------------------------------------


@given(
    seed=st.integers(0, 2**32 - 1),
    step=st.floats(0.01, 0.1),
    n_steps=st.integers(1, 20),
    target=st.sampled_from([correlated_gaussian, double_well]),
)
def test_leapfrog_can_be_run_backwards(seed, step, n_steps, target):
    z, momentum = np.random.default_rng(seed).uniform(-1.5, 1.5, (2, 5, 3))
    end, r = leapfrog(target, z, momentum, target(z)[1], step, n_steps)
    back, r = leapfrog(target, end.z, -r, end.grad, step, n_steps)
    np.testing.assert_allclose(back.z, z, atol=1e-12)
    np.testing.assert_allclose(-r, momentum, atol=1e-12)
    assert np.abs(end.z - z).max() > step / 10


def test_leapfrog_preserves_volume():
    z, momentum = np.random.default_rng(0).uniform(-1, 1, (2, 1, 2))  # nothing blows up

    def flow(state):
        z, momentum = state[None, :2], state[None, 2:]
        end, r = leapfrog(double_well, z, momentum, double_well(z)[1], 0.3, 5)
        return np.hstack([end.z[0], r[0]])

    state, h = np.hstack([z[0], momentum[0]]), 3e-6
    jacobian = [(flow(state + h * e) - flow(state - h * e)) / (2 * h) for e in np.eye(4)]
    assert abs(np.linalg.det(jacobian)) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("target", [correlated_gaussian, double_well])
def test_the_energy_error_is_of_order_step_squared(target):
    z, momentum = np.random.default_rng(0).standard_normal((2, 200, 3))
    log_p, grad = target(z)
    steps = 0.04 * 2.0 ** -np.arange(5)  # the next order adds less than 0.01 to the exponent
    errors = []
    for step in steps:
        end, r = leapfrog(target, z, momentum, grad, step, round(0.8 / step))
        errors.append(np.abs(energy(end.log_p, r) - energy(log_p, momentum)).mean())
    exponent = np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert exponent == pytest.approx(2, abs=0.05)


def test_energy_by_hand():
    np.testing.assert_allclose(
        energy(np.array([1.0, 2.0]), np.array([[3.0, 4.0], [0, 2]])), [11.5, 0]
    )


# --- Tuning ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("step_size", [1e-3, 0.1, 30.0])
@pytest.mark.parametrize("target_acceptance", [0.65, 0.9])
def test_every_chain_reaches_the_target_acceptance(step_size, target_acceptance):
    sampler = HMC(5, target_acceptance, step_size)
    rng = np.random.default_rng(0)
    scales = np.repeat(np.logspace(-2, 1, 4), 30)
    target = of_scales(scales)
    chains, step = sampler.warm_up(target, begin(target, np.zeros((120, 3))), 200, rng)
    acceptance = sampler.sample(target, chains, step, 200, rng)[0].acceptance
    # The right step is 1.5 or 0.83 times the scale. Each chain's tuning comes that close to it: the
    # logarithm's standard deviation is below 0.08, and an eighth of what is allowed here.
    assert np.all(np.abs(np.log(step / scales)) < 1)
    # Single chains vary. Their mean is the target, but for 0.008 that the curve's bend makes.
    of_scale = acceptance.reshape(4, 30)
    error = of_scale.std(axis=1, ddof=1) / np.sqrt(30)
    assert np.all(np.abs(of_scale.mean(axis=1) - target_acceptance) < 6 * error + 0.01)


def test_one_step_for_all_chains_reaches_the_target_acceptance():
    sampler = HMC(5, 0.9, step_size=1e-3)
    rng = np.random.default_rng(0)
    chains, step, rates = begin(double_well, np.zeros((100, 2))), sampler.step_size, []
    for _ in range(150):
        noise = draw_noise(rng, (100, 2))
        chains, acceptance = sampler.transition(double_well, chains, step, noise)
        step = sampler.tune(step, acceptance)
        rates.append(acceptance.mean())
    assert np.ndim(step) == 0
    # Every transition adds rate - 0.9 to log step: so off by 0.01 would be a factor of exp(0.5).
    assert np.mean(rates[-50:]) == pytest.approx(0.9, abs=0.01)


def test_the_gain_is_how_fast_the_step_follows_the_acceptance():
    sampler = HMC(gain=3.0)
    for acceptance, weight, expected in [(0.0, 1.0, -2.7), (1.0, 1.0, 0.3), (0.0, 0.5, -1.35)]:
        step = sampler.tune(0.2, np.full(4, acceptance), weight)
        assert step == pytest.approx(0.2 * np.exp(expected), rel=1e-12)


# --- Contracts ------------------------------------------------------------------------------------


def test_chains_stay_where_they_began():
    z, target = np.ones((3, 2)), in_buffers(double_well, 3, 2)
    chains = begin(target, z)
    z.fill(7.0)
    target(z)
    expected = np.ones((3, 2)), *double_well(np.ones((3, 2)))
    for ours, theirs in zip(chains, expected, strict=True):
        assert np.array_equal(ours, theirs)


def test_a_transition_is_a_function_of_its_arguments():
    start = begin(double_well, np.zeros((100, 2)))
    noise = draw_noise(np.random.default_rng(0), (100, 2))
    copies = [array.copy() for array in (*start, *noise)]
    first, rates = HMC().transition(double_well, start, 0.3, noise)
    reusing = in_buffers(double_well, 100, 2)
    second, _ = HMC().transition(reusing, start, np.full(100, 0.3), noise)
    for a, b in zip(first, second, strict=True):
        assert np.array_equal(a, b)
    for array, copy in zip((*start, *noise), copies, strict=True):
        assert np.array_equal(array, copy)
    assert np.all((rates >= 0) & (rates <= 1))
    moved = np.any(first.z != start.z, axis=1)
    assert moved.any() and not moved.all()


def test_chains_know_their_density_and_gradient_there():
    target = in_buffers(double_well, 100, 2)
    rng = np.random.default_rng(0)
    chains, step = HMC(3).warm_up(target, begin(target, np.zeros((100, 2))), 10, rng)
    samples, chains = HMC(3).sample(target, chains, 2 * step, 5, rng)
    stayed = np.all(samples.z[1:] == samples.z[:-1], axis=2)
    assert stayed.any() and not stayed.all()
    np.testing.assert_array_equal(samples.z[-1], chains.z)
    for z, log_p in zip(samples.z, samples.log_p, strict=True):
        np.testing.assert_array_equal(log_p, double_well(z)[0])
    np.testing.assert_array_equal(chains.grad, double_well(chains.z)[1])


def test_sampling_is_one_transition_after_the_other():
    chains = begin(double_well, np.random.default_rng(0).standard_normal((30, 2)))
    rng, by_hand = np.random.default_rng(1), np.random.default_rng(1)
    samples, end = HMC(3).sample(double_well, chains, 0.5, 4, rng)
    rates = []
    for k in range(4):
        noise = draw_noise(by_hand, (30, 2))
        chains, acceptance = HMC(3).transition(double_well, chains, 0.5, noise)
        np.testing.assert_array_equal(samples.z[k], chains.z)
        np.testing.assert_array_equal(samples.log_p[k], chains.log_p)
        rates.append(acceptance)
    np.testing.assert_array_equal(end.z, chains.z)
    np.testing.assert_allclose(samples.acceptance, np.mean(rates, axis=0), rtol=1e-12)


def test_warming_up_is_transitions_and_tuning_that_grows_weaker():
    sampler, chains = HMC(3), begin(double_well, np.zeros((30, 2)))
    rng, by_hand = np.random.default_rng(1), np.random.default_rng(1)
    end, tuned = sampler.warm_up(double_well, chains, 4, rng)
    step = np.full(30, 0.1)
    for weight in (1.0, 0.75, 0.5, 0.25):
        noise = draw_noise(by_hand, (30, 2))
        chains, acceptance = sampler.transition(double_well, chains, step, noise)
        step = step * np.exp(weight * (acceptance - 0.9))
    np.testing.assert_allclose(end.z, chains.z, rtol=1e-9)
    np.testing.assert_allclose(tuned, step, rtol=1e-9)


def test_the_defaults_are_the_paper_s():
    assert type(HMC(4.0).n_leapfrog) is int
    assert (HMC().n_leapfrog, HMC().target_acceptance) == (10, 0.9)


def test_every_row_is_judged_by_its_own_threshold():
    start = begin(double_well, np.random.default_rng(0).standard_normal((200, 2)))
    noise = draw_noise(np.random.default_rng(1), (200, 2))
    chains, acceptance = HMC(3).transition(double_well, start, 0.6, noise)
    moved = np.any(chains.z != start.z, axis=1)
    np.testing.assert_array_equal(moved, noise.threshold < acceptance)
    assert 20 < moved.sum() < 180


def test_rows_do_not_touch_each_other():
    z = np.random.default_rng(0).standard_normal((5, 2))
    noise = draw_noise(np.random.default_rng(1), (5, 2))
    together, _ = HMC().transition(double_well, begin(double_well, z), 0.4, noise)
    alone, _ = HMC().transition(
        double_well, begin(double_well, z[2:3]), 0.4, Noise(*(array[2:3] for array in noise))
    )
    np.testing.assert_allclose(alone.z, together.z[2:3], rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_dtype_stays(dtype):
    start = np.zeros((3, 3), dtype)
    samples = draw(HMC(2), correlated_gaussian, start, 4)
    assert samples.z.dtype == samples.log_p.dtype == dtype


def test_a_trajectory_that_blows_up_is_rejected_without_a_warning():
    start = begin(double_well, np.ones((3, 1)))
    noise = draw_noise(np.random.default_rng(0), (3, 1))
    noise.threshold[0] = 0.0  # the least that can be drawn
    chains, acceptance = HMC(10).transition(double_well, start, 1e3, noise)
    assert np.array_equal(chains.z, start.z) and not acceptance.any()


@examples(10)
@given(st.floats(0, 0.99))
def test_jitter_stays_within_its_fraction(jitter):
    # With a flat target z moves by step * momentum, so that the step can be read off.
    noise = draw_noise(np.random.default_rng(0), (1000, 1))
    start = begin(lambda z: (0 * z[:, 0], 0 * z), np.zeros((1000, 1)))
    chains, _ = HMC(1, jitter=jitter).transition(lambda z: (0 * z[:, 0], 0 * z), start, 2.0, noise)
    steps = chains.z / noise.momentum
    assert np.all(np.abs(steps - 2) <= 2 * jitter + 1e-14)  # rounding
    # A standard error of the uniform distribution's deviation is 1.4 % of it.
    assert steps.std() == pytest.approx(2 * jitter / np.sqrt(3), rel=0.1, abs=1e-14)


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"n_leapfrog": 0}, "n_leapfrog is 0, expected"),
        ({"target_acceptance": 0.0}, "target_acceptance is 0.0, expected"),
        ({"target_acceptance": 1.0}, "target_acceptance is 1.0, expected"),
        ({"step_size": -1.0}, "step_size is -1.0, expected"),
        ({"gain": 0}, "gain is 0, expected"),
        ({"jitter": 1.0}, "jitter is 1.0, expected"),
    ],
)
def test_settings_out_of_range_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        HMC(**settings)


def test_a_warm_up_of_no_transitions_is_refused():
    with pytest.raises(ValueError, match="n is 0, expected a whole number of at least 1"):
        HMC().warm_up(double_well, begin(double_well, np.zeros((1, 1))), 0, np.random.default_rng())
