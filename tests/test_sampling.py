"""What is sampled has the distribution that the model says.

A gradient check cannot see this: a sampler and its backward pass that agree on the wrong
distribution pass it. Tolerances are six standard errors of what is measured, and one in ten million
for whole curves: loose enough for an honest sampler and any seed, while the mistakes that are made
in practice (a variance for a standard deviation, say) are off by hundreds.
"""

import numpy as np
import pytest
import scipy.stats
from scipy.special import expit

from minivae import VAE, Params, check_grad
from minivae.gaussian import halves, log_density, sample_posterior
from minivae.likelihoods import LIKELIHOODS, Bernoulli, FixedGaussian, Gaussian
from minivae.posteriors import POSTERIORS

N = 40_000


def assert_normal(samples, mean, sd):
    """Samples (n, ...) come from N(mean, sd^2), entry by entry: moments and the whole curve."""
    n = len(samples)
    mean, sd = np.broadcast_to(mean, samples.shape[1:]), np.broadcast_to(sd, samples.shape[1:])
    np.testing.assert_array_less(np.abs(samples.mean(axis=0) - mean), 6 * sd / np.sqrt(n))
    ratio = samples.var(axis=0) / sd**2
    np.testing.assert_array_less(np.abs(ratio - 1), 6 * np.sqrt(2 / n))
    standardised = (samples - mean) / sd
    for column in standardised.reshape(n, -1).T:
        assert scipy.stats.kstest(column, "norm").pvalue > 1e-7


# --- q(z|x) ---------------------------------------------------------------------------------------

MU = np.array([[0.0, 1.0], [-2.0, 0.3], [5.0, 0.0]])
LOG_VAR = np.array([[0.0, -2.0], [1.5, 0.7], [-4.0, 2.0]])
STATS = np.hstack([MU, LOG_VAR])


def posterior_samples(n=N, seed=0):
    noise = np.random.default_rng(seed).standard_normal((n, *MU.shape))
    z, minus_kl = sample_posterior(STATS, noise)
    return z, minus_kl


def test_z_has_mean_mu_and_standard_deviation_exp_of_half_log_var():
    z, _ = posterior_samples()
    assert_normal(z, MU, np.exp(LOG_VAR / 2))


def test_the_dimensions_of_z_are_independent():
    z, _ = posterior_samples()
    correlations = np.corrcoef(z.reshape(N, -1).T) - np.eye(MU.size)
    assert np.abs(correlations).max() < 6 / np.sqrt(N)


def test_every_datapoint_gets_its_own_noise():
    noise = np.random.default_rng(0).standard_normal((3, 4, 2))
    z, _ = sample_posterior(np.zeros((4, 4)), noise)
    np.testing.assert_array_equal(z, noise)


def test_the_kl_term_is_what_the_samples_say():
    # KL = E_q[log q(z) - log p(z)]: the same q for the samples, the density and the closed form.
    z, minus_kl = posterior_samples()
    terms = log_density(z, *halves(STATS)) - log_density(z)
    error = terms.mean(axis=0) - (-minus_kl)
    np.testing.assert_array_less(np.abs(error), 6 * terms.std(axis=0) / np.sqrt(N))


def test_a_model_samples_what_its_encoder_says():
    # Through public methods only: a decoder that hands z on shows the z that the bound has used.
    vae = VAE(2, 2, hidden=(), likelihood=FixedGaussian(1.0))
    params = Params(vae.param_shapes)
    params["encoder.W1"][:] = [[1.0, 0.2, 0.5, -0.3], [0.1, -0.7, 0.4, 0.9]]
    params["encoder.b1"][:] = [0.3, -0.2, -1.0, 0.8]
    params["decoder.W1"][:] = np.eye(2)
    x = np.array([[0.7, -1.1]])
    mu, log_var = vae.encode(params, x)
    # d/db of log N(x; z + b, I) is x - z, averaged over samples: with one sample, z itself.
    noise = np.random.default_rng(0).standard_normal((4000, 1, 1, 2))
    z = np.array([x[0] - vae.elbo_and_grad(params, x, eps)[1]["decoder.b1"] for eps in noise])
    assert_normal(z, mu[0], np.exp(log_var[0] / 2))


RANDOM = [posterior for name, posterior in POSTERIORS.items() if name != "deterministic"]
SIGNS = np.array([-1.0, 1.0]).reshape(2, 1, 1)  # as good as all of N(0, 1), for a square
# With one latent all families have two q_params, a location and the logarithm of a scale.
UNIT = np.array([[0.7, 0.0]])

narrow_and_wide = pytest.mark.parametrize("log_scale", [-20.0, -12.0, -7.0, 7.0, 12.0, 20.0])
every_posterior = pytest.mark.parametrize("posterior", RANDOM, ids=repr)


