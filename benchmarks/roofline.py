"""How close a training step comes to its matrix products alone, and where the rest of it goes."""

import statistics
import time

import command
import machine
import numpy as np
import output
from products import TILES, WAYS, large, products_of_step, time_products
from rivals.minivae_ import Minivae
from settings import MLPS, Problem
from stopwatch import PYTHON, WAITING, Stopwatch, instrumented

from minivae import plots

_SETTLE = 0.2  # seconds in which BLAS's threads may still spin


def measure(setting, options):
    """Time products and steps of one setting in interleaved rounds.

    Returns
    -------
    dict
        For the JSON file; seconds per step throughout.
    """
    problem = Problem(setting)
    vae = setting.vae()
    threads = options.threads or setting.default_threads()
    contender = Minivae(problem, threads, problem.initial_params())
    n_steps = steps_for(contender, options.seconds)
    minibatch = np.divide(problem.train[: setting.batch_size], 255, dtype=np.float32)
    rounds = {"step": [], "parts": [], "instrumented_step": [], **{way: [] for way in WAYS}}
    stopwatch, conditions = Stopwatch(), machine.Conditions()
    try:
        for _ in range(options.rounds):
            contender.run(1 + n_steps // 4)  # just woken up, threads may share a core for a while
            rounds["step"].append(seconds_per_step(contender, n_steps))
            stopwatch.reset()
            with instrumented(stopwatch, contender.loop):
                rounds["instrumented_step"].append(seconds_per_step(contender, n_steps))
            parts = stopwatch.per_step(n_steps, threads)
            parts[PYTHON] = rounds["instrumented_step"][-1] - sum(parts.values())
            rounds["parts"].append(parts)
            for way in WAYS:
                timing = time_products(vae, minibatch, contender.team, n_steps, way)
                rounds[way].append(timing)
                time.sleep(_SETTLE)
        blas, conditions = machine.blas(), conditions.report()
    finally:
        contender.close()
    return {
        "setting": setting.name,
        "title": setting.title,
        "threads": threads,
        "blas": blas,
        "conditions": conditions,
        **summarise(setting, rounds),
    }


def steps_for(contender, seconds):
    """Return how many steps take about so long."""
    n_steps = 10
    contender.run(n_steps)  # loads the kernels
    while (elapsed := n_steps * seconds_per_step(contender, n_steps)) < seconds / 4:
        n_steps *= 4
    return max(10, round(n_steps * seconds / elapsed))


def seconds_per_step(contender, n_steps):
    started = time.perf_counter()
    contender.run(n_steps)
    return (time.perf_counter() - started) / n_steps


def summarise(setting, rounds):
    """Turn the rounds into medians; the floor is the best way of doing the large products."""
    products = products_of_step(setting.vae())
    counted = large(products)
    floors = {
        way: [sum(timing[name] for name in counted) for timing in rounds[way]] for way in WAYS
    }
    best = min(WAYS, key=lambda way: statistics.median(floors[way]))
    best_blas = min(WAYS, key=lambda way: (way is TILES, statistics.median(floors[way])))
    return {
        "step": statistics.median(rounds["step"]),
        "instrumented_step": statistics.median(rounds["instrumented_step"]),
        "floors": {way: statistics.median(values) for way, values in floors.items()},
        "best": best,
        "shares": shares_of(floors[best], rounds["step"]),
        "best_blas": best_blas,
        "shares_of_blas": shares_of(floors[best_blas], rounds["step"]),
        "flop": {product.name: product.flop(setting.batch_size) for product in products},
        "large": counted,
        "alone": median_by_name(rounds[TILES]),
        "parts": median_by_name(rounds["parts"]),
    }


def shares_of(floors, steps):
    """Return what share of each step its floor is."""
    return [floor / step for floor, step in zip(floors, steps, strict=True)]


def median_by_name(timings):
    """Return the median over rounds, name by name."""
    return {name: statistics.median(timing[name] for timing in timings) for name in timings[0]}


def table(one):
    """Return the lines of a setting's table."""
    micro = 1e6
    batch = MLPS[one["setting"]].batch_size
    flop = sum(one["flop"][name] for name in one["large"])
    lines = [f"large products ({flop / 1e9:.2f} GFLOP), {one['threads']} threads:"]
    for how, seconds in one["floors"].items():
        lines.append(
            f"  {how:40} {micro * seconds:7.0f} us  {batch / seconds:9,.0f} samples/s"
            f"  {flop / seconds / 1e9:5.0f} GFLOP/s"
        )
    lines += [
        f"  {'a whole step of minivae':40} {micro * one['step']:7.0f} us"
        f"  {batch / one['step']:9,.0f} samples/s",
        f"  share of the floor reached: {span(one['shares'])}; "
        f"of that with a BLAS: {span(one['shares_of_blas'])}",
        "",
        f"{'part of a step':34} {'in the step':>11} {'alone':>9} {'of the step':>11}   (us)",
    ]
    total = sum(one["parts"].values())
    for name, seconds in one["parts"].items():
        alone = f"{micro * one['alone'][name]:9.1f}" if name in one["alone"] else " " * 9
        mark = "*" if name in one["large"] else " "
        lines.append(f"{mark}{name:33} {micro * seconds:11.1f} {alone} {seconds / total:11.1%}")
    lines.append(
        f"* counts for the floor; timing the parts made a step {micro * total:.0f} us long"
    )
    return lines


def span(shares):
    """Return median and range as text."""
    low, middle, high = np.percentile(shares, [0, 50, 100])
    return f"{middle:.0%} ({low:.0%} - {high:.0%})"


# Kind of part: its colour in the picture, and which parts it takes.
KINDS = {
    "large products": plots.PALETTE[0],
    "small products": plots.PALETTE[5],
    "elementwise work": plots.PALETTE[2],
    "optimizer": plots.PALETTE[3],
    "waiting": plots.PALETTE[1],
    "Python": plots.PALETTE[4],
}


def kind_of(name, one):
    """Return the kind of a part."""
    if name in one["flop"]:
        return "large products" if name in one["large"] else "small products"
    if name == PYTHON:
        return "Python"
    if name == WAITING:
        return "waiting"
    return "optimizer" if name == "Adagrad" else "elementwise work"


def draw(one, result):
    """Draw the whole step by kind above, every part below."""
    title = (
        f"Where a training step goes: {one['title']}, {one['threads']} threads "
        f"({statistics.median(one['shares']):.0%} of the floor reached)"
    )
    with output.picture(8.5, 8.2, title, {**result, "blas": one["blas"]}) as figure:
        top, bottom = figure.subplots(2, 1, height_ratios=[1, 7])
        draw_kinds(top, one)
        draw_parts(bottom, one)
    return figure


def draw_kinds(axes, one):
    """Draw one bar, cut by kind, and the floor across it."""
    left = 0.0
    for kind, color in KINDS.items():
        width = 1e6 * sum(s for name, s in one["parts"].items() if kind_of(name, one) == kind)
        axes.barh(0, width, left=left, color=color, label=f"{kind} {width:.0f}", height=0.7)
        left += width
    for way, label, side in (("best", "floor", "right"), ("best_blas", "with a BLAS", "left")):
        floor = 1e6 * one["floors"][one[way]]
        axes.axvline(floor, color="black", linestyle="--", linewidth=1.2)
        axes.annotate(
            f"{label} {floor:.0f}",
            (floor, 0.4),
            (-4 if side == "right" else 4, 3),
            textcoords="offset points",
            ha=side,
            fontsize=9,
        )
    axes.set_yticks([])
    axes.set_ylim(-0.4, 0.75)
    axes.set_xlim(0, left)
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel("microseconds of one step (mean over threads)", fontsize=9)
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3, fontsize=8, handlelength=1)


