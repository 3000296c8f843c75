"""Full variational Bayes (app. F) against models whose evidence log p(X) is known.

1. *Bayesian linear regression.* With a linear decoder, and eps = 0, so that z is observed at mu(x),
   theta = (W, b) has a Gaussian posterior and p(X|Z) a formula. For every q(theta), good or bad,

       N L = log p(X|Z) - KL(q(theta) || p(theta|X, Z)) - sum_n KL(q(z|x_n) || p(z))

   where the last term, which an observed z would not cost, does not depend on theta.
2. *Only a bias.* Behind hidden units that are silent, x ~ N(b, sigma^2 I) whatever z is. Then a
   diagonal q(theta) and an encoder that says nothing are exact: the best bound *is* log p(X).
3. *One pixel, one latent.* x ~ N(z w + b, sigma^2) with z, w and b all unknown: no posterior is
   exact, but log p(X) is an integral over two numbers.

What makes the comparisons exact is the noise. The bound's integrand is a quadratic function of
zeta, and so the average over the 2P vectors +-sqrt(P) e_i, whose mean is 0 and whose covariance is
I, is the expectation; in the third, likewise for eps and +-1.
"""

import itertools
import time
from functools import partial
from types import SimpleNamespace

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples

from minivae import SGD, VAE, Adam, Params, check_grad, fit
from minivae.data_stream import INIT, NOISE, ORDER, stream
from minivae.evaluation import mean_bound
from minivae.gaussian import log_density
from minivae.layers import Activation
from minivae.likelihoods import FixedGaussian
from minivae.testing import batches, models
from minivae.training import TrainingDiverged, bayesian_decoder
from minivae.training.full_vb import FullVB, fit_full_vb

SMALL = {"batch_size": 20, "evaluate_every": 200, "draws": 2, "progress": False}


def spread_zeta(n):
    """Vectors whose mean is exactly 0 and whose covariance is exactly I, (2n, n)."""
    directions = np.sqrt(n) * np.eye(n)
    return np.concatenate([directions, -directions])


def expected_bound_and_grad(model, params, x, noise):
    """Average over zeta: exact where the bound is quadratic in theta."""
    zetas = spread_zeta(model.n_theta)
    bounds, grads = zip(
        *(model.bound_and_grad(params, x, noise, zeta) for zeta in zetas), strict=True
    )
    return np.mean(bounds), params.like(np.mean([grad.vector for grad in grads], axis=0))


def params_of(model, phi, mean, variance):
    """Lay out phi (a vector) and q(theta) = N(mean, diag variance) as the model wants them."""
    vector = np.concatenate([phi, np.ravel(mean), np.ravel(np.log(variance))])
    return Params(model.param_shapes, vector)


def kl_of_gaussians(mean, variance, exact_mean, exact_covariance):
    """KL(N(mean, diag variance) || N(exact_mean, exact_covariance)), in nats."""
    precision = np.linalg.inv(exact_covariance)
    error = mean - exact_mean
    return 0.5 * (
        np.diag(precision) @ variance
        + error @ precision @ error
        - len(mean)
        + np.linalg.slogdet(exact_covariance)[1]
        - np.log(variance).sum()
    )


# --- The gradient ---------------------------------------------------------------------------------


@examples(8)
@given(models(max_side=3, depths=(0, 1, 2)), st.data())
def test_gradient(model, data):
    vae, vae_params = model
    x, noise = data.draw(batches(model))
    full = FullVB(vae, data.draw(st.integers(1, 9)), data.draw(st.floats(0.5, 2)))
    rng = np.random.default_rng(0)
    phi, theta = np.split(vae_params.vector, [-full.n_theta])
    zeta, log_var = rng.standard_normal(full.n_theta), rng.uniform(-2, 1, full.n_theta)
    # mu_theta such that the theta which is drawn is the one that `batches` keeps off the kinks.
    params = params_of(full, phi, theta - np.exp(log_var / 2) * zeta, np.exp(log_var))
    check_grad(lambda p: full.bound_and_grad(p, x, noise, zeta), params)


@examples(15)
@given(models(), st.data())
def test_the_bound_alone_is_the_bound_with_a_gradient(model, data):
    x, noise = data.draw(batches(model))
    full = FullVB(model.vae, 7, 0.8)
    rng = np.random.default_rng(1)
    params, zeta = full.init_params(rng, sigma=0.3), rng.standard_normal(full.n_theta)
    bound, _ = full.bound_and_grad(params, x, noise, zeta)
    assert full.bound(params, x, noise, zeta) == pytest.approx(bound, rel=1e-12)


