"""Wake-sleep: the gradients of both phases, and what it learns on a model with exact answers."""

import numpy as np
import pytest

from minivae import VAE, Adam, check_grad, fit
from minivae.estimators import bound_and_grad
from minivae.estimators.wake_sleep import WakeSleep
from minivae.likelihoods import FixedGaussian

WAKE_SLEEP = WakeSleep()


def problem(likelihood="bernoulli", posterior="gaussian", L=2, seed=0):
    rng = np.random.default_rng(seed)
    vae = VAE(4, 2, (3,), likelihood, posterior=posterior)
    params = vae.init_params(rng)
    params.vector[:] = 0.7 * rng.standard_normal(params.vector.size)
    noise = WAKE_SLEEP.draw_noise(vae, rng, L, 5, np.float64)
    return vae, params, rng.random((5, 4)), noise


def part(params, grad, network):
    """The arrays of one network, and the gradient with respect to them."""
    return {name: (params[name], grad[name]) for name in params if name.startswith(network)}


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian", "gaussian-sigmoid"])
@pytest.mark.parametrize("posterior", ["gaussian", "full-covariance", "laplace"])
def test_wake_is_the_gradient_of_log_p_and_sleep_that_of_log_q(likelihood, posterior):
    vae, params, x, noise = problem(likelihood, posterior)
    _, grad = bound_and_grad(WAKE_SLEEP, vae, params, x, noise)
    z_wake = vae.posterior.sample(vae.recognition(params, x)[0], noise.eps)[0]
    out, _ = vae.decoder.forward(params, noise.z[0])
    dream = vae.likelihood.sample(out, np.random.default_rng([noise.seed]))

    def changed(arrays):
        trial = params.copy()
        for name, array in arrays.items():
            trial[name][:] = array
        return trial

    def wake(arrays):
        return vae.generative(changed(arrays), z_wake, x, 1.0)[0].mean()

    def sleep(arrays):
        q_params, _ = vae.recognition(changed(arrays), dream)
        return vae.posterior.log_density(noise.z, q_params).mean()

    for network, objective in (("decoder", wake), ("encoder", sleep)):
        arrays = part(params, grad, network)
        values = {name: array.copy() for name, (array, _) in arrays.items()}
        gradients = {name: gradient for name, (_, gradient) in arrays.items()}
        check_grad(objective, values, lambda _, gradients=gradients: gradients)


def test_the_dreams_come_from_the_model():
    vae, params, _, _ = problem()
    rng = np.random.default_rng(1)
    noise = WAKE_SLEEP.draw_noise(vae, rng, 1, 40_000, np.float64)
    dream = WAKE_SLEEP._dream(vae, params, noise)
    expected = vae.sample(params, 40_000, np.random.default_rng(2))
    # Six standard errors of a difference, for black and white pixels and their products.
    for moment in (lambda x: x, lambda x: x[:, :, None] * x[:, None, :]):
        ours, theirs = moment(dream), moment(expected)
        bound = 6 * np.sqrt((ours.var(axis=0) + theirs.var(axis=0)) / 40_000)
        np.testing.assert_array_less(np.abs(ours.mean(axis=0) - theirs.mean(axis=0)), bound)


def test_every_dream_has_a_seed_of_its_own():
    """Of a thousand numbers below 2^64, two are the same with a probability of 3e-14."""
    vae, rng, seeds = problem()[0], np.random.default_rng(0), set()
    for _ in range(1000):
        seeds.add(WAKE_SLEEP.draw_noise(vae, rng, 1, 1, np.float64).seed)
    assert len(seeds) == 1000


def test_the_bound_is_that_of_aevb():
    vae, params, x, noise = problem()
    bound, _ = bound_and_grad(WAKE_SLEEP, vae, params, x, noise)
    assert bound == pytest.approx(vae.elbo(params, x, noise.eps), rel=1e-12)


def test_finds_the_exact_posterior_where_the_encoder_can_hold_it():
    """A linear-Gaussian model: q(z|x) = p(z|x) is the only fixed point of the sleep phase."""
    rng = np.random.default_rng(0)
    W, sigma = np.array([[1.0, -0.5, 0.3]]), 0.5
    x = rng.standard_normal((4000, 1)) @ W + sigma * rng.standard_normal((4000, 3))
    vae = VAE(3, 1, (), FixedGaussian(sigma))
    result = fit(
        vae, x.astype(np.float32), 400_000, optimizer=Adam(3e-3), estimator=WAKE_SLEEP,
        weight_prior=False, evaluate_every=None, progress=False, batch_size=100, threads=1,
    )  # fmt: skip
    learned = result.params["decoder.W1"]
    precision = 1 + np.sum(learned**2) / sigma**2
    mean, log_var = vae.encode(result.params, x)
    exact = (x - result.params["decoder.b1"]) @ learned.T / sigma**2 / precision
    assert np.sqrt(np.mean((mean - exact) ** 2)) < 0.1
    np.testing.assert_allclose(np.exp(log_var).mean(), 1 / precision, rtol=0.15)
    np.testing.assert_allclose(np.abs(learned), np.abs(W), atol=0.12)


@pytest.mark.parametrize("likelihood", ["bernoulli", "gaussian-sigmoid"])
def test_threads_and_resuming_change_nothing_but_rounding(likelihood, tmp_path):
    rng = np.random.default_rng(0)
    vae = VAE(12, 2, (8,), likelihood)
    data = rng.integers(0, 256, (200, 12), dtype=np.uint8)
    options = {
        "batch_size": 20, "estimator": WAKE_SLEEP, "threads": 2, "evaluate_every": None,
        "progress": False,
    }  # fmt: skip
    straight = fit(vae, data, 800, **options)
    fit(vae, data, 400, checkpoint=tmp_path / "run.npz", **options)
    resumed = fit(vae, data, 800, checkpoint=tmp_path / "run.npz", resume=True, **options)
    assert np.array_equal(straight.params.vector, resumed.params.vector)
    assert not np.array_equal(straight.params.vector, fit(vae, data, 400, **options).params.vector)
