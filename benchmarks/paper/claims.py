"""The paper's claims about its figures 2 and 3, in numbers: Markdown tables for the README beside.

    python benchmarks/paper/claims.py           # of the CSV files in this folder
    python benchmarks/paper/claims.py FOLDER    # of those in another

All differences are taken at equal numbers of training samples: the largest that all curves have.
Of several seeds, the median is shown, and how far the lowest and the highest are from it.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path
from statistics import median
from typing import NamedTuple

NAMES = {"mnist": "MNIST", "frey": "Frey Faces"}
_TEST_DIGITS = 10_000  # of MNIST
_NO_END = "there is no number of samples at which all were measured"
_LEFT = 600  # nats; a decoder of Frey Faces that ignores z comes to 570


class Model(NamedTuple):
    """What a panel of figure 2 is of."""

    dataset: str
    n_latent: int
    start_std: float

    def __str__(self):
        start = "" if self.start_std == 0.01 else f", start {self.start_std:g}"
        return f"{NAMES.get(self.dataset, self.dataset)}, {self.n_latent}{start}"


def read(path):
    """Return the rows of a table: dicts of text."""
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def model_of(row):
    """Return the `Model` that a row of figure2.csv is of."""
    return Model(row["dataset"], int(row["n_latent"]), float(row["start_std"]))


def n_train_of(row):
    """Return the number of training digits, of a row of figure3.csv."""
    return row["n_train"]


def curves_of(rows, panel_of):
    """Return ``{panel: {method: {seed: {samples: row}}}}``."""
    curves = defaultdict(lambda: defaultdict(lambda: defaultdict(dict)))
    for row in rows:
        seeds = curves[panel_of(row)][row["method"]]
        seeds[int(row["seed"])][int(row["samples"])] = row
    return curves


def last_common(*methods):
    """Return the largest number of samples at which all seeds of all methods were measured.

    If there is none, None.
    """
    common = set.intersection(*(set(curve) for seeds in methods for curve in seeds.values()))
    return max(common, default=None)


def values_at(seeds, samples, column):
    """Return what was measured after so many samples, of each seed."""
    return [float(curve[samples][column]) for curve in seeds.values() if samples in curve]


def medians(seeds, column):
    """Return ``{samples: median over the seeds}``, in order."""
    points = sorted(set().union(*seeds.values()))
    return {samples: median(values_at(seeds, samples, column)) for samples in points}


def reached(seeds, goal):
    """Return the first samples at which the test bound is as high, or None."""
    bounds = medians(seeds, "test_bound")
    return next((samples for samples, bound in bounds.items() if bound >= goal), None)


def spread(values):
    """Return the median with the distances to the highest and to the lowest value, as text."""
    middle = median(values)
    if len(values) == 1:
        return f"{middle:.1f}"
    return f"{middle:.1f} (+{max(values) - middle:.1f}, -{middle - min(values):.1f})"


def times(ratio):
    """Return a ratio as text, with few digits: the points of a curve are five to a decade."""
    return f"{ratio:.0f} times" if ratio >= 10 else f"{ratio:.1f} times"


def minutes_per_million(seeds):
    """Return the minutes of training for a million samples, of the seed least held up by others."""
    ends = [curve[max(curve)] for curve in seeds.values()]
    return min(float(end["seconds"]) / int(end["samples"]) * 1e6 / 60 for end in ends)


def show(title, header, rows):
    """Print a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        cells = *row, *[""] * (len(header) - len(row))
        print("| " + " | ".join(str(cell) for cell in cells) + " |")


def trained_by_both(curves):
    """Return ``[(model, AEVB's seeds, wake-sleep's seeds)]``, of models that have both."""
    both = ("aevb", "wake-sleep")
    return [
        (model, *(methods[name] for name in both))
        for model, methods in curves.items()
        if methods.keys() >= set(both)
    ]


def better_and_faster(curves):
    """Claims 1 and 2: AEVB ends better, and is sooner where wake-sleep ends."""
    rows = []
    for model, aevb, rival in trained_by_both(curves):
        end = last_common(aevb, rival)
        if end is None:
            rows.append((model, _NO_END))
            continue
        ends = [values_at(seeds, end, "test_bound") for seeds in (aevb, rival)]
        goal = median(ends[1])
        sooner = reached(aevb, goal)
        speedup = "never" if sooner is None else f"{sooner:.2g} ({times(end / sooner)} fewer)"
        difference = f"{median(ends[0]) - goal:+.1f}"
        rows.append((model, f"{end:.2g}", *map(spread, ends), difference, speedup))
    header = (
        "model, latents", "samples", "AEVB", "wake-sleep", "difference",
        "samples at which AEVB passes wake-sleep's end",
    )  # fmt: skip
    show("Figure 2: test bound of AEVB and of wake-sleep", header, rows)


def beyond(curves):
    """Claims 1 to 3 for the seeds that go on where others end, if both methods have such."""
    rows = []
    for model, *both in trained_by_both(curves):
        start = min(max(curve) for seeds in both for curve in seeds.values())
        longer = [{k: v for k, v in seeds.items() if max(v) > start} for seeds in both]
        if not all(longer):
            continue
        points = set.intersection(*(set(curve) for seeds in longer for curve in seeds.values()))
        for n in sorted(n for n in points if n >= start):
            training = values_at(longer[0], n, "train_bound")
            aevb, rival = (values_at(seeds, n, "test_bound") for seeds in longer)
            difference = f"{median(aevb) - median(rival):+.1f}"
            rows.append((model, f"{n:.2g}", *map(spread, (training, aevb, rival)), difference))
    header = "model, latents", "samples", "AEVB, training", "AEVB", "wake-sleep", "difference"
    if rows:
        show("Figure 2: test bound where not all seeds go on", header, rows)


