"""Pictures of a model and of its training: the paper's figures 2, 4 and 5, and two more.

Every picture is a `matplotlib.figure.Figure` that no global state knows of: pyplot is never
imported, a display is never needed, and nothing has to be closed. A notebook shows a figure that
is the last value of a cell; `save` writes it to a file.

The pictures share one look, whatever the user's own Matplotlib settings are, and one palette that
colour-blind readers can tell apart. Where pictures are made of pixels, one pixel of the model
becomes a whole number of pixels on the screen, and values outside [0, 1] are cut off.
"""

import contextlib
import io
import math
import numbers
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import EngFormatter, LogLocator, MaxNLocator, NullFormatter
from scipy.special import ndtri

from minivae.checkpoint import atomic_write
from minivae.validation import as_pixels, check_count

LOOK = {
    "figure.dpi": 100,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "lines.linewidth": 1.8,
    "lines.solid_capstyle": "round",
    "legend.frameon": False,
    "legend.handletextpad": 0.2,
    "figure.constrained_layout.w_pad": 0.1,
    "figure.constrained_layout.h_pad": 0.1,
}

# The eight colours of Okabe and Ito (2008), then brown and violet, which simulated protanopia,
# deuteranopia and tritanopia keep as far from the eight as these are from each other.
PALETTE = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7")
PALETTE += ("#56B4E9", "#000000", "#F0E442", "#7A4900", "#3B1E8F")

_SAVE_DPI = 200  # twice the screen's, so that pixels stay whole
_PICTURE_SIZE = 640  # pixels on the screen that the longer side of a grid of images may take


@contextlib.contextmanager
def _house_look():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(LOOK)
        yield


class _Figure(Figure):
    """A Figure that keeps its look when drawn later, and that notebooks can show without pyplot."""

    def draw(self, renderer):
        with _house_look():  # some settings take effect only when the figure is drawn
            super().draw(renderer)

    def _repr_png_(self):
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        return _png(self), {"width": width, "height": height}


def _png(figure):
    buffer = io.BytesIO()
    with _house_look():
        figure.savefig(buffer, format="png", dpi=_SAVE_DPI, metadata={"Software": None})
    return buffer.getvalue()


def save(figure, path):
    """Write a figure to a PNG file, atomically; the same figure gives the same bytes.

    Parameters
    ----------
    figure : matplotlib.figure.Figure
    path : str or path
        Ends in ``.png``.

    Raises
    ------
    ValueError
        If `path` ends otherwise.
    OSError
        If the file cannot be written; an earlier one is untouched.
    """
    path = Path(path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"path is {str(path)!r}, expected a name that ends in .png")
    png = _png(figure)
    with atomic_write(path) as file:
        file.write(png)


def learning_curve(history):
    """Draw the bound against the training samples seen (figure 2).

    The vertical axis is chosen for the end of the curve: a steep beginning may leave it below.

    Parameters
    ----------
    history : History
        Of `minivae.fit`; the test bound may be NaN throughout.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If there is no finite bound in `history`.
    """
    samples = np.asarray(history.samples, float)
    curves = {}
    for name in ("train", "test"):
        bound = np.asarray(getattr(history, f"{name}_bound"), float)
        shown = np.isfinite(bound) & (samples > 0)  # a log axis has no zero
        if shown.any():
            curves[name] = samples[shown], bound[shown]
    if not curves:
        raise ValueError("history has no finite bound, expected at least one evaluation")
    with _house_look():
        figure = _Figure(figsize=(6.4, 4), layout="constrained")
        axes = figure.add_subplot(
            xscale="log", xlabel="training samples seen", ylabel="bound (nats per datapoint)"
        )
        for (name, curve), color in zip(curves.items(), PALETTE, strict=False):
            axes.plot(*curve, color=color, label=name, zorder=3)
        _label_last_values(axes)
        all_samples, all_bounds = map(np.concatenate, zip(*curves.values(), strict=True))
        decades = np.log10(all_samples)
        width = np.ptp(decades) or 1
        axes.set_xlim(10 ** (decades.max() - 1.05 * width), all_samples.max())
        axes.set_ylim(_readable_limits(decades, all_bounds))
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if width < 2 else (1,)))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))  # 10k, 100k, 1M
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.yaxis.set_major_locator(MaxNLocator(8, steps=(1, 2, 5, 10), integer=True))
        axes.grid(axis="y", color="0.9")
    return figure


