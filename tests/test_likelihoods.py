"""log p(x|z) against scipy's densities: sign, scale, constants; and its gradients."""

import re

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from minivae import VAE, check_grad
from minivae.likelihoods import (
    LIKELIHOODS,
    Bernoulli,
    FixedGaussian,
    Gaussian,
    Poisson,
    get_likelihood,
)
from minivae.testing import arrays


def binary_log_pmf(out, x):
    return scipy.stats.bernoulli.logpmf(x, scipy.special.expit(out))


def gaussian_log_pdf(out, x):
    mean, log_var = np.split(out, 2, axis=-1)
    return scipy.stats.norm.logpdf(x, mean, np.exp(log_var / 2))


def sigmoid_gaussian_log_pdf(out, x):
    a, log_var = np.split(out, 2, axis=-1)
    return scipy.stats.norm.logpdf(x, scipy.special.expit(a), np.exp(log_var / 2))


# Each with scipy's word for the log density of single pixels.
LOG_DENSITIES = {
    Bernoulli(): binary_log_pmf,
    Gaussian(): gaussian_log_pdf,
    Gaussian(sigmoid_mean=True): sigmoid_gaussian_log_pdf,
    FixedGaussian(): lambda out, x: scipy.stats.norm.logpdf(x, out, 1.0),
    FixedGaussian(0.3): lambda out, x: scipy.stats.norm.logpdf(x, out, 0.3),
    FixedGaussian(relu_mean=True): lambda out, x: scipy.stats.norm.logpdf(x, np.maximum(out, 0)),
    Poisson(): lambda out, x: scipy.stats.poisson.logpmf(x, np.exp(out)),
}

every_likelihood = pytest.mark.parametrize(
    ("likelihood", "log_density"),
    [pytest.param(*item, id=repr(item[0])) for item in LOG_DENSITIES.items()],
)


@st.composite
def observations(draw, likelihood):
    """Draw ``(out, x, L)``: decoder outputs, pixels, samples per datapoint."""
    M, D, L = (draw(st.integers(1, 4)) for _ in range(3))
    out = draw(arrays((L, M, D * likelihood.outputs_per_pixel)))
    x = draw(arrays((M, D)))
    if isinstance(likelihood, Bernoulli):
        x = (x > 0).astype(float)
    if isinstance(likelihood, Poisson):
        x = np.floor(5 * np.abs(x))
    return out, x, L


def log_prob_and_grad(likelihood, out, x, scale=1.0):
    gradient, log_px = out.copy(), np.full(out.shape[:-1], np.nan, out.dtype)
    samples, of_samples = (gradient[None], log_px[None]) if out.ndim == 2 else (gradient, log_px)
    likelihood.log_prob_and_grad(samples, x, scale, of_samples)
    return log_px, gradient


def test_every_likelihood_is_in_the_table():
    assert set(LIKELIHOODS.values()) <= set(LOG_DENSITIES)
    assert all(name == likelihood.name for name, likelihood in LIKELIHOODS.items())


@every_likelihood
@given(data=st.data())
def test_log_prob_is_scipy_s_summed_over_pixels(likelihood, log_density, data):
    out, x, _ = data.draw(observations(likelihood))
    log_px, _ = log_prob_and_grad(likelihood, out, x)
    expected = log_density(out, np.broadcast_to(x, (len(out), *x.shape))).sum(axis=-1)
    np.testing.assert_allclose(log_px, expected, rtol=1e-10, atol=1e-12)


@every_likelihood
@given(data=st.data(), scale=st.floats(0.1, 2))
def test_gradient_of_log_prob(likelihood, log_density, data, scale):
    out, x, _ = data.draw(observations(likelihood))

    def scaled_sum(out):
        log_px, gradient = log_prob_and_grad(likelihood, out, x, scale)
        return float(scale * log_px.sum()), gradient

    check_grad(scaled_sum, out)


# --- Far from zero --------------------------------------------------------------------------------
# One pixel to a row, so that nothing hides behind a larger number, and rounding is all that is
# allowed: some of numbers as large as the expected one, and of numbers of order one.

EXTREMES = [0.0, *(sign * a for sign in (1, -1) for a in (0.3, 5.0, 17.0, 50.0, 100.0, 700.0, 1e4))]
EXTREME_LOG_VARS = [-80.0, *range(-20, 21), 80.0]
GAUSSIANS = [each for each in LOG_DENSITIES if isinstance(each, Gaussian | FixedGaussian)]

every_dtype = pytest.mark.parametrize("dtype", [np.float32, np.float64])


def assert_same(came, expected):
    tolerance = 20 * np.finfo(came.dtype).eps
    np.testing.assert_allclose(came, expected, rtol=tolerance, atol=tolerance)


def mean_and_slope(likelihood, a):
    """E[x|z] and its derivative, for a Gaussian likelihood."""
    if getattr(likelihood, "sigmoid_mean", False):
        return scipy.special.expit(a), scipy.special.expit(a) * scipy.special.expit(-a)
    if getattr(likelihood, "relu_mean", False):
        return np.maximum(a, 0), a > 0
    return a, 1.0