# --- Known answer 1: Bayesian linear regression ---------------------------------------------------


class Regression:
    """x_n = z_n W + b + N(0, sigma^2 I), with z_n = mu(x_n), (W, b) ~ N(0, s^2 I)."""

    def __init__(self, J, D, N, sigma, prior_std, seed, orthogonal=False):
        rng = np.random.default_rng(seed)
        self.x = rng.standard_normal((N, D))
        self.model = FullVB(VAE(D, J, (), FixedGaussian(sigma)), N, prior_std)
        phi = Params(self.model.vae.encoder.shapes)
        phi.vector[:] = rng.standard_normal(phi.vector.size)
        if orthogonal:  # z: centred principal components, so that A^T A is diagonal
            centre = self.x.mean(axis=0)
            phi["encoder.W1"][:, :J] = np.linalg.svd(self.x - centre)[2][:J].T
            phi["encoder.b1"][:J] = -centre @ phi["encoder.W1"][:, :J]
        self.phi = phi.vector
        z = self.x @ phi["encoder.W1"][:, :J] + phi["encoder.b1"][:J]
        self.A = np.column_stack([z, np.ones(N)])  # x = A T + noise, where T is W above b
        self.noise = np.zeros((1, N, J))  # eps = 0: z is mu(x)
        self.sigma, self.prior_std = sigma, prior_std
        precision = np.eye(J + 1) / prior_std**2 + self.A.T @ self.A / sigma**2
        self.precision = np.kron(precision, np.eye(D))  # theta is T, row by row
        self.mean = np.linalg.solve(precision, self.A.T @ self.x / sigma**2).ravel()

    def log_evidence(self):
        N = len(self.x)
        covariance = self.sigma**2 * np.eye(N) + self.prior_std**2 * self.A @ self.A.T
        return scipy.stats.multivariate_normal.logpdf(self.x.T, None, covariance).sum()

    def expected(self, params):
        """Return N L without the KL of z, and the gradient of L."""
        bound, grad = expected_bound_and_grad(self.model, params, self.x, self.noise)
        _, minus_kl_z = self.model.vae.elbo_terms(self.model.draw(params), self.x, self.noise)
        return len(self.x) * bound - minus_kl_z.sum(), grad


def regressions(**options):
    return st.builds(
        partial(Regression, **options),
        J=st.integers(1, 2),
        D=st.integers(2, 3),
        N=st.integers(1, 6),
        sigma=st.floats(0.5, 2),
        prior_std=st.floats(0.5, 2),
        seed=st.integers(0, 99),
    )


@examples(25)
@given(regressions(), st.integers(0, 99))
def test_the_gap_to_the_evidence_is_the_divergence_from_the_posterior(regression, seed):
    rng = np.random.default_rng(seed)
    mean = rng.standard_normal(len(regression.mean))
    variance = rng.uniform(0.1, 3, len(mean))
    params = params_of(regression.model, regression.phi, mean, variance)
    bound, _ = regression.expected(params)
    covariance = np.linalg.inv(regression.precision)
    gap = kl_of_gaussians(mean, variance, regression.mean, covariance)
    assert bound == pytest.approx(regression.log_evidence() - gap, rel=1e-10)


@examples(25)
@given(regressions())
def test_there_is_no_gradient_at_the_best_diagonal_posterior(regression):
    # The best N(m, diag v) under KL(q || p) has p's mean and the inverse of p's precisions. It
    # misses the evidence by 1/2 [sum log diag(precision) - log det(precision)].
    precisions = np.diag(regression.precision)
    params = params_of(regression.model, regression.phi, regression.mean, 1 / precisions)
    bound, grad = regression.expected(params)
    np.testing.assert_allclose(grad.vector[len(regression.phi) :], 0, atol=1e-12)
    missed = 0.5 * (np.log(precisions).sum() - np.linalg.slogdet(regression.precision)[1])
    assert bound == pytest.approx(regression.log_evidence() - missed, rel=1e-10)


