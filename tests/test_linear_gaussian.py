"""Probabilistic PCA, factor analysis and the linear VAE against what is known of them."""

import runpy
from pathlib import Path

import numpy as np
import pytest
import scipy.fft
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.linalg import subspace_angles
from test_known_answers import sign_noise

from minivae import VAE, Adam, check_grad, fit, load
from minivae.engine.lockstep import blas_single_threaded
from minivae.layers import Dense
from minivae.likelihoods import FixedGaussian
from minivae.relatives.linear_gaussian import (
    LinearGaussian,
    em_step,
    factor_analysis,
    linear_vae_marginal,
    ppca,
    ppca_em,
)

EXAMPLE = Path(__file__).parents[1] / "examples" / "linear_vae.py"


def random_model(rng, J, D, isotropic):
    noise_var = rng.uniform(0.3, 2, () if isotropic else D)
    return LinearGaussian(rng.standard_normal((J, D)), rng.standard_normal(D), noise_var)


def clear_model(J, D, isotropic):
    """Latents that stand out from the noise: how hard a fit is does not depend on what is drawn."""
    strength = np.linspace(1, 2, J) if isotropic else np.linspace(1.5, 3, J)
    W = strength[:, None] * scipy.fft.idct(np.eye(D), norm="ortho")[1 : J + 1]
    return LinearGaussian(W, np.linspace(-1, 1, D), 0.5 if isotropic else np.linspace(0.2, 1, D))


def divergence(p, q):
    """KL(p || q) of what two models say about x."""
    precision, error = np.linalg.inv(q.covariance), q.b - p.b
    log_dets = [np.linalg.slogdet(model.covariance)[1] for model in (p, q)]
    trace = np.trace(precision @ p.covariance)
    return 0.5 * (trace - len(error) + log_dets[1] - log_dets[0] + error @ precision @ error)


def assert_as_close_as_a_fit(model, truth, n, n_parameters):
    """That a model is a maximum of the likelihood of n datapoints: 2 n KL is chi-squared."""
    assert 2 * n * divergence(truth, model) < scipy.stats.chi2.isf(1e-6, n_parameters)


def assert_drawn_from(model, x):
    """That samples have the model's mean and covariance, to six standard errors."""
    n, C, variances = len(x), model.covariance, np.diag(model.covariance)
    assert np.all(np.abs(x.mean(axis=0) - model.b) < 6 * np.sqrt(variances / n))
    errors = np.sqrt((np.outer(variances, variances) + C**2) / n)
    assert np.all(np.abs(np.cov(x.T) - C) < 6 * errors)


@st.composite
def problems(draw, isotropic=None):
    """Draw ``(model, x)``; J may exceed D."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    isotropic = draw(st.booleans()) if isotropic is None else isotropic
    J, D, N = (draw(st.integers(1, 5)) for _ in range(3))
    return random_model(rng, J, D, isotropic), rng.standard_normal((N, D))


@st.composite
def data_sets(draw):
    """Draw ``(x, J)`` with J < D < N."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    D = draw(st.integers(2, 6))
    J = draw(st.integers(1, D - 1))
    x = rng.standard_normal((draw(st.integers(D + 2, 30)), D)) @ rng.standard_normal((D, D))
    return x + rng.standard_normal(D), J


