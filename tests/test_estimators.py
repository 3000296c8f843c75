"""Estimators of the bound's gradient: what they differentiate, unbiasedness, variance, order."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.special import fdtrc
from scipy.stats import multivariate_normal

from minivae import VAE, Adagrad, Adam, check_grad, fit
from minivae.estimators import (
    SGVBA,
    SGVBB,
    Denoising,
    ImportanceWeighted,
    ScoreFunction,
    bound_and_grad,
)
from minivae.likelihoods import FixedGaussian

SCORES = [ScoreFunction(), ScoreFunction("running"), ScoreFunction("optimal")]


def problem(L=2, M=3, posterior="gaussian", likelihood="bernoulli", seed=0):
    rng = np.random.default_rng(seed)
    vae = VAE(4, 2, (3,), likelihood, posterior=posterior)
    params = vae.init_params(rng)
    params.vector[:] = 0.6 * rng.standard_normal(params.vector.size)
    return vae, params, rng.random((M, 4)), rng


def drawn(estimator, vae, rng, L, M):
    return estimator.draw_noise(vae, rng, L, M, np.float64)


def evidence(vae, params, x):
    """Exact log p(x) of a linear model with a Gaussian of fixed variance."""
    W, b, variance = params["decoder.W1"], params["decoder.b1"], vae.likelihood.sigma**2
    return multivariate_normal(b, W.T @ W + variance * np.eye(len(b))).logpdf(x)


@pytest.mark.parametrize("estimator", [SGVBA(), SGVBB(), ImportanceWeighted(), Denoising()])
@pytest.mark.parametrize("posterior", ["gaussian", "full-covariance", "isotropic", "laplace"])
@given(st.integers(1, 3), st.integers(1, 3), st.integers(0, 99))
@examples(6)
def test_the_gradient_is_that_of_the_bound(estimator, posterior, L, M, seed):
    vae, params, x, rng = problem(L, M, posterior, seed=seed)
    noise = drawn(estimator, vae, rng, L, M)
    check_grad(lambda p: bound_and_grad(estimator, vae, p, x, noise), params)


@pytest.mark.parametrize("estimator", SCORES)
@pytest.mark.parametrize("posterior", ["gaussian", "full-covariance", "logistic"])
def test_the_score_function_is_the_gradient_of_its_surrogate(estimator, posterior):
    """With z and the signal f - b held fixed: mean of log p(x|z) + (f - b) log q(z|x)."""
    L, M = 3, 4
    vae, params, x, rng = problem(L, M, posterior)
    noise = drawn(estimator, vae, rng, L, M)
    memory = {"total": -6.0, "weight": 2.0} if estimator.baseline == "running" else {}
    bound, grad = bound_and_grad(estimator, vae, params, x, noise, memory)

    def forward(p):
        q_params, _ = vae.recognition(p, x)
        log_px, _ = vae.generative(p, z, x, 1.0)
        return log_px, vae.posterior.log_density(z, q_params), q_params

    q_params, _ = vae.recognition(params, x)
    z = vae.posterior.sample(q_params, noise)[0]
    log_px, log_q, _ = forward(params)
    f = log_px - 0.5 * np.sum(z**2 + np.log(2 * np.pi), axis=-1) - log_q
    assert bound == pytest.approx(f.mean(), rel=1e-12)
    if estimator.baseline == "optimal":  # one baseline for every number of q: its own, slow words
        expected = np.zeros_like(q_params)
        scores = [
            vae.posterior.log_density_grad(z[k : k + 1], q_params, np.ones((1, M)))[1]
            for k in range(L)
        ]
        for k in range(L):
            others = [j for j in range(L) if j != k]
            top = sum(f[j][:, None] * scores[j] ** 2 for j in others)
            b = top / sum(scores[j] ** 2 for j in others)
            expected += (f[k][:, None] - b) * scores[k] / (L * M)
        np.testing.assert_allclose(
            dq_params_of(vae, estimator, params, x, noise), expected, rtol=1e-9
        )
        return
    signal = f - (-3.0 if memory else 0.0)

    def surrogate(p):
        log_px, log_q, _ = forward(p)
        return np.mean(log_px + signal * log_q)

    check_grad(surrogate, params, lambda p: grad)


def dq_params_of(vae, estimator, params, x, noise):
    _, parts = estimator.forward_backward(vae, params, x, noise, len(x), {})
    return parts["encoder.b2"].dy


def test_without_a_baseline_nothing_is_remembered():
    vae, params, x, rng = problem()
    noise, memory = drawn(ScoreFunction(), vae, rng, 2, 3), {}
    ScoreFunction().update(memory, -7.0)
    assert memory == {}
    plain = bound_and_grad(ScoreFunction(), vae, params, x, noise)[1]
    handed = bound_and_grad(ScoreFunction(), vae, params, x, noise, {"total": -6.0, "weight": 2.0})
    assert np.array_equal(plain.vector, handed[1].vector)


def test_one_importance_weighted_sample_is_estimator_a():
    vae, params, x, rng = problem()
    noise = drawn(SGVBA(), vae, rng, 1, 3)
    a, grad_a = bound_and_grad(SGVBA(), vae, params, x, noise)
    w, grad_w = bound_and_grad(ImportanceWeighted(), vae, params, x, noise)
    assert a == w
    assert np.array_equal(grad_a.vector, grad_w.vector)


def test_without_corruption_denoising_is_estimator_b():
    vae, params, x, rng = problem()
    eps, kept = drawn(Denoising(0.0), vae, rng, 2, 3)
    assert np.all(kept == 1)
    denoising = bound_and_grad(Denoising(0.0), vae, params, x, (eps, kept))
    plain = vae.elbo_and_grad(params, x, eps)
    assert denoising[0] == plain[0]
    assert np.array_equal(denoising[1].vector, plain[1].vector)


def test_corruption_zeroes_so_many_pixels_of_the_input_and_none_of_the_target():
    vae, params, x, rng = problem(M=3)
    assert Denoising().corruption == 0.3
    _, kept = drawn(Denoising(), vae, rng, 1, 50_000)
    assert set(np.unique(kept)) == {0.0, 1.0}
    assert kept.mean() == pytest.approx(0.7, abs=6 * np.sqrt(0.3 * 0.7 / kept.size))
    noise = (np.zeros((1, 3, 2)), np.zeros((3, 4)))  # all pixels gone: every input looks the same
    bound, _ = bound_and_grad(Denoising(0.3), vae, params, x, noise)
    blind = np.mean([vae.forward_backward(params, row[None], np.zeros((1, 1, 2)), 1,
                                          inputs=np.zeros((1, 4)))[0] for row in x])  # fmt: skip
    assert bound == pytest.approx(blind, rel=1e-12)


def linear_problem():
    """A linear-Gaussian model, not at an optimum, whose expected bound is known exactly.

    The model is always the same, since how far apart estimators are depends on it.
    """
    rng = np.random.default_rng(1)
    vae = VAE(4, 2, (), FixedGaussian(0.8))
    params = vae.init_params(rng)
    params.vector[:] = 0.7 * np.sin(3 + np.arange(params.vector.size) ** 1.5)
    return vae, params, np.array([[0.5, -1.2, 0.8, 0.1], [-0.7, 0.4, 1.5, -0.3]]), rng


def expected_bound_and_grad(vae, params, x):
    """Gauss-Hermite nodes integrate the quadratic log p(x|z) over q(z|x) without error."""
    nodes, weights = np.polynomial.hermite_e.hermegauss(3)
    weights = weights / weights.sum()
    value, gradient = 0.0, np.zeros_like(params.vector)
    for i, j in np.ndindex(3, 3):
        noise = np.broadcast_to([nodes[i], nodes[j]], (1, len(x), 2)).copy()
        bound, grad = vae.elbo_and_grad(params, x, noise)
        value += weights[i] * weights[j] * bound
        gradient += weights[i] * weights[j] * grad.vector
    return value, gradient


@pytest.mark.parametrize("estimator", [SGVBA(), SGVBB(), *SCORES], ids=str)
def test_unbiased_for_the_exact_gradient(estimator):
    vae, params, x, rng = linear_problem()
    value, gradient = expected_bound_and_grad(vae, params, x)
    bounds, grads = estimates(estimator, vae, params, x, rng, repeats=2000, L=3)
    assert_mean(grads, gradient)
    assert bounds.mean() == pytest.approx(value, abs=6 * bounds.std() / np.sqrt(len(bounds)))


def assert_mean(samples, exact):
    """Hotelling's test of the mean of samples (n, p); where they do not vary, it is exact."""
    n = len(samples)
    centred, error = samples - samples.mean(axis=0), samples.mean(axis=0) - exact
    _, s, directions = np.linalg.svd(centred, full_matrices=False)
    rank = np.sum(s > 1e-9 * s[0])
    along = directions[:rank] @ error
    np.testing.assert_allclose(error, along @ directions[:rank], atol=1e-10 * s[0])
    t_squared = n * (n - 1) * np.sum((along / s[:rank]) ** 2)
    assert fdtrc(rank, n - rank, t_squared * (n - rank) / rank / (n - 1)) > 1e-6