@every_dtype
@pytest.mark.parametrize(
    "likelihood", [*GAUSSIANS, FixedGaussian(1e-5), FixedGaussian(1e5)], ids=repr
)
def test_gaussians_with_extreme_means_and_variances(likelihood, dtype):
    learned = likelihood.outputs_per_pixel == 2
    log_vars = EXTREME_LOG_VARS if learned else []
    a = np.array([*EXTREMES, *(1.25 for _ in log_vars)])
    log_var = np.array([*(0.5 for _ in EXTREMES), *log_vars])
    out = np.column_stack([a, log_var] if learned else [a]).astype(dtype)
    log_px, gradient = log_prob_and_grad(likelihood, out, np.full((len(a), 1), 0.25, dtype))
    mean, slope = mean_and_slope(likelihood, out[:, 0].astype(np.float64))
    sd = np.exp(log_var / 2) if learned else likelihood.sigma
    assert_same(log_px, scipy.stats.norm.logpdf(0.25, mean, sd))
    error = (0.25 - mean) / sd
    expected = [error / sd * slope, (error**2 - 1) / 2]
    assert_same(gradient, np.column_stack(expected[: likelihood.outputs_per_pixel]))
    assert_same(likelihood.mean(out)[:, 0], mean)


@every_dtype
@pytest.mark.parametrize("count", [0, 3, 1000])
def test_poisson_with_extreme_rates(count, dtype):
    log_rates = np.array([[-80.0], [-1.0], [0.0], [7.0], [40.0]], dtype)
    log_px, gradient = log_prob_and_grad(Poisson(), log_rates, np.full_like(log_rates, count))
    a = log_rates.astype(np.float64)
    terms = np.stack([count * a, -np.exp(a), np.full_like(a, -scipy.special.gammaln(count + 1.0))])
    rounding = 8 * np.finfo(dtype).eps * np.abs(terms).sum(axis=0).ravel()
    assert np.all(np.abs(log_px - terms.sum(axis=0).ravel()) <= rounding)
    assert_same(gradient, count - np.exp(a))


def test_a_negative_count_is_refused():
    message = "x has counts down to -1, expected at least 0 for a Poisson likelihood"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Poisson().check(np.array([[2.0, -1.0]]))
    Poisson().check(np.array([[0.0, 1e6]]))


@every_dtype
@pytest.mark.parametrize("pixel", [0.0, 0.25, 1.0])
def test_bernoulli_with_extreme_logits(pixel, dtype):
    logits = np.array(EXTREMES, dtype)[:, None]
    log_px, gradient = log_prob_and_grad(Bernoulli(), logits, np.full_like(logits, pixel))
    a = logits.astype(np.float64)
    log_p, log_not_p = scipy.special.log_expit(a), scipy.special.log_expit(-a)
    assert_same(log_px, (pixel * log_p + (1 - pixel) * log_not_p)[:, 0])
    assert_same(gradient, pixel - np.exp(log_p))
    assert_same(Bernoulli().mean(logits), np.exp(log_p))


# --- What goes in and what comes out --------------------------------------------------------------


@given(st.data())
def test_a_grey_pixel_is_a_mixture_of_black_and_white(data):
    # log p(x) is linear in x: that is what "grey pixels serve as Bernoulli means" says.
    out, _, _ = data.draw(observations(Bernoulli()))
    grey = np.random.default_rng(0).random(out.shape[1:])
    log_px, _ = log_prob_and_grad(Bernoulli(), out, grey)
    expected = grey * binary_log_pmf(out, 1) + (1 - grey) * binary_log_pmf(out, 0)
    np.testing.assert_allclose(log_px, expected.sum(axis=-1), rtol=1e-10, atol=1e-12)


@every_likelihood
@given(data=st.data())
def test_x_is_left_alone(likelihood, log_density, data):
    out, x, _ = data.draw(observations(likelihood))
    before, out_before = x.copy(), out.copy()
    log_prob_and_grad(likelihood, out, x)
    np.testing.assert_array_equal(x, before)
    mean = likelihood.mean(out)
    likelihood.sample(out, np.random.default_rng(0))
    mean[:] = 77  # a caller may do as he likes with what he gets
    np.testing.assert_array_equal(out, out_before)


@every_likelihood
@given(data=st.data())
def test_float32_is_near_float64(likelihood, log_density, data):
    out, x, _ = data.draw(observations(likelihood))
    exact = log_prob_and_grad(likelihood, out, x)
    short = log_prob_and_grad(likelihood, out.astype(np.float32), x.astype(np.float32))
    for ours, expected in zip(short, exact, strict=True):
        assert ours.dtype == np.float32
        size = max(1.0, np.abs(expected).max())
        np.testing.assert_allclose(ours, expected, rtol=1e-4, atol=1e-5 * size)


