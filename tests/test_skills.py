"""Skills from matches: every way to a posterior against exact answers and against each other."""

from dataclasses import replace

import numpy as np
import pytest
import scipy.integrate
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples

from minivae import SGD, Adagrad, Adam, check_grad
from minivae.datasets.matches import load_matches
from minivae.relatives.skills import (
    Gaussian,
    Skills,
    assumed_density_filter,
    expectation_propagation,
    fit_by_quadrature,
    fit_gaussian,
    forecasts,
    judges,
    maximum_evidence,
    message_passing,
    probability_best,
    propagation,
    variational,
)
from minivae.relatives.skills.evidence import log_evidence_and_grad
from minivae.relatives.skills.intervals import interval

NORM, THIRDS = scipy.stats.norm, np.full((2, 3), 1 / 3)
LEGENDRE = np.polynomial.legendre.leggauss(100)
methods = pytest.mark.parametrize(
    "method", [expectation_propagation, message_passing, assumed_density_filter, fit_by_quadrature]
)


def season(**options):
    """England, 2015/16: 20 teams, 380 matches."""
    data = load_matches("en", 2015)
    return Skills(data.home, data.away, data.outcome, len(data.teams), **options)


def duel(**options):
    """Two teams, five matches: a posterior that a grid can integrate."""
    return Skills([0, 1, 0, 1, 0], [1, 0, 1, 0, 1], [1, 0, -1, 1, 1], 2, **options)


def one_match(outcome=1, **options):
    return Skills([1], [0], [outcome], 2, **options)


@st.composite
def models(draw, n_teams=None):
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    n, teams = draw(st.integers(1, 8)), n_teams or draw(st.integers(2, 4))
    home = rng.integers(teams, size=n)
    away = (home + rng.integers(1, teams, size=n)) % teams
    sd, eps = rng.uniform(0.3, 2, 2)
    home_sd = draw(st.sampled_from([None, 1.0, 0.6]))
    return Skills(home, away, rng.integers(-1, 2, n), teams, sd, eps, home_sd)


def same(a, b, **tolerance):
    np.testing.assert_allclose(a.mean, b.mean, **tolerance)
    np.testing.assert_allclose(a.covariance, b.covariance, **tolerance)
    np.testing.assert_allclose(a.log_evidence, b.log_evidence, **tolerance)


# --- How much lies in an interval -----------------------------------------------------------------


def by_gauss_legendre(a, b):
    """What `interval` computes, for -1 < a or b < 1, from the density relative to that at a."""
    if a < -b:
        log_mass, lower, upper, lost = by_gauss_legendre(-b, -a)
        return log_mass, upper, lower, lost
    width = min(b - a, 12.0 if a < 1 else 40 / a)
    t, weights = (LEGENDRE[0] + 1) / 2 * width, LEGENDRE[1] * width / 2
    density = weights * np.exp(-a * t - t**2 / 2)
    Z = density.sum()
    p = density / Z
    log_mass = np.log(Z) - a**2 / 2 - np.log(2 * np.pi) / 2
    upper = 0.0 if np.isinf(b) else np.exp(-(b - a) * (b + a) / 2) / Z
    return log_mass, 1 / Z, upper, 1 - p @ (t - p @ t) ** 2


@pytest.mark.parametrize("width", [1e-3, 0.1, 0.8, 3.0, np.inf])
@pytest.mark.parametrize("a", [-0.9, 0.0, 0.2, 3.0, 4.999, 5.001, 30.0, 1e3, 1e6])
def test_an_interval_far_out_has_all_its_digits(a, width):
    found, expected = interval(a, a + width), by_gauss_legendre(a, a + width)
    np.testing.assert_allclose(np.stack(found), expected, rtol=1e-11, atol=1e-300)
    mirrored = interval(np.array([-a - width]), np.array([-a]))
    np.testing.assert_array_equal(mirrored.lower, found.upper)
    np.testing.assert_array_equal(mirrored.log_mass, found.log_mass)