@examples(25)
@given(regressions(orthogonal=True))
def test_with_orthogonal_columns_the_best_bound_is_the_evidence(regression):
    off_diagonal = regression.precision - np.diag(np.diag(regression.precision))
    np.testing.assert_allclose(off_diagonal, 0, atol=1e-10)
    variance = 1 / np.diag(regression.precision)
    params = params_of(regression.model, regression.phi, regression.mean, variance)
    bound, _ = regression.expected(params)
    assert bound == pytest.approx(regression.log_evidence(), rel=1e-10)


# --- Known answer 2: only a bias ------------------------------------------------------------------


def _silence(h):
    h[:] = 0


def _silence_backward(dh, h):
    dh[:] = 0


class OnlyABias:
    """x_n = b + N(0, sigma^2 I) with b ~ N(0, s^2 I): hidden units are silent."""

    def __init__(self, N=12, D=3, sigma=0.8, prior_std=1.5):
        rng = np.random.default_rng(0)
        self.x = rng.standard_normal(D) + sigma * rng.standard_normal((N, D))
        silent = Activation("silent", _silence, _silence_backward)
        vae = VAE(D, 2, (2,), FixedGaussian(sigma), silent)
        self.model = FullVB(vae, N, prior_std)
        self.variance = 1 / (1 / prior_std**2 + N / sigma**2)
        self.mean = self.variance * self.x.sum(axis=0) / sigma**2
        covariance = sigma**2 * np.eye(N) + prior_std**2
        log_density_of_pixels = scipy.stats.multivariate_normal.logpdf(self.x.T, None, covariance)
        self.log_evidence = log_density_of_pixels.sum() / N

    def exact_params(self):
        """q(b) = p(b|X); q = p for what has no effect: the other parameters, and z."""
        params = Params(self.model.param_shapes)
        for name in params:
            if name.endswith("log_var"):
                params[name][...] = 2 * np.log(self.model.prior_std)
        params["decoder.b2.mu"][:] = self.mean
        params["decoder.b2.log_var"][:] = np.log(self.variance)
        return params


def test_where_x_depends_on_a_bias_alone_the_best_bound_is_the_evidence():
    case = OnlyABias()
    noise = np.random.default_rng(1).standard_normal((2, len(case.x), 2))
    params = case.exact_params()
    bound, grad = expected_bound_and_grad(case.model, params, case.x, noise)
    assert bound == pytest.approx(case.log_evidence, rel=1e-12)
    np.testing.assert_allclose(grad.vector, 0, atol=1e-13)


def test_at_the_exact_posterior_every_sample_says_the_evidence():
    # log p(X|theta) + log p(theta) - log q(theta) does not depend on theta: any zeta will do.
    case = OnlyABias()
    rng = np.random.default_rng(2)
    noise, zeta = rng.standard_normal((1, len(case.x), 2)), rng.standard_normal(case.model.n_theta)
    params, s = case.exact_params(), case.model.prior_std
    log_px, _ = case.model.vae.elbo_terms(case.model.draw(params, zeta), case.x, noise)
    _, mu, log_var = np.split(params.vector, [-2 * len(zeta), -len(zeta)])
    theta = mu + np.exp(log_var / 2) * zeta
    total = log_px.sum() + log_density(theta, 0.0, 2 * np.log(s)) - log_density(theta, mu, log_var)
    assert total / len(case.x) == pytest.approx(case.log_evidence, rel=1e-12)


def test_training_finds_the_posterior_and_the_evidence():
    case = OnlyABias()
    params = None
    for step_size in (0.03, 0.003, 0.0003):
        params, _ = fit_full_vb(
            case.model.vae, case.x, 12 * 800, batch_size=12, prior_std=case.model.prior_std,
            optimizer=Adam(step_size), params=params, dtype=np.float64, evaluate_every=None,
            progress=False,
        )  # fmt: skip
    noise = np.zeros((1, len(case.x), 2))
    bound, _ = expected_bound_and_grad(case.model, params, case.x, noise)
    # Noise moves the last steps by a tenth of a standard deviation, or 1e-3 nats. A posterior that
    # is too wide or too narrow by a factor of two would cost 0.05 nats.
    assert -5e-3 < bound - case.log_evidence < 1e-12
    std = np.sqrt(case.variance)
    np.testing.assert_allclose(params["decoder.b2.mu"], case.mean, atol=0.5 * std)
    np.testing.assert_allclose(np.exp(params["decoder.b2.log_var"] / 2), std, rtol=0.25)
    np.testing.assert_allclose(np.exp(params["decoder.W2.log_var"] / 2), 1.5, rtol=0.01)


