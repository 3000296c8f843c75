"""Pictures of the latent space: where the datapoints are, and what every dimension says."""

from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from minivae.evaluation.latents import LatentUsage
from minivae.params import Params
from minivae.plots.images import check_plane
from minivae.plots.style import PALETTE, HouseFigure, house_style
from minivae.vae import VAE
from minivae.validation import as_array


def latent_space(
    vae: VAE, params: Params, x: np.ndarray, labels: np.ndarray | None = None
) -> Figure:
    """Scatter the posterior means mu(x) of datapoints over a 2-D latent space.

    Parameters
    ----------
    vae : VAE
        With two latent dimensions.
    params : Params
    x : (M, n_features) array
    labels : (M,) array, optional
        A class for each datapoint, at most ten in all: numbers or strings.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an argument does not fit the model, the latent space is not a plane, or `labels` does
        not fit `x` or has too many classes.
    """
    check_plane(vae)
    x = vae.check_data("x", x)
    classes, colors = _classes(labels, len(x))
    mu, _ = vae.encode(params, x)
    order = np.random.default_rng(0).permutation(len(mu))  # so that no class covers the others
    with house_style():
        figure = HouseFigure(figsize=(6.4, 5.6), layout="constrained")
        axes = figure.add_subplot(xlabel="$z_1$", ylabel="$z_2$")
        axes.set_aspect("equal", adjustable="datalim")
        size = np.clip(20_000 / len(mu), 5, 40)  # in points squared
        axes.scatter(mu[order, 0], mu[order, 1], s=size, c=colors[order], alpha=0.7, linewidths=0)
        axes.update_datalim([(-2, -2), (2, 2)])  # the bulk of the prior is always in view
        axes.autoscale_view()
        handles = [
            Line2D([], [], color=color, marker="o", ls="none", markersize=8, label=str(name))
            for name, color in zip(classes, PALETTE, strict=False)
        ]
        if handles:
            figure.legend(handles=handles, loc="outside right center")
    return figure


def _classes(labels: np.ndarray | None, n: int) -> tuple[Any, np.ndarray]:
    """Return the distinct labels, and a colour for each of n datapoints."""
    if labels is None:
        return (), np.full(n, PALETTE[0])
    if np.shape(labels) != (n,):
        raise ValueError(f"labels has shape {np.shape(labels)}, expected ({n},) as x has {n} rows")
    try:
        classes, index = np.unique(as_array("labels", labels), return_inverse=True)
    except TypeError:
        raise ValueError("labels are of several types, expected numbers or texts") from None
    if len(classes) > len(PALETTE):
        raise ValueError(f"labels has {len(classes)} classes, expected at most {len(PALETTE)}")
    return classes, np.array(PALETTE)[index]


def latent_usage(usage: LatentUsage) -> Figure:
    """Show how much every latent dimension says about x, the most talkative first.

    Parameters
    ----------
    usage : LatentUsage
        Of `minivae.evaluation.latents.latent_usage`.

    Returns
    -------
    figure : matplotlib.figure.Figure
        A bar for the KL of each latent, in nats per datapoint; inactive latents are pale.
    """
    order = np.argsort(usage.kl)[::-1]
    active = usage.active[order]
    places = np.arange(1, len(order) + 1)
    with house_style():
        figure = HouseFigure(figsize=(6.4, 4), layout="constrained")
        axes = figure.add_subplot(
            xlabel="latents, in order of their KL", ylabel="KL (nats per datapoint)"
        )
        for chosen, color, name in ((active, PALETTE[0], "active"), (~active, "0.8", "inactive")):
            if chosen.any():
                label = f"{chosen.sum()} {name}"
                axes.bar(places[chosen], usage.kl[order][chosen], 0.8, color=color, label=label)
        axes.xaxis.set_major_locator(MaxNLocator(10, integer=True, min_n_ticks=1))
        axes.grid(axis="y", color="0.9")
        axes.set_axisbelow(True)
        axes.set_xlim(0.4, len(order) + 0.6)
        axes.legend(handletextpad=0.5)
    return figure
