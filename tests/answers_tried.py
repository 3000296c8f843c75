"""Try wrong and right answers to every exercise, and count how many are refused and accepted.

    python tests/answers_tried.py               a line for each exercise, and the sums
    python tests/answers_tried.py --seeds 0 1 2 3 4
    python tests/answers_tried.py --only 04_backpropagation_by_hand

Wrong answers stand in tests/wrong_answers, each with words that the checker must say to it; right
ones, written differently from the answer, in tests/right_answers. A wrong answer counts as refused
if it is refused in those words. Exits with 1 if one of them is judged wrongly.
"""

import argparse
import contextlib
import importlib.util
import io
import sys
from dataclasses import dataclass
from pathlib import Path

TESTS = Path(__file__).parent
TUTORIALS = TESTS.parent / "tutorials"
if str(TUTORIALS) not in sys.path:
    sys.path.insert(0, str(TUTORIALS))

from exercises import checker, load  # noqa: E402

NAMES = sorted(path.stem for path in (TUTORIALS / "exercises").glob("[0-9]*.py"))
EVERY = [(notebook, e) for notebook in NAMES for e in load("exercises", notebook).EXERCISES]


def _module(kind, notebook):
    path = TESTS / kind / f"{notebook}.py"
    spec = importlib.util.spec_from_file_location(f"{kind}_{notebook}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def wrong_answers(notebook):
    """By the exercise's name: pairs of an answer and what must be said to it."""
    return _module("wrong_answers", notebook).WRONG


def right_answers(notebook):
    """By the exercise's name: answers."""
    return _module("right_answers", notebook).RIGHT


@dataclass
class Tried:
    """What became of the answers to one exercise; `misjudged` are verdicts."""

    wrong: int = 0
    refused: int = 0
    right: int = 0
    accepted: int = 0
    misjudged: tuple = ()


def tried(notebook, name, seed=0):
    """Put all answers to one exercise before its checker."""
    check = checker(notebook, seed)
    wrong, right = wrong_answers(notebook)[name], right_answers(notebook)[name]
    with contextlib.redirect_stdout(io.StringIO()):  # some print what they should return
        refusals = [(check(answer, name), words) for answer, words in wrong]
        passed = [check(answer, name) for answer in right]
    misjudged = [v for v, words in refusals if v.state != "not yet right" or words not in v.words]
    turned_away = [verdict for verdict in passed if verdict.state != "right"]
    return Tried(
        len(wrong),
        len(wrong) - len(misjudged),
        len(right),
        len(right) - len(turned_away),
        (*misjudged, *turned_away),
    )


def main():
    """Print a table; exit with 1 if an answer was misjudged."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--seeds", type=int, nargs="+", default=[0], help="of the problems")
    parser.add_argument("--only", choices=NAMES, metavar="NOTEBOOK", help="its name")
    arguments = parser.parse_args()
    seeds, only = arguments.seeds, arguments.only
    print(f"{'':30}  {'wrong answers':>15}  {'right answers':>15}")
    print(f"{'exercise':30}  {'refused':>15}  {'accepted':>15}")
    sums, misjudged = [0, 0, 0, 0], []
    for notebook, exercise in EVERY:
        if only not in (None, notebook):
            continue
        results = [tried(notebook, exercise.name, seed) for seed in seeds]
        counts = [
            sum(getattr(result, what) for result in results)
            for what in ("refused", "wrong", "accepted", "right")
        ]
        sums = [a + b for a, b in zip(sums, counts, strict=True)]
        misjudged += [verdict for result in results for verdict in result.misjudged]
        _print_row(f"{notebook[:2]} {exercise.name}", counts)
    _print_row("in all", sums)
    for verdict in misjudged:
        print(f"\nmisjudged: {verdict}")
    sys.exit(bool(misjudged))


def _print_row(name, counts):
    refused, wrong, accepted, right = counts
    print(f"{name:30}  {f'{refused} of {wrong}':>15}  {f'{accepted} of {right}':>15}")


if __name__ == "__main__":
    main()
