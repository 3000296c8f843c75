"""EM and AEVB side by side on a model whose maximum of the likelihood is known.

A VAE without hidden layers and with fixed Gaussian noise is probabilistic PCA. Its maximum has a
closed form, so that one can say of both algorithms, pass by pass over the data, how many nats they
are short of it, and by what angle they miss the principal subspace. The data are MNIST digits,
pooled to 7 x 7 pixels.

    python examples/linear_vae.py [picture.png] [--latent 5] [--digits 4000] [--passes 60]

AEVB is given the maximum's noise variance and takes minibatches of 100 with Adam, whose step falls
to a tenth after each third of the passes; EM learns the noise, and sees all the data at each step.
AEVB's last column is the largest cosine between two rows of W: the likelihood leaves a rotation of
z free, but a diagonal q(z|x) is exact only where these rows are orthogonal.
"""

import argparse
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy.linalg import subspace_angles

from minivae import VAE, Adam, fit, load
from minivae.likelihoods import FixedGaussian
from minivae.plots import PALETTE, STYLE, check_path, save
from minivae.relatives.linear_gaussian import em_step, linear_vae_marginal, ppca, ppca_em

STEP_SIZES = (3e-2, 3e-3, 3e-4)


class Point(NamedTuple):
    """Where an algorithm stands after some passes over the data."""

    passes: int
    shortfall: float  # of the mean log-likelihood, in nats per datapoint
    angle: float  # largest principal angle to the principal subspace, in degrees
    cosine: float  # largest between two rows of W


def pooled_digits(n):
    """Return n digits as means over 4 x 4 pixels, (n, 49), from 0 to 1."""
    pixels = load("mnist").train[:n].reshape(-1, 7, 4, 7, 4)
    return pixels.mean(axis=(2, 4)).reshape(-1, 49) / 255


def measure(passes, model, best, x):
    """Compare a model with the best one."""
    shortfall = np.mean(best.log_likelihood(x) - model.log_likelihood(x))
    angle = np.rad2deg(subspace_angles(model.W.T, best.W.T).max())
    rows = model.W / np.linalg.norm(model.W, axis=1, keepdims=True)
    cosine = np.max(np.abs(np.triu(rows @ rows.T, 1)))
    return Point(passes, float(shortfall), float(angle), float(cosine))


def run_em(x, best, passes):
    """Return a `Point` for every sweep of EM."""
    model = ppca_em(x, len(best.W), np.random.default_rng(0), sweeps=1).model
    curve = [measure(1, model, best, x)]
    while len(curve) < passes:
        model = em_step(model, x)
        curve.append(measure(len(curve) + 1, model, best, x))
    return curve


def run_aevb(x, best, passes):
    """Return a `Point` for every epoch of algorithm 1."""
    vae = VAE(x.shape[1], len(best.W), (), FixedGaussian(float(np.sqrt(best.noise_var))))
    curve, params = [], None

    def note(params, history):
        curve.append(measure(len(curve) + 1, linear_vae_marginal(vae, params), best, x))

    for stage, step_size in enumerate(STEP_SIZES):
        params = fit(
            vae,
            x,
            len(x) * passes // len(STEP_SIZES),
            optimizer=Adam(step_size),
            weight_prior=False,
            seed=stage,
            evaluate_every=len(x),
            params=params,
            callback=note,
        ).params
    return curve


def print_table(em, aevb):
    """Print both curves at passes 1, 2, 5, 10, 20, ... and the last."""
    marks = {m * 10**k for m in (1, 2, 5) for k in range(6)} | {len(aevb)}
    print("passes    EM: nats short    angle    AEVB: nats short    angle    cosine")
    for a, b in zip(em, aevb, strict=True):
        if a.passes in marks:
            print(
                f"{a.passes:6d}{a.shortfall:19.6f}{a.angle:9.3f}"
                f"{b.shortfall:20.6f}{b.angle:9.3f}{b.cosine:10.3f}"
            )


def picture(em, aevb):
    """Draw both curves, on logarithmic axes."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 3.6), layout="constrained")
        panels = figure.subplots(1, 2)
        for name, curve, colour in (("EM", em, PALETTE[0]), ("AEVB", aevb, PALETTE[1])):
            passes, shortfall, angle, _ = zip(*curve, strict=True)
            panels[0].loglog(passes, shortfall, color=colour, label=name)
            panels[1].loglog(passes, angle, color=colour, label=name)
        panels[0].axhline(0.1, color="0.6", linewidth=1, linestyle="--")
        panels[0].set_ylabel("nats below the maximum")
        panels[1].set_ylabel("largest principal angle (degrees)")
        for panel, bottom in zip(panels, (1e-4, 1e-2), strict=True):
            panel.set_ylim(bottom)  # EM goes on to where rounding stops it
            panel.set_xlabel("passes over the data")
        panels[0].legend()
    return figure


def main(arguments=None):
    """Run both, print the table, write the picture."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("path", nargs="?", default="linear_vae.png", help="where the picture goes")
    parser.add_argument("--latent", type=int, default=5)
    parser.add_argument("--digits", type=int, default=4000, help="a multiple of 100")
    parser.add_argument("--passes", type=int, default=60, help="a multiple of 3")
    options = parser.parse_args(arguments)
    check_path(options.path)
    for name, number, unit in (("digits", options.digits, 100), ("passes", options.passes, 3)):
        if number < unit or number % unit:
            parser.error(f"--{name} is {number}, expected a multiple of {unit}")
    x = pooled_digits(options.digits)
    best = ppca(x, options.latent)
    print(f"maximum of the log-likelihood: {best.log_likelihood(x).mean():.4f} nats per datapoint")
    em, aevb = (run(x, best, options.passes) for run in (run_em, run_aevb))
    print_table(em, aevb)
    save(picture(em, aevb), options.path)


if __name__ == "__main__":
    main()