# --- Known answer 3: one pixel, one latent --------------------------------------------------------


def test_the_evidence_of_a_model_with_unknown_z_w_and_b_is_not_exceeded():
    N, sigma = 12, 0.7
    x = 0.3 + scipy.stats.norm.ppf((np.arange(N)[:, None] + 0.5) / N)  # quantiles: nothing is drawn
    # p(X|w, b) p(w) p(b), where z is integrated out, on a grid of w and b.
    w, b = np.meshgrid(np.linspace(-8, 8, 401), np.linspace(-8, 8, 401))
    log_joint = scipy.stats.norm.logpdf(x[..., None], b, np.hypot(w, sigma)).sum(axis=0)
    log_joint += scipy.stats.norm.logpdf(w) + scipy.stats.norm.logpdf(b)
    log_evidence = np.log(np.exp(log_joint).sum() * 0.04**2) / N

    model = FullVB(VAE(1, 1, (), FixedGaussian(sigma)), N)
    params = model.init_params(np.random.default_rng(0), std=0.3, sigma=0.3)
    noise = np.array([1.0, -1.0])[:, None, None] * np.ones((2, N, 1))
    optimizer = Adam(0.03)
    state = optimizer.init(params.vector)
    for t in range(1, 301):
        bound, grad = expected_bound_and_grad(model, params, x, noise)
        optimizer.update(params.vector, grad.vector, state, t, 0.0)
    # (w, z) and (-w, -z) explain X equally well, and q has room for one of them: that alone costs
    # log 2. The rest, 0.7 nats for all datapoints, is the price of independence.
    assert np.log(2) < N * (log_evidence - bound) < np.log(2) + 1


# --- What eq. (24) adds up ------------------------------------------------------------------------


@pytest.fixture
def small():
    """A small model, 300 binary datapoints with some structure, and a posterior."""
    rng = np.random.default_rng(3)
    x = (rng.random((300, 12)) < rng.random((300, 1))).astype(np.uint8) * 255
    vae = VAE(12, 2, hidden=(8,))
    model = FullVB(vae, 300, 0.9)
    return model, x, model.init_params(rng, std=0.5, sigma=0.2)


def test_minibatches_average_to_the_whole(small):
    model, x, params = small
    rng = np.random.default_rng(0)
    noise, zeta = rng.standard_normal((2, 300, 2)), rng.standard_normal(model.n_theta)
    whole, whole_grad = model.bound_and_grad(params, x, noise, zeta)
    parts = [
        model.bound_and_grad(params, x[rows], noise[:, rows], zeta)
        for rows in rng.permutation(300).reshape(-1, 20)
    ]
    assert np.mean([bound for bound, _ in parts]) == pytest.approx(whole, rel=1e-12)
    mean_grad = np.mean([grad.vector for _, grad in parts], axis=0)
    np.testing.assert_allclose(mean_grad, whole_grad.vector, rtol=1e-9, atol=1e-13)


def test_theta_is_paid_for_once_by_all_datapoints_together(small):
    model, x, params = small
    rng = np.random.default_rng(0)
    noise, zeta = rng.standard_normal((1, 300, 2)), rng.standard_normal(model.n_theta)
    elbo = model.vae.elbo(model.draw(params, zeta), x, noise)
    kl = -model.minus_kl_theta(params)
    assert kl > 100
    for N in (1, 300, 600):
        bound = FullVB(model.vae, N, 0.9).bound(params, x, noise, zeta)
        assert N * (elbo - bound) == pytest.approx(kl, rel=1e-9)


def test_the_divergence_is_what_samples_say(small):
    model, _, params = small
    _, mu, log_var = np.split(params.vector, [-2 * model.n_theta, -model.n_theta])
    theta = mu + np.exp(log_var / 2) * np.random.default_rng(0).standard_normal((5000, len(mu)))
    terms = log_density(theta, 0.0, 2 * np.log(0.9)) - log_density(theta, mu, log_var)
    error = terms.std() / np.sqrt(len(terms))
    assert abs(model.minus_kl_theta(params) - terms.mean()) < 6 * error


