"""What `fit` does in one step, or in a few, is what the formulas say of the whole minibatch.

With SGD and a step of one, parameters after minus parameters before are the gradient. It is
compared with that of `written_out`, and so are the bounds, for every estimator, every family and
every option, however many threads the minibatch is split over: a sum that should be a mean, a
part's mean that should be the whole's, another thread's rows or noise all show.
"""

from dataclasses import asdict

import numpy as np
import pytest
import written_out
from scipy import stats as distributions

from minivae import SGD, VAE, Adagrad, Adam, fit
from minivae.estimators import (
    BASELINES,
    SGVBA,
    SGVBB,
    Denoising,
    ImportanceWeighted,
    ScoreFunction,
    bound_and_grad,
)
from minivae.estimators.wake_sleep import WakeSleep
from minivae.layers import ACTIVATIONS
from minivae.likelihoods import LIKELIHOODS, FixedGaussian
from minivae.optimizers import OPTIMIZERS
from minivae.posteriors import POSTERIORS
from minivae.schedules import Scheduled, Stepwise

N, D = 47, 4  # training set
PARTS = {1: [11], 2: [5, 6], 3: [3, 4, 4]}  # of a minibatch, by number of threads

SCORES = [ScoreFunction(baseline, memory_decay=0.7) for baseline in BASELINES]
OF_DENSITY = [SGVBA(), ImportanceWeighted(), *SCORES, WakeSleep()]  # take a q(z|x) that has one
EVERY = [SGVBB(), Denoising(0.4), *OF_DENSITY]
PAIRS = [
    (estimator, posterior)
    for posterior in POSTERIORS
    for estimator in EVERY
    if posterior != "deterministic" or estimator not in OF_DENSITY
]
FIXED = [FixedGaussian(0.6), FixedGaussian(0.6, relu_mean=True)]


def named(setting):
    """A short name for what a test is given."""
    name = getattr(setting, "name", None)
    return f"{name} ({setting.baseline})" if name == "score-function" else name


def model(likelihood="bernoulli", posterior="gaussian", activation="tanh", hidden=(3,), latents=2):
    return VAE(D, latents, hidden, likelihood, activation, posterior)


def grey_pixels(dtype):
    pixels = np.random.default_rng(4).integers(0, 256, (N, D), dtype=np.uint8)
    return pixels if dtype == np.uint8 else (pixels / 255).astype(dtype)


def start_of(vae, dtype):
    params = vae.init_params(np.random.default_rng(5), dtype)
    params.vector[:] = 0.6 * np.random.default_rng(6).standard_normal(params.vector.size)
    return params


def listening(estimator):
    """The estimator, and a list to which it will add the bound of every minibatch."""
    bounds = []

    class Listening(type(estimator)):
        def update(self, state, bound):
            bounds.append(bound)
            super().update(state, bound)

    return Listening(**asdict(estimator)), bounds


def check(
    vae,
    estimator=EVERY[0],
    *,
    parts=PARTS[3],
    steps=1,
    data_dtype=np.float64,
    dtype=np.float64,
    tolerance=1e-10,  # rounding errors are of 1e-16 and add up over a few hundred terms
    **options,
):
    """Compare `fit` with what is written out: bounds, and what they have done to the parameters."""
    options = {
        "noise_samples": 3, "optimizer": SGD(1.0), "dtype": dtype, "seed": 7,
        "weight_prior": False, "alternate": False, "binarize": False, **options,
    }  # fmt: skip
    data, start = grey_pixels(data_dtype), start_of(vae, dtype)
    listener, bounds = listening(estimator)
    result = fit(
        vae, data, steps * sum(parts), estimator=listener, batch_size=sum(parts),
        threads=len(parts), params=start, evaluate_every=None, progress=False, **options,
    )  # fmt: skip
    before = start.vector.astype(np.float64)
    after, expected_bounds = written_out.train(
        vae, data, before, steps=steps, parts=parts, estimator=estimator, **options
    )
    np.testing.assert_allclose(bounds, expected_bounds, tolerance, tolerance)
    change = after - before
    largest = max(1.0, np.abs(change).max())  # to which the terms are comparable that are summed
    np.testing.assert_allclose(
        result.params.vector - before, change, rtol=0, atol=tolerance * largest
    )


# --- One step -------------------------------------------------------------------------------------


