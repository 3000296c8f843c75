"""Training speed of minivae, NumPy, PyTorch and JAX at equal work, in interleaved rounds.

Every contender lives in a child process of its own and sleeps while the others have their turn;
after some rounds all begin again in fresh ones, since a process can be unlucky for life. They start
from the same parameters and see the same minibatches in the same order. No ratio is printed unless
they agree: after a few steps without noise in every digit that float32 allows, after an epoch with
noise in the bound.
"""

import statistics

import command
import machine
import numpy as np
import output
from contenders import Field
from settings import SETTINGS, Problem

from minivae.evaluation import mean_bound

# First steps without noise: programs differ by rounding alone, which Adagrad's early steps magnify
# where a gradient is nearly zero. Without the weight prior the parameters would be off by 5e-3.
SILENCED_STEPS = 5
BOUND_TOLERANCE = 1e-3  # of the bound
PARAMS_TOLERANCE = 1e-3  # root mean square difference

# A whole epoch with noise: early training is chaotic, and under other noise the same program ends
# up to 6 % of what the epoch gains higher or lower.
EPOCH_TOLERANCE = 0.1


class UnequalWork(command.Failure):
    """A contender does not do the same work as minivae."""


def measure(setting, options):
    """Measure one setting.

    Returns
    -------
    result : dict
        For the JSON file: the setting, and by contender the threads, probes, start-up seconds,
        bounds after an epoch, samples/s of every round of every process, ratios minivae / contender
        and each process's median.
    """
    problem = Problem(setting)
    contenders, conditions = {}, []
    for _ in range(options.processes):
        with Field(problem, options.keep_env, options.clock) as field:
            if contenders:
                field.add_again(contenders, options.seconds)
            else:
                contenders = field.add_all(options.contenders, options.threads, options.seconds)
                check_first_steps(field, contenders)
                check_epoch(field, contenders)
                blas = field.children["minivae"].ask("describe")["blas"]
            meanwhile = machine.Conditions(field.cpu_seconds)
            run_rounds(field, contenders, options)
            conditions.append(meanwhile.report())
    summarise(contenders, options)
    return {
        "setting": setting.name,
        "title": setting.title,
        "contenders": contenders,
        "conditions": conditions,
        "blas": blas,
    }


def check_first_steps(field, contenders):
    """Compare the first steps without noise: arithmetic, optimizer and order of the data.

    Raises
    ------
    UnequalWork
    """
    outcomes = {}
    for name in contenders:
        child = field.children[name]
        field.reset(child, silenced=True)
        bound = child.turn(SILENCED_STEPS)["bound"]
        outcomes[name] = bound, field.params_of(child).vector
    bound, params = outcomes["minivae"]
    for name, (own_bound, own_params) in outcomes.items():
        off = abs(own_bound / bound - 1), float(np.sqrt(np.mean((own_params - params) ** 2)))
        contenders[name]["first_steps_off_by"] = {"bound": off[0], "params": off[1]}
        if not (off[0] <= BOUND_TOLERANCE and off[1] <= PARAMS_TOLERANCE):  # NaN disagrees
            raise UnequalWork(
                f"{name} does not do the same work: after {SILENCED_STEPS} steps without noise its "
                f"bound is off by {off[0]:.1e}, its parameters by {off[1]:.1e}; no ratios"
            )
    worst = [entry["first_steps_off_by"] for entry in contenders.values()]
    command.say(
        f"  {SILENCED_STEPS} steps without noise agree: bounds to "
        f"{max(off['bound'] for off in worst):.0e} (allowed {BOUND_TOLERANCE:.0e}), parameters to "
        f"{max(off['params'] for off in worst):.0e} (allowed {PARAMS_TOLERANCE:.0e})"
    )


def check_epoch(field, contenders):
    """Compare a whole epoch with noise: nothing is left out later on.

    Two numbers must agree: the bound on the test set of the parameters handed back, and the mean
    bound of the last 100 minibatches as the program itself reports it.

    Raises
    ------
    UnequalWork
    """
    setting, problem = field.setting, field.problem
    vae = setting.vae()
    initial = mean_bound(vae, problem.initial_params(), problem.test)
    for name, entry in contenders.items():
        child = field.children[name]
        field.reset(child)
        entry["train_bound"] = child.turn(setting.steps_per_epoch)["bound"]
        entry["test_bound"] = mean_bound(vae, field.params_of(child), problem.test)
    judge = contenders["minivae"]
    allowed = EPOCH_TOLERANCE * (judge["test_bound"] - initial)
    command.say(f"  an epoch's bounds, from {initial:.1f}, may differ by {allowed:.1f} nats:")
    for name, entry in contenders.items():
        command.say(
            f"    {name:14} train {entry['train_bound']:.1f}, test {entry['test_bound']:.1f}"
        )
        for which in ("train_bound", "test_bound"):
            if not abs(entry[which] - judge[which]) <= allowed:  # NaN disagrees
                raise UnequalWork(
                    f"{name} does not do the same work: its {which.replace('_', ' ')} after one "
                    f"epoch is {entry[which]:.2f}, minivae's {judge[which]:.2f}; no ratios"
                )


