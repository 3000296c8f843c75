"""What every way to train has from the one loop: checkpoints, resuming, signals, the bar."""

import inspect
import os
import signal
import subprocess
import sys
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from minivae import VAE, Adam, fit, load_model
from minivae.estimators.wake_sleep import WakeSleep
from minivae.evaluation import chunks
from minivae.schedules import RobbinsMonro, Scheduled
from minivae.training import loop
from minivae.training.checkpoint import read_archive
from minivae.training.full_vb import fit_full_vb
from minivae.training.interruption import Interrupted
from minivae.training.loop import Method
from minivae.training.mcem import fit_mcem
from minivae.training.minibatch_loop import MinibatchLoop

PIXELS = np.random.default_rng(0).integers(0, 256, (110, 6), dtype=np.uint8)
MODEL = VAE(6, 2, hidden=(4,))
OPTIONS = {"batch_size": 20, "seed": 3, "evaluate_every": 100, "progress": False}

METHODS = {
    "aevb": partial(fit, threads=1),
    "aevb, two threads": partial(fit, threads=2),
    "aevb, scheduled": partial(
        fit, threads=2, optimizer=Scheduled(Adam(0.01), RobbinsMonro(50)), alternate=True
    ),
    "wake-sleep": partial(fit, threads=1, estimator=WakeSleep(), optimizer=Adam(0.01)),
    "mcem": fit_mcem,
    "mcem, adam": partial(fit_mcem, optimizer=Adam(0.01), m_steps=2),
    "full vb": partial(fit_full_vb, draws=2),
}
every_method = pytest.mark.parametrize("train", METHODS.values(), ids=METHODS)


def assert_same(first, second):
    """The same bits but for the seconds."""
    assert np.array_equal(first.params.vector, second.params.vector)
    columns = first.history.columns[:-1]
    assert second.history.columns[:-1] == columns
    for name in columns:
        entries = getattr(first.history, name), getattr(second.history, name)
        np.testing.assert_array_equal(*entries, err_msg=name)
    assert np.array_equal(getattr(first, "z", 0), getattr(second, "z", 0))


@every_method
@pytest.mark.parametrize("first", [20, 100, 260, 480])
def test_a_run_in_two_parts_is_the_run_in_one(train, first, tmp_path):
    path = tmp_path / "run.npz"
    whole = train(MODEL, PIXELS, 500, **OPTIONS)
    train(MODEL, PIXELS, first, checkpoint=path, **OPTIONS)
    resumed = train(MODEL, PIXELS, 500, checkpoint=path, resume=True, **OPTIONS)
    rows = [row for row in resumed.history.rows() if row[0] % 100 == 0]
    assert [row[0] for row in rows] == [100, 200, 300, 400, 500] == whole.history.samples
    assert np.array_equal(resumed.params.vector, whole.params.vector)
    assert np.array_equal(getattr(resumed, "z", 0), getattr(whole, "z", 0))


@every_method
def test_a_run_stopped_by_a_signal_goes_on_to_the_bit(train, tmp_path):
    path, whole = tmp_path / "run.npz", train(MODEL, PIXELS, 500, **OPTIONS)

    def stop(params, history):
        if len(history) == 2:
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(Interrupted):
        train(MODEL, PIXELS, 500, checkpoint=path, callback=stop, **OPTIONS)
    resumed = train(MODEL, PIXELS, 500, checkpoint=path, resume=True, **OPTIONS)
    assert_same(resumed, whole)


@every_method
def test_the_model_in_a_checkpoint_is_the_one_that_was_trained(train, tmp_path):
    path = tmp_path / "run.npz"
    result = train(MODEL, PIXELS, 200, checkpoint=path, **OPTIONS)
    vae, params = load_model(path)
    assert repr(vae) == repr(MODEL) and params.shapes == MODEL.param_shapes
    suffix = ".mu" if "decoder.W1.mu" in result.params.names else ""
    for name in params:
        trained = result.params[name + suffix if name.startswith("decoder") else name]
        assert np.array_equal(params[name], trained)


@every_method
def test_other_settings_other_data_and_other_methods_are_not_resumed(train, tmp_path):
    path = tmp_path / "run.npz"
    train(MODEL, PIXELS, 100, checkpoint=path, **OPTIONS)
    before = path.read_bytes()
    go_on = partial(train, MODEL, checkpoint=path, resume=True)
    other_data = PIXELS.copy()
    other_data[-1, -1] ^= 1
    for message, call in (
        (r"^seed is 4, but", lambda: go_on(PIXELS, 200, **{**OPTIONS, "seed": 4})),
        (r"^data: the data have changed", lambda: go_on(other_data, 200, **OPTIONS)),
        (
            r"^optimizer is .*trained with",
            lambda: go_on(PIXELS, 200, **OPTIONS, optimizer=Adam(1.0)),
        ),
    ):
        with pytest.raises(ValueError, match=message):
            call()
    other = fit if train in (METHODS["mcem"], METHODS["mcem, adam"]) else fit_mcem
    with pytest.raises(ValueError, match=r"but .* was trained with"):
        other(MODEL, PIXELS, 200, checkpoint=path, resume=True, **OPTIONS)
    assert path.read_bytes() == before