@st.composite
def few_data(draw):
    """Draw ``(x, J)`` with J + 1 < N <= D: x varies in more than J directions, but not in all."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    D = draw(st.integers(3, 8))
    J = draw(st.integers(1, D - 2))
    return rng.standard_normal((draw(st.integers(J + 2, D)), D)) + rng.standard_normal(D), J


def as_arrays(model):
    return {"W": model.W, "b": model.b, "noise_var": model.noise_var}


def pooled_digits(n):
    """Return real digits, pooled to 7 x 7 grey pixels."""
    pixels = load("mnist").train[:n].reshape(n, 7, 4, 7, 4)
    return pixels.mean(axis=(2, 4)).reshape(n, 49) / 255


# --- Likelihood, posterior, gradient --------------------------------------------------------------


@given(problems())
def test_log_likelihood_is_scipy_s(problem):
    model, x = problem
    expected = scipy.stats.multivariate_normal.logpdf(x, model.b, model.covariance)
    np.testing.assert_allclose(model.log_likelihood(x), np.atleast_1d(expected), rtol=1e-9)


@given(problems())
def test_posterior_is_that_of_the_joint_gaussian(problem):
    # E[z|x] = Cov(z, x) C^-1 (x - b) and Cov[z|x] = I - Cov(z, x) C^-1 Cov(x, z); Cov(z, x) = W.
    model, x = problem
    mean, covariance = model.posterior(x)
    to_z = model.W @ np.linalg.inv(model.covariance)
    np.testing.assert_allclose(mean, (x - model.b) @ to_z.T, rtol=1e-8, atol=1e-10)
    expected = np.eye(len(model.W)) - to_z @ model.W.T
    np.testing.assert_allclose(covariance, expected, rtol=1e-8, atol=1e-10)


@examples(20)
@given(problems())
def test_gradient_of_the_log_likelihood(problem):
    model, x = problem
    check_grad(lambda at: LinearGaussian(**at).log_likelihood_and_grad(x), as_arrays(model))


@given(problems())
def test_the_value_beside_the_gradient_is_the_mean(problem):
    model, x = problem
    value, _ = model.log_likelihood_and_grad(x)
    assert value == pytest.approx(model.log_likelihood(x).mean(), rel=1e-13)


def test_many_features_need_no_large_matrix():
    # 100,000 features: their covariance would take 80 GB. One latent that all see alike.
    D = 100_000
    model = LinearGaussian(np.full((1, D), 0.01), np.zeros(D), 1.0)
    x = np.full((1, D), 0.1)
    # W W^T = 10, so |C| = 11 and x C^-1 x^T = 1000 / 11: x lies along W, with variance 11.
    expected = -0.5 * (D * np.log(2 * np.pi) + np.log(11) + 1000 / 11)
    np.testing.assert_allclose(model.log_likelihood(x), expected, rtol=1e-13)


@pytest.mark.parametrize("isotropic", [True, False])
def test_samples_have_the_model_s_mean_and_covariance(isotropic):
    rng = np.random.default_rng(0)
    model = random_model(rng, 2, 4, isotropic)
    assert_drawn_from(model, model.sample(40_000, rng))


# --- Probabilistic PCA ----------------------------------------------------------------------------


def rounding(model, x):
    """What rounding does to log p(x), which divides x^2 by the noise: ten times the worst seen."""
    return 100 * np.finfo(np.float64).eps * np.sum(np.mean(x**2, axis=0)) / model.noise_var


@given(st.one_of(data_sets(), few_data()))
def test_the_closed_form_has_the_sample_s_eigenvalues(problem):
    # C keeps the J largest eigenvalues of the data's covariance, and the mean of the others.
    x, J = problem
    model = ppca(x, J)
    expected = np.linalg.eigvalsh(np.cov(x.T, bias=True))
    expected[:-J] = expected[:-J].mean()
    eigenvalues = np.linalg.eigvalsh(model.covariance)
    np.testing.assert_allclose(eigenvalues, expected, rtol=rounding(model, x))
    np.testing.assert_allclose(model.b, x.mean(axis=0), rtol=1e-12)


@given(st.one_of(data_sets(), few_data()))
def test_at_the_closed_form_the_likelihood_is_known_and_has_no_gradient(problem):
    # There tr(C^-1 S) = D.
    x, J = problem
    model = ppca(x, J)
    value, grad = model.log_likelihood_and_grad(x)
    D = x.shape[1]
    log_det = np.linalg.slogdet(model.covariance)[1]
    expected = -0.5 * (D * np.log(2 * np.pi) + log_det + D)
    assert value == pytest.approx(expected, abs=rounding(model, x))
    sd = np.sqrt(model.noise_var)  # the unit of length
    for name, unit in (("W", sd), ("b", sd), ("noise_var", sd**2)):
        np.testing.assert_allclose(grad[name], 0 * grad[name], atol=rounding(model, x) / unit)


@examples(25)
@given(st.one_of(data_sets(), few_data()))
def test_nothing_near_the_closed_form_is_better(problem):
    x, J = problem
    model = ppca(x, J)
    best, rng = model.log_likelihood(x).mean(), np.random.default_rng(0)
    for scale in (1e-2, 1e-1, 1.0):
        other = LinearGaussian(
            model.W + scale * rng.standard_normal(model.W.shape),
            model.b + scale * rng.standard_normal(model.b.shape),
            model.noise_var * np.exp(scale * rng.standard_normal()),
        )
        assert other.log_likelihood(x).mean() < best


def test_em_s_limit_is_the_closed_form():
    # It stops where a sweep's gain is lost in rounding, 1e-14, which is a square of what is left.
    rng = np.random.default_rng(0)
    x = clear_model(2, 6, isotropic=True).sample(300, rng)
    result, model = ppca_em(x, 2, rng, tol=1e-14), ppca(x, 2)
    exact = model.log_likelihood(x).mean()
    assert result.log_likelihoods[-1] == pytest.approx(exact, abs=1e-10)
    np.testing.assert_allclose(result.model.noise_var, model.noise_var, rtol=1e-5)
    np.testing.assert_allclose(result.model.covariance, model.covariance, atol=1e-5)
    assert subspace_angles(result.model.W.T, model.W.T).max() < 1e-5


def test_the_closed_form_recovers_the_parameters_that_made_the_data():
    rng = np.random.default_rng(0)
    truth, n = clear_model(3, 10, isotropic=True), 50_000
    model = ppca(truth.sample(n, rng), 3)
    # W up to rotations of z, b and the noise.
    assert_as_close_as_a_fit(model, truth, n, n_parameters=30 - 3 + 10 + 1)
    error = np.sqrt(2 / (n * 7))  # seven dimensions hold nothing but noise
    assert model.noise_var == pytest.approx(truth.noise_var, rel=6 * error)


def test_em_of_an_almost_flat_sample_stays_finite():
    # All but no noise: sigma^2 goes down to the floor and no further.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((50, 2)) @ rng.standard_normal((2, 5))
    result = ppca_em(x, 3, rng, sweeps=300)
    assert np.all(np.diff(result.log_likelihoods) > -1e-8)
    assert result.model.noise_var >= 1e-6 * x.var(axis=0).mean() * (1 - 1e-12)


@pytest.mark.parametrize("unit", [1e-6, 1.0, 1e6])
def test_what_rounding_leaves_is_no_noise_in_any_unit(unit):
    rng = np.random.default_rng(0)
    flat = unit * rng.standard_normal((50, 2)) @ rng.standard_normal((2, 5))
    assert ppca(flat, 1).noise_var > 0
    for x, J in ((flat, 2), (np.full((5, 3), unit), 1)):
        with pytest.raises(ValueError, match=f"n_latent is {J}, expected fewer than the dim"):
            ppca(x, J)


def test_noise_of_a_billionth_is_noise():
    # N (D - 1) = 2000 squares of standard normal numbers: a relative standard error of 3 %.
    rng = np.random.default_rng(0)
    x = np.outer(rng.standard_normal(500), rng.standard_normal(5))
    model = ppca(x + 1e-9 * rng.standard_normal((500, 5)), 1)
    assert model.noise_var == pytest.approx(1e-18, rel=0.2)


@pytest.mark.parametrize("isotropic", [True, False])
def test_the_floor_under_the_noise_is_a_millionth_of_the_variance(isotropic):
    rng = np.random.default_rng(0)
    W = rng.standard_normal((2, 5))
    x = rng.standard_normal((50, 2)) @ W
    noise_var, variances = 1e-12 * np.ones(5), x.var(axis=0)
    if isotropic:
        noise_var, variances = 1e-12, variances.mean()
    after = em_step(LinearGaussian(W, x.mean(axis=0), noise_var), x)
    np.testing.assert_allclose(after.noise_var, 1e-6 * variances, rtol=1e-12)


@pytest.mark.parametrize("em", [ppca_em, factor_analysis])
def test_em_stops_after_so_many_sweeps_or_after_one_that_gains_less_than_tol(em):
    rng = np.random.default_rng(0)
    x = rng.standard_normal((40, 5)) @ rng.standard_normal((5, 5))
    assert len(em(x, 2, rng, sweeps=3, tol=1e-300).log_likelihoods) == 1 + 3
    gains = np.diff(em(x, 2, rng, sweeps=100_000, tol=1e-4).log_likelihoods)
    assert np.all(gains[:-1] >= 1e-4) and gains[-1] < 1e-4


@pytest.mark.parametrize("em", [ppca_em, factor_analysis])
def test_em_takes_a_thousand_sweeps_at_most_or_stops_at_a_gain_of_a_billionth_by_default(em):
    # The second and the third direction vary nearly alike, and EM is slow.
    x = np.random.default_rng(0).standard_normal((100, 5))
    x = np.linalg.qr(x - x.mean(axis=0))[0] * np.sqrt(100 * np.array([3, 2, 1.99, 0.01, 0.01]))
    for options in ({}, {"tol": 1e-300}):  # the one stops early, the other does not
        by_default, said = (
            em(x, 2, np.random.default_rng(1), **{**given, **options}).log_likelihoods
            for given in ({}, {"sweeps": 1000, "tol": 1e-9})
        )
        assert np.array_equal(by_default, said)


def test_whole_numbers_are_numbers_and_bytes_are_pixels():
    x = np.random.default_rng(0).integers(0, 256, (50, 4))
    for data, scale in ((x, 1.0), (x.astype(np.uint8), 255.0)):
        ours, expected = ppca(data, 1), ppca(x / scale, 1)
        np.testing.assert_allclose(ours.covariance, expected.covariance, rtol=1e-10)
        np.testing.assert_allclose(ours.b, expected.b, rtol=1e-12)


# --- Factor analysis ------------------------------------------------------------------------------


def test_whole_numbers_in_a_model_are_numbers():
    x = np.array([[0.7, 0.9]])
    whole = LinearGaussian(np.array([[1, 2]]), np.array([0, 1]), 1)
    same = LinearGaussian(np.array([[1.0, 2.0]]), np.array([0.0, 1.0]), 1.0)
    assert whole.log_likelihood(x) == same.log_likelihood(x)
    assert np.array_equal(em_step(whole, x).W, em_step(same, x).W)


def test_a_whole_float_is_a_number_of_samples():
    rng = np.random.default_rng(0)
    assert ppca(rng.random((5, 3)), 1).sample(1e1, rng).shape == (10, 3)


def test_data_that_vary_equally_in_all_directions_have_no_loadings():
    for D in range(2, 13):
        x = 1.1 * np.vstack([np.eye(D), -np.eye(D)])
        for J in range(1, D):
            np.testing.assert_allclose(ppca(x, J).W, 0, atol=1e-7)


@examples(15)
@given(data_sets(), st.booleans())
def test_every_sweep_of_em_raises_the_likelihood(problem, isotropic):
    x, J = problem
    em = ppca_em if isotropic else factor_analysis
    result = em(x, J, np.random.default_rng(0), sweeps=50)
    # Rounding is multiplied by the condition number of C, up to 1e7 with noise near the floor.
    assert np.all(np.diff(result.log_likelihoods) > -1e-8)
    assert result.log_likelihoods[-1] == result.model.log_likelihood(x).mean()


def test_em_s_limit_in_factor_analysis_has_no_gradient_and_the_sample_s_variances():
    # At a stationary point diag(C) is that of the sample covariance.
    rng = np.random.default_rng(0)
    x = clear_model(2, 7, isotropic=False).sample(400, rng)
    model = factor_analysis(x, 2, rng, sweeps=5000, tol=1e-15).model
    _, grad = model.log_likelihood_and_grad(x)
    for name in grad:  # it stops where a sweep's gain, of the gradient's square, is 1e-15
        np.testing.assert_allclose(grad[name], np.zeros_like(grad[name]), atol=1e-5)
    np.testing.assert_allclose(np.diag(model.covariance), x.var(axis=0), rtol=1e-5)


def test_factor_analysis_recovers_the_parameters_that_made_the_data():
    rng = np.random.default_rng(0)
    truth, n = clear_model(2, 8, isotropic=False), 4000
    x = truth.sample(n, rng)
    with blas_single_threaded():  # two threads would mostly wait for each other
        model = factor_analysis(x, 2, rng, tol=1e-6).model
    # W up to rotations of z, b and the noise; C determines them all.
    assert_as_close_as_a_fit(model, truth, n, n_parameters=16 - 1 + 8 + 8)
    assert model.log_likelihood(x).mean() > truth.log_likelihood(x).mean()
    # One noise for all is worth 0.21 nats less, give or take 0.007.
    assert model.log_likelihood(x).mean() > ppca(x, 2).log_likelihood(x).mean() + 0.1


def test_factor_analysis_does_not_care_about_units():
    # Of a feature: x_d -> s_d x_d scales W and Psi, and takes log s_d from the likelihood.
    rng = np.random.default_rng(0)
    x = random_model(rng, 2, 5, isotropic=False).sample(200, rng)
    scale = rng.uniform(0.1, 10, 5)
    one, other = (
        factor_analysis(data, 2, np.random.default_rng(1), sweeps=20) for data in (x, x * scale)
    )
    np.testing.assert_allclose(other.model.W, one.model.W * scale, rtol=1e-9)
    np.testing.assert_allclose(
        other.log_likelihoods, one.log_likelihoods - np.log(scale).sum(), rtol=1e-9
    )


def test_a_feature_without_noise_is_kept_from_an_infinite_likelihood():
    rng = np.random.default_rng(0)
    z = rng.standard_normal((100, 1))
    x = np.hstack([z, z + rng.standard_normal((100, 1)), z + rng.standard_normal((100, 1))])
    result = factor_analysis(x, 1, rng, sweeps=500)
    assert np.all(np.diff(result.log_likelihoods) > -1e-8)
    assert result.model.noise_var[0] >= 1e-6 * x[:, 0].var() * (1 - 1e-12)


@given(problems())
def test_a_sweep_of_em_is_regression_on_the_expected_latents(problem):
    # Datapoint by datapoint, with E[z z^T] = Cov[z|x] + E[z] E[z]^T.
    model, x = problem
    D, J = len(model.b), len(model.W)
    mean, covariance = model.posterior(x)
    S_zz, S_zx = np.zeros((J, J)), np.zeros((J, D))
    for z, e in zip(mean, x - model.b, strict=True):
        S_zz += covariance + np.outer(z, z)
        S_zx += np.outer(z, e)
    W = np.linalg.inv(S_zz) @ S_zx
    psi = np.zeros(D)  # E[(e - z W)^2], the square written out
    for z, e in zip(mean, x - model.b, strict=True):
        psi += e**2 - 2 * e * (z @ W) + np.diag(W.T @ (covariance + np.outer(z, z)) @ W)
    psi /= len(x)
    after = em_step(model, x)
    np.testing.assert_allclose(after.W, W, rtol=1e-7, atol=1e-9)
    expected = psi if model.noise_var.ndim else psi.mean()
    np.testing.assert_allclose(after.noise_var, expected, rtol=1e-7, atol=1e-9)
    np.testing.assert_array_equal(after.b, model.b)


def test_em_step_leaves_the_model_it_is_given_alone():
    rng = np.random.default_rng(0)
    model, x = random_model(rng, 2, 4, isotropic=False), rng.standard_normal((20, 4))
    before = {name: array.copy() for name, array in as_arrays(model).items()}
    assert em_step(model, x) is not model
    for name, array in as_arrays(model).items():
        np.testing.assert_array_equal(array, before[name])


# --- The linear VAE -------------------------------------------------------------------------------


def test_the_marginal_of_a_linear_vae_is_what_it_samples_from():
    rng = np.random.default_rng(0)
    vae = VAE(4, 2, (), FixedGaussian(0.5))
    params = vae.init_params(rng, std=1.0)
    params["decoder.b1"][:] = rng.standard_normal(4)
    model = linear_vae_marginal(vae, params)
    assert_drawn_from(model, vae.sample(params, 40_000, rng))
    assert linear_vae_marginal(vae, params.astype(np.float32)).W.dtype == np.float64


def test_only_the_decoder_has_to_be_linear_and_it_may_be_given_as_a_layer():
    vae = VAE(
        encoder=[Dense(4, 3, "tanh"), Dense(3, 4)],
        decoder=[Dense(2, 4, start="glorot")],
        likelihood=FixedGaussian(0.5),
    )
    params = vae.init_params(np.random.default_rng(0))
    model = linear_vae_marginal(vae, params)
    assert_drawn_from(model, vae.sample(params, 40_000, np.random.default_rng(1)))


class Squared(Dense):
    def forward(self, params, x, new=np.empty):
        h, saved = super().forward(params, x, new)
        return h**2, saved


@pytest.mark.parametrize(
    "decoder",
    [[Dense(2, 4, "tanh")], [Dense(2, 3, "tanh"), Dense(3, 4)], [Dense(2, 2), Dense(2, 4)],
     [Squared(2, 4)]],
)  # fmt: skip
def test_other_decoders_have_no_such_marginal(decoder):
    vae = VAE(encoder=[Dense(4, 4)], decoder=decoder, likelihood=FixedGaussian(0.5))
    with pytest.raises(ValueError, match=r"expected hidden=\(\) and a FixedGaussian likelihood"):
        linear_vae_marginal(vae, vae.init_params(np.random.default_rng(0)))


def test_the_bound_of_a_linear_vae_is_below_its_likelihood():
    rng = np.random.default_rng(0)
    vae = VAE(4, 2, (), FixedGaussian(0.5))
    params = vae.init_params(rng, std=1.0)  # with an encoder that is far from the posterior
    x = rng.standard_normal((6, 4))
    bound = vae.elbo(params, x, sign_noise(6, 2))  # exact
    assert bound < linear_vae_marginal(vae, params).log_likelihood(x).mean() - 0.1


def test_aevb_on_real_digits_reaches_the_maximum_of_the_likelihood():
    x = pooled_digits(4000)
    exact = ppca(x, 5)
    vae = VAE(49, 5, (), FixedGaussian(float(np.sqrt(exact.noise_var))))
    params = None
    for seed, step_size in enumerate((3e-2, 3e-3, 3e-4)):
        params = fit(
            vae,
            x,
            200_000,
            optimizer=Adam(step_size),
            weight_prior=False,
            evaluate_every=None,
            params=params,
            threads=1,
            progress=False,
            seed=seed,
        ).params
    trained = linear_vae_marginal(vae, params)
    shortfall = np.mean(exact.log_likelihood(x) - trained.log_likelihood(x))
    # Nats, of 29.5: one latent is worth 2.2 of them. From run to run the noise of training leaves
    # 0.004 to 0.017, and an angle of 0.6 to 0.9 degrees; with seven times that, no run is unlucky.
    assert 0 < shortfall < 0.07
    assert np.rad2deg(subspace_angles(trained.W.T, exact.W.T).max()) < 3
    # The bound is short of the likelihood only by what is left of the rotation of z: as little.
    bound = vae.elbo(params.astype(np.float64), x, sign_noise(len(x), 5))
    assert 0 < trained.log_likelihood(x).mean() - bound < 0.07


def test_the_example_prints_its_table_and_writes_its_picture(tmp_path, capsys):
    main = runpy.run_path(str(EXAMPLE))["main"]
    main([str(tmp_path / "curves.png"), "--digits", "300", "--passes", "3", "--latent", "2"])
    assert (tmp_path / "curves.png").stat().st_size > 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["1", "2", "3"]


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda rng: ppca(np.zeros(3), 1), r"x has shape \(3,\), expected \(N, D\)"),
        (
            lambda rng: ppca(np.ones((1, 3)), 1),
            r"x has shape \(1, 3\), expected \(N, D\)",
        ),
        (lambda rng: ppca(rng.random((5, 3)), 0), "n_latent is 0, expected a whole number"),
        (lambda rng: ppca_em(rng.random((5, 3)), 2, rng, sweeps=0), "sweeps is 0, expected"),
        (lambda rng: ppca(rng.random((5, 3)), 1).sample(0, rng), "n is 0, expected"),
        (lambda rng: ppca(rng.random((5, 3)), 1).sample(2, 0), "rng is int, expected"),
        (lambda rng: LinearGaussian(np.ones(2), np.ones(2), 1.0), r"W has shape \(2,\), expected"),
        (
            lambda rng: LinearGaussian(np.ones((1, 2)), np.ones(2), np.ones(3)),
            r"noise_var has shape \(3,\), expected \(\) or \(2,\)",
        ),
        (
            lambda rng: em_step(ppca(rng.random((5, 3)), 1), np.ones((0, 3))),
            r"x has shape \(0, 3\), expected \(N, 3\) with N >= 1",
        ),
        (
            lambda rng: ppca(rng.random((5, 3)), 1).log_likelihood(np.ones(3)),
            r"x has shape \(3,\), expected \(N, 3\) with N >= 1",
        ),
        (
            lambda rng: linear_vae_marginal(VAE(4, 2, ()), None),
            r"vae is VAE.*expected hidden=\(\) and a FixedGaussian",
        ),
        (
            lambda rng: linear_vae_marginal(VAE(4, 2, (), "gaussian-fixed"), None),
            "params is NoneType, expected",
        ),
        (lambda rng: ppca(np.array([[0, 1], [2, np.nan]]), 1), "x has values that are NaN"),
        (lambda rng: ppca(rng.random((5, 3)), 3), "n_latent is 3, expected fewer than the 3"),
        (lambda rng: ppca(np.eye(4)[:3, :], 2), "n_latent is 2, expected fewer than the dimens"),
        (lambda rng: ppca_em(rng.random((5, 3)), 2, 0), "rng is int, expected"),
        (lambda rng: ppca_em(rng.random((5, 3)), 2, rng, tol=0), "tol is 0, expected"),
        (lambda rng: factor_analysis(np.eye(3)[:, [0, 1]] * [1, 0], 1, rng), "in feature 1"),
        (  # whose variance is rounding, and not zero
            lambda rng: factor_analysis(np.c_[rng.random((100, 2)), np.full(100, 0.1)], 1, rng),
            "x never changes in feature 2",
        ),
        (lambda rng: ppca_em(np.full((10, 3), 0.1), 1, rng), "x never changes, expected some feat"),
        (lambda rng: LinearGaussian(np.ones((1, 2)), np.ones(3), 1.0), "b has shape"),
        (lambda rng: LinearGaussian(np.ones((1, 2)), np.ones(2), [1.0, 0]), "noise_var is 0.0"),
        (lambda rng: ppca(rng.random((5, 3)), 1).posterior(np.ones((2, 4))), r"expected \(N, 3\)"),
        (
            lambda rng: linear_vae_marginal(VAE(4, 2, (3,), "gaussian-fixed"), None),
            r"vae is VAE.*expected hidden=\(\)",
        ),
    ],
)
def test_bad_arguments_are_named(call, message):
    with pytest.raises(ValueError, match=message):
        call(np.random.default_rng(0))


def test_a_mean_that_is_cut_off_at_zero_has_no_gaussian_marginal():
    vae = VAE(4, 2, (), "gaussian-fixed-relu")
    with pytest.raises(ValueError, match="expected hidden=\\(\\) and a FixedGaussian likelihood"):
        linear_vae_marginal(vae, vae.init_params(np.random.default_rng(0)))
