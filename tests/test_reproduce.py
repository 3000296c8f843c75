"""The paper's experiments in small: curves that stop and go on, executors, figures, refusals."""

import csv
import itertools
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from randomness import shift_seeds
from test_cli import PATIENCE

from minivae import VAE, Adagrad, datasets, fit, plots
from minivae.app import cli
from minivae.data_stream import INIT, stream
from minivae.estimators.wake_sleep import WakeSleep
from minivae.evaluation import appendix_d, mean_bound, resample_prior
from minivae.experiments import (
    EXPERIMENTS,
    computing,
    figure2,
    figure3,
    figure4,
    figure5,
    reproduce,
    running,
)
from minivae.experiments.computing import run_curve
from minivae.experiments.curves import Curve, CurveFolder
from minivae.experiments.experiment import Model, log_spaced
from minivae.experiments.running import CurvesFailed
from minivae.experiments.seeds import over_seeds
from minivae.training import TrainingDiverged, loop
from minivae.training.interruption import Interrupted
from minivae.training.mcem import fit_mcem

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"


class Serial:
    """The smallest executor: `submit` does the work. It remembers for which curves."""

    def __init__(self):
        self.names = []

    def submit(self, function, curve, *arguments):
        self.names.append(curve.name)
        future = Future()
        try:
            future.set_result(function(curve, *arguments))
        except Exception as error:
            future.set_exception(error)
        return future


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    """A file with a small data set."""
    path = tmp_path_factory.mktemp("data") / "dots.npz"
    rng = np.random.default_rng(0)
    x = (rng.random((500, 4, 4)) < rng.random((500, 1, 1))).astype(np.float32)
    np.savez(path, x_train=x[:400], x_test=x[400:])
    return str(path)


@pytest.fixture(scope="module")
def small(dots):
    """The four figures, with small models of small data."""
    models = [Model(dots, n_latent, 6) for n_latent in (2, 3)]
    return {
        "figure2": replace(
            figure2.FIGURE2, curves=lambda n: _every(300, figure2.curves(n, models), n)
        ),
        "figure3": replace(
            figure3.FIGURE3,
            curves=lambda n: _every(1000, figure3.curves(n, models[0], (100, 200)), n),
        ),
        "figure4": replace(figure4.FIGURE4, curves=lambda n: figure4.curves(n, models[:1])),
        "figure5": replace(figure5.FIGURE5, curves=lambda n: figure5.curves(n, models)),
    }


def _every(step, curves, samples):
    """The curves with points close together, so that small budgets have some, too."""
    points = (*range(step, samples, step), samples)
    return [replace(curve, points=points) for curve in curves]


@pytest.fixture(scope="module")
def reference(small, tmp_path_factory):
    """Figure 2 to 1200 samples, computed without any interruption."""
    folder = tmp_path_factory.mktemp("reference")
    reproduce(small["figure2"], folder, 1200, executor=Serial())
    return folder