def run_rounds(field, contenders, options):
    """Give the contenders turns, A B C A B C, and add their rates to their entries."""
    for _ in range(options.rounds):
        for name, entry in contenders.items():
            child = field.children[name]
            reply = child.turn(child.steps_per_turn, child.warm_up)
            entry.setdefault("samples_per_second", []).append(field.samples_per_second(reply))
    for name, entry in contenders.items():
        child = field.children[name]
        entry["steps_per_turn"] = child.steps_per_turn
        entry["busy_while_idle"] = max(child.busy_while_idle, entry.get("busy_while_idle", 0))


def summarise(contenders, options):
    """Add to the entries every round's ratio, and every process's median."""
    own = np.array(contenders["minivae"]["samples_per_second"])
    for entry in contenders.values():
        rates = np.array(entry["samples_per_second"])
        entry["minivae_is_faster_by"] = (own / rates).tolist()
        of_processes = rates.reshape(options.processes, options.rounds)
        entry["medians_of_processes"] = np.median(of_processes, axis=1).tolist()


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
    size = (max(6.5, 0.5 + 4.5 * columns), 1.3 + 2.4 * rows)
    by_processor = result.get("clock") == "processor"
    title = (
        f"Training a VAE at equal work: samples per second{' of a processor' * by_processor}\n"
        "(median and range over rounds; in brackets, threads used)"
    )
    with output.picture(*size, title, result) as figure:
        grid = list(figure.subplots(rows, columns, squeeze=False).flat)
        for axes, one in zip(grid, settings, strict=False):
            draw_setting(axes, one)
        for axes in grid[len(settings) :]:
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
            label += f"  (minivae: {statistics.median(entry['minivae_is_faster_by']):.2f} x)"
        axes.annotate(
            label, (rates.max(), i), (6, 0), textcoords="offset points", va="center", fontsize=9
        )
    threads = [one["contenders"][name]["threads"] for name in names]
    labels = [f"{name} ({count})" for name, count in zip(names, threads, strict=True)]
    axes.set_yticks(range(len(names)), labels, fontsize=9)
    fastest = max(max(entry["samples_per_second"]) for entry in one["contenders"].values())
    axes.set_xlim(0, 1.6e-3 * fastest)
    axes.set_xlabel("thousand samples per second", fontsize=9)
    axes.tick_params(axis="x", labelsize=9)
    axes.set_title(one["title"], fontsize=10)


def parse(argv):
    parser = command.Parser(__doc__, seconds=0.7, rounds=5)
    parser.add_argument(
        "--processes",
        type=command.whole,
        default=3,
        help="of each, one after the other (default 3)",
    )
    parser.add_argument(
        "--clock",
        choices=("wall", "processor"),
        default="wall",
        help="whose seconds: a processor's are, with --threads 1, the same on a busy machine",
    )
    command.add_setting(parser)
    command.add_contenders(parser)
    return parser.parse_args(argv)


def main(argv=None):
    options = parse(argv)
    result = {
        "benchmark": "throughput",
        "environment": machine.describe_environment(options.keep_env),
        "machine": machine.describe(),
        "processes": options.processes,
        "rounds": options.rounds,
        "seconds": options.seconds,
        "clock": options.clock,
        "tolerance": {
            "first_steps_bound": BOUND_TOLERANCE,
            "first_steps_params": PARAMS_TOLERANCE,
            "epoch_bounds": EPOCH_TOLERANCE,
        },
        "settings": [],
    }
    command.announce(result)
    for name in options.setting:
        command.say(f"\n{SETTINGS[name].title}")
        one = measure(SETTINGS[name], options)
        result["blas"] = one.pop("blas")
        result["settings"].append(one)
        command.say(*table(one), sep="\n")
        for warning in {machine.conditions_warning(each) for each in one["conditions"]} - {None}:
            command.warn(warning)
    name = options.setting[0] if len(options.setting) == 1 else "all"
    suffix = "" if options.clock == "wall" else f"_{options.clock}"
    output.write(options.out, f"throughput_{name}{suffix}", result, draw(result))


if __name__ == "__main__":
    command.run(main)
