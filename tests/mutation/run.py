"""Would the tests notice? Small mistakes are made in a module, one at a time, and its tests run.

    python tests/mutation/run.py vae training     # these modules
    python tests/mutation/run.py                  # all of `modules.TESTS`, an hour on two cores
    python tests/mutation/run.py --table          # what is known so far, as a page

A mutant is killed when a test fails, or does not come to an end. Results are kept in
``tests/mutation/results`` and nothing is run twice unless the module or its tests have changed.
Every mutant runs in a process of its own, forked from one that has imported the third-party
libraries already; the module is replaced while it is imported, and no file is touched.
"""

import argparse
import contextlib
import hashlib
import importlib.machinery
import importlib.util
import json
import os
import signal
import sys
import time
from pathlib import Path

import pytest
from allowed import ALLOWED
from modules import TESTS
from mutants import mutants

TESTS_FOLDER = Path(__file__).parents[1]
PACKAGE = TESTS_FOLDER.parent / "minivae"
RESULTS = Path(__file__).parent / "results"
KILLED, SURVIVED = "killed", "survived"


class _Planted(importlib.machinery.SourceFileLoader):
    """Imports one module from other source than its file holds."""

    def __init__(self, name, path, source):
        super().__init__(name, path)
        self._source = source

    def get_code(self, fullname):
        return compile(self._source, self.path, "exec", dont_inherit=True)


class _Finder:
    """Finds that module, and leaves all others to Python."""

    def __init__(self, name, path, source):
        self.name, self.path, self.source = name, path, source

    def find_spec(self, fullname, path=None, target=None):
        if fullname != self.name:
            return None
        loader = _Planted(self.name, str(self.path), self.source)
        return importlib.util.spec_from_file_location(fullname, str(self.path), loader=loader)


def path_of(module):
    return PACKAGE / f"{module}.py"


def files_of(module):
    """The test files of a module."""
    return [TESTS_FOLDER / f"test_{name}.py" for name in TESTS[module]]


def state_of(module):
    """A digest of the module and of its tests."""
    digest = hashlib.sha256()
    for file in [path_of(module), *files_of(module)]:
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


# These take seconds, and see only what is grossly wrong or what others see as well.
NOT_SLOW = (
    "not (learns_real or on_real_digits or example_prints or float32_training or unbiased "
    "or variance_falls or memory_does)"
)
PRELOADED = [
    "numba", "scipy.stats", "scipy.optimize", "hypothesis.extra.numpy", "matplotlib.figure",
    "threadpoolctl", "pooch", "tqdm", "minivae.engine.kernels", "minivae.engine.products",
    "minivae.engine.team", "minivae.engine.subnormals",
]  # fmt: skip


def preload():
    """Import what takes long and is the same for all mutants."""
    for name in PRELOADED:
        importlib.import_module(name)


def run_tests(module, source, profile):
    """In a forked process: run the module's tests on this source, and exit with pytest's code."""
    os.setsid()
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    dotted = "minivae." + module.replace("/", ".")
    sys.meta_path.insert(0, _Finder(dotted, path_of(module), source))
    os.chdir(TESTS_FOLDER.parent)
    quickly = ["-x", "-q", "--tb=no", "--assert=plain", "-p", "no:cacheprovider"]
    warned = ["-W", "ignore::pytest.PytestAssertRewriteWarning"]  # of what `preload` has imported
    chosen = [f"--hypothesis-profile={profile}", "-k", NOT_SLOW, *map(str, files_of(module))]
    os._exit(int(pytest.main([*quickly, *warned, *chosen])))


def start(module, source, profile):
    """Fork, and return the child's process id."""
    pid = os.fork()
    if pid == 0:
        try:
            run_tests(module, source, profile)
        finally:
            os._exit(1)
    return pid


def baseline(module):
    """Seconds that the tests take on the sound module, which has to pass them."""
    started = time.monotonic()
    _, status = os.waitpid(start(module, path_of(module).read_text(), "standard"), 0)
    if status:
        sys.exit(f"{module}: its tests do not pass on the sound module")
    return time.monotonic() - started