def table(folder, name="figure2"):
    """The rows of a figure's CSV file, without the times."""
    with (Path(folder) / f"{name}.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


NAMES = [f"dots-h6-z{n}-{method}" for n in (2, 3) for method in ("aevb", "wake-sleep")]


# --- What the paper did ---------------------------------------------------------------------------


def test_figure_2_is_the_papers():
    every = figure2.curves(10**6)
    curves = [c for c in every if c.start_std == 0.01]
    assert len(curves) == 18
    for method in ("aevb", "wake-sleep"):
        of_method = [c for c in curves if c.method == method]
        mnist = [c for c in of_method if c.dataset == "mnist"]
        frey = [c for c in of_method if c.dataset == "frey"]
        assert [c.n_latent for c in mnist] == [3, 5, 10, 20, 200]
        assert [c.n_latent for c in frey] == [2, 5, 10, 20]
        assert {(c.hidden, c.likelihood) for c in mnist} == {(500, "bernoulli")}
        assert {(c.hidden, c.likelihood) for c in frey} == {(200, "gaussian-sigmoid")}
    assert {(c.batch_size, c.n_train, c.samples) for c in every} == {(100, None, 10**6)}
    # Frey Faces from the other start, too, that "N(0, 0.01)" may mean: all else is the same.
    others = [replace(c, start_std=0.01) for c in every if c.start_std != 0.01]
    assert {c.start_std for c in every} == {0.01, 0.1}
    assert others == [c for c in curves if c.dataset == "frey"]


def test_figure_3_is_the_papers():
    curves = figure3.curves(2 * 10**6)
    assert [(c.n_train, c.method) for c in curves] == [
        (n, method) for n in (1000, 50_000) for method in ("aevb", "wake-sleep", "mcem")
    ]
    assert {(c.dataset, c.n_latent, c.hidden) for c in curves} == {("mnist", 3, 100)}
    assert all(c.points[0] < c.samples / 50 for c in curves)


def test_figures_4_and_5_are_the_papers_and_share_what_figure_2_has():
    plane = figure4.curves(10**6)
    assert [(c.dataset, c.n_latent, c.hidden) for c in plane] == [
        ("frey", 2, 200), ("mnist", 2, 500),
    ]  # fmt: skip
    dreams = figure5.curves(10**6)
    assert [(c.dataset, c.n_latent, c.hidden) for c in dreams] == [
        ("mnist", n, 500) for n in (2, 5, 10, 20)
    ]
    assert {c.method for c in plane + dreams} == {"aevb"}
    of_figure_2 = figure2.curves(10**6)
    assert [c in of_figure_2 for c in plane] == [True, False]
    assert [c in of_figure_2 for c in dreams] == [False, True, True, True]


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_points_are_log_spaced_and_do_not_depend_on_the_budget(samples, more):
    points = log_spaced(samples)
    assert points[-1] == samples
    assert all(1.5 < b / a < 1.7 for a, b in itertools.pairwise(points[:-1]))
    assert set(points[:-1]) <= {*log_spaced(samples + more)}
    assert len(points) == 1 or points[0] == 10_000


# --- From nothing to tables and pictures ----------------------------------------------------------


def test_figure_2(reference, dots):
    rows = table(reference)
    assert list(rows[0]) == [
        "dataset", "n_train", "n_latent", "hidden", "method", "start_std", "seed", "step_size",
        "samples", "train_bound", "test_bound",
    ]  # fmt: skip
    models = [(r["n_latent"], r["method"]) for r in rows]
    assert models == [(n, m) for n in "23" for m in ("aevb", "wake-sleep") for _ in range(4)]
    assert [r["samples"] for r in rows] == ["300", "600", "900", "1200"] * 4
    assert {float(r["step_size"]) for r in rows} <= {0.01, 0.02, 0.1}
    assert (reference / "figure2.png").read_bytes().startswith(PNG_SIGNATURE)
    place = CurveFolder(Curve(dots, "aevb", 3, 6, (1200,)), reference)
    vae, params = place.load_model()
    (last,) = [
        r for r in rows if (r["n_latent"], r["method"], r["samples"]) == ("3", "aevb", "1200")
    ]
    test = datasets.load(dots).test
    assert float(last["test_bound"]) == pytest.approx(mean_bound(vae, params, test), rel=1e-5)


def test_the_methods_are_trained_differently_from_the_same_start(reference):
    rows = table(reference)
    aevb, wake_sleep = ([r for r in rows if r["method"] == m] for m in ("aevb", "wake-sleep"))
    assert all(a["test_bound"] != w["test_bound"] for a, w in zip(aevb, wake_sleep, strict=True))


def test_figure_3(small, dots, tmp_path):
    options = {"executor": Serial(), "datapoints": 20}
    files = reproduce(small["figure3"], tmp_path, 2000, **options)
    assert files == [tmp_path / "figure3.csv", tmp_path / "figure3.png"]
    rows = table(tmp_path, "figure3")
    assert {(r["n_train"], r["method"]) for r in rows} == {
        (n, m) for n in ("100", "200") for m in ("aevb", "wake-sleep", "mcem")
    }
    for row in rows:
        assert (row["train_bound"] == "nan") == (row["method"] == "mcem")
        for part in ("train", "test"):
            assert -20 < float(row[f"{part}_log_px"]) < -4
            assert 0 < float(row[f"{part}_log_px_mc_error"]) < float(row[f"{part}_log_px_error"])
            assert row[f"{part}_log_px_datapoints"] == "20"
    last = [r for r in rows if (r["n_train"], r["method"]) == ("200", "mcem")][-1]
    assert last["samples"] == "2000"
    curve = Curve(dots, "mcem", 2, 6, (2000,), n_train=200, log_px_datapoints=20)
    vae, params = CurveFolder(curve, tmp_path).load_model()
    x = datasets.load(dots).test[:20]
    evidence = appendix_d(vae, params, x, start=resample_prior(vae, params, x), seed=0)
    assert float(last["test_log_px"]) == pytest.approx(evidence.mean, rel=1e-5)
    spread = evidence.values.std() / np.sqrt(20)
    assert float(last["test_log_px_error"]) == pytest.approx(spread, rel=1e-5)
    assert float(last["test_log_px_mc_error"]) == pytest.approx(evidence.mean_error, rel=1e-5)


def test_a_curve_that_another_process_computes_is_left_alone(dots, tmp_path):
    curve = Curve(dots, "aevb", 2, 6, (100,))
    place = CurveFolder(curve, tmp_path)
    place.settings()
    with place.locked(), pytest.raises(ValueError, match=r"^run: another process is training in "):
        run_curve(curve, tmp_path)
    assert not place.model_path.exists()


def test_fewer_training_digits_are_the_first_ones(dots):
    data = Curve(dots, "aevb", 2, 6, (100,), n_train=7).load_data()
    whole = datasets.load(dots)
    np.testing.assert_array_equal(data.train, whole.train[:7])
    np.testing.assert_array_equal(data.test, whole.test)


def test_figures_4_and_5_use_what_figure_2_has_left(small, reference, tmp_path):
    executor = Serial()
    for name in ("figure4", "figure5"):
        table_, picture = reproduce(small[name], reference, 1200, executor=executor)
        assert picture.read_bytes().startswith(PNG_SIGNATURE)
        assert table_ == reference / f"{name}.csv"
    assert executor.names == []
    reproduce(small["figure4"], tmp_path, 100, executor=executor)
    assert executor.names == ["dots-h6-z2-aevb"]


# --- Several seeds, another start -----------------------------------------------------------------


def test_seeds_are_curves_of_their_own(small, dots, tmp_path):
    executor = Serial()
    options = {"executor": executor, "only": "*z2*"}
    reproduce(small["figure2"], tmp_path, 300, seeds=(2, 0, 2), **options)
    assert sorted(executor.names) == [
        f"dots-h6-z2-{m}{seed}" for m in ("aevb", "wake-sleep") for seed in ("", "-seed2")
    ]
    rows = table(tmp_path)
    assert [(r["method"], r["seed"]) for r in rows] == [
        (m, seed) for m in ("aevb", "wake-sleep") for seed in "02"
    ]
    data = datasets.load(dots)
    vae = VAE(16, 2, (6,))
    for row in rows:
        by_hand = fit(
            vae, data, 300, batch_size=100, threads=1, seed=int(row["seed"]), progress=False,
            optimizer=Adagrad(float(row["step_size"])),
            estimator=WakeSleep() if row["method"] == "wake-sleep" else None,
        )  # fmt: skip
        assert float(row["test_bound"]) == by_hand.history.test_bound[-1]


def test_figures_draw_all_seeds_of_curves_and_one_of_models(small, tmp_path, monkeypatch):
    drawn = {}
    for name in ("bounds_of_methods", "side_by_side"):
        right = getattr(plots, name)
        monkeypatch.setattr(
            plots, name, lambda *a, right=right, name=name: drawn.update({name: a}) or right(*a)
        )
    for name in ("figure2", "figure5"):
        reproduce(small[name], tmp_path, 600, seeds=(3, 4, 5), executor=Serial())
    ((panels,),) = drawn["bounds_of_methods"]
    of_method = panels[1][1]["wake-sleep"]
    rows = [
        r for r in table(tmp_path) if (r["n_latent"], r["method"]) == ("3", "wake-sleep")
    ]  # fmt: skip
    bounds = np.array([float(r["test_bound"]) for r in rows]).reshape(3, 2)
    assert len(set(bounds[:, 1])) == 3
    np.testing.assert_array_equal(of_method["samples"], [300, 600])
    np.testing.assert_array_equal(of_method["test_bound"], np.sort(bounds, axis=0)[1])
    np.testing.assert_array_equal(
        of_method["test_bound_range"], [bounds.min(axis=0), bounds.max(axis=0)]
    )
    grids, titles = drawn["side_by_side"]
    assert len(grids) == 2
    assert titles == ["(a) 2-D latent space", "(b) 3-D latent space"]


def test_a_figure_keeps_the_seeds_of_earlier_calls(small, tmp_path):
    executor = Serial()
    for seed in (2, 0):
        reproduce(small["figure2"], tmp_path / "parts", 300, seeds=seed, executor=executor)
    reproduce(small["figure2"], tmp_path / "whole", 300, seeds=(0, 2), executor=executor)
    names = [(r["n_latent"], r["method"], r["seed"]) for r in table(tmp_path / "whole")]
    assert names == [
        (n, m, seed) for n in "23" for m in ("aevb", "wake-sleep") for seed in "02"
    ]  # fmt: skip
    assert table(tmp_path / "parts") == table(tmp_path / "whole")


def test_curves_of_another_model_do_not_get_into_a_figure(small, dots, tmp_path):
    reproduce(small["figure2"], tmp_path, 300, executor=Serial(), only="*z2-aevb")
    ours = table(tmp_path)
    for other in ({"hidden": 7}, {"likelihood": "gaussian", "seed": 1}):
        run_curve(replace(Curve(dots, "aevb", 2, 6, (300,)), **other), tmp_path, 1)
    moved = replace(Curve(dots, "aevb", 2, 6, (300,)), seed=3)
    run_curve(moved, tmp_path, 1)
    (tmp_path / "curves" / moved.name).rename(tmp_path / "curves" / "another name")
    reproduce(small["figure2"], tmp_path, 300, executor=Serial(), only="*z2-aevb")
    assert table(tmp_path) == ours
    reproduce(small["figure2"], tmp_path, 300, seeds=4, executor=Serial(), only="*z2-aevb*")
    assert [r["seed"] for r in table(tmp_path)] == ["0", "4"]


def test_a_manifold_is_that_of_the_seed_that_was_asked_for(small, tmp_path):
    for seed in (0, 1):
        reproduce(small["figure4"], tmp_path, 100, seeds=seed, executor=Serial())
        assert {r["seed"] for r in table(tmp_path, "figure4")} == {str(seed)}


def test_seeds_that_end_sooner_say_nothing_about_the_rest():
    short = {"samples": np.array([10, 20]), "bound": np.array([1.0, 4.0])}
    long = {"samples": np.array([10, 15, 20, 30]), "bound": np.array([3.0, 5.0, 2.0, 7.0])}
    merged = over_seeds([short, long])
    np.testing.assert_array_equal(merged["samples"], [10, 15, 20, 30])
    np.testing.assert_array_equal(merged["bound"], [2, 5, 3, 7])
    np.testing.assert_array_equal(merged["bound_range"], [[1, 5, 2, 7], [3, 5, 4, 7]])


@pytest.mark.parametrize("method", ["aevb", "wake-sleep", "mcem"])
def test_another_start_is_that_of_init_params(dots, tmp_path, method):
    curve = Curve(dots, method, 2, 6, (200,), start_std=0.5, seed=7)
    assert curve.name == f"dots-h6-z2-{method}-std0.5-seed7"
    run_curve(curve, tmp_path)
    place = CurveFolder(curve, tmp_path)
    data, options = datasets.load(dots), {"batch_size": 100, "seed": 7, "progress": False}
    options["optimizer"] = Adagrad(place.settings()["step_size"])
    vae = VAE(16, 2, (6,))
    start = vae.init_params(stream(7, INIT), np.float32, std=0.5)
    usual = vae.init_params(stream(7, INIT), np.float32)
    np.testing.assert_allclose(start["encoder.W1"], 50 * usual["encoder.W1"], rtol=1e-6)
    if method == "mcem":
        result = fit_mcem(vae, data, 200, params=start, **options)
    else:
        estimator = WakeSleep() if method == "wake-sleep" else None
        result = fit(vae, data, 200, params=start, estimator=estimator, threads=1, **options)
    np.testing.assert_array_equal(place.load_model()[1].vector, result.params.vector)


# --- Executors ------------------------------------------------------------------------------------


def test_threads_compute_the_same(small, reference, tmp_path):
    with ThreadPoolExecutor(2) as executor:
        reproduce(small["figure2"], tmp_path, 1200, executor=executor)
    assert table(tmp_path) == table(reference)


def start_worker():
    """Run in a worker process: it gets the seeds of this one before what the library does."""
    shift_seeds()
    running._prepare_worker()  # there, it is as it was


def test_processes_compute_the_same(small, reference, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(running, "_prepare_worker", start_worker)
    reproduce(small["figure2"], tmp_path, 1200, workers=2, progress=True)
    assert table(tmp_path) == table(reference)
    error = capsys.readouterr().err
    assert "4 of 4 curves" in error
    assert "4.80k/4.80k" in error


# --- Stopping and going on ------------------------------------------------------------------------


def test_finished_curves_are_not_computed_again(small, reference, tmp_path):
    executor = Serial()
    reproduce(small["figure2"], tmp_path, 1200, executor=executor)
    assert sorted(executor.names) == NAMES
    before = table(tmp_path)
    (tmp_path / "curves" / NAMES[1] / "curve.csv").unlink()
    (tmp_path / "curves" / NAMES[1] / "model.npz").unlink()
    executor = Serial()
    reproduce(small["figure2"], tmp_path, 1200, executor=executor)
    assert executor.names == [NAMES[1]]
    assert table(tmp_path) == before == table(reference)


def test_an_interrupted_curve_goes_on(small, reference, tmp_path, monkeypatch):
    calls, resumed = [], []

    def fit(vae, data, samples, **options):
        calls.append(samples)
        resumed.append(options["resume"])
        if len(calls) == 3:
            raise Interrupted(signal.SIGINT)
        return right(vae, data, samples, **options)

    right = computing.fit
    monkeypatch.setattr(computing, "fit", fit)
    with pytest.raises(Interrupted):
        reproduce(small["figure2"], tmp_path, 1200, executor=Serial())
    assert calls == [300, 600, 900]
    reproduce(small["figure2"], tmp_path, 1200, executor=Serial())
    assert calls[3:5] == [900, 1200]
    assert resumed[:5] == [False, True, True, True, True]
    assert table(tmp_path) == table(reference)


def test_the_step_size_is_chosen_once(small, dots, tmp_path, monkeypatch):
    monkeypatch.setattr(computing, "_TRIAL", 100)
    curve = Curve(dots, "aevb", 2, 6, (100,))
    computing.run_curve(curve, tmp_path)
    settings = CurveFolder(curve, tmp_path).settings()
    bounds = dict(settings["trial"]["train_bounds"])
    assert settings["step_size"] == max(bounds, key=bounds.get)
    assert set(bounds) == {0.01, 0.02, 0.1}
    monkeypatch.delattr(computing, "choose_step_size")
    computing.run_curve(replace(curve, points=(100, 200)), tmp_path)


def test_a_trial_for_a_larger_budget_may_be_interrupted(dots, tmp_path, monkeypatch):
    curve = Curve(dots, "aevb", 2, 6, (300,))
    computing.run_curve(curve, tmp_path, 1)
    place = CurveFolder(replace(curve, points=(300, 600)), tmp_path)
    before = {path.name: path.read_bytes() for path in place.path.iterdir()}

    def choose_step_size(*_, **__):
        raise Interrupted(signal.SIGINT)

    monkeypatch.setattr(computing, "choose_step_size", choose_step_size)
    with pytest.raises(Interrupted):
        computing.run_curve(place.curve, tmp_path, 1)
    assert {path.name: path.read_bytes() for path in place.path.iterdir()} == before


def test_a_larger_budget_goes_on(dots, tmp_path, monkeypatch):
    monkeypatch.setattr(computing, "_TRIAL", 300)  # or a small budget would have a shorter trial
    curve = Curve(dots, "wake-sleep", 2, 6, (300, 600))
    computing.run_curve(curve, tmp_path / "parts")
    longer = replace(curve, points=(300, 600, 900))
    place = CurveFolder(longer, tmp_path / "parts")
    assert not place.is_finished
    assert place.samples_seen() == 600
    computing.run_curve(longer, tmp_path / "parts")
    computing.run_curve(longer, tmp_path / "whole")
    whole = CurveFolder(longer, tmp_path / "whole")
    for name in ("samples", "train_bound", "test_bound"):
        np.testing.assert_array_equal(place.table()[name], whole.table()[name])


def test_a_budget_after_one_too_small_for_the_whole_trial(dots, tmp_path):
    """A shorter trial may choose another step size: the curve begins anew."""
    curve = Curve(dots, "aevb", 2, 6, (300,))
    longer = replace(curve, points=(300, 600))
    for each in (curve, longer):
        computing.run_curve(each, tmp_path / "parts", 1)
    computing.run_curve(longer, tmp_path / "whole", 1)
    parts, whole = (CurveFolder(longer, tmp_path / part) for part in ("parts", "whole"))
    assert parts.settings() == whole.settings()
    for name in ("samples", "train_bound", "test_bound"):
        np.testing.assert_array_equal(parts.table()[name], whole.table()[name])
    computing.run_curve(curve, tmp_path / "parts", 1)  # a smaller one changes nothing
    assert parts.settings() == whole.settings()
    assert len(parts.rows()) == 2


@pytest.mark.parametrize(
    ("points", "measured"), [((300, 500), [300, 700]), ((300, 500, 1200), [300, 700, 1200])]
)
def test_points_before_those_of_the_checkpoint_are_measured_where_it_stands(
    dots, tmp_path, monkeypatch, points, measured
):
    """A budget whose next point lies behind what an interrupted run has seen already."""
    monkeypatch.setattr(computing, "_TRIAL", 100)
    monkeypatch.setattr(loop, "_CHUNK_SECONDS", 0.0)  # to be stopped after the very step
    curve = Curve(dots, "aevb", 2, 6, (300, 1000), n_train=400, log_px_datapoints=5)
    right = Adagrad.update

    def stopped_at_700(self, theta, grad, state, step, *rest):
        if step == 7:
            signal.raise_signal(signal.SIGINT)
        right(self, theta, grad, state, step, *rest)

    with monkeypatch.context() as patch, pytest.raises(Interrupted):
        patch.setattr(Adagrad, "update", stopped_at_700)
        computing.run_curve(curve, tmp_path, 1)
    computing.run_curve(replace(curve, points=points), tmp_path, 1)
    rows = CurveFolder(curve, tmp_path).rows()
    assert [row["samples"] for row in rows] == measured
    vae, params = CurveFolder(curve, tmp_path).load_model()
    data = curve.load_data()
    assert rows[-1]["test_bound"] == pytest.approx(mean_bound(vae, params, data.test), abs=1)
    evidence = appendix_d(vae, params, data.test[:5], threads=1)
    assert rows[-1]["test_log_px"] == evidence.values.mean()


def test_only_some_curves(small, tmp_path):
    executor = Serial()
    reproduce(small["figure2"], tmp_path, 300, executor=executor, only="*z3-aevb")
    assert executor.names == ["dots-h6-z3-aevb"]
    reproduce(small["figure2"], tmp_path, 600, executor=executor, only="*z2*")
    assert {r["samples"] for r in table(tmp_path) if r["n_latent"] == "2"} == {"300", "600"}
    assert {r["samples"] for r in table(tmp_path) if r["n_latent"] == "3"} == {"300"}


def test_figures_share_curves(small, dots):
    a = Curve(dots, "aevb", 2, 6, (300, 600))
    assert a.merged_with(replace(a, points=(400, 900))).points == (300, 400, 600, 900)
    with pytest.raises(ValueError, match="two different curves are called dots-h6-z2-aevb"):
        a.merged_with(replace(a, likelihood="gaussian"))


SCRIPT = """
import sys
from dataclasses import replace
from minivae.app import cli
from minivae.experiments import figure2, reproduction
from minivae.experiments.experiment import Model

models = [Model({dots!r}, n_latent, 6) for n_latent in (2, 3)]
reproduction.EXPERIMENTS["figure2"] = replace(
    figure2.FIGURE2, curves=lambda samples: figure2.curves(samples, models)
)
if __name__ == "__main__":
    sys.exit(cli.main(sys.argv[1:]))
"""
SHORT_TRIAL = """
from minivae.experiments import computing
computing._TRIAL = 1000  # in the workers as well, who run the script's beginning
"""


@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_whatever_ends_it_ends_the_workers_too(dots, tmp_path, how):
    script = tmp_path / "script.py"
    script.write_text(SHORT_TRIAL + SCRIPT.format(dots=dots))
    command = [sys.executable, script, "reproduce", "figure2", "--samples", "1e8", "--out", "out"]
    process = subprocess.Popen(
        [*command, "--workers", "2"], cwd=tmp_path, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    curves = [tmp_path / "out" / "curves" / name / "curve.csv" for name in NAMES]
    try:
        deadline = time.monotonic() + PATIENCE
        while sum(path.exists() for path in curves) < 2 and time.monotonic() < deadline:
            assert process.poll() is None
            time.sleep(0.05)
        if how == "Ctrl-C":
            os.killpg(process.pid, signal.SIGINT)  # a terminal tells the whole group
    finally:
        if how == "kill" or sys.exc_info()[0] is not None:
            process.kill()
    out, error = process.communicate(timeout=PATIENCE)  # ends when every worker has closed the pipe
    assert "Traceback" not in error
    assert out == ""
    if how == "Ctrl-C":
        assert process.returncode == 130
        assert error == (
            "Stopped by Ctrl-C; what is done is kept in out. To go on, give the same command "
            "again.\n"
        )
    begun = [path.parent / "model.npz" for path in curves if path.exists()]
    assert len(begun) == 2 and all(path.exists() for path in begun)


def test_another_ctrl_c_while_workers_are_being_ended_does_not_spare_them(monkeypatch):
    right, workers = multiprocessing.active_children, []

    def pressed_again():
        signal.raise_signal(signal.SIGINT)
        workers.extend(right())
        return right()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(Interrupted), running._WorkerProcesses(1) as pool:
            future = pool.submit(time.sleep, 600)
            while not future.running():
                time.sleep(0.05)
            monkeypatch.setattr(multiprocessing, "active_children", pressed_again)
            raise Interrupted(signal.SIGINT)
    finally:
        signal.signal(signal.SIGINT, before)
    assert workers and not any(worker.is_alive() for worker in workers)


# --- Refusals -------------------------------------------------------------------------------------


@pytest.fixture
def no_work(monkeypatch):
    """No curve may be computed."""
    monkeypatch.delattr(computing, "fit")
    monkeypatch.delattr(computing, "fit_mcem")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"figure": ["figure2"]}, r"figure is \['figure2'\], expected one of figure2, figure3"),
        ({"folder": None}, "folder is None, expected a path"),
        ({"executor": 5}, "executor is 5, which lacks submit"),
        ({"only": None}, "only is None, expected a pattern of one of mnist-h500-z2-a"),
        ({"figure": "figure6"}, "figure is 'figure6', expected one of figure2, figure3, figure4"),
        ({"samples": 0}, "samples is 0, expected a whole number of at least 1"),
        ({"samples": 2.5}, "samples is 2.5"),
        ({"workers": 0}, "workers is 0"),
        ({"workers": 2, "executor": Serial()}, "workers is 2, but the executor has workers of its"),
        ({"threads": 0}, "threads is 0, expected a whole number of at least 1"),
        ({"threads": "x"}, "threads is 'x', expected a whole number"),
        ({"seeds": -1}, "seeds is -1"),
        ({"seeds": (0, 1.5)}, "seeds is 1.5"),
        ({"seeds": ()}, "seeds is empty, expected at least one number"),
        ({"seeds": "12"}, "seeds is '1', expected a whole number"),
        ({"datapoints": 0}, "datapoints is 0"),
        ({"only": "mnist-z2"}, "only is 'mnist-z2', expected a pattern of one of mnist-h500-z2-a"),
    ],
)
def test_nonsense(no_work, tmp_path, changes, message):
    arguments = {"figure": "figure5", "folder": tmp_path / "out", **changes}
    with pytest.raises(ValueError, match=message):
        reproduce(**arguments)
    assert not (tmp_path / "out").exists()


