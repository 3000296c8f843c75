"""Two known components and a Beta weight: mean field and Gibbs sampling against exact answers."""

import itertools

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.special import betaln, expit, log_expit, logsumexp

from minivae import check_grad
from minivae.relatives.mixture import (
    Mixture,
    coordinate_ascent,
    elbo_and_grad,
    exact_posterior,
    gibbs,
    update_gamma,
    update_logits,
)


@st.composite
def mixtures(draw, largest=6):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    log_p1, log_p2 = 2 * rng.standard_normal((2, draw(st.integers(1, largest))))
    return Mixture(log_p1, log_p2, *rng.uniform(0.3, 4, 2))


def two_bumps(n=40, alpha=2.0, beta=3.0):
    """Data of two Gaussians that overlap: quantiles, three in ten of the first."""
    parts = ((-1.0, round(0.3 * n)), (1.0, n - round(0.3 * n)))
    x = [scipy.stats.norm.ppf((np.arange(k) + 0.5) / k, mean) for mean, k in parts if k]
    return Mixture.gaussian(np.concatenate(x), (-1, 1), (1, 1), alpha, beta)


def by_assignment(model):
    """Sum over all 2^n values of c: c itself, log p(c|x), and log p(x)."""
    c = np.array(list(itertools.product([0, 1], repeat=len(model.log_p1))))
    ones = c.sum(axis=1)
    log_prior = betaln(model.alpha + ones, model.beta + c.shape[1] - ones)
    log_joint = log_prior - betaln(model.alpha, model.beta) + c @ model.log_p1
    log_joint += (1 - c) @ model.log_p2
    log_evidence = logsumexp(log_joint)
    return c, log_joint - log_evidence, log_evidence


def log_beta(gamma, log_w, log_not_w):
    """Log density of Beta(gamma) at w, given log w and log (1 - w)."""
    return (gamma[0] - 1) * log_w + (gamma[1] - 1) * log_not_w - betaln(*gamma)


def expectation(gamma, f):
    """E[f(log w, log (1 - w))] under Beta(gamma), by integration over logit w."""
    t = np.linspace(-150, 150, 6001)
    log_w, log_not_w = log_expit(t), log_expit(-t)
    weights = np.exp(log_beta(gamma, log_w, log_not_w) + log_w + log_not_w)
    return weights @ f(log_w, log_not_w) * (t[1] - t[0])


# --- Mean field -----------------------------------------------------------------------------------


@examples(20)
@given(mixtures())
def test_gradient_of_the_bound(model):
    rng = np.random.default_rng(0)
    point = {
        "gamma": rng.uniform(0.5, 5, 2),
        "logits": rng.standard_normal(len(model.log_p1)),
    }
    check_grad(lambda at: elbo_and_grad(model, **at), point)


@given(mixtures())
def test_the_bound_is_the_expectation_that_defines_it(model):
    rng = np.random.default_rng(0)
    gamma, logits = rng.uniform(1, 5, 2), rng.standard_normal(len(model.log_p1))
    q = expit(logits)

    def integrand(log_w, log_not_w):
        log_prior = log_beta((model.alpha, model.beta), log_w, log_not_w)
        one, two = np.add.outer(log_w, model.log_p1), np.add.outer(log_not_w, model.log_p2)
        return log_prior - log_beta(gamma, log_w, log_not_w) + one @ q + two @ (1 - q)

    entropy = -np.sum(q * np.log(q) + (1 - q) * np.log(1 - q))
    expected = expectation(gamma, integrand) + entropy
    assert elbo_and_grad(model, gamma, logits)[0] == pytest.approx(expected, abs=1e-10)


@given(mixtures())
def test_each_update_is_the_best_given_the_rest(model):
    rng = np.random.default_rng(0)
    gamma, logits = rng.uniform(0.5, 5, 2), rng.standard_normal(len(model.log_p1))
    _, grad = elbo_and_grad(model, update_gamma(model, logits), logits)
    np.testing.assert_allclose(grad["gamma"], 0, atol=1e-12)
    _, grad = elbo_and_grad(model, gamma, update_logits(model, gamma))
    np.testing.assert_allclose(grad["logits"], 0, atol=1e-12)


@given(mixtures(largest=30))
def test_the_bound_rises_at_every_sweep_to_where_its_gradient_is_zero(model):
    result = coordinate_ascent(model, tol=1e-14)
    assert np.all(np.diff(result.elbos) > -1e-12)
    elbo, grad = elbo_and_grad(model, result.gamma, result.logits)
    assert elbo == result.elbos[-1]
    np.testing.assert_allclose(grad["gamma"], 0, atol=1e-5)
    np.testing.assert_allclose(grad["logits"], 0, atol=1e-5)
    assert result.gamma.sum() == pytest.approx(model.alpha + model.beta + len(model.log_p1))


