"""Table 1 of Burda, Grosse and Salakhutdinov: its settings, in small from nothing to the table."""

import csv
import re
import signal
from dataclasses import replace

import numpy as np
import pytest
from test_reproduce import Serial

from minivae import Adam, datasets, fit
from minivae.app import cli, parser
from minivae.estimators import ImportanceWeighted
from minivae.evaluation.evidence import importance_sampling
from minivae.experiments import (
    EXPERIMENTS,
    computing,
    importance_weighted,
    reproduce,
    table1,
)
from minivae.experiments.curves import CurveFolder
from minivae.experiments.importance_weighted import ImportanceWeightedCurve, passes_after
from minivae.schedules import Scheduled
from minivae.training.interruption import Interrupted

N = 60  # training datapoints of the small data set


@pytest.fixture(scope="module")
def dots(tmp_path_factory):
    path = tmp_path_factory.mktemp("data") / "dots.npz"
    x = np.random.default_rng(0).integers(0, 256, (100, 4, 4), dtype=np.uint8)
    np.savez(path, x_train=x[:N], x_test=x[N:])
    return str(path)


@pytest.fixture(scope="module")
def model(dots):
    sizes = {"layers": 1, "pass_size": N, "log_px_datapoints": 30, "batch_size": 20}
    return ImportanceWeightedCurve(dots, "iwae", 2, 5, (1,), **sizes)


@pytest.fixture
def small(model, monkeypatch):
    """The table, with a small model of small data, and fewer samples of z."""
    monkeypatch.setattr(importance_weighted, "DRAWS", 40)
    return replace(table1.TABLE1, curves=lambda *a, **o: table1.curves(*a, **o, model=model))


def table(folder):
    with (folder / "table1.csv").open(newline="") as file:
        return [{k: v for k, v in row.items() if k != "seconds"} for row in csv.DictReader(file)]


# --- What was published ---------------------------------------------------------------------------


def test_the_settings_are_the_published_ones():
    k5 = table1.curves(1, stages=8)[1]
    data = k5.load_data()
    vae = k5.build_model(data)
    assert repr(vae) == (
        "VAE(n_features=784, n_latent=50, hidden=(200, 200), likelihood='bernoulli', "
        "activation='tanh', start='glorot')"
    )
    assert len(data.train) == 60_000 and len(data.test) == k5.log_px_datapoints == 10_000
    assert set(np.unique(data.test)) == {0, 255} and len(np.unique(data.train)) == 256
    assert importance_weighted.DRAWS == 5000
    options = k5.fit_options()
    assert options.pop("optimizer").optimizer == Adam(0.001, 0.9, 0.999, 1e-4)
    assert options == {
        "estimator": ImportanceWeighted(), "noise_samples": 5, "weight_prior": False,
        "binarize": True,
    }  # fmt: skip
    assert [(c.k, c.batch_size, c.samples) for c in table1.curves(1, stages=8)] == [
        (k, 20, 3280 * 60_000) for k in (1, 5, 50)
    ]


@pytest.mark.parametrize("batch_size", [20, 100, 256])
def test_stage_i_has_3_to_the_i_passes_and_a_step_of_10_to_the_minus_i_sevenths(batch_size):
    (curve,) = table1.curves(1, stages=8, k=[1], batch_size=batch_size)
    per_pass = 60_000 // batch_size
    optimizer, update = curve.fit_options()["optimizer"], 0
    assert isinstance(optimizer, Scheduled)
    for i, point in zip(range(8), curve.points, strict=True):
        for t in (update + 1, update + 3**i * per_pass):
            step_size = optimizer.step_size * optimizer.schedule.factor(t)
            assert step_size == pytest.approx(0.001 * 10 ** (-i / 7), rel=1e-12)
        update += 3**i * per_pass
        assert point == update * batch_size
    assert passes_after(8) == sum(3**i for i in range(8)) == 3280


def test_a_longer_schedule_begins_as_a_shorter_one():
    short, long = (table1.curves(1, stages=n, k=[5])[0] for n in (3, 8))
    assert short.points == long.points[:3] == (60_000, 240_000, 780_000)
    assert short.fit_options() == long.fit_options()
    assert short.name == long.name == "mnist-h200-200-z50-iwae-k5"
    assert table1.curves(1, batch_size=100)[0].name == "mnist-h200-200-z50-iwae-k1-m100"
    assert table1.curves(1, biases="zero")[0].name == "mnist-h200-200-z50-iwae-k1-zero"
    assert table1.curves(100_000, k=[1])[0].points == (60_000, 100_000)