def test_a_posterior_that_is_a_point_gives_the_map_objective_and_the_entropy(small):
    model, x, params = small
    log_var = -60.0
    params.vector[-model.n_theta :] = log_var
    rng = np.random.default_rng(0)
    noise, zeta = rng.standard_normal((1, 300, 2)), rng.standard_normal(model.n_theta)
    theta = model.draw(params)
    log_prior = log_density(theta.vector[-model.n_theta :], 0.0, 2 * np.log(0.9))
    entropy = 0.5 * model.n_theta * (1 + np.log(2 * np.pi) + log_var)
    expected = model.vae.elbo(theta, x, noise) + (log_prior + entropy) / 300
    assert model.bound(params, x, noise, zeta) == pytest.approx(expected, rel=1e-9)


def test_draws_have_the_mean_and_the_standard_deviation_of_q(small):
    model, _, params = small
    rng = np.random.default_rng(0)
    params["decoder.b2.log_var"][:] = np.log(0.5**2)
    draws = [model.draw(params, rng.standard_normal(model.n_theta)) for _ in range(2000)]
    b = np.array([theta["decoder.b2"] for theta in draws])
    # Six standard errors.
    np.testing.assert_allclose(
        b.mean(axis=0), params["decoder.b2.mu"], atol=6 * 0.5 / np.sqrt(2000)
    )
    np.testing.assert_allclose(b.std(axis=0), 0.5, rtol=6 / np.sqrt(2 * 2000))
    assert all(np.array_equal(t["encoder.W1"], params["encoder.W1"]) for t in draws[:3])
    assert np.array_equal(model.draw(params)["decoder.W2"], params["decoder.W2.mu"])


def test_the_mean_bound_averages_over_theta(small):
    model, x, params = small
    rng = np.random.default_rng(5)
    by_hand = []
    for _ in range(100):
        theta = model.draw(params, rng.standard_normal(model.n_theta))
        by_hand.append(model.vae.elbo(theta, x, rng.standard_normal((1, 300, 2))))
    error = np.std(by_hand) * np.sqrt(2 / 100)  # of a difference of two such means
    bound = model.mean_bound(params, x, draws=100)
    assert abs(bound - np.mean(by_hand)) < 6 * error
    assert bound != model.mean_bound(params, x, draws=100, seed=1)
    params.vector[-model.n_theta :] = -60.0  # a posterior that is a point
    at_the_point = mean_bound(model.vae, model.draw(params), x)
    assert model.mean_bound(params, x, draws=1) == pytest.approx(at_the_point, rel=1e-9)


def test_every_draw_of_theta_has_its_own_noise_and_the_seed_decides_both(small, monkeypatch):
    model, x, params = small
    drawn = []

    def recording(vae, theta, x, *, seed):
        drawn.append((seed, theta.vector.tobytes()))
        return 0.0

    monkeypatch.setattr(bayesian_decoder, "mean_bound", recording)
    for seed in (0, 100, 0):
        model.mean_bound(params, x, draws=3, seed=seed)
    assert drawn[:3] == drawn[6:]
    for entries in zip(*drawn[:6], strict=True):
        assert len(set(entries)) == 6


# --- Training -------------------------------------------------------------------------------------


def test_the_defaults_are_a_standard_normal_prior_and_adam(small):
    model, x, _ = small
    options = {"evaluate_every": None, "progress": False}
    spelt_out = {"prior_std": 1.0, "optimizer": Adam(0.001), "batch_size": 100, "seed": 0}
    by_default, said = (
        fit_full_vb(model.vae, x, 300, **options, **more).params.vector for more in ({}, spelt_out)
    )
    np.testing.assert_array_equal(by_default, said)
    assert FullVB(model.vae, 300).prior_std == 1


def test_by_default_theta_starts_as_certain_as_weights_are_small(small):
    model, _, _ = small
    by_default, said = (
        model.init_params(np.random.default_rng(0), **options).vector
        for options in ({}, {"std": 0.01, "sigma": 0.01})
    )
    np.testing.assert_array_equal(by_default, said)
    params = model.init_params(np.random.default_rng(0), sigma=0.3)
    for name in model.vae.decoder.shapes:
        np.testing.assert_allclose(np.exp(params[f"{name}.log_var"] / 2), 0.3, rtol=1e-12)


def test_by_default_ten_thetas_are_drawn_and_a_million_samples_seen():
    vae, x = VAE(1, 1, ()), np.zeros((100_000, 1))
    params, history = fit_full_vb(vae, x, batch_size=100_000, progress=False)
    assert history.samples == [100_000 * k for k in range(1, 11)]
    model, x = FullVB(vae, 100_000), x[:5_000].astype(np.float32)  # as many are looked at
    said = model.mean_bound(params, x, draws=10, seed=0)
    assert model.mean_bound(params, x) == said == history.train_bound[-1]


