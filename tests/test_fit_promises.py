"""What `fit` promises around its steps: evaluation, checkpoints, time, identity of the data."""

import contextlib
import copy
import io
import math
import multiprocessing
import os
import pickle
import shutil
import signal
import threading
from concurrent.futures import ProcessPoolExecutor
from types import SimpleNamespace

import numpy as np
import pytest
from randomness import shift_seeds
from test_subnormals import TINY, X86, half_of_the_smallest_normal
from threadpoolctl import threadpool_info, threadpool_limits

from minivae import SGD, VAE, Adagrad, fit, load_model, save_model
from minivae.data_stream import (
    EVALUATION,
    INIT,
    NOISE,
    ORDER,
    SUBSET,
    Order,
    stream,
)
from minivae.datasets import Dataset
from minivae.engine.team import Team
from minivae.estimators import SGVBB, ScoreFunction
from minivae.evaluation import bound_terms, mean_bound
from minivae.likelihoods import FixedGaussian
from minivae.training import TrainingDiverged, choose_step_size, loop
from minivae.training.checkpoint import read_archive
from minivae.training.history import History
from minivae.training.interruption import Interrupted
from minivae.training.minibatch_loop import MinibatchLoop
from minivae.training.progress import progress_bar
from minivae.training.settings import AEVBSettings
from minivae.training.state import TrainingState

PIXELS = np.random.default_rng(0).integers(0, 256, (350, 12), dtype=np.uint8)
DATA = Dataset(PIXELS[:300], PIXELS[300:], (3, 4), "own")
MODEL = VAE(12, 2, hidden=(8,))
START = MODEL.init_params(np.random.default_rng(1), np.float32, std=0.5)  # where z matters
QUIET = {"batch_size": 20, "progress": False, "threads": 1}
UNTIMED = {**QUIET, "checkpoint_every": math.inf}


class Watched(VAE):
    """The model, which tells what it is shown: ``step(x, noise)``, ``evaluation(x, noise)``."""

    def __init__(self, step=None, evaluation=None):
        super().__init__(12, 2, hidden=(8,))
        self.step, self.evaluation = step, evaluation

    def forward_backward(self, params, x, noise, *rest):
        if self.step is not None:
            self.step(x.copy(), noise.copy())
        return super().forward_backward(params, x, noise, *rest)

    def terms(self, params, x, noise, *rest):
        if self.evaluation is not None:
            self.evaluation(x.copy(), noise.copy())
        return super().terms(params, x, noise, *rest)


class Clock:
    """In place of the module `time`: it stands still unless told that time passes."""

    now = 1000.0

    def passes(self, seconds):
        self.now += seconds

    def perf_counter(self):
        return self.now

    monotonic = perf_counter


@pytest.fixture
def clock(monkeypatch):
    """The clock by which `fit` goes."""
    clock = Clock()
    monkeypatch.setattr(loop, "time", clock)
    return clock


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.npz"


def steps_in(path):
    """How many steps the run in a checkpoint has taken."""
    return read_archive(path)[0]["training"]["step"]


def history_in(path):
    return History(**read_archive(path)[0]["training"]["history"])


def curve(history):
    """The history without the seconds, which no two runs share."""
    return [row[:3] for row in history.rows()]


def assert_same_run(first, second):
    assert np.array_equal(first.params.vector, second.params.vector)
    assert np.array_equal(curve(first.history), curve(second.history), equal_nan=True)


def blas_threads():
    return {pool["num_threads"] for pool in threadpool_info() if pool["user_api"] == "blas"}


def numbered(n):
    """A data set whose pixels say which datapoint they belong to; `numbers` reads them."""
    return np.repeat(np.arange(n, dtype=np.float32)[:, None] / n, 12, axis=1)


def numbers(x, n):
    return np.rint(x[:, 0] * n).astype(int)


def contrary():
    """A data set that is learned the worse on the test set, the better on the training set."""
    image = np.uint8([0, 255] * 6)
    return Dataset(np.tile(image, (60, 1)), np.tile(255 - image, (60, 1)), (3, 4), "contrary")


# --- Which datapoints -----------------------------------------------------------------------------


def test_samples_are_rounded_up_to_whole_minibatches():
    sizes = []
    result = fit(Watched(lambda x, noise: sizes.append(len(x))), DATA, 110, **QUIET)
    assert sizes == [20] * 6
    assert result.history.samples == [120]


def test_datapoints_left_over_by_whole_minibatches_change_by_epoch():
    rows = []
    fit(Watched(lambda x, noise: rows.append(numbers(x, 50))), numbered(50), 160, seed=3, **QUIET)
    assert np.array_equal(rows, [Order(50, 20, 3).rows(step) for step in range(8)])
    epochs = [frozenset(epoch) for epoch in np.reshape(rows, (4, 40)).tolist()]
    assert [len(epoch) for epoch in epochs] == [40] * 4
    # The 10 left over would be the same in two epochs once in 1e10 runs.
    assert len(set(epochs)) == 4


def test_minibatches_are_fetched_into_the_same_few_buffers():
    places = set()

    class Placed(VAE):
        def forward_backward(self, params, x, *rest):
            places.add(x.ctypes.data)
            return super().forward_backward(params, x, *rest)

    fit(Placed(12, 2, hidden=(8,)), DATA, 300, evaluate_every=None, **QUIET)  # 15 of them
    assert len(places) <= 4