def scaled(posterior, log_scale):
    """Return samples of UNIT, those of another scale, its q_params, and its sd over UNIT's."""
    q_params = np.array([[0.7, log_scale]])
    z_of_unit, z = (posterior.sample(s, SIGNS)[0] for s in (UNIT, q_params))
    (_, log_var_of_unit), (_, log_var) = posterior.moments(UNIT), posterior.moments(q_params)
    return z_of_unit, z, q_params, np.exp(0.5 * (log_var - log_var_of_unit)).item()


@every_posterior
@narrow_and_wide
def test_z_and_kl_of_very_narrow_and_very_wide_posteriors(posterior, log_scale):
    z_of_unit, z, q_params, ratio = scaled(posterior, log_scale)
    np.testing.assert_allclose(z, 0.7 + ratio * (z_of_unit - 0.7), rtol=1e-12)
    _, minus_kl = posterior.sample(q_params, SIGNS)
    log_q = posterior.log_density(z_of_unit, UNIT) - np.log(ratio)
    np.testing.assert_allclose(minus_kl, np.mean(log_density(z) - log_q), rtol=1e-7)
    for weights, scale in ((np.array([[[0.3]], [[0.5]]]), 0.0), (np.zeros((2, 1, 1)), 0.8)):

        def f(q_params, weights=weights, scale=scale):
            z, minus_kl = posterior.sample(q_params, SIGNS)
            grad = posterior.sample_backward(weights, q_params, SIGNS, scale)
            return float(np.sum(weights * z) + scale * np.sum(minus_kl)), grad

        check_grad(f, q_params)


@every_posterior
@narrow_and_wide
def test_log_densities_of_very_narrow_and_very_wide_posteriors(posterior, log_scale):
    # Of numbers that are rounded at 1e-16 and lie 1e-9 apart, seven digits are left.
    z_of_unit, z, q_params, ratio = scaled(posterior, log_scale)
    log_q = posterior.log_density(z_of_unit, UNIT) - np.log(ratio)
    np.testing.assert_allclose(posterior.log_density(z, q_params), log_q, rtol=1e-6)
    weights = np.array([0.3, 0.5])
    dz, dq_params = posterior.log_density_grad(z, q_params, weights)
    dz_of_unit, dq_params_of_unit = posterior.log_density_grad(z_of_unit, UNIT, weights)
    np.testing.assert_allclose(ratio * dz, dz_of_unit, rtol=1e-6)
    np.testing.assert_allclose(dq_params * [ratio, 1], dq_params_of_unit, rtol=1e-6, atol=1e-6)


def test_the_log_density_of_a_logistic_posterior_falls_like_the_distance():
    log_q = POSTERIORS["logistic"].log_density(np.array([[-1e4], [1e4]]), np.zeros((1, 2)))
    np.testing.assert_allclose(log_q, [-1e4, -1e4], rtol=1e-12)


# --- p(x|z) ---------------------------------------------------------------------------------------

A = np.array([-2.0, 0.0, 0.4, 3.0])
LOG_VARS = np.array([0.0, -3.0, 1.2, 2.0])


def draw(likelihood, out, dtype=np.float64):
    return likelihood.sample(np.tile(out.astype(dtype), (N, 1)), np.random.default_rng(0))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_bernoulli_pixels(dtype):
    x, p = draw(Bernoulli(), A, dtype), expit(A)
    assert set(np.unique(x)) == {0, 1}
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - p), 6 * np.sqrt(p * (1 - p) / N))


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_gaussian_pixels(dtype):
    sd = np.exp(LOG_VARS / 2)
    out = np.hstack([A, LOG_VARS])
    assert_normal(draw(Gaussian(), out, dtype), A, sd)
    assert_normal(draw(Gaussian(sigmoid_mean=True), out, dtype), expit(A), sd)
    for sigma in (1.0, 0.3, 2.5):
        assert_normal(draw(FixedGaussian(sigma), A, dtype), A, sigma)


@pytest.mark.parametrize("likelihood", [Gaussian(), Gaussian(sigmoid_mean=True)], ids=repr)
def test_gaussian_pixels_of_very_small_and_very_large_variance(likelihood):
    def standardised(log_vars):
        out = np.concatenate([np.zeros_like(log_vars), log_vars])[None]
        x = likelihood.sample(out, np.random.default_rng(0))
        return (x - likelihood.mean(out)) / np.exp(log_vars / 2)

    log_vars = np.linspace(-20, 20, 41)
    np.testing.assert_allclose(standardised(log_vars), standardised(0 * log_vars), rtol=1e-9)