def estimates(estimator, vae, params, x, rng, repeats, L):
    bounds, grads = np.empty(repeats), np.empty((repeats, params.vector.size))
    memory = {}
    for i in range(repeats):
        noise = estimator.draw_noise(vae, rng, L, len(x), np.float64)
        bounds[i], grad = bound_and_grad(estimator, vae, params, x, noise, memory)
        estimator.update(memory, bounds[i])
        grads[i] = grad.vector
    return bounds, grads


def test_variance_falls_from_score_function_to_a_to_b_and_with_a_baseline():
    vae, params, x, rng = linear_problem()
    n = sum(params[name].size for name in vae.encoder.shapes)

    def variance(estimator, L=1):
        _, grads = estimates(estimator, vae, params, x, rng, 1000, L)
        return grads[100:, :n].var(axis=0).sum()

    # 29, 58, 320 and 1140, from B to the naive one, each to 4 to 20 percent; 110 and 290 below.
    a, b, naive, running = map(variance, (SGVBA(), SGVBB(), ScoreFunction(), SCORES[1]))
    assert b < a < running < naive
    assert naive > 10 * b
    assert variance(ScoreFunction("optimal"), L=4) < variance(ScoreFunction(), L=4)


def test_importance_weighted_bound_rises_towards_the_evidence():
    vae, params, x, rng = linear_problem()
    exact = evidence(vae, params, x).mean()

    def bound(k):
        bounds, _ = estimates(ImportanceWeighted(), vae, params, x, rng, 200, k)
        return bounds.mean(), bounds.std() / np.sqrt(len(bounds))

    # -10.1, -7.13, -6.83, to 0.2, 0.04 and 0.003; the last is at most as near as its error.
    (one, _), (ten, _), (thousand, error) = (bound(k) for k in (1, 10, 1000))
    assert one < ten < thousand < exact + 6 * error
    assert exact - thousand < 0.02 * (exact - one)


