"""Curves on a Dask cluster: a real one, of processes that are started here, killed, and left alone.

Everything runs in processes of its own, as it would: the cluster, and the command line.
"""

import os
import signal
import socket
import subprocess
import sys
import time
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_cli import PATIENCE
from test_reproduce import NAMES, SCRIPT, table

from minivae.experiments import child, cluster, reproduce
from minivae.experiments.child import Ended, run_in_child
from minivae.experiments.curves import Curve, CurveFolder
from minivae.training.run_folder import FolderInUse, RunFolder

CLUSTER = """
import sys

from distributed import LocalCluster

if __name__ == "__main__":  # workers import this file
    with LocalCluster(
        n_workers=2, threads_per_worker=1, dashboard_address=None, silence_logs=50
    ) as cluster:
        print(cluster.scheduler_address, flush=True)
        for line in sys.stdin:
            print(*(nanny.pid for nanny in cluster.workers.values()), flush=True)
"""
LENGTH = 60_000  # samples: some seconds, of which starting a process is most
needs_distributed = pytest.mark.skipif(
    find_spec("distributed") is None,
    reason="the package distributed is not installed",
)


class RunningCluster:
    """A cluster of two worker processes, each of which computes one curve at a time."""

    def __init__(self, folder):
        program = folder / "local_cluster.py"
        program.write_text(CLUSTER)
        self.process = subprocess.Popen(
            [sys.executable, program], cwd=folder, text=True, start_new_session=True,
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        self.address = self.process.stdout.readline().strip()

    def workers(self):
        """Their process numbers."""
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        return list(map(int, self.process.stdout.readline().split()))

    def close(self):
        self.process.communicate(timeout=PATIENCE)


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    running = RunningCluster(tmp_path_factory.mktemp("cluster"))
    yield running
    running.close()


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with a small data set, and a program that is `minivae` with a small figure 2."""
    folder = tmp_path_factory.mktemp("place")
    rng = np.random.default_rng(0)
    x = (rng.random((500, 4, 4)) < rng.random((500, 1, 1))).astype(np.float32)
    np.savez(folder / "dots.npz", x_train=x[:400], x_test=x[400:])
    (folder / "script.py").write_text(SCRIPT.format(dots=str(folder / "dots.npz")))
    return folder


def start(place, *words, samples=LENGTH):
    """Begin to compute two curves."""
    command = [sys.executable, "script.py", "reproduce", "figure2", "--samples", samples]
    command += ["--only", "*-aevb", *words]
    return subprocess.Popen(
        list(map(str, command)), cwd=place, text=True, start_new_session=True,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip


@pytest.fixture(scope="module")
def undisturbed(place):
    """The same two curves, computed by worker processes without a cluster."""
    process = start(place, "--workers", 2, "--out", "local")
    assert process.communicate(timeout=PATIENCE)[1] == ""
    return table(place / "local")


def wait_for(condition, *processes):
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert all(process.poll() is None for process in processes), "it has ended too soon"
        assert time.monotonic() < deadline
        time.sleep(0.02)


def has_ended(pid):
    """Whether a process is no more, or only its entry in the system's table."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return True
    return state == "Z"


def folders(out):
    return [RunFolder(out / "curves" / name) for name in NAMES if name.endswith("aevb")]


def curve_rows(folder):
    path = folder.path / "curve.csv"
    return path.read_text().splitlines()[1:] if path.exists() else []


def children_of(pid):
    """The processes that compute curves for a worker."""
    found = subprocess.run(
        ["ps", "-o", "pid=,args=", "--ppid", str(pid)], capture_output=True, text=True
    )
    return [int(line.split()[0]) for line in found.stdout.splitlines() if child.__name__ in line]


# --- What a cluster does --------------------------------------------------------------------------


@needs_distributed
def test_another_worker_goes_on_with_the_curve_of_one_that_was_killed(running, place, undisturbed):
    """In the end the results are those of local workers, and progress was shown."""
    program = (
        "import sys, script; script.reproduction.reproduce('figure2', 'there', int(sys.argv[1]),"
    )
    program += "only='*-aevb', dask=sys.argv[2], progress=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", program, str(LENGTH), running.address],
        cwd=place, text=True, stderr=subprocess.PIPE,
    )  # fmt: skip
    out = place / "there"
    victim = running.workers()[0]
    wait_for(lambda: children_of(victim), process)
    (computing,) = children_of(victim)
    wait_for(lambda: all(curve_rows(folder) for folder in folders(out)), process)
    os.kill(victim, signal.SIGKILL)
    before = {row for folder in folders(out) for row in curve_rows(folder)}
    _, error = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0
    assert victim not in running.workers()
    wait_for(lambda: has_ended(computing))  # with its worker gone there is nobody to wait for it
    assert table(out) == undisturbed
    # What had been measured was not measured again: it took the same time to the last digit.
    assert before <= {row for folder in folders(out) for row in curve_rows(folder)}
    last = error.split("\r")[-1]
    assert "120k/120k" in last and "2 of 2 curves" in last and "worker" in last


