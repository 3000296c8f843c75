"""Pictures made of images: samples, reconstructions, manifold (figures 4 and 5).

One pixel of the model becomes a whole number of pixels on the screen, and values outside [0, 1] are
cut off.
"""

import math
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from scipy.special import ndtri

from minivae.params import Params
from minivae.plots.style import STYLE, HouseFigure, house_style
from minivae.vae import VAE
from minivae.validation import as_pixels, check_count, check_image_shape

_PICTURE_SIZE = 640  # pixels on the screen that the longer side of a grid of images may take
_ROW_SIZE = 1300  # and that several grids may take side by side


def samples(
    vae: VAE,
    params: Params,
    image_shape: tuple[int, int],
    n: int = 100,
    rng: np.random.Generator | None = None,
) -> Figure:
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
    return _show(samples_grid(vae, params, image_shape, n, rng))


def samples_grid(
    vae: VAE,
    params: Params,
    image_shape: tuple[int, int],
    n: int = 100,
    rng: np.random.Generator | None = None,
) -> np.ndarray:
    """Return the image that `samples` shows, whose arguments these are, as by `image_grid`."""
    rng = np.random.default_rng(0) if rng is None else rng
    return image_grid(vae.sample(params, n, rng, mean=True), image_shape, gap=1)


def reconstructions(
    vae: VAE, params: Params, x: np.ndarray, image_shape: tuple[int, int]
) -> Figure:
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
    height, width = check_image_shape(image_shape, vae.n_features)
    x = as_pixels(vae.check_data("x", x), params.dtype)
    white_line = np.ones((len(x), width), x.dtype)
    pairs = np.concatenate([x, white_line, vae.reconstruct(params, x)], axis=1)
    grid = image_grid(pairs, (2 * height + 1, width), min(len(x), 10), gap=3)
    figure = _show(grid, left=135)  # room for the names of the rows
    tops = np.arange(0, len(grid), 2 * height + 4)
    middles = np.add.outer(tops, np.array([height - 1, 3 * height + 1]) / 2).ravel()
    with house_style():
        figure.axes[0].set_yticks(middles, ["original", "reconstruction"] * len(tops))
    return figure


def manifold(vae: VAE, params: Params, image_shape: tuple[int, int], n: int = 20) -> Figure:
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
    return _show(manifold_grid(vae, params, image_shape, n))


def manifold_grid(
    vae: VAE, params: Params, image_shape: tuple[int, int], n: int = 20
) -> np.ndarray:
    """Return the image that `manifold` shows, whose arguments these are, as by `image_grid`."""
    check_plane(vae)
    quantiles = ndtri((np.arange(check_count("n", n)) + 0.5) / n)
    z = np.stack(np.meshgrid(quantiles, quantiles[::-1]), axis=-1).reshape(-1, 2)
    return image_grid(vae.decode(params, z), image_shape, n)


