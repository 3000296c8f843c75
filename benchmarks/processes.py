"""Is a product as fast in every process? Its time in many fresh ones, on all threads at once.

    python benchmarks/processes.py --processes 20

A process cannot choose where in memory its arrays and its threads' stacks lie, and keeps its places
for life: what depends on them makes one process a third slower than the next, and no number of
rounds within a process shows it. Every process here gets 16 bytes more of environment than the one
before, which moves the stack.
"""

import json
import os
import statistics
import subprocess
import sys
import time

import command
import machine
import numpy as np
import output
from products import TILES, calls_of_thread, products_of_step, seconds_of
from settings import SETTINGS, Problem

from minivae.engine.lockstep import blas_single_threaded
from minivae.engine.team import Team


def measure_here(setting, product, threads, seconds):
    """Return the product's median seconds on each thread of this process."""
    problem = Problem(setting)
    minibatch = np.divide(problem.train[: setting.batch_size], 255, dtype=np.float32)
    medians = [0.0] * threads

    def work(k):
        calls = calls_of_thread(setting.vae(), TILES, minibatch, threads, k)
        if product in calls:
            times, until = [], time.perf_counter() + seconds
            while time.perf_counter() < until or not times:
                times.append(seconds_of(calls[product]))
            medians[k] = statistics.median(
                times[len(times) // 2 :]
            )  # a core may be shared at first

    with blas_single_threaded(), Team(threads) as team:
        team.run(work)
    return medians


def measure(setting, product, options):
    """Return the medians of every process, in seconds: one per thread."""
    environment = dict(os.environ) if options.keep_env else machine.environment_without_pins()
    medians = []
    for i in range(options.processes):
        child = subprocess.run(
            [
                sys.executable,
                __file__,
                "--setting",
                setting.name,
                "--seconds",
                str(options.seconds),
                "--child",
                product,
            ],
            env={**environment, "MINIVAE_PADDING": "." * 16 * i},
            capture_output=True,
            text=True,
        )
        if child.returncode:
            raise command.Failure(f"process {i + 1} failed: {child.stderr.strip()[-200:]}")
        medians.append(json.loads(child.stdout))
    return medians


def parse(argv):
    parser = command.Parser(__doc__, seconds=0.5, rounds=None)
    command.add_setting(parser)
    parser.add_argument("--processes", type=command.whole, default=20, help="(default 20)")
    parser.add_argument("--product", default="encoder x W1", help="(default 'encoder x W1')")
    parser.add_argument("--child", help="for use by this script")
    return parser.parse_args(argv)


def draw(result):
    """Draw every process's medians, in their order."""
    title = f"{result['product']} in {len(result['medians'])} fresh processes, {result['title']}"
    with output.picture(7, 3, title, result) as figure:
        axes = figure.subplots()
        for i, medians in enumerate(result["medians"], 1):
            axes.plot(
                [i] * len(medians), [1e6 * m for m in medians], "o", color=output.COLORS["minivae"]
            )
        axes.set_xlabel("process (a point per thread)")
        axes.set_ylabel("median time (us)")
        axes.set_ylim(0)
    return figure


def main(argv=None):
    options = parse(argv)
    setting = SETTINGS[options.setting[0]]
    threads = setting.default_threads()
    if options.child:
        print(json.dumps(measure_here(setting, options.child, threads, options.seconds)))
        return
    names = [product.name for product in products_of_step(setting.vae())]
    if options.product not in names:
        raise command.Failure(f"--product is {options.product!r}, expected one of {names}")
    result = {
        "benchmark": "processes",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "blas": machine.blas(),
        "title": setting.title,
        "product": options.product,
    }
    command.announce(result)
    conditions = machine.Conditions(lambda: sum(os.times()[:4]))  # that of the children too
    medians = result["medians"] = measure(setting, options.product, options)
    result["conditions"] = conditions.report()
    times = [time for of_process in medians for time in of_process if time]
    low, middle, high = (1e6 * f(times) for f in (min, statistics.median, max))
    command.say(
        f"{options.product}, {setting.title}, {len(medians)} processes, {threads} threads: median "
        f"{middle:.0f} us, from {low:.0f} to {high:.0f}: a factor of {high / low:.2f}"
    )
    command.warn(machine.conditions_warning(result["conditions"]))
    output.write(options.out, f"processes_{setting.name}", result, draw(result))


if __name__ == "__main__":
    command.run(main)
