"""Autoencoders as settings of the same training loop, against PCA and against each other."""

import numpy as np
import pytest
from scipy.linalg import subspace_angles

from minivae import VAE, Adam, fit, load
from minivae.estimators import Denoising
from minivae.likelihoods import FixedGaussian

QUIET = {"evaluate_every": None, "progress": False, "threads": 1}


def pooled_digits(n):
    """Digits as means over 4 x 4 pixels, (n, 49)."""
    pixels = load("mnist").train[:n].reshape(-1, 7, 4, 7, 4)
    return np.float32(pixels.mean(axis=(2, 4)).reshape(-1, 49) / 255)


def test_a_linear_autoencoder_is_principal_component_analysis():
    """With squared error and no hidden layer, its best is the projection onto J components."""
    x, J = pooled_digits(2000), 3
    x -= x.mean(axis=0)
    vae = VAE(49, J, (), FixedGaussian(1.0), posterior="deterministic")
    params = None
    for step_size in (1e-2, 1e-3, 1e-4):
        params = fit(vae, x, 200_000, optimizer=Adam(step_size), weight_prior=False, params=params,
                     **QUIET).params  # fmt: skip
    _, _, Vt = np.linalg.svd(x, full_matrices=False)
    angles = np.rad2deg(subspace_angles(params["decoder.W1"].T, Vt[:J].T))
    assert angles.max() < 1.0
    error = np.mean((x - vae.reconstruct(params, x)) ** 2)
    best = np.mean((x - x @ Vt[:J].T @ Vt[:J]) ** 2)
    assert error == pytest.approx(best, rel=2e-3)


def test_an_autoencoder_draws_nothing_and_pays_no_kl():
    vae = VAE(12, 2, (8,), posterior="deterministic")
    rng = np.random.default_rng(0)
    params = vae.init_params(rng, std=0.5)
    x, noise = rng.random((5, 12)), np.zeros((1, 5, 2))
    log_px, minus_kl = vae.elbo_terms(params, x, noise)
    assert not minus_kl.any()
    vae.posterior.draw_noise(rng, noise)
    assert not noise.any()
    y = vae.reconstruct(params, x)
    exact = np.sum(x * np.log(y) + (1 - x) * np.log(1 - y), axis=1)
    np.testing.assert_allclose(log_px[0], exact, rtol=1e-12)


@pytest.mark.parametrize("posterior", ["deterministic", "gaussian"])
def test_denoising_teaches_to_undo_the_corruption(posterior):
    digits = pooled_digits(6000)
    train, test = digits[:5000], digits[5000:]
    vae = VAE(49, 16, (50,), FixedGaussian(0.1), posterior=posterior)
    options = {"optimizer": Adam(1e-2), **QUIET}
    plain = fit(vae, train, 60_000, **options).params
    denoising = fit(vae, train, 60_000, estimator=Denoising(0.5), **options).params
    corrupted = test * (np.random.default_rng(0).random(test.shape) >= 0.5)

    def error(params):
        return np.mean((vae.reconstruct(params, corrupted) - test) ** 2)

    # The ratio is 0.57 and 0.65, to 0.02.
    assert error(denoising) < 0.85 * error(plain)
