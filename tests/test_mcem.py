"""Monte Carlo EM: against the exact maximum, against app. E written out, and its contracts."""

import time

import numpy as np
import pytest
import scipy.fft
import scipy.optimize
from scipy.special import logsumexp
from test_known_answers import LinearGaussian

from minivae import SGD, VAE, Adagrad, Adam
from minivae.data_stream import INIT, NOISE, ORDER, stream
from minivae.evaluation.hmc import HMC, draw_noise
from minivae.evaluation.joint import (
    decoder_params,
    log_joint,
    log_joint_and_grad,
    mean_log_joint_and_grad,
)
from minivae.relatives import linear_gaussian as probabilistic_pca
from minivae.training import TrainingDiverged
from minivae.training.mcem import e_step, fit_mcem

QUIET = {"progress": False, "dtype": np.float64}


def linear_gaussian(N=50, J=2, D=4, sigma=0.7):
    """A model, always the same but for b, and datapoints that it has drawn."""
    rng = np.random.default_rng(1)
    W = (np.eye(J) + 0.5 * np.tri(J, k=-1)) @ (2 * waves(D)[:J])
    b = rng.standard_normal(D)
    x = rng.standard_normal((N, J)) @ W + b + sigma * rng.standard_normal((N, D))
    return LinearGaussian(W, b, sigma, x)


def waves(n):
    """Orthonormal vectors as rows, the first of them constant."""
    return scipy.fft.idct(np.eye(n), norm="ortho")


def ten_datapoints():
    """The model of `linear_gaussian`, and datapoints whose covariance has known eigenvalues."""
    deviations = waves(10).T[:, 1:5] * np.sqrt(10 * np.array([6, 4, 0.5, 0.5]))
    x = deviations @ waves(4) + np.array([1.0, -1.0, 0.5, 0.0])
    return linear_gaussian()._replace(x=x)


def log_evidence(model, W, b):
    return model._replace(W=W, b=b).log_evidence().mean()


def maximum(model, weight_prior):
    """The largest mean log p(x), or log p(x) + log p(theta) / N, and the parameters W, b there."""
    J, D, N = *model.W.shape, len(model.x)

    def loss(theta):
        W, b = theta[: J * D].reshape(J, D), theta[J * D :]
        exact = probabilistic_pca.LinearGaussian(W, b, model.sigma**2)
        value, grad = exact.log_likelihood_and_grad(model.x)
        grad = np.hstack([grad["W"].ravel(), grad["b"]])
        return (
            -value + weight_prior * theta @ theta / (2 * N),
            -grad + weight_prior * theta / N,
        )

    start = np.hstack([model.W.ravel(), model.b])
    # Where the gradient is that small, the value is right to fourteen digits.
    found = scipy.optimize.minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-7})
    return -found.fun, found.x[: J * D].reshape(J, D), found.x[J * D :]


@pytest.fixture
def small():
    rng = np.random.default_rng(3)
    x = (rng.random((70, 12)) < rng.random((70, 1))).astype(np.uint8) * 255
    return VAE(12, 2, hidden=(8,)), x


# --- The maximum ----------------------------------------------------------------------------------


def test_the_maximum_of_these_tests_is_that_of_probabilistic_pca():
    # Tipping and Bishop 1999, with sigma known: W from the leading eigenvectors of the covariance.
    model = ten_datapoints()
    values, vectors = np.linalg.eigh(np.cov(model.x.T, bias=True))
    W = (vectors[:, -2:] * np.sqrt(values[-2:] - model.sigma**2)).T
    best = log_evidence(model, W, model.x.mean(axis=0))
    assert maximum(model, weight_prior=False)[0] == pytest.approx(best, abs=1e-8)


@pytest.mark.parametrize("weight_prior", [False, True])
def test_it_reaches_the_exact_maximum_of_the_evidence(weight_prior):
    model = ten_datapoints()
    best = maximum(model, weight_prior)[0]

    def objective(params):
        theta = decoder_params(model.vae(), params).vector
        evidence = log_evidence(model, params["decoder.W1"], params["decoder.b1"])
        return evidence - weight_prior * theta @ theta / (2 * len(model.x))

    gaps = []
    fit_mcem(
        model.vae(),
        model.x,
        3000,
        batch_size=10,
        optimizer=SGD(0.005),
        weight_prior=weight_prior,
        evaluate_every=100,
        callback=lambda params, *_: gaps.append(best - objective(params)),
        **QUIET,
    )
    # The samples of z are noise to theta, so that it wanders about near the maximum: 0.007 below it
    # on average, and from run to run this varies with a standard deviation of 0.0025.
    assert min(gaps) > 0 and np.mean(gaps[15:]) < 0.03
    # Those with and without the prior are further apart than that.
    other = maximum(model, not weight_prior)
    theta = np.hstack([other[1].ravel(), other[2]])
    other = log_evidence(model, *other[1:]) - weight_prior * theta @ theta / (2 * len(model.x))
    assert best - other > 0.05


