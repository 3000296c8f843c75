"""q(z|x): the reparameterisation, the KL divergence, the log density."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from minivae import check_grad
from minivae.gaussian import (
    halves,
    log_density,
    sample_posterior,
    sample_posterior_backward,
)
from minivae.testing import arrays


@st.composite
def latents(draw):
    """Draw ``(q_params, noise)``."""
    M, J, L = (draw(st.integers(1, 4)) for _ in range(3))
    return draw(arrays((M, 2 * J))), draw(arrays((L, M, J)))


def kl_by_integration(mu, log_var):
    """KL(N(mu, sigma^2) || N(0, 1)) from its definition, one dimension."""
    sigma = np.exp(log_var / 2)
    q, p = scipy.stats.norm(mu, sigma), scipy.stats.norm(0, 1)
    value, _ = scipy.integrate.quad(
        lambda z: q.pdf(z) * (q.logpdf(z) - p.logpdf(z)), mu - 12 * sigma, mu + 12 * sigma
    )
    return value


@pytest.mark.parametrize("shape", [(1, 3, 1), (1, 2, 2), (1, 400, 2), (3, 2)], ids=str)
def test_noise_of_another_shape_is_refused(shape):
    """A kernel would read beyond it."""
    q_params, noise = np.zeros((3, 4)), np.zeros(shape)
    with pytest.raises(ValueError, match=r"^noise has shape .*, expected \(L, 3, 2\) for q_params"):
        sample_posterior(q_params, noise)
    with pytest.raises(ValueError, match=r"^dz has shape \(1, 3, 2\), expected that of noise, "):
        sample_posterior_backward(np.zeros((1, 3, 2)), q_params, noise, 1.0)


def test_halves_are_views_and_there_are_no_halves_of_an_odd_width():
    whole = np.arange(24.0).reshape(3, 8)
    for q_params in (whole, whole[:, 1:7], whole.T[2:4].T):  # in one piece, or with gaps
        mu, log_var = halves(q_params)
        J = q_params.shape[1] // 2
        np.testing.assert_array_equal(mu, q_params[:, :J])
        np.testing.assert_array_equal(log_var, q_params[:, J:])
        assert np.shares_memory(mu, whole) and np.shares_memory(log_var, whole)
    for width in (1, 3):
        with pytest.raises(ValueError):
            halves(np.zeros((2, width)))


@given(latents())
def test_z_is_mu_plus_sigma_eps_sample_after_sample(problem):
    q_params, noise = problem
    L, M, J = noise.shape
    z, _ = sample_posterior(q_params, noise)
    for sample, m, j in itertools.product(range(L), range(M), range(J)):
        mu, log_var = q_params[m, j], q_params[m, J + j]
        expected = mu + np.sqrt(np.exp(log_var)) * noise[sample, m, j]
        assert z[sample, m, j] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("mu", "log_var"), [(0.0, 0.0), (1.0, 0.0), (0.0, 1.0), (0.5, -2.0), (-2.0, 1.5)]
)
def test_kl_is_the_integral_that_defines_it(mu, log_var):
    _, minus_kl = sample_posterior(np.array([[mu, log_var]]), np.zeros((1, 1, 1)))
    assert -minus_kl[0] == pytest.approx(kl_by_integration(mu, log_var), abs=1e-9)


def test_kl_of_known_cases():
    # 1/2 (sigma^2 + mu^2 - 1 - log sigma^2), worked out by hand.
    q_params = np.array([[0, 0, 0, 0], [1, 0, 0, 0], [0, 3, 0, 0], [1, 0, np.log(4), 0]], float)
    _, minus_kl = sample_posterior(q_params, np.zeros((1, 4, 2)))
    np.testing.assert_allclose(minus_kl, [0, -0.5, -4.5, -1.3068528194400546], atol=1e-15)


@given(latents())
def test_kl_adds_up_over_dimensions_and_is_never_negative(problem):
    q_params, noise = problem
    mu, log_var = halves(q_params)
    _, minus_kl = sample_posterior(q_params, noise)
    parts = np.zeros(len(q_params))
    for j in range(mu.shape[1]):
        pair = np.stack([mu[:, j], log_var[:, j]], axis=1)
        parts += sample_posterior(pair, np.zeros((1, len(q_params), 1)))[1]
    np.testing.assert_allclose(minus_kl, parts, rtol=1e-12, atol=1e-14)
    assert np.all(minus_kl <= 0)


@given(latents(), st.floats(0.1, 2))
def test_gradient_through_z_and_kl(problem, scale):
    q_params, noise = problem
    weights = np.random.default_rng(0).standard_normal(noise.shape)

    def objective(q_params):
        z, minus_kl = sample_posterior(q_params, noise)
        # Not linear in z, so that the gradient at z is needed and no other.
        value = np.sum(weights * np.sin(z)) + scale * np.sum(minus_kl)
        dz = weights * np.cos(z)
        return float(value), sample_posterior_backward(dz, q_params, noise, scale)

    check_grad(objective, q_params)


@given(latents())
def test_gradient_of_kl_alone(problem):
    q_params, noise = problem

    def minus_kl(q_params):
        value = np.sum(sample_posterior(q_params, noise)[1])
        no_dz = np.zeros(noise.shape)
        return float(value), sample_posterior_backward(no_dz, q_params, noise, 1.0)

    check_grad(minus_kl, q_params)


@given(arrays((3, 2)), arrays((3, 2)), arrays((2,)))
def test_log_density_is_scipy_s(z, mu, log_var):
    expected = scipy.stats.norm.logpdf(z, mu, np.exp(log_var / 2)).sum(axis=-1)
    np.testing.assert_allclose(log_density(z, mu, log_var), expected, rtol=1e-12)
    np.testing.assert_allclose(log_density(z), scipy.stats.norm.logpdf(z).sum(axis=-1), rtol=1e-12)


def test_halves_are_views():
    q_params = np.arange(12.0).reshape(2, 6)
    mu, log_var = halves(q_params)
    np.testing.assert_array_equal(mu, [[0, 1, 2], [6, 7, 8]])
    np.testing.assert_array_equal(log_var, [[3, 4, 5], [9, 10, 11]])
    assert np.shares_memory(mu, q_params) and np.shares_memory(log_var, q_params)


def test_halves_are_of_the_last_axis():
    q_params = np.arange(24.0).reshape(2, 3, 4)
    mu, log_var = halves(q_params)
    np.testing.assert_array_equal(mu, q_params[..., :2])
    np.testing.assert_array_equal(log_var, q_params[..., 2:])
