"""A model whose evidence is known in closed form: the linear Gaussian one (PPCA).

With linear encoder and decoder and p(x|z) = N(x; z W + b, sigma^2 I), p(x) and p(z|x) are Gaussian
and everything that the library estimates has a formula. What makes the comparison exact is the
noise: the bound's integrand is a quadratic function of eps, and the 2^J vectors of signs have the
same mean (0) and covariance (I) as N(0, I). Averaging over them is Gauss-Hermite quadrature of
order two, exact for quadratics: the *expected* bound to machine precision, from the public methods.
"""

import itertools
from typing import NamedTuple

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from minivae import VAE, Params
from minivae.gaussian import log_density
from minivae.likelihoods import FixedGaussian
from minivae.testing import arrays


def sign_noise(M, J):
    """All vectors of signs as noise for M datapoints, shape (2^J, M, J)."""
    signs = np.array(list(itertools.product([-1.0, 1.0], repeat=J)))
    return np.repeat(signs[:, None], M, axis=1)


class LinearGaussian(NamedTuple):
    """p(z) = N(0, I), p(x|z) = N(z W + b, sigma^2 I), and datapoints."""

    W: np.ndarray
    b: np.ndarray
    sigma: float
    x: np.ndarray

    @property
    def covariance(self):
        """Of p(x) = N(b, W^T W + sigma^2 I)."""
        return self.W.T @ self.W + self.sigma**2 * np.eye(len(self.b))

    def log_evidence(self):
        """Log p(x) of every datapoint, in nats."""
        return scipy.stats.multivariate_normal.logpdf(self.x, self.b, self.covariance).reshape(-1)

    def posterior(self):
        """Mean (M, J) and covariance (J, J) of p(z|x)."""
        precision = np.eye(len(self.W)) + self.W @ self.W.T / self.sigma**2
        covariance = np.linalg.inv(precision)
        return (self.x - self.b) @ self.W.T @ covariance / self.sigma**2, covariance

    def kl_to_posterior(self, mu, log_var):
        """KL(q || p(z|x)) of every datapoint, for q = N(mu, diag exp(log_var))."""
        mean, covariance = self.posterior()
        precision = np.linalg.inv(covariance)
        error = mu - mean
        return 0.5 * (
            np.exp(log_var) @ np.diag(precision)
            + np.einsum("mi,ij,mj->m", error, precision, error)
            - mu.shape[1]
            + np.linalg.slogdet(covariance)[1]
            - log_var.sum(axis=1)
        )

    def vae(self):
        J, D = self.W.shape
        return VAE(D, J, hidden=(), likelihood=FixedGaussian(self.sigma))

    def params(self, encoder_W, encoder_b):
        params = Params(self.vae().param_shapes)
        params["encoder.W1"][:], params["encoder.b1"][:] = encoder_W, encoder_b
        params["decoder.W1"][:], params["decoder.b1"][:] = self.W, self.b
        return params

    def exact_params(self):
        """The encoder that gives p(z|x) exactly; its covariance must be diagonal."""
        _, covariance = self.posterior()
        to_mean = self.W.T @ covariance / self.sigma**2
        log_var = np.log(np.diag(covariance))
        return self.params(
            np.hstack([to_mean, np.zeros_like(to_mean)]), np.hstack([-self.b @ to_mean, log_var])
        )


@st.composite
def linear_gaussians(draw, orthogonal=False):
    J, D = draw(st.integers(1, 3)), draw(st.integers(3, 5))
    W = draw(arrays((J, D)))
    if orthogonal:  # then W W^T, and with it the covariance of p(z|x), is diagonal
        W = np.linalg.qr(W.T)[0].T * np.linalg.norm(W, axis=1, keepdims=True)
    return LinearGaussian(W, draw(arrays((D,))), draw(st.floats(0.3, 2)), draw(arrays((None, D))))


def random_encoder(model, seed=0):
    rng = np.random.default_rng(seed)
    J, D = model.W.shape
    return model.params(0.3 * rng.standard_normal((D, 2 * J)), rng.standard_normal(2 * J))


# --- The bound ------------------------------------------------------------------------------------


@given(linear_gaussians(orthogonal=True))
def test_with_the_exact_posterior_the_bound_is_the_evidence(model):
    vae, params = model.vae(), model.exact_params()
    elbo = vae.elbo(params, model.x, sign_noise(len(model.x), len(model.W)))
    assert elbo == pytest.approx(model.log_evidence().mean(), rel=1e-11)


@given(linear_gaussians(orthogonal=True))
def test_with_the_exact_posterior_every_sample_says_the_evidence(model):
    # log p(x|z) + log p(z) - log q(z|x) does not depend on z: no average, any noise.
    vae, params = model.vae(), model.exact_params()
    noise = np.random.default_rng(0).standard_normal((4, len(model.x), len(model.W)))
    log_px, _ = vae.elbo_terms(params, model.x, noise)
    mu, log_var = vae.encode(params, model.x)
    z = mu + np.exp(log_var / 2) * noise
    weights = log_px + log_density(z) - log_density(z, mu, log_var)
    expected = np.tile(model.log_evidence(), (4, 1))
    np.testing.assert_allclose(weights, expected, rtol=1e-10, atol=1e-10)


@given(linear_gaussians())
def test_the_gap_is_the_divergence_from_the_posterior(model):
    vae, params = model.vae(), random_encoder(model)
    log_px, minus_kl = vae.elbo_terms(params, model.x, sign_noise(len(model.x), len(model.W)))
    gap = model.log_evidence() - (log_px.mean(axis=0) + minus_kl)
    expected = model.kl_to_posterior(*vae.encode(params, model.x))
    np.testing.assert_allclose(gap, expected, rtol=1e-9, atol=1e-9)
    assert np.all(gap > 0)


