"""The clutter problem: a Gaussian fitted by reparameterised gradients against exact answers."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.optimize
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples

from minivae import SGD, Adagrad, Adam, check_grad
from minivae.relatives.clutter import (
    Clutter,
    elbo_and_grad,
    exact_by_enumeration,
    exact_by_quadrature,
    fit_gaussian,
    gaussian_params,
)

# Midpoints of 4001 slices of equal probability, scaled to variance one: their mean is nearly the
# expectation, and that of a quadratic function exactly.
SLICES = scipy.stats.norm.ppf((np.arange(4001) + 0.5) / 4001)[:, None]
SLICES /= SLICES.std()


@st.composite
def problems(draw, d=None):
    """Draw ``(model, q, noise)``."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, L, d = draw(st.integers(1, 5)), draw(st.integers(1, 3)), d or draw(st.integers(1, 3))
    model = Clutter(3 * rng.standard_normal((n, d)), rng.uniform(0.2, 0.8), *rng.uniform(2, 30, 2))
    q = gaussian_params(rng.standard_normal(d), rng.standard_normal(d))
    return model, q, rng.standard_normal((L, d))


def twenty_points():
    """Signal at 2 and clutter, always the same: how good a Gaussian fits depends on the data."""
    left = [-3.2, -2.9, -2.4, -2.1, -1.4, -0.5, -0.4, -0.4, 0.3, 0.7]
    return Clutter([*left, 0.7, 1.3, 1.8, 2.4, 2.4, 2.5, 2.8, 2.9, 3.4, 3.5])


def noise_for_a_fit():
    """1000 steps: the result is the mean over the second half of them, over 50,000 samples."""
    return np.random.default_rng(0).standard_normal((1000, 100, 1))


# --- The model and its posterior ------------------------------------------------------------------


@given(problems())
def test_log_joint_is_written_out(problem):
    model, q, _ = problem
    theta, d = q["mu"], len(q["mu"])
    N = scipy.stats.multivariate_normal.pdf
    expected = np.log(N(theta, np.zeros(d), model.prior_var * np.eye(d)))
    for x in model.x:
        clutter = N(x, np.zeros(d), model.clutter_var * np.eye(d))
        expected += np.log(model.w * N(x, theta, np.eye(d)) + (1 - model.w) * clutter)
    assert model.log_joint(theta) == pytest.approx(expected, rel=1e-10)


def test_a_single_datapoint_by_hand():
    # p(x) = w N(x; 0, 1 + v) + (1 - w) N(x; 0, c).
    exact = exact_by_enumeration(Clutter([3.0]))
    N = scipy.stats.norm.pdf
    signal, clutter = N(3, 0, np.sqrt(101)) / 2, N(3, 0, np.sqrt(10)) / 2
    assert exact.log_evidence == pytest.approx(np.log(signal + clutter), rel=1e-13)
    r = signal / (signal + clutter)
    assert exact.mean[0] == pytest.approx(r * 300 / 101, rel=1e-13)


@examples(20)
@given(problems())
def test_enumeration_by_integrating_out_theta_of_each_subset(problem):
    # Those datapoints that are signal have, together, covariance I + v 11^T.
    model, _, _ = problem
    N = scipy.stats.multivariate_normal.logpdf
    terms = []
    for subset in itertools.product([False, True], repeat=len(model.x)):
        signal = np.array(subset)
        k = signal.sum()
        prior = k * np.log(model.w) + (len(signal) - k) * np.log(1 - model.w)
        rest = scipy.stats.norm.logpdf(model.x[~signal], 0, np.sqrt(model.clutter_var)).sum()
        covariance = np.eye(k) + model.prior_var
        together = sum(N(x, np.zeros(k), covariance) for x in model.x[signal].T) if k else 0.0
        terms.append(prior + rest + together)
    expected = np.logaddexp.reduce(terms)
    assert exact_by_enumeration(model).log_evidence == pytest.approx(expected, abs=1e-10)