def test_what_is_almost_certain_keeps_its_small_rest():
    np.testing.assert_allclose(interval(-12.0, np.inf).log_mass, -NORM.sf(12), rtol=1e-12)


@examples(20)
@given(st.integers(0, 2**32 - 1))
def test_the_derivatives_of_an_interval(seed):
    rng = np.random.default_rng(seed)
    left = rng.uniform(-4, 4, 6)
    right = left + rng.uniform(0.1, 3, 6)
    left[0], right[1] = -np.inf, np.inf

    def value(m):
        found = interval(left - m, right - m)
        return found.log_mass.sum(), found.lower - found.upper

    def slope(m):
        found = interval(left - m, right - m)
        return np.sum(found.lower - found.upper), -found.variance_lost

    check_grad(value, rng.standard_normal(6))
    check_grad(slope, rng.standard_normal(6))


# --- The model ------------------------------------------------------------------------------------


@given(models())
def test_log_joint_is_written_out(model):
    s = np.linspace(-1, 1, len(model.prior_sd))
    expected, h = 0.0, 0.0 if model.home_sd is None else s[-1]
    for k in range(model.n_teams):
        expected += NORM.logpdf(s[k], 0, model.sd)
    if model.home_sd is not None:
        expected += NORM.logpdf(h, 0, model.home_sd)
    for home, away, outcome in zip(model.home, model.away, model.outcome, strict=True):
        d = NORM(s[home] - s[away] + h, 1)
        draw = d.cdf(model.eps) - d.cdf(-model.eps)
        expected += np.log({1: d.sf(model.eps), 0: draw, -1: d.cdf(-model.eps)}[outcome])
    found, _ = model.log_joint_and_grad(s[None])
    assert found.item() == pytest.approx(expected, rel=1e-10)


@given(models())
def test_gradient_of_the_log_joint(model):
    rng = np.random.default_rng(0)
    weights = rng.uniform(0.5, 2, 3)

    def f(s):
        log_p, grad = model.log_joint_and_grad(s)
        return weights @ log_p, weights[:, None] * grad

    check_grad(f, rng.standard_normal((3, len(model.prior_sd))))


def test_the_next_match_is_the_mean_over_what_is_believed():
    model, belief = duel(), expectation_propagation(duel())
    found = model.predict(belief, [0, 1], [1, 0])
    np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-12)
    m, v = belief.along(model.rows([0, 1], [1, 0]))
    for k in range(2):  # d ~ N(u, 1), over a grid of u
        t = np.linspace(-9, 9, 2001)
        u, weights = m[k] + np.sqrt(v[k]) * t, NORM.pdf(t) * (t[1] - t[0])
        np.testing.assert_allclose(found[k, 0], weights @ NORM.cdf(-model.eps - u), rtol=1e-9)
        np.testing.assert_allclose(found[k, 2], weights @ NORM.sf(model.eps - u), rtol=1e-9)
    np.testing.assert_array_equal(model.predict(belief, 1, 0), found[1:])


def test_simulated_outcomes_come_as_often_as_their_probabilities_say():
    n, rng = 20_000, np.random.default_rng(0)
    model, s = Skills(
        np.zeros(n, int), np.ones(n, int), np.zeros(n, int), 2, sd=0.8, eps=0.5
    ).simulate(rng)
    known = Gaussian(s, np.zeros((3, 3)))
    p = model.predict(known, 0, 1)[0]
    share = np.bincount(model.outcome + 1, minlength=3) / n
    np.testing.assert_array_less(np.abs(share - p), 6 * np.sqrt(p * (1 - p) / n))


def test_simulated_skills_have_the_prior_s_standard_deviations():
    rng = np.random.default_rng(0)
    s = np.array([one_match(sd=2.0, home_sd=0.5).simulate(rng)[1] for _ in range(2000)])
    np.testing.assert_allclose(s.std(axis=0), [2, 2, 0.5], rtol=6 / np.sqrt(2 * 2000))