def test_the_average_over_normal_noise_is_the_average_over_signs():
    # That the quadrature above stands for what training really draws.
    rng = np.random.default_rng(0)
    model = LinearGaussian(
        rng.normal(size=(2, 4)), rng.normal(size=4), 0.8, rng.normal(size=(1, 4))
    )
    vae, params = model.vae(), random_encoder(model)
    log_px, _ = vae.elbo_terms(params, model.x, rng.standard_normal((20_000, 1, 2)))
    exact, _ = vae.elbo_terms(params, model.x, sign_noise(1, 2))
    assert abs(log_px.mean() - exact.mean()) < 6 * log_px.std() / np.sqrt(log_px.size)


# --- Its gradient ---------------------------------------------------------------------------------


@given(linear_gaussians(orthogonal=True))
def test_at_the_exact_posterior_the_encoder_has_no_gradient(model):
    vae, params = model.vae(), model.exact_params()
    _, grad = vae.elbo_and_grad(params, model.x, sign_noise(len(model.x), len(model.W)))
    size = max(1.0, np.abs(grad.vector).max())
    np.testing.assert_allclose(grad["encoder.W1"], 0, atol=1e-12 * size)
    np.testing.assert_allclose(grad["encoder.b1"], 0, atol=1e-12 * size)


@given(linear_gaussians(orthogonal=True))
def test_there_the_decoder_s_gradient_is_that_of_the_evidence(model):
    # d/dC log N(x; b, C) = 1/2 (C^-1 e e^T C^-1 - C^-1), e = x - b, and C = W^T W + sigma^2 I.
    vae, params = model.vae(), model.exact_params()
    _, grad = vae.elbo_and_grad(params, model.x, sign_noise(len(model.x), len(model.W)))
    precision = np.linalg.inv(model.covariance)
    whitened = (model.x - model.b) @ precision
    d_covariance = whitened.T @ whitened / len(model.x) - precision
    np.testing.assert_allclose(grad["decoder.W1"], model.W @ d_covariance, rtol=1e-8, atol=1e-9)
    np.testing.assert_allclose(grad["decoder.b1"], whitened.mean(axis=0), rtol=1e-8, atol=1e-9)


def test_ascent_on_the_encoder_alone_reaches_the_evidence():
    rng = np.random.default_rng(0)
    W = np.diag([1.5, 0.7]) @ np.linalg.qr(rng.normal(size=(4, 2)))[0].T
    model = LinearGaussian(W, rng.normal(size=4), 0.8, rng.normal(size=(20, 4)))
    vae, params = model.vae(), random_encoder(model)
    noise = sign_noise(20, 2)
    gaps = []
    for _ in range(1500):
        elbo, grad = vae.elbo_and_grad(params, model.x, noise)
        gaps.append(model.log_evidence().mean() - elbo)
        for name in ("encoder.W1", "encoder.b1"):
            params[name][:] += 0.1 * grad[name]
    assert gaps[0] > 0.5 and np.all(np.diff(gaps) < 1e-12)
    assert abs(gaps[-1]) < 1e-6


# --- Models that say nothing ----------------------------------------------------------------------


@pytest.mark.parametrize("hidden", [(), (3,)])
def test_with_all_parameters_zero(hidden):
    rng = np.random.default_rng(0)
    x, noise = rng.random((5, 4)), rng.standard_normal((2, 5, 3))
    squares = np.mean(np.sum(x**2, axis=1))
    expected = {
        "bernoulli": -4 * np.log(2),
        "gaussian": -2 * np.log(2 * np.pi) - squares / 2,
        "gaussian-fixed": -2 * np.log(2 * np.pi) - squares / 2,
        "gaussian-sigmoid": -2 * np.log(2 * np.pi) - np.mean(np.sum((x - 0.5) ** 2, axis=1)) / 2,
    }
    slope = {"bernoulli": x - 0.5, "gaussian-sigmoid": (x - 0.5) / 4}
    for likelihood, bound in expected.items():
        vae = VAE(4, 3, hidden, likelihood)
        elbo, grad = vae.elbo_and_grad(Params(vae.param_shapes), x, noise)
        assert elbo == pytest.approx(bound, rel=1e-14)
        bias = grad[f"decoder.b{len(hidden) + 1}"][:4]
        np.testing.assert_allclose(bias, slope.get(likelihood, x).mean(axis=0), rtol=1e-13)
        assert not any(grad[name].any() for name in grad if name.startswith("encoder"))


def test_a_decoder_that_ignores_z_pays_for_the_encoder_s_information():
    # Then the bound is log p(x) - KL(q || p(z)): what is encoded and not used is a loss.
    rng = np.random.default_rng(0)
    vae = VAE(4, 3, (5,))
    params = vae.init_params(rng, std=1.0)
    params["decoder.W1"][:] = 0
    params["encoder.b2"][:] = 2  # so that the encoder says much, whatever is drawn
    x = rng.random((6, 4))
    mu, log_var = vae.encode(params, x)
    kl = 0.5 * np.sum(np.exp(log_var) + mu**2 - 1 - log_var, axis=1).mean()
    silent = params.copy()
    silent["encoder.W2"][:] = silent["encoder.b2"][:] = 0
    noise = rng.standard_normal((1, 6, 3))
    assert kl > 1
    gap = vae.elbo(silent, x, noise) - vae.elbo(params, x, noise)
    assert gap == pytest.approx(kl, rel=1e-12)
