"""Writing results: JSON with the machine's description, and pictures in one look."""

import contextlib
import json

import command
import machine
import matplotlib
from matplotlib.figure import Figure

from minivae import plots
from minivae.training.checkpoint import atomic_write

COLORS = dict(
    zip(
        ("minivae", "torch-eager", "numpy", "jax-step", "torch-compile", "jax-scan"),
        plots.PALETTE,
        strict=False,
    )
)


def write(folder, name, result, figure):
    """Write ``name.json`` and ``name.png``, and say so.

    Parameters
    ----------
    folder : path
        Made if it does not exist.
    name : str
    result : dict
        What was measured; the machine's description is part of it.
    figure : matplotlib.figure.Figure
    """
    folder.mkdir(parents=True, exist_ok=True)
    with atomic_write(folder / f"{name}.json", "w") as file:
        json.dump(result, file, indent=1)
        file.write("\n")
    plots.save(figure, folder / f"{name}.png")
    command.say(f"wrote {name}.json and {name}.png to {folder}")


@contextlib.contextmanager
def picture(width, height, title, result):
    """Make a figure in the house's look, with a title and the machine at its foot."""
    with matplotlib.rc_context({**matplotlib.rcParamsDefault, **plots.STYLE}):
        figure = Figure(figsize=(width, height), layout="constrained")
        figure.suptitle(title, fontsize=11)
        yield figure
        foot = machine.headline(result["machine"], result["blas"])
        figure.supxlabel(f"{foot}\n{result['environment']}", fontsize=7, color="#555555")


def readable_ticks(low, high):
    """Return positions and labels of ticks on a log axis, more of them where it is short."""
    steps = (1, 2, 5) if high > 10 * low else (1, 1.5, 2, 3, 4, 5, 6, 8)
    ticks = [step * 10.0**power for power in range(-2, 5) for step in steps]
    ticks = [tick for tick in ticks if low / 1.3 < tick < 1.3 * high]
    return ticks, [f"{tick:g}" for tick in ticks]
