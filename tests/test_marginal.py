"""log p(x) by importance sampling and by appendix D, against models where it is known exactly."""

import tracemalloc

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.special import logsumexp
from test_known_answers import LinearGaussian

from minivae import VAE, marginal
from minivae.densities import DENSITIES
from minivae.evaluation import appendix_d, importance_sampling, mean_bound, resample_prior
from minivae.hmc import HMC
from minivae.joint import log_joint
from minivae.marginal import LogEvidence, RunningLogMean, batch_means_error


def linear_gaussian(J, D, N=100, orthogonal=False, sigma=0.8, seed=0):
    """A linear-Gaussian model and N datapoints that it has drawn."""
    rng = np.random.default_rng(seed)
    W = rng.standard_normal((J, D))
    if orthogonal:  # then an encoder with diagonal covariance holds the exact posterior
        W = np.linalg.qr(W.T)[0].T * np.linspace(0.5, 2, J)[:, None]
    b = rng.standard_normal(D)
    x = rng.standard_normal((N, J)) @ W + b + sigma * rng.standard_normal((N, D))
    return LinearGaussian(W, b, sigma, x)


def rms(values):
    return np.sqrt(np.mean(values**2))


@pytest.fixture(scope="module")
def linear():
    return linear_gaussian(3, 6)


def bernoulli_with_one_latent():
    """A model, datapoints, and their log p(x) by quadrature over z."""
    vae = VAE(8, 1, hidden=(5,))
    rng = np.random.default_rng(0)
    params = vae.init_params(rng)
    params.vector[:] = 1.2 * rng.standard_normal(params.vector.size)
    params["encoder.W2"][:] *= 0.1  # an encoder that is wrong, but not wrong and sure of it
    x = vae.sample(params, 60, rng)
    z = np.linspace(-10, 10, 2001)
    log_pxz = [log_joint(vae, params, row[None], z[:, None]) for row in x]
    # The trapezoidal rule, which converges faster than any power of the step here.
    return vae, params, x, logsumexp(log_pxz, axis=1) + np.log(z[1] - z[0])


# --- Importance sampling --------------------------------------------------------------------------


def test_with_the_exact_posterior_every_weight_is_the_evidence():
    model = linear_gaussian(3, 6, orthogonal=True)
    evidence = importance_sampling(model.vae(), model.exact_params(), model.x, samples=7)
    np.testing.assert_allclose(evidence.values, model.log_evidence(), rtol=1e-10)
    assert evidence.errors.max() < 1e-6


def test_with_another_posterior_it_is_right_within_its_errors(linear):
    # The encoder ignores that the latents are correlated, which makes the weights uneven.
    vae, params, exact = linear.vae(), linear.exact_params(), linear.log_evidence()
    evidence = importance_sampling(vae, params, linear.x, samples=2000)
    assert abs(evidence.mean - exact.mean()) < 0.02
    assert abs(evidence.mean - exact.mean()) < 4 * evidence.mean_error
    assert 0.8 < rms((evidence.values - exact) / evidence.errors) < 1.3
    assert evidence.errors.min() > 1e-3


def test_one_sample_estimates_the_bound_and_more_rise_to_the_evidence(linear):
    vae, params, exact = linear.vae(), linear.exact_params(), linear.log_evidence().mean()
    x = np.tile(linear.x, (20, 1))
    means = [importance_sampling(vae, params, x, samples=K).mean for K in (1, 3, 10, 100)]
    bound = mean_bound(vae, params, x, noise_samples=50)
    assert means[0] == pytest.approx(bound, abs=0.03)
    assert means[0] < exact - 0.04 and np.all(np.diff(means) > 0)
    assert means[-1] == pytest.approx(exact, abs=0.01)


def test_bernoulli_pixels_against_quadrature():
    vae, params, x, exact = bernoulli_with_one_latent()
    evidence = importance_sampling(vae, params, x, samples=3000)
    assert abs(evidence.mean - exact.mean()) < min(0.1, 4 * evidence.mean_error)
    assert rms(evidence.values - exact) < 0.1


def test_no_two_chunks_of_datapoints_share_their_noise(linear):
    evidence = importance_sampling(
        linear.vae(), linear.exact_params(), np.tile(linear.x[:1], (300, 1)), samples=3
    )
    assert len(np.unique(evidence.values)) == 300


