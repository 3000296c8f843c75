"""Families of q(z|x): gradients, samples against densities, KL divergences, exact answers."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy import stats as distributions

from minivae import VAE, Adam, check_grad, fit, load_model, save_model
from minivae.gaussian import log_density
from minivae.layers import ACTIVATIONS
from minivae.likelihoods import FixedGaussian
from minivae.posteriors import POSTERIORS, DiagonalGaussian, get_posterior
from minivae.posteriors.location_scale import LocationScale

RANDOM = [name for name in POSTERIORS if name != "deterministic"]
ANALYTIC = ["gaussian", "full-covariance", "isotropic", "isotropic-relu"]

problems = st.tuples(st.integers(1, 3), st.integers(1, 4), st.integers(1, 4), st.integers(0, 99))


def problem(name, L, M, J, seed):
    """A posterior, q_params of M datapoints and noise for L samples of each."""
    posterior = POSTERIORS[name]
    rng = np.random.default_rng(seed)
    noise = np.empty((L, M, J))
    posterior.draw_noise(rng, noise)
    q_params = 0.7 * rng.standard_normal((M, posterior.n_params(J)))
    return posterior, q_params, noise, rng


@pytest.mark.parametrize("name", POSTERIORS)
@given(sizes=problems)
@examples(15)
def test_gradient_of_sample_and_kl(name, sizes):
    posterior, q_params, noise, rng = problem(name, *sizes)
    weights = rng.standard_normal(noise.shape)
    for scale in (0.0, 0.7):

        def f(q_params, scale=scale):
            z, minus_kl = posterior.sample(q_params, noise)
            grad = posterior.sample_backward(weights, q_params, noise, scale)
            return np.sum(weights * z) + scale * np.sum(minus_kl), grad

        check_grad(f, q_params)


@pytest.mark.parametrize("name", RANDOM)
@given(sizes=problems)
@examples(15)
def test_gradient_of_log_density(name, sizes):
    posterior, q_params, noise, rng = problem(name, *sizes)
    z = posterior.sample(q_params, noise)[0]
    weights = rng.standard_normal(z.shape[:2])

    def f(arrays):
        z, q_params = arrays["z"], arrays["q_params"]
        dz, dq_params = posterior.log_density_grad(z, q_params, weights)
        value = np.sum(weights * posterior.log_density(z, q_params))
        return value, {"z": dz, "q_params": dq_params}

    check_grad(f, {"z": z, "q_params": q_params})


def assert_mean(samples, exact):
    """Within six standard errors."""
    error = samples.std(axis=0) / np.sqrt(len(samples))
    np.testing.assert_array_less(np.abs(samples.mean(axis=0) - exact), 6 * error)


@pytest.mark.parametrize("name", RANDOM)
def test_samples_follow_the_density_and_the_moments(name):
    """Against the mean and the covariance that the density itself has."""
    posterior, q_params, _, rng = problem(name, 1, 1, 2, seed=3)
    q_params[:] = [[0.6, 0.7, 0.1, -0.5, -0.7][: q_params.size]]  # scales that suit the grid
    noise = np.empty((200_000, 1, 2))
    posterior.draw_noise(rng, noise)
    z = posterior.sample(q_params, noise)[0][:, 0]
    grid = np.linspace(-20, 20, 1201)
    points = np.stack(np.meshgrid(grid, grid, indexing="ij"), axis=-1).reshape(-1, 2)
    density = (
        np.exp(posterior.log_density(points[:, None], q_params))[:, 0] * (grid[1] - grid[0]) ** 2
    )
    assert density.sum() == pytest.approx(1, abs=1e-3)
    mean = density @ points
    covariance = (points - mean).T @ ((points - mean) * density[:, None])
    assert_mean(z, mean)
    assert_mean((z - mean)[:, :, None] * (z - mean)[:, None, :], covariance)
    exact_mean, exact_log_var = posterior.moments(q_params)
    np.testing.assert_allclose(exact_mean[0], mean, atol=1e-3)
    np.testing.assert_allclose(np.exp(exact_log_var[0]), np.diag(covariance), rtol=5e-3)


@pytest.mark.parametrize("name", ["laplace", "logistic"])
def test_marginals_pass_kolmogorov_smirnov(name):
    posterior, q_params, _, rng = problem(name, 1, 1, 1, seed=5)
    noise = np.empty((20_000, 1, 1))
    posterior.draw_noise(rng, noise)
    z = posterior.sample(q_params, noise)[0][:, 0]
    mu, log_s = q_params[0]
    law = getattr(distributions, name)(loc=mu, scale=np.exp(log_s))
    assert distributions.kstest(z[:, 0], law.cdf).pvalue > 1e-7
    points = np.linspace(-4, 4, 9).reshape(-1, 1, 1)
    log_density = posterior.log_density(points, q_params)
    np.testing.assert_allclose(log_density, law.logpdf(points[:, 0]), rtol=1e-12)


def test_full_covariance_agrees_with_scipy():
    posterior, q_params, noise, _ = problem("full-covariance", 4, 1, 3, seed=1)
    z, minus_kl = posterior.sample(q_params, noise)
    C = posterior.cholesky(q_params)[0]
    assert np.array_equal(C, np.tril(C))
    law = distributions.multivariate_normal(q_params[0, :3], C @ C.T)
    log_density = posterior.log_density(z, q_params)[:, 0]
    np.testing.assert_allclose(log_density, law.logpdf(z[:, 0]), rtol=1e-10)
    mu, covariance = q_params[0, :3], C @ C.T
    kl = 0.5 * (np.trace(covariance) + mu @ mu - 3 - np.linalg.slogdet(covariance)[1])
    assert -minus_kl[0] == pytest.approx(kl, rel=1e-12)


def test_a_diagonal_factor_is_a_diagonal_gaussian():
    _, q_params, noise, _ = problem("gaussian", 3, 4, 2, seed=2)
    full = np.hstack([q_params[:, :2], q_params[:, 2:] / 2, np.zeros((4, 1))])
    expected = POSTERIORS["gaussian"].sample(q_params, noise)
    came = POSTERIORS["full-covariance"].sample(full, noise)
    for a, b in zip(came, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", RANDOM)
def test_kl_is_the_mean_of_log_q_minus_log_p(name):
    posterior, q_params, _, rng = problem(name, 1, 1, 3, seed=4)
    noise = np.empty((100_000, 1, 3))
    posterior.draw_noise(rng, noise)
    z, minus_kl = posterior.sample(q_params, noise)
    assert_mean(log_density(z) - posterior.log_density(z, q_params), minus_kl[0])


@pytest.mark.parametrize(("name", "kl_of_unit"), [
    ("laplace", 0.5 * np.log(2 * np.pi) + 0.5 * 2 - np.log(2 * np.e)),
    ("logistic", 0.5 * np.log(2 * np.pi) + np.pi**2 / 6 - 2),
])  # fmt: skip
def test_sampled_kl_tends_to_the_exact_one(name, kl_of_unit):
    """KL to N(0, 1) of the family with location 0 and scale 1, from its entropy and variance."""
    posterior, _, _, rng = problem(name, 1, 1, 1, seed=0)
    noise = np.empty((1000, 400, 1))
    posterior.draw_noise(rng, noise)
    _, minus_kl = posterior.sample(np.zeros((400, 2)), noise)
    assert_mean(-minus_kl, kl_of_unit)


def correlated_data(n=3000, seed=0):
    """x from a linear-Gaussian model whose exact posterior is correlated."""
    rng = np.random.default_rng(seed)
    W, sigma = np.array([[1.0, 1.0, 0.2], [0.9, -0.1, 1.0]]), 0.4
    x = rng.standard_normal((n, 2)) @ W + sigma * rng.standard_normal((n, 3))
    return x.astype(np.float32), W, sigma


def evidence(x, W, b, sigma):
    covariance = W.T @ W + sigma**2 * np.eye(len(b))
    return distributions.multivariate_normal(b, covariance).logpdf(x).mean()


@dataclass(frozen=True)
class EncoderOnly(Adam):
    """Adam on the first `size` parameters, those of the encoder."""

    size: int = 0

    def update(self, theta, grad, state, t, decay):
        moments = {name: vector[: self.size] for name, vector in state.items()}
        super().update(theta[: self.size], grad[: self.size], moments, t, decay)


@pytest.mark.parametrize("name", ["full-covariance", "gaussian", "laplace", "logistic"])
def test_the_full_gaussian_closes_the_gap_and_the_others_cannot(name):
    """The decoder is held at the truth, so that the bound's gap is KL(q || p(z|x)), known to be 0
    for the family that holds the exact posterior and well above for the others."""
    x, W, sigma = correlated_data()
    vae = VAE(3, 2, (), FixedGaussian(sigma), posterior=name)
    params = vae.init_params(np.random.default_rng(0), np.float32)
    params["decoder.W1"][:] = W
    size = sum(params[name].size for name in vae.encoder.shapes)
    for step_size in (1e-2, 1e-3):
        params = fit(
            vae, x, 100_000, optimizer=EncoderOnly(step_size, size=size), params=params,
            weight_prior=False, evaluate_every=None, progress=False, threads=1,
        ).params  # fmt: skip
    noise = np.empty((100, len(x), 2))
    vae.posterior.draw_noise(np.random.default_rng(1), noise)
    bound = vae.elbo(params.astype(np.float64), x, noise)
    gap = evidence(x, W, np.zeros(3), sigma) - bound
    precision = np.eye(2) + W @ W.T / sigma**2
    diagonal = 0.5 * (np.log(np.diag(precision)).sum() - np.linalg.slogdet(precision)[1])  # 0.13
    # The noise of training and of the estimate is 0.003 nats at most.
    if name == "full-covariance":
        assert abs(gap) < 0.02
    elif name == "gaussian":
        assert gap == pytest.approx(diagonal, abs=0.02)
    else:  # 0.16 and 0.28
        assert diagonal < gap < 0.5


def test_an_isotropic_relu_encoder_and_a_relu_decoder_are_one_line():
    """x|z ~ N(ReLU(Az + b), I), q(z|x) = N(ReLU(Bx + d), sigma^2(x) I)."""
    vae = VAE(5, 2, (), "gaussian-fixed-relu", posterior="isotropic-relu")
    rng = np.random.default_rng(0)
    params = vae.init_params(rng)
    params.vector[:] = rng.standard_normal(params.vector.size)
    x = rng.random((7, 5))
    A, b = params["decoder.W1"], params["decoder.b1"]
    B, d = params["encoder.W1"][:, :2], params["encoder.b1"][:2]
    log_var = x @ params["encoder.W1"][:, 2] + params["encoder.b1"][2]
    eps = rng.standard_normal((1, 7, 2))
    mu = np.maximum(x @ B + d, 0)
    z = mu + np.exp(log_var / 2)[:, None] * eps[0]
    log_px = distributions.norm(np.maximum(z @ A + b, 0), 1).logpdf(x).sum(axis=1)
    minus_kl = 0.5 * (2 + 2 * log_var - np.sum(mu**2, axis=1) - 2 * np.exp(log_var))
    assert vae.elbo(params, x, eps) == pytest.approx(np.mean(log_px + minus_kl), rel=1e-12)
    check_grad(lambda p: vae.elbo_and_grad(p, x, eps), params)


def test_a_relu_mean_passes_nothing_on_at_zero_like_a_relu_layer():
    posterior = POSTERIORS["isotropic-relu"]
    through_layer = np.array([[3.0, 3.0, 3.0]])
    ACTIVATIONS["relu"].backward(through_layer, np.maximum([[-1.0, 0.0, 1.0]], 0))
    q_params, noise = np.array([[-1.0, 0.0, 1.0, 0.5]]), np.ones((1, 1, 3))
    dq_params = posterior.sample_backward(np.full((1, 1, 3), 3.0), q_params, noise, 0)
    assert np.array_equal(dq_params[:, :3], through_layer)


@pytest.mark.parametrize("name", POSTERIORS)
def test_trains_and_is_saved(name, tmp_path):
    rng = np.random.default_rng(0)
    vae = VAE(12, 3, (8,), posterior=name)
    data = rng.integers(0, 256, (300, 12), dtype=np.uint8)
    options = {"batch_size": 30, "evaluate_every": None, "progress": False}
    params = fit(vae, data, 300, threads=2, **options).params
    assert np.all(np.isfinite(params.vector))
    save_model(tmp_path / "model.npz", vae, params)
    back, same = load_model(tmp_path / "model.npz")
    assert back.posterior == vae.posterior
    assert np.array_equal(same.vector, params.vector)


class Forgetful(DiagonalGaussian):
    """It returns its noise, where it should fill `out`."""

    name = "forgetful"

    def draw_noise(self, rng, out):
        out[..., 1:] = rng.standard_normal(out[..., 1:].shape)
        return rng.standard_normal(out.shape)


def test_noise_that_is_not_drawn_in_place_is_refused():
    """It would be whatever stood in memory, and no gradient check would notice."""
    message = r"^posterior 'forgetful' has a draw_noise that leaves numbers of `out` as they were"
    with pytest.raises(ValueError, match=message):
        VAE(4, 2, (3,), posterior=Forgetful())


class Unsummed(DiagonalGaussian):
    """It forgets to sum over the latents, or to say something, as it is told."""

    name = "unsummed"
    wrong = "minus_kl"

    def sample(self, q_params, noise, new=np.empty):
        z, minus_kl = super().sample(q_params, noise)
        return (z[0], minus_kl) if self.wrong == "z" else (z, np.repeat(minus_kl[:, None], 2, 1))


class Doubled(DiagonalGaussian):
    """Its gradient is twice as wide."""

    name = "doubled"

    def sample_backward(self, dz, q_params, noise, scale, new=np.empty):
        return np.hstack(2 * [super().sample_backward(dz, q_params, noise, scale)])


@pytest.mark.parametrize(
    ("posterior", "what"),
    [
        (Unsummed, r"sample returns minus_kl of shape \(2, 2\) for .*, expected \(2,\)"),
        (type("Flat", (Unsummed,), {"wrong": "z"}), r"sample returns z of shape \(2, 2\) for "),
        (Doubled, r"sample_backward returns dq_params of shape \(2, 8\) .*, expected \(2, 4\)"),
    ],
)
def test_what_a_posterior_returns_has_its_shape(posterior, what):
    """The gradient check sums it up, and does not see it."""
    with pytest.raises(ValueError, match=rf"^posterior '.*': its {what}"):
        VAE(4, 2, (3,), posterior=posterior())


def test_unknown_posteriors_are_refused():
    with pytest.raises(ValueError, match="posterior is 'cauchy', expected one of gaussian, full"):
        get_posterior("cauchy")
    with pytest.raises(ValueError, match="posterior is deterministic, expected one that has"):
        POSTERIORS["deterministic"].log_density(np.zeros((1, 1)), np.zeros((1, 1)))
    with pytest.raises(ValueError, match="has a density"):
        POSTERIORS["deterministic"].log_density_grad(np.zeros((1, 1)), np.zeros((1, 1)), np.ones(1))


@pytest.mark.parametrize("call", [LocationScale.log_base, LocationScale.score])
def test_a_family_has_to_say_what_its_noise_is(call):
    with pytest.raises(NotImplementedError):
        call(LocationScale(), np.zeros(1))


def test_a_deterministic_encoder_has_no_noise_and_no_variance():
    posterior, q_params, noise, rng = problem("deterministic", 2, 3, 4, seed=0)
    noise.fill(np.nan)
    posterior.draw_noise(rng, noise)
    assert np.array_equal(noise, np.zeros((2, 3, 4)))
    mean, log_var = posterior.moments(q_params)
    assert np.array_equal(mean, q_params)
    assert np.array_equal(log_var, np.full((3, 4), -np.inf))


@pytest.mark.parametrize("name", POSTERIORS)
def test_the_moments_are_the_caller_s_to_change(name):
    posterior, q_params, _, _ = problem(name, 1, 3, 2, seed=0)
    before = q_params.copy()
    for moment in posterior.moments(q_params):
        moment.fill(7.0)
    assert np.array_equal(q_params, before)


def test_the_full_gaussian_knows_the_latents_from_how_many_numbers_there_are():
    posterior = POSTERIORS["full-covariance"]
    for J in [*range(1, 60), 300]:
        for moment in posterior.moments(np.zeros((1, posterior.n_params(J)))):
            assert moment.shape == (1, J)