def test_bernoulli_models_learn_and_overlook_no_datapoint():
    vae = VAE(6, 1, hidden=(4,))
    rng = np.random.default_rng(0)
    kinds = np.array([[1.0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 1]])
    x = np.repeat(kinds, 40, axis=0)
    x = np.abs(x - (rng.random(x.shape) < 0.1))  # and noise
    result = fit_mcem(
        vae, x, 8000, batch_size=40, optimizer=Adagrad(0.1), evaluate_every=None, progress=False
    )
    assert result.params.dtype == result.z.dtype == np.float32
    # Of what x was drawn from: with one half for either kind, and for every pixel that of noise.
    wrong = np.abs(x[:, None] - kinds).sum(axis=2)
    log_px = logsumexp(wrong * np.log(0.1) + (6 - wrong) * np.log(0.9) - np.log(2), axis=1)
    # Fitted, 38 parameters are worth up to chi^2(38) / (2 * 80) nats, 0.24 on average. A decoder
    # that does not use z loses 1.3.
    assert -0.3 < np.mean(evidence_by_quadrature(vae, result.params, x) - log_px) < 0.6
    assert abs(result.z[:40].mean() - result.z[40:].mean()) > 1  # 1.7, give or take 0.14


def evidence_by_quadrature(vae, params, x):
    """Log p(x) of every datapoint, for one latent."""
    params, z = params.astype(np.float64), np.linspace(-10, 10, 1001)
    log_pxz = [log_joint(vae, params, row[None], z[:, None, None])[:, 0] for row in x]
    return logsumexp(log_pxz, axis=1) + np.log(z[1] - z[0])


# --- E-step ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", ["posterior", "elsewhere"])
def test_the_e_step_leaves_the_posterior_invariant_and_leads_to_it(start):
    model = linear_gaussian(N=4, J=3)
    vae, params = model.vae(), model.exact_params()
    mean, covariance = model.posterior()
    copies = 1500
    rng = np.random.default_rng(0)
    eps = rng.standard_normal((copies, 4, 3))
    z = mean + eps @ np.linalg.cholesky(covariance).T if start == "posterior" else 2 + eps
    z, x = z.reshape(-1, 3), np.tile(model.x, (copies, 1))
    step, hmc = 0.5, HMC(n_leapfrog=10)
    for _ in range(3 if start == "posterior" else 25):
        noise = draw_noise(rng, z.shape)
        z, step, log_joint, acceptance = e_step(vae, params, x, z, hmc, step, noise)
    errors = z.reshape(copies, 4, 3) - mean
    assert np.all(np.abs(errors.mean(axis=0)) < 6 * np.sqrt(np.diag(covariance) / copies))
    found = np.einsum("kni,knj->ij", errors, errors) / (4 * copies)
    deviation = np.sqrt(np.outer(np.diag(covariance), np.diag(covariance)) * 2 / (4 * copies))
    assert np.all(np.abs(found - covariance) < 6 * deviation)
    assert log_joint == pytest.approx(log_joint_and_grad(vae, params, x, z)[0].mean(), rel=1e-12)
    assert 0.85 < acceptance < 0.95 or start == "posterior"


def test_every_datapoint_keeps_a_chain_of_its_own():
    # With little noise p(z|x) is narrow: after some epochs every chain is near its own mean.
    model = linear_gaussian(N=30, sigma=0.05)
    frozen = SGD(1e-300)
    result = fit_mcem(
        model.vae(),
        model.x,
        30 * 60,
        batch_size=8,
        optimizer=frozen,
        params=model.exact_params(),
        evaluate_every=None,
        **QUIET,
    )
    mean, covariance = model.posterior()
    assert np.all(np.abs(result.z - mean) < 6 * np.sqrt(np.diag(covariance)))
    assert np.abs(mean[1:] - mean[:-1]).max() > 50 * np.sqrt(covariance.max())


