"""Samples of sec. 2.4: the right distribution, the right density, the right gradient.

Three independent judges: SciPy's distributions, finite differences with the noise held fixed, and
expectations whose derivatives are known in closed form.
"""

import re
from typing import NamedTuple

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.special import digamma, exp1, gamma, gammainc, gammaln, polygamma

from minivae import check_grad
from minivae.checks.catalogue.reparameterizations import catalogue
from minivae.reparameterizations import (
    composition,
    implicit,
    inverse_cdf,
    location_scale,
)
from minivae.reparameterizations.base import Reparameterization, draw_uniform, sum_to

N = 20_000
A = np.array([[0.8, 0, 0], [-0.5, 1.2, 0], [0.3, 0.9, 0.6]])
LOC = np.array([1.0, -2.0, 0.5])


class Case(NamedTuple):
    """A distribution, parameters, and what SciPy calls it."""

    distribution: Reparameterization
    params: tuple
    scipy: object

    def noise(self, shape=(N,), seed=0):
        return self.distribution.draw_noise(np.random.default_rng(seed), shape)

    def __repr__(self):
        way = type(self.distribution).__module__.rsplit(".", 1)[-1]
        return f"{way}.{self.distribution!r}"


INVERSE_CDF = [
    Case(inverse_cdf.Exponential(), (0.7,), scipy.stats.expon(scale=1 / 0.7)),
    Case(inverse_cdf.Cauchy(), (-1.0, 2.0), scipy.stats.cauchy(-1, 2)),
    Case(inverse_cdf.Logistic(), (0.5, 1.7), scipy.stats.logistic(0.5, 1.7)),
    Case(inverse_cdf.Rayleigh(), (1.3,), scipy.stats.rayleigh(scale=1.3)),
    Case(inverse_cdf.Pareto(), (2.0, 3.5), scipy.stats.pareto(3.5, scale=2)),
    Case(inverse_cdf.Weibull(), (1.5, 0.8), scipy.stats.weibull_min(0.8, scale=1.5)),
    Case(inverse_cdf.Reciprocal(), (0.5, 7.0), scipy.stats.reciprocal(0.5, 7)),
    Case(inverse_cdf.Gompertz(), (0.4, 2.0), scipy.stats.gompertz(0.4, scale=1 / 2)),
    Case(inverse_cdf.Gumbel(), (2.0, 0.6), scipy.stats.gumbel_r(2, 0.6)),
    Case(inverse_cdf.Erlang(3), (1.8,), scipy.stats.erlang(3, scale=1 / 1.8)),
]
LOCATION_SCALE = [
    Case(location_scale.Laplace(), (1.0, 0.4), scipy.stats.laplace(1, 0.4)),
    Case(location_scale.StudentT(3.5), (-0.5, 2.0), scipy.stats.t(3.5, -0.5, 2)),
    Case(location_scale.Logistic(), (0.5, 1.7), scipy.stats.logistic(0.5, 1.7)),
    Case(location_scale.Uniform(), (-1.0, 3.0), scipy.stats.uniform(-1, 3)),
    Case(location_scale.Triangular(0.3), (1.0, 2.0), scipy.stats.triang(0.3, 1, 2)),
    Case(location_scale.Gaussian(), (0.7, 1.9), scipy.stats.norm(0.7, 1.9)),
]
COMPOSITION = [
    Case(composition.LogNormal(), (0.3, 0.8), scipy.stats.lognorm(0.8, scale=np.exp(0.3))),
    Case(composition.Gamma(4), (1.8,), scipy.stats.gamma(4, scale=1 / 1.8)),
    Case(composition.Beta(2, 3), (), scipy.stats.beta(2, 3)),
    Case(composition.ChiSquared(5), (), scipy.stats.chi2(5)),
    Case(composition.F(3, 6), (), scipy.stats.f(3, 6)),
]
IMPLICIT = [
    Case(implicit.Gamma(), (2.4, 1.8), scipy.stats.gamma(2.4, scale=1 / 1.8)),
    Case(implicit.Gamma(), (0.3, 0.5), scipy.stats.gamma(0.3, scale=2)),
    Case(implicit.Beta(), (0.7, 2.3), scipy.stats.beta(0.7, 2.3)),
    Case(implicit.ChiSquared(), (4.4,), scipy.stats.chi2(4.4)),
    Case(implicit.F(), (3.3, 7.1), scipy.stats.f(3.3, 7.1)),
]
CASES = INVERSE_CDF + LOCATION_SCALE + COMPOSITION + IMPLICIT
VECTORS = [
    Case(location_scale.MultivariateGaussian(), (LOC, A), None),
    Case(location_scale.MultivariateStudentT(4.5), (LOC, A), None),
    Case(composition.Dirichlet((2, 1, 4)), (), None),
    Case(implicit.Dirichlet(), (np.array([0.7, 0.2, 2.5]),), None),
]
UNIFORM_NOISE = [
    case for case in CASES + VECTORS if isinstance(case.distribution, inverse_cdf.UniformNoise)
]
each = pytest.mark.parametrize("case", CASES, ids=repr)
each_of_all = pytest.mark.parametrize("case", CASES + VECTORS, ids=repr)


def shape_of(case, n):
    return (n, 3) if case in VECTORS else (n,)


def assert_distributed(samples, expected):
    """By chance, this fails once in ten million times."""
    assert scipy.stats.kstest(samples, expected.cdf).pvalue > 1e-7


# --- The distribution -----------------------------------------------------------------------------


@each
def test_samples_have_the_distribution_that_scipy_says(case):
    z = case.distribution.sample(case.noise(), *case.params)
    assert z.shape == (N,)
    assert_distributed(z, case.scipy)


