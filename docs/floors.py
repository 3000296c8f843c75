"""Draw the floors of the library, from what its files import: the picture of architecture.md.

    python docs/floors.py [docs/floors.png]

The floors are those of `tests/test_layout.py`. An arrow leads from a room to one that it imports,
unless one can get there along other arrows. `protocols` and `validation`, which almost every room
uses, get no arrows. Where on its floor a room stands is found by trying: arrows should be short,
cross few others and pass behind no room.
"""

import sys
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch, Rectangle

from minivae.plots import PALETTE, STYLE, save

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parent / "tests"))
from test_layout import FLOORS, arrows, room_of  # noqa: E402

THE_STEP = {"params", "parts", "gaussian", "likelihoods", "posteriors", "layers", "vae"}
THE_STEP |= {"estimators", "optimizers", "data_stream", "training"}
EVERYWHERE = {"protocols", "validation"}
HEIGHT_OF = {room: len(FLOORS) - 1 - k for k, rooms in enumerate(FLOORS) for room in rooms}

WIDTH, PITCH = 28.0, 4.9  # of the picture, and between the middles of neighbouring rooms
HALF_WIDTH, HALF_HEIGHT = 2.3, 0.24  # of a room


def needed():
    """Return the arrows ``(room, room below)`` that other arrows do not imply."""
    below = {room: set() for room in HEIGHT_OF}
    for file, room in arrows():
        if not {room, room_of(file)} & EVERYWHERE:
            below[room_of(file)].add(room)
    reach = {}
    for room in sorted(HEIGHT_OF, key=HEIGHT_OF.get):
        reach[room] = below[room].union(*(reach[other] for other in below[room]))
    return [
        (room, other)
        for room in sorted(below)
        for other in sorted(below[room])
        if not any(other in reach[between] for between in below[room])
    ]


def ends(x, upper, lower):
    """Return where an arrow begins and ends: x and height of both. It leans to where it goes."""
    lean = np.clip(0.3 * (x[lower] - x[upper]), -1.6, 1.6)
    begin, end = x[upper] + lean, x[lower] - lean / 2
    return begin, HEIGHT_OF[upper] - HALF_HEIGHT, end, HEIGHT_OF[lower] + HALF_HEIGHT


def cost(x, pairs):
    """Say how far the places x are from what is wanted."""
    x0, y0, x1, y1 = np.array([ends(x, *pair) for pair in pairs]).T[:, :, None]
    slope = (x1 - x0) / (y1 - y0)
    middles, heights = np.array([(x[room], y) for room, y in HEIGHT_OF.items()]).T
    near = np.abs(x0 + slope * (heights - y0) - middles) < HALF_WIDTH + 0.4
    behind = near & (y1 < heights) & (heights < y0)
    low, high = np.maximum(y1, y1.T), np.minimum(y0, y0.T)
    gaps = [x0 + slope * (y - y0) - (x0.T + slope.T * (y - y0.T)) for y in (low, high)]
    crossing = (low < high) & (gaps[0] * gaps[1] < 0)
    return 0.05 * np.sum((x1 - x0) ** 2) + 12 * behind.sum() + crossing.sum()


def places(pairs, starts=4, rounds=1000):
    """Return a place for every room: random starts, then changes, fewer and fewer for the worse."""
    rng, found = np.random.default_rng(0), []
    for start in range(starts):
        x = {}
        for rooms in FLOORS:
            x.update(drawn(rooms, rng))
        now = cost(x, pairs)
        for patience in np.linspace(6, 0, rounds):
            for rooms in FLOORS:
                change = drawn(rooms, rng) if rng.random() < 0.2 else moved(rooms, x, rng)
                price = cost({**x, **change}, pairs)
                if price <= now + patience * rng.exponential():
                    x, now = {**x, **change}, price
        found.append((now, start, x))
    return min(found)[2]


def drawn(rooms, rng):
    """Draw an order and places for the rooms of a floor."""
    gaps = rng.dirichlet(np.ones(len(rooms) + 1)) * (WIDTH - PITCH * len(rooms))
    middles = np.cumsum(gaps[:-1] + PITCH) - PITCH / 2
    return dict(zip(rng.permutation(rooms).tolist(), middles.tolist(), strict=True))


def moved(rooms, x, rng):
    """Move one room of a floor a little, if there is space."""
    room = rooms[rng.integers(len(rooms))]
    to = x[room] + rng.normal(0, 2)
    free = all(abs(to - x[other]) >= PITCH for other in rooms if other != room)
    return {room: to} if free and PITCH / 2 <= to <= WIDTH - PITCH / 2 else {}


def picture():
    """Draw the rooms as boxes on their floors, and the arrows."""
    pairs = needed()
    x = places(pairs)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(9, 0.67 * len(FLOORS)))
        axes = figure.add_axes((0, 0, 1, 1))
        axes.set(xlim=(0, WIDTH), ylim=(-0.5, len(FLOORS) - 0.5))
        axes.axis("off")
        for height in range(0, len(FLOORS), 2):
            axes.add_patch(Rectangle((0, height - 0.5), WIDTH, 1, color="0.96", zorder=0))
        for pair in pairs:
            x0, y0, x1, y1 = ends(x, *pair)
            style = {"arrowstyle": "-|>,head_width=0.13,head_length=0.3", "color": "0.4"}
            style |= {"linewidth": 0.8, "shrinkA": 0, "shrinkB": 0}
            axes.annotate("", (x1, y1), (x0, y0), arrowprops=style)
        for room, y in HEIGHT_OF.items():
            colour = PALETTE[1] if room == "engine" else PALETTE[0]
            filled = room == "engine" or room in THE_STEP
            box = FancyBboxPatch(
                (x[room] - HALF_WIDTH, y - HALF_HEIGHT),
                2 * HALF_WIDTH,
                2 * HALF_HEIGHT,
                "round,pad=0,rounding_size=0.12",
                facecolor=colour if filled else "white",
                edgecolor=colour,
                linewidth=1.2,
                zorder=3,
            )
            axes.add_patch(box)
            style = {"ha": "center", "va": "center", "size": 10, "zorder": 4}
            axes.text(x[room], y - 0.02, room, color="white" if filled else "black", **style)
    return figure


if __name__ == "__main__":
    save(picture(), sys.argv[1] if len(sys.argv) > 1 else HERE / "floors.png")