@every_method
def test_the_bar_counts_samples(train, capsys):
    train(MODEL, PIXELS, 90, **{**OPTIONS, "progress": True})
    assert "90.0/90.0" in capsys.readouterr().err


def test_the_time_between_looks_at_the_clock_is_a_tenth_of_a_second(monkeypatch):
    clock, chunks = [0.0], []

    def step(self, n_steps, whole=MinibatchLoop.run):
        chunks.append(n_steps)
        clock[0] += 1e-3 * n_steps  # a step takes a millisecond
        return whole(self, n_steps)

    monkeypatch.setattr(MinibatchLoop, "run", step)
    watched = SimpleNamespace(**{**vars(time), "perf_counter": lambda: clock[0]})
    monkeypatch.setattr(loop, "time", watched)
    data = np.tile(PIXELS, (100, 1))
    fit(MODEL, data, 10_000, threads=1, **{**OPTIONS, "evaluate_every": None})
    assert chunks[0] == 1 and chunks[2:-1] and all(99 <= n <= 100 for n in chunks[2:-1]), chunks


def test_the_number_of_threads_follows_from_both_networks(monkeypatch):
    asked = []
    monkeypatch.setattr(chunks, "default_threads", lambda *given: asked.append(given) or 1)
    result = fit(MODEL, PIXELS, 20, **OPTIONS)
    assert asked == [(result.params.vector.size, 20)]


@pytest.mark.parametrize("train", [fit, fit_mcem, fit_full_vb])
def test_half_a_minute_passes_between_checkpoints_by_default(train):
    assert inspect.signature(train).parameters["checkpoint_every"].default == 30


@pytest.mark.parametrize(
    ("name", "given"), [("begin", 0), ("open", 2), ("step", 1), ("measure", 1)]
)
def test_a_method_has_to_say_what_its_steps_are(name, given):
    with pytest.raises(NotImplementedError):
        getattr(Method(), name)(*[None] * given)


KILLS = int(os.environ.get("MINIVAE_TEST_KILLS", "3"))
KILLED = """
import sys
from randomness import shift_seeds
shift_seeds()  # as in the process that starts this one
import test_methods
from test_methods import METHODS, MODEL, OPTIONS, PIXELS
print("imported", flush=True)
METHODS[sys.argv[1]](
    MODEL, PIXELS, int(sys.argv[3]), checkpoint=sys.argv[2], checkpoint_every=1e-3,
    resume=sys.argv[4] == "resume", **OPTIONS,
)
"""


KILLED_METHODS = ["aevb, two threads", "aevb, scheduled", "wake-sleep", "mcem, adam", "full vb"]


def steps_in(path):
    return read_archive(path)[0]["training"]["step"] if path.exists() else 0


def killed(path, code, *arguments, times=KILLS):
    """Start a run in another process, kill it at some moment, start it again, and so on.

    The code prints a line when all is imported. Its last argument is "begin", then "resume".

    Returns
    -------
    steps : list of int
        What the checkpoint at `path` had come to each time, more every time.
    """
    rng, how, steps = np.random.default_rng(), "begin", []
    for _ in range(times):
        process = subprocess.Popen(
            [sys.executable, "-c", code, *arguments, how],
            cwd=Path(__file__).parent, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        process.stdout.readline()  # up to here nothing can be lost
        deadline = time.monotonic() + 60
        while steps_in(path) <= max(steps, default=0) and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(rng.uniform(0, 0.2))
        process.kill()
        process.wait()
        process.stdout.close()
        how = "resume"
        steps.append(steps_in(path))
    assert steps[0] > 0 and all(before < after for before, after in pairwise(steps)), steps
    return steps


@pytest.mark.parametrize("name", KILLED_METHODS)
def test_a_run_killed_at_any_moment_goes_on_to_the_bit(name, tmp_path):
    path = tmp_path / "run.npz"
    end = 20 * (killed(path, KILLED, name, str(path), str(20_000 * KILLS))[-1] + 7)
    resumed = METHODS[name](MODEL, PIXELS, end, checkpoint=path, resume=True, **OPTIONS)
    assert_same(resumed, METHODS[name](MODEL, PIXELS, end, **OPTIONS))