@pytest.mark.parametrize("case", INVERSE_CDF, ids=repr)
def test_the_cdf_of_an_inverse_cdf_is_the_identity(case):
    # No statistics here, and the tails, where a 1 - u would have lost its digits.
    u = np.array([1e-200, 1e-20, 1e-9, 0.01, 0.3, 0.5, 0.7, 0.99, 1 - 1e-9, 1 - 2.0**-53])
    z = case.distribution.sample(u, *case.params)
    assert np.all(np.isfinite(z))
    # Near an end that is not zero, values are as far apart as floats are there.
    low, high = case.scipy.support()
    cdf_atol, sf_atol = 1e-15 * (low > 0), 1e-15 * (high < np.inf)
    cdf, sf = case.scipy.cdf, case.scipy.sf
    if isinstance(case.distribution, inverse_cdf.Cauchy):  # older SciPys lose its lower tail
        loc, scale = case.params
        cdf, sf = (lambda z, s=s: np.arctan2(1, s * (z - loc) / scale) / np.pi for s in (-1, 1))
    np.testing.assert_allclose(cdf(z[:-3]), u[:-3], rtol=1e-9, atol=cdf_atol)
    np.testing.assert_allclose(sf(z[3:]), 1 - u[3:], rtol=1e-9, atol=sf_atol)


DIRECTIONS = [np.eye(3)[0], np.eye(3)[2], np.array([1.0, -0.7, 0.4])]


@pytest.mark.parametrize("df", [None, 4.5])
def test_elliptical_samples_in_projection_and_in_length(df):
    case = VECTORS[0 if df is None else 1]
    z = case.distribution.sample(case.noise((N, 3)), LOC, A)
    Sigma = A @ A.T
    for w in DIRECTIONS:
        loc, scale = w @ LOC, np.sqrt(w @ Sigma @ w)
        line = scipy.stats.norm(loc, scale) if df is None else scipy.stats.t(df, loc, scale)
        assert_distributed(z @ w, line)
    # Three lengths drawn independently would have the same marginals, but not this.
    squared_length = np.einsum("ni,ij,nj->n", z - LOC, np.linalg.inv(Sigma), z - LOC)
    expected = scipy.stats.chi2(3) if df is None else scipy.stats.f(3, df, scale=3)
    assert_distributed(squared_length, expected)


@pytest.mark.parametrize("case", VECTORS[2:], ids=repr)
def test_parts_and_sums_of_a_dirichlet_are_betas(case):
    z = case.distribution.sample(case.noise((N, 3)), *case.params)
    a = case.params[0] if case.params else np.array(case.distribution.concentration)
    np.testing.assert_allclose(z.sum(axis=1), 1, rtol=1e-12)
    for part in ([0], [1], [2], [0, 1]):
        assert_distributed(
            z[:, part].sum(axis=1), scipy.stats.beta(a[part].sum(), a.sum() - a[part].sum())
        )
    # Independent of the rest's proportions: one standard error of the correlation is 1 / sqrt(n).
    correlation = np.corrcoef(z[:, 0], z[:, 1] / (z[:, 1] + z[:, 2]))[0, 1]
    assert abs(correlation) < 6 / np.sqrt(N)


@pytest.mark.parametrize("way", ["inverse_cdf", "composition"])
def test_erlang_and_gamma_of_a_whole_shape_are_the_implicit_gamma(way):
    u = np.random.default_rng(0).random((5, 3))
    values = np.array([0.0, 0.4, 1.0, 5.0])
    whole = inverse_cdf.Erlang(3) if way == "inverse_cdf" else composition.Gamma(3)
    np.testing.assert_array_equal(
        whole.log_density(values, 1.7), implicit.Gamma().log_density(values, 3, 1.7)
    )
    if way == "inverse_cdf":
        np.testing.assert_array_equal(whole.sample(u, 1.7), implicit.Gamma().sample(u, 3, 1.7))


# --- The density ----------------------------------------------------------------------------------


@each
def test_log_density_is_scipy_s(case):
    samples = case.distribution.sample(case.noise((50,)), *case.params)
    places = [-50, -1.5, -0.1, 0, 0.1, 0.5, 1, 1.6, 2, 3, 7, 10, 50, -np.inf, np.inf]
    values = np.concatenate([samples, places])
    with np.errstate(all="ignore"):
        expected = case.scipy.logpdf(values)
    expected[np.isinf(values)] = -np.inf
    came = case.distribution.log_density(values, *case.params)
    np.testing.assert_allclose(came, expected, rtol=1e-10, atol=1e-12)
    assert np.isnan(case.distribution.log_density(np.nan, *case.params))


def test_log_density_beyond_the_largest_exponential():
    assert inverse_cdf.Gumbel().log_density(-1e4, 0, 1) == -np.inf
    assert inverse_cdf.Gompertz().log_density(1e4, 1, 1) == -np.inf


@pytest.mark.parametrize("module", [inverse_cdf, location_scale])
def test_log_density_of_a_logistic_far_out_falls_like_its_distance(module):
    came = module.Logistic().log_density(np.array([-1e4, 1e4]), 0, 1)
    np.testing.assert_allclose(came, [-1e4, -1e4], rtol=1e-12)


