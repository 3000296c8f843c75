"""Adagrad, SGD and Adam: steps worked out by hand, and what training relies on."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import SGD, Adagrad, Adam
from minivae.optimizers import OPTIMIZERS
from minivae.testing import arrays

every_optimizer = pytest.mark.parametrize(
    "optimizer", [Adagrad(0.1), SGD(0.1), Adam(0.1)], ids=lambda optimizer: optimizer.name
)


def run(optimizer, theta, grads, decay=0.0):
    """Return the parameters after each step, and the final state."""
    theta = np.array(theta)
    state = optimizer.init(theta)
    path = []
    for t, grad in enumerate(grads, start=1):
        optimizer.update(theta, np.asarray(grad, theta.dtype), state, t, decay)
        path.append(theta.copy())
    return np.array(path), state


def test_the_table_holds_all_of_them_by_name():
    assert {"adagrad": Adagrad, "sgd": SGD, "adam": Adam} == OPTIMIZERS


# --- Steps worked out by hand ---------------------------------------------------------------------


def test_first_steps():
    grads = [[3.0, -0.2, 0.0]]
    # Adagrad and Adam start with a step of full size, whatever the size of the gradient.
    for optimizer in (Adagrad(0.02), Adam(0.02)):
        ((theta,), _) = run(optimizer, [1.0, 1.0, 1.0], grads)
        np.testing.assert_allclose(theta, [1.02, 0.98, 1.0], rtol=1e-7)
    ((theta,), _) = run(SGD(0.02), [1.0, 1.0, 1.0], grads)
    np.testing.assert_allclose(theta, [1.06, 0.996, 1.0], rtol=1e-15)


def test_adagrad_accumulates_squares():
    path, state = run(Adagrad(0.1), [0.0], [[3.0], [4.0], [12.0]])
    expected = 0.1 * np.cumsum([3 / 3, 4 / 5, 12 / 13])  # sqrt(9), sqrt(9 + 16), ...
    np.testing.assert_allclose(path[:, 0], expected, rtol=1e-8)
    np.testing.assert_allclose(state["sum_of_squares"], [169])


def test_adagrad_s_steps_shrink_like_one_over_sqrt_t():
    path, _ = run(Adagrad(0.1), [0.0], np.full((100, 1), 7.0))
    steps = np.diff(path[:, 0], prepend=0)
    np.testing.assert_allclose(steps, 0.1 / np.sqrt(np.arange(1, 101)), rtol=1e-7)


def test_adam_s_bias_correction_counts_steps():
    # Under a constant gradient g both means, corrected, are g and g^2 from the first step on, so
    # that all steps are of full size. Correcting by anything but t makes them differ.
    path, state = run(Adam(0.1), [0.0, 0.0], np.full((50, 2), [5.0, -0.3]))
    steps = np.diff(path, axis=0, prepend=0)
    np.testing.assert_allclose(steps, np.full((50, 2), [0.1, -0.1]), rtol=1e-6)
    np.testing.assert_allclose(state["m"], np.array([5, -0.3]) * (1 - 0.9**50), rtol=1e-12)
    np.testing.assert_allclose(state["v"], np.array([25, 0.09]) * (1 - 0.999**50), rtol=1e-12)


def test_adam_s_second_step():
    path, _ = run(Adam(0.1, beta1=0.5, beta2=0.75), [0.0], [[1.0], [-2.0]])
    # m = 0.5 * 0.5 + 0.5 * -2 = -0.75, v = 0.75 * 0.25 + 0.25 * 4 = 1.1875
    m_hat, v_hat = -0.75 / (1 - 0.5**2), 1.1875 / (1 - 0.75**2)
    np.testing.assert_allclose(path[:, 0], [0.1, 0.1 + 0.1 * m_hat / np.sqrt(v_hat)], rtol=1e-7)


def test_adam_s_means_move_at_one_minus_beta_in_float32_too():
    # In float32 1 - 1e-6 is 1 - 1.013e-6, from which a gradient would count by a percent more.
    beta = 1 - 1e-6
    for dtype in (np.float32, np.float64):
        _, state = run(Adam(0.1, beta, beta), np.zeros(1, dtype), [[2.0]])
        np.testing.assert_allclose([state["m"], state["v"]], [[2e-6], [4e-6]], rtol=1e-6)


def test_adam_s_epsilon_is_outside_the_root():
    path, _ = run(Adam(0.1, epsilon=0.5), [0.0], [[0.5], [0.5]])
    np.testing.assert_allclose(path[:, 0], [0.05, 0.1], rtol=1e-12)


def test_adagrad_s_epsilon_is_outside_the_root():
    path, _ = run(Adagrad(0.1, epsilon=0.5), [0.0], [[0.5]])
    np.testing.assert_allclose(path[:, 0], [0.05], rtol=1e-12)


# --- What training relies on ----------------------------------------------------------------------


@every_optimizer
@given(theta=arrays((6,)), grads=arrays((4, 6)), decay=st.floats(0.001, 0.5))
def test_decay_adds_minus_decay_theta_to_the_gradient(optimizer, theta, grads, decay):
    path, _ = run(optimizer, theta, grads, decay)
    state, by_hand = optimizer.init(theta), theta.copy()
    for t, grad in enumerate(grads, start=1):
        optimizer.update(by_hand, grad - decay * by_hand, state, t, 0.0)
        np.testing.assert_allclose(path[t - 1], by_hand, rtol=1e-9, atol=1e-12)


@every_optimizer
def test_decay_alone_pulls_towards_zero(optimizer):
    theta = np.array([2.0, -3.0])
    path, _ = run(optimizer, theta, np.zeros((5, 2)), decay=0.01)
    sizes = np.abs([theta, *path])
    assert np.all(np.diff(sizes, axis=0) < 0)


@every_optimizer
def test_decay_survives_float32(optimizer):
    # 1/60000, as for MNIST, times a small step is below float32's resolution of one: 1 - 1.7e-8 is
    # one. Added to the gradient it comes through, on average over many parameters.
    rng = np.random.default_rng(0)
    theta = rng.choice([-0.01, 0.01], 400_000)
    grad = 1e-3 * rng.standard_normal(theta.size)
    small = type(optimizer)(step_size=1e-3)

    def pull(dtype):
        """How far decay moves the parameters away from zero, on average."""
        (with_decay,), _ = run(small, theta.astype(dtype), [grad], decay=1 / 60_000)
        (without,), _ = run(small, theta.astype(dtype), [grad])
        return np.mean((with_decay - without) * np.sign(theta))

    assert pull(np.float32) == pytest.approx(pull(np.float64), rel=0.2)


@every_optimizer
@given(theta=arrays((None,), max_side=9), cut=st.integers(0, 9))
def test_updating_two_slices_is_updating_the_whole(optimizer, theta, cut):
    grads = np.random.default_rng(0).standard_normal((3, theta.size))
    whole, state = run(optimizer, theta, grads, decay=0.1)
    parts = [run(optimizer, theta[s], grads[:, s], 0.1) for s in (slice(cut), slice(cut, None))]
    np.testing.assert_array_equal(np.hstack([path for path, _ in parts]), whole)
    for name in state:
        halves = [part_state[name] for _, part_state in parts]
        np.testing.assert_array_equal(np.concatenate(halves), state[name])


@every_optimizer
@pytest.mark.parametrize("size", [1, 511, 512, 513, 1025])  # a kernel goes in blocks of 512
def test_every_parameter_of_a_long_vector_is_updated(optimizer, size):
    path, _ = run(optimizer, np.full(size, 2.0), np.ones((2, size)), decay=0.1)
    short, _ = run(optimizer, [2.0], np.ones((2, 1)), decay=0.1)
    np.testing.assert_allclose(path, np.tile(short, (1, size)), rtol=1e-12)


@every_optimizer
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_updates_happen_in_place_and_in_the_dtype(optimizer, dtype):
    theta, grad = np.ones(5, dtype), np.linspace(-1, 1, 5).astype(dtype)
    state = optimizer.init(theta)
    moments = dict(state)
    for vector in moments.values():
        assert vector.shape == (5,) and vector.dtype == dtype and not vector.any()
    before = grad.copy()
    assert optimizer.update(theta, grad, state, 1, 0.1) is None
    assert np.all(theta != 1) and all(vector.any() for vector in moments.values())
    assert all(state[name] is vector for name, vector in moments.items())
    np.testing.assert_array_equal(grad, before)


@every_optimizer
def test_it_climbs(optimizer):
    # f(theta) = -|theta - 3|^2 / 2, whose gradient is 3 - theta.
    theta = np.zeros(4)
    state = optimizer.init(theta)
    for t in range(1, 1001):
        optimizer.update(theta, 3 - theta, state, t, 0.0)
    np.testing.assert_allclose(theta, 3, atol=0.05)


@every_optimizer
def test_settings_are_frozen(optimizer):
    with pytest.raises(AttributeError):
        optimizer.step_size = 0.5


def test_the_defaults_are_those_of_the_docstrings():
    assert Adagrad() == Adagrad(0.02, 1e-8)
    assert SGD() == SGD(1e-3)
    assert Adam() == Adam(1e-3, 0.9, 0.999, 1e-8)


@pytest.mark.parametrize("optimizer", [Adagrad(), Adam()])
def test_vectors_of_different_lengths_never_reach_a_kernel(optimizer):
    theta, state = np.zeros(8), optimizer.init(np.zeros(8))
    short = {name: vector[:7] for name, vector in state.items()}
    for grad, moments in ((np.zeros(7), state), (np.zeros(8), short), (np.zeros((8, 1)), state)):
        with pytest.raises(
            ValueError, match=r"^theta has shape \(8,\) and its gradient and state \("
        ):
            optimizer.update(theta, grad, moments, 1, 0.0)
    with pytest.raises(ValueError, match=r"^theta has shape \(8,\) and its gradient and state \(1"):
        SGD().update(theta, np.ones(1), {}, 1, 0.0)  # NumPy would stretch it
    table = np.zeros((2, 4))
    with pytest.raises(
        ValueError, match=r"^theta has shape \(2, 4\) and its gradient and state \(2"
    ):
        optimizer.update(table, table.copy(), optimizer.init(table), 1, 0.0)


@pytest.mark.parametrize("optimizer", [Adagrad(epsilon=1e-50), Adam(epsilon=1e-44)])
def test_an_epsilon_too_small_for_float32_still_keeps_the_first_step_finite(optimizer):
    theta, grad = np.ones(3, np.float32), np.zeros(3, np.float32)
    optimizer.update(theta, grad, optimizer.init(theta), 1, 0.0)
    np.testing.assert_array_equal(theta, 1)