# --- Expectation propagation ----------------------------------------------------------------------


@pytest.mark.parametrize("outcome", [-1, 0, 1])
@pytest.mark.parametrize("home_sd", [None, 0.7])
def test_of_one_match_ep_gives_the_exact_moments(outcome, home_sd):
    # The factor depends on u ~ N(0, v) alone, and d ~ N(0, 1 + v).
    model = one_match(outcome, sd=1.3, eps=0.6, home_sd=home_sd)
    exact = judges.by_quadrature(model)
    total = np.sqrt(1 + np.sum(model.prior_sd**2))
    left, right = (NORM.cdf(end / total) for end in model.ends)
    assert exact.log_evidence == pytest.approx(np.log(right - left).item(), abs=1e-10)
    same(expectation_propagation(model), exact, rtol=1e-8, atol=1e-8)
    same(assumed_density_filter(model), exact, rtol=1e-8, atol=1e-8)
    for factorised in (message_passing(model), assumed_density_filter(model, factorised=True)):
        np.testing.assert_allclose(factorised.mean, exact.mean, atol=1e-8)
        np.testing.assert_allclose(factorised.sd, exact.sd, rtol=1e-8)
        assert factorised.log_evidence == pytest.approx(exact.log_evidence, abs=1e-8)


@examples(20)
@given(models())
def test_at_ep_s_fixed_point_every_factor_agrees_with_its_site(model):
    belief, c, w = propagation.fixed_point(model)
    tilted = propagation.tilt(model, c, w)
    m, v = belief.along(model.A)
    np.testing.assert_allclose(m, c + w * tilted.g, atol=1e-8)
    np.testing.assert_allclose(v, w - w**2 * tilted.k, atol=1e-8)


def assert_close(belief, exact, to):
    np.testing.assert_allclose(belief.mean, exact.mean, atol=to * np.min(exact.sd))
    np.testing.assert_allclose(belief.sd, exact.sd, rtol=to)
    assert belief.log_evidence == pytest.approx(exact.log_evidence, abs=to)


@examples(20)
@given(models(n_teams=2))
def test_ep_is_close_to_the_exact_posterior_of_two_teams(model):
    # No theorem says how close. In 400 such problems standard deviations were up to 2.3 % off.
    assert_close(expectation_propagation(model), judges.by_quadrature(model, 151), to=0.15)


def test_ep_is_very_close_where_the_posterior_is_nearly_gaussian_and_one_pass_is_close():
    assert_close(expectation_propagation(duel()), judges.by_quadrature(duel()), to=0.001)
    assert_close(assumed_density_filter(duel()), judges.by_quadrature(duel()), to=0.1)


def test_neither_order_nor_damping_changes_ep_and_messages_but_order_changes_the_filter():
    model, order = season(), np.random.default_rng(0).permutation(380)
    shuffled = model.with_matches(order)
    for method in (expectation_propagation, message_passing):
        belief = method(model)
        same(method(shuffled), belief, rtol=1e-7, atol=1e-7)
        same(method(model, damping=0.7), belief, rtol=1e-6, atol=1e-6)
    first, other = assumed_density_filter(model), assumed_density_filter(shuffled)
    assert 1e-4 < np.max(np.abs(first.mean - other.mean)) < 0.1


def test_the_filter_is_one_exact_step_after_another():
    model, belief, total = duel(), duel().prior, 0.0
    for i in range(5):
        one = model.with_matches([i])
        # What is known so far as the prior: EP of one factor is exact, for any Gaussian before it.
        (m,), (v,) = belief.along(one.A)
        found = interval(*((end - m) / np.sqrt(1 + v) for end in one.ends))
        total += found.log_mass.item()
        gain = belief.covariance @ one.A[0]
        g = (found.lower - found.upper).item() / np.sqrt(1 + v)
        k = found.variance_lost.item() / (1 + v)
        belief = Gaussian(belief.mean + gain * g, belief.covariance - k * np.outer(gain, gain))
    same(assumed_density_filter(model), replace(belief, log_evidence=total), rtol=1e-10)