@pytest.mark.parametrize("estimator", EVERY, ids=named)
@pytest.mark.parametrize("threads", PARTS)
@pytest.mark.parametrize("L", [1, 3])
def test_a_step_goes_along_the_gradient_of_the_whole_minibatch(estimator, threads, L):
    L = max(L, 2) if estimator == ScoreFunction("optimal", 0.7) else L
    check(model(), estimator, parts=PARTS[threads], noise_samples=L)


@pytest.mark.parametrize(("estimator", "posterior"), PAIRS, ids=named)
def test_whatever_the_posterior(estimator, posterior):
    check(model("gaussian", posterior, latents=4), estimator, parts=PARTS[2], noise_samples=2)


@pytest.mark.parametrize("estimator", EVERY, ids=named)
@pytest.mark.parametrize("likelihood", [*LIKELIHOODS, *FIXED], ids=str)
def test_whatever_the_likelihood(estimator, likelihood):
    if likelihood == "poisson" and estimator == WakeSleep():
        pytest.skip("how NumPy turns random bits into counts is not written out")
    check(model(likelihood), estimator)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("hidden", [(), (4,), (5, 3), (3, 4, 5)])
def test_whatever_the_layers(activation, hidden):
    check(model(activation=activation, hidden=hidden))


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_a_thread_may_have_a_single_datapoint(estimator):
    check(model(), estimator, parts=[1, 1, 1])


@pytest.mark.parametrize("estimator", EVERY, ids=named)
@pytest.mark.parametrize(
    ("threads", "dtype"), [(1, np.uint8), (2, np.float32), (3, np.float64), (3, np.uint8)]
)
def test_pixels_are_drawn_before_the_estimator_s_noise(estimator, threads, dtype):
    check(model(), estimator, parts=PARTS[threads], data_dtype=dtype, binarize=True)


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_pixels_may_be_of_another_type(dtype):
    check(model(), data_dtype=dtype)


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_the_prior_counts_once_for_the_whole_training_set(estimator):
    check(model(), estimator, weight_prior=True)


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_in_float32(estimator):
    """Rounding errors are of 6e-8, and add up over a few hundred terms.

    No two numbers that they may set apart are compared: pixels and dreams are the same.
    """
    check(model("gaussian"), estimator, data_dtype=np.float32, dtype=np.float32, binarize=True,
          tolerance=2e-5)  # fmt: skip


def test_the_optimal_baseline_of_a_sample_far_ahead_of_the_others():
    """Its weight may be 1e18 times theirs, but they alone are its baseline."""
    estimator, vae = ScoreFunction("optimal"), model()
    params, x = start_of(vae, np.float64), grey_pixels(np.float64)
    noise = np.random.default_rng(8).standard_normal((2, N, 2))
    noise[1] = np.geomspace(1e-9, 1e-3, 2 * N).reshape(N, 2)
    bound, grad = bound_and_grad(estimator, vae, params, x, noise)
    expected_bound, ascended = written_out.score_function(
        vae, estimator, params.vector, x[None], [noise], []
    )
    expected = written_out.gradient(ascended, params.vector)
    assert bound == pytest.approx(expected_bound(params.vector), rel=1e-12)
    np.testing.assert_allclose(grad.vector, expected, rtol=0, atol=1e-10 * np.abs(expected).max())


# --- A few steps, into the second epoch: what is remembered from one to the next ------------------

STEPS = N // 11 + 2


@pytest.mark.parametrize("estimator", EVERY, ids=named)
@pytest.mark.parametrize("threads", PARTS)
def test_every_step_has_its_own_datapoints_and_noise(estimator, threads):
    check(model(), estimator, parts=PARTS[threads], steps=STEPS, optimizer=SGD(0.1),
          noise_samples=2)  # fmt: skip


@pytest.mark.parametrize("estimator", EVERY, ids=named)
def test_every_estimator_takes_turns(estimator):
    check(model(), estimator, steps=4, optimizer=SGD(0.1), alternate=True, binarize=True)


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adagrad(0.1), Adam(0.05, 0.8, 0.9)], ids=named)
@pytest.mark.parametrize("threads", PARTS)
@pytest.mark.parametrize("alternate", [False, True], ids=["together", "by turns"])
def test_every_optimizer_remembers(optimizer, threads, alternate):
    check(model(), parts=PARTS[threads], steps=STEPS, optimizer=optimizer, alternate=alternate,
          weight_prior=True)  # fmt: skip