def _label_last_values(axes):
    """Mark the curves' ends and write names and last values beside them, the higher one above."""
    lines = sorted(axes.lines, key=lambda line: line.get_ydata()[-1], reverse=True)
    alignments = ("bottom", "top") if len(lines) == 2 else ("center",)
    for line, alignment in zip(lines, alignments, strict=True):
        end = line.get_xydata()[-1]
        axes.scatter(*end, s=25, color=line.get_color(), zorder=4, clip_on=False)
        axes.annotate(
            f"{line.get_label()} {end[1]:.1f}".replace("-", "\N{MINUS SIGN}"),
            end,
            xytext=(8, 0),
            textcoords="offset points",
            va=alignment,
            color=line.get_color(),
            annotation_clip=False,
        )


def _readable_limits(decades, bounds):
    """Return limits for the bound, given the decimal logarithm of the samples seen.

    Of a curve over a decade or more, the last three quarters of the log axis are shown whole, and
    the first as far as it stays within one and a half times their range.
    """
    end = bounds[decades >= decades.min() + np.ptp(decades) / 4]
    lowest, highest = bounds.min(), bounds.max()
    if np.ptp(decades) >= 1 and np.unique(decades).size > 3:
        lowest = max(lowest, highest - 1.5 * (highest - end.min()))
    margin = max(1, 0.08 * (highest - lowest))  # room for the names of the curves
    return lowest - margin, highest + margin


def samples(vae, params, image_shape, n=100, rng=None):
    """Show what the model dreams up: means of p(x|z), z drawn from the prior (figure 5).

    Parameters
    ----------
    vae : VAE
    params : Params
    image_shape : (height, width)
    n : int
        How many.
    rng : numpy.random.Generator, optional
        Default: a new one with seed 0, so that the same model gives the same picture.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an argument does not fit the model.
    """
    rng = np.random.default_rng(0) if rng is None else rng
    return _show(image_grid(vae.sample(params, n, rng, mean=True), image_shape, gap=1))


def reconstructions(vae, params, x, image_shape):
    """Show datapoints, and below each the mean of p(x|z) at z = mu(x).

    Parameters
    ----------
    vae : VAE
    params : Params
    x : (M, n_features) array
        The datapoints, a column each; ten columns side by side, then a new pair of rows.
    image_shape : (height, width)

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an argument does not fit the model.
    """
    height, width = _check_image_shape(image_shape, vae.n_features)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    white_line = np.ones((len(x), width), x.dtype)
    pairs = np.concatenate([x, white_line, vae.reconstruct(params, x)], axis=1)
    grid = image_grid(pairs, (2 * height + 1, width), min(len(x), 10), gap=3)
    figure = _show(grid, left=135)  # room for the names of the rows
    tops = np.arange(0, len(grid), 2 * height + 4)
    middles = np.add.outer(tops, np.array([height - 1, 3 * height + 1]) / 2).ravel()
    with _house_look():
        figure.axes[0].set_yticks(middles, ["original", "reconstruction"] * len(tops))
    return figure


def manifold(vae, params, image_shape, n=20):
    """Show the plane of a 2-D latent space, decoded (figure 4).

    The centres of n x n equal cells of the unit square go through the inverse of the Gaussian's
    distribution function, so that every image stands for the same share of the prior.

    Parameters
    ----------
    vae : VAE
        With two latent dimensions: z_1 grows to the right and z_2 upwards, as in `latent_space`.
    params : Params
    image_shape : (height, width)
    n : int
        Images on each side.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an argument does not fit the model, or the latent space is not a plane.
    """
    _check_plane(vae)
    quantiles = ndtri((np.arange(check_count("n", n)) + 0.5) / n)
    z = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2)
    return _show(image_grid(vae.decode(params, z), image_shape, n))