@methods
def test_without_matches_there_is_the_prior(method):
    model = Skills(*np.zeros((3, 0), int), 3)
    same(method(model), model.prior, rtol=1e-12)


@methods
def test_a_mirror_image_mirrors_the_skills(method):
    # Who was at home was away and lost what it won: without a home advantage, all as before.
    model = season(home_sd=None)
    mirrored = replace(model, home=model.away, away=model.home, outcome=-model.outcome)
    same(method(mirrored), method(model), rtol=1e-8, atol=1e-8)


def test_a_filter_that_forgets_correlations_has_none():
    belief = assumed_density_filter(duel(), factorised=True)
    np.testing.assert_array_equal(belief.covariance, np.diag(np.diag(belief.covariance)))
    assert assumed_density_filter(duel()).covariance[0, 1] > 0.01


# --- Evidence -------------------------------------------------------------------------------------


@examples(10)
@given(models())
def test_gradient_of_the_evidence(model):
    def f(logs):
        sd, eps = (float(np.exp(logs[name])) for name in ("log_sd", "log_eps"))
        return log_evidence_and_grad(replace(model, sd=sd, eps=eps))

    check_grad(f, {f"log_{name}": np.array(np.log(getattr(model, name))) for name in ("sd", "eps")})


def test_maximum_evidence_is_a_maximum_and_finds_what_was_simulated():
    model = season()
    best = maximum_evidence(model)
    value = expectation_propagation(best).log_evidence
    for sd, eps in ((1.05, 1), (0.95, 1), (1, 1.05), (1, 0.95)):
        near = replace(best, sd=best.sd * sd, eps=best.eps * eps)
        assert expectation_propagation(near).log_evidence < value
    many = replace(model, **{k: np.tile(getattr(model, k), 5) for k in ("home", "away", "outcome")})
    drawn, s = replace(many, sd=1.0, eps=0.3).simulate(np.random.default_rng(0))
    found = maximum_evidence(replace(drawn, sd=0.5, eps=0.4))
    # Of 20 skills the standard deviation is known to a sixth; of 1900 matches some 300 are draws.
    assert found.sd == pytest.approx(s[:20].std(), rel=0.2)
    assert found.eps == pytest.approx(0.3, rel=6 / np.sqrt(300))


def test_maximum_evidence_where_ep_oscillates_on_the_way():
    data = load_matches("de", 2015)
    some = (column[:60] for column in (data.home, data.away, data.outcome))
    model = Skills(*some, len(data.teams))
    with pytest.raises(RuntimeError, match="EP has not converged"):
        expectation_propagation(replace(model, sd=9.458, eps=0.01))
    best = maximum_evidence(model)
    _, grad = log_evidence_and_grad(best)
    assert 0.1 < best.sd < 2 and 0.1 < best.eps < 1
    np.testing.assert_allclose([grad["log_sd"], grad["log_eps"]], 0, atol=0.01)


# --- A Gaussian by gradients ----------------------------------------------------------------------


def some_q(model, family, L=3):
    rng = np.random.default_rng(0)
    posterior, J = variational.FAMILIES[family], len(model.prior_sd)
    q_params = 0.5 * rng.standard_normal((1, posterior.n_params(J)))
    return posterior, q_params, rng.standard_normal((L, 1, J))


@pytest.mark.parametrize("family", variational.FAMILIES)
@examples(20)
@given(models())
def test_gradient_of_the_bound(family, model):
    posterior, q_params, noise = some_q(model, family)
    check_grad(lambda q: variational.elbo_and_grad(model, posterior, q, noise), q_params)