@needs_distributed
@pytest.mark.parametrize("how", ["Ctrl-C", "kill"])
def test_whatever_ends_it_ends_the_work(running, place, how):
    out = place / how
    command = ["--dask", running.address, "--out", how, "--only", NAMES[0]]
    process = start(place, *command, samples="1e9")
    folder = RunFolder(out / "curves" / NAMES[0])
    wait_for(lambda: curve_rows(folder), process)
    workers = running.workers()
    assert sum(len(children_of(worker)) for worker in workers) == 1
    if how == "kill":
        process.kill()
    else:
        process.send_signal(signal.SIGINT)
    _, error = process.communicate(timeout=PATIENCE)
    if how == "Ctrl-C":
        assert process.returncode == 130
        assert error == (
            f"Stopped by Ctrl-C; what is done is kept in {how}. To go on, give the same command "
            "again.\n"
        )
    else:
        wait_for(lambda: not any(children_of(worker) for worker in workers))
    assert not any(children_of(worker) for worker in workers)
    assert running.workers() == workers
    with folder.locked():
        assert folder.samples_seen() > 0


# --- Addresses ------------------------------------------------------------------------------------


@pytest.fixture
def silent():
    """An address at which somebody listens and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield f"tcp://127.0.0.1:{server.getsockname()[1]}"


@needs_distributed
def test_an_address_at_which_no_scheduler_answers_is_one_line_within_seconds(silent, place):
    reasons = {
        "tcp://127.0.0.1:1": "no answer within 5 seconds",
        silent: "no answer within 5 seconds",
        "nowhere": "missing port number in address 'nowhere'",
    }
    processes = [start(place, "--dask", address, "--out", "never") for address in reasons]
    for process, (address, reason) in zip(processes, reasons.items(), strict=True):
        out, error = process.communicate(timeout=PATIENCE)
        assert (process.returncode, out) == (2, "")
        assert error == (
            f"minivae reproduce: error: dask: no scheduler answers at {address} ({reason})\n"
        )
    assert cluster.CONNECT_SECONDS == 5 and not (place / "never").exists()


def test_without_the_package_it_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(ValueError, match=r"which takes the package distributed: pip install 'mi"):
        reproduce("figure5", tmp_path / "out", dask="tcp://127.0.0.1:1")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("other", ["workers", "executor"])
def test_a_cluster_has_workers_of_its_own(other, tmp_path):
    with pytest.raises(ValueError, match=rf"^{other} cannot be given with dask: its cluster has"):
        reproduce("figure5", tmp_path / "out", dask="tcp://127.0.0.1:1", **{other: 2})


# --- A curve in a process of its own --------------------------------------------------------------


@pytest.fixture
def curve(place, tmp_path):
    curve = Curve(str(place / "dots.npz"), "aevb", 2, 6, (300, 10**9))
    CurveFolder(curve, tmp_path).settings()
    return curve


def test_a_process_whose_curve_is_not_wanted_any_more_saves_and_ends(curve, tmp_path, monkeypatch):
    """By itself: it is given time enough, and need not be killed."""
    monkeypatch.setattr(child, "PATIENCE", PATIENCE)
    monkeypatch.delattr(subprocess.Popen, "kill")
    folder = CurveFolder(curve, tmp_path)
    more = iter(range(20))  # two seconds after the first row, in which it reads what it has saved

    def is_wanted():
        return not folder.rows() or next(more, None) is not None

    with pytest.raises(Ended, match=r"^stopped$"):
        run_in_child(curve, str(tmp_path), 1, is_wanted)
    seen = folder.samples_seen()
    assert seen > 300  # it was in the middle of things, and has saved them
    with folder.locked():
        pass


def test_a_process_that_is_killed_is_told_from_one_that_has_failed(curve, tmp_path):
    def kill():
        (pid,) = children_of(os.getpid())
        os.kill(pid, signal.SIGKILL)
        return True

    with pytest.raises(
        Ended, match=r"^a process was ended from outside; is there enough memory\?$"
    ):
        run_in_child(curve, str(tmp_path), 1, kill)
    with pytest.raises(RuntimeError, match=r"^.* does not see the folder ") as failure:
        run_in_child(curve, str(tmp_path / "elsewhere"), 1, lambda: True)
    assert not isinstance(failure.value, Ended) and not (tmp_path / "elsewhere").exists()


class Unknown(Curve):
    """What a process that knows the package alone cannot read."""


def test_a_curve_that_a_process_cannot_read_is_named(curve, tmp_path, monkeypatch):
    monkeypatch.setattr(Unknown, "__module__", "nowhere")
    monkeypatch.setitem(sys.modules, "nowhere", sys.modules[__name__])
    unknown = Unknown(**{name: getattr(curve, name) for name in curve.identity}, points=(300,))
    with pytest.raises(RuntimeError, match=r"^No module named 'nowhere'$") as failure:
        run_in_child(unknown, str(tmp_path), 1, lambda: True)
    assert not isinstance(failure.value, Ended)


def test_a_process_waits_until_the_one_before_has_let_go(curve, tmp_path, monkeypatch):
    tries = []

    def run_curve(*arguments):
        tries.append(arguments)
        if len(tries) < 3:
            raise FolderInUse("run: another process is training in it")

    monkeypatch.setattr(child, "run_curve", run_curve)
    child._run_when_free(curve, str(tmp_path), 1)
    assert tries == [(curve, str(tmp_path), 1)] * 3
    monkeypatch.setattr(child, "_IN_USE", -1)
    del tries[:]
    with pytest.raises(FolderInUse):
        child._run_when_free(curve, str(tmp_path), 1)


# --- What becomes of a curve whose worker has ended -----------------------------------------------


class Answer:
    """A future of a cluster's that has come to its end."""

    def __init__(self, error):
        self.error, self.status = error, "cancelled" if error == "cancelled" else "error"

    def done(self):
        return True

    def exception(self):
        return self.error

    def result(self, timeout):
        raise RuntimeError(self.error)


