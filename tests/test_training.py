"""Algorithm 1: reproducibility, resuming, faults, and that it learns."""

import os
import signal
import textwrap
import threading
import time

import numpy as np
import pytest

from minivae import SGD, VAE, Adagrad, Adam, fit, load, load_model
from minivae.data_stream import INIT, NOISE, ORDER, Order, stream
from minivae.estimators import SGVBA, SGVBB
from minivae.evaluation import bound_terms, mean_bound
from minivae.training import TrainingDiverged, choose_step_size, minibatch_loop
from minivae.training.interruption import Interrupted

SMALL = {"batch_size": 20, "evaluate_every": 200, "progress": False}


@pytest.fixture(scope="module")
def digits():
    return load("mnist")


@pytest.fixture
def small():
    """A small model and 300 small binary datapoints with some structure."""
    rng = np.random.default_rng(3)
    x = (rng.random((300, 12)) < rng.random((300, 1))).astype(np.uint8) * 255
    return VAE(12, 2, hidden=(8,)), x


def curve(result):
    """The history without the seconds, which no two runs share."""
    return [row[:3] for row in result.history.rows()]


def test_learns_real_digits_to_a_stated_bound(digits):
    # An untrained model is at -543, and the mean image alone reaches about -206. Seeds end up at
    # -173, with a standard deviation of 4; 10,000 digits of either part have a mean bound that is
    # off by 0.5.
    vae = VAE(784, 20)
    result = fit(vae, digits, 60_000, evaluate_every=60_000, progress=False)
    assert -195 < result.history.test_bound[-1] < -150
    assert abs(result.history.train_bound[-1] - result.history.test_bound[-1]) < 4
    assert result.history.samples == [60_000]


@pytest.mark.parametrize("L", [1, 3])
def test_algorithm_1_is_what_its_lines_say(small, L):
    lines = minibatch_loop.__doc__.partition("all of it is\n\n")[2].partition("\n(The tests")[0]
    vae, train = small[0], small[1] / 255
    optimizer, seed, n_steps = Adagrad(0.02), 5, 40  # almost three epochs
    params = vae.init_params(stream(seed, INIT))
    options = {"dtype": np.float64, "noise_samples": L, "threads": 1, "seed": seed, **SMALL}
    trained = fit(vae, train, 20 * n_steps, params=params.copy(), optimizer=optimizer, **options)
    moments = optimizer.init(params.vector)
    given = {"order": Order(len(train), 20, seed), "rng": stream(seed, NOISE, 0)}
    exec(textwrap.dedent(lines), {**given, **locals()})
    np.testing.assert_allclose(trained.params.vector, params.vector, rtol=1e-9, atol=1e-12)


class SingleNoise(SGVBB):
    """Draws the same noise for float64 as for float32, which NumPy does not."""

    def draw_noise(self, vae, rng, L, m, dtype, new=np.empty):
        return rng.standard_normal((L, m, vae.n_latent), np.float32).astype(dtype)


def test_float32_training_agrees_with_float64(digits):
    vae = VAE(784, 5, hidden=(50,))
    start = vae.init_params(np.random.default_rng(0), np.float32)
    options = {"estimator": SingleNoise(), "evaluate_every": None, "progress": False}
    bounds = []
    for dtype in (np.float32, np.float64):
        params = fit(vae, digits, 5000, params=start.astype(dtype), dtype=dtype, **options).params
        bounds.append(mean_bound(vae, params.astype(np.float64), digits.test[:1000]))
    # Training gains 340 nats and spreads rounding: to 1e-5 nats as a rule, to 5e-4 at times.
    assert bounds[0] == pytest.approx(bounds[1], abs=0.05)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_same_seed_gives_same_bits(small, threads):
    vae, x = small
    first = fit(vae, x, 1000, seed=5, threads=threads, **SMALL)
    second = fit(vae, x, 1000, seed=5, threads=threads, **SMALL)
    other = fit(vae, x, 1000, seed=6, threads=threads, **SMALL)
    assert np.array_equal(first.params.vector, second.params.vector)
    assert np.array_equal(curve(first), curve(second), equal_nan=True)
    assert not np.array_equal(first.params.vector, other.params.vector)