@every_likelihood
def test_mean_is_the_expectation_under_the_density(likelihood, log_density):
    out = np.linspace(-1.5, 1.0, 2 * likelihood.outputs_per_pixel).reshape(1, -1)
    x = {Bernoulli: np.array([0.0, 1.0]), Poisson: np.arange(100.0)}.get(
        type(likelihood), np.linspace(-20, 20, 40_001)
    )
    weight = x[1] - x[0]
    for j in range(2):
        density = weight * np.exp(log_density(out[:, j::2], x[:, None])).ravel()
        assert density.sum() == pytest.approx(1, abs=1e-9)
        assert likelihood.mean(out)[0, j] == pytest.approx(density @ x, abs=1e-9)


@every_likelihood
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_mean_and_sample_keep_shape_and_dtype(likelihood, log_density, dtype):
    out = np.zeros((5, 3 * likelihood.outputs_per_pixel), dtype)
    for x in (likelihood.mean(out), likelihood.sample(out, np.random.default_rng(0))):
        assert x.shape == (5, 3) and x.dtype == dtype


@every_likelihood
@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_pixels_that_are_not_finite_are_refused(likelihood, log_density, bad):
    x = np.zeros((3, 4))
    x[1, 2] = x[2, 0] = bad
    message = (
        "pixels has 2 values that are NaN or infinite (the first at index (1, 2)), "
        "expected finite pixels"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        likelihood.check(x, "pixels")


@pytest.mark.parametrize(
    ("x", "came"), [([[0.5, 1.01]], "from 0.5 to 1.01"), ([[-0.25, 0]], "from -0.25 to 0")]
)
def test_bernoulli_pixels_out_of_range_are_refused(x, came):
    message = f"x has pixels {came}, expected [0, 1] for a Bernoulli likelihood"
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        Bernoulli().check(np.array(x))


@pytest.mark.parametrize("x", [np.nextafter(1, 2), np.nextafter(0, -1)])
def test_bernoulli_pixels_just_out_of_range_are_refused(x):
    with pytest.raises(ValueError, match=r"expected \[0, 1\] for a Bernoulli likelihood$"):
        Bernoulli().check(np.array([[0.5, x]]))


@pytest.mark.parametrize("name", ["bernoulli", "gaussian"])
@pytest.mark.parametrize(
    "shapes", [((1, 3, 4), (4, 4)), ((1, 5, 4), (5, 3)), ((1, 5), (5, 4)), ((2, 5, 4), (5, 4))]
)
def test_arrays_that_do_not_fit_together_are_refused(name, shapes):
    """A kernel would read beyond them."""
    likelihood = LIKELIHOODS[name]
    out, x = map(np.zeros, shapes)
    out = np.repeat(out, likelihood.outputs_per_pixel, -1)
    with pytest.raises(ValueError, match=r"^out has shape .* for x of shape .*, expected \(L, M, "):
        likelihood.log_prob_and_grad(out, x, 1.0, np.zeros((1, 5)))


def test_good_pixels_pass():
    Bernoulli().check(np.array([[0.0, 0.5, 1.0]]))
    for likelihood in LOG_DENSITIES:
        likelihood.check(np.zeros((0, 3)))
        if not isinstance(likelihood, Bernoulli | Poisson):
            likelihood.check(np.array([[-1e6, 1e6]]))


@pytest.mark.parametrize("sigma", [0, -1.0, np.nan, np.inf])
def test_a_standard_deviation_must_be_positive(sigma):
    with pytest.raises(ValueError, match=f"^sigma is {sigma!r}, expected a positive number$"):
        FixedGaussian(sigma)


@pytest.mark.parametrize("sigma", [1e-200, 1e200])
def test_its_square_must_be_a_number_of_float32(sigma):
    message = re.escape(f"sigma is {sigma!r}, expected a number from 1e-18 to 1e18")
    with pytest.raises(ValueError, match=f"^{message}$"):
        FixedGaussian(sigma)


def test_get_likelihood_takes_a_name_or_an_object():
    own = FixedGaussian(0.2)
    assert get_likelihood("gaussian-sigmoid") == Gaussian(sigmoid_mean=True)
    assert get_likelihood(own) is own


def test_an_unknown_likelihood_is_refused():
    message = (
        "likelihood is 'cauchy', expected one of bernoulli, gaussian, gaussian-sigmoid, "
        "gaussian-fixed, gaussian-fixed-relu, poisson or a likelihood object"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        get_likelihood("cauchy")


@pytest.mark.parametrize("likelihood", LIKELIHOODS)
def test_bytes_are_grey_pixels_unless_they_are_counts(likelihood):
    vae = VAE(3, 2, (), likelihood)
    params = vae.init_params(np.random.default_rng(0))
    x, noise = np.array([[0, 1, 255], [7, 30, 2]], np.uint8), np.ones((1, 2, 2))
    floats = x / (1 if likelihood == "poisson" else 255)
    assert vae.elbo(params, x, noise) == pytest.approx(vae.elbo(params, floats, noise), rel=1e-12)
