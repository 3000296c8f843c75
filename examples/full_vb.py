"""Few data: maximum likelihood, MAP and full variational Bayes on the same small model.

Two hundred digits do not say what ten thousand weights should be. Maximum likelihood learns them by
heart; MAP (`minivae.fit` with its weight prior) looks for the one most probable theta; full
variational Bayes (app. F) keeps a distribution of theta, under the same prior. The picture shows
the bound on the training digits and on new ones against the training samples seen. With full
variational Bayes it is averaged over draws of theta; the table also has it at the mean theta.

    python examples/full_vb.py [picture.png] [--digits 200] [--samples 1200000]

Overfitting is the gap between training and test. It ends at 21.5 nats with maximum likelihood,
whose test bound falls from 240,000 samples on; at 10.0 with MAP; at 2.8 with full variational
Bayes, whose test bound dips while sigma grows from its small start, and then rises to the end. That
does not make it the better model of new digits: averaged over theta its test bound is 3 nats below
MAP's, at the mean theta level with it. Under a prior as wide as N(0, I) a q(theta) without
correlations gives most of the hidden units up, and leaves their outgoing weights to the prior.
"""

import argparse

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter

from minivae import VAE, Adam, fit, load
from minivae.datasets import Dataset
from minivae.evaluation import mean_bound
from minivae.plots import PALETTE, STYLE, check_path, save
from minivae.training.full_vb import FullVB, fit_full_vb
from minivae.training.history import History

LATENT, HIDDEN, STEP_SIZE, TEST_DIGITS = 5, 50, 3e-3, 1000
SIGMA = 0.02  # of theta at the start: as little as the weights, so that they can grow at all


def few_digits(n):
    """Return n training digits of MNIST, and more to test with, as means over 2 x 2 pixels."""
    data = load("mnist")
    parts = data.train[:n], data.test[:TEST_DIGITS]
    train, test = (part.reshape(-1, 14, 2, 14, 2).mean(axis=(2, 4)) / 255 for part in parts)
    return Dataset(train.reshape(n, 196), test.reshape(-1, 196), (14, 14), f"mnist-{n}")


def learning_curves(data, samples, evaluations=20, seed=0):
    """Fit the same model in three ways.

    Returns
    -------
    curves : dict of str to History
    at_mean : History
        A single entry: what full variational Bayes ends with, at the mean theta.
    """
    N = len(data.train)
    vae = VAE(data.train.shape[1], LATENT, (HIDDEN,))
    options = {
        "batch_size": min(N, 100),
        "optimizer": Adam(STEP_SIZE),
        "seed": seed,
        "evaluate_every": max(1, samples // evaluations),
    }
    curves = {
        name: fit(vae, data, samples, weight_prior=prior, threads=1, **options).history
        for name, prior in (("maximum likelihood", False), ("MAP", True))
    }
    full = FullVB(vae, N)
    start = full.init_params(np.random.default_rng(seed), sigma=SIGMA)
    params, history = fit_full_vb(vae, data, samples, params=start, **options)
    curves["full variational Bayes"] = history
    bounds = (mean_bound(vae, full.draw(params), x, noise_samples=10) for x in data[:2])
    at_mean = History()
    at_mean.append(history.samples[-1], *bounds, history.seconds[-1])
    return curves, at_mean


def print_table(curves):
    """Print the bounds at the end, and where the test bound was best."""
    print("nats per datapoint        train     test      gap   best test   after samples")
    for name, history in curves.items():
        train, test = history.train_bound[-1], history.test_bound[-1]
        best = int(np.argmax(history.test_bound))
        print(
            f"{name:22s}{train:9.1f}{test:9.1f}{train - test:9.1f}"
            f"{history.test_bound[best]:12.1f}{history.samples[best]:16,}"
        )


def picture(curves):
    """Draw the curves: test solid, training dashed."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(7, 4.2), layout="constrained")
        axes = figure.subplots()
        for color, (name, history) in zip(PALETTE, curves.items(), strict=False):
            axes.plot(history.samples, history.test_bound, color=color, label=f"{name}, test")
            axes.plot(history.samples, history.train_bound, "--", color=color, label="training")
        axes.set_xlabel("training samples seen")
        axes.set_ylabel("bound (nats per datapoint)")
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
        figure.legend(ncols=3, loc="outside upper center")
    return figure


def main(arguments=None):
    """Fit the three, print the table, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", default="full_vb.png", help="where the picture goes")
    parser.add_argument("--digits", type=int, default=200)
    parser.add_argument("--samples", type=int, default=1_200_000, help="for each of the three")
    options = parser.parse_args(arguments)
    check_path(options.path)
    curves, at_mean = learning_curves(few_digits(options.digits), options.samples)
    print_table({**curves, "  at the mean theta": at_mean})
    save(picture(curves), options.path)


if __name__ == "__main__":
    main()