icdf, ls = inverse_cdf, location_scale
FAR = [  # what is on the way is too large for a float, or cancels; the answer is neither
    (ls.StudentT(1e10), 0.5, (0.0, 1.0), scipy.stats.norm.logpdf(0.5)),
    (ls.StudentT(1e17), 0.5, (0.0, 1.0), scipy.stats.norm.logpdf(0.5)),
    (ls.StudentT(2.0), 1e200, (0.0, 1.0), -3 * np.log(1e200) + np.log(1.0)),
    (icdf.Cauchy(), 1e200, (0.0, 1.0), -2 * np.log(1e200) - np.log(np.pi)),
    (icdf.Reciprocal(), 1.0, (1e-200, 1e200), -np.log(400 * np.log(10))),
    (icdf.Reciprocal(), 3.0, (3.0, 3 * (1 + 2.0**-40)), -np.log(3) + 40 * np.log(2)),
    (icdf.Pareto(), 1e200, (1e-200, 1.0), -600 * np.log(10)),
    (icdf.Weibull(), 1e-200, (1e200, 0.5), -np.log(2)),
    (icdf.Weibull(), 0.0, (1.0, 1.0), 0.0),
    (icdf.Weibull(), 1e300, (1e-10, 1.5), -np.inf),
    (icdf.Rayleigh(), 1e-200, (1e200,), -600 * np.log(10)),
    (icdf.Rayleigh(), 1e300, (1e-10,), -np.inf),
    (icdf.Gompertz(), 710.0, (1e-300, 1.0), -np.exp(710 - 300 * np.log(10))),
    (icdf.Gompertz(), 1e300, (1.0, 1e10), -np.inf),
    (icdf.Gumbel(), -1e300, (0.0, 1e-10), -np.inf),
    (ls.MultivariateGaussian(), [np.inf, 0.0], (np.zeros(2), np.eye(2)), -np.inf),
]


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(("distribution", "value", "params", "expected"), FAR)
def test_log_density_far_out_is_what_it_is(distribution, value, params, expected):
    came = distribution.log_density(value, *params)
    np.testing.assert_allclose(came, expected, rtol=1e-5)


def test_student_s_t_of_many_degrees_is_a_gaussian_in_several_dimensions_too():
    came = ls.MultivariateStudentT(1e15).log_density(LOC, np.zeros(3), A)
    expected = ls.MultivariateGaussian().log_density(LOC, np.zeros(3), A)
    assert came == pytest.approx(expected, rel=1e-9)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    ("distribution", "u", "params", "log_value"),
    [
        (icdf.Pareto(), -np.expm1(-5), (1e-300, 0.005), -300 * np.log(10) + 1000),
        (icdf.Weibull(), -np.expm1(-20), (1e-300, 1 / 300), -300 * np.log(10) + 300 * np.log(20)),
        (icdf.Gompertz(), -np.expm1(-1), (1e-320, 1.0), np.log(320 * np.log(10))),
    ],
)
def test_a_sample_is_as_large_as_it_is(distribution, u, params, log_value):
    assert np.log(distribution.sample(u, *params)) == pytest.approx(log_value, rel=1e-4)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("distribution", [ls.StudentT(0.01), ls.MultivariateStudentT(0.01)])
def test_noise_with_the_heaviest_tails_is_noise(distribution, dtype):
    noise = distribution.draw_noise(np.random.default_rng(0), (1000, 2), dtype)
    params = (0.0, 1.0) if type(distribution) is ls.StudentT else (np.zeros(2), np.eye(2))
    with np.errstate(over="ignore"):
        z = distribution.sample(noise, *(np.asarray(p, dtype) for p in params))
    assert z.shape == (1000, 2) and z.dtype == dtype


def test_samples_of_a_narrow_interval_lie_in_it():
    low, high = 3.0, 3 * (1 + 1e-12)
    z = icdf.Reciprocal().sample(np.random.default_rng(0).uniform(size=100_000), low, high)
    assert low <= z.min() and z.max() <= high
    assert np.isfinite(icdf.Reciprocal().log_density(z, low, high)).all()