@pytest.mark.parametrize(
    "likelihood", [Gaussian(), Gaussian(sigmoid_mean=True), FixedGaussian(0.3)], ids=repr
)
def test_log_prob_of_samples_is_minus_the_entropy(likelihood):
    # The sampler and the density are of the same distribution: E[-log p(x)] is its entropy.
    out = np.tile(np.hstack([A, LOG_VARS])[: 4 * likelihood.outputs_per_pixel], (N, 1))
    x, log_px = likelihood.sample(out, np.random.default_rng(0)), np.empty((1, N))
    likelihood.log_prob_and_grad(out[None], x, 1.0, log_px)
    sd = np.exp(LOG_VARS / 2) if likelihood.outputs_per_pixel == 2 else np.full(4, 0.3)
    entropy = scipy.stats.norm.entropy(A, sd).sum()
    assert abs(-log_px.mean() - entropy) < 6 * log_px.std() / np.sqrt(N)


# --- p(x): samples from the model -----------------------------------------------------------------


def linear_model(likelihood, W, b):
    vae = VAE(W.shape[1], W.shape[0], (), likelihood)
    params = Params(vae.param_shapes)
    outputs = vae.likelihood.outputs_per_pixel
    params["decoder.W1"][:, : W.shape[1]] = W
    params["decoder.b1"][:] = np.hstack([b, LOG_VARS])[: outputs * len(b)]
    return vae, params


W = np.array([[1.0, -0.5, 2.0, 0.0], [0.3, 0.8, 0.0, -1.0]])


@pytest.mark.parametrize("likelihood", LIKELIHOODS.values(), ids=repr)
def test_z_and_pixels_come_from_the_caller_s_generator(likelihood):
    # Behind a decoder that ignores z, two samples differ by the noise of their pixels alone.
    vae, params = linear_model(likelihood, 0 * W, A)
    rng, by_hand = np.random.default_rng(0), np.random.default_rng(0)
    first, second = (vae.sample(params, 20, rng) for _ in range(2))
    for x in (first, second):
        by_hand.standard_normal((20, 2))  # z
        out = np.tile(params["decoder.b1"], (20, 1))
        np.testing.assert_array_equal(x, likelihood.sample(out, by_hand))
    vae.sample(params, 20, rng, mean=True)
    by_hand.standard_normal((20, 2))
    assert rng.bit_generator.state == by_hand.bit_generator.state
    assert np.any(first != second)


@pytest.mark.parametrize(
    ("likelihood", "variances"),
    [(FixedGaussian(0.6), np.full(4, 0.36)), (Gaussian(), np.exp(LOG_VARS))],
    ids=repr,
)
def test_samples_of_a_linear_model_have_its_covariance(likelihood, variances):
    vae, params = linear_model(likelihood, W, A)
    x = vae.sample(params, N, np.random.default_rng(0))
    covariance = W.T @ W + np.diag(variances)
    assert_normal(x, A, np.sqrt(np.diag(covariance)))
    # All at once: whitened, the squared length is chi-squared with one degree for each pixel.
    length = np.einsum("ni,ij,nj->n", x - A, np.linalg.inv(covariance), x - A)
    assert scipy.stats.kstest(length, scipy.stats.chi2(4).cdf).pvalue > 1e-7


@pytest.mark.parametrize("likelihood", [FixedGaussian(0.6), Gaussian()], ids=repr)
def test_the_mean_of_samples_leaves_the_pixel_noise_out(likelihood):
    vae, params = linear_model(likelihood, W, A)
    x = vae.sample(params, N, np.random.default_rng(0), mean=True)
    assert_normal(x, A, np.sqrt(np.diag(W.T @ W)))


def test_samples_of_a_bernoulli_model_have_the_marginal_frequencies():
    vae, params = linear_model("bernoulli", W, A)
    x = vae.sample(params, N, np.random.default_rng(0))
    mean = vae.sample(params, N, np.random.default_rng(0), mean=True)
    # z W + b is normal, and E[sigmoid] of a normal number is a one-dimensional integral.
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    logits = A + np.sqrt(np.diag(W.T @ W)) * nodes[:, None]
    p = weights @ expit(logits) / weights.sum()
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - p), 6 * np.sqrt(p * (1 - p) / N))
    np.testing.assert_array_less(np.abs(mean.mean(axis=0) - p), 6 * mean.std(axis=0) / np.sqrt(N))
    assert set(np.unique(x)) == {0, 1} and 0 < mean.min() < mean.max() < 1


def test_samples_of_a_sigmoid_gaussian_model_have_its_moments():
    vae, params = linear_model("gaussian-sigmoid", W, A)
    x = vae.sample(params, N, np.random.default_rng(0))
    nodes, weights = np.polynomial.hermite_e.hermegauss(80)
    means = expit(A + np.sqrt(np.diag(W.T @ W)) * nodes[:, None])
    mean = weights @ means / weights.sum()
    variance = weights @ means**2 / weights.sum() - mean**2 + np.exp(LOG_VARS)
    np.testing.assert_array_less(np.abs(x.mean(axis=0) - mean), 6 * np.sqrt(variance / N))
    np.testing.assert_array_less(np.abs(x.var(axis=0) / variance - 1), 6 * np.sqrt(2 / N))