@pytest.mark.parametrize("optimizer", [Adagrad(0.1), SGD(0.01), Adam(0.01)])
@pytest.mark.parametrize("weight_prior", [True, False])
def test_equals_algorithm_1_written_out(small, optimizer, weight_prior):
    """Minibatches, noise, MAP term and step, against a loop that does nothing clever."""
    vae, x = small
    M, L, seed = 20, 2, 9
    result = fit(
        vae,
        x,
        2 * 300,  # two epochs
        batch_size=M,
        noise_samples=L,
        optimizer=optimizer,
        weight_prior=weight_prior,
        seed=seed,
        threads=1,
        dtype=np.float64,
        evaluate_every=None,
        progress=False,
    )
    params = vae.init_params(stream(seed, INIT))
    state = optimizer.init(params.vector)
    noise_rng = stream(seed, NOISE, 0)
    t = 0
    for epoch in range(2):
        order = stream(seed, ORDER, epoch).permutation(300)
        for rows in order.reshape(-1, M):
            t += 1
            noise = noise_rng.standard_normal((L, M, 2))
            _, grad = vae.elbo_and_grad(params, x[rows] / 255, noise)
            decay = 1 / 300 if weight_prior else 0.0
            optimizer.update(params.vector, grad.vector, state, t, decay)
    np.testing.assert_allclose(result.params.vector, params.vector, rtol=1e-9, atol=1e-12)
    assert len(result.history) == 0


def test_every_datapoint_is_seen_once_per_epoch_and_split_among_threads():
    seen = []
    identity = np.arange(300, dtype=np.float32)[:, None] * np.ones(12, np.float32) / 300

    class Recorder(VAE):
        def forward_backward(self, params, x, *rest):
            seen.append(np.rint(x[:, 0] * 300).astype(int))
            return super().forward_backward(params, x, *rest)

    fit(Recorder(12, 2, hidden=(8,)), identity, 300, threads=3, **SMALL)
    assert sorted(np.concatenate(seen)) == list(range(300))
    assert sorted(map(len, seen)) == [6] * 15 + [7] * 30  # 20 rows over three threads


@pytest.mark.parametrize("L", [1, 2])
def test_threads_average_their_parts_with_the_right_weights(small, L):
    """One step from the same point: three uneven parts give the gradient of the whole batch."""
    vae, x = small
    start = vae.init_params(np.random.default_rng(0), std=0.5)
    result = fit(
        vae, x, 20, batch_size=20, threads=3, seed=1, optimizer=SGD(1.0), weight_prior=False,
        params=start, dtype=np.float64, noise_samples=L, evaluate_every=None, progress=False,
    )  # fmt: skip
    rows = stream(1, ORDER, 0).permutation(300)[:20]
    noise = np.concatenate(
        [stream(1, NOISE, k).standard_normal((L, n, 2)) for k, n in enumerate((6, 7, 7))], axis=1
    )
    _, grad = vae.elbo_and_grad(start, x[rows] / 255, noise)
    np.testing.assert_allclose(result.params.vector - start.vector, grad.vector, atol=1e-13)


def test_a_thread_that_lags_behind_changes_nothing(small):
    """While one thread still computes its share of the gradient, the other reads on."""
    vae, x = small

    class Slow(VAE):
        def gradient(self, factors, grad, share):
            if share.part.start > 0:
                time.sleep(0.005)
            super().gradient(factors, grad, share)

    slow = Slow(vae.n_features, vae.n_latent, vae.hidden)
    first, second = (fit(model, x, 400, threads=2, **SMALL) for model in (vae, slow))
    np.testing.assert_array_equal(first.params.vector, second.params.vector)


def test_uint8_and_float_pixels_train_alike(small):
    vae, x = small
    as_float = (x / 255).astype(np.float32)
    first = fit(vae, x, 400, threads=1, **SMALL)
    second = fit(vae, as_float, 400, threads=1, **SMALL)
    np.testing.assert_allclose(first.params.vector, second.params.vector, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("weight_prior", "pull"), [(True, 0.01 / 20), (False, 0)])
def test_weight_prior_pulls_towards_zero(small, weight_prior, pull):
    """The weights of a pixel that is always black move by the prior alone: in a hundred steps."""
    vae, x = small
    x[:, 0] = 0
    start = vae.init_params(np.random.default_rng(0))
    result = fit(
        vae, x[:20], 2000, batch_size=20, optimizer=SGD(0.01), weight_prior=weight_prior,
        params=start, dtype=np.float64, evaluate_every=None, progress=False,
    )  # fmt: skip
    expected = start["encoder.W1"][0] * (1 - pull) ** 100
    np.testing.assert_allclose(result.params["encoder.W1"][0], expected, rtol=1e-12)


def test_start_parameters_are_copied(small):
    vae, x = small
    start = vae.init_params(np.random.default_rng(0), np.float32)
    before = start.vector.copy()
    fit(vae, x, 100, params=start, **SMALL)
    assert np.array_equal(start.vector, before)