def test_with_the_exact_posterior_estimator_a_has_no_variance_in_the_bound():
    """f = log p(x, z) - log q(z|x) = log p(x), whatever z is."""
    vae, params, x, rng = linear_problem()
    vae = VAE(4, 2, (), FixedGaussian(0.8), posterior="full-covariance")
    exact = vae.init_params(rng)
    W = exact["decoder.W1"][:] = params["decoder.W1"]
    exact["decoder.b1"][:] = params["decoder.b1"]
    covariance = np.linalg.inv(np.eye(2) + W @ W.T / 0.64)
    C = np.linalg.cholesky(covariance)
    exact["encoder.W1"][:, :2] = W.T @ covariance / 0.64
    exact["encoder.b1"][:2] = -exact["decoder.b1"] @ exact["encoder.W1"][:, :2]
    exact["encoder.W1"][:, 2:] = 0
    exact["encoder.b1"][2:] = *np.log(np.diag(C)), C[1, 0]
    bounds, _ = estimates(SGVBA(), vae, exact, x, rng, 20, 1)
    np.testing.assert_allclose(bounds, evidence(vae, exact, x).mean(), rtol=1e-10)


def _stripes(n=400):
    """Grey stripes at random places: on a circle in the plane, something to be learned."""
    phase = np.random.default_rng(0).uniform(0, 2 * np.pi, (n, 1))
    return np.uint8(127.5 * (1 + np.sin(phase + np.arange(12))))


DATA = _stripes()
EVERY = [SGVBA(), SGVBB(), ImportanceWeighted(), Denoising(0.2), *SCORES]


