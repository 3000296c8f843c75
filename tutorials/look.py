"""One look for every picture in the notebooks, and one meaning for every colour.

Blue is the truth (the exact posterior, the evidence, a test curve's rival), vermilion the
approximation (q, the bound), grey the prior, green and the rest whatever else there is. The
palette and the settings are those of `minivae.plots`.
"""

import contextlib
import io

import matplotlib
import numpy as np
from budget import budget
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from PIL import Image

from minivae.plots import PALETTE, STYLE, image_grid

TRUTH, APPROXIMATION, THIRD, FOURTH, FIFTH, SIXTH = PALETTE[:6]
PRIOR = "0.6"  # grey
_DPI = 120


@contextlib.contextmanager
def _settings():
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        matplotlib.rcParams.update({"font.size": 10, "axes.titlesize": 10})
        yield


class _Panels(Figure):
    """A figure that a notebook shows when it is the last value of a cell."""

    def draw(self, renderer):
        with _settings():
            super().draw(renderer)

    def _repr_png_(self):
        buffer = io.BytesIO()
        with _settings():
            self.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        width, height = (round(100 * inches) for inches in self.get_size_inches())
        return _smaller(buffer.getvalue()), {"width": width, "height": height}


def _smaller(png):
    """Return the picture in fewer bytes: with one channel if it is grey, else 256 colours."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    red, green, blue = picture.split()
    if red.tobytes() == green.tobytes() == blue.tobytes():
        picture = red
    else:
        picture = picture.quantize(256, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE)
    buffer = io.BytesIO()
    picture.save(buffer, format="png", optimize=True)
    return buffer.getvalue()


def panels(columns=1, rows=1, *, width=None, height=None, **options):
    """Return ``(figure, axes)``; let the figure be the last value of the cell.

    Parameters
    ----------
    columns, rows : int
    width, height : float, optional
        Of one panel, in inches: 100 pixels of the page each. A page is about 9 wide.
    **options
        Of `matplotlib.figure.Figure.subplots`, such as ``sharey=True``.

    Returns
    -------
    figure : Figure
    axes : Axes, or array of them
        As of `matplotlib.pyplot.subplots`.
    """
    width = width or (5.6 if columns == 1 else 9 / columns)
    height = height or (3.4 if columns == 1 else min(3.2, 0.9 * width))
    with _settings():
        figure = _Panels(figsize=(columns * width, rows * height), layout="constrained")
        return figure, figure.subplots(rows, columns, **options)


class _Film:
    """Pictures that a notebook shows one after the other, again and again."""

    def __init__(self, draw, moments, seconds):
        self._pictures = [draw(moment)._repr_png_() for moment in moments]
        self._seconds = seconds

    def __repr__(self):
        return f"<a film of {len(self._pictures)} pictures>"

    def _repr_png_(self):
        frames = [Image.open(io.BytesIO(png)).convert("RGB") for png, _ in self._pictures]
        palette = frames[-1].quantize(48, Image.Quantize.MAXCOVERAGE)
        first, *others = (frame.quantize(palette=palette, dither=0) for frame in frames)
        pause = [1000 * self._seconds] * (len(frames) - 1) + [3000]  # milliseconds
        buffer = io.BytesIO()
        first.save(buffer, "PNG", save_all=True, append_images=others, duration=pause, loop=0)
        return buffer.getvalue(), self._pictures[0][1]


def film(draw, moments, *, seconds=0.25):
    """Show pictures one after the other, as an animated PNG; on paper the first one is seen.

    Parameters
    ----------
    draw : callable
        ``draw(moment)`` returns a figure of `panels`.
    moments : sequence
        With a small budget the first two are enough.
    seconds : float
        How long a picture is shown; the last one stays for three.
    """
    return _Film(draw, list(moments)[: budget(None, 2)], seconds)


def images(pictures, image_shape, columns, names=(), *, width=9):
    """Show images row by row, and a name beside each row.

    A pixel of an image becomes a whole number of pixels of the picture, which keeps it small.

    Parameters
    ----------
    pictures : (n, features) array
        Values in [0, 1].
    image_shape : (height, width)
    columns : int
    names : sequence of str
        One for each row, or none at all.
    width : float
        In inches, at most, names included.

    Returns
    -------
    figure : Figure
    """
    grid = image_grid(pictures, image_shape, columns)
    margin = 1.0 if names else 0.0
    scale = max(1, int((width - margin) * _DPI / grid.shape[1])) / _DPI  # inches of a pixel
    height, width = scale * len(grid), scale * grid.shape[1]
    with _settings():
        figure = _Panels(figsize=(margin + width + 1e-4, height + 1e-4))
        axes = figure.add_axes((margin / (margin + width), 0, width / (margin + width), 1))
    axes.imshow(grid, cmap="gray", vmin=0, vmax=1, interpolation="nearest", aspect="auto")
    axes.set_xticks([])
    axes.set_yticks(image_shape[0] * (np.arange(len(names)) + 0.5) - 0.5, names)
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    return figure


def legend(axes, **options):
    """Add a legend without a frame; the arguments are those of ``axes.legend``."""
    return axes.legend(**{"frameon": False, "handletextpad": 0.4, **options})


def draw_product(axes, result, left, right, sizes):
    """Draw ``result = left @ right`` as rectangles of the right shapes.

    Parameters
    ----------
    axes : Axes
    result, left, right : str
        What is written into the rectangles. Names that begin with d are messages going back.
    sizes : (int, int, int)
        Rows of `left`, the size that is summed over, columns of `right`.
    """
    rows, inner, columns = sizes
    position = 0
    factors = ((result, rows, columns), (left, rows, inner), (right, inner, columns))
    for name, height, width in factors:
        color = APPROXIMATION if name.startswith("d") else TRUTH
        corner = position, -height / 2
        axes.add_patch(Rectangle(corner, width, height, facecolor=color, alpha=0.2))
        axes.add_patch(Rectangle(corner, width, height, fill=False, edgecolor=color))
        axes.text(position + width / 2, 0, name, ha="center", va="center")
        shape = f"({height}, {width})"
        axes.text(
            position + width / 2, -height / 2 - 0.2, shape, ha="center", va="top", color="0.5"
        )
        position += width + 1.6
        if name is not right:
            sign = "=" if name is result else "@"
            axes.text(position - 0.8, 0, sign, ha="center", va="center")
    axes.set(xlim=(-0.5, position - 1.1), ylim=(-4.2, 4.2), aspect="equal")
    axes.axis("off")