def run_module(module, jobs, known):
    """Run all mutants of a module that are not known; return ``{where: verdict}``.

    A few examples of each generated test kill most mutants; the others meet all of them.
    """
    everyone = mutants(path_of(module).read_text())
    verdicts = {m.where: known[m.where] for m in everyone if m.where in known}
    waiting = [(m, "impatient") for m in everyone if m.where not in known]
    limit = 30 + 6 * baseline(module) if waiting else 0
    running = {}
    while waiting or running:
        while waiting and len(running) < jobs:
            mutant, profile = waiting.pop(0)
            pid = start(module, mutant.source, profile)
            running[pid] = mutant, profile, time.monotonic() + limit
        pid, status = os.waitpid(-1, os.WNOHANG)
        if pid == 0:
            _end_those_past_their_time(running)
            time.sleep(0.02)
            continue
        mutant, profile, _ = running.pop(pid)
        if status == 0 and profile == "impatient":
            waiting.insert(0, (mutant, "standard"))
            continue
        verdicts[mutant.where] = KILLED if status else SURVIVED
        keep(module, verdicts)  # so that what is interrupted can go on
        print(f"{module} {verdicts[mutant.where]:9} {mutant.line:4} {mutant.where}", flush=True)
    return verdicts


def _end_those_past_their_time(running):
    for pid, (_, _, deadline) in running.items():
        if time.monotonic() > deadline:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(pid, signal.SIGKILL)


def results_of(module):
    """Return ``(state, verdicts)`` as kept, or ``(None, {})``."""
    file = RESULTS / f"{module.replace('/', '.')}.json"
    if not file.exists():
        return None, {}
    kept = json.loads(file.read_text())
    return kept["state"], kept["verdicts"]


def keep(module, verdicts):
    RESULTS.mkdir(exist_ok=True)
    file = RESULTS / f"{module.replace('/', '.')}.json"
    file.write_text(json.dumps({"state": state_of(module), "verdicts": verdicts}, indent=0))


def table():
    """The score of every module, and the survivors with the reason why they may live."""
    lines = [
        "| module | mutants | equivalent | killed | score | with its code and tests |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    survivors = []
    for module in TESTS:
        state, kept = results_of(module)
        every = [mutant.where for mutant in mutants(path_of(module).read_text())]
        verdicts = {where: kept[where] for where in every if where in kept}
        when = "as they are" if state == state_of(module) else "as they were" if state else "never"
        lived = [where for where, verdict in verdicts.items() if verdict == SURVIVED]
        reasons = ALLOWED.get(module, {})
        equivalent = [where for where in lived if where in reasons]
        tried = f"{len(every)}, tried {len(verdicts)}" if len(verdicts) < len(every) else len(every)
        counted = len(verdicts) - len(equivalent)
        killed = len(verdicts) - len(lived)
        score = f"{100 * killed / counted:.1f} %" if counted else ""
        lines.append(f"| {module} | {tried} | {len(equivalent)} | {killed} | {score} | {when} |")
        survivors += [f"- {module}, {where}: {reasons.get(where, '**not explained**')}"
                      for where in sorted(lived)]  # fmt: skip
    return "\n".join([*lines, "", *survivors])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("modules", nargs="*", metavar="module", help="such as vae; default: all")
    parser.add_argument("--jobs", type=int, default=2)
    parser.add_argument("--survivors", action="store_true", help="try what lived for no reason")
    parser.add_argument("--table", action="store_true", help="print what is known and stop")
    arguments = parser.parse_args()
    if arguments.table:
        print(table())
        return
    sys.path.insert(0, str(TESTS_FOLDER))
    preload()
    for module in arguments.modules or TESTS:
        state, verdicts = results_of(module)
        if arguments.survivors:
            explained = ALLOWED.get(module, {})
            verdicts = {w: v for w, v in verdicts.items() if v == KILLED or w in explained}
        elif state != state_of(module):
            verdicts = {}
        keep(module, run_module(module, arguments.jobs, verdicts))
    print(table())


if __name__ == "__main__":
    main()