# --- App. E ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("optimizer", [Adagrad(0.1), Adam(0.01)])
@pytest.mark.parametrize("weight_prior", [True, False])
def test_equals_app_e_written_out(small, optimizer, weight_prior):
    vae, pixels = small
    x, M, seed, epochs = pixels / 255, 20, 9, 2
    result = fit_mcem(
        vae,
        pixels,
        epochs * 60,  # three whole minibatches of the 70 datapoints
        batch_size=M,
        optimizer=optimizer,
        weight_prior=weight_prior,
        seed=seed,
        **QUIET,
    )

    params = vae.init_params(stream(seed, INIT))
    theta = decoder_params(vae, params).vector
    moments = optimizer.init(theta)
    z = stream(seed, INIT, 1).standard_normal((70, 2))
    noise, step, t = stream(seed, NOISE), 0.1, 0
    for epoch in range(epochs):
        order = stream(seed, ORDER, epoch).permutation(70)
        for rows in order[:20], order[20:40], order[40:60]:

            def energy(z, r, rows=rows):
                return r @ r / 2 - log_joint_and_grad(vae, params, x[rows], z)[0]

            momentum = noise.standard_normal((M, 2))
            jitter, threshold = noise.random((2, M))
            s = (step * (0.8 + 0.4 * jitter))[:, None]
            end, r = z[rows], momentum
            for _ in range(10):
                r = r + s / 2 * log_joint_and_grad(vae, params, x[rows], end)[1]
                end = end + s * r
                r = r + s / 2 * log_joint_and_grad(vae, params, x[rows], end)[1]
            before, _ = log_joint_and_grad(vae, params, x[rows], z[rows])
            after, _ = log_joint_and_grad(vae, params, x[rows], end)
            gain = after - before - (r**2).sum(axis=1) / 2 + (momentum**2).sum(axis=1) / 2
            acceptance = np.minimum(1, np.exp(gain))
            accepted = threshold < acceptance
            z[rows[accepted]] = end[accepted]
            step *= np.exp(acceptance.mean() - 0.9)
            for _ in range(5):
                t += 1
                _, grad = mean_log_joint_and_grad(vae, params, x[rows], z[rows])
                optimizer.update(theta, grad.vector, moments, t, weight_prior / 70)
    np.testing.assert_allclose(result.z, z, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(result.params.vector, params.vector, rtol=1e-8, atol=1e-8)
    assert result.history.step_size[-1] == pytest.approx(step, rel=1e-8)


# --- Contracts ------------------------------------------------------------------------------------


def test_same_seed_gives_same_bits(small):
    vae, x = small
    first, second, other = (fit_mcem(vae, x, 200, batch_size=20, seed=s, progress=False)
                            for s in (5, 5, 6))  # fmt: skip
    assert np.array_equal(first.params.vector, second.params.vector)
    assert np.array_equal(first.z, second.z)
    assert [r[:4] for r in first.history.rows()] == [r[:4] for r in second.history.rows()]
    assert not np.array_equal(first.params.vector, other.params.vector)


def test_the_encoder_and_what_is_passed_in_stay_as_they_are(small):
    vae, x = small
    params = vae.init_params(np.random.default_rng(0), np.float32)
    before, pixels = params.copy(), x.copy()
    result = fit_mcem(vae, x, 200, batch_size=20, params=params, progress=False)
    assert np.array_equal(params.vector, before.vector) and np.array_equal(x, pixels)
    for name in params:
        same = np.array_equal(result.params[name], before[name])
        assert same == name.startswith("encoder")


def test_history_and_callback(small):
    vae, x = small
    calls = []

    def callback(params, history):
        calls.append((len(history), params.vector.copy()))

    result = fit_mcem(
        vae, x, 170, batch_size=20, evaluate_every=50, progress=False, callback=callback
    )
    history = result.history
    assert history.samples == [60, 120, 180]
    assert [count for count, _ in calls] == [1, 2, 3]
    assert not np.array_equal(calls[0][1], calls[1][1])
    assert np.array_equal(calls[-1][1], result.params.vector)
    assert np.all(np.diff([0, *history.seconds]) > 0)
    assert np.isfinite(history.rows()).all()
    assert all(0 < rate <= 1 for rate in history.acceptance)
    assert history.columns == ("samples", "log_joint", "acceptance", "step_size", "seconds")
    at = fit_mcem(vae, x, 170, batch_size=20, evaluate_every=[20, 70, 1000], progress=False)
    assert at.history.samples == [20, 80, 180]
    never = fit_mcem(vae, x, 170, batch_size=20, evaluate_every=None, callback=callback)
    assert len(never.history) == 0 and len(calls) == 3
    assert np.array_equal(never.params.vector, result.params.vector)


def test_the_defaults(small):
    vae, x = small
    x = np.tile(x, (3, 1))
    default = fit_mcem(vae, x, 400, progress=False)
    said = fit_mcem(vae, x, 400, batch_size=100, optimizer=Adagrad(0.02), weight_prior=True, seed=0,
                    hmc=HMC(n_leapfrog=10), m_steps=5, progress=False)  # fmt: skip
    assert np.array_equal(default.params.vector, said.params.vector)
    assert np.array_equal(default.z, said.z)


def test_a_hundred_thousand_samples_between_entries_by_default():
    vae, x = VAE(2, 1, hidden=()), np.zeros((10_000, 2))
    result = fit_mcem(
        vae, x, 110_000, batch_size=10_000, m_steps=1, hmc=HMC(n_leapfrog=1), progress=False
    )
    assert result.history.samples == [100_000, 110_000]


def test_callbacks_take_no_time(small):
    vae, x = small
    started = time.perf_counter()
    result = fit_mcem(vae, x, 60, batch_size=20, evaluate_every=20, progress=False,
                      callback=lambda *_: time.sleep(0.1))  # fmt: skip
    assert result.history.seconds[-1] <= time.perf_counter() - started - 0.3


def test_the_bar_ends_with_all_samples_and_shows_log_p(small, capsys):
    vae, x = small
    fit_mcem(vae, x, 170, batch_size=20, progress=True)  # nine visits
    last = capsys.readouterr().err.split("\r")[-1]
    assert "100%" in last and "170/170" in last and "log p(x, z) -" in last


def test_the_acceptance_settles_at_ninety_percent():
    model = linear_gaussian()
    result = fit_mcem(model.vae(), model.x, 6000, batch_size=50, evaluate_every=[1000], **QUIET)
    # Every visit adds acceptance - 0.9 to log step: so in 100 visits the step has hardly changed.
    assert result.history.acceptance[-1] == pytest.approx(0.9, abs=0.01)


def test_divergence_is_reported():
    vae = VAE(4, 2, hidden=(3,), likelihood="gaussian")
    x = np.random.default_rng(0).standard_normal((30, 4))
    with pytest.raises(
        TrainingDiverged,
        match=r"^the mean of log p\(x, z\), or a parameter, became nan after [\d,]+ samples: try",
    ):
        fit_mcem(vae, x, 1000, batch_size=10, optimizer=SGD(1e6), progress=False)


def test_a_single_infinite_parameter_is_divergence():
    # The hidden units are off, and stay as they are: only the last biases move, by far too much.
    vae = VAE(4, 2, hidden=(3,), likelihood="gaussian-fixed", activation="relu")
    params = vae.init_params(np.random.default_rng(0))
    params["decoder.b1"][:] = -100
    with pytest.raises(TrainingDiverged, match=r"or a parameter, became nan after 0 samples: try"):
        fit_mcem(vae, np.full((10, 4), 1e10), 10, batch_size=10, optimizer=SGD(1e300), m_steps=1,
                 params=params, weight_prior=False, **QUIET)  # fmt: skip


@pytest.mark.parametrize(
    "change, message",
    [
        ({"samples": 0}, "samples is 0, expected"),
        ({"batch_size": 71}, "batch_size is 71, expected at most the 70 training datapoints"),
        ({"m_steps": 0}, "m_steps is 0, expected"),
        ({"seed": -1}, "seed is -1, expected"),
        ({"evaluate_every": 0}, "evaluate_every is 0, expected"),
        ({"evaluate_every": [20, 0.5]}, "evaluate_every is 0.5, expected"),
        ({"optimizer": 0.02}, "optimizer is 0.02, which lacks name, init, update"),
        ({"hmc": 10}, "hmc is 10, expected one such as HMC"),
        ({"dtype": np.float16}, "dtype is float16, expected"),
        ({"data": np.zeros((70, 3))}, "data has 3 features, the model expects 12"),
        ({"params": {}}, "params is dict, expected"),
    ],
)
def test_what_does_not_fit_is_refused(small, change, message):
    vae, x = small
    arguments = {"data": x, "samples": 100, "batch_size": 20, "progress": False}
    with pytest.raises(ValueError, match=message):
        fit_mcem(vae, **{**arguments, **change})
