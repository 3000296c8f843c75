"""How noisy are the gradients of the encoder? Every estimator on one model, at one point.

A VAE is trained on MNIST for a moment, then held. On one minibatch each estimator draws its
gradient many times. The picture shows the variance of the encoder's gradient, summed over its
parameters, in units of the squared length of its mean: at 1, noise and signal are equally strong.
All estimators have the same mean (the table says how far apart they came out, in standard errors).

    python examples/gradient_variance.py [picture.png] [--draws 500] [--noise-samples 4]
"""

import argparse

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from tqdm import tqdm

from minivae import VAE, fit, load
from minivae.estimators import SGVBA, SGVBB, ScoreFunction, bound_and_grad
from minivae.plots import PALETTE, STYLE, check_path, save

ESTIMATORS = {
    "SGVB-B (eq. 7): KL analytic": SGVBB(),
    "SGVB-A (eq. 6): all sampled": SGVBA(),
    "score function, optimal baselines": ScoreFunction("optimal"),
    "score function, running baseline": ScoreFunction("running"),
    "score function (sec. 2.2)": ScoreFunction(),
}


def trained_model():
    """Return a small VAE, its parameters after 20,000 digits, and a minibatch, in float64."""
    data = load("mnist")
    vae = VAE(784, 5, (100,))
    params = fit(vae, data.train, 20_000, evaluate_every=None, progress=False, threads=1).params
    return vae, params.astype(np.float64), data.train[:100] / 255


def draws_of_gradient(estimator, vae, params, x, draws, L, seed):
    """Return the encoder's gradient, (draws, parameters of the encoder)."""
    rng = np.random.default_rng(seed)
    size = sum(params[name].size for name in vae.encoder.shapes)  # first in the vector
    gradients, state = np.empty((draws, size)), {}
    for row in tqdm(gradients, desc=str(estimator), leave=False, disable=None):
        noise = estimator.draw_noise(vae, rng, L, len(x), params.dtype)
        bound, grad = bound_and_grad(estimator, vae, params, x, noise, state)
        estimator.update(state, bound)
        row[:] = grad.vector[:size]
    return gradients


def measure(draws, L):
    """Return ``{name: (variance / signal, distance of the means)}``.

    The distance is that from the mean of SGVB-B, the least noisy, along the latter's direction, in
    standard errors.
    """
    vae, params, x = trained_model()
    results, signal = {}, None
    for seed, (name, estimator) in enumerate(ESTIMATORS.items()):
        gradients = draws_of_gradient(estimator, vae, params, x, draws, L, seed)
        if signal is None:
            signal = gradients.mean(axis=0)
            direction = signal / np.linalg.norm(signal)
            reference = gradients @ direction
        along = gradients @ direction
        error = np.hypot(along.std(), reference.std()) / np.sqrt(draws)
        distance = (along.mean() - reference.mean()) / error
        results[name] = gradients.var(axis=0).sum() / (signal @ signal), distance
    return results


def draw(results, L):
    """Return the picture: a bar for each estimator, on a log scale."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        axes = figure.subplots()
        names = list(results)[::-1]
        noise = [results[name][0] for name in names]
        colors = [PALETTE[0] if name.startswith("SGVB") else PALETTE[1] for name in names]
        bars = axes.barh(names, noise, color=colors)
        labels = [f"{value:,.0f}" if value > 10 else f"{value:.2f}" for value in noise]
        axes.bar_label(bars, labels, padding=4)
        axes.set(
            xscale="log",
            xlabel="variance of the encoder's gradient / squared length of its mean",
            title=f"One model, one minibatch of 100 digits, L = {L} samples",
        )
        axes.margins(x=0.12)
        axes.axvline(1, color="0.6", linewidth=1, zorder=0)
    return figure


def main():
    """Measure, print the table, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("picture", nargs="?", default="gradient_variance.png")
    parser.add_argument("--draws", type=int, default=500)
    parser.add_argument("--noise-samples", type=int, default=4, help="L, at least 2")
    arguments = parser.parse_args()
    check_path(arguments.picture)
    results = measure(arguments.draws, arguments.noise_samples)
    print(f"{'estimator':<36} {'variance / signal':>18} {'mean off by':>12}")
    for name, (noise, distance) in results.items():
        print(f"{name:<36} {noise:>18.3g} {distance:>8.1f} s.e.")
    save(draw(results, arguments.noise_samples), arguments.picture)
    print(arguments.picture)


if __name__ == "__main__":
    main()