# --- Evaluations ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("every", "samples", "expected"),
    [
        (130, 500, [140, 280, 420, 500]),  # 6.5 minibatches are 7
        (121, 280, [140, 280]),
        (120, 280, [120, 240, 280]),
        (5, 60, [20, 40, 60]),
        (1000, 90, [100]),
        (None, 90, []),
        ([55, 60, 70, 1], 90, [20, 60, 80, 100]),
    ],
)
def test_evaluations_come_after_whole_minibatches_and_at_the_end(every, samples, expected):
    assert fit(MODEL, DATA, samples, evaluate_every=every, **QUIET).history.samples == expected


def test_the_callback_gets_parameters_and_history_of_that_moment():
    calls = []

    def callback(params, history):
        calls.append((params.copy(), history.rows()))

    result = fit(MODEL, DATA, 120, evaluate_every=50, callback=callback, **QUIET)
    assert [rows[-1][0] for _, rows in calls] == [60, 120]
    for n, (params, rows) in enumerate(calls, start=1):
        assert rows == result.history.rows()[:n]
        until_then = fit(MODEL, DATA, rows[-1][0], evaluate_every=None, **QUIET)
        assert np.array_equal(params.vector, until_then.params.vector)
        assert rows[-1][2] == pytest.approx(mean_bound(MODEL, params, DATA.test), rel=1e-6)


@pytest.mark.parametrize("L", [1, 3])
def test_evaluations_draw_as_many_samples_as_training_does(L):
    data = DATA._replace(train=DATA.train[:40])  # fewer than test datapoints: all are looked at
    result = fit(MODEL, data, 20, noise_samples=L, seed=4, params=START, **QUIET)
    for bounds, x in (
        (result.history.train_bound, data.train),
        (result.history.test_bound, data.test),
    ):
        expected = mean_bound(MODEL, result.params, x, noise_samples=L, seed=4)
        assert bounds == [pytest.approx(expected, rel=1e-6)]


def looked_at(n_train, n_test, samples=20, **options):
    """The training datapoints, by number, that each evaluation of a run looks at."""
    seen = []
    data = SimpleNamespace(train=numbered(n_train))
    if n_test:
        data.test = np.ones((n_test, 12), np.float32)  # all of the number n_train
    model = Watched(evaluation=lambda x, noise: seen.append(numbers(x, n_train)))
    history = fit(model, data, samples, evaluate_every=20, **{**QUIET, **options}).history
    rows = np.concatenate(seen)
    return rows[rows < n_train].reshape(len(history), -1)


def test_evaluations_look_at_as_many_training_as_test_datapoints_at_random():
    first, second, third = looked_at(1000, 100, samples=60)
    assert np.array_equal(first, second) and np.array_equal(first, third)
    assert len(set(first)) == 100
    # Of 100 out of 1000, 50 are expected below 500, with a standard deviation of 4.7: 6 of them.
    assert abs(np.sum(first < 500) - 50) < 29
    # Two choices share 10 on average, with a standard deviation of 2.8.
    assert len(set(first) & set(range(100))) < 30
    assert len(set(first) & set(looked_at(1000, 100, seed=1)[0])) < 30


@pytest.mark.parametrize(
    ("n_train", "n_test", "n"),
    [(30, 50, 30), (30, 0, 30), (5_050, 0, 5_000), (5_050, 5_001, 5_000)],
)
def test_evaluations_look_at_all_training_datapoints_if_they_are_not_too_many(n_train, n_test, n):
    (rows,) = looked_at(n_train, n_test)
    assert len(set(rows)) == len(rows) == n


@pytest.mark.parametrize(
    "data", [DATA.train, SimpleNamespace(train=DATA.train), DATA._replace(test=None)]
)
def test_without_a_test_set_the_test_bound_is_nan(data):
    history = fit(MODEL, data, 40, evaluate_every=20, **QUIET).history
    assert np.all(np.isnan(history.test_bound)) and len(history.test_bound) == 2
    assert np.all(np.isfinite(history.train_bound)) and len(history.train_bound) == 2


def test_every_datapoint_of_a_large_set_gets_noise_of_its_own():
    x = np.repeat(PIXELS[:1], 1203, axis=0)
    log_px, minus_kl = bound_terms(MODEL, START.astype(np.float64), x)
    assert len(np.unique(log_px)) == 1203
    np.testing.assert_allclose(minus_kl, minus_kl[0], rtol=1e-12)


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_threads_share_out_a_large_set_and_look_at_every_datapoint_once(threads):
    seen = []
    model = Watched(
        evaluation=lambda x, noise: seen.append((threading.get_ident(), numbers(x, 1203)))
    )
    bound_terms(model, START, numbered(1203), threads=threads)
    idents, rows = zip(*seen, strict=True)
    assert len(set(idents)) == threads
    assert sorted(np.concatenate(rows)) == list(range(1203))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"x": PIXELS[:, :11]}, "x has 11 features, the model expects 12"),
        ({"x": PIXELS.astype(float)}, "x has pixels from 0 to 255, expected"),
        ({"x": np.full((1, 12), np.nan)}, "x has 12 values that are NaN"),
        ({"x": PIXELS[:0]}, "x has no datapoints"),
        ({"noise_samples": 0}, "noise_samples is 0, expected a whole number of at least 1"),
        ({"noise_samples": 1.5}, "noise_samples is 1.5, expected a whole number of at least 1"),
        ({"threads": 0}, "threads is 0, expected a whole number of at least 1"),
        ({"threads": -1}, "threads is -1, expected a whole number of at least 1"),
        ({"params": START.vector}, "params is ndarray, expected Params"),
    ],
    ids=lambda given: str(given)[:40],
)
def test_the_bound_of_nonsense_is_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        bound_terms(MODEL, **{"params": START, "x": PIXELS, **arguments})