def draw_parts(axes, one):
    """Draw a bar for every part, and for products a mark where they end when timed alone."""
    names = list(one["parts"])
    for i, name in enumerate(names):
        width = 1e6 * one["parts"][name]
        axes.barh(i, width, color=KINDS[kind_of(name, one)], height=0.75)
        end = width
        if name in one["alone"]:
            alone = 1e6 * one["alone"][name]
            axes.plot([alone, alone], [i - 0.4, i + 0.4], color="black", linewidth=1.6)
            end = max(width, alone)
        axes.annotate(
            f"{width:.0f}", (end, i), (5, 0), textcoords="offset points", va="center", fontsize=8
        )
    axes.plot([], [], color="black", linewidth=1.6, label="the product alone")
    axes.legend(loc="lower right", fontsize=9)
    axes.set_yticks(range(len(names)), names, fontsize=9)
    axes.set_ylim(len(names) - 0.4, -0.6)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_xlabel("microseconds of one step (mean over threads)", fontsize=9)


def parse(argv):
    parser = command.Parser(__doc__, seconds=0.5)
    command.add_setting(parser, MLPS)
    parser.add_argument(
        "--threads", type=command.whole, help="of minivae (default: as minivae.fit chooses)"
    )
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    if not options.keep_env:
        machine.restart_without_pins()
    result = {
        "benchmark": "roofline",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
    }
    command.announce(result)
    for name in options.setting:
        command.say(f"\n{MLPS[name].title}")
        one = measure(MLPS[name], options)
        command.say(*table(one), sep="\n")
        command.warn(machine.conditions_warning(one["conditions"]))
        output.write(options.out, f"roofline_{name}", {**result, **one}, draw(one, result))


if __name__ == "__main__":
    command.run(main)
