"""The parent's side: start contenders as child processes, give each its turn, compare fairly."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import machine
import numpy as np
from command import Failure, say
from rivals import CONTENDERS, missing_packages

_SETTLE = 0.2  # seconds after a turn in which the threads of a BLAS may still spin
_WARM_UP = 0.1  # seconds, before the measured part of a turn
_TRIALS = 9  # of each number of threads: a bad moment spoils a few, and not their median
_TRIAL = 1 / 3  # of a turn


class ContenderFailed(Failure):
    """A contender could not be started, or broke down."""


def in_units(steps, unit):
    """Round a number of steps to a multiple of `unit`, at least one."""
    return unit * max(1, round(steps / unit))


class Child:
    """A contender in a process of its own.

    Parameters
    ----------
    name : str
        Of `rivals.CONTENDERS`.
    problem : settings.Problem
    threads : int
    params : path
        The .npz file with the initial parameters.
    environment : dict
        Of the process.
    log : path
        Where what it prints goes.

    Raises
    ------
    ContenderFailed
    """

    def __init__(self, name, problem, threads, params, environment, log):
        self.name, self.threads, self._log = name, threads, log
        with log.open("w") as stderr:
            self._process = subprocess.Popen(
                [sys.executable, str(Path(__file__).with_name("worker.py"))],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                env=environment,
            )
        self._cpu = 0.0
        self._last_reply = None
        self.steps_per_turn = self.warm_up = None  # known after probing
        self.busy_while_idle = 0.0  # largest share of a core used while it was not its turn
        try:
            started = self.ask(
                "start",
                contender=name,
                setting=problem.setting.name,
                seed=problem.seed,
                threads=threads,
                params=str(params),
            )
        except BaseException:
            self.close()
            raise
        self.startup_seconds, self.granularity = started["seconds"], started["granularity"]

    @property
    def cpu_seconds(self):
        """Processor time used up to its last reply."""
        return self._cpu

    def ask(self, do, **arguments):
        """Send a request and wait for the reply."""
        waited = None if self._last_reply is None else time.monotonic() - self._last_reply
        try:
            self._process.stdin.write(json.dumps({"do": do, **arguments}) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ContenderFailed(f"{self.name} ended unexpectedly{self._last_words()}")
        reply = json.loads(line)
        if "error" in reply:
            raise ContenderFailed(f"{self.name} failed: {reply['error']}")
        if waited is not None and waited > 1:
            share = (reply["cpu_before"] - self._cpu) / waited
            self.busy_while_idle = max(self.busy_while_idle, share)
        self._cpu, self._last_reply = reply["cpu_after"], time.monotonic()
        return reply

    def turn(self, steps, warm_up=0):
        """Let it train for so many steps while nobody else works; return its reply.

        The steps of warming up come first, and are not counted.
        """
        reply = self.ask("run", steps=steps, warm_up=warm_up)
        time.sleep(_SETTLE)
        return reply

    def close(self):
        """End the process."""
        if self._process.poll() is None:
            self._process.stdin.close()
            try:
                self._process.wait(timeout=10)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._process.stdout.close()

    def _last_words(self):
        words = [line for line in self._log.read_text().splitlines() if line.strip()]
        return f": {words[-1]}" if words else ""


class Field:
    """All contenders of one setting, alive and idle; a context manager that ends them.

    Parameters
    ----------
    problem : settings.Problem
    keep_env : bool
        Whether children inherit the environment unchanged (see `machine.PINS`).
    clock : str
        "wall", or "processor": what all of a child's threads have used of one.
    """

    def __init__(self, problem, keep_env=False, clock="wall"):
        self.problem, self.setting = problem, problem.setting
        self._clock = {"wall": "seconds", "processor": "cpu_seconds"}[clock]
        self.children = {}
        self._environment = dict(os.environ) if keep_env else machine.environment_without_pins()

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._start = self._write("start", self.problem.initial_params())
        self._silenced = self._write("silenced", self.problem.silenced_params())
        return self

    def __exit__(self, *exception):
        for child in self.children.values():
            child.close()
        self._folder.cleanup()

    def add(self, name, threads, seconds):
        """Start a contender with the number of threads that suits it best, among those given.

        Returns
        -------
        probes : dict of int to float
            samples/s by number of threads.

        Raises
        ------
        ContenderFailed
        """
        candidates = {}
        try:
            for count in threads:
                candidates[count] = self._spawn(name, count)
            probes = self._probe(candidates, seconds)
            best = max(probes, key=probes.get)
            child = self.children[name] = candidates.pop(best)
            steps_per_second = probes[best] / self.setting.batch_size
            child.steps_per_turn = in_units(steps_per_second * seconds, child.granularity)
            child.warm_up = in_units(steps_per_second * _WARM_UP, 1)
        finally:
            for loser in candidates.values():
                loser.close()
        return probes

    def add_all(self, names, threads, seconds):
        """Start those contenders that can be, minivae always and first; say what happens.

        Returns
        -------
        entries : dict of str to dict
            By name: threads, probes and start-up seconds, for the JSON file.

        Raises
        ------
        ContenderFailed
            If minivae itself cannot be started.
        """
        entries = {}
        for name in ["minivae", *(name for name in names if name != "minivae")]:
            missing = missing_packages(name)
            if missing:
                say(f"  {name}: skipped, {' and '.join(missing)} not installed")
                continue
            if self.setting.channels and not CONTENDERS[name].convolves:
                say(f"  {name}: skipped, it knows no convolutions")
                continue
            try:
                probes = self.add(name, threads, seconds)
            except ContenderFailed as failure:
                if name == "minivae":
                    raise
                say(f"  {name}: skipped, {failure}")
                continue
            child = self.children[name]
            tried = ", ".join(f"{rate:,.0f} with {count}" for count, rate in probes.items())
            say(
                f"  {name}: ready after {child.startup_seconds:.1f} s; "
                f"samples/s by threads: {tried}; takes {child.threads}"
            )
            entries[name] = {
                "threads": child.threads,
                "probes": {str(count): rate for count, rate in probes.items()},
                "startup_seconds": child.startup_seconds,
            }
        return entries

    def add_again(self, entries, seconds):
        """Start what another field has started, with the numbers of threads chosen there."""
        for name, entry in entries.items():
            self.add(name, [entry["threads"]], seconds)

    def _spawn(self, name, threads):
        variables = dict.fromkeys(CONTENDERS[name].thread_variables, str(threads))
        environment = {**self._environment, **variables}
        log = Path(self._folder.name, f"{name}-{threads}.log")
        return Child(name, self.problem, threads, self._start, environment, log)

    def _probe(self, candidates, seconds):
        rates = {count: [] for count in candidates}
        steps = {
            count: self._steps_for(child, _TRIAL * seconds) for count, child in candidates.items()
        }
        for _ in range(_TRIALS if len(candidates) > 1 else 3):
            for count, child in candidates.items():
                warm_up = in_units(steps[count] / 2, child.granularity)
                reply = child.turn(steps[count], warm_up)
                rates[count].append(self.samples_per_second(reply))
        return {count: statistics.median(values) for count, values in rates.items()}

    def samples_per_second(self, reply):
        """Return the speed of a turn."""
        return reply["steps"] * self.setting.batch_size / reply[self._clock]

    def _steps_for(self, child, seconds):
        """Return how many steps take about so long, found by trying."""
        reply = child.turn(child.granularity)
        while reply["seconds"] < seconds / 4:
            reply = child.turn(4 * reply["steps"])
        return in_units(reply["steps"] * seconds / reply["seconds"], child.granularity)

    def cpu_seconds(self):
        """Return the processor time that this process and its children have used."""
        return time.process_time() + sum(child.cpu_seconds for child in self.children.values())

    def reset(self, child, silenced=False):
        """Put a child back to the start, with its noise silenced or not."""
        child.ask("reset", params=str(self._silenced if silenced else self._start))

    def params_of(self, child):
        """Return the child's parameters as `minivae.Params`."""
        path = Path(self._folder.name, "params.npz")
        child.ask("save", to=str(path))
        params = self.problem.initial_params()
        with np.load(path, allow_pickle=False) as arrays:
            for name in params:
                params[name][:] = arrays[name]
        return params

    def _write(self, name, params):
        path = Path(self._folder.name, f"{name}.npz")
        np.savez(path, **{name: params[name] for name in params})
        return path