@pytest.mark.parametrize("family", variational.FAMILIES)
def test_the_bound_by_samples_is_that_by_quadrature(family):
    model = duel(sd=0.2, home_sd=0.15)
    posterior, q_params, noise = some_q(model, family, L=1000)
    each = [variational.elbo_and_grad(model, posterior, q_params, n[None])[0] for n in noise]
    exact = variational.as_belief(model, posterior, q_params).log_evidence
    assert np.mean(each) == pytest.approx(exact, abs=6 * np.std(each) / np.sqrt(len(each)))


@examples(20)
@given(models())
def test_derivatives_of_the_expected_log_likelihood(model):
    rng, n = np.random.default_rng(0), len(model.A)

    def f(at):
        found = variational.expected_log_likelihood(model, at["m"], at["v"])
        return found.value.sum(), {"m": found.slope, "v": found.curvature / 2}

    check_grad(f, {"m": rng.standard_normal(n), "v": rng.uniform(0.3, 2, n)})


@pytest.mark.parametrize("v", [0.0, 0.01, 2.0, 150.0])
def test_the_expected_log_likelihood_by_adaptive_quadrature(v):
    model = Skills([0, 0, 0], [1, 1, 1], [-1, 0, 1], 2)
    found = variational.expected_log_likelihood(model, np.full(3, 0.7), np.full(3, v))

    def integrand(t, k):
        value = model.outcomes_given(0.7 + np.sqrt(v) * np.full(3, t)).log_mass[k]
        return NORM.pdf(t) * value

    for k in range(3):
        expected, _ = scipy.integrate.quad(integrand, -9, 9, (k,), epsabs=1e-11, limit=200)
        assert found.value[k] == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("sd", [0.5, 8.0])
@pytest.mark.parametrize("diagonal", [False, True])
def test_the_fit_by_quadrature_is_a_maximum(diagonal, sd):
    model, rng = duel(sd=sd), np.random.default_rng(0)
    best = fit_by_quadrature(model, diagonal=diagonal)
    for _ in range(30):
        factor = np.eye(3) + 0.03 * rng.standard_normal((3, 3)) * (np.eye(3) if diagonal else 1)
        mean = best.mean + 0.03 * best.sd * rng.standard_normal(3)
        near = Gaussian(mean, factor @ best.covariance @ factor.T)
        assert variational.elbo_by_quadrature(model, near) < best.log_evidence


@examples(20)
@given(models(n_teams=2))
def test_the_bounds_are_below_the_evidence_and_in_order(model):
    exact = judges.by_quadrature(model, 151).log_evidence
    full = fit_by_quadrature(model).log_evidence
    diagonal = fit_by_quadrature(model, diagonal=True).log_evidence
    assert diagonal < full < exact + 1e-9


@pytest.mark.parametrize("family", variational.FAMILIES)
def test_the_fit_by_samples_comes_to_the_same(family):
    model = duel()
    noise = np.random.default_rng(0).standard_normal((1500, 20, 3))
    fit = fit_gaussian(model, noise, family=family, optimizer=Adagrad(0.2))
    best = fit_by_quadrature(model, diagonal=family == "gaussian")
    # Parameters' means over 750 steps of 20 samples: standard errors of about 0.01, and so in nats
    # some 9 * 1e-4 / 2 on the average.
    assert 0 < best.log_evidence - fit.belief.log_evidence < 0.01
    np.testing.assert_allclose(fit.belief.mean, best.mean, atol=0.06)
    np.testing.assert_allclose(fit.belief.sd, best.sd, rtol=0.06)
    assert np.mean(fit.bounds[750:]) == pytest.approx(best.log_evidence, abs=0.15)


