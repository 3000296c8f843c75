"""The bound split by latent: against the whole, and against a model whose latents are known."""

import numpy as np
import pytest

from minivae import VAE
from minivae.evaluation import bound_terms
from minivae.evaluation.latents import latent_usage
from minivae.likelihoods import FixedGaussian

X = np.random.default_rng(0).random((40, 6))


def test_the_parts_add_up_to_the_bound():
    vae = VAE(6, 3, (4,))
    params = vae.init_params(np.random.default_rng(1), std=1.0)
    usage = latent_usage(vae, params, X, noise_samples=2, seed=3)
    log_px, minus_kl = bound_terms(vae, params, X, noise_samples=2, seed=3)
    assert usage.kl.sum() == pytest.approx(-minus_kl.mean(), rel=1e-12)
    assert usage.reconstruction == pytest.approx(log_px.mean(), rel=1e-12)
    assert usage.kl.shape == usage.variance.shape == usage.active.shape == (3,)


def test_known_latents():
    """One latent copies a pixel with sigma^2 = 1/2, one is at the prior, one is constant at 2."""
    vae = VAE(6, 3, (), FixedGaussian(1.0))
    params = vae.init_params(np.random.default_rng(1), std=0.0)
    params["encoder.W1"][0, 0] = 1
    params["encoder.b1"][:] = [0, 0, 2, np.log(0.5), 0, 0]
    usage = latent_usage(vae, params, X)
    copied = 0.5 * (np.mean(X[:, 0] ** 2) + 0.5 - 1 + np.log(2))
    np.testing.assert_allclose(usage.kl, [copied, 0, 2], atol=1e-12)
    np.testing.assert_allclose(usage.variance, [X[:, 0].var(), 0, 0], atol=1e-12)
    assert usage.active.tolist() == [True, False, False]


def test_a_latent_that_moves_by_less_than_a_tenth_is_inactive():
    vae = VAE(1, 2, (), FixedGaussian(1.0))
    params = vae.init_params(np.random.default_rng(1), std=0.0)
    params["encoder.W1"][0, :2] = [0.099, 0.101]
    usage = latent_usage(vae, params, np.array([[-1.0], [1.0]] * 3))
    assert usage.active.tolist() == [False, True]


def test_more_datapoints_than_are_encoded_at_a_time():
    vae = VAE(2, 1, (), FixedGaussian(1.0))
    params = vae.init_params(np.random.default_rng(1), std=1.0)
    x = np.random.default_rng(2).random((2345, 2))
    mu, _ = vae.encode(params, x)
    np.testing.assert_allclose(latent_usage(vae, params, x).variance, mu.var(axis=0), rtol=1e-12)


def test_a_posterior_that_does_not_factorise_is_refused():
    vae = VAE(6, 2, (3,), posterior="full-covariance")
    params = vae.init_params(np.random.default_rng(1))
    with pytest.raises(ValueError, match="posterior is 'full-covariance', expected a diagonal"):
        latent_usage(vae, params, X)
