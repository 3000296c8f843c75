"""The page about the paper's experiments: its tables are those of the measurements beside it."""

import csv
import sys
from pathlib import Path

import pytest

from minivae import load_model
from minivae.app import cli
from minivae.evaluation.bound import mean_bound
from minivae.evaluation.latents import latent_usage
from minivae.experiments import table1
from minivae.experiments.curves import CurveFolder

PAPER = Path(__file__).parents[1] / "benchmarks" / "paper"
sys.path.insert(0, str(PAPER))

import claims  # noqa: E402


def printed(folder, capsys, monkeypatch, first=2):
    """The rows of all tables, by title: lists of cells. With first=0, headings as well."""
    monkeypatch.setattr(sys, "argv", ["claims.py", str(folder)])
    claims.main()
    tables = {}
    for line in capsys.readouterr().out.splitlines():
        if line.startswith("### "):
            rows = tables[line.removeprefix("### ")] = []
        elif line.startswith("| "):
            rows.append([cell.strip() for cell in line.strip("|").split("|")])
    return {title: rows[first:] for title, rows in tables.items()}


def write(path, rows):
    with path.open("w", newline="") as file:
        table = csv.DictWriter(file, list(rows[0]))
        table.writeheader()
        table.writerows(rows)


def bounds(method, seed, values, start=0.01, seconds=6, gap=2):
    """Rows of figure2.csv: values at 100, 200, ... samples; the training bound is `gap` above."""
    head = {"dataset": "frey", "n_latent": 5, "method": method, "start_std": start, "seed": seed}
    return [
        {
            **head,
            "samples": 100 * k,
            "seconds": seconds * k,
            "train_bound": v + gap,
            "test_bound": v,
        }
        for k, v in enumerate(values, 1)
    ]


def test_figure_2_at_equal_numbers_of_samples(tmp_path, capsys, monkeypatch):
    write(
        tmp_path / "figure2.csv",
        [
            *bounds("aevb", 0, [10, 40, 50, 990]),  # beyond the end of others
            *bounds("aevb", 1, [20, 60, 54], seconds=7, gap=5),
            *bounds("aevb", 2, [30, 50, 58], seconds=9, gap=0),
            *bounds("wake-sleep", 0, [1, 2, 45]),
            *bounds("aevb", 0, [3], start=0.1),
            *bounds("wake-sleep", 0, [500, 601], start=0.1),
        ],
    )
    tables = printed(tmp_path, capsys, monkeypatch)
    assert tables["Figure 2: test bound of AEVB and of wake-sleep"] == [
        [
            "Frey Faces, 5", "3e+02", "54.0 (+4.0, -4.0)", "45.0", "+9.0",
            "2e+02 (1.5 times fewer)",
        ],
        ["Frey Faces, 5, start 0.1", "1e+02", "3.0", "500.0", "-497.0", "never"],
    ]  # fmt: skip
    assert tables["Figure 2: wake-sleep on Frey Faces"] == [
        ["5", "0.01", "3e+02", "45.0", "never"],
        ["5", "0.1", "2e+02", "601.0", "2e+02"],
    ]
    assert tables["Figure 2: overfitting, AEVB"] == [
        # The median of the seeds' gaps, and not the difference of the medians.
        ["Frey Faces, 5", "3e+02", "58.0", "54.0", "2.0 (+3.0, -2.0)", "990.0 at 4e+02"],
        ["Frey Faces, 5, start 0.1", "1e+02", "5.0", "3.0", "2.0", "3.0 at 1e+02"],
    ]
    minutes = [
        row[-1]
        for row in tables["Figure 2: minutes of training per million samples, on one thread"]
    ]
    assert minutes == ["1000.00"] * 4


def test_figure_2_of_seeds_that_go_on_where_others_end(tmp_path, capsys, monkeypatch):
    rows = [
        *bounds("aevb", 0, [10, 20, 30, 40]),
        *bounds("aevb", 1, [70, 80]),
        *bounds("aevb", 2, [11, 22, 31, 46]),
        *bounds("wake-sleep", 0, [1, 2, 3, 4]),
        *bounds("wake-sleep", 1, [7, 8]),
        *bounds("aevb", 0, [1, 2, 3], start=0.1),  # no wake-sleep to compare with
        *bounds("aevb", 1, [1], start=0.1),
    ]
    write(tmp_path / "figure2.csv", rows)
    title = "Figure 2: test bound where not all seeds go on"
    assert printed(tmp_path, capsys, monkeypatch)[title] == [
        ["Frey Faces, 5", "2e+02", "23.0 (+1.0, -1.0)", "21.0 (+1.0, -1.0)", "2.0", "+19.0"],
        ["Frey Faces, 5", "3e+02", "32.5 (+0.5, -0.5)", "30.5 (+0.5, -0.5)", "3.0", "+27.5"],
        ["Frey Faces, 5", "4e+02", "45.0 (+3.0, -3.0)", "43.0 (+3.0, -3.0)", "4.0", "+39.0"],
    ]
    write(tmp_path / "figure2.csv", [row for row in rows if row["method"] == "aevb"])
    assert title not in printed(tmp_path, capsys, monkeypatch)