def two_starts(curves):
    """Whether wake-sleep leaves the plateau of Frey Faces, by how the weights start."""
    rows = []
    for model, methods in curves.items():
        if model.dataset != "frey" or "wake-sleep" not in methods:
            continue
        seeds = methods["wake-sleep"]
        end = last_common(seeds)
        if end is None:
            rows.append((model.n_latent, f"{model.start_std:g}", _NO_END))
            continue
        left = reached(seeds, _LEFT)
        bound = spread(values_at(seeds, end, "test_bound"))
        when = "never" if left is None else f"{left:.2g}"
        rows.append((model.n_latent, f"{model.start_std:g}", f"{end:.2g}", bound, when))
    header = "latents", "start", "samples", "test bound", f"samples at which it is above {_LEFT}"
    show("Figure 2: wake-sleep on Frey Faces", header, rows)


def no_overfitting(curves):
    """Claim 3: with superfluous latents, the test bound stays, and so does the gap to training."""
    rows = []
    aevb = {model: methods["aevb"] for model, methods in curves.items() if "aevb" in methods}
    for dataset in dict.fromkeys((model.dataset, model.start_std) for model in aevb):
        group = {m: seeds for m, seeds in aevb.items() if (m.dataset, m.start_std) == dataset}
        end = last_common(*group.values())
        if end is None:
            rows += [(model, _NO_END) for model in group]
            continue
        for model, seeds in group.items():
            train, test = (values_at(seeds, end, f"{part}_bound") for part in ("train", "test"))
            gaps = [a - b for a, b in zip(train, test, strict=True)]
            best = max((bound, n) for n, bound in medians(seeds, "test_bound").items())
            numbers = f"{median(train):.1f}", f"{median(test):.1f}", spread(gaps)
            rows.append((model, f"{end:.2g}", *numbers, f"{best[0]:.1f} at {best[1]:.2g}"))
    header = "model, latents", "samples", "training", "test", "gap", "best test bound"
    show("Figure 2: overfitting, AEVB", header, rows)


def likelihoods(curves):
    """Claims 2 and 4: log p(x) of the three methods, and what they cost."""
    rows = []
    for n_train, methods in curves.items():
        end = last_common(*methods.values())
        if end is None:
            rows += [(n_train, method, _NO_END) for method in methods]
            continue
        for method, seeds in methods.items():
            cells = [
                f"{median(values_at(seeds, end, f'{part}_log_px')):.1f} ± "
                f"{median(values_at(seeds, end, f'{part}_log_px_error')):.1f}"
                for part in ("train", "test")
            ]
            minutes = f"{minutes_per_million(seeds):.2f}"
            rows.append((n_train, method, f"{end:.2g}", *cells, minutes))
    header = (
        "N_train", "method", "samples", "log p(x), training", "log p(x), test",
        "minutes per million samples",
    )  # fmt: skip
    show("Figure 3: log p(x) after equal numbers of samples", header, rows)


def cost(curves):
    """Claim 5: minutes per million samples."""
    rows = [
        (model, method, f"{minutes_per_million(seeds):.2f}")
        for model, methods in curves.items()
        for method, seeds in methods.items()
    ]
    show(
        "Figure 2: minutes of training per million samples, on one thread",
        ("model, latents", "method", "minutes"),
        rows,
    )


def published_table(rows):
    """Table 1 of Burda, Grosse and Salakhutdinov, stage after stage: -log p(x), active latents."""
    models = defaultdict(dict)
    for row in rows:
        digits = row["test_log_px_datapoints"]
        model = (
            f"k = {row['k']}",
            "" if row["batch_size"] == "20" else f", minibatches of {row['batch_size']}",
            "" if row["biases"] == "mean" else f", biases at {row['biases']}",
            "" if row["seed"] == "0" else f", seed {row['seed']}",
            "" if digits == str(_TEST_DIGITS) else f", first {digits} digits",
        )
        models["".join(model)][float(row["passes"])] = row
    table = []
    for passes in sorted({passes for curve in models.values() for passes in curve}):
        cells = [curve.get(passes) for curve in models.values()]
        shown = [
            f"{-float(row['test_log_px']):.2f} ({row['active_latents']})" if row else ""
            for row in cells
        ]
        table.append((f"{passes:g}", *shown))
    show("Table 1: -log p(x) of test digits (active latents)", ("passes", *models), table)


def main():
    """Print what there is data for."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    tables = {name: folder / f"{name}.csv" for name in ("figure2", "figure3", "table1")}
    found = {name: read(path) for name, path in tables.items() if path.exists()}
    if not found:
        sys.exit(f"there is no figure2.csv, figure3.csv or table1.csv in {folder}")
    if "figure2" in found:
        curves = curves_of(found["figure2"], model_of)
        better_and_faster(curves)
        beyond(curves)
        two_starts(curves)
        no_overfitting(curves)
        cost(curves)
    if "figure3" in found:
        likelihoods(curves_of(found["figure3"], n_train_of))
    if "table1" in found:
        published_table(found["table1"])


if __name__ == "__main__":
    main()
