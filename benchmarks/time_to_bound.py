"""Seconds of training until the test bound of a 784-500-20 model on MNIST passes -110 nats.

Contenders train in turns of one epoch. After each, the parameters are handed back and scored by the
same code, on the same noise; neither that nor start-up and compilation counts. The moment of
passing is interpolated between two epochs.
"""

import statistics
from itertools import pairwise

import command
import machine
import output
from contenders import Field
from settings import SETTINGS, Problem

from minivae.evaluation import mean_bound

SETTING = "784-500-20"


def race(problem, options):
    """Train all contenders until they pass.

    Returns
    -------
    curves : dict of str to dict
        By contender: threads, start-up seconds, the learning curve (seconds, test_bound), and
        seconds and epochs to the target (None if it was not reached).
    blas : list of dict
    conditions : dict
        From `machine.Conditions`.
    """
    with Field(problem, options.keep_env) as field:
        curves = field.add_all(options.contenders, options.threads, options.seconds)
        blas = field.children["minivae"].ask("describe")["blas"]
        first = score(problem, problem.initial_params())
        for name, curve in curves.items():
            field.reset(field.children[name])
            curve.update(seconds=[0.0], test_bound=[first])
        racing = list(curves)
        conditions = machine.Conditions(field.cpu_seconds)
        for _ in range(options.epochs):
            for name in racing:
                train_an_epoch(field, name, curves[name])
            racing = [name for name in racing if curves[name]["test_bound"][-1] < options.target]
        conditions = conditions.report()
    for curve in curves.values():
        curve["seconds_to_target"], curve["epochs_to_target"] = passing(curve, options.target)
    return curves, blas, conditions


def train_an_epoch(field, name, curve):
    """Let a contender train for an epoch and add a point to its curve."""
    child = field.children[name]
    reply = child.turn(field.setting.steps_per_epoch)
    curve["seconds"].append(curve["seconds"][-1] + reply["seconds"])
    curve["test_bound"].append(score(field.problem, field.params_of(child)))


def score(problem, params):
    """Return the mean bound on the test set, in nats."""
    return mean_bound(problem.setting.vae(), params, problem.test)


def passing(curve, target):
    """Return seconds and epochs at which a curve first reaches the target, or two None."""
    bounds, seconds = curve["test_bound"], curve["seconds"]
    for i in range(1, len(bounds)):
        if bounds[i] >= target:
            share = (target - bounds[i - 1]) / (bounds[i] - bounds[i - 1])
            return seconds[i - 1] + share * (seconds[i] - seconds[i - 1]), i - 1 + share
    return None, None


def summary(runs):
    """Return the lines of the table: by contender, medians over runs.

    How many epochs it takes depends on the luck of the noise, and is the same for programs that
    draw the same noise. The last column takes the luck out: what an epoch costs this contender,
    times the median number of epochs over all contenders and runs.
    """
    every = [curve for run in runs for curve in run["contenders"].values()]
    epochs = [curve["epochs_to_target"] for curve in every if curve["epochs_to_target"]]
    common = statistics.median(epochs) if epochs else float("nan")
    lines = [
        f"{'contender':14} threads  epochs  seconds (min - max)      s/epoch  "
        f"seconds at {common:.1f} epochs"
    ]
    for name in runs[0]["contenders"]:
        curves = [run["contenders"][name] for run in runs if name in run["contenders"]]
        threads = "/".join(map(str, sorted({curve["threads"] for curve in curves})))
        cost = statistics.median(seconds_per_epoch(curve) for curve in curves)
        seconds = [curve["seconds_to_target"] for curve in curves]
        if None in seconds:
            reached = f"{'not reached in every run':>32}"
        else:
            own = statistics.median(curve["epochs_to_target"] for curve in curves)
            spread = f"({min(seconds):.1f} - {max(seconds):.1f})"
            reached = f"{own:6.1f}  {statistics.median(seconds):7.1f} {spread:16}"
        lines.append(f"{name:14} {threads:>7}  {reached:32} {cost:7.2f}  {cost * common:8.1f}")
    return lines


def seconds_per_epoch(curve):
    """Return the median length of an epoch."""
    seconds = curve["seconds"]
    return statistics.median(b - a for a, b in pairwise(seconds))


def draw(result):
    """Draw test bound against seconds of training, all runs."""
    title = f"Time to a test bound of {result['target']:g} nats (784-500-20, MNIST, M = 100)"
    with output.picture(7.5, 5, title, result) as figure:
        axes = figure.subplots()
        for run in result["runs"]:
            for name, curve in run["contenders"].items():
                label = name if run is result["runs"][0] else None
                color = output.COLORS[name]
                points = curve["seconds"][1:], curve["test_bound"][1:]
                axes.plot(*points, color=color, label=label, linewidth=1.4)
                axes.plot(*(values[-1] for values in points), "o", color=color)
        axes.axhline(result["target"], color="black", linewidth=1, linestyle="--")
        axes.set_ylim(result["target"] - 30, result["target"] + 3)
        shown = [
            second
            for run in result["runs"]
            for curve in run["contenders"].values()
            for second, bound in zip(curve["seconds"], curve["test_bound"], strict=True)
            if second and bound > result["target"] - 30
        ]
        if shown:
            axes.set_xscale("log")
            axes.set_xlim(min(shown) / 1.1, 1.2 * max(shown))
            axes.set_xticks(*output.readable_ticks(min(shown), max(shown)))
            axes.minorticks_off()
        axes.set_xlabel("seconds of training (log scale)")
        axes.set_ylabel("test bound (nats per datapoint)")
        axes.legend(loc="lower right")
    return figure


def parse(argv):
    parser = command.Parser(__doc__, seconds=0.7)
    command.add_contenders(parser)
    parser.set_defaults(rounds=3)
    parser.add_argument("--target", type=float, default=-110.0, help="nats (default -110)")
    parser.add_argument(
        "--epochs", type=command.whole, default=200, help="give up after so many (default 200)"
    )
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    result = {
        "benchmark": "time_to_bound",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "target": options.target,
        "runs": [],
    }
    command.announce(result)
    for seed in range(options.rounds):
        command.say(f"\nrun {seed + 1} of {options.rounds}: its own initial parameters and order")
        curves, result["blas"], conditions = race(Problem(SETTINGS[SETTING], seed), options)
        command.warn(machine.conditions_warning(conditions))
        run = {"seed": seed, "conditions": conditions, "contenders": curves}
        result["runs"].append(run)
    command.say("", *summary(result["runs"]), sep="\n")
    output.write(options.out, "time_to_bound", result, draw(result))


if __name__ == "__main__":
    command.run(main)
