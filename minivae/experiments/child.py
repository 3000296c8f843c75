"""A curve computed in a process of its own, which whoever waits for it can end.

A worker of a cluster computes several things at a time, each in a thread, and a thread cannot be
stopped. A process can be, and has BLAS to itself, so that the numbers are those of
`minivae.experiments.running`. It reads what to do from its standard input and goes on until that is
closed: by the one who waits, or by the system when that one has ended, however it has ended.
"""

import contextlib
import os
import pickle
import platform
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import minivae
from minivae.experiments.computing import run_curve
from minivae.experiments.curves import Curve, CurveFolder
from minivae.training.interruption import Interrupted
from minivae.training.run_folder import FolderInUse

PATIENCE = 10.0  # seconds in which to save and end
_IN_USE = 180.0  # seconds until a file system has forgotten the lock of a machine that has gone
_LOOK_SECONDS = 0.1
_FAILED = 2


class Ended(RuntimeError):
    """The process has ended before its curve was finished, and not because of an error in it."""


def run_in_child(
    curve: Curve, folder: str, threads: int | None, is_wanted: Callable[[], bool]
) -> str:
    """Compute a curve, or what is missing of it, as `run_curve` does.

    Parameters
    ----------
    curve : Curve
    folder : str
    threads : int or None
    is_wanted : callable
        Asked ten times a second; once it says no, the process saves and ends.

    Returns
    -------
    name : str
        The curve's.

    Raises
    ------
    RuntimeError
        If there was an error in the curve, with what it says.
    Ended
        If it was ended, by somebody else or because it was not wanted any more.
    """
    home = str(Path(minivae.__file__).parents[1])
    paths = [home, *filter(None, [os.environ.get("PYTHONPATH")])]
    child = subprocess.Popen(
        [sys.executable, "-m", __name__],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        start_new_session=True,  # Ctrl-C in a terminal is for the worker
    )
    with child:
        assert child.stdin is not None and child.stdout is not None
        try:
            with contextlib.suppress(BrokenPipeError):  # it has ended already
                child.stdin.write(pickle.dumps((curve, folder, threads)))
                child.stdin.flush()
            while child.poll() is None:
                if not is_wanted():
                    raise Ended("stopped")
                time.sleep(_LOOK_SECONDS)
        finally:
            _end(child)
        said = child.stdout.read().decode(errors="replace").strip()
    if child.returncode == _FAILED:
        raise RuntimeError(said)
    if child.returncode != 0:
        raise Ended("a process was ended from outside; is there enough memory?")
    return curve.name


def _end(child: subprocess.Popen) -> None:
    with contextlib.suppress(OSError):
        child.stdin.close()  # type: ignore[union-attr]
    try:
        child.wait(PATIENCE + 1)
    except subprocess.TimeoutExpired:
        child.kill()


def main() -> int:
    """Be the process: read what to do, do it, and say on standard output what went wrong."""
    try:
        curve, folder, threads = pickle.load(sys.stdin.buffer)
        threading.Thread(target=_stop_at_the_end_of_input, daemon=True).start()
        if not CurveFolder(curve, folder).settings_path.exists():
            raise FileNotFoundError(f"{platform.node()} does not see the folder {folder}")
        _run_when_free(curve, folder, threads)
    except Interrupted as stop:
        return 128 + stop.signum
    except Exception as error:  # whatever it is, it is said elsewhere
        print(str(error).partition("\n")[0] or type(error).__name__)
        return _FAILED
    return 0


def _run_when_free(curve: Curve, folder: str, threads: int | None) -> None:
    """Compute a curve as soon as the process before has let go of it, which has ended or will."""
    deadline = time.monotonic() + _IN_USE
    while True:
        try:
            run_curve(curve, folder, threads)
            return
        except FolderInUse:
            if time.monotonic() > deadline:
                raise
        time.sleep(_LOOK_SECONDS)


def _stop_at_the_end_of_input() -> None:
    os.read(sys.stdin.fileno(), 1)  # not through the buffer, whose lock would be held
    os.kill(os.getpid(), signal.SIGTERM)  # training handles it, and saves
    time.sleep(PATIENCE)
    os._exit(128 + signal.SIGTERM)


if __name__ == "__main__":
    sys.exit(main())
