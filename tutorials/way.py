"""Draw what depends on what: way.png, from the prerequisites that the pages name themselves.

    python tutorials/way.py

A column is as far to the right as the longest way to it is long. Where one can get along other
arrows there is no arrow of its own.
"""

import io
import json
import re
import textwrap
from functools import cache
from pathlib import Path

import look
from matplotlib.patches import FancyBboxPatch
from PIL import Image
from PIL.PngImagePlugin import PngInfo

FOLDER = Path(__file__).parent
_ROWS = {0: 0, 1: 2, 4: 4, 2: 1, 3: 2, 5: 3, 7: 2, 6: 3, 9: 4, 10: 5, 11: 6, 12: 7, 13: 1, 8: 2}
_HALF = 0.39, 0.34  # of a box


@cache
def pages():
    """Return title and prerequisites of every page, by number: links after "You need"."""
    found = {}
    for path in sorted(FOLDER.glob("*.ipynb")):
        first = "".join(json.loads(path.read_text())["cells"][0]["source"])
        title = re.match(r"# \d+\. (.*)", first)[1]
        needed = first.partition("**You need**")[2].partition(";")[0]  # then what may help
        numbers = sorted({int(number) for number in re.findall(r"\((\d\d)_", needed)})
        found[int(path.name[:2])] = title, numbers
    return found


@cache
def ways(number):
    """Return all pages that come before a page, and its column."""
    needed = pages()[number][1]
    before = set(needed).union(*(ways(other)[0] for other in needed))
    return before, 1 + max((ways(other)[1] for other in needed), default=-1)


def direct(number):
    """Return the prerequisites of a page that none of its other prerequisites has."""
    needed = pages()[number][1]
    return [n for n in needed if not any(n in ways(other)[0] for other in needed)]


def draw():
    """Return the figure: a box for each page, and an arrow from what it needs."""
    places = {}
    for number in pages():
        column = ways(number)[1]
        taken = [row for other, row in places.values() if other == column]
        places[number] = column, _ROWS.get(number, max(taken, default=0) + 1)
    lowest = max(row for _, row in places.values())
    figure, axes = look.panels(width=9.5, height=0.58 * (1 + lowest))
    for number, (column, row) in places.items():
        corner = column - _HALF[0], -row - _HALF[1]
        style = {"boxstyle": "round,pad=0.02,rounding_size=0.06", "lw": 0.8, "zorder": 2}
        box = FancyBboxPatch(corner, 2 * _HALF[0], 2 * _HALF[1], fc="white", ec="0.4", **style)
        axes.add_patch(box)
        title = textwrap.fill(f"{number}. {pages()[number][0]}", 22)
        axes.text(column, -row, title, ha="center", va="center", fontsize=9, zorder=3)
        for other in direct(number):
            x, y = places[other]
            axes.annotate(
                "", (column - _HALF[0] - 0.02, -row), (x + _HALF[0] + 0.02, -y),
                arrowprops={"arrowstyle": "->", "color": look.TRUTH, "shrinkA": 0, "shrinkB": 0},
            )  # fmt: skip
    last = max(column for column, _ in places.values())
    axes.set(xlim=(-0.45, last + 0.45), ylim=(-lowest - 0.45, 0.45))
    axes.axis("off")
    return figure


def written_down():
    """Return the boxes and arrows as text, which the picture carries along."""
    return json.dumps({f"{n}. {title}": direct(n) for n, (title, _) in pages().items()})


if __name__ == "__main__":
    note = PngInfo()
    note.add_text("pages", written_down())
    picture = Image.open(io.BytesIO(draw()._repr_png_()[0]))
    picture.save(FOLDER / "way.png", pnginfo=note, optimize=True)