@given(problems(d=1))
def test_quadrature_is_the_sum_over_all_subsets(problem):
    model, _, _ = problem
    by_sum, by_grid = exact_by_enumeration(model), exact_by_quadrature(model)
    assert by_grid.log_evidence == pytest.approx(by_sum.log_evidence, abs=1e-10)
    np.testing.assert_allclose(by_grid.mean, by_sum.mean, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(by_grid.variance, by_sum.variance, rtol=1e-9)


def test_sixteen_datapoints_can_be_enumerated():
    model = Clutter.simulate(2.0, 16, np.random.default_rng(0))
    by_sum, by_grid = exact_by_enumeration(model), exact_by_quadrature(model)
    assert by_grid.log_evidence == pytest.approx(by_sum.log_evidence, abs=1e-10)


@pytest.mark.parametrize("others", [[], [-150.0]])
@pytest.mark.parametrize("side", [-1, 1])
def test_the_grid_covers_data_far_outside_the_prior(side, others):
    # Fifteen of the prior's standard deviations.
    model = Clutter(side * np.array([150.0, 151.0, *others]))
    by_sum, by_grid = exact_by_enumeration(model), exact_by_quadrature(model)
    assert by_grid.log_evidence == pytest.approx(by_sum.log_evidence, abs=1e-10)
    np.testing.assert_allclose(by_grid.mean, by_sum.mean, rtol=1e-9)


def test_the_grid_is_fine_enough_for_some_hundred_datapoints():
    # All of them signal, so that theta ~ N(sum x / (n + 1/v), 1 / (n + 1/v)).
    model = Clutter(2 + np.random.default_rng(0).standard_normal(300), w=1 - 1e-12)
    exact, precision = exact_by_quadrature(model), 300 + 1 / 100
    np.testing.assert_allclose(exact.mean, model.x.sum() / precision, rtol=1e-8)
    np.testing.assert_allclose(exact.variance, 1 / precision, rtol=1e-8)


def test_the_density_integrates_to_one():
    exact = exact_by_quadrature(twenty_points())
    theta = np.linspace(-60, 60, 8001)[:, None]
    density = exact.density(theta)
    assert scipy.integrate.trapezoid(density, theta[:, 0]) == pytest.approx(1, abs=1e-9)
    assert scipy.integrate.trapezoid(density * theta[:, 0], theta[:, 0]) == pytest.approx(
        exact.mean[0], abs=1e-9
    )


def test_simulated_data_are_signal_and_clutter():
    n, w = 20_000, 0.3
    x = Clutter.simulate([3.0, -40.0], n, np.random.default_rng(0), w=w).x
    signal, clutter = x[x[:, 1] < -30], x[x[:, 1] > -30]
    # Six standard errors: of a share, of a mean, and of variances 1 and 10.
    assert len(signal) / n == pytest.approx(w, abs=6 * np.sqrt(w * (1 - w) / n))
    six = 6 / np.sqrt(len(signal))
    np.testing.assert_allclose(signal.mean(axis=0), [3, -40], atol=six)
    np.testing.assert_allclose(signal.var(axis=0), 1, rtol=six * np.sqrt(2))
    np.testing.assert_allclose(clutter.var(axis=0), 10, rtol=6 * np.sqrt(2 / len(clutter)))


def test_a_whole_float_is_a_number_of_datapoints():
    assert Clutter.simulate(2.0, 1e2, np.random.default_rng(0)).x.shape == (100, 1)


def test_simulated_clutter_has_the_variance_that_is_asked_for():
    narrow, wide = (
        Clutter.simulate(1e6, 50, np.random.default_rng(0), clutter_var=variance).x
        for variance in (4.0, 36.0)
    )
    clutter = narrow < 1e5
    assert 0 < clutter.sum() < 50
    np.testing.assert_allclose(wide, np.where(clutter, 3 * narrow, narrow), rtol=1e-12)


# --- The Gaussian in its place --------------------------------------------------------------------


@examples(20)
@given(problems())
def test_gradient_of_the_bound(problem):
    model, q, noise = problem
    check_grad(lambda q: elbo_and_grad(model, q, noise), q)


@given(problems())
def test_the_bound_is_the_mean_of_log_joint_minus_log_q_plus_a_known_correction(problem):
    # KL is in closed form, so against the sampled bound stands E[log q(theta) / p(theta)].
    model, q, noise = problem
    mu, sigma = q["mu"], np.exp(q["log_var"] / 2)
    theta = mu + sigma * noise
    log_px = np.array([model.log_joint(t) for t in theta])
    log_px -= scipy.stats.norm.logpdf(theta, 0, np.sqrt(model.prior_var)).sum(axis=1)
    v = model.prior_var
    kl = np.sum(np.log(np.sqrt(v) / sigma) + (sigma**2 + mu**2) / (2 * v) - 0.5)
    assert elbo_and_grad(model, q, noise)[0] == pytest.approx(log_px.mean() - kl, rel=1e-10)


@given(problems(d=1))
def test_the_bound_is_below_the_evidence(problem):
    model, q, _ = problem
    log_evidence = exact_by_enumeration(model).log_evidence
    assert elbo_and_grad(model, q, SLICES)[0] < log_evidence + 1e-3  # the slices leave out less


def test_with_signal_alone_the_posterior_is_gaussian_and_the_fit_finds_it():
    # w = 1, all but: theta ~ N(sum x / (n + 1/v), 1 / (n + 1/v)), and the bound is the evidence.
    rng = np.random.default_rng(0)
    model = Clutter(2 + rng.standard_normal(10), w=1 - 1e-12)
    precision = 10 + 1 / 100
    q = gaussian_params(model.x.sum() / precision, -np.log(precision))
    log_evidence = exact_by_enumeration(model).log_evidence
    assert elbo_and_grad(model, q, SLICES)[0] == pytest.approx(log_evidence, abs=1e-9)
    fitted = fit_gaussian(model, noise_for_a_fit()).q
    # The mean of the parameters has a covariance of H^-1 S H^-1 / steps (Polyak and Juditsky 1992),
    # where S is that of the gradient. For n samples, these are variances sigma^2 / n and 2 / n.
    n = 50_000
    np.testing.assert_allclose(fitted["mu"], q["mu"], atol=6 / np.sqrt(precision * n))
    np.testing.assert_allclose(fitted["log_var"], q["log_var"], atol=6 * np.sqrt(2 / n))


def test_the_fit_is_the_gaussian_with_the_highest_bound():
    model = twenty_points()

    def loss(vector):
        bound, grad = elbo_and_grad(model, gaussian_params(*vector), SLICES)
        return -bound, -grad.vector

    best = scipy.optimize.minimize(loss, [2.0, -1.0], jac=True, options={"gtol": 1e-7})
    result = fit_gaussian(model, noise_for_a_fit())
    # By the formula above the standard errors are 0.0026 and 0.0068, and the bound's mean shortfall
    # is 2e-5; that it is 25 times as much has a probability of exp(-25).
    np.testing.assert_allclose(result.q["mu"], best.x[0], atol=0.02)
    np.testing.assert_allclose(result.q["log_var"], best.x[1], atol=0.05)
    bound, _ = elbo_and_grad(model, result.q, SLICES)
    assert 0 < -best.fun - bound < 5e-4
    # Before every step, too: the bounds along the way end near the best. They vary by 0.07.
    assert np.mean(result.bounds[500:]) == pytest.approx(-best.fun, abs=0.02)


@pytest.mark.parametrize("optimizer", [SGD(0.01), Adam(0.1)], ids=repr)
def test_the_fit_is_ascent_written_out(optimizer):
    rng = np.random.default_rng(0)
    model, noise = Clutter(rng.standard_normal((5, 2))), rng.standard_normal((6, 3, 2))
    start = gaussian_params([1.0, -2.0], [0.3, -0.4])
    result = fit_gaussian(model, noise, optimizer=optimizer, start=start)
    q = gaussian_params([1.0, -2.0], [0.3, -0.4])
    np.testing.assert_array_equal(start.vector, q.vector)
    state, path, bounds = optimizer.init(q.vector), [], []
    for t, eps in enumerate(noise, start=1):
        bound, grad = elbo_and_grad(model, q, eps)
        optimizer.update(q.vector, grad.vector, state, t, 0.0)
        bounds.append(bound)  # before the step
        path.append(q.vector.copy())
    np.testing.assert_allclose(result.bounds, bounds, rtol=1e-12)
    np.testing.assert_allclose(result.q.vector, np.mean(path[3:], axis=0), rtol=1e-12)


def test_the_fit_starts_from_the_mean_of_the_data_and_sigma_one():
    rng = np.random.default_rng(0)
    model, noise = Clutter(rng.normal([3, -4], 1, (5, 2))), rng.standard_normal((6, 3, 2))
    start = gaussian_params(model.x.mean(axis=0), np.log([1.0, 1.0]))
    by_default, said = (
        fit_gaussian(model, noise, **options)
        for options in ({}, {"start": start, "optimizer": Adagrad(0.5)})
    )
    np.testing.assert_allclose(by_default.bounds, said.bounds, rtol=1e-12)
    np.testing.assert_allclose(by_default.q.vector, said.q.vector, rtol=1e-12)


def test_the_fit_is_close_to_the_exact_posterior_and_too_sure():
    model = twenty_points()
    exact = exact_by_quadrature(model)
    q = fit_gaussian(model, noise_for_a_fit()).q
    # The best Gaussian is 0.025 nats short, 0.05 away, and its variance is 0.71 of the true one.
    assert 0 < exact.log_evidence - elbo_and_grad(model, q, SLICES)[0] < 0.05
    np.testing.assert_allclose(q["mu"], exact.mean, atol=0.1)
    assert 0.6 < np.exp(q["log_var"]).item() / exact.variance.item() < 0.9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Clutter(np.zeros((2, 2, 2))), r"x has shape \(2, 2, 2\), expected"),
        (lambda: Clutter([]), r"x has shape \(0,\), expected"),
        (lambda: Clutter(1.0), r"x has shape \(\), expected"),
        (lambda: Clutter([0.0, np.nan]), "x has values that are NaN"),
        (lambda: Clutter([1.0], w=1.0), "w is 1.0, expected a number in"),
        (lambda: Clutter([1.0], w=0.0), "w is 0.0, expected a number in"),
        (lambda: Clutter([1.0], clutter_var=-1), "clutter_var is -1, expected a positive"),
        (lambda: Clutter.simulate(2.0, 0, np.random.default_rng(0)), "n is 0, expected a whole"),
        (lambda: exact_by_quadrature(Clutter([1.0]), nodes=0), "nodes is 0, expected a whole"),
        (
            lambda: fit_gaussian(Clutter([1.0]), np.zeros((3, 0, 1))),
            r"noise has shape \(3, 0, 1\), expected \(steps, L, 1\)",
        ),
        (
            lambda: fit_gaussian(Clutter([1.0]), np.zeros((3, 1, 2))),
            r"noise has shape \(3, 1, 2\), expected \(steps, L, 1\)",
        ),
        (lambda: exact_by_quadrature(Clutter([1.0]), nodes=1), "nodes is 1, expected a whole"),
        (
            lambda: exact_by_quadrature(Clutter([1.0, 1e5])),
            r"nodes is 8,001, expected at least 283,\d{3} for these data",
        ),
        (lambda: gaussian_params(0.0, np.zeros(3)), r"log_var has shape \(3,\), and mu"),
        (
            lambda: fit_gaussian(
                Clutter([1.0]), np.zeros((3, 1, 1)), start=gaussian_params(np.ones(3), np.ones(3))
            ),
            r"start has .*\(3,\).*, expected mu and log_var of shape \(1,\)",
        ),
        (lambda: Clutter([1.0], prior_var=0), "prior_var is 0, expected a positive"),
        (lambda: exact_by_enumeration(Clutter(np.zeros(17))), "x has 17 datapoints, expected"),
        (lambda: exact_by_quadrature(Clutter(np.zeros((3, 2)))), "x has 2 dimensions, expected 1"),
        (
            lambda: fit_gaussian(Clutter([1.0]), np.zeros((3, 1))),
            r"noise has shape \(3, 1\), expected \(steps, L, 1\)",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()