def test_whole_floats_count():
    whole = bound_terms(MODEL, START, PIXELS, noise_samples=2, threads=2)
    floats = bound_terms(MODEL, START, PIXELS, noise_samples=2.0, threads=2.0)
    np.testing.assert_array_equal(whole, floats)


@pytest.mark.parametrize("threads", [1, 2])
def test_training_and_evaluations_share_no_noise(threads):
    steps, evaluations = [], []
    model = Watched(
        lambda x, noise: steps.append(noise), lambda x, noise: evaluations.append(noise)
    )
    options = {**QUIET, "threads": threads, "dtype": np.float64, "noise_samples": 2}
    fit(model, DATA.train, 80, evaluate_every=40, **options)
    first, second = evaluations
    assert np.array_equal(first, second)  # so that the curve shows the model, not the noise
    drawn = np.concatenate([noise.ravel() for noise in (*steps, first)])
    assert len(np.unique(drawn)) == len(drawn) == 2 * 2 * (80 + 300)


def test_streams_are_the_same_whenever_asked_for_and_never_meet():
    def draws():
        return [
            stream(seed, name, *part).random(50)
            for seed in (0, 1)
            for name in (INIT, ORDER, NOISE, EVALUATION, SUBSET)
            for part in ((), (0,), (1,))
        ]

    assert np.array_equal(draws(), draws())
    assert len(np.unique(draws())) == 2 * 5 * 3 * 50


# --- Checkpoints ----------------------------------------------------------------------------------


@pytest.mark.parametrize("evaluate_every", [130, [130, 300]])
def test_a_run_killed_after_an_evaluation_goes_on_from_there(tmp_path, path, evaluate_every):
    left_by_kill = []

    def callback(params, history):
        assert curve(history_in(path)) == curve(history)
        assert np.array_equal(load_model(path)[1].vector, params.vector)
        left_by_kill.append(shutil.copy(path, tmp_path / f"{len(history)}.npz"))

    options = {**UNTIMED, "evaluate_every": evaluate_every}
    whole = fit(MODEL, DATA, 400, checkpoint=path, callback=callback, **options)
    assert len(left_by_kill) == 3
    for left, samples in zip(left_by_kill, whole.history.samples, strict=True):
        assert steps_in(left) * 20 == samples
        assert_same_run(fit(MODEL, DATA, 400, checkpoint=left, resume=True, **options), whole)


def test_a_run_that_fails_in_its_first_step_goes_on_from_the_start(path):
    def power_cut(x, noise):
        raise RuntimeError("power cut")

    options = {**UNTIMED, "seed": 3}
    with pytest.raises(RuntimeError, match="power cut"):
        fit(Watched(power_cut), DATA, 100, params=START, checkpoint=path, **options)
    assert np.array_equal(load_model(path)[1].vector, START.vector)
    resumed = fit(MODEL, DATA, 100, checkpoint=path, resume=True, **options)
    assert_same_run(resumed, fit(MODEL, DATA, 100, params=START, **options))


def test_the_end_is_saved_where_nothing_was_evaluated(path):
    result = fit(MODEL, DATA, 100, checkpoint=path, evaluate_every=None, **UNTIMED)
    assert steps_in(path) == 5
    assert np.array_equal(load_model(path)[1].vector, result.params.vector)


def test_a_checkpoint_is_written_every_so_many_seconds(clock, path):
    on_disk = []

    def step(x, noise):
        on_disk.append(steps_in(path))
        clock.passes(1)

    options = {**QUIET, "checkpoint": path, "checkpoint_every": 5.5}
    fit(Watched(step), DATA, 400, evaluate_every=200, **options)
    on_disk.append(steps_in(path))
    # After 6 s, after the evaluation, 6 s after that, at the end.
    assert sorted(set(on_disk)) == [0, 6, 10, 16, 20]


def test_every_half_a_minute_by_default_and_soon_after_a_pause(clock, path):
    on_disk = []

    def step(x, noise):
        on_disk.append(steps_in(path))
        clock.passes(8)

    options = {**QUIET, "checkpoint": path, "evaluate_every": None}
    fit(Watched(step), DATA, 200, **options)
    assert sorted(set(on_disk)) == [0, 4, 8]
    on_disk.clear()
    fit(Watched(step), DATA, 360, resume=True, **options)
    first, second = sorted(set(on_disk) - {10})
    assert first <= 14 and second == first + 4