def test_seeds_that_were_never_measured_at_the_same_samples(tmp_path, capsys, monkeypatch):
    none = "there is no number of samples at which all were measured"
    odd, even = bounds("aevb", 0, [1, 2, 3]), bounds("aevb", 1, [1, 2, 3])
    rivals = bounds("wake-sleep", 0, [1, 2])
    rivals += [{**row, "samples": row["samples"] + 1, "seed": 1} for row in rivals]
    others = [{**row, "samples": row["samples"] + 1} for row in even]
    write(tmp_path / "figure2.csv", [*odd, *others, *rivals])
    chains = [
        {"n_train": 1000, "method": "aevb", "seed": seed, "samples": 100 + seed, "seconds": 60}
        for seed in (0, 1)
    ]
    write(tmp_path / "figure3.csv", chains)
    *tables, cost, likelihoods = printed(tmp_path, capsys, monkeypatch).values()
    assert [table[0] for table in (*tables, likelihoods)] == [
        ["Frey Faces, 5", none, "", "", "", ""],
        ["5", "0.01", none, "", ""],
        ["Frey Faces, 5", none, "", "", "", ""],
        ["1000", "aevb", none, "", "", ""],
    ]
    assert len(cost) == 2


def test_ratios_have_no_more_digits_than_a_curve_has_points():
    assert [claims.times(n) for n in (1.58, 9.96, 15.87, 625.0)] == [
        "1.6 times", "10.0 times", "16 times", "625 times",
    ]  # fmt: skip


def test_figure_3(tmp_path, capsys, monkeypatch):
    rows = [
        {
            "n_train": 1000, "method": method, "seed": seed, "samples": 100, "seconds": 60,
            "train_log_px": -value, "train_log_px_error": 1, "test_log_px": -value - 3,
            "test_log_px_error": 2,
        }
        for method, seed, value in (("aevb", 0, 10), ("aevb", 1, 12), ("mcem", 0, 20))
    ]  # fmt: skip
    write(tmp_path / "figure3.csv", rows)
    (table,) = printed(tmp_path, capsys, monkeypatch).values()
    assert table == [
        ["1000", "aevb", "1e+02", "-11.0 ± 1.0", "-14.0 ± 2.0", "10000.00"],
        ["1000", "mcem", "1e+02", "-20.0 ± 1.0", "-23.0 ± 2.0", "10000.00"],
    ]


def test_table_1_stage_after_stage(tmp_path, capsys, monkeypatch):
    rows = [
        {
            "k": k, "batch_size": m, "biases": biases, "seed": seed, "passes": f"{passes}.0",
            "test_log_px": -value, "active_latents": 9, "test_log_px_datapoints": digits,
        }
        for k, m, biases, seed, passes, value, digits in (
            (1, 20, "mean", 0, 1, 100.123, 10_000), (1, 20, "mean", 0, 4, 90, 10_000),
            (5, 100, "mean", 0, 4, 80, 10_000), (1, 20, "zero", 0, 4, 70, 1000),
            (1, 20, "mean", 1, 4, 60, 10_000),
        )
    ]  # fmt: skip
    write(tmp_path / "table1.csv", rows)
    assert printed(tmp_path, capsys, monkeypatch, first=0) == {
        "Table 1: -log p(x) of test digits (active latents)": [
            ["passes", "k = 1", "k = 5, minibatches of 100",
             "k = 1, biases at zero, first 1000 digits", "k = 1, seed 1"],
            ["---"] * 5,
            ["1", "100.12 (9)", "", "", ""],
            ["4", "90.00 (9)", "80.00 (9)", "70.00 (9)", "60.00 (9)"],
        ]
    }  # fmt: skip


def test_nothing_to_read_is_one_line(tmp_path, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["claims.py", str(tmp_path)])
    with pytest.raises(SystemExit, match=r"there is no figure2\.csv, figure3\.csv or table1\.csv"):
        claims.main()


def test_the_page_shows_what_was_measured(capsys, monkeypatch):
    text = (PAPER / "README.md").read_text()
    shown = {tuple(cell.strip() for cell in line.strip("|").split("|"))
             for line in text.splitlines() if line.startswith("|")}  # fmt: skip
    for title, rows in printed(PAPER, capsys, monkeypatch, first=0).items():
        missing = [row for row in rows if tuple(row) not in shown]
        assert not missing, f"{title}: python benchmarks/paper/claims.py prints other rows"


def test_a_curve_is_no_run(tmp_path, capsys):
    (curve,) = table1.curves(1, stages=8, k=[1])
    place = CurveFolder(curve, tmp_path)
    place.save_settings(place.settings())
    assert cli.main(["evaluate", str(place.path)]) == 2
    message = f"run: {place.path} holds a curve of minivae reproduce, and no run"
    assert message in capsys.readouterr().err


@pytest.mark.parametrize("k", [1, 5])
def test_a_model_beside_table_1_is_the_one_in_it(k):
    (curve,) = table1.curves(1, stages=8, k=[k])
    *_, last = [row for row in claims.read(PAPER / "table1.csv")
                if (row["k"], row["biases"]) == (str(k), "mean")]  # fmt: skip
    assert int(last["samples"]) == curve.samples
    vae, params = load_model(PAPER / f"table1_k{k}.npz")
    digits = curve.load_data()
    assert vae.param_shapes == curve.build_model(digits).param_shapes
    bound = mean_bound(vae, params, digits.test, noise_samples=k)
    assert bound == pytest.approx(float(last["test_bound"]), abs=1e-3)
    assert latent_usage(vae, params, digits.test).active.sum() == int(last["active_latents"])
