"""What can be done with a run: numbers and pictures."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minivae import plots
from minivae.app.options import load_data, open_run
from minivae.binarization import SCORES_DIFFER
from minivae.datasets import Dataset
from minivae.evaluation import bound_terms
from minivae.evaluation.latents import ACTIVE_ABOVE, latent_usage
from minivae.params import Params
from minivae.vae import VAE


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the bound on both parts of the data, and its two terms."""
    run = open_run(arguments.run)
    vae, params = run.load_model()
    data = load_data(run.settings, fixed=True)
    if run.settings["binarize"] is not None:
        print(f"{run.settings['binarize'].title()}ally binarised pixels. {SCORES_DIFFER}")
    header = ("nats per datapoint", "bound (std. error)", "log p(x|z)", "KL", "datapoints")
    print("{:<20} {:>18} {:>12} {:>8} {:>12}".format(*header))
    for name, x in (("test", data.test), ("train", data.train)):
        log_px, minus_kl = bound_terms(
            vae, params, x, noise_samples=arguments.noise_samples, seed=arguments.seed
        )
        bounds = log_px + minus_kl
        error = bounds.std() / math.sqrt(len(bounds))
        bound = f"{bounds.mean():.2f} ({error:.2f})"
        print(
            f"{name:<20} {bound:>18} {log_px.mean():>12.2f} {-minus_kl.mean():>8.2f} "
            f"{len(bounds):>12,}"
        )


def _picture(
    arguments: argparse.Namespace, name: str, draw: Callable[[VAE, Params, Dataset], Figure]
) -> None:
    """Draw one picture of a run, ``draw(vae, params, data)``, and say where it is."""
    run = open_run(arguments.run)
    vae, params = run.load_model()
    figure = draw(vae, params, load_data(run.settings, fixed=True))
    path = Path(arguments.out) if arguments.out else run.path / f"{name}.png"
    plots.save(figure, path)
    print(path)


def sample(arguments: argparse.Namespace) -> None:
    """Draw fresh samples from the model."""
    rng = np.random.default_rng(arguments.seed)
    _picture(
        arguments,
        "samples",
        lambda vae, params, data: plots.samples(
            vae, params, data.image_shape, n=arguments.n, rng=rng
        ),
    )


def reconstruct(arguments: argparse.Namespace) -> None:
    """Draw test images above their reconstructions."""

    def draw(vae: VAE, params: Params, data: Dataset) -> Figure:
        n = min(arguments.n, len(data.test))
        rows = np.random.default_rng(arguments.seed).permutation(len(data.test))[:n]
        return plots.reconstructions(vae, params, data.test[rows], data.image_shape)

    _picture(arguments, "reconstructions", draw)


def manifold(arguments: argparse.Namespace) -> None:
    """Draw the two-dimensional latent space, decoded."""
    _picture(
        arguments,
        "manifold",
        lambda vae, params, data: plots.manifold(vae, params, data.image_shape, n=arguments.n),
    )


def interpolate(arguments: argparse.Namespace) -> None:
    """Draw the way from one test image to another, through the latent space."""

    def draw(vae: VAE, params: Params, data: Dataset) -> Figure:
        n = min(arguments.n, len(data.test) // 2)
        rows = np.random.default_rng(arguments.seed).permutation(len(data.test))
        x_from, x_to = data.test[rows[:n]], data.test[rows[n : 2 * n]]
        return plots.interpolation(vae, params, x_from, x_to, data.image_shape)

    _picture(arguments, "interpolation", draw)


def latents(arguments: argparse.Namespace) -> None:
    """Print the bound on the test set, split by latent, and draw it."""

    def draw(vae: VAE, params: Params, data: Dataset) -> Figure:
        usage = latent_usage(vae, params, data.test, seed=arguments.seed)
        print(f"{'latent':<8} {'KL (nats)':>10} {'variance of its mean':>21}")
        for j in np.argsort(usage.kl)[::-1]:
            verdict = "active" if usage.active[j] else "inactive"
            print(f"z_{j + 1:<6} {usage.kl[j]:>10.3f} {usage.variance[j]:>21.4f}  {verdict}")
        kl = usage.kl.sum()
        print(
            f"Bound {usage.reconstruction - kl:.2f} = log p(x|z) {usage.reconstruction:.2f} - KL "
            f"{kl:.2f}, in nats per test datapoint.\n"
            f"{usage.active.sum()} of {vae.n_latent} latents are active: over the test set, the "
            f"mean of q(z_j|x) has a variance above {ACTIVE_ABOVE}."
        )
        return plots.latent_usage(usage)

    _picture(arguments, "latents", draw)