def image_grid(images, image_shape, columns=None, gap=0):
    """Arrange images in one large one, row by row from the top left.

    Parameters
    ----------
    images : (n, features) array
        Floats, which are clipped to [0, 1], or uint8 pixels.
    image_shape : (height, width)
    columns : int, optional
        Images side by side. Default: about as many as there are rows.
    gap : int
        White pixels between neighbours.

    Returns
    -------
    grid : (height, width) array
        Values in [0, 1]; where the last row has no image it is white.

    Raises
    ------
    ValueError
        If the shapes do not fit, or a pixel is NaN or infinite.
    """
    images = as_pixels(images, np.float32, "images")
    if images.ndim != 2 or len(images) == 0:
        raise ValueError(f"images has shape {images.shape}, expected (n, features) with n >= 1")
    if not np.isfinite(images).all():
        raise ValueError("images has pixels that are NaN or infinite, expected finite numbers")
    height, width = _check_image_shape(image_shape, images.shape[1])
    columns = math.ceil(math.sqrt(len(images))) if columns is None else columns
    check_count("columns", columns)
    check_count("gap", gap, minimum=0)
    rows = math.ceil(len(images) / columns)
    cells = np.ones((rows * columns, height + gap, width + gap), np.float32)
    cells[: len(images), :height, :width] = images.clip(0, 1).reshape(-1, height, width)
    grid = cells.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    grid = grid.reshape(rows * (height + gap), columns * (width + gap))
    return grid[: len(grid) - gap, : grid.shape[1] - gap]


def _check_image_shape(image_shape, n_features):
    """Return `image_shape` as a pair of ints, or raise ValueError unless it holds n_features."""
    sides = tuple(image_shape) if np.shape(image_shape) == (2,) else (0, 0)
    whole = all(isinstance(side, numbers.Integral) and side > 0 for side in sides)
    if not whole or math.prod(sides) != n_features:
        raise ValueError(
            f"image_shape is {image_shape}, expected a height and a width whose product is "
            f"n_features = {n_features}"
        )
    return sides


def _show(grid, left=0):
    """Return a figure of a grey image, with a margin on the left of so many screen pixels."""
    scale = max(1, _PICTURE_SIZE // max(grid.shape))
    height, width = (scale * side for side in grid.shape)
    with _house_look():
        # Canvases round down and images up: neither may miss a whole number by a hair.
        canvas = np.add([left + width, height], 0.01)
        figure = _Figure(figsize=canvas / LOOK["figure.dpi"])
        place = np.array([left, 0, width - 0.01, height - 0.01]) / [*canvas, *canvas]
        axes = figure.add_axes(place, frameon=False)
        axes.imshow(grid, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
        axes.set(xticks=[], yticks=[])
        axes.tick_params(length=0, pad=8)
    return figure


def latent_space(vae, params, x, labels=None):
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
    _check_plane(vae)
    x = vae.check_data("x", x)
    classes, colors = _classes(labels, len(x))
    mu, _ = vae.encode(params, x)
    order = np.random.default_rng(0).permutation(len(mu))  # so that no class covers the others
    with _house_look():
        figure = _Figure(figsize=(6.4, 5.6), layout="constrained")
        axes = figure.add_subplot(xlabel="$z_1$", ylabel="$z_2$")
        axes.set_aspect("equal", adjustable="datalim")
        size = np.clip(20_000 / len(mu), 5, 40)  # in points squared
        axes.scatter(*mu[order].T, s=size, c=colors[order], alpha=0.7, linewidths=0)
        axes.update_datalim([(-2, -2), (2, 2)])  # the bulk of the prior is always in view
        axes.autoscale_view()
        handles = [
            Line2D([], [], color=color, marker="o", ls="none", markersize=8, label=str(name))
            for name, color in zip(classes, PALETTE, strict=False)
        ]
        if handles:
            figure.legend(handles=handles, loc="outside right center")
    return figure


def _check_plane(vae):
    if vae.n_latent != 2:
        raise ValueError(f"n_latent is {vae.n_latent}, expected 2: only a plane can be drawn")


def _classes(labels, n):
    """Return the distinct labels, and a colour for each of n datapoints."""
    if labels is None:
        return (), np.full(n, PALETTE[0])
    if np.shape(labels) != (n,):
        raise ValueError(f"labels has shape {np.shape(labels)}, expected ({n},) as x has {n} rows")
    classes, index = np.unique(labels, return_inverse=True)
    if len(classes) > len(PALETTE):
        raise ValueError(f"labels has {len(classes)} classes, expected at most {len(PALETTE)}")
    return classes, np.array(PALETTE)[index]