def interpolation(
    vae: VAE,
    params: Params,
    x_from: np.ndarray,
    x_to: np.ndarray,
    image_shape: tuple[int, int],
    steps: int = 10,
) -> Figure:
    """Show the way from one datapoint to another through the latent space, a row for each pair.

    The way is the straight line from mu(x_from) to mu(x_to), decoded in equal steps; the datapoints
    themselves stand at both ends of the row.

    Parameters
    ----------
    vae : VAE
    params : Params
    x_from, x_to : (n, n_features) array
    image_shape : (height, width)
    steps : int
        Images on the way, both ends included; at least 2.

    Returns
    -------
    figure : matplotlib.figure.Figure

    Raises
    ------
    ValueError
        If an argument does not fit the model, or the two arrays differ in length.
    """
    check_image_shape(image_shape, vae.n_features)
    steps = check_count("steps", steps, minimum=2)
    ends = [
        as_pixels(vae.check_data(name, x), params.dtype, name)
        for name, x in (("x_from", x_from), ("x_to", x_to))
    ]
    if len(ends[0]) != len(ends[1]):
        raise ValueError(f"x_to has {len(ends[1])} rows, expected {len(ends[0])} as x_from has")
    start, stop = (vae.encode(params, x)[0] for x in ends)
    z = np.linspace(start, stop, steps, axis=1).reshape(-1, vae.n_latent)
    way = vae.decode(params, z).reshape(len(start), steps, -1)
    rows = np.concatenate([ends[0][:, None], way, ends[1][:, None]], axis=1)
    grids = [
        image_grid(part.reshape(-1, part.shape[2]), image_shape, part.shape[1], gap=1)
        for part in (rows[:, :1], rows[:, 1:-1], rows[:, -1:])
    ]
    space = np.ones((len(grids[0]), max(2, image_shape[1] // 4)), np.float32)
    return _show(np.hstack([grids[0], space, grids[1], space, grids[2]]))


def side_by_side(grids: Sequence[np.ndarray], titles: Sequence[str]) -> Figure:
    """Show several grids of images in a row, with a title above each (figures 4 and 5).

    Parameters
    ----------
    grids : list of (height, width) array
        As by `image_grid`.
    titles : list of str

    Returns
    -------
    figure : matplotlib.figure.Figure
    """
    gap, top = 20, 30  # screen pixels between the grids, and for the titles
    scale = max(1, _ROW_SIZE // sum(grid.shape[1] for grid in grids))
    sizes = [(scale * len(grid), scale * grid.shape[1]) for grid in grids]
    height = top + max(rows for rows, _ in sizes)
    width = sum(columns for _, columns in sizes) + gap * (len(sizes) - 1)
    with house_style():
        canvas = np.add([width, height], 0.01)
        figure = HouseFigure(figsize=canvas / STYLE["figure.dpi"])
        left = 0
        for (rows, columns), grid, title in zip(sizes, grids, titles, strict=True):
            bottom = height - top - rows
            place = np.array([left, bottom, columns - 0.01, rows - 0.01]) / [*canvas, *canvas]
            _draw_image(figure, place, grid).set_title(title, fontsize=STYLE["font.size"])
            left += columns + gap
    return figure


def image_grid(
    images: np.ndarray, image_shape: tuple[int, int], columns: int | None = None, gap: int = 0
) -> np.ndarray:
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
    height, width = check_image_shape(image_shape, images.shape[1])
    if columns is None:
        columns = math.ceil(math.sqrt(len(images)))
    columns, gap = check_count("columns", columns), check_count("gap", gap, minimum=0)
    rows = math.ceil(len(images) / columns)
    cells = np.ones((rows * columns, height + gap, width + gap), np.float32)
    cells[: len(images), :height, :width] = images.clip(0, 1).reshape(-1, height, width)
    grid: np.ndarray = cells.reshape(rows, columns, height + gap, width + gap).swapaxes(1, 2)
    grid = grid.reshape(rows * (height + gap), columns * (width + gap))
    return grid[: len(grid) - gap, : grid.shape[1] - gap]


def _show(grid: np.ndarray, left: int = 0) -> Figure:
    """Return a figure of a grey image, with a margin on the left of so many screen pixels."""
    scale = max(1, _PICTURE_SIZE // max(grid.shape))
    height, width = (scale * side for side in grid.shape)
    with house_style():
        # Canvases round down and images up: neither may miss a whole number by a hair.
        canvas = np.add([left + width, height], 0.01)
        figure = HouseFigure(figsize=canvas / STYLE["figure.dpi"])
        place = np.array([left, 0, width - 0.01, height - 0.01]) / [*canvas, *canvas]
        _draw_image(figure, place, grid)
    return figure


def _draw_image(figure: Figure, place: tuple[float, float, float, float], grid: np.ndarray) -> Axes:
    """Add axes that show a grey image in a place of the figure, and return them."""
    axes = figure.add_axes(place, frameon=False)
    axes.imshow(grid, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set(xticks=[], yticks=[])
    axes.tick_params(length=0, pad=8)
    return axes


def check_plane(vae: VAE) -> None:
    """Raise ValueError unless the model has two latent dimensions."""
    if vae.n_latent != 2:
        raise ValueError(f"n_latent is {vae.n_latent}, expected 2: only a plane can be drawn")