def test_more_samples_are_the_same_ones_and_others(linear, monkeypatch):
    portions = []

    class Recording(RunningLogMean):
        def add(self, a):
            portions.append(a.copy())
            super().add(a)

    monkeypatch.setattr(marginal, "RunningLogMean", Recording)
    weights = []
    for samples in (7, 12):
        portions.clear()
        importance_sampling(linear.vae(), linear.exact_params(), linear.x[:4], samples=samples)
        weights.append(np.concatenate(portions))
    assert weights[0].shape == (7, 4) and weights[1].shape == (12, 4)
    np.testing.assert_allclose(weights[0], weights[1][:7], rtol=1e-12)


def test_memory_does_not_grow_with_the_samples():
    vae = VAE(50, 2, hidden=(10,))
    params = vae.init_params(np.random.default_rng(0))
    x = np.random.default_rng(1).random((100, 50))
    peaks = []
    for samples in (10, 10, 1000):  # the first one compiles kernels
        tracemalloc.start()
        importance_sampling(vae, params, x, samples=samples, threads=1)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[2] < 1.1 * peaks[1]


@examples(25)
@given(
    seed=st.integers(0, 2**32 - 1),
    portions=st.lists(st.integers(1, 5), min_size=1, max_size=5),
    offset=st.sampled_from([-1e5, -800.0, 0.0, 800.0]),
)
def test_the_running_mean_is_the_mean(seed, portions, offset):
    rng = np.random.default_rng(seed)
    a = offset + rng.uniform(0, 300) * rng.standard_normal((sum(portions), 3))
    running = RunningLogMean(3)
    for part in np.split(a, np.cumsum(portions)[:-1]):
        running.add(part)
    expected = logsumexp(a, axis=0) - np.log(len(a))
    np.testing.assert_allclose(running.value(), expected, rtol=1e-12, atol=1e-9)
    if len(a) > 1:
        w = np.exp(a - a.max(axis=0))
        error = w.std(axis=0, ddof=1) / (w.mean(axis=0) * np.sqrt(len(w)))
        np.testing.assert_allclose(running.error(), error, rtol=1e-6, atol=1e-6)
    else:
        assert np.all(np.isinf(running.error()))


# --- Appendix D -----------------------------------------------------------------------------------


@pytest.mark.parametrize("density", DENSITIES)
@pytest.mark.parametrize("seed", [0, 1])
def test_with_the_paper_s_settings_it_is_within_a_tenth_of_a_nat(density, seed):
    model = linear_gaussian(3, 6, seed=seed)
    exact = model.log_evidence()
    evidence = appendix_d(model.vae(), model.exact_params(), model.x, density=density)
    assert abs(evidence.mean - exact.mean()) < 0.1
    assert evidence.acceptance.mean() == pytest.approx(0.9, abs=0.03)


@pytest.mark.parametrize("density", DENSITIES)
def test_with_more_samples_it_is_right_within_its_errors(linear, density):
    exact = linear.log_evidence()
    evidence = appendix_d(
        linear.vae(), linear.exact_params(), linear.x, samples=200, density=density
    )
    assert abs(evidence.mean - exact.mean()) < 0.03
    assert rms(evidence.values - exact) < 0.15
    assert 0.7 < rms((evidence.values - exact) / evidence.errors) < 2


@pytest.mark.parametrize("density", DENSITIES)
def test_appendix_d_against_quadrature(density):
    vae, params, x, exact = bernoulli_with_one_latent()
    evidence = appendix_d(vae, params, x, samples=200, density=density)
    assert abs(evidence.mean - exact.mean()) < 0.1


def test_it_needs_no_encoder(linear):
    vae, params = linear.vae(), linear.exact_params()
    params["encoder.W1"][:] = params["encoder.b1"][:] = 0  # q(z|x) is the prior
    evidence = appendix_d(vae, params, linear.x, samples=200)
    assert abs(evidence.mean - linear.log_evidence().mean()) < 0.05


def test_it_degrades_as_the_latent_dimension_grows():
    # From 50 samples a Gaussian is fitted well in 2 dimensions, and hardly in 30. All the while
    # the model is Gaussian, importance sampling is exact, and the chains mix as they do for J = 2.
    errors = {}
    for J in (2, 10, 20, 30):
        model = linear_gaussian(J, 30, N=50, orthogonal=True)
        vae, params, exact = model.vae(), model.exact_params(), model.log_evidence()
        evidence = appendix_d(vae, params, model.x)
        errors[J] = rms(evidence.values - exact)
        assert rms(importance_sampling(vae, params, model.x, samples=2).values - exact) < 1e-9
    assert errors[2] < 0.2 and errors[30] > 3
    assert np.all(np.diff(list(errors.values())) > 0)