def test_a_folder_of_other_curves(no_work, small, tmp_path):
    first = small["figure2"].curves(1200)[0]
    CurveFolder(first, tmp_path).settings()
    other = replace(small["figure2"], curves=lambda n: [replace(first, batch_size=50)])
    message = r"batch_size is 50, but the curve in .* has 100: choose another"
    with pytest.raises(ValueError, match=message):
        reproduce(other, tmp_path, 1200)


def test_curves_of_other_settings_are_refused_before_the_work(small, tmp_path, monkeypatch):
    """Also those that are not computed in this call, but would be in the figure."""
    figure, some = small["figure3"], {"executor": Serial(), "datapoints": 5}
    reproduce(figure, tmp_path, 100, only="*100-*aevb", **some)
    before = table(tmp_path, "figure3")
    monkeypatch.delattr(computing, "fit")
    with pytest.raises(ValueError, match=r"datapoints is 6, but the curve in .*aevb has 5: choose"):
        reproduce(figure, tmp_path, 100, only="*200-*aevb", executor=Serial(), datapoints=6)
    reproduce(figure, tmp_path, 100, only="*100-*aevb", **some)
    assert table(tmp_path, "figure3") == before


def test_damaged_curves(no_work, small, reference, tmp_path):
    place = CurveFolder(small["figure2"].curves(300)[0], tmp_path)
    settings = {**place.settings(), "step_size": 0.02, "trial": {"samples": 300}}
    place.save_settings(settings)
    heading = "samples,seconds,train_bound,test_bound\n"
    for text in (
        "", "samples\n1\n", f"{heading}1,2\n", f"{heading}1,2,3,4,5\n", f"{heading}1.5,2,3,4\n",
        f"{heading}nan,2,3,4\n", f"{heading}-1,2,3,4\n", f"{heading}{10**24},2,3,4\n",
        f"{heading}2,2,3,4\n1,2,3,4\n", f"{heading}1,2,3,inf\n",
    ):  # fmt: skip
        (place.path / "curve.csv").write_text(text)
        with pytest.raises(ValueError, match=r"curve.csv is damaged .*; remove "):
            reproduce(small["figure2"], tmp_path, 300)
    (place.path / "curve.csv").write_text(f"{heading}300,1,2,3\n")
    for name, value in (("step_size", None), ("step_size", -1), ("trial", 1.5), ("trial", {})):
        place.save_settings({**settings, name: value})
        with pytest.raises(ValueError, match=rf"settings.json is damaged \(.*{name}.*; remove "):
            reproduce(small["figure2"], tmp_path, 300)
    place.save_settings(place.curve.identity)
    with pytest.raises(ValueError, match=r"is damaged \(step_size is None, .*; remove "):
        reproduce(small["figure2"], tmp_path, 300)
    place.settings_path.unlink()
    with pytest.raises(ValueError, match=r"settings.json is missing; remove "):
        reproduce(small["figure2"], tmp_path, 300)
    assert not place.settings_path.exists()
    place.settings_path.write_text("{")
    with pytest.raises(ValueError, match=r"settings.json is damaged"):
        reproduce(small["figure2"], tmp_path, 300)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"method": "magic"}, "method is 'magic', expected one of aevb, wake-sleep, mcem"),
        ({"points": ()}, r"points is \(\), expected numbers that increase"),
        ({"points": (200, 100)}, "expected numbers that increase"),
        ({"points": (0, 100)}, "points is 0"),
    ],
)
def test_nonsensical_curves(changes, message):
    with pytest.raises(ValueError, match=message):
        Curve(**{"dataset": "mnist", "method": "aevb", "n_latent": 2, "hidden": 6, "points": (1,)}
              | changes)  # fmt: skip