def test_two_stages_are_the_default_whatever_the_minibatch():
    for batch_size in (20, 64, 128):
        (curve,) = table1.curves(k=[1], batch_size=batch_size)
        updates = 60_000 // batch_size
        assert curve.points == (updates * batch_size, 4 * updates * batch_size)
    assert table1.TABLE1.samples is None


def test_the_last_biases_start_at_the_log_odds_of_the_mean_digit():
    curve, of_zeros = (table1.curves(1, stages=1, biases=b)[0] for b in ("mean", "zero"))
    data = curve.load_data()
    vae = curve.build_model(data)
    mean, zero = (c.first_params(vae, data) for c in (curve, of_zeros))
    # A decoder that says nothing else explains digits by how often a pixel is white.
    white = 1 / (1 + np.exp(-mean["decoder.b3"].astype(np.float64)))
    assert white == pytest.approx(np.clip((data.train / 255.0).mean(axis=0), 0.001, 0.999))
    assert {0.001} < set(white.round(9)) and white.max() > 0.5
    mean["decoder.b3"][:] = 0
    assert np.array_equal(mean.vector, zero.vector)
    assert not any(zero[name].any() for name in zero if ".b" in name)


def test_white_is_one_in_floats_as_well(model):
    data = model.load_data()
    floats = data._replace(train=(data.train / 255).astype(np.float32))
    vae = model.build_model(data)
    starts = [model.first_params(vae, some)["decoder.b2"] for some in (data, floats)]
    np.testing.assert_allclose(*starts, rtol=1e-5, atol=1e-6)
    assert np.ptp(starts[0]) > 0.1


# --- From nothing to the table --------------------------------------------------------------------


def test_the_table(small, model, dots, tmp_path):
    files = reproduce(small, tmp_path, stages=2, k=(1, 3), executor=Serial())
    assert files == [tmp_path / "table1.csv", tmp_path / "table1.txt"]
    rows = table(tmp_path)
    assert [(r["k"], r["samples"], r["passes"]) for r in rows] == [
        (k, str(passes * N), f"{passes}.0") for k in "13" for passes in (1, 4)
    ]
    settings = {(r["layers"], r["hidden"], r["batch_size"], r["biases"], r["seed"]) for r in rows}
    assert settings == {("1", "5", "20", "mean", "0")}
    steps = [float(r["step_size"]) for r in rows]
    assert steps == pytest.approx([0.001, 0.001 * 10 ** (-1 / 7)] * 2)

    data = datasets.load(dots, binarize="dynamic")
    for k in (1, 3):
        curve = replace(model, k=k, points=(4 * N,))
        vae, params = CurveFolder(curve, tmp_path).load_model()
        start = curve.first_params(vae, data)
        by_hand = fit(
            curve.build_model(data), data, 4 * N, batch_size=20, threads=1, binarize=True,
            params=start, noise_samples=k, estimator=ImportanceWeighted(), weight_prior=False,
            progress=False, optimizer=curve.fit_options()["optimizer"],
        )  # fmt: skip
        assert np.array_equal(by_hand.params.vector, params.vector)
        last = [r for r in rows if r["k"] == str(k)][-1]
        evidence = importance_sampling(vae, params, data.test[:30], draws=40)
        assert float(last["test_log_px"]) == evidence.mean
        assert float(last["test_log_px_mc_error"]) == evidence.mean_error
        spread = evidence.values.std() / np.sqrt(30)
        assert float(last["test_log_px_error"]) == pytest.approx(spread)
        means, _ = vae.encode(params, data.test)
        assert int(last["active_latents"]) == np.sum(means.var(axis=0) > 0.01)
        assert float(last["test_bound"]) == by_hand.history.test_bound[-1]

    heading, first, second, *_ = (tmp_path / "table1.txt").read_text().splitlines()
    assert heading.split()[:5] == ["k", "minibatch", "biases", "seed", "passes"]
    assert first.split()[:5] == ["1", "20", "mean", "0", "4"] and first.split()[-3:] == [
        "86.76",
        "19",
        "87.75",
    ]
    assert heading.split()[5:7] == ["digits", "-log"]
    assert first.split()[5] == second.split()[5] == "30"
    assert float(second.split()[6]) == pytest.approx(-evidence.mean, abs=0.005)