@pytest.mark.parametrize("optimizer", [SGD(0.1), Adagrad(0.1), Adam(0.05, 0.8, 0.9)], ids=named)
@pytest.mark.parametrize("threads", PARTS)
@pytest.mark.parametrize("alternate", [False, True], ids=["together", "by turns"])
def test_every_step_size_follows_its_schedule(optimizer, threads, alternate):
    """By turns, encoder and decoder have two updates each in four steps."""
    scheduled = Scheduled(optimizer, Stepwise(after=(1, 3), factors=(0.3, 2.0)))
    check(model(), parts=PARTS[threads], steps=5, optimizer=scheduled, alternate=alternate,
          weight_prior=True)  # fmt: skip


# --- The judge ------------------------------------------------------------------------------------


def test_nothing_is_left_out():
    assert written_out.POSTERIORS.keys() == POSTERIORS.keys()
    assert written_out.ACTIVATIONS.keys() == ACTIVATIONS.keys()
    assert written_out.OPTIMIZERS.keys() == OPTIMIZERS.keys()
    assert written_out.ESTIMATORS.keys() == {estimator.name for estimator in EVERY}


def test_a_complex_step_gives_the_derivative():
    x = np.array([-1.2, 0.3, 0.8])
    slopes = written_out.gradient(lambda v: np.sum(np.exp(v) * v**2, axis=-1), x)
    np.testing.assert_allclose(slopes, np.exp(x) * (x**2 + 2 * x), rtol=1e-14)


@pytest.mark.parametrize("name", ["gaussian", "isotropic", "isotropic-relu", "laplace", "logistic"])
def test_the_densities_written_out_are_scipy_s(name):
    q_params, z = np.random.default_rng(0).standard_normal((2, 1, 5, 6))
    q_params, z = q_params[..., : POSTERIORS[name].n_params(3)], z[..., :3]
    mu, log_scale = q_params[..., :3], q_params[..., 3:]
    if name in ("laplace", "logistic"):
        law = getattr(distributions, name)(mu, np.exp(log_scale))
    else:
        mu = np.maximum(mu, 0) if name == "isotropic-relu" else mu
        law = distributions.norm(mu, np.exp(log_scale / 2))
    came = written_out.POSTERIORS[name](q_params, 3).log_density(z)
    np.testing.assert_allclose(came, law.logpdf(z).sum(axis=-1), rtol=1e-12)


def test_the_full_covariance_written_out_is_scipy_s():
    q_params, z = np.random.default_rng(0).standard_normal((1, 1, 9)), np.array([0.3, -0.2, 1.1])
    a, b, c, d, e, f = q_params[0, 0, 3:]
    C = np.array([[np.exp(a), 0, 0], [d, np.exp(b), 0], [e, f, np.exp(c)]])
    law = distributions.multivariate_normal(q_params[0, 0, :3], C @ C.T)
    came = written_out.full(q_params, 3).log_density(z)
    np.testing.assert_allclose(came[0, 0], law.logpdf(z), rtol=1e-12)


@pytest.mark.parametrize("likelihood", [*LIKELIHOODS.values(), *FIXED], ids=str)
def test_the_likelihoods_written_out_are_scipy_s(likelihood):
    rng = np.random.default_rng(0)
    a, log_var = rng.standard_normal((2, 5, D))
    x = rng.integers(0, 2, (5, D)) if likelihood.name == "bernoulli" else rng.random((5, D))
    mean = {
        "gaussian": a, "gaussian-fixed": a, "gaussian-fixed-relu": np.maximum(a, 0),
    }.get(likelihood.name, 1 / (1 + np.exp(-a)))  # fmt: skip
    if likelihood.name == "poisson":
        x = rng.poisson(4, (5, D))
        expected = distributions.poisson(np.exp(a)).logpmf(x)
    elif likelihood.name == "bernoulli":
        expected = distributions.bernoulli(mean).logpmf(x)
    else:
        sigma = getattr(likelihood, "sigma", np.exp(log_var / 2))
        expected = distributions.norm(mean, sigma).logpdf(x)
    out = np.hstack([a, log_var][: likelihood.outputs_per_pixel])
    came = written_out.log_likelihood(likelihood, out, x)
    np.testing.assert_allclose(came, expected.sum(axis=-1), rtol=1e-12)
