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
from rivals import CONTENDERS

_SETTLE = 0.2  # seconds after a turn in which the threads of a BLAS may still spin
_TRIALS = 3  # of each number of threads


class ContenderFailed(RuntimeError):
    """A contender could not be started, or broke down."""


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
    """

    def __init__(self, name, problem, threads, params, environment):
        self.name, self.threads = name, threads
        self._log = tempfile.TemporaryFile("w+")
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("worker.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            text=True,
            env=environment,
        )
        self._cpu = None
        self._last_reply = None
        self.busy_while_idle = 0.0  # largest share of a core used while it was not its turn
        self.startup_seconds = self.ask(
            "start",
            contender=name,
            setting=problem.setting.name,
            seed=problem.seed,
            threads=threads,
            params=str(params),
        )["seconds"]

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

    def turn(self, steps):
        """Let it train for about so many steps while nobody else works; return its reply."""
        reply = self.ask("run", steps=steps)
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
        self._log.close()

    def _last_words(self):
        self._log.seek(0)
        lines = self._log.read().split("\n")
        words = [line for line in lines if line.strip()]
        return f": {words[-1]}" if words else ""


class Field:
    """All contenders of one setting, alive and idle; a context manager that ends them.

    Parameters
    ----------
    problem : settings.Problem
    keep_env : bool
        Whether children inherit the environment unchanged (see `machine.PINS`).
    """

    def __init__(self, problem, keep_env=False):
        self.problem, self.setting = problem, problem.setting
        self.children = {}
        self._environment = dict(os.environ) if keep_env else machine.environment_without_pins()

    def __enter__(self):
        self._folder = tempfile.TemporaryDirectory()
        self._start = Path(self._folder.name, "start.npz")
        params = self.problem.initial_params()
        np.savez(self._start, **{name: params[name] for name in params})
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
            self.children[name] = candidates.pop(best)
        finally:
            for child in candidates.values():
                child.close()
        return probes

    def _spawn(self, name, threads):
        variables = dict.fromkeys(CONTENDERS[name].thread_variables, str(threads))
        environment = {**self._environment, **variables}
        return Child(name, self.problem, threads, self._start, environment)

    def _probe(self, candidates, seconds):
        if len(candidates) == 1:
            return dict.fromkeys(candidates, float("nan"))
        steps = {count: 1 for count in candidates}
        rates = {count: [] for count in candidates}
        for count, child in candidates.items():
            steps[count] = self.steps_for(child, seconds / _TRIALS)
        for _ in range(_TRIALS):
            for count, child in candidates.items():
                rates[count].append(self.samples_per_second(child.turn(steps[count])))
        return {count: statistics.median(values) for count, values in rates.items()}

    def samples_per_second(self, reply):
        """Return the speed of a turn."""
        return reply["steps"] * self.setting.batch_size / reply["seconds"]

    def steps_for(self, child, seconds):
        """Return how many steps of this child take about so long."""
        reply = child.turn(1)
        while reply["seconds"] < seconds / 4:
            reply = child.turn(4 * reply["steps"])
        return max(1, round(reply["steps"] * seconds / reply["seconds"]))

    def reset(self, child):
        """Put a child back to the start."""
        child.ask("reset", params=str(self._start))

    def params_of(self, child):
        """Return the child's parameters as `minivae.Params`."""
        path = Path(self._folder.name, "params.npz")
        child.ask("save", to=str(path))
        params = self.problem.initial_params()
        with np.load(path, allow_pickle=False) as arrays:
            for name in params:
                params[name][:] = arrays[name]
        return params
