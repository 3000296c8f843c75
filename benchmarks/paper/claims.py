"""The paper's claims about its figures 2 and 3, in numbers: Markdown tables for the README beside.

    python benchmarks/paper/claims.py           # of figure2.csv and figure3.csv in this folder
    python benchmarks/paper/claims.py FOLDER    # of those in another

All differences are taken at equal numbers of training samples: the largest that both curves have.
"""

import csv
import sys
from collections import defaultdict
from pathlib import Path

NAMES = {"mnist": "MNIST", "frey": "Frey Faces"}


def read(path):
    """Return the curves of a figure: lists of rows, by (dataset, n_train, n_latent, method)."""
    curves = defaultdict(list)
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            key = row["dataset"], row["n_train"], int(row["n_latent"]), row["method"]
            curves[key].append({**row, "samples": int(row["samples"])})
    return dict(curves)


def by_samples(curve, column):
    """Return {samples: value}."""
    return {row["samples"]: float(row[column]) for row in curve}


def last_common(*curves):
    """Return the largest number of samples at which all curves were measured."""
    return max(set.intersection(*({row["samples"] for row in curve} for curve in curves)))


def minutes_per_million(curve):
    """Return minutes of training per million samples."""
    return float(curve[-1]["seconds"]) / curve[-1]["samples"] * 1e6 / 60


def show(title, header, rows):
    """Print a Markdown table."""
    print(f"\n### {title}\n")
    print("| " + " | ".join(header) + " |")
    print("| " + " | ".join("---" for _ in header) + " |")
    for row in rows:
        print("| " + " | ".join(str(cell) for cell in row) + " |")


def pairs(curves):
    """Yield (name, AEVB's curve, wake-sleep's curve) for the panels that have both."""
    for (dataset, n_train, n_latent, method), curve in curves.items():
        rival = curves.get((dataset, n_train, n_latent, "wake-sleep"))
        if method == "aevb" and rival:
            yield f"{NAMES.get(dataset, dataset)}, {n_latent}", curve, rival


def better_and_faster(curves):
    """Claims 1 and 2: AEVB ends better, and is sooner where wake-sleep ends."""
    rows = []
    for name, aevb, rival in pairs(curves):
        end = last_common(aevb, rival)
        test = [by_samples(curve, "test_bound") for curve in (aevb, rival)]
        goal = test[1][end]
        sooner = min((n for n, bound in test[0].items() if bound >= goal), default=None)
        speedup = "never" if sooner is None else f"{sooner:.2g} ({end / sooner:.1f} times fewer)"
        ends = [f"{bounds[end]:.1f}" for bounds in test]
        rows.append((name, f"{end:.2g}", *ends, f"{test[0][end] - goal:+.1f}", speedup))
    header = (
        "model, latents", "samples", "AEVB", "wake-sleep", "difference",
        "samples at which AEVB passes wake-sleep's end",
    )  # fmt: skip
    show("Figure 2: test bound of AEVB and of wake-sleep", header, rows)


def no_overfitting(curves):
    """Claim 3: with superfluous latents, the test bound stays, and so does the gap to training."""
    rows = []
    aevb = {key: curve for key, curve in curves.items() if key[3] == "aevb"}
    for dataset in dict.fromkeys(key[0] for key in aevb):
        group = {key[2]: curve for key, curve in aevb.items() if key[0] == dataset}
        end = last_common(*group.values())
        for n_latent, curve in group.items():
            train, test = (by_samples(curve, f"{part}_bound")[end] for part in ("train", "test"))
            best = max(by_samples(curve, "test_bound").values())
            name = f"{NAMES.get(dataset, dataset)}, {n_latent}"
            numbers = f"{train:.1f}", f"{test:.1f}", f"{train - test:.1f}", f"{best:.1f}"
            rows.append((name, f"{end:.2g}", *numbers))
    header = "model, latents", "samples", "training", "test", "gap", "best test bound ever"
    show("Figure 2: overfitting, AEVB", header, rows)


def likelihoods(curves):
    """Claims 2 and 4: log p(x) of the three methods, and what they cost."""
    rows = []
    for (_, n_train, _, method), curve in curves.items():
        end = last_common(*(c for key, c in curves.items() if key[1] == n_train))
        (row,) = (row for row in curve if row["samples"] == end)
        cells = [
            f"{float(row[f'{part}_log_px']):.1f} ± {float(row[f'{part}_log_px_error']):.1f}"
            for part in ("train", "test")
        ]
        minutes = f"{minutes_per_million(curve):.2f}"
        rows.append((n_train, method, f"{end:.2g}", *cells, minutes))
    header = (
        "N_train", "method", "samples", "log p(x), training", "log p(x), test",
        "minutes per million samples",
    )  # fmt: skip
    show("Figure 3: log p(x) after equal numbers of samples", header, rows)


def cost(curves):
    """Claim 5: minutes per million samples."""
    rows = [
        (f"{NAMES.get(dataset, dataset)}, {n_latent}", method, f"{minutes_per_million(curve):.2f}")
        for (dataset, _, n_latent, method), curve in curves.items()
    ]
    show(
        "Figure 2: minutes of training per million samples, on one thread",
        ("model, latents", "method", "minutes"),
        rows,
    )


def main():
    """Print what there is data for."""
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent
    figure2, figure3 = folder / "figure2.csv", folder / "figure3.csv"
    if not (figure2.exists() or figure3.exists()):
        sys.exit(f"there is no figure2.csv or figure3.csv in {folder}")
    if figure2.exists():
        curves = read(figure2)
        better_and_faster(curves)
        no_overfitting(curves)
        cost(curves)
    if figure3.exists():
        likelihoods(read(figure3))


if __name__ == "__main__":
    main()