def test_one_sweep_by_hand():
    # Beta(1, 1): A = B = -1, so the first logits are the log ratios, and gamma follows.
    model = Mixture(np.log([3.0, 1.0]), np.log([1.0, 1.0]), alpha=2, beta=1)
    logits = update_logits(model, np.array([1.0, 1.0]))
    np.testing.assert_allclose(logits, [np.log(3), 0], rtol=1e-14)
    np.testing.assert_allclose(update_gamma(model, logits), [2 + 0.75 + 0.5, 1 + 0.25 + 0.5])
    # psi(3) - psi(1) = 1 + 1/2.
    np.testing.assert_allclose(
        update_logits(model, np.array([3.0, 1.0])), [np.log(3) + 1.5, 1.5], rtol=1e-14
    )


def test_ascent_starts_where_it_is_told_to():
    model, start = two_bumps(), np.array([0.3, 5.0])
    result = coordinate_ascent(model, start=start, sweeps=1)
    logits = update_logits(model, start)
    assert result.elbos[0] == pytest.approx(elbo_and_grad(model, start, logits)[0], rel=1e-12)
    np.testing.assert_allclose(result.gamma, update_gamma(model, logits), rtol=1e-12)


def test_ascent_stops_after_so_many_sweeps_or_after_one_that_gains_less_than_tol():
    assert len(coordinate_ascent(two_bumps(), sweeps=3, tol=1e-300).elbos) == 1 + 3
    gains = np.diff(coordinate_ascent(two_bumps(), start=(9.0, 1.0), tol=1e-4).elbos)
    assert np.all(gains[:-1] >= 1e-4) and gains[-1] < 1e-4


def test_components_that_say_who_is_who_leave_nothing_to_approximate():
    # Then c is known, and p(w|x) = Beta(alpha + 3, beta + 2) is what mean field finds.
    signs = np.array([1, 1, -1, 1, -1])
    model = Mixture(50.0 * signs, -50.0 * signs, 1.5, 2.5)
    result, exact = coordinate_ascent(model), exact_posterior(model)
    np.testing.assert_allclose(result.gamma, [4.5, 4.5], rtol=1e-12)
    assert result.elbos[-1] == pytest.approx(exact.log_evidence, abs=1e-10)
    assert exact.mean == pytest.approx(0.5, abs=1e-12)
    assert exact.variance == pytest.approx(0.25 / 10, rel=1e-12)


# --- The exact posterior --------------------------------------------------------------------------


@given(mixtures())
def test_quadrature_is_the_sum_over_assignments(model):
    c, log_weights, log_evidence = by_assignment(model)
    exact = exact_posterior(model)
    assert exact.log_evidence == pytest.approx(log_evidence, abs=1e-11)
    a = model.alpha + c.sum(axis=1)
    b = model.beta + (1 - c).sum(axis=1)
    mean = np.exp(log_weights) @ (a / (a + b))
    square = np.exp(log_weights) @ (a * (a + 1) / ((a + b) * (a + b + 1)))
    assert exact.mean == pytest.approx(mean, abs=1e-12)
    assert exact.variance == pytest.approx(square - mean**2, abs=1e-12)


@pytest.mark.parametrize("n", [1, 2, 40, 301])
def test_quadrature_is_integration_of_the_density(n):
    exact = exact_posterior(two_bumps(n))
    moments = [
        scipy.integrate.quad(lambda w, k=k: exact.density(w) * w**k, 0, 1, epsabs=1e-11)[0]
        for k in range(3)
    ]
    assert moments[0] == pytest.approx(1, abs=1e-9)
    assert exact.mean == pytest.approx(moments[1], abs=1e-9)
    assert exact.variance == pytest.approx(moments[2] - moments[1] ** 2, abs=1e-9)


# --- One against the other ------------------------------------------------------------------------


@given(mixtures(largest=5))
def test_the_evidence_is_the_bound_plus_the_divergence(model):
    # KL(q(w) q(c) || p(w, c|x)) = KL(q(c) || p(c|x)) + E_q(c) KL(q(w) || p(w|c)).
    result = coordinate_ascent(model)
    c, log_weights, log_evidence = by_assignment(model)
    log_q = c @ log_expit(result.logits) + (1 - c) @ log_expit(-result.logits)
    ones, n = c.sum(axis=1), c.shape[1]

    def kl_of_weight(k):
        p = model.alpha + k, model.beta + n - k
        return expectation(result.gamma, lambda *w: log_beta(result.gamma, *w) - log_beta(p, *w))

    of_weight = np.array([kl_of_weight(k) for k in range(n + 1)])
    kl = np.exp(log_q) @ (log_q - log_weights + of_weight[ones])
    assert kl > 0
    assert result.elbos[-1] + kl == pytest.approx(log_evidence, abs=1e-10)


def test_mean_field_is_close_below_and_too_sure():
    model = two_bumps()
    result, exact = coordinate_ascent(model), exact_posterior(model)
    assert 0.01 < exact.log_evidence - result.elbos[-1] < 2
    assert result.weight.mean() == pytest.approx(exact.mean, abs=0.05)
    assert result.weight.var() < 0.7 * exact.variance


def test_gibbs_draws_have_the_moments_of_the_exact_posterior():
    model = two_bumps()
    exact = exact_posterior(model)
    w = gibbs(model, 200, np.random.default_rng(1), chains=400)
    assert w.shape == (200, 400)
    for draws, value in ((w, exact.mean), ((w - exact.mean) ** 2, exact.variance)):
        of_chains = draws.mean(axis=0)  # independent of one another, unlike the draws of a chain
        error = of_chains.std() / np.sqrt(of_chains.size)
        assert error < 0.03 * np.sqrt(exact.variance)
        assert abs(of_chains.mean() - value) < 6 * error