@pytest.mark.parametrize("n_test", [None, 40])
def test_evaluations_look_at_as_many_training_as_test_datapoints(monkeypatch, small, n_test):
    looked_at = []

    def recording(vae, theta, x, *, seed):
        looked_at.append(x)
        return 0.0

    monkeypatch.setattr(bayesian_decoder, "mean_bound", recording)
    x = np.arange(5_050, dtype=np.float64)[:, None] / 5_050
    data = SimpleNamespace(train=x, test=None if n_test is None else np.ones((n_test, 1)))
    history = fit_full_vb(
        VAE(1, 1, ()), data, 110, batch_size=20, evaluate_every=50, draws=1, progress=False
    ).history
    assert history.samples == [60, 120]
    assert np.array_equal(np.isnan(history.test_bound), [n_test is None] * 2)
    first = looked_at[0]
    assert np.all(np.diff(first, axis=0) > 0)  # no datapoint twice
    assert [len(x) for x in looked_at] == ([5_000] * 2 if n_test is None else [40] * 4)
    # Of 40 out of 5,050, 20 are expected in the first half, with a standard deviation of 3.2.
    assert n_test is None or abs(np.sum(first < 0.5) - 20) < 19


def test_seconds_are_those_of_steps(small):
    model, x, _ = small
    started = time.perf_counter()
    history = fit_full_vb(model.vae, x, 600, callback=lambda *_: time.sleep(0.1), **SMALL).history
    assert 0 < history.seconds[0] < history.seconds[1] < history.seconds[2]
    assert history.seconds[-1] <= time.perf_counter() - started - 0.3


def test_the_bar_ends_with_all_samples(small, capsys):
    model, x, _ = small
    fit_full_vb(model.vae, x, 110, **{**SMALL, "progress": True})
    assert "110/110" in capsys.readouterr().err.split("\r")[-1]


@pytest.mark.parametrize("optimizer", [SGD(0.01), Adam(0.01)])
def test_equals_algorithm_2_written_out(small, optimizer):
    model, x, _ = small
    M, seed = 20, 9
    result = fit_full_vb(
        model.vae, x, 600, batch_size=M, prior_std=0.9, optimizer=optimizer, seed=seed,
        dtype=np.float64, evaluate_every=None, progress=False,
    )  # fmt: skip
    params = model.init_params(stream(seed, INIT))
    state = optimizer.init(params.vector)
    eps_rng, zeta_rng = stream(seed, NOISE, 0), stream(seed, NOISE, 1)
    t = 0
    for epoch in range(2):
        for rows in stream(seed, ORDER, epoch).permutation(300).reshape(-1, M):
            t += 1
            noise, zeta = eps_rng.standard_normal((1, M, 2)), zeta_rng.standard_normal(132)
            _, grad = model.bound_and_grad(params, x[rows] / 255, noise, zeta)
            optimizer.update(params.vector, grad.vector, state, t, 0.0)
    np.testing.assert_allclose(result.params.vector, params.vector, rtol=1e-9, atol=1e-12)
    assert len(result.history) == 0


def test_same_seed_gives_same_bits_and_leaves_the_start_alone(small):
    model, x, start = small
    before = start.copy()
    options = {"params": start, "dtype": start.dtype, **SMALL}
    runs = [fit_full_vb(model.vae, x, 1000, seed=seed, **options) for seed in (5, 5, 6)]
    assert np.array_equal(runs[0].params.vector, runs[1].params.vector)
    assert not np.array_equal(runs[0].params.vector, runs[2].params.vector)
    assert runs[0].history.train_bound == runs[1].history.train_bound
    assert runs[0].history.samples == [200, 400, 600, 800, 1000]
    assert np.array_equal(start.vector, before.vector)


def test_callback_sees_what_is_returned(small):
    model, x, _ = small
    seen = []
    result = fit_full_vb(
        model.vae, x, 400, callback=lambda p, h: seen.append((p.copy(), len(h))), **SMALL
    )
    assert [count for _, count in seen] == [1, 2]
    assert np.array_equal(seen[-1][0].vector, result.params.vector)


def test_divergence_stops_training(small):
    model, x, _ = small
    with pytest.raises(TrainingDiverged, match=r"after [\d,]+ samples: try a step size below 1e"):
        fit_full_vb(model.vae, x, 2000, optimizer=SGD(1e30), **SMALL)