KilledWorker = type("KilledWorker", (Exception,), {})


@pytest.mark.parametrize("error", [Ended("stopped"), KilledWorker(), "cancelled"])
def test_a_curve_is_begun_again_as_long_as_it_gets_on(error):
    """Three workers in a row may save nothing; one that does begins the count anew."""
    started, seen = [], iter([0, 0, 0, 0, 0, 100, 100, 100, 100, 100, 100, 100])
    place = SimpleNamespace(samples_seen=lambda: next(seen))
    of_cluster = SimpleNamespace(
        is_connected=lambda: True, start=lambda *a: started.append(a) or Answer(error)
    )
    future = cluster._CurveFuture(of_cluster, place, ("curve", "folder", 1))
    assert [future.done() for _ in range(6)] == [False] * 5 + [True]
    assert started == [("curve", "folder", 1)] * 6
    with pytest.raises(RuntimeError):
        future.result()


def test_an_error_in_a_curve_is_not_tried_again():
    place = SimpleNamespace(samples_seen=iter([0, 100]).__next__)
    answers = iter([Answer(RuntimeError("the bound became nan"))])
    of_cluster = SimpleNamespace(is_connected=lambda: True, start=lambda *a: next(answers))
    assert cluster._CurveFuture(of_cluster, place, ()).done()