def test_data_are_not_changed(small):
    vae, x = small
    before = x.copy()
    x.setflags(write=False)
    fit(vae, x, 200, **SMALL)
    assert np.array_equal(x, before)


# --- Checkpoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("optimizer", [Adagrad(0.05), SGD(0.01), Adam(0.01)])
def test_resumed_run_equals_uninterrupted_one(small, tmp_path, threads, optimizer):
    vae, x = small
    options = {**SMALL, "threads": threads, "optimizer": optimizer, "seed": 2}
    whole = fit(vae, x, 2000, **options)
    path = tmp_path / "model.npz"
    # 600 is in the middle of an epoch: 300 datapoints, minibatches of 20 but 200 per evaluation.
    fit(vae, x, 600, checkpoint=path, **options)
    fit(vae, x, 1400, checkpoint=path, resume=True, **options)
    resumed = fit(vae, x, 2000, checkpoint=path, resume=True, **options)
    assert np.array_equal(whole.params.vector, resumed.params.vector)
    assert np.array_equal(curve(whole), curve(resumed), equal_nan=True)
    assert np.array_equal(load_model(path)[1].vector, whole.params.vector)


@pytest.mark.parametrize("signum", [signal.SIGINT, signal.SIGTERM])
def test_signal_saves_between_steps_and_resumes(small, tmp_path, signum):
    vae, x = small
    path = tmp_path / "model.npz"

    def stop_once(params, history):
        if len(history) == 2:
            os.kill(os.getpid(), signum)

    with pytest.raises(Interrupted) as caught:
        fit(vae, x, 2000, checkpoint=path, callback=stop_once, **SMALL)
    assert caught.value.signum == signum
    assert isinstance(caught.value, KeyboardInterrupt)
    resumed = fit(vae, x, 2000, checkpoint=path, resume=True, **SMALL)
    whole = fit(vae, x, 2000, **SMALL)
    assert np.array_equal(resumed.params.vector, whole.params.vector)


def test_signal_handlers_are_put_back(small):
    vae, x = small
    before = signal.getsignal(signal.SIGINT)
    fit(vae, x, 100, **SMALL)
    assert signal.getsignal(signal.SIGINT) is before


def test_fit_works_outside_the_main_thread(small):
    vae, x = small
    results = []
    thread = threading.Thread(target=lambda: results.append(fit(vae, x, 200, **SMALL)))
    thread.start()
    thread.join()
    assert len(results) == 1


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"batch_size": 30}, "batch_size"),
        ({"seed": 3}, "seed"),
        ({"optimizer": Adagrad(0.5)}, "optimizer"),
        ({"threads": 2}, "threads"),
        ({"weight_prior": False}, "weight_prior"),
        ({"noise_samples": 2}, "noise_samples"),
        ({"dtype": np.float64}, "dtype"),
        ({"estimator": SGVBA()}, "estimator"),
        ({"alternate": True}, "alternate"),
        ({"binarize": True}, "binarize"),
        ({"evaluate_every": 100}, "evaluate_every"),
    ],
)
def test_resume_refuses_other_settings(small, tmp_path, change, named):
    vae, x = small
    options = {**SMALL, "threads": 1, "checkpoint": tmp_path / "model.npz"}
    fit(vae, x, 200, **options)
    with pytest.raises(ValueError, match=named):
        fit(vae, x, 400, resume=True, **{**options, **change})


def test_resume_refuses_other_data_or_model(small, tmp_path):
    vae, x = small
    options = {**SMALL, "checkpoint": tmp_path / "model.npz"}
    fit(vae, x, 200, **options)
    with pytest.raises(ValueError, match="data"):
        fit(vae, 255 - x, 400, resume=True, **options)
    with pytest.raises(ValueError, match="n_latent"):
        fit(VAE(12, 3, hidden=(8,)), x, 400, resume=True, **options)


def test_unwritable_checkpoint_is_an_error_before_training(small, tmp_path):
    vae, x = small
    with pytest.raises(OSError, match=r"nowhere.model\.npz'$"):
        fit(vae, x, 200, checkpoint=tmp_path / "nowhere" / "model.npz", **SMALL)


# --- Divergence -----------------------------------------------------------------------------------


@pytest.mark.parametrize("threads", [1, 2])
def test_divergence_stops_training_and_keeps_the_last_good_checkpoint(small, tmp_path, threads):
    vae, x = small
    path = tmp_path / "model.npz"
    with pytest.raises(TrainingDiverged, match=r"after [\d,]+ samples.*step size below 1e\+30"):
        fit(
            vae, x, 5000, optimizer=SGD(1e30), checkpoint=path, threads=threads, **SMALL
        )  # fmt: skip
    _, params = load_model(path)
    assert np.all(np.isfinite(params.vector))