def test_on_coin_flips_it_learns_the_least_by_heart():
    # Over all 4096 outcomes of 12 coins, no model's mean exceeds -12 log 2 = -8.3 nats. That of
    # twenty outcomes can be raised, by learning them; where every coin has come up heads ten times,
    # not by biases. Depending on the draw, the gaps are 3 to 8, 0 to 0.9 and -0.1 to 0.1 nats wide.
    N = 20
    heads = np.tile(np.arange(N) % 2, (12, 1))
    train = np.random.default_rng(0).permuted(heads, axis=1).T.astype(np.float32)
    every = np.array(list(itertools.product([0, 1], repeat=12)), np.float32)
    vae = VAE(12, 4, (5,))
    full = FullVB(vae, N)
    options = {
        "samples": 800 * N, "batch_size": N, "optimizer": Adam(0.05), "evaluate_every": None,
        "progress": False,
    }  # fmt: skip
    likeliest = fit(vae, train, weight_prior=False, threads=1, **options).params
    posterior_mode = fit(vae, train, threads=1, **options).params
    start = full.init_params(np.random.default_rng(0), sigma=0.3)
    posterior = fit_full_vb(vae, train, params=start, **options).params
    on_train, on_every = (
        np.array([
            mean_bound(vae, likeliest, x, noise_samples=L),
            mean_bound(vae, posterior_mode, x, noise_samples=L),
            full.mean_bound(posterior, x, draws=100),
        ])
        for x, L in ((train, 100), (every, 4))
    )  # fmt: skip
    gaps = on_train - on_every
    assert gaps[0] > 1.4
    assert gaps[1] < 0.5 * gaps[0]
    assert abs(gaps[2]) < 0.1 * gaps[0]
    assert on_every.max() < -12 * np.log(2) + 0.01  # for the noise of the estimate


# --- Bad arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 0}, "samples is 0"),
        ({"batch_size": 301}, "batch_size is 301, expected at most the 300"),
        ({"prior_std": 0}, "prior_std is 0, expected a positive number"),
        ({"prior_std": np.inf}, "prior_std is inf"),
        ({"seed": -1}, "seed is -1"),
        ({"draws": 0}, "draws is 0"),
        ({"evaluate_every": 0}, "evaluate_every is 0"),
        ({"dtype": np.int32}, "dtype is int32"),
        ({"optimizer": "adam"}, "optimizer is 'adam'"),
        ({"data": np.ones((300, 11))}, "data has 11 features, the model expects 12"),
        ({"params": Params({"encoder.W1": (2, 2)})}, "params is Params"),
    ],
)
def test_bad_arguments(small, change, message):
    model, x, _ = small
    arguments = {"vae": model.vae, "data": x, "samples": 100, **SMALL, **change}
    with pytest.raises(ValueError, match=message):
        fit_full_vb(**arguments)


def test_a_whole_number_of_draws_may_be_a_float(small):
    model, x, _ = small
    options = {**SMALL, "evaluate_every": None}
    whole, same = (fit_full_vb(model.vae, x, 40, **{**options, "draws": n}) for n in (2, 2.0))
    assert np.array_equal(whole.params.vector, same.params.vector)


def test_bad_shapes(small):
    model, x, params = small
    noise, zeta = np.zeros((1, 300, 2)), np.zeros(model.n_theta)
    with pytest.raises(ValueError, match=r"zeta has shape \(3,\), expected \(132,\)"):
        model.bound(params, x, noise, np.zeros(3))
    with pytest.raises(ValueError, match=r"params is Params\(.*expected Params"):
        model.bound_and_grad(model.draw(params), x, noise, zeta)
    wider = FullVB(VAE(12, 2, hidden=(9,)), 300)
    reordered = Params(dict(reversed(model.param_shapes.items())), params.vector)
    for other in (model.draw(params), wider.init_params(np.random.default_rng(0)), reordered, None):
        for use in (model.draw, model.minus_kl_theta):
            with pytest.raises(ValueError, match=r"params is .*expected Params"):
                use(other)
    with pytest.raises(ValueError, match="noise has shape"):
        model.bound(params, x, noise[:, :5], zeta)
    with pytest.raises(ValueError, match="sigma is -1"):
        model.init_params(np.random.default_rng(0), sigma=-1)