def run_cli(capsys, *arguments):
    code = cli.main(["reproduce", *map(str, arguments)])
    return code, capsys.readouterr().err


def test_frey_faces_not_found_are_one_line_before_any_work(no_work, tmp_path, capsys, monkeypatch):
    def load(name, path=None, binarize=None):
        if name == "frey":
            raise FileNotFoundError(f"data set 'frey' was not found in {path}\nTried:\n - there")

    monkeypatch.setattr(datasets, "load", load)
    code, error = run_cli(
        capsys, "figure4", "--out", tmp_path / "out", "--data-path", tmp_path / "faces"
    )
    assert code == 2
    assert error == (
        f"minivae reproduce: error: data set 'frey' was not found in {tmp_path / 'faces'}; or "
        "leave it out (--skip-frey)\n"
    )
    assert not (tmp_path / "out").exists()


def test_frey_faces_can_be_left_out(tmp_path, small, dots, monkeypatch):
    computed = []
    monkeypatch.setattr(
        "minivae.experiments.reproduction.run_curves",
        lambda curves, *arguments, **options: computed.extend(curves),
    )
    assert reproduce("all", tmp_path, 1000, skip_frey=True, data_path="nowhere") == []
    names = [curve.name for curve in computed]
    assert len(names) == len(set(names)) == 5 * 2 + 6 + 1
    assert {curve.dataset for curve in computed} == {"mnist"}