def test_gradient_that_turns_nan_never_reaches_the_checkpoint(small, tmp_path):
    class Poisoned(VAE):
        calls = 0

        def forward_backward(self, *arguments):
            bound, parts = super().forward_backward(*arguments)
            self.calls += 1
            if self.calls == 20:  # the step of the second evaluation
                parts["decoder.b2"].dy[0, 0] = np.nan
            return bound, parts

    path = tmp_path / "model.npz"
    with pytest.raises(TrainingDiverged):
        fit(Poisoned(12, 2, hidden=(8,)), small[1], 2000, threads=1, checkpoint=path, **SMALL)
    assert np.all(np.isfinite(load_model(path)[1].vector))


def test_choose_step_size_takes_the_best_and_survives_divergence(small):
    vae, x = small
    x[:] = 0  # what is always black can be learned by the biases alone, whatever the noise
    best, bounds = choose_step_size(vae, x, (1e-6, 0.05, 1e30), samples=600, batch_size=20)
    assert best == 0.05
    assert bounds[1e-6] < bounds[0.05]


# --- Bad arguments --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"samples": 0}, "samples is 0"),
        ({"samples": -5}, "samples is -5"),
        ({"samples": 10.5}, r"samples is 10\.5"),
        ({"batch_size": 0}, "batch_size is 0"),
        ({"batch_size": 301}, "batch_size is 301, expected at most the 300"),
        ({"noise_samples": 0}, "noise_samples is 0"),
        ({"seed": -1}, "seed is -1"),
        ({"threads": 0}, "threads is 0"),
        ({"evaluate_every": 0}, "evaluate_every is 0"),
        ({"resume": True}, "resume is True, expected a checkpoint"),
        ({"dtype": np.int32}, "dtype is int32"),
        ({"dtype": "float16"}, "dtype is float16"),
        ({"optimizer": "adagrad"}, "optimizer is 'adagrad'"),
    ],
)
def test_bad_arguments(small, change, message):
    vae, x = small
    with pytest.raises(ValueError, match=message):
        fit(vae, x, **{"samples": 100, **SMALL, **change})


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda x: x[:, :11], "data has 11 features, the model expects 12"),
        (lambda x: x[:0], "data has no datapoints"),
        (lambda x: x.ravel(), "data has shape"),
        (lambda x: x.astype(float), r"data has pixels from 0 to 255, expected \[0, 1\]"),
        (lambda x: np.where(x > 0, np.nan, 0.5), "data has .* NaN or infinite"),
        (lambda x: np.where(x > 0, np.inf, 0.5), "data has .* NaN or infinite"),
        (lambda x: x.astype(complex), "data has dtype complex128"),
        (lambda x: x.astype(str), "data has dtype"),
    ],
)
def test_bad_data_is_refused_before_training(small, spoil, message):
    vae, x = small
    with pytest.raises(ValueError, match=message):
        fit(vae, spoil(x), 100, **SMALL)


# --- Evaluation -----------------------------------------------------------------------------------


def test_bound_over_a_data_set_does_not_depend_on_threads(digits):
    vae = VAE(784, 5, hidden=(30,))
    params = vae.init_params(np.random.default_rng(0), np.float32)
    x = digits.test[:1203]
    bounds = [mean_bound(vae, params, x, threads=threads, seed=4) for threads in (1, 2, 3)]
    assert bounds[0] == bounds[1] == bounds[2]
    assert bounds[0] != mean_bound(vae, params, x, seed=5)


def test_bound_terms_equal_the_model_s_own(small):
    vae, x = small
    params = vae.init_params(np.random.default_rng(0), std=0.3)
    log_px, minus_kl = bound_terms(vae, params, x, noise_samples=500)
    mu, log_var = vae.encode(params, x)
    exact = -0.5 * np.sum(mu**2 + np.exp(log_var) - 1 - log_var, axis=1)
    np.testing.assert_allclose(minus_kl, exact, atol=1e-12)
    noise = np.random.default_rng(1).standard_normal((500, 300, 2))
    terms = vae.elbo_terms(params, x, noise)
    assert log_px.shape == (300,)
    error = terms[0].std(axis=0) * np.sqrt(2 / 500)  # of the difference of two such means
    np.testing.assert_array_less(np.abs(log_px - terms[0].mean(axis=0)), 6 * error)