def test_the_samples_that_the_density_is_fitted_to_would_not_do(monkeypatch):
    model = linear_gaussian(6, 8, orthogonal=True)
    exact, vae, params = model.log_evidence(), model.vae(), model.exact_params()
    fresh = appendix_d(vae, params, model.x, samples=20).mean - exact.mean()
    original, drawn = HMC.sample, {}

    def same_again(self, target, chains, *rest):
        return drawn.setdefault(id(target), original(self, target, chains, *rest))

    monkeypatch.setattr(HMC, "sample", same_again)
    reused = appendix_d(vae, params, model.x, samples=20).mean - exact.mean()
    assert reused < fresh - 0.5 and reused < -0.1


STUCK = HMC(4, step_size=1e6, gain=1e-9)


def test_every_chain_starts_where_it_is_told_to():
    model = linear_gaussian(2, 3, N=600)  # several parts
    start = np.random.default_rng(0).standard_normal((600, 2))
    evidence = appendix_d(
        model.vae(), model.exact_params(), model.x, samples=3, warm_up=1, start=start, hmc=STUCK
    )
    assert np.array_equal(evidence.z, start)


def test_a_chain_that_has_not_moved_gives_nan(linear):
    for density in DENSITIES:
        evidence = appendix_d(
            linear.vae(), linear.exact_params(), linear.x[:3], hmc=STUCK, density=density
        )
        assert np.all(np.isnan(evidence.values)) and np.all(np.isnan(evidence.errors))
        assert not evidence.acceptance.any()


def test_it_can_start_where_it_ended(linear):
    vae, params = linear.vae(), linear.exact_params()
    first = appendix_d(vae, params, linear.x)
    again = appendix_d(vae, params, linear.x, start=first.z, warm_up=10)
    assert abs(again.mean - linear.log_evidence().mean()) < 0.1
    far_off = appendix_d(vae, params, linear.x, start=np.full((100, 3), 1e3), warm_up=1)
    assert abs(far_off.mean - linear.log_evidence().mean()) > 1


# --- Densities and errors -------------------------------------------------------------------------


def test_densities_are_those_of_scipy():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((30, 4, 3)) @ rng.standard_normal((3, 3)) + rng.standard_normal((4, 3))
    others = rng.standard_normal((7, 4, 3))
    gaussian, kernel = (DENSITIES[name](z)(others) for name in ("gaussian", "kernel"))
    for i in range(4):
        normal = scipy.stats.multivariate_normal(z[:, i].mean(axis=0), np.cov(z[:, i].T))
        np.testing.assert_allclose(gaussian[:, i], normal.logpdf(others[:, i]), rtol=1e-9)
        kde = scipy.stats.gaussian_kde(z[:, i].T)
        np.testing.assert_allclose(kernel[:, i], kde.logpdf(others[:, i].T), rtol=1e-12)


@pytest.mark.parametrize("density", DENSITIES)
def test_samples_in_a_plane_have_no_density(density):
    z = np.random.default_rng(0).standard_normal((30, 2, 3))
    z[:, 1, 2] = 0.0
    found = DENSITIES[density](z)(z)
    assert np.all(np.isfinite(found[:, 0])) and np.all(np.isnan(found[:, 1]))


def test_batch_means_know_that_samples_of_a_chain_resemble_each_other():
    # a_t = rho a_(t-1) + sqrt(1 - rho^2) eps: K samples are worth K (1 - rho) / (1 + rho).
    rng = np.random.default_rng(0)
    rho, K, n, scale = 0.7, 2500, 200, 0.1
    a = rng.standard_normal((K, n))
    for t in range(1, K):
        a[t] = rho * a[t - 1] + np.sqrt(1 - rho**2) * a[t]
    exact = scale * np.sqrt((1 + rho) / (1 - rho) / K)
    assert rms(batch_means_error(scale * a)) == pytest.approx(exact, rel=0.1)
    as_if_independent = RunningLogMean(n)
    as_if_independent.add(scale * a)
    assert rms(as_if_independent.error()) < 0.5 * exact