@pytest.mark.parametrize("place", ["file", "file/out"])
def test_an_unwritable_folder_is_one_line(no_work, tmp_path, capsys, monkeypatch, place):
    monkeypatch.chdir(tmp_path)
    Path("file").write_text("")
    code, error = run_cli(capsys, "figure5", "--out", place)
    assert code == 2
    assert "file" in error
    assert len(error.splitlines()) == 1


def test_a_curve_that_fails_leaves_the_others(small, tmp_path, capsys, monkeypatch):
    def fit(vae, data, samples, **options):
        if vae.n_latent == 2 and samples == 600:
            raise TrainingDiverged("the bound became nan")
        return right(vae, data, samples, **options)

    right = computing.fit
    monkeypatch.setattr(computing, "fit", fit)
    with pytest.raises(CurvesFailed) as failure:
        reproduce(small["figure2"], tmp_path, 600, executor=Serial())
    message = "dots-h6-z2-aevb (and 1 more): the bound became nan"
    assert str(failure.value) == message
    places = [CurveFolder(curve, tmp_path) for curve in small["figure2"].curves(600)]
    assert [place.measured_until() for place in places] == [300, 300, 600, 600]

    def fail(*arguments, **options):
        raise failure.value

    monkeypatch.setattr("minivae.app.reproduce.reproduce_figures", fail)
    code, error = run_cli(capsys, "figure2")
    assert code == 2
    assert error == f"minivae reproduce: error: {message} (the other curves are kept)\n"


