"""What can be done with a run: numbers and pictures."""

import argparse
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

from minivae import plots
from minivae.app.options import load_data, open_run
from minivae.app.runs import Run
from minivae.app.streams import complain
from minivae.binarization import SCORES_DIFFER, binarized
from minivae.datasets import Dataset
from minivae.evaluation import bound_terms
from minivae.evaluation.latents import ACTIVE_ABOVE, latent_usage
from minivae.params import Params
from minivae.vae import VAE


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the bound on both parts of the data, and its two terms."""
    run = open_run(arguments.run)
    vae, params = run.load_model()
    data = data_to_show(run, vae)
    header = ("nats per datapoint", "bound (std. error)", "log p(x|z)", "KL", "datapoints")
    lines = ["{:<20} {:>18} {:>12} {:>8} {:>12}".format(*header)]
    if run.settings["binarize"] is not None:
        lines.insert(0, f"{run.settings['binarize'].title()}ally binarised pixels. {SCORES_DIFFER}")
    for name, x in (("test", data.test), ("train", data.train)):
        log_px, minus_kl = bound_terms(
            vae, params, x, noise_samples=arguments.noise_samples, seed=arguments.seed
        )
        bounds = log_px + minus_kl
        error = bounds.std() / math.sqrt(len(bounds))
        bound = f"{bounds.mean():.2f} ({error:.2f})"
        kl = _rounded(-minus_kl.mean(), 2)
        lines.append(f"{name:<20} {bound:>18} {log_px.mean():>12.2f} {kl:>8.2f} {len(bounds):>12,}")
    print("\n".join(lines))


def _rounded(number: float, digits: int) -> float:
    """Round a number, and a tiny negative one to 0, not to -0."""
    return round(number, digits) + 0.0


def data_to_show(run: Run, vae: VAE) -> Dataset:
    """Return the data of a run with fixed pixels, and say so if they are not what they were."""
    data = load_data(run.settings)
    if not run.was_trained_on(vae, data):
        complain("Note: the data have changed since the model was trained on them")
    how = run.settings["binarize"]
    return data if how is None else binarized(data, "static")  # of the test set, the same draw


def _image_shape(run: Run) -> tuple[int, int]:
    """Return height and width of a run's images, which older runs do not have in their settings."""
    height, width = run.settings.get("image_shape") or load_data(run.settings).image_shape
    return height, width


def _picture(
    arguments: argparse.Namespace, name: str, draw: Callable[[Run, VAE, Params], Figure]
) -> None:
    """Draw one picture of a run, ``draw(run, vae, params)``, and say where it is."""
    run = open_run(arguments.run)
    path = Path(arguments.out) if arguments.out else run.path / f"{name}.png"
    plots.check_path(path)
    vae, params = run.load_model()
    plots.save(draw(run, vae, params), path)
    print(path)


def sample(arguments: argparse.Namespace) -> None:
    """Draw fresh samples from the model."""
    rng = np.random.default_rng(arguments.seed)
    _picture(
        arguments,
        "samples",
        lambda run, vae, params: plots.samples(
            vae, params, _image_shape(run), n=arguments.n, rng=rng
        ),
    )


def reconstruct(arguments: argparse.Namespace) -> None:
    """Draw test images above their reconstructions."""

    def draw(run: Run, vae: VAE, params: Params) -> Figure:
        data = data_to_show(run, vae)
        rows = _test_rows(arguments, data, arguments.n)
        return plots.reconstructions(vae, params, data.test[rows], data.image_shape)

    _picture(arguments, "reconstructions", draw)


def manifold(arguments: argparse.Namespace) -> None:
    """Draw the two-dimensional latent space, decoded."""

    def draw(run: Run, vae: VAE, params: Params) -> Figure:
        if vae.n_latent != 2:
            raise ValueError(f"the model has {vae.n_latent} latents, a map needs two (--latent 2)")
        return plots.manifold(vae, params, _image_shape(run), n=arguments.n)

    _picture(arguments, "manifold", draw)


def interpolate(arguments: argparse.Namespace) -> None:
    """Draw the way from one test image to another, through the latent space."""

    def draw(run: Run, vae: VAE, params: Params) -> Figure:
        data = data_to_show(run, vae)
        rows = _test_rows(arguments, data, 2 * arguments.n)
        n = len(rows) // 2
        if n == 0:
            raise ValueError("data: the test set has 1 image, a way needs two")
        x_from, x_to = data.test[rows[:n]], data.test[rows[n : 2 * n]]
        return plots.interpolation(vae, params, x_from, x_to, data.image_shape)

    _picture(arguments, "interpolation", draw)


def _test_rows(arguments: argparse.Namespace, data: Dataset, n: int) -> np.ndarray:
    """Return `n` rows of the test set at random, or say that there are fewer."""
    if n > len(data.test):
        complain(f"Note: {n:,} test images were asked for, there are {len(data.test):,}")
    return np.random.default_rng(arguments.seed).permutation(len(data.test))[:n]


def latents(arguments: argparse.Namespace) -> None:
    """Print the bound on the test set, split by latent, and draw it."""

    def draw(run: Run, vae: VAE, params: Params) -> Figure:
        usage = latent_usage(vae, params, data_to_show(run, vae).test, seed=arguments.seed)
        print(f"{'latent':<8} {'KL (nats)':>10} {'variance of its mean':>21}")
        for j in np.argsort(usage.kl)[::-1]:
            verdict = "active" if usage.active[j] else "inactive"
            kl = _rounded(usage.kl[j], 3)
            print(f"z_{j + 1:<6} {kl:>10.3f} {usage.variance[j]:>21.4f}  {verdict}")
        kl = usage.kl.sum()
        print(
            f"Bound {usage.reconstruction - kl:.2f} = log p(x|z) {usage.reconstruction:.2f} - KL "
            f"{_rounded(kl, 2):.2f}, in nats per test datapoint.\n"
            f"{usage.active.sum()} of {vae.n_latent} latents are active: over the test set, the "
            f"mean of q(z_j|x) has a variance above {ACTIVE_ABOVE}."
        )
        return plots.latent_usage(usage)

    _picture(arguments, "latents", draw)