@pytest.mark.parametrize("estimator", EVERY, ids=str)
def test_fit_takes_it_and_resumes_to_the_bit(estimator, tmp_path):
    vae = VAE(12, 2, (8,))
    options = {
        "batch_size": 40, "noise_samples": 3, "estimator": estimator, "threads": 2,
        "evaluate_every": None, "progress": False,
    }  # fmt: skip
    straight = fit(vae, DATA, 1200, **options)
    fit(vae, DATA, 600, checkpoint=tmp_path / "run.npz", **options)
    resumed = fit(vae, DATA, 1200, checkpoint=tmp_path / "run.npz", resume=True, **options)
    assert np.array_equal(straight.params.vector, resumed.params.vector)


@pytest.mark.parametrize("estimator", [SGVBA(), ScoreFunction("running")], ids=str)
def test_training_raises_the_bound(estimator):
    # One latent is worth 8 nats, both are worth 15: so clear that training cannot miss them.
    vae, x = VAE(12, 2, (8,), FixedGaussian(0.2)), np.float32(DATA / 255 - 0.5)
    noise = np.random.default_rng(1).standard_normal((5, 400, 2))
    result = fit(vae, x, 20_000, estimator=estimator, optimizer=Adagrad(0.1), batch_size=40,
                 evaluate_every=None, progress=False, threads=1)  # fmt: skip
    before = vae.elbo(vae.init_params(np.random.default_rng(0)), x, noise)
    assert vae.elbo(result.params, x, noise) > before + 5


def test_the_default_is_estimator_b():
    vae = VAE(12, 2, (8,))
    options = {"batch_size": 40, "evaluate_every": None, "progress": False, "threads": 1}
    default = fit(vae, DATA, 400, **options).params.vector
    assert np.array_equal(default, fit(vae, DATA, 400, estimator=SGVBB(), **options).params.vector)


@pytest.mark.parametrize("optimizer", [Adagrad(0.02), Adam(1e-3)], ids=str)
@pytest.mark.parametrize("threads", [1, 2])
def test_alternating_moves_one_network_at_a_time(optimizer, threads):
    vae = VAE(12, 2, (8,))
    options = {
        "batch_size": 40, "optimizer": optimizer, "alternate": True, "evaluate_every": None,
        "progress": False, "threads": threads,
    }  # fmt: skip
    steps = [fit(vae, DATA, 40 * k, **options).params for k in (1, 2, 3)]
    start = vae.init_params(np.random.default_rng(np.random.SeedSequence(0, spawn_key=(0,))),
                            np.float32)  # fmt: skip
    for before, after, mover in zip(
        [start, *steps], steps, ("encoder", "decoder", "encoder"), strict=False
    ):
        for name in before:
            moved = not np.array_equal(before[name], after[name])
            assert moved == name.startswith(mover), name


def test_alternating_counts_the_updates_of_each_network():
    """Adam's first update moves every parameter by the step size: the decoder's is the second."""
    vae = VAE(12, 2, (8,))
    options = {"batch_size": 40, "alternate": True, "weight_prior": False, "evaluate_every": None,
               "progress": False, "threads": 1}  # fmt: skip
    adam = Adam(1e-3, epsilon=1e-12)  # so that no gradient is too small
    first, second = (fit(vae, DATA, n, optimizer=adam, **options).params for n in (40, 80))
    moved = np.abs(second["decoder.b2"] - first["decoder.b2"])
    np.testing.assert_allclose(moved, 1e-3, rtol=0.01)


@pytest.mark.parametrize(("make", "message"), [
    (lambda: ScoreFunction("best"), "baseline is 'best', expected one of none, running, optimal"),
    (
        lambda: ScoreFunction("running", memory_decay=1.0),
        r"memory_decay is 1.0, expected a number in \[0, 1\)",
    ),
    (lambda: Denoising(1.0), r"corruption is 1.0, expected a number in \[0, 1\)"),
    (lambda: fit(VAE(12, 2), DATA, estimator="a"), "estimator is 'a', which lacks name"),
    (
        lambda: fit(VAE(12, 2), DATA, 100, estimator=ScoreFunction("optimal")),
        "noise_samples is 1, the optimal baseline expects at least 2",
    ),
    (
        lambda: bound_and_grad(SGVBB(), VAE(4, 2), np.zeros(9), np.zeros((1, 4)), None),
        "params is ndarray, expected Params",
    ),
])  # fmt: skip
def test_nonsense_is_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()