def test_the_command_line_reaches_the_library(monkeypatch, capsys):
    monkeypatch.setattr(
        "minivae.app.reproduce.reproduce_figures",
        lambda *arguments, **options: seen.append((arguments, options)) or ["a.csv", "a.png"],
    )
    seen = []
    code = cli.main(
        [
            "reproduce",
            "figure3",
            "--samples",
            "1e7",
            "--out",
            "there",
            "--workers",
            "3",
            "--only",
            "*aevb",
            "--datapoints",
            "1e3",
            "--data-path",
            "faces",
            "--skip-frey",
            "--seeds",
            "4,0",
        ]
    )
    assert code == 0
    assert capsys.readouterr().out == "a.csv\na.png\n"
    assert seen == [
        (
            ("figure3", "there", 10_000_000),
            {
                "workers": 3, "only": "*aevb", "datapoints": 1000, "seeds": [4, 0],
                "data_path": "faces", "skip_frey": True, "progress": None, "stages": None,
                "k": None, "batch_size": None, "biases": None, "dask": None,
            },
        )
    ]  # fmt: skip


def test_every_figure_is_on_the_command_line(capsys):
    with pytest.raises(SystemExit) as stop:
        cli.main(["reproduce", "figure6"])
    assert stop.value.code == 2
    error = capsys.readouterr().err
    assert len(error.splitlines()) == 1
    for name in (*EXPERIMENTS, "all"):
        assert name in error
