"""The look that all pictures share, a Figure that keeps it, and the way to a file."""

import contextlib
import io
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import matplotlib
from matplotlib.figure import Figure

from minivae.training.checkpoint import atomic_write, check_parent
from minivae.validation import as_path

STYLE: dict[Any, Any] = {
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
PALETTE: tuple[str, ...] = ("#0072B2", "#D55E00", "#009E73", "#E69F00", "#CC79A7")
PALETTE += ("#56B4E9", "#000000", "#F0E442", "#7A4900", "#3B1E8F")

_SAVE_DPI = 200  # twice the screen's, so that pixels stay whole


@contextlib.contextmanager
def house_style() -> Iterator[None]:
    """Context manager: the house's Matplotlib settings, whatever the user's own are."""
    with matplotlib.rc_context():
        matplotlib.rcdefaults()
        matplotlib.rcParams.update(STYLE)
        yield


class HouseFigure(Figure):
    """A Figure that keeps its look when drawn later, and that notebooks can show without pyplot."""

    def draw(self, renderer: Any) -> None:
        """Draw the figure, as Matplotlib asks for it."""
        with house_style():  # some settings take effect only when the figure is drawn
            super().draw(renderer)

    def _repr_png_(self) -> tuple[bytes, dict[str, int]]:
        width, height = (round(inches * self.dpi) for inches in self.get_size_inches())
        return _png(self), {"width": width, "height": height}


def _png(figure: Figure) -> bytes:
    buffer = io.BytesIO()
    with house_style():
        figure.savefig(buffer, format="png", dpi=_SAVE_DPI, metadata={"Software": None})
    return buffer.getvalue()


def check_path(path: str | Path) -> None:
    """Raise what `save` would, before there is a figure: its ValueError, or for want of a folder.

    Raises
    ------
    ValueError, FileNotFoundError
    """
    path = as_path("path", path)
    if path.suffix.lower() != ".png":
        raise ValueError(f"path is {str(path)!r}, expected a name that ends in .png")
    check_parent(path)


def save(figure: Figure, path: str | Path) -> None:
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
    check_path(path)
    png = _png(figure)
    with atomic_write(path) as file:
        file.write(png)