@pytest.mark.parametrize("optimizer", [SGD(0.01), Adam(0.1)], ids=repr)
def test_the_fit_is_ascent_written_out(optimizer):
    model, posterior = duel(), variational.FAMILIES["full-covariance"]
    noise = np.random.default_rng(0).standard_normal((6, 4, 3))
    fit = fit_gaussian(model, noise, optimizer=optimizer)
    vector, path, bounds = np.zeros(9), [], []
    state = optimizer.init(vector)
    for t, eps in enumerate(noise, start=1):
        bound, grad = variational.elbo_and_grad(model, posterior, vector[None], eps[:, None])
        optimizer.update(vector, grad[0], state, t, 0.0)
        bounds.append(bound)
        path.append(vector.copy())
    np.testing.assert_allclose(fit.bounds, bounds, rtol=1e-12)
    mean = np.mean(path[3:], axis=0)
    np.testing.assert_allclose(fit.belief.mean, mean[:3] * model.prior_sd, rtol=1e-12)


# --- Judges ---------------------------------------------------------------------------------------


def by_hmc_in_short(model, around):
    return judges.by_hmc(model, around, chains=200, samples=30, rng=np.random.default_rng(0))


def by_weights_in_short(model, q):
    noise = np.random.default_rng(0).standard_normal((20_000, len(q.mean)))
    return judges.by_importance_sampling(model, q, noise)


@pytest.mark.parametrize("judge", [by_hmc_in_short, by_weights_in_short])
def test_judges_agree_with_the_grid(judge):
    model = duel(sd=0.9)
    exact, found = judges.by_quadrature(model), judge(model, expectation_propagation(model))
    error = np.abs(found.belief.mean - exact.mean) / found.mean_error
    assert np.all(error < 6), error
    error = np.abs(found.belief.sd - exact.sd) / found.sd_error
    assert np.all(error < 6), error
    np.testing.assert_allclose(found.belief.covariance, exact.covariance, atol=0.1)
    assert np.all(found.mean_error < 0.03) and np.all(found.sd_error < 0.03)
    if judge is by_weights_in_short:
        error = abs(found.belief.log_evidence - exact.log_evidence)
        assert error < 6 * found.log_evidence_error and found.log_evidence_error < 0.01


def test_a_trajectory_lasts_a_quarter_of_a_period():
    # Where the target is Gaussian a quarter of a turn puts the momentum in the place of y, and what
    # a chain has drawn says nothing about what it draws next, nor about its size.
    model = Skills(*np.zeros((3, 0), int), 2)
    found = judges.by_hmc(
        model, model.prior, chains=400, samples=20, rng=np.random.default_rng(0), n_leapfrog=20
    )
    independent = np.sqrt(400 * 20)
    np.testing.assert_allclose(found.mean_error * independent, model.prior_sd, rtol=0.35)
    np.testing.assert_allclose(found.sd_error * independent, model.prior_sd / np.sqrt(2), rtol=0.35)


def test_the_grid_says_nothing_new_where_the_matches_say_nothing():
    exact = judges.by_quadrature(one_match(home_sd=0.4))
    total = Gaussian(exact.mean, exact.covariance)
    mean, variance = total.along(np.array([[1.0, 1.0, 0.0]]))  # the sum of both teams
    np.testing.assert_allclose([mean[0], variance[0]], [0, 2 * 0.25], atol=1e-12)


def test_of_a_whole_season_all_say_the_same_of_the_means():
    model = season()
    belief, q = expectation_propagation(model), fit_by_quadrature(model)
    for other in (q, message_passing(model), fit_by_quadrature(model, diagonal=True)):
        np.testing.assert_allclose(other.mean, belief.mean, atol=1e-3)
    np.testing.assert_allclose(q.sd, belief.sd, rtol=0.002)
    for factorised in (message_passing(model), fit_by_quadrature(model, diagonal=True)):
        ratio = np.mean(factorised.sd[:20] / belief.sd[:20])
        assert 0.85 < ratio < 0.9
    noise = np.random.default_rng(0).standard_normal((1000, 21))
    judged = judges.by_importance_sampling(model, belief, noise)
    error = 6 * judged.log_evidence_error
    assert error < 0.01
    assert belief.log_evidence == pytest.approx(judged.belief.log_evidence, abs=0.005 + error)
    assert 0 < judged.belief.log_evidence - q.log_evidence + error < 0.01 + error


