"""PCA, factor analysis and a VAE as scikit-learn estimators, on the same digits.

All are trained without labels. The tables give, for test digits,

    seconds     of training, of all cores together
    error       root mean square error of inverse_transform(transform(x)), per pixel
    missing     the same for the half of the pixels that was taken away at random, filled in from
                the other half
    accuracy    of the three nearest neighbours, in codes of which so many have labels

and the picture the maps of those with two components, the accuracies, and digits with their missing
pixels filled in.

    python examples/sklearn_digits.py [picture.png] [--train 10000] [--test 2000] [--epochs 60]

Needs scikit-learn (``pip install '.[sklearn]'``); nothing is downloaded.
"""

import argparse
import time

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from sklearn.decomposition import PCA, FactorAnalysis
from sklearn.neighbors import KNeighborsClassifier

from minivae import load
from minivae.plots import PALETTE, STYLE, check_path, image_grid, save
from minivae.sklearn import VAETransformer

COMPONENTS = (2, 20, 100)  # of the maps, of the curves and pictures, and of the table alone
ROUNDS = 30  # of filling in
SHOWN = 10  # digits


def models(n_components, epochs):
    """Return the estimators, by name."""
    # A plane takes a deeper decoder to fold, which with more components leaves many of them unused.
    network = {"hidden": (300, 100), "step_size": 3e-3} if n_components == 2 else {"hidden": (300,)}
    vae = VAETransformer(
        n_components, likelihood="bernoulli", activation="relu", max_iter=epochs, random_state=0,
        n_jobs=-1, **network,
    )  # fmt: skip
    return {
        "PCA": PCA(n_components, random_state=0),
        # To a thousandth of a nat per digit, or it takes minutes.
        "factor analysis": FactorAnalysis(n_components, tol=10, random_state=0),
        "VAE": vae,
    }


def back(model, z):
    """Return the mean of x given codes; FactorAnalysis has no method for it."""
    if isinstance(model, FactorAnalysis):
        return z @ model.components_ + model.mean_
    return model.inverse_transform(z)


def filled_in(model, x, seen, start):
    """Fill in the pixels that were not seen: guess them, encode, decode, and again.

    For the linear models this is the E step of EM, carried on to its fixed point: for factor
    analysis that is E[x missing | x seen].
    """
    guess = np.where(seen, x, start)
    for _ in range(ROUNDS):
        again = np.clip(back(model, model.transform(guess)), 0, 1)
        guess = np.where(seen, x, again)
    return guess.astype(x.dtype)


def accuracies(codes, labels, test_codes, test_labels, counts, draws=5):
    """Return the accuracy of nearest neighbours for each number of labels, the mean of some draws.

    Parameters
    ----------
    codes, labels : (N, J) and (N,) array
    test_codes, test_labels : (M, J) and (M,) array
    counts : list of int
    draws : int
        Random choices of those that have labels.
    """
    found = []
    for count in counts:
        rng, scores = np.random.default_rng(0), []
        for _ in range(draws if count < len(codes) else 1):
            rows = rng.choice(len(codes), count, replace=False)
            neighbours = KNeighborsClassifier(3).fit(codes[rows], labels[rows])
            scores.append(neighbours.score(test_codes, test_labels))
        found.append(float(np.mean(scores)))
    return found


def rms(errors):
    """Return the root mean square."""
    return float(np.sqrt(np.mean(np.square(errors))))


def picture(maps, labels, counts, curves, grids):
    """Draw the maps, the accuracies, and the digits whose pixels were filled in."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(12, 8), layout="constrained")
        above, below = figure.subfigures(2, 1, height_ratios=[1, 1.1])
        for axes, (name, codes) in zip(above.subplots(1, len(maps)), maps.items(), strict=True):
            for digit in range(10):
                of_digit = codes[labels == digit]
                axes.scatter(*of_digit.T, s=5, color=PALETTE[digit], linewidths=0, label=digit)
            axes.set(title=f"{name}, two components", xticks=[], yticks=[])
        above.legend(*axes.get_legend_handles_labels(), loc="outside right center", markerscale=3)
        left, right = below.subplots(1, 2, width_ratios=[1, 1.2])
        for (name, accuracy), colour in zip(curves.items(), PALETTE, strict=False):
            left.semilogx(counts, accuracy, "o-", color=colour, label=name)
        left.set(xlabel="labels", ylabel="accuracy of nearest neighbours")
        left.legend()
        rows = image_grid(np.concatenate(list(grids.values())), (28, 28), columns=SHOWN, gap=1)
        right.imshow(rows, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
        middles = (np.arange(len(grids)) + 0.5) * len(rows) / len(grids)
        right.set_yticks(middles, list(grids))
        right.set(xticks=[], title="half of the pixels, filled in")
        right.tick_params(length=0)
    return figure


def main(arguments=None):
    """Train all, print the tables, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", default="sklearn_digits.png")
    parser.add_argument("--train", type=int, default=10_000, help="digits to train on")
    parser.add_argument("--test", type=int, default=2000, help="digits to test on")
    parser.add_argument("--epochs", type=int, default=60, help="times that the VAE sees them")
    options = parser.parse_args(arguments)
    check_path(options.picture)

    data = load("mnist")
    x, labels = data.train[: options.train] / np.float32(255), data.train_labels[: options.train]
    test, test_labels = (
        data.test[: options.test] / np.float32(255),
        data.test_labels[: options.test],
    )
    seen = np.random.default_rng(0).random(test.shape) < 0.5
    mean = x.mean(axis=0)
    counts = [count for count in (30, 100, 300, 1000, 3000, 10_000) if count < len(x)] + [len(x)]
    print(f"{'':>24} seconds   error missing  accuracy with", *counts, "labels")

    def row(name, seconds, errors, accuracy):
        numbers = " ".join(f"{error:>7.4f}" for error in errors)
        print(f"{name:<24} {seconds:>7.1f} {numbers}  ", *(f"{100 * a:.1f}" for a in accuracy))

    pixels = accuracies(x, labels, test, test_labels, counts)
    row("the pixels, their mean", 0, (rms(test - mean), rms((test - mean)[~seen])), pixels)
    maps, curves = {}, {"pixels": pixels}
    grids = {"digits": test[:SHOWN], "seen": np.where(seen, test, 0.3)[:SHOWN]}
    for n_components in COMPONENTS:
        for name, model in models(n_components, options.epochs).items():
            started = time.process_time()
            model.fit(x)
            seconds = time.process_time() - started
            codes, test_codes = model.transform(x), model.transform(test)
            filled = filled_in(model, test, seen, mean)
            errors = rms(back(model, test_codes) - test), rms((filled - test)[~seen])
            accuracy = accuracies(codes, labels, test_codes, test_labels, counts)
            row(f"{name}, {n_components}", seconds, errors, accuracy)
            if n_components == COMPONENTS[0]:
                maps[name] = test_codes
            elif n_components == COMPONENTS[1]:
                curves[f"{name}, {n_components}"] = accuracy
                grids[name] = filled[:SHOWN]
    save(picture(maps, test_labels, counts, curves, grids), options.picture)
    print(options.picture)


if __name__ == "__main__":
    main()
