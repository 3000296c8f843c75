"""What a sample costs minivae, against batch size, hidden units, latents, depth and threads.

One number is varied at a time around 784-500-20, M = 100, on MNIST. All points take their turns in
interleaved rounds; training is the loop of `minivae.fit`.
"""

import dataclasses
import statistics
import time
from typing import NamedTuple

import command
import machine
import output
from products import products_of_step
from rivals.minivae_ import Minivae
from settings import SETTINGS, Problem

from minivae import plots
from minivae.engine.team import available_cores

CENTRE = SETTINGS["784-500-20"]


class Sweep(NamedTuple):
    """One number that is varied.

    Attributes
    ----------
    title, label : str
        Of the panel, and of its horizontal axis with the unit.
    values : tuple of int
    """

    title: str
    label: str
    values: tuple


SWEEPS = {
    "batch_size": Sweep("Batch size", "M (datapoints per step)", (10, 30, 100, 300, 1000, 3000)),
    "n_hidden": Sweep(
        "Hidden units", "width of each hidden layer", (30, 100, 250, 500, 1000, 2000)
    ),
    "n_latent": Sweep("Latents", "J (dimensions of z)", (2, 5, 20, 50, 200, 500)),
    "depth": Sweep("Depth", "hidden layers of encoder and of decoder", (0, 1, 2, 3, 4)),
    "threads": Sweep(
        "Threads", "parts of a minibatch", tuple(command.powers_of_two(available_cores()))
    ),
}


class Point:
    """One setting, trained in turns.

    Parameters
    ----------
    setting : Setting
    threads : int
    seconds : float
        Length of a turn.
    """

    def __init__(self, setting, threads, seconds):
        self.batch_size, self.threads = setting.batch_size, threads
        self.flop = sum(product.flop(1) for product in products_of_step(setting.vae()))
        problem = Problem(setting)
        self.contender = Minivae(problem, threads, problem.initial_params())
        self.steps = self._calibrate(seconds)
        self.microseconds = []

    def _calibrate(self, seconds):
        steps = 2
        self._time(steps)  # loads the kernels
        while (elapsed := self._time(steps)) < seconds / 4:
            steps *= 4
        return max(1, round(steps * seconds / elapsed))

    def _time(self, steps):
        started = time.perf_counter()
        self.contender.run(steps)
        return time.perf_counter() - started

    def turn(self):
        """Train for a while and note the cost of a sample."""
        self._time(1 + self.steps // 4)  # just woken up, threads may share a core for a while
        self.microseconds.append(1e6 * self._time(self.steps) / self.steps / self.batch_size)

    def entry(self):
        """Return what the JSON file says."""
        return {
            "threads": self.threads,
            "flop_per_sample": self.flop,
            "microseconds_per_sample": self.microseconds,
        }


def setting_at(field, value):
    """Return the setting in the middle with one number changed."""
    # A small step size, since nothing depends on it here and deep models must not diverge.
    setting = dataclasses.replace(CENTRE, step_size=1e-3)
    return setting if field == "threads" else dataclasses.replace(setting, **{field: value})


def measure(options):
    """Return by sweep and value what `Point.entry` says."""
    points = {}
    for field in options.sweeps:
        for value in SWEEPS[field].values:
            setting = setting_at(field, value)
            threads = setting.default_threads()
            threads = value if field == "threads" else threads
            points[field, value] = Point(setting, threads, options.seconds)
    command.say(f"{len(points)} points, {options.rounds} rounds of {options.seconds:g} s each")
    try:
        for _ in range(options.rounds):
            for point in points.values():
                point.turn()
    finally:
        for point in points.values():
            point.contender.close()
    return {
        field: {str(value): points[field, value].entry() for value in SWEEPS[field].values}
        for field in options.sweeps
    }


def table(sweeps):
    """Return the lines of the table."""
    lines = []
    for field, entries in sweeps.items():
        lines += ["", f"{SWEEPS[field].label:42} threads  us/sample (min - max)    GFLOP/s"]
        for value, entry in entries.items():
            costs = entry["microseconds_per_sample"]
            middle = statistics.median(costs)
            spread = f"({min(costs):.2f} - {max(costs):.2f})"
            rate = entry["flop_per_sample"] / middle / 1000
            lines.append(f"{value:>42} {entry['threads']:7}  {middle:6.2f} {spread:17} {rate:8.0f}")
    return lines


def draw(result):
    """Draw one panel per sweep: what a sample costs, and a line for the arithmetic alone."""
    sweeps = result["sweeps"]
    columns = min(3, len(sweeps))
    rows = -(-len(sweeps) // columns)
    title = f"Cost of a training sample around {CENTRE.title} (median and range over rounds)"
    with output.picture(0.8 + 3.7 * columns, 1.2 + 3.0 * rows, title, result) as figure:
        panels = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, (field, entries) in zip(panels, sweeps.items(), strict=False):
            draw_sweep(axes, field, entries)
        for axes in panels[len(sweeps) :]:
            axes.set_visible(False)
        for axes in panels[: len(sweeps) : columns]:
            axes.set_ylabel("microseconds per sample")
        panels[0].legend(loc="upper right", fontsize=8)
    return figure


def draw_sweep(axes, field, entries):
    """Draw the points of one sweep, with a line that is proportional to the arithmetic."""
    values = [int(value) for value in entries]
    costs = [entry["microseconds_per_sample"] for entry in entries.values()]
    middle = [statistics.median(rounds) for rounds in costs]
    below = [m - min(rounds) for m, rounds in zip(middle, costs, strict=True)]
    above = [max(rounds) - m for m, rounds in zip(middle, costs, strict=True)]
    axes.errorbar(
        values,
        middle,
        [below, above],
        color=plots.PALETTE[0],
        marker="o",
        capsize=3,
        label="minivae",
    )
    flop = [entry["flop_per_sample"] for entry in entries.values()]
    if field == "threads":
        ideal = [middle[0] * values[0] / value for value in values]
    else:
        cheapest = min(m / f for m, f in zip(middle, flop, strict=True))
        ideal = [cheapest * f for f in flop]
    axes.plot(
        values,
        ideal,
        color=plots.PALETTE[1],
        linestyle="--",
        label="in proportion to the arithmetic",
    )
    axes.set_title(SWEEPS[field].title, fontsize=11)
    axes.set_xlabel(SWEEPS[field].label)
    axes.set_yscale("log")
    if field != "depth":
        axes.set_xscale("log")
    axes.set_xticks(values, [str(value) for value in values], fontsize=9)
    axes.minorticks_off()
    axes.set_yticks(*output.readable_ticks(min(middle + ideal), max(middle + ideal)))
    axes.grid(axis="y", color="#dddddd", linewidth=0.7)


def parse(argv):
    parser = command.Parser(__doc__, seconds=0.3)
    parser.add_argument(
        "--sweeps",
        type=command.names_of(SWEEPS),
        default=list(SWEEPS),
        help=f"with commas between: {','.join(SWEEPS)} (default all)",
    )
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    if not options.keep_env:
        machine.restart_without_pins()
    result = {
        "benchmark": "scaling",
        "centre": CENTRE.title,
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "rounds": options.rounds,
    }
    command.announce(result)
    conditions = machine.Conditions()
    result["sweeps"] = measure(options)
    result["conditions"] = conditions.report()
    result["blas"] = machine.blas()
    command.say(*table(result["sweeps"]), sep="\n")
    command.warn(machine.conditions_warning(result["conditions"]))
    output.write(options.out, "scaling", result, draw(result))


if __name__ == "__main__":
    command.run(main)