# --- Who was the best? ----------------------------------------------------------------------------


def test_the_probability_to_be_the_best():
    belief = Gaussian(np.array([0.0, 1.0, 9.0]), np.diag([1.0, 3.0, 1.0]))
    p = probability_best(belief, 2, np.random.default_rng(0).standard_normal((20_000, 3)))
    expected = NORM.cdf(1 / 2)  # that N(1, 1 + 3) is above zero
    np.testing.assert_allclose(p, [1 - expected, expected], atol=6 * np.sqrt(0.25 / 20_000))


# --- Bad arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Skills([0], [0], [1], 2), "match 0 is of team 0 with itself"),
        (lambda: Skills([0], [2], [1], 2), "away has numbers from 2 to 2, expected 0 to 1"),
        (lambda: Skills([0], [1], [2], 2), "outcome has numbers from 2 to 2, expected -1 to 1"),
        (lambda: Skills([0, 1], [1], [1, 1], 2), "away has 1 matches, expected 2"),
        (lambda: Skills([0.5], [1], [1], 2), "home has shape .* expected .* whole numbers"),
        (lambda: Skills([0], [1], [1], 1), "n_teams is 1, expected a whole number of at least 2"),
        (lambda: one_match(sd=0), "sd is 0, expected a positive"),
        (lambda: one_match(eps=-1.0), "eps is -1.0, expected a positive"),
        (lambda: one_match(home_sd=0.0), "home_sd is 0.0, expected a positive"),
        (lambda: one_match().predict(one_match().prior, 0, 5), "away has numbers from 5 to 5"),
        (
            lambda: one_match().predict(one_match().prior, [0, 1], [1, 0, 1]),
            "away has 3 matches, expected 2 as home has",
        ),
        (lambda: one_match().simulate(0), "rng is int, expected"),
        (lambda: expectation_propagation(duel(), damping=1.5), "damping is 1.5, expected"),
        (lambda: expectation_propagation(duel(), tol=0), "tol is 0, expected a positive"),
        (lambda: message_passing(duel(), sweeps=0), "sweeps is 0, expected a whole"),
        (lambda: fit_gaussian(duel(), np.zeros((3, 2, 2))), r"expected \(steps, L, 3\)"),
        (
            lambda: fit_gaussian(duel(), np.zeros((3, 2, 3)), family="laplace"),
            "family is 'laplace'",
        ),
        (lambda: judges.by_quadrature(season()), "A has rank 20, expected 2"),
        (lambda: judges.by_quadrature(duel(), 1), "nodes is 1, expected a whole number of at lea"),
        (lambda: judges.by_quadrature(Skills([], [], [], 2)), "outcome has no matches, expected"),
        (lambda: forecasts.frequencies([0, 1, 2]), "outcome has numbers from 0 to 2, expected -1"),
        (lambda: forecasts.log_losses(THIRDS, [-2, 1]), "outcome has numbers from -2 to 1, expec"),
        (lambda: forecasts.log_losses(THIRDS, [0.0, 1.0]), "outcome has .* float64, expected "),
        (lambda: forecasts.calibration(THIRDS, [0, 1], 7), "groups is 7, expected at most the 6"),
        (
            lambda: judges.by_hmc(
                duel(), duel().prior, chains=1, samples=2, rng=np.random.default_rng(0)
            ),
            "chains is 1, expected at least 2",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call()


@pytest.mark.parametrize("method", [expectation_propagation, message_passing, fit_by_quadrature])
def test_too_few_sweeps_are_an_error(method):
    with pytest.raises(RuntimeError, match="in 1 sweeps: try more"):
        method(duel(), sweeps=1)
