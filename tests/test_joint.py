"""log p(x, z) and its gradients."""

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from test_known_answers import linear_gaussians, random_encoder

from minivae import VAE, check_grad
from minivae.checks.catalogue.joint import catalogue, problem
from minivae.evaluation.joint import (
    decoder_params,
    log_joint,
    log_joint_and_grad,
    mean_log_joint_and_grad,
    unnormalized_posterior,
)
from minivae.gaussian import log_density
from minivae.likelihoods import LIKELIHOODS


def drawn(likelihood="bernoulli", seed=0):
    return problem(likelihood, np.random.default_rng(seed))


# --- Values ---------------------------------------------------------------------------------------


@given(linear_gaussians(), st.integers(1, 3))
def test_of_a_linear_model_it_is_one_large_gaussian(model, L):
    # (z, x) is N([0, b], [[I, W], [W^T, W^T W + sigma^2 I]]).
    J = len(model.W)
    z = np.random.default_rng(0).standard_normal((L, len(model.x), J))
    covariance = np.block([[np.eye(J), model.W], [model.W.T, model.covariance]])
    pairs = np.concatenate([z, np.tile(model.x, (L, 1, 1))], axis=2)
    mean = np.hstack([np.zeros(J), model.b])
    expected = scipy.stats.multivariate_normal.logpdf(pairs, mean, covariance).reshape(z.shape[:2])
    found = log_joint(model.vae(), random_encoder(model), model.x, z)
    np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_it_is_the_prior_plus_the_bound_s_first_term(likelihood):
    vae, params, x, _ = drawn(likelihood)
    noise = np.random.default_rng(0).standard_normal((2, len(x), vae.n_latent))
    mu, log_var = vae.encode(params, x)
    z = mu + np.exp(log_var / 2) * noise
    log_px, _ = vae.elbo_terms(params, x, noise)
    found = log_joint(vae, params, x, z)
    expected = log_px + log_density(z)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_all_functions_give_the_same_value():
    vae, params, x, z = drawn()
    log_pxz = log_joint(vae, params, x, z)
    assert np.array_equal(log_pxz, log_joint_and_grad(vae, params, x, z)[0])
    mean = mean_log_joint_and_grad(vae, params, x, z)[0]
    assert mean == pytest.approx(log_pxz.mean(), rel=1e-14)
    for z_l, expected in zip(z, log_pxz, strict=True):
        assert np.array_equal(log_joint(vae, params, x, z_l), expected)
        one_each = unnormalized_posterior(vae, params, x)(z_l)[0]
        np.testing.assert_allclose(one_each, expected, rtol=1e-14)


# --- Gradients ------------------------------------------------------------------------------------


@examples(12)
@given(st.sampled_from(sorted(catalogue())), st.integers(0, 2**32 - 1))
def test_gradients(name, seed):
    check_grad(*catalogue()[name](np.random.default_rng(seed)))


def test_where_the_posterior_peaks_there_is_no_gradient():
    vae = VAE(3, 2, hidden=(), likelihood="gaussian-fixed")
    params = vae.init_params(np.random.default_rng(0), std=1.0)
    x = np.random.default_rng(1).standard_normal((4, 3))
    W = params["decoder.W1"]
    mode = np.linalg.solve(np.eye(2) + W @ W.T, W @ x.T).T
    # Terms of size one to ten cancel, to what rounding leaves of the mode.
    np.testing.assert_allclose(log_joint_and_grad(vae, params, x, mode)[1], 0, atol=1e-12)


# --- Contracts ------------------------------------------------------------------------------------


def test_decoder_params_are_a_view():
    vae, params, _, _ = drawn("gaussian")
    theta = decoder_params(vae, params)
    assert theta.names == [name for name in params if name.startswith("decoder")]
    for name in theta:
        assert np.array_equal(theta[name], params[name])
        assert np.shares_memory(theta[name], params[name])


def test_the_encoder_does_not_matter():
    vae, params, x, z = drawn()
    other = params.copy()
    for name in other:
        if name.startswith("encoder"):
            other[name][:] = np.nan
    assert np.array_equal(log_joint(vae, params, x, z), log_joint(vae, other, x, z))


def test_arguments_stay_as_they_are_and_memory_used_again_changes_nothing():
    vae, params, x, z = drawn("gaussian")
    copies = [params.vector.copy(), x.copy(), z.copy()]
    target = unnormalized_posterior(vae, params, x)
    for z_l in (z[0], z[1], z[0]):
        for ours, theirs in zip(target(z_l), log_joint_and_grad(vae, params, x, z_l), strict=True):
            assert np.array_equal(ours, theirs)
    mean_log_joint_and_grad(vae, params, x, z)
    for array, copy in zip([params.vector, x, z], copies, strict=True):
        assert np.array_equal(array, copy)


def test_uint8_pixels_and_float32():
    vae = VAE(4, 2, hidden=(3,))
    params = vae.init_params(np.random.default_rng(0), std=1.0)
    pixels = np.random.default_rng(1).integers(0, 256, (5, 4), dtype=np.uint8)
    z = np.random.default_rng(2).standard_normal((5, 2))
    exact = log_joint(vae, params, pixels / 255, z)
    np.testing.assert_allclose(log_joint(vae, params, pixels, z), exact, rtol=1e-12)
    single, dz = log_joint_and_grad(vae, params.astype(np.float32), pixels, z)
    assert single.dtype == dz.dtype == np.float32
    np.testing.assert_allclose(single, exact, rtol=1e-5)
    np.testing.assert_array_equal(
        log_joint(vae, params, (pixels / 255).tolist(), z.tolist()), exact
    )


def test_what_does_not_fit_is_refused():
    vae = VAE(4, 2, hidden=(3,))
    params = vae.init_params(np.random.default_rng(0))
    x, z = np.zeros((3, 4)), np.zeros((3, 2))
    with pytest.raises(
        ValueError, match=r"z has shape \(4, 2\), expected \(M, J\) or \(L, M, J\), here \(L, 3"
    ):
        log_joint(vae, params, x, np.zeros((4, 2)))
    with pytest.raises(ValueError, match=r"z has shape \(3, 3\)"):
        log_joint_and_grad(vae, params, x, np.zeros((3, 3)))
    with pytest.raises(ValueError, match="x has "):
        mean_log_joint_and_grad(vae, params, np.zeros((3, 5)), z)
    with pytest.raises(ValueError, match="params is"):
        log_joint(vae, decoder_params(vae, params), x, z)


def test_pixels_that_cannot_be_are_refused():
    vae = VAE(4, 2, hidden=(3,))
    params = vae.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match="x has pixels from 0 to 7"):
        log_joint(vae, params, np.full((1, 4), [0, 1, 0, 7.0]), np.zeros((1, 2)))