@pytest.mark.parametrize(
    ("signum", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")]
)
def test_a_signal_stops_training_after_the_step_under_way(clock, path, signum, name):
    taken = []

    def step(x, noise):
        clock.passes(1)
        taken.append(clock.now)
        if len(taken) == 7:
            signal.raise_signal(signum)

    handler = signal.getsignal(signum)
    options = {**UNTIMED, "evaluate_every": None}
    with pytest.raises(Interrupted, match=f"training was stopped by {name}"):
        fit(Watched(step), DATA, 400, checkpoint=path, **options)
    assert len(taken) == steps_in(path) == 7
    assert signal.getsignal(signum) is handler
    model = Watched(lambda *shown: clock.passes(1))
    resumed = fit(model, DATA, 400, checkpoint=path, resume=True, **options)
    assert_same_run(resumed, fit(model, DATA, 400, **options))


@pytest.fixture
def ctrl_c():
    """What Ctrl-C does in the foreground; a process in the background may have to ignore it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c")
def test_a_second_ctrl_c_is_obeyed_at_once(path):
    taken = []

    def step(x, noise):
        taken.append(len(x))
        for _ in range(2):
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt) as caught:
        fit(Watched(step), DATA, 400, checkpoint=path, **UNTIMED)
    assert not isinstance(caught.value, Interrupted)
    assert len(taken) == 1
    assert steps_in(path) == 0
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_disk_that_fills_up_leaves_the_checkpoint_before(path, monkeypatch):
    def fill(params, history):
        def no_space(descriptor):
            raise OSError("No space left")

        patch.setattr(os, "fsync", no_space)

    options = {**UNTIMED, "evaluate_every": 40}
    with monkeypatch.context() as patch, pytest.raises(OSError, match="No space left"):
        fit(MODEL, DATA, 200, checkpoint=path, callback=fill, **options)
    assert steps_in(path) == 2
    resumed = fit(MODEL, DATA, 200, checkpoint=path, resume=True, **options)
    assert_same_run(resumed, fit(MODEL, DATA, 200, **options))


@pytest.mark.parametrize(
    "change",
    [
        {"samples": 0},
        {"batch_size": 301},
        {"noise_samples": 0},
        {"evaluate_every": [0]},
        {"optimizer": "adagrad"},
        {"estimator": "b"},
        {"threads": 0},
        {"dtype": "int8"},
        {"seed": -1},
        {"params": VAE(12, 3).init_params(np.random.default_rng(0))},
        {"data": PIXELS[:, :11]},
        {"data": DATA._replace(test=PIXELS[:, :11])},
        {"resume": True, "seed": 1},
        {"optimizer": Adagrad},
        {"estimator": SGVBB},
        {"checkpoint_every": 0},
        {"checkpoint_every": math.nan},
        {"checkpoint_every": "often"},
        {"checkpoint_every": None},
        {"estimator": ScoreFunction("optimal"), "noise_samples": 1},
        {"dtype": "foo"},
        {"dtype": [1]},
        {"callback": 5},
        {"checkpoint": 5},
        {"samples": 2**64},
        {"batch_size": 10**400},
        {"seed": -(2**64)},
        {"optimizer": SimpleNamespace(name="mine", init=dict)},
        {"estimator": SimpleNamespace(name="mine")},
        {"vae": VAE},
        {"vae": None},
    ],
    ids=lambda change: str(change)[:60],
)
def test_what_is_refused_leaves_an_earlier_checkpoint_alone(path, change):
    options = {"vae": MODEL, "data": DATA, "samples": 40, "checkpoint": path, **QUIET}
    fit(**options)
    before = path.read_bytes()
    *_, named = change
    with pytest.raises(ValueError, match=rf"^{named}(\.test)? (is|has) "):
        fit(**{**options, **change})
    assert path.read_bytes() == before


class Table:
    """Like a table of pandas: its columns are attributes, and it is an array."""

    train = np.zeros(350)

    def __array__(self, dtype=None, copy=None):
        return PIXELS / 255.0


def test_a_table_with_a_column_called_train_is_a_table():
    for train in (
        lambda data: fit(MODEL, data, 40, **QUIET).params.vector,
        lambda data: choose_step_size(MODEL, data, (0.1,), samples=40, batch_size=20),
    ):
        assert np.array_equal(train(Table()), train(PIXELS / 255.0))  # fmt: skip


@pytest.mark.parametrize("largest", [0, 1, 2])
def test_bytes_that_are_black_and_white_rather_than_grey_are_said(largest):
    x = np.where(PIXELS > 99, np.uint8(largest), np.uint8(0))
    said = pytest.warns(UserWarning, match="data has bytes of which none exceeds 1, taken for almo")
    with said if largest == 1 else contextlib.nullcontext():
        fit(MODEL, x, 40, **QUIET)
    fit(MODEL, x > 0, 40, **QUIET)


# --- Divergence -----------------------------------------------------------------------------------


class Failing(VAE):
    """A model whose bound, or gradient, is NaN in the step or evaluation of that number."""

    def __init__(self, step=0, evaluation=0, gradient=0):
        super().__init__(12, 2, hidden=(8,))
        self.left = {"step": step, "evaluation": evaluation, "gradient": gradient}

    def _spoilt(self, what, value):
        self.left[what] -= 1
        return value * math.nan if self.left[what] == 0 else value

    def forward_backward(self, *arguments):
        bound, parts = super().forward_backward(*arguments)
        last = parts["decoder.b2"].dy
        last[-1:] = self._spoilt("gradient", last[-1:])
        return self._spoilt("step", bound), parts

    def terms(self, *arguments):
        log_px, minus_kl = super().terms(*arguments)
        return self._spoilt("evaluation", log_px), minus_kl


@pytest.mark.parametrize(
    ("model", "message"),
    [
        # The sixth step is not taken; in the second evaluation, the test set's.
        (lambda: Failing(step=6), "minibatch bound became nan after 100 samples: try a step size "),
        (lambda: Failing(evaluation=3), "evaluated bound became nan after 120 samples: try a step"),
        (lambda: Failing(evaluation=4), "evaluated bound became nan after 120 samples: try a step"),
    ],
)
def test_divergence_is_reported_and_not_saved(path, model, message):
    options = {**UNTIMED, "optimizer": SGD(1e-3), "evaluate_every": 60}
    with pytest.raises(TrainingDiverged, match=message) as alone:
        fit(model(), DATA, 200, **options)
    assert str(alone.value).endswith("below 0.001")
    with pytest.raises(TrainingDiverged, match=message) as caught:
        fit(model(), DATA, 200, checkpoint=path, **options)
    assert str(caught.value).endswith(f"below 0.001; {path} is the last good checkpoint")
    assert steps_in(path) == 3
    assert history_in(path).samples == [60]
    resumed = fit(MODEL, DATA, 200, checkpoint=path, resume=True, **options)
    assert_same_run(resumed, fit(MODEL, DATA, 200, **options))


@pytest.mark.parametrize("step_size", ["none", None, "by a schedule", lambda t: 1e30])
def test_an_optimizer_without_a_number_for_a_step_size_diverges_by_name(step_size):
    class Mine:
        name = "mine"

        def init(self, theta):
            return {}

        def update(self, theta, grad, state, t, decay):
            theta += np.float32(1e30) * grad

    if step_size != "none":
        Mine.step_size = step_size
    with pytest.raises(
        TrainingDiverged, match=r"became (nan|-inf) after \d+ samples$|infinite after"
    ):
        fit(MODEL, DATA, 400, optimizer=Mine(), **QUIET)


class Diary(SGVBB):
    """Estimator B that remembers every bound."""

    def update(self, state, bound):
        state[f"step {len(state) + 1}"] = bound


def test_a_step_whose_bound_is_not_finite_is_not_taken():
    def after(n_steps, model):
        rngs = [stream(0, NOISE, 0)]
        state = TrainingState(START.copy(), Adagrad().init(START.vector), rngs, History())
        with Team(1) as team:
            settings = AEVBSettings(batch_size=20, weight_prior=False, estimator=Diary())
            return state, MinibatchLoop(model, DATA.train, settings, state, team).run(n_steps)

    good, bounds = after(2, MODEL)
    state, with_nan = after(5, Failing(step=3))
    assert with_nan[:2] == bounds and len(with_nan) == 3 and math.isnan(with_nan[2])
    assert state.step == good.step == 2
    assert state.numbers == good.numbers == {"step 1": bounds[0], "step 2": bounds[1]}
    assert np.array_equal(state.params.vector, good.params.vector)


class Hoarder(SGVBB):
    """An estimator that remembers what no file can hold; `steps` counts how often."""

    steps = 0

    def update(self, state, bound):
        self.steps += 1
        state["hoard"] = object()


def test_what_a_file_cannot_hold_is_refused_after_one_step_if_there_is_a_file(path):
    hoarder = Hoarder()
    with pytest.raises(ValueError, match=r"^state\['hoard'\] is <object"):
        fit(MODEL, DATA, 200, estimator=hoarder, checkpoint=path, **UNTIMED)
    assert hoarder.steps == 1 and steps_in(path) == 0
    assert fit(MODEL, DATA, 200, estimator=Hoarder(), **UNTIMED).history.samples[-1] == 200


@pytest.mark.parametrize(
    ("name", "value"), [(0, 1.0), ("n", [1.0]), ("n", "text"), ("n", None), ("n", {"a": 1})]
)
def test_what_could_not_be_read_again_is_refused_after_one_step(path, name, value):
    class Own(SGVBB):
        def update(self, state, bound):
            state[name] = value

    with pytest.raises(ValueError, match=r"^state(\['n'\] is .*| has the name 0), expected "):
        fit(MODEL, DATA, 200, estimator=Own(), checkpoint=path, **UNTIMED)
    assert steps_in(path) == 0


@pytest.mark.parametrize("when", ["after some seconds", "at a signal", "at the end"])
def test_parameters_that_are_not_finite_are_never_saved(clock, path, when):
    """The step that spoils them still had a good bound."""

    class Spoilt(Failing):
        def forward_backward(self, *arguments):
            result = super().forward_backward(*arguments)
            clock.passes(1)
            if when == "at a signal" and self.left["gradient"] == 0:
                signal.raise_signal(signal.SIGTERM)
            return result

    options = {**UNTIMED, "evaluate_every": None, "checkpoint": path}
    if when == "after some seconds":
        options["checkpoint_every"] = 5.5
    with pytest.raises(TrainingDiverged, match="parameters became NaN or infinite after 120 sampl"):
        fit(Spoilt(gradient=6), DATA, 120 if when == "at the end" else 200, **options)
    assert steps_in(path) == 0


# --- Time -----------------------------------------------------------------------------------------


def test_seconds_are_those_of_training_steps_before_and_after_a_pause(clock, path, monkeypatch):
    monkeypatch.setattr(os, "fsync", lambda descriptor: clock.passes(10_000))
    model = Watched(lambda *shown: clock.passes(2), lambda *shown: clock.passes(100))
    options = {
        **UNTIMED, "checkpoint": path, "evaluate_every": 40,
        "callback": lambda *given: clock.passes(1000),
    }  # fmt: skip
    fit(model, DATA, 120, **options)
    clock.passes(1e6)
    history = fit(model, DATA, 240, resume=True, **options).history
    assert history.samples == [40, 80, 120, 160, 200, 240]
    assert history.seconds == [4.0, 8.0, 12.0, 16.0, 20.0, 24.0]


# --- What a resumed run must share with the one before --------------------------------------------


def _altered(row, column):
    x = DATA.train.copy()
    x[row, column] ^= 1
    return x


OTHER_TRAINING_SETS = {
    "another last pixel": _altered(-1, -1),
    "another first pixel": _altered(0, 0),
    "another pixel in between": _altered(150, 5),
    "one datapoint less": DATA.train[:-1],
    "one datapoint more": PIXELS[:301],
    "two datapoints swapped": DATA.train[[1, 0, *range(2, 300)]],
    "two columns swapped": DATA.train[:, [1, 0, *range(2, 12)]],
}


@pytest.mark.parametrize("other", OTHER_TRAINING_SETS.values(), ids=OTHER_TRAINING_SETS)
def test_resume_refuses_a_training_set_that_differs_anywhere(path, other):
    options = {**UNTIMED, "checkpoint": path}
    fit(MODEL, DATA, 40, **options)
    with pytest.raises(
        ValueError, match=r"^data: the data have changed since .*model\.npz was tra"
    ):
        fit(MODEL, DATA._replace(train=other), 80, resume=True, **options)


def test_resume_refuses_another_test_set(path):
    options = {**UNTIMED, "checkpoint": path}
    fit(MODEL, DATA, 40, **options)
    for other in (DATA.test[::-1], None):
        with pytest.raises(
            ValueError, match=r"^test_data: the data have changed since .*\.npz was"
        ):
            fit(MODEL, DATA._replace(test=other), 80, resume=True, **options)


@pytest.mark.parametrize("number", [float, np.float64, np.float32])
def test_settings_may_be_numpy_s_numbers(path, number):
    """0.0625 and 0.5 are the same in all of them; a file cannot hold a float32 as it is."""
    vae = VAE(12, 2, (8,), FixedGaussian(number(0.5)))
    options = {**UNTIMED, "checkpoint": path}
    fit(vae, DATA, 40, optimizer=Adagrad(number(0.0625)), **options)
    fit(vae, DATA, 80, optimizer=Adagrad(0.0625), resume=True, **options)
    assert load_model(path)[0].likelihood == FixedGaussian(0.5)


@pytest.mark.parametrize("other", [ScoreFunction("running"), ScoreFunction(memory_decay=0.9)])
def test_resume_refuses_an_estimator_of_other_settings(path, other):
    options = {**UNTIMED, "checkpoint": path}
    fit(MODEL, DATA, 40, estimator=ScoreFunction(), **options)
    with pytest.raises(ValueError, match=r"^estimator is .*'memory_decay': .*was trained with "):
        fit(MODEL, DATA, 80, estimator=other, resume=True, **options)


def test_resume_takes_the_same_schedule_in_other_words(path):
    options = {**UNTIMED, "checkpoint": path}
    fit(MODEL, DATA, 40, evaluate_every=[120, 40], **options)
    for schedule in ((120, 40, 120), range(40, 200, 80), np.array([40.0, 120.0])):
        resumed = fit(MODEL, DATA, 120, evaluate_every=schedule, resume=True, **options)
        assert resumed.history.samples == [40, 120]


def test_resume_takes_the_same_data_from_other_memory(path):
    options = {**UNTIMED, "checkpoint": path, "evaluate_every": None}
    for memory in (np.array, np.asfortranarray, lambda x: np.repeat(x, 2, axis=0)[::2]):
        fit(MODEL, DATA.train, 40, **options)
        resumed = fit(MODEL, memory(DATA.train), 80, resume=True, **options)
        assert_same_run(resumed, fit(MODEL, DATA.train, 80, **{**options, "checkpoint": None}))


def test_resume_goes_on_with_the_threads_there_were(path):
    options = {**UNTIMED, "threads": 2, "evaluate_every": 40}
    fit(MODEL, DATA, 40, checkpoint=path, **options)
    resumed = fit(MODEL, DATA, 80, checkpoint=path, resume=True, **{**options, "threads": None})
    assert_same_run(resumed, fit(MODEL, DATA, 80, **options))


def test_resume_to_where_it_is_already_changes_nothing(path):
    options = {**UNTIMED, "checkpoint": path}
    before = fit(MODEL, DATA, 80, **options)
    for samples in (80, 40):
        after = fit(MODEL, DATA, samples, resume=True, **options)
        assert_same_run(before, after)
        assert before.history.seconds == after.history.seconds
        assert steps_in(path) == 4


@pytest.mark.parametrize("samples", [140, 60])
def test_a_checkpoint_between_evaluations_is_evaluated_where_it_stands(path, samples, monkeypatch):
    """The run was stopped after 140 samples, and now is to go no further, or not even so far."""

    def step(x, noise):
        taken.append(len(x))
        if len(taken) == 7:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)  # to be stopped after the very step
    taken, told = [], []
    options = {**UNTIMED, "evaluate_every": 100, "checkpoint": path}
    with pytest.raises(Interrupted):
        fit(Watched(step), DATA, 400, **options)
    resumed = fit(
        MODEL, DATA, samples, resume=True, callback=lambda *a: told.append(a[0].copy()), **options
    )
    assert resumed.history.samples == [100, 140]
    assert np.array_equal(told[0].vector, resumed.params.vector) and len(told) == 1
    assert_same_run(resumed, fit(MODEL, DATA, 140, **{**options, "checkpoint": None}))
    assert curve(history_in(path)) == curve(resumed.history)
    whole = fit(MODEL, DATA, 400, resume=True, **options)
    assert whole.history.samples == [100, 140, 200, 300, 400]


def test_a_model_without_a_run_cannot_be_resumed(path):
    save_model(path, MODEL, START)
    with pytest.raises(ValueError, match=r"model\.npz holds a model but no training to resume"):
        fit(MODEL, DATA, 80, checkpoint=path, resume=True, **QUIET)
    with pytest.raises(FileNotFoundError, match=r"there is no model file .*missing\.npz"):
        fit(MODEL, DATA, 80, checkpoint=path.with_name("missing.npz"), resume=True, **QUIET)


# --- A result that was somewhere else -------------------------------------------------------------


def from_a_process():
    """A result of `fit` in another process, and its like in this one."""
    given = MODEL, DATA.train, 40
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn"), shift_seeds) as pool:
        return pool.submit(fit, *given, **QUIET).result(), fit(*given, **QUIET)


def duplicated(duplicate):
    result = fit(MODEL, DATA.train, 40, **QUIET)
    return duplicate(result), result


@pytest.mark.parametrize(
    "results",
    [
        lambda: duplicated(copy.deepcopy),
        lambda: duplicated(lambda result: pickle.loads(pickle.dumps(result))),
        from_a_process,
    ],
    ids=["deepcopy", "pickle", "process"],
)
def test_a_result_trains_on_wherever_it_has_been(results):
    """Steps by hand change the model that the parameters' names show, and `fit` goes on alike."""
    ends = []
    for result in results():
        fitted = fit(MODEL, DATA, 40, params=result.params, **QUIET).params.vector
        noise, state = np.random.default_rng(0).standard_normal((1, 300, 2)), {}
        before = MODEL.elbo(result.params, DATA.train, noise)
        for t in range(1, 51):
            _, grad = MODEL.elbo_and_grad(result.params, DATA.train, noise)
            SGD(0.01).update(result.params.vector, grad.vector, state, t, 0.0)
        after = MODEL.elbo(result.params, DATA.train, noise)
        assert after > before
        ends.append((fitted, result.params.vector, [before, after], curve(result.history)))
    for there, here in zip(*ends, strict=True):
        assert np.array_equal(there, here, equal_nan=True)


# --- History --------------------------------------------------------------------------------------


def test_a_history_holds_entries_of_all_columns():
    history = History()
    assert len(history) == 0 and history.rows() == []
    rows = [(20, -8.25, math.nan, 0.5), (40, -8.0, -8.5, 1.25)]
    for row in rows:
        history.append(*row)
    assert len(history) == 2 and history.rows() == rows
    assert history == History(
        samples=[20, 40],
        train_bound=[-8.25, -8.0],
        test_bound=[math.nan, -8.5],
        seconds=[0.5, 1.25],
    )
    file = io.StringIO(newline="")
    history.write_csv(file)
    assert file.getvalue().splitlines() == [
        "samples,train_bound,test_bound,seconds", "20,-8.25,nan,0.5", "40,-8.0,-8.5,1.25",
    ]  # fmt: skip
    with pytest.raises(ValueError, match="shorter"):
        history.append(60, -7.0, -7.5)
    with pytest.raises(ValueError, match="shorter"):
        history.rows()  # an entry that is not whole


# --- Arguments ------------------------------------------------------------------------------------


def test_defaults_are_the_paper_s():
    defaults = fit(MODEL, DATA, 300, progress=False)
    spelt_out = fit(
        MODEL, DATA, 300, batch_size=100, noise_samples=1, optimizer=Adagrad(0.02),
        estimator=SGVBB(), weight_prior=True, alternate=False, binarize=False, seed=0,
        evaluate_every=100_000, params=None, threads=1, dtype=np.float32, progress=False,
    )  # fmt: skip
    assert_same_run(defaults, spelt_out)
    assert defaults.params.dtype == np.float32


def test_a_million_samples_and_ten_evaluations_by_default():
    history = fit(VAE(1, 1, ()), np.zeros((100_000, 1)), batch_size=100_000, progress=False).history
    assert history.samples == [100_000 * k for k in range(1, 11)]


@pytest.mark.parametrize("dtype", [np.float32, np.float64, "float64"])
@pytest.mark.parametrize("given", [None, np.float32, np.float64])
def test_training_is_in_the_dtype_asked_for(dtype, given):
    start = None if given is None else START.astype(given)
    seen = set()
    model = Watched(*2 * [lambda x, noise: seen.update({x.dtype, noise.dtype})])
    result = fit(model, DATA, 40, params=start, dtype=dtype, **QUIET)
    assert seen == {np.dtype(dtype)} == {result.params.dtype}


def test_there_are_never_more_threads_than_datapoints_in_a_minibatch():
    options = {**QUIET, "batch_size": 2}
    first, second = (fit(MODEL, DATA, 6, **{**options, "threads": n}) for n in (2, 5))
    assert_same_run(first, second)


def test_blas_has_one_thread_in_training_and_evaluation_and_then_as_many_as_before():
    def look(x, noise):
        seen.append(blas_threads())

    seen, model = [], Watched(look, look)
    with threadpool_limits(2, user_api="blas"):
        before = blas_threads()
        fit(model, DATA, 20, **QUIET)
        bound_terms(model, START, DATA.test)
        assert blas_threads() == before
    one = before and {1}  # not every BLAS can be asked
    assert seen == [one] * 4  # a step, two parts of the data, the test set again


def test_subnormals_are_zero_in_every_thread_of_training_and_evaluation():
    def look(x, noise):
        seen.append(half_of_the_smallest_normal())

    seen, model = [], Watched(look, look)
    fit(model, DATA, 20, **{**QUIET, "threads": 2})
    bound_terms(model, START, np.tile(PIXELS, (2, 1)), threads=2)
    assert seen == [0 if X86 else TINY / 2] * 6
    assert half_of_the_smallest_normal() > 0


# --- The progress bar -----------------------------------------------------------------------------


@pytest.fixture
def bars(monkeypatch):
    """The progress bars that `fit` makes."""
    made = []

    def keep(*arguments):
        made.append(progress_bar(*arguments))
        return made[-1]

    monkeypatch.setattr(loop, "progress_bar", keep)
    return made


def test_the_bar_counts_samples_and_shows_the_bounds(bars, clock, path, capsys):
    steps = []

    class Remembering(VAE):
        def forward_backward(self, *arguments):
            clock.passes(0.04)  # two steps fit into the tenth of a second between two looks
            bound, parts = super().forward_backward(*arguments)
            steps.append(bound)
            return bound, parts

    model, data = Remembering(12, 2, hidden=(8,)), contrary()
    options = {
        **UNTIMED, "optimizer": Adagrad(0.1), "evaluate_every": 40, "checkpoint": path,
        "progress": True,
    }  # fmt: skip
    fit(model, data, 20, **options)
    assert bars[0].postfix == f"train {steps[0]:.1f}"
    history = fit(model, data, 110, resume=True, **options).history
    assert [(bar.initial, bar.n, bar.total) for bar in bars] == [(0, 20, 20), (20, 110, 110)]
    assert history.samples == [20, 40, 80, 120]
    assert bars[1].postfix == f"train {sum(steps[-2:]) / 2:.1f}, test {history.test_bound[-2]:.1f}"
    assert "110/110" in capsys.readouterr().err


@pytest.mark.parametrize("threads", [1, 3])
def test_the_bar_shows_the_bound_of_the_whole_minibatch(bars, threads):
    bounds = []

    class Listening(SGVBB):
        def update(self, state, bound):
            bounds.append(bound)

    options = {**QUIET, "evaluate_every": None, "progress": True, "threads": threads}
    fit(MODEL, DATA, 20, estimator=Listening(), **options)
    assert bars[0].postfix == f"train {bounds[0]:.1f}"


def test_the_time_left_counts_what_happens_between_steps(capsys):
    """Of two bursts of steps, the second of which says nothing of the evaluation before it."""
    with progress_bar(1000, True, 200) as bar:
        for samples, seconds in ((1, 29), (399, 30)):
            bar._time = lambda now=bar.start_t + seconds: now
            bar.update(samples)
        assert "600/1.00k [00:30<00:30" in str(bar)


class Broken(io.StringIO):
    """A stream that takes nothing, like one on a full disk."""

    def write(self, text):
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("stream", [None, Broken()], ids=["none", "full"])
def test_training_goes_on_where_no_bar_can_be_drawn(monkeypatch, stream):
    expected = fit(MODEL, DATA, 40, **QUIET)
    monkeypatch.setattr("sys.stderr", stream)
    assert_same_run(fit(MODEL, DATA, 40, **{**QUIET, "progress": True}), expected)


@pytest.mark.parametrize("progress", [False, None])
def test_no_bar_where_none_is_wanted_and_where_nobody_looks(progress, capsys):
    fit(MODEL, DATA, 40, **{**QUIET, "progress": progress})
    assert capsys.readouterr() == ("", "")


# --- The choice of the step size ------------------------------------------------------------------


class Sealed:
    """A data set whose test part is not to be touched."""

    def __init__(self, train):
        self.train = train

    @property
    def test(self):
        raise AssertionError("the test set was looked at")


def test_the_step_size_is_chosen_by_the_training_set_alone():
    data, options = contrary(), {"batch_size": 20, "seed": 2, "noise_samples": 2}
    best, bounds = choose_step_size(MODEL, data, (1e-6, 0.1), samples=400, **options)
    trials = {
        step_size: fit(
            MODEL, data, 400, optimizer=Adagrad(step_size), evaluate_every=400, progress=False,
            **options,
        ).history
        for step_size in (1e-6, 0.1)
    }  # fmt: skip
    assert best == 0.1
    assert bounds == {step_size: trial.train_bound[-1] for step_size, trial in trials.items()}
    assert trials[1e-6].test_bound > trials[0.1].test_bound
    assert choose_step_size(MODEL, Sealed(data.train), (1e-6, 0.1), samples=400, **options) == (
        best, bounds,
    )  # fmt: skip


def test_the_paper_s_step_sizes_are_the_candidates_and_no_bar_is_shown(capsys):
    best, bounds = choose_step_size(MODEL, DATA, samples=20, batch_size=20)
    assert list(bounds) == [0.01, 0.02, 0.1]
    assert bounds[best] == max(bounds.values())
    assert capsys.readouterr() == ("", "")


def test_a_trial_takes_twenty_thousand_samples_by_default():
    trial, said = (
        choose_step_size(MODEL, DATA, (0.02,), batch_size=20, **samples)
        for samples in ({}, {"samples": 20_000})
    )
    assert trial == said


def test_no_step_size_to_choose_from_is_refused():
    with pytest.raises(ValueError, match=r"^candidates is empty, expected at least one step size$"):
        choose_step_size(MODEL, DATA, ())


def test_a_step_size_that_diverges_counts_as_minus_infinity():
    best, bounds = choose_step_size(MODEL, DATA, (1e30, 0.02), samples=60, batch_size=20)
    assert best == 0.02
    assert bounds[1e30] == -math.inf
