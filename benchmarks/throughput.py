"""Training speed of minivae, NumPy, PyTorch and JAX at equal work, in interleaved rounds.

Every contender lives in a child process of its own and sleeps while the others have their turn. All
start from the same parameters and see the same minibatches in the same order; after one epoch their
parameters are scored by the same code, and no ratio is printed unless the scores agree.
"""

import statistics
import sys

import command
import machine
import numpy as np
import output
from contenders import ContenderFailed, Field
from rivals import missing_packages
from settings import SETTINGS, Problem

from minivae.evaluation import mean_bound

# Programs draw different noise, so that their bounds after an epoch differ a little. How much of
# what the epoch gained may this be? (Other seeds for the noise alone: see README.md.)
TOLERANCE = 0.02


class BoundsDisagree(RuntimeError):
    """A contender does not do the same work."""


def measure(setting, options):
    """Measure one setting.

    Returns
    -------
    result : dict
        For the JSON file: the setting, and by contender the threads, probes, start-up seconds,
        bounds after an epoch, samples/s of every round and ratios minivae / contender.
    """
    problem = Problem(setting)
    with Field(problem, options.keep_env) as field:
        contenders = start(field, options)
        check_equal_work(field, contenders)
        blas = field.children["minivae"].ask("describe")["blas"]
        run_rounds(field, contenders, options)
    return {"setting": setting.name, "title": setting.title, "contenders": contenders, "blas": blas}


def start(field, options):
    """Start the contenders that can be; return their entries of the result."""
    contenders = {}
    for name in ["minivae", *(name for name in options.contenders if name != "minivae")]:
        missing = missing_packages(name)
        if missing:
            command.say(f"  {name}: skipped, {' and '.join(missing)} not installed")
            continue
        try:
            probes = field.add(name, options.threads, options.seconds)
        except ContenderFailed as failure:
            if name == "minivae":
                raise
            command.say(f"  {name}: skipped, {failure}")
            continue
        child = field.children[name]
        tried = ", ".join(f"{count}: {rate:,.0f}" for count, rate in probes.items())
        command.say(
            f"  {name}: started in {child.startup_seconds:.1f} s, {child.threads} threads"
            f" (samples/s by threads: {tried})"
        )
        contenders[name] = {
            "threads": child.threads,
            "probes": {str(count): rate for count, rate in probes.items()},
            "startup_seconds": child.startup_seconds,
        }
    return contenders


def check_equal_work(field, contenders):
    """Train every contender for an epoch and compare the outcome with minivae's.

    Two numbers must agree: the bound on the test set of the parameters handed back, and the mean
    bound of the last 100 minibatches as the program itself reports it.

    Raises
    ------
    BoundsDisagree
    """
    setting, problem = field.setting, field.problem
    vae = setting.vae()
    initial = mean_bound(vae, problem.initial_params(), problem.test)
    for name, entry in contenders.items():
        child = field.children[name]
        field.reset(child)
        reply = child.turn(setting.steps_per_epoch)
        entry["train_bound"] = reply["bound"]
        entry["test_bound"] = mean_bound(vae, field.params_of(child), problem.test)
    judge = contenders["minivae"]
    allowed = TOLERANCE * (judge["test_bound"] - initial)
    command.say(f"  bounds after one epoch may differ by {allowed:.2f} nats (from {initial:.1f}):")
    for name, entry in contenders.items():
        bounds = f"train {entry['train_bound']:.2f}, test {entry['test_bound']:.2f}"
        command.say(f"    {name:14} {bounds}")
        for which in ("train_bound", "test_bound"):
            if not abs(entry[which] - judge[which]) <= allowed:  # in this form NaN disagrees
                raise BoundsDisagree(
                    f"{name} does not do the same work: {which.replace('_', ' ')} after one epoch "
                    f"is {entry[which]:.2f}, minivae's {judge[which]:.2f}; no ratios"
                )