def test_chains_start_from_the_prior():
    # Where both components say the same, that is also the posterior; from w = 1/2, the first sweep
    # would not go far.
    model = Mixture(np.zeros(200), np.zeros(200), 2.0, 3.0)
    w = gibbs(model, 1, np.random.default_rng(0), chains=2000, burn_in=0)
    assert scipy.stats.kstest(w[0], scipy.stats.beta(2, 3).cdf).pvalue > 1e-6


def test_burn_in_is_thrown_away():
    model = two_bumps(10)
    all_sweeps, kept = (
        gibbs(model, 8 - burn_in, np.random.default_rng(0), chains=2, burn_in=burn_in)
        for burn_in in (0, 3)
    )
    np.testing.assert_array_equal(kept, all_sweeps[3:])


def test_whole_floats_are_numbers_of_sweeps_and_of_chains():
    assert gibbs(two_bumps(), 10.0, np.random.default_rng(0), chains=2.0).shape == (10, 2)


def test_gibbs_on_known_assignments_draws_from_a_beta():
    signs = np.array([1, 1, -1])
    w = gibbs(Mixture(50.0 * signs, -50.0 * signs), 1, np.random.default_rng(0), chains=5000)
    assert scipy.stats.kstest(w[0], scipy.stats.beta(3, 2).cdf).pvalue > 1e-6


def test_the_defaults():
    log_p1, log_p2 = np.array([0.3, -1.0, 2.0]), np.zeros(3)
    uniform = Mixture(log_p1, log_p2)
    assert (uniform.alpha, uniform.beta) == (1, 1)
    by_default = Mixture.gaussian(np.zeros(3), (0, 1), (1, 1))
    assert (by_default.alpha, by_default.beta) == (1, 1)
    # Components that overlap so much make an ascent so slow that some gain is just above 1e-10.
    slow = Mixture.gaussian(np.linspace(-1, 1.5, 40), (-0.5, 0.5), (1, 1))
    ascent, said = (
        coordinate_ascent(slow, **options)
        for options in ({}, {"start": (1, 1), "sweeps": 1000, "tol": 1e-10})
    )
    assert np.array_equal(ascent.elbos, said.elbos)
    gains = np.diff(coordinate_ascent(slow, tol=1e-13).elbos)
    assert np.any((gains > 1.1e-10) & (gains < 1.9e-10))
    draws, said = (
        gibbs(uniform, 5, np.random.default_rng(0), **options)
        for options in ({}, {"chains": 1, "burn_in": 100})
    )
    assert np.array_equal(draws, said)


def test_log_densities_may_be_lists():
    model = Mixture([0.3, -1.0], [0.0, 2.0])
    np.testing.assert_array_equal(model.log_ratio, [0.3, -3.0])


def test_the_weight_may_be_zero_or_one():
    model = two_bumps(5)
    expected = [model.log_p2.sum(), model.log_p1.sum()]
    np.testing.assert_allclose(model.log_likelihood([0, 1]), expected, rtol=1e-14)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Mixture([[0.0]], [[0.0]]), r"log_p1 has shape \(1, 1\), expected \(n,\)"),
        (lambda: Mixture([], []), r"log_p1 has shape \(0,\), expected \(n,\)"),
        (lambda: Mixture([0.0], [0.0], beta=-1), "beta is -1, expected a positive number"),
        (lambda: Mixture.gaussian([0.0], (0, 1, 2), (1, 1, 1)), "too many values"),
        (lambda: Mixture.gaussian([0.0], (0, 1), (1, 1, 1)), "zip"),
        (lambda: coordinate_ascent(two_bumps(), tol=0), "tol is 0, expected a positive number"),
        (lambda: coordinate_ascent(two_bumps(), sweeps=0), "sweeps is 0, expected"),
        (lambda: gibbs(two_bumps(), 10, np.random.default_rng(0), chains=0), "chains is 0, exp"),
        (
            lambda: gibbs(two_bumps(), 10, np.random.default_rng(0), burn_in=-1),
            "burn_in is -1, expected",
        ),
        (lambda: Mixture([0.0, 1.0], [0.0]), r"log_p2 has shape \(1,\), expected \(n,\)"),
        (lambda: Mixture([0.0, np.inf], [0.0, 0.0]), "log_p1 has values that are NaN or infinite"),
        (lambda: Mixture([0.0], [0.0], alpha=0), "alpha is 0, expected a positive number"),
        (lambda: coordinate_ascent(two_bumps(), start=(1, -1)), "start is -1, expected"),
        (lambda: gibbs(two_bumps(), 10, 0), "rng is int, expected"),
        (lambda: gibbs(two_bumps(), 0, np.random.default_rng(0)), "sweeps is 0, expected"),
    ],
)
def test_bad_arguments_are_named(make, message):
    with pytest.raises(ValueError, match=message):
        make()