@pytest.mark.parametrize(
    ("use", "message"),
    [
        (lambda: implicit.Dirichlet().log_density([0.25], np.ones(4)), "value has shape (1,) for"),
        (lambda: implicit.Dirichlet().log_density(1.0, 1.0), "value has shape () for a concentrat"),
        (lambda: ls.Triangular("x"), "mode is 'x', expected a number in the open interval (0, 1)"),
        (lambda: ls.Gaussian().sample("abc", 0, 1), "the arguments have dtype <U3, expected real"),
        (
            lambda: ls.Gaussian().draw_noise(np.random.default_rng(0), (3, -1)),
            "shape is -1, expected a whole number of at least 0",
        ),
    ],
)
def test_what_does_not_fit_is_named(use, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        use()


def test_log_density_at_the_ends_of_an_interval_is_no_nan():
    # Where (z - loc) / scale is rounded to a little more than 1.
    rng = np.random.default_rng(0)
    loc, scale = rng.uniform(-1, 1, 200), rng.uniform(0.1, 2, 200)
    density = location_scale.Triangular().log_density(loc + scale, loc, scale)
    assert np.any((loc + scale - loc) / scale > 1) and np.all(density < -30)
    density = location_scale.Uniform().log_density(loc + scale, loc, scale)
    np.testing.assert_array_equal(density, -np.log(scale))


AT_AN_END = [
    # A density of z^0 or (1 - z)^0 is neither zero nor infinite there.
    (composition.Beta(1, 3), 0, (), np.log(3)),
    (composition.Beta(3, 1), 1, (), np.log(3)),
    (implicit.Beta(), 0, (1, 2.5), np.log(2.5)),
    (implicit.Beta(), 1, (2.5, 1), np.log(2.5)),
    (composition.ChiSquared(2), 0, (), -np.log(2)),
    (implicit.ChiSquared(), 0, (2,), -np.log(2)),
    (composition.F(2, 5), 0, (), 0),
    (implicit.F(), 0, (2, 3.3), 0),
    (composition.Gamma(1), 0, (1.8,), np.log(1.8)),
    (inverse_cdf.Exponential(), 0, (0.7,), np.log(0.7)),
    (inverse_cdf.Pareto(), 2, (2, 3.5), np.log(3.5 / 2)),
    (inverse_cdf.Reciprocal(), 0.5, (0.5, 8), -np.log(0.5) - np.log(np.log(16))),
    (inverse_cdf.Reciprocal(), 8, (0.5, 8), -np.log(8) - np.log(np.log(16))),
    (location_scale.Uniform(), -1, (-1, 3), -np.log(3)),
    (location_scale.Uniform(), 2, (-1, 3), -np.log(3)),
]


@pytest.mark.parametrize(("distribution", "end", "params", "expected"), AT_AN_END)
def test_the_ends_of_a_support_belong_to_it(distribution, end, params, expected):
    came = distribution.log_density(end, *params)
    np.testing.assert_allclose(came, expected, rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("distribution", [location_scale.Uniform(), location_scale.Triangular(0.3)])
def test_the_ends_of_the_unit_interval_are_noise(distribution):
    np.testing.assert_array_equal(distribution.sample([0.0, 1.0], -1, 3), [-1, 2])


def test_log_density_of_vectors_is_scipy_s():
    z = np.random.default_rng(0).normal(size=(2, 4, 3))
    gaussian, student, whole, dirichlet = VECTORS
    expected = scipy.stats.multivariate_normal(LOC, A @ A.T).logpdf(z)
    np.testing.assert_allclose(gaussian.distribution.log_density(z, LOC, A), expected)
    expected = scipy.stats.multivariate_t(LOC, A @ A.T, df=4.5).logpdf(z)
    np.testing.assert_allclose(student.distribution.log_density(z, LOC, A), expected)
    p = np.random.default_rng(1).dirichlet(np.ones(3), (2, 4))
    expected = np.apply_along_axis(scipy.stats.dirichlet([2, 1, 4]).logpdf, -1, p)
    np.testing.assert_allclose(whole.distribution.log_density(p), expected)
    (a,) = dirichlet.params
    expected = np.apply_along_axis(scipy.stats.dirichlet(a).logpdf, -1, p)
    np.testing.assert_allclose(dirichlet.distribution.log_density(p, a), expected)


def test_the_density_of_a_dirichlet_under_several_concentrations():
    z, a = np.array([0.2, 0.3, 0.5]), np.array([[0.7, 0.2, 2.5], [1.0, 1.0, 1.0]])
    expected = [scipy.stats.dirichlet(row).logpdf(z) for row in a]
    np.testing.assert_allclose(implicit.Dirichlet().log_density(z, a), expected)


def test_the_density_of_a_dirichlet_is_zero_off_the_simplex():
    off = [[0.5, 0.3, 0.3], [1.2, 0.3, -0.5], [0.2, 0.3, 0.50001], [0.2, 0.3, 0.49999]]
    came = composition.Dirichlet((2, 1, 4)).log_density(np.array([*off, [0.2, 0.3, 0.5]]))
    assert list(came[:4]) == [-np.inf] * 4 and np.isfinite(came[4])
    edge = composition.Dirichlet((2, 1, 4)).log_density([0.4, 0.0, 0.6])
    assert edge == pytest.approx(np.log(120) + np.log(0.4) + 3 * np.log(0.6), rel=1e-12)


def test_every_vector_may_have_its_own_scale_matrix():
    rng = np.random.default_rng(0)
    matrices = A * rng.uniform(0.5, 2, (2, 4, 1, 1))
    for distribution in (location_scale.MultivariateGaussian(), VECTORS[1].distribution):
        noise = distribution.draw_noise(rng, (2, 4, 3))
        z = distribution.sample(noise, LOC, matrices)
        density = distribution.log_density(z, LOC, matrices)
        for n in np.ndindex(2, 4):
            np.testing.assert_allclose(z[n], LOC + matrices[n] @ noise[n])
            alone = distribution.log_density(z[n], LOC, matrices[n])
            np.testing.assert_allclose(density[n], alone)


# --- The gradient ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", catalogue())
@examples(3)
@given(st.integers(0, 2**32 - 1))
def test_gradient_with_the_noise_held_fixed(name, seed):
    check_grad(*catalogue()[name](np.random.default_rng(seed)))


SIGNS = {
    "loc": lambda z, loc: np.ones_like(z),
    "scale": lambda z, loc: np.sign(z - loc),  # a larger scale moves samples outwards
    "rate": lambda z, loc: -np.ones_like(z),  # a larger rate moves them towards zero
    "minimum": lambda z, loc: np.ones_like(z),
}


@pytest.mark.parametrize("case", [case for case in CASES if case.params], ids=repr)
def test_the_sign_of_the_gradient(case):
    noise = case.noise((50,))
    z = case.distribution.sample(noise, *case.params)
    names = [param.name for param in case.distribution.params]
    loc = case.params[names.index("loc")] if "loc" in names else 0
    one_each = [np.full(50, param) for param in case.params]
    gradients = case.distribution.backward(np.ones(50), noise, *one_each)
    for name, gradient in zip(names, gradients, strict=True):
        assert gradient.shape == (50,)
        if name in SIGNS:
            np.testing.assert_array_equal(np.sign(gradient), SIGNS[name](z, loc))


def test_the_sign_of_the_gradient_of_implicit_shapes():
    ones = np.ones(50)
    for distribution, signs in [
        (implicit.Gamma(), [1, -1]),
        (implicit.Beta(), [1, -1]),
        (implicit.ChiSquared(), [1]),
    ]:
        noise = distribution.draw_noise(np.random.default_rng(0), (50,))
        gradients = distribution.backward(ones, noise, *(1.3 * ones for _ in signs))
        for gradient, sign in zip(gradients, signs, strict=True):
            assert np.all(sign * gradient > 0)


@pytest.mark.parametrize(
    ("shape", "wanted"),
    [((), 12.0), ((3,), [4.0] * 3), ((4, 1), [[3.0]] * 4), ((1, 3), [[4.0] * 3])],
)
def test_gradients_are_summed_over_what_was_broadcast(shape, wanted):
    np.testing.assert_array_equal(sum_to(np.ones((4, 3)), shape), wanted)


@pytest.mark.parametrize(("shape", "wanted"), [((2, 1, 4), 3.0), ((3, 1), 8.0), ((1, 4), 6.0)])
def test_gradients_are_summed_over_axes_in_between(shape, wanted):
    np.testing.assert_array_equal(sum_to(np.ones((2, 3, 4)), shape), np.full(shape, wanted))


def test_without_continuous_parameters_there_is_no_gradient():
    for distribution in (composition.Beta(2, 3), composition.ChiSquared(5), composition.F(3, 6)):
        noise = distribution.draw_noise(np.random.default_rng(0), (4,))
        assert distribution.backward(np.ones(4), noise) == ()


# --- Known expectations ---------------------------------------------------------------------------


def square(z):
    return 2 * z


def identity(z):
    return np.ones_like(z)


def reciprocal(z):
    return 1 / z


def expectations():
    """Yield ``(distribution, params, df/dz, d E[f(z)]/dparams)``, worked out by hand."""
    EULER = -digamma(1)
    # E[log(1 + z^2)] = log((1 + scale)^2 + loc^2)
    yield inverse_cdf.Cauchy(), (0.6, 0.5), lambda z: 2 * z / (1 + z**2), (1.2 / 2.61, 3 / 2.61)
    yield inverse_cdf.Exponential(), (1.5,), square, (-4 / 1.5**3,)
    yield inverse_cdf.Logistic(), (0.5, 1.2), square, (2 * 0.5, 2 * np.pi**2 / 3 * 1.2)
    yield inverse_cdf.Rayleigh(), (1.3,), square, (4 * 1.3,)
    yield inverse_cdf.Pareto(), (2.0, 3.5), reciprocal, (1 / 2, -1 / 3.5**2)  # E[log z]
    mean = 4 * gamma(1 + 2 / 1.5)
    dshape = -mean * digamma(1 + 2 / 1.5) * 2 / 1.5**2
    yield inverse_cdf.Weibull(), (2.0, 1.5), square, (mean, dshape)  # mean * 2 / scale
    L = np.log(7 / 0.5)
    dlow, dhigh = -1 / L + 6.5 / (0.5 * L**2), 1 / L - 6.5 / (7 * L**2)
    yield inverse_cdf.Reciprocal(), (0.5, 7.0), identity, (dlow, dhigh)
    # E[z] = exp(shape) E1(shape) / rate
    mean = np.exp(0.4) * exp1(0.4) / 2
    yield inverse_cdf.Gompertz(), (0.4, 2.0), identity, (mean - 1 / 0.4 / 2, -mean / 2)
    mean = 1 + EULER * 0.6
    dscale = 2 * mean * EULER + np.pi**2 / 3 * 0.6
    yield inverse_cdf.Gumbel(), (1.0, 0.6), square, (2 * mean, dscale)
    yield inverse_cdf.Erlang(3), (1.8,), square, (-2 * 12 / 1.8**3,)

    yield location_scale.Laplace(), (1.0, 0.4), square, (2.0, 4 * 0.4)
    yield location_scale.StudentT(9), (1.0, 0.5), square, (2.0, 2 * 0.5 * 9 / 7)
    yield location_scale.Logistic(), (0.5, 1.2), square, (1.0, 2 * np.pi**2 / 3 * 1.2)
    yield location_scale.Uniform(), (1.0, 3.0), square, (2 + 3, 1 + 2 * 3 / 3)
    yield location_scale.Triangular(0.3), (1.0, 2.0), identity, (1, (1 + 0.3) / 3)
    yield location_scale.Gaussian(), (0.7, 1.9), square, (2 * 0.7, 2 * 1.9)

    mean = np.exp(0.3 + 0.5**2 / 2)
    yield composition.LogNormal(), (0.3, 0.5), identity, (mean, 0.5 * mean)
    yield composition.Gamma(4), (1.8,), square, (-2 * 20 / 1.8**3,)

    for a in (0.4, 3.7):  # E[log z] = psi(a) - log rate
        yield implicit.Gamma(), (a, 1.8), reciprocal, (polygamma(1, a), -1 / 1.8)
    yield implicit.Beta(), (0.7, 2.3), identity, (2.3 / 9, -0.7 / 9)
    yield implicit.ChiSquared(), (4.4,), square, (2 * 4.4 + 2,)
    yield implicit.F(), (3.3, 15.0), identity, (0, -2 / 13**2)  # E[z] = df2 / (df2 - 2)


def assert_mean_gradient(distribution, params, df, exact, shape):
    """The mean gradient of f over samples is that of E[f], and `backward` gives that mean."""
    noise = distribution.draw_noise(np.random.default_rng(1), shape)
    dz = df(distribution.sample(noise, *params))
    one_each = [np.broadcast_to(param, (shape[0], *np.shape(param))) for param in params]
    of_each_sample = distribution.backward(dz, noise, *one_each)
    of_the_mean = distribution.backward(dz / len(dz), noise, *params)
    for samples, mean, expected in zip(of_each_sample, of_the_mean, exact, strict=True):
        np.testing.assert_allclose(mean, samples.mean(axis=0), rtol=1e-9, atol=1e-12)
        error = samples.std(axis=0) / np.sqrt(len(samples))
        assert np.all(np.abs(mean - expected) <= 6 * error + 1e-12)
        assert np.max(error) < 0.05 * np.max(np.abs(expected)) or not np.any(expected)


@pytest.mark.parametrize("example", [*expectations()], ids=lambda example: repr(example[0]))
def test_the_gradient_of_an_expectation(example):
    assert_mean_gradient(*example, (N // 2,))


@pytest.mark.parametrize("df", [None, 9.0])
def test_the_gradient_of_an_expectation_of_vectors(df):
    # E[(w.z)^2] = (w.loc)^2 + |A^T w|^2 c, with covariance c Sigma.
    w, c = np.array([1.0, -0.7, 0.4]), 1.0 if df is None else df / (df - 2)
    exact = 2 * (w @ LOC) * w, np.tril(2 * c * np.outer(w, A.T @ w))
    distribution = (
        VECTORS[0].distribution if df is None else location_scale.MultivariateStudentT(df)
    )

    def gradient(z):
        return 2 * (z @ w)[:, None] * w

    assert_mean_gradient(distribution, (LOC, A), gradient, exact, (N // 2, 3))


def test_the_gradient_of_an_expectation_on_the_simplex():
    # E[z_0^2] = a_0 (a_0 + 1) / (s (s + 1)) with s = sum a.
    a = np.array([0.7, 0.4, 2.5])
    s = a.sum()
    value = a[0] * (a[0] + 1) / (s * (s + 1))
    exact = value * (np.eye(3)[0] * (1 / a[0] + 1 / (a[0] + 1)) - 1 / s - 1 / (s + 1))

    def gradient(z):
        return 2 * z * np.eye(3)[0]

    assert_mean_gradient(implicit.Dirichlet(), (a,), gradient, (exact,), (N // 2, 3))


# --- The derivative of the incomplete gamma function ----------------------------------------------


def assert_slope(z, a, D):
    # The rounding of log z - psi(a) counts sqrt(a) times.
    rtol = 1e-12 * max(1, np.sqrt(a / 1e4))
    np.testing.assert_allclose(implicit.log_gamma_slope(np.log(z), a), D, rtol=rtol)


@pytest.mark.parametrize("a", [1, 2, 7, 30, 1000, 10_000])
def test_gamma_slope_of_whole_shapes_above_the_middle(a):
    # D(1, z) = (log z + gamma + exp(z) E1(z)) / z, and up from there by the recurrence: all terms
    # are positive. With the factors 1 / z, 2 / z, ... a large z forgets where it began.
    z = np.exp(digamma(a + 1)) * np.array([1 + 1e-9, 1.001, 1.1, 2.0, 20.0, 200.0])
    e = np.minimum(z, 600)
    D = (np.log(z) - digamma(1) + np.exp(e) * exp1(e)) / z
    for k in range(1, a):
        D = (k * D - digamma(k + 1) + np.log(z)) / z
    assert_slope(z, a, D)


@pytest.mark.parametrize("a", [1e-4, 0.1, 0.5, 1.0, 2.5, 30.0, 1e3, 1e5])
def test_gamma_slope_below_the_middle(a):
    # F = z^a exp(-z) / Gamma(a + 1) * S, with S = sum_k z^k / ((a + 1) ... (a + k)). From this
    # log F, D = -(dlog F / da) / (dlog F / dlog z) has positive terms only.
    k = np.arange(1, 6000)
    for part in (1e-200, 1e-3, 0.2, 0.5, 0.9, 0.999, 1 - 1e-9):
        z = part * np.exp(digamma(a + 1))
        terms = np.cumprod(z / (a + k))
        S = 1 + terms.sum()
        minus_dS_da = terms @ np.cumsum(1 / (a + k))
        assert_slope(z, a, ((digamma(a + 1) - np.log(z)) * S + minus_dS_da) / a)


@pytest.mark.parametrize(("dtype", "rtol"), [(np.float32, 1e-5), (np.float64, 1e-12)])
def test_gamma_slope_of_tiny_shapes_above_the_middle(dtype, rtol):
    # There, psi(a) is -1 / a, and the exponent is that of exp(z) E1(z).
    z, a = np.array([0.6, 1, 5, 50], dtype), dtype(1e-20)
    D = implicit.log_gamma_slope(np.log(z), a)
    np.testing.assert_allclose(a * D, np.exp(z) * exp1(z), rtol=rtol)


@pytest.mark.parametrize("b", [1.0001, 1.5, 3.0, 30.0, 1e3, 1e5])
def test_the_integral_over_positive_v_ends_where_its_exponent_is_past_forty(b):
    z = np.exp(digamma(b)) * np.array([0.0, 0.1, 0.5, 0.9, 0.999, 1.0])
    v = implicit._lower_end(z, b)
    assert np.all(b * v + z * np.expm1(-v) > 40 * (1 - 1e-9))
    # And that follows from exp(-v) >= 1 - v + v^2 / (2 + v), with which it would be just forty.
    np.testing.assert_allclose(b * v - z * (v - v**2 / (2 + v)), 40, rtol=1e-9)


@pytest.mark.parametrize("a", [0.1, 0.5, 3.0, 30.0, 1e3, 1e5])
def test_the_integral_over_negative_v_ends_where_its_exponent_is_past_forty(a):
    z = np.exp(digamma(a + 1)) * np.array([1.0, 1.001, 1.1, 2.0, 20.0, 400.0])
    end = implicit._upper_end(z, a)
    assert np.all(z * np.expm1(end) - a * end > 40 * (1 - 1e-9))
    # It was found from a w with which exp(w) >= 1 + w + w^2 / 2 would give just forty.
    w = (z * np.expm1(end) - 40) / a
    np.testing.assert_allclose(z * (w + w**2 / 2) - a * w, 40, rtol=1e-6)


@given(st.floats(-7, 8), st.floats(1e-9, 1 - 1e-9))
def test_gamma_slope_is_the_slope_of_the_quantile(log_a, u):
    def f(log_a):
        a = np.exp(log_a)
        log_z = implicit.log_gamma_quantile(u, a)
        return np.float64(log_z), np.asarray(a * implicit.log_gamma_slope(log_z, a))

    check_grad(f, np.array(log_a), rtol=1e-8)


@pytest.mark.parametrize("a", [0.03, 0.1, 0.5, 1.0, 2.5, 30.0, 1000.0])
def test_gamma_slope_is_minus_df_da_over_z_p(a):
    for u in (0.01, 0.2, 0.5, 0.8, 0.99):
        log_z = implicit.log_gamma_quantile(u, a)
        z = np.exp(log_z)

        def F(shape, z=z):
            return gammainc(shape, z)

        h = 1e-3 * min(a, np.sqrt(a))
        slopes = [(F(a + k * h) - F(a - k * h)) / (2 * k * h) for k in (1, 2, 3)]
        dF_da = (15 * slopes[0] - 6 * slopes[1] + slopes[2]) / 10  # error of order h^6
        z_p = np.exp(a * log_z - z - gammaln(a))
        np.testing.assert_allclose(implicit.log_gamma_slope(log_z, a), -dF_da / z_p, rtol=1e-8)


def test_log_gamma_quantile_of_tiny_and_of_ordinary_values():
    u = np.array([1e-9, 0.1, 0.5, 0.99])
    for a in (0.03, 0.4, 3.0, 200.0):
        log_z = implicit.log_gamma_quantile(u, a)
        np.testing.assert_allclose(gammainc(a, np.exp(log_z)), u, rtol=1e-10)
    # Far below the smallest float: F = z^a / Gamma(a + 1).
    log_z = implicit.log_gamma_quantile(u, 1e-4)
    np.testing.assert_allclose(1e-4 * log_z - gammaln(1 + 1e-4), np.log(u), rtol=1e-12)


def test_tiny_concentrations_make_no_nan():
    distribution = implicit.Dirichlet()
    noise = distribution.draw_noise(np.random.default_rng(0), (200, 4))
    z = distribution.sample(noise, 1e-3)
    np.testing.assert_allclose(z.sum(axis=-1), 1)
    (gradient,) = distribution.backward(z, noise, np.full(4, 1e-3))
    assert np.all(np.isfinite(gradient)) and np.any(gradient != 0)
    (a, b) = implicit.Beta().backward(np.ones(200), noise[:, :2], 1e-3, 1e-3)
    assert np.isfinite(a) and np.isfinite(b)


# --- Noise, shapes and dtypes ---------------------------------------------------------------------


class Extremes:
    """A generator that draws the smallest and the largest integer."""

    def integers(self, high, size):
        return np.array([0, high - 1])


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_uniform_noise_is_inside_the_open_interval(dtype):
    low, high = draw_uniform(Extremes(), (2,), dtype)
    eps = np.finfo(dtype).eps
    assert (low, high) == (eps / 2, 1 - eps / 2) and low.dtype == dtype
    u = draw_uniform(np.random.default_rng(0), (N,), dtype)
    assert_distributed(u.astype(float), scipy.stats.uniform)


@pytest.mark.parametrize("case", UNIFORM_NOISE, ids=repr)
def test_the_outermost_noise_gives_finite_values_and_gradients(case):
    distribution = case.distribution
    for dtype in (np.float32, np.float64):
        eps = np.finfo(dtype).eps
        params = [np.asarray(param, dtype) for param in case.params]
        noise = distribution.draw_noise(np.random.default_rng(0), shape_of(case, 2), dtype)
        for u in (eps / 2, 1 - eps / 2):
            z = distribution.sample(np.full_like(noise, u), *params)
            assert np.all(np.isfinite(z))
            gradients = distribution.backward(np.ones_like(z), np.full_like(noise, u), *params)
            assert all(np.all(np.isfinite(gradient)) for gradient in gradients)


@each_of_all
def test_float32_stays_float32(case):
    distribution, n = case.distribution, shape_of(case, 6)
    noise = distribution.draw_noise(np.random.default_rng(0), n, np.float32)
    params = [p if isinstance(p, float) else p.astype(np.float32) for p in case.params]
    z = distribution.sample(noise, *params)
    gradients = distribution.backward(np.ones_like(z), noise, *params)
    density = distribution.log_density(z, *params)
    assert {a.dtype for a in (noise, z, density, *gradients)} == {np.dtype(np.float32)}
    exact = distribution.sample(noise.astype(float), *case.params)
    np.testing.assert_allclose(z, exact, rtol=2e-5, atol=2e-6)
    assert z.shape == n and density.shape == n[:1]


@each
def test_a_single_value(case):
    noise = case.noise(())
    z = case.distribution.sample(noise, *case.params)
    assert np.shape(z) == np.shape(case.distribution.log_density(z, *case.params)) == ()
    gradients = case.distribution.backward(1.0, noise, *case.params)
    assert [np.shape(gradient) for gradient in gradients] == [()] * len(case.params)


@pytest.mark.parametrize("case", VECTORS, ids=repr)
def test_vectors_may_lie_along_several_axes_or_be_one(case):
    distribution, params = case.distribution, case.params
    noise, rows = case.noise((2, 4, 3)), case.noise((8, 3))
    np.testing.assert_array_equal(noise.reshape(rows.shape), rows)
    z, dz = distribution.sample(noise, *params), np.random.default_rng(1).normal(size=(2, 4, 3))
    density = distribution.log_density(z, *params)
    one_each = [np.broadcast_to(param, (2, 4, *param.shape)) for param in params]
    gradients = distribution.backward(dz, noise, *one_each)
    assert z.shape == (2, 4, 3) and density.shape == (2, 4)
    assert case.noise((3,)).shape == noise[0, 0].shape
    for n in np.ndindex(2, 4):
        one = distribution.sample(noise[n], *params)
        np.testing.assert_allclose(z[n], one, rtol=1e-12, atol=1e-12)
        alone = distribution.log_density(z[n], *params)
        np.testing.assert_allclose(density[n], alone, rtol=1e-12, atol=1e-12)
        of_one = distribution.backward(dz[n], noise[n], *params)
        for gradient, expected in zip(gradients, of_one, strict=True):
            np.testing.assert_allclose(gradient[n], expected, rtol=1e-9, atol=1e-12)


def test_whole_floats_count_as_whole():
    assert composition.Gamma(3.0) == composition.Gamma(3) and inverse_cdf.Erlang(2.0).shape == 2
    assert repr(composition.Dirichlet([2.0, 1])) == "Dirichlet(concentration=(2, 1))"


# --- What is refused ------------------------------------------------------------------------------

HALF = np.array([0.5])
ONES = np.ones((2, 3))
EXPONENTIAL, GUMBEL = inverse_cdf.Exponential(), inverse_cdf.Gumbel()
UNIFORM, GAUSSIAN = location_scale.Uniform(), location_scale.Gaussian()
RNG = np.random.default_rng(0)
WHOLE = "expected a whole number of at least 1"

UNFIT = [
    (lambda: EXPONENTIAL.sample(HALF, -1.0), "rate is -1.0, expected a positive number"),
    (lambda: EXPONENTIAL.sample(HALF, 0), "rate is 0.0, expected a positive number"),
    (lambda: EXPONENTIAL.sample(HALF, np.inf), "rate is inf, expected a positive number"),
    (lambda: EXPONENTIAL.log_density(1.0, np.nan), "rate is nan, expected a positive number"),
    (lambda: EXPONENTIAL.backward(HALF, HALF, [-2.0]), "rate is -2.0 at index (0,), expected a"),
    (lambda: EXPONENTIAL.sample(HALF, np.ones(2)), "rate has shape (2,), expected one that bro"),
    (lambda: EXPONENTIAL.sample(0.5, np.ones(2)), "(2,), expected one that broadcasts to ()"),
    (lambda: EXPONENTIAL.backward(ONES, HALF, 1), "dvalue has shape (2, 3), expected (1,)"),
    (lambda: EXPONENTIAL.sample(HALF, 1j), "dtype complex128, expected real numbers"),
    (lambda: EXPONENTIAL.draw_noise(0), "rng is int, expected a numpy.random.Generator"),
    (lambda: EXPONENTIAL.draw_noise(RNG, (2,), int), "dtype is int64, expected float32 or float64"),
    (lambda: GUMBEL.sample(HALF, np.nan, 1.0), "loc is nan, expected a finite number"),
    (lambda: GUMBEL.sample(HALF, 1.0), "params has 1 entries, expected 2 (loc, scale)"),
    (lambda: GUMBEL.sample([0.3, 1.0], 0, 1), "noise is 1.0 at index (1,), expected numbers in"),
    (lambda: GUMBEL.sample(0.0, 0, 1), "noise is 0.0, expected numbers in the open interval (0, 1"),
    (lambda: GUMBEL.sample(np.nan, 0, 1), "noise is nan, expected numbers in the open interval"),
    (lambda: implicit.Gamma().sample(-0.1, 1, 1), "noise is -0.1, expected numbers in the open"),
    (lambda: UNIFORM.sample(1.5, 0, 1), "noise is 1.5, expected numbers in [0, 1]"),
    (lambda: GAUSSIAN.sample(np.inf, 0, 1), "noise is inf, expected finite numbers"),
    (
        lambda: inverse_cdf.Reciprocal().sample(0.5, 2, 2),
        "high is 2.0, expected a number above low",
    ),
    (lambda: inverse_cdf.Erlang(2.5), f"shape is 2.5, {WHOLE}"),
    (lambda: composition.Gamma(0), f"shape is 0, {WHOLE}"),
    (lambda: composition.Gamma(4).sample(ONES / 2, 1), "noise has shape (2, 3), expected (..., 4)"),
    (lambda: composition.Beta(1, 2).sample(ONES / 2, 1), "params has 1 entries, expected none"),
    (lambda: composition.Beta(2, 0.5), f"b is 0.5, {WHOLE}"),
    (lambda: composition.ChiSquared(1.5), f"df is 1.5, {WHOLE}"),
    (lambda: composition.F(2, 0), f"df2 is 0, {WHOLE}"),
    (lambda: composition.Dirichlet((2, 0.5)), WHOLE),
    (lambda: composition.Dirichlet((2,)), "concentration has 1 entries, expected at least 2"),
    (lambda: composition.Dirichlet((2, 1)).draw_noise(RNG, (5, 3)), "(5, 3), expected (..., 2)"),
    (
        lambda: composition.Dirichlet((2, 1)).log_density(ONES),
        "value has shape (2, 3), expected (..., 2)",
    ),
    (lambda: implicit.Dirichlet().sample(0.5, 1.0), "noise has shape (), expected (..., K)"),
    (lambda: implicit.Beta().sample(ONES / 2, 1, 1), "noise has shape (2, 3), expected (..., 2)"),
    (lambda: location_scale.StudentT(0), "df is 0, expected a positive number"),
    (lambda: location_scale.MultivariateStudentT(-1.0), "df is -1.0, expected a positive number"),
    (lambda: location_scale.Triangular(0), "mode is 0, expected a number in the open interval"),
    (lambda: location_scale.Triangular(1.0), "mode is 1.0, expected a number in the open interval"),
]


@pytest.mark.parametrize(("call", "message"), UNFIT, ids=[message for _, message in UNFIT])
def test_what_makes_no_sense_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError) as caught:
        call()
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("A", "message"),
    [
        (A.T, r"A is -0.5 at index \(0, 1\), expected 0 above the diagonal"),
        (-A, r"A is -0.8 at index \(0, 0\), expected a positive number on the diagonal"),
        (A * [1, 0, 1], r"A is 0.0 at index \(1, 1\), expected a positive number on the diagonal"),
        (A[:2], r"A has shape \(2, 3\), expected \(\.\.\., D, D\)"),
        (A[:2, :2], r"A has shape \(2, 2\), expected one that broadcasts to \(3, 3\)"),
        (A[:1, :1], r"noise has shape \(3,\), expected \(\.\.\., 1\), as A has"),
    ],
)
def test_scale_matrices_that_do_not_fit_are_refused(A, message):
    with pytest.raises(ValueError, match=message):
        location_scale.MultivariateGaussian().sample(np.zeros(3), 0.0, A)


def test_values_that_do_not_fit_the_scale_matrix_are_refused():
    # One that would be stretched, too.
    for value in (np.zeros(2), np.zeros((4, 1))):
        with pytest.raises(
            ValueError, match=r"value has shape .*, expected \(\.\.\., 3\), as A has"
        ):
            location_scale.MultivariateGaussian().log_density(value, LOC, A)


def test_a_composition_has_to_say_of_how_many_parts():
    with pytest.raises(NotImplementedError):
        composition.GaussianParts().draw_noise(RNG, (2,))