def test_the_table_keeps_the_models_of_earlier_calls(small, tmp_path):
    calls = ({"k": [3]}, {"k": [1], "seeds": 1}, {"k": [1], "biases": "zero", "datapoints": 20})
    for options in calls:
        reproduce(small, tmp_path, stages=1, executor=Serial(), **options)
    reproduce(small, tmp_path, stages=2, k=[1], executor=Serial())
    assert [(r["k"], r["biases"], r["seed"], r["passes"]) for r in table(tmp_path)] == [
        ("1", "mean", "0", "1.0"),
        ("1", "mean", "0", "4.0"),
        ("1", "mean", "1", "1.0"),
        ("3", "mean", "0", "1.0"),
        ("1", "zero", "0", "1.0"),
    ]
    assert len((tmp_path / "table1.txt").read_text().splitlines()) == 1 + 4 + 4


def test_more_stages_and_interrupted_curves_go_on(small, model, tmp_path, monkeypatch):
    reproduce(small, tmp_path / "whole", stages=3, k=[2], executor=Serial())
    reproduce(small, tmp_path / "parts", stages=1, k=[2], executor=Serial())
    assert len(table(tmp_path / "parts")) == 1
    calls, right = [], computing.fit

    def interrupted(vae, data, samples, **options):
        calls.append(samples)
        if samples == 13 * N:
            right(vae, data, 7 * N, **options)  # in the middle of the third stage
            raise Interrupted(signal.SIGINT)
        return right(vae, data, samples, **options)

    monkeypatch.setattr(computing, "fit", interrupted)
    with pytest.raises(Interrupted):
        reproduce(small, tmp_path / "parts", stages=3, k=[2], executor=Serial())
    assert calls == [4 * N, 13 * N]
    monkeypatch.setattr(computing, "fit", right)
    reproduce(small, tmp_path / "parts", stages=3, k=[2], executor=Serial())
    assert table(tmp_path / "parts") == table(tmp_path / "whole")
    names = [replace(model, k=2).name]
    models = [
        (tmp_path / p / "curves" / n / "model.npz") for p in ("parts", "whole") for n in names
    ]
    parts, whole = (np.load(path)["params"] for path in models)
    assert np.array_equal(parts, whole)


def test_the_command_line_prints_the_table(small, tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(EXPERIMENTS, "table1", small)
    words = ["reproduce", "table1", "--stages", "1", "--k", "2", "--workers", "1", "--out"]
    monkeypatch.setattr(
        "minivae.experiments.reproduction.run_curves",
        lambda curves, folder, **options: [computing.run_curve(c, folder) for c in curves],
    )
    assert cli.main([*words, str(tmp_path), "--batch-size", "30", "--biases", "zero"]) == 0
    heading, row, *_, first, second = capsys.readouterr().out.splitlines()
    assert "published" in heading and row.split()[:5] == ["2", "30", "zero", "0", "1"]
    assert [first, second] == [str(tmp_path / "table1.csv"), str(tmp_path / "table1.txt")]
    assert parser.BIASES == importance_weighted.BIASES


# --- Refusals -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"stages": 9}, "stages is 9, expected at most 8"),
        ({"stages": 0}, "stages is 0, expected a whole number of at least 1"),
        ({"stages": 1, "samples": 10}, "stages is 1, expected none beside samples, which are 10"),
        ({"k": ()}, "k is empty, expected at least one number"),
        ({"k": 5}, "k is 5, expected whole numbers in a tuple"),
        ({"k": (1, 0)}, "k is 0, expected a whole number of at least 1"),
        ({"batch_size": 0}, "batch_size is 0, expected a whole number of at least 1"),
        ({"batch_size": 60_001}, "batch_size is 60001, expected at most the 60000 training"),
        ({"biases": "some"}, "biases is 'some', expected one of mean, zero"),
        ({"skip_frey": True}, "skip_frey is True, but no curve of this figure makes use of it"),
        ({"figure": "figure2", "stages": 2}, "stages is 2, but no curve of this figure makes use"),
        ({"figure": "all", "k": (1,)}, "k is (1,), but no curve of this figure makes use of it"),
        ({"figure": "figure3", "batch_size": 20}, "batch_size is 20, but no curve of this figure"),
        ({"figure": "figure4", "biases": "zero"}, "biases is 'zero', but no curve of this figure"),
    ],
)
def test_nonsense(options, message, tmp_path):
    with pytest.raises(ValueError, match=re.escape(message)):
        reproduce(**{"figure": "table1", "folder": tmp_path / "out", **options})
    assert not (tmp_path / "out").exists()


def test_data_of_another_size_do_not_go_with_the_schedule(model):
    with pytest.raises(ValueError, match=r"^pass_size is 50, but .* has 60 training datapoints$"):
        replace(model, pass_size=50).load_data()