def test_mean_and_its_error():
    evidence = LogEvidence(np.array([1.0, 3.0]), np.array([3.0, 4.0]))
    assert (evidence.mean, evidence.mean_error) == (2.0, 2.5)


# --- Both -----------------------------------------------------------------------------------------

BOTH = [importance_sampling, appendix_d]


@pytest.mark.parametrize("estimate", BOTH)
def test_threads_change_nothing_and_the_seed_does(estimate):
    model = linear_gaussian(2, 4, N=620)  # several parts, the last one smaller
    vae, params = model.vae(), model.exact_params()
    one, two, three = (
        estimate(vae, params, model.x, samples=10, threads=threads) for threads in (1, 2, 3)
    )
    for other in (two, three):
        assert np.array_equal(one.values, other.values)
        assert np.array_equal(one.errors, other.errors)
    other = estimate(vae, params, model.x, samples=10, seed=1)
    assert not np.any(one.values == other.values)
    # Every datapoint has an estimate of its own, in its place.
    assert np.corrcoef(one.values, model.log_evidence())[0, 1] > 0.95


@pytest.mark.parametrize("estimate", BOTH)
def test_uint8_pixels_and_float32_agree_with_float64(estimate):
    vae = VAE(20, 2, hidden=(6,))
    params = vae.init_params(np.random.default_rng(0), std=0.5)
    pixels = np.random.default_rng(1).integers(0, 256, (30, 20), dtype=np.uint8)
    options = {"samples": 100, "threads": 1}
    double = estimate(vae, params, pixels / 255, **options)
    assert estimate(vae, params, pixels, **options).mean == pytest.approx(double.mean, rel=1e-9)
    single = estimate(vae, params.astype(np.float32), pixels, **options)
    assert single.values.dtype == np.float64
    error = np.hypot(single.mean_error, double.mean_error)  # their noise differs
    assert abs(single.mean - double.mean) < 4 * error < 0.6


@pytest.mark.parametrize("estimate", BOTH)
@pytest.mark.parametrize(
    "change, message",
    [
        ({"samples": 0}, "samples is 0, expected a whole number"),
        ({"x": np.zeros((3, 5))}, "x has 5 features, the model expects 4"),
        ({"x": np.full((3, 4), np.nan)}, "x has 12 values that are NaN"),
        ({"params": None}, "params is NoneType, expected"),
        ({"threads": 0}, "threads is 0, expected"),
    ],
)
def test_what_does_not_fit_is_refused(estimate, change, message):
    vae = VAE(4, 2, hidden=(3,))
    arguments = {"params": vae.init_params(np.random.default_rng(0)), "x": np.zeros((3, 4))}
    with pytest.raises(ValueError, match=message):
        estimate(vae, **{**arguments, **change})


@pytest.mark.parametrize(
    "change, message",
    [
        ({"samples": 2}, "samples is 2, expected more than the model's 2 latent dimensions"),
        ({"density": "histogram"}, "density is 'histogram', expected one of gaussian, kernel"),
        ({"warm_up": 0}, "warm_up is 0, expected"),
        ({"start": np.zeros((3, 3))}, r"start has shape \(3, 3\), expected \(3, 2\)"),
        ({"hmc": 4}, "hmc is 4, expected one such as HMC"),
    ],
)
def test_appendix_d_refuses_what_it_cannot_do(change, message):
    vae = VAE(4, 2, hidden=(3,))
    params = vae.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match=message):
        appendix_d(vae, params, np.zeros((3, 4)), **change)


def test_a_posterior_without_a_density_is_refused():
    vae = VAE(4, 2, hidden=(3,), posterior="deterministic")
    params = vae.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match="posterior is deterministic"):
        importance_sampling(vae, params, np.zeros((3, 4)))


# --- A start without a recognition model ----------------------------------------------------------


def test_resampled_prior_follows_the_posterior():
    model = linear_gaussian(1, 3, N=1)
    x = np.repeat(model.x, 4000, axis=0)
    z = resample_prior(model.vae(), model.exact_params(), x, draws=4000)[:, 0]
    mean, covariance = model.posterior()
    sd = np.sqrt(covariance.item())
    assert z.mean() == pytest.approx(mean.item(), abs=0.1 * sd)
    assert z.std() == pytest.approx(sd, rel=0.1)