def run_rounds(field, contenders, options):
    """Give the contenders turns, A B C A B C, and add rates and ratios to their entries."""
    steps = {}
    for name, entry in contenders.items():
        steps[name] = field.steps_for(field.children[name], options.seconds)
        entry["samples_per_second"] = []
    for _ in range(options.rounds):
        for name, entry in contenders.items():
            reply = field.children[name].turn(steps[name])
            entry["samples_per_second"].append(field.samples_per_second(reply))
    own = np.array(contenders["minivae"]["samples_per_second"])
    for name, entry in contenders.items():
        entry["steps_per_turn"] = steps[name]
        entry["minivae_is_faster_by"] = (own / entry["samples_per_second"]).tolist()
        entry["busy_while_idle"] = field.children[name].busy_while_idle


def table(result):
    """Return the lines of a setting's table."""
    lines = [
        f"{'contender':14} threads  {'samples/s':>9} {'(quartiles)':^19}"
        "  minivae is faster by (min - max)"
    ]
    for name, entry in result["contenders"].items():
        rates, ratios = entry["samples_per_second"], entry["minivae_is_faster_by"]
        low, middle, high = np.percentile(rates, [25, 50, 75])
        lines.append(
            f"{name:14} {entry['threads']:7}  {middle:9,.0f} ({low:8,.0f} -{high:8,.0f})"
            f"  {statistics.median(ratios):.2f} ({min(ratios):.2f} - {max(ratios):.2f})"
        )
        if entry["busy_while_idle"] > 0.05:
            lines.append(f"  warning: {name} used the processor while others had their turn")
    return lines


def draw(result):
    """Draw samples/s of every contender, one panel per setting."""
    settings = result["settings"]
    columns = min(3, len(settings))
    rows = -(-len(settings) // columns)
    size = (1.2 + 4.2 * columns, 1.2 + 2.4 * rows)
    title = "Training a VAE: throughput at equal work (median and range over rounds)"
    with output.picture(*size, title, result) as figure:
        grid = figure.subplots(rows, columns, squeeze=False).flat
        for axes, one in zip(grid, settings, strict=False):
            draw_setting(axes, one)
        for axes in list(grid)[len(settings) :]:
            axes.set_visible(False)
    return figure


def draw_setting(axes, one):
    """One horizontal bar per contender, its ratio to minivae beside it."""
    names = list(one["contenders"])[::-1]
    for i, name in enumerate(names):
        entry = one["contenders"][name]
        rates = np.array(entry["samples_per_second"]) / 1000
        middle = np.median(rates)
        spread = [[middle - rates.min()], [rates.max() - middle]]
        axes.barh(i, middle, color=output.COLORS[name], height=0.7)
        axes.errorbar(middle, i, xerr=spread, color="black", capsize=3, linewidth=1)
        label = f"{middle:.0f}"
        if name != "minivae":
            label += f"  (minivae {statistics.median(entry['minivae_is_faster_by']):.2f}x)"
        axes.annotate(
            label, (rates.max(), i), (6, 0), textcoords="offset points", va="center", fontsize=9
        )
    threads = [one["contenders"][name]["threads"] for name in names]
    labels = [f"{name} ({count})" for name, count in zip(names, threads, strict=True)]
    axes.set_yticks(range(len(names)), labels, fontsize=9)
    fastest = max(max(entry["samples_per_second"]) for entry in one["contenders"].values())
    axes.set_xlim(0, 1.5e-3 * fastest)
    axes.set_xlabel("thousand samples per second", fontsize=9)
    axes.set_title(one["title"], fontsize=10)


def parse(argv):
    parser = command.Parser(__doc__, seconds=0.7)
    command.add_setting(parser)
    command.add_contenders(parser)
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    result = {
        "benchmark": "throughput",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "rounds": options.rounds,
        "seconds": options.seconds,
        "tolerance": TOLERANCE,
        "settings": [],
    }
    command.announce(result)
    try:
        for name in options.setting:
            command.say(f"\n{SETTINGS[name].title}")
            one = measure(SETTINGS[name], options)
            result["blas"] = one.pop("blas")
            result["settings"].append(one)
            command.say(*table(one), sep="\n")
    except (BoundsDisagree, ContenderFailed) as failure:
        command.complain(f"throughput.py: {failure}")
        return 1
    name = options.setting[0] if len(options.setting) == 1 else "all"
    output.write(options.out, f"throughput_{name}", result, draw(result))
    return 0


if __name__ == "__main__":
    sys.exit(main())
