"""Computing many curves side by side: in worker processes, or on an executor that is handed in.

Ctrl-C and SIGTERM end the workers promptly; each saves a checkpoint if it is training. Whatever
ends this process, kill -9 included, ends the workers too.
"""

import concurrent.futures
import contextlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, NoReturn

from tqdm import tqdm

from minivae.experiments.computing import run_curve
from minivae.experiments.curves import Curve, CurveFolder
from minivae.training.interruption import Interrupted, InterruptionGuard

_LOOK_SECONDS = 0.1  # between looks at the futures and at the keyboard
_BAR_SECONDS = 2.0  # between looks at the curves' folders
_PATIENCE = 10.0  # seconds that a worker has to save and end


class CurvesFailed(RuntimeError):
    """Some curves could not be computed; the others are finished."""


def run_curves(
    curves: list[Curve],
    folder: str | Path,
    executor: Any = None,
    workers: int = 1,
    threads: int | None = 1,
    progress: bool | None = None,
) -> None:
    """Compute what is missing of some curves.

    Parameters
    ----------
    curves : list of Curve
    folder : path
        Of the whole reproduction.
    executor : executor, optional
        Anything with ``submit(function, *arguments)`` that returns futures with ``done()`` and
        ``result()``, as in `concurrent.futures`. Its owner shuts it down. Default: processes
        of our own.
    workers : int
        How many worker processes.
    threads : int or None
        Of each, as for `minivae.fit`.
    progress : bool or None
        Whether to show a progress bar on stderr; None: if that is a terminal.

    Raises
    ------
    CurvesFailed
        If there was an error in a curve; after the other curves have been computed.
    Interrupted
        A KeyboardInterrupt, after Ctrl-C or SIGTERM.
    """
    places = [CurveFolder(curve, folder) for curve in curves]
    missing = [curve for curve, place in zip(curves, places, strict=True) if not place.is_finished]
    if not missing:
        return
    missing.sort(key=lambda curve: curve.cost, reverse=True)  # no long one is left for the end
    with contextlib.ExitStack() as stack:
        bar = stack.enter_context(_Bar(places, progress, getattr(executor, "note", str)))
        guard = stack.enter_context(InterruptionGuard())
        pending: dict[str, Any] = {}
        if executor is None:
            executor = stack.enter_context(_WorkerProcesses(min(workers, len(missing))))
        else:
            stack.callback(lambda: [future.cancel() for future in pending.values()])
        for curve in missing:
            pending[curve.name] = executor.submit(run_curve, curve, str(folder), threads)
            guard.check()  # an executor may do the work in `submit`
        _wait(pending, guard, bar)


def _wait(pending: dict[str, Any], guard: InterruptionGuard, bar: "_Bar") -> None:
    """Wait for futures, given by the names of their curves, until none is left."""
    failures = []
    while pending:
        for name in [name for name, future in pending.items() if future.done()]:
            try:
                pending.pop(name).result()
            except Exception as error:  # whatever happens in a curve, the others go on
                failures.append((name, error))
        bar.update()
        guard.check()
        time.sleep(_LOOK_SECONDS if pending else 0)
    if failures:
        name, first = failures[0]
        others = f" (and {len(failures) - 1} more)" if len(failures) > 1 else ""
        raise CurvesFailed(f"{name}{others}: {_reason(first)}") from first


def _reason(error: Exception) -> str:
    if isinstance(error, concurrent.futures.BrokenExecutor):
        return "a worker process was ended from outside; is there enough memory?"
    return str(error) or type(error).__name__


class _Bar:
    """A progress bar over the samples of all curves, read from the curves' folders."""

    def __init__(
        self, places: list[CurveFolder], progress: bool | None, note: Callable[[], str]
    ) -> None:
        self._note = note
        self._seen = {place: place.samples_seen() for place in places}
        self._looked_at = time.monotonic()
        self._bar = tqdm(
            total=sum(place.curve.samples for place in places),
            initial=sum(self._seen.values()),
            unit=" samples",
            unit_scale=True,
            dynamic_ncols=True,
            disable=None if progress is None else not progress,
        )

    def __enter__(self) -> "_Bar":
        self._bar.__enter__()
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._look()
        self._bar.__exit__(*exception)

    def update(self) -> None:
        """Bring the bar up to date, if the last time was a while ago."""
        if not self._bar.disable and time.monotonic() - self._looked_at > _BAR_SECONDS:
            self._look()

    def _look(self) -> None:
        before = sum(self._seen.values())
        for place, seen in self._seen.items():
            if seen < place.curve.samples:
                with contextlib.suppress(ValueError, OSError):  # the worker will say what it is
                    self._seen[place] = place.samples_seen()
        finished = sum(seen >= place.curve.samples for place, seen in self._seen.items())
        shown = f"{finished} of {len(self._seen)} curves{self._note()}"
        self._bar.set_postfix_str(shown, refresh=False)
        self._bar.update(sum(self._seen.values()) - before)
        self._bar.refresh()
        self._looked_at = time.monotonic()


# --- Worker processes -----------------------------------------------------------------------------


class _WorkerProcesses:
    """An executor whose processes stop what they do when its block ends by an exception.

    Processes are spawned, not forked: forks of a process with BLAS or Numba threads may hang.
    """

    def __init__(self, count: int) -> None:
        context = multiprocessing.get_context("spawn")
        self._pool = concurrent.futures.ProcessPoolExecutor(count, context, _prepare_worker)
        self._strangers = set(multiprocessing.active_children())

    def submit(self, function: Callable[..., Any], *arguments: Any) -> concurrent.futures.Future:
        """Schedule a call of `function`, and return its future."""
        with _ctrl_c_ignored():  # here workers are born, and they inherit this
            return self._pool.submit(_call_in_worker, function, *arguments)

    def __enter__(self) -> "_WorkerProcesses":
        return self

    def __exit__(self, *exception: object) -> None:
        if exception[0] is None:
            self._pool.shutdown()
            return
        with _ctrl_c_ignored():  # another one must not come between
            workers = set(multiprocessing.active_children()) - self._strangers
            for worker in workers:
                worker.terminate()
            patience = threading.Timer(_PATIENCE, _kill, [workers])
            patience.start()
        self._pool.shutdown(cancel_futures=True)  # if this is interrupted, patience goes on
        patience.cancel()


@contextlib.contextmanager
def _ctrl_c_ignored() -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


_worker = {"busy": False, "stopping": False}  # what the handler of SIGTERM must know in a worker


def _prepare_worker() -> None:
    """Have the parent alone decide when a worker stops, and end when the parent has ended."""
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # a terminal sends Ctrl-C to the parent's group
    signal.signal(signal.SIGTERM, _stop)
    tqdm.set_lock(threading.RLock())  # its own is a semaphore that a killed worker would leave
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _stop(signum: int, frame: object) -> None:
    """Break off the call under way; while it trains, training handles the signal, and saves."""
    _worker["stopping"] = True
    if _worker["busy"]:
        raise Interrupted(signum)


def _call_in_worker(function: Callable[..., Any], *arguments: Any) -> Any:
    _worker["busy"] = True
    try:
        if not _worker["stopping"]:
            return function(*arguments)
    except Interrupted:
        _worker["stopping"] = True
    finally:
        _worker["busy"] = False
    raise CurvesFailed("stopped")


def _kill(processes: Iterable[BaseProcess]) -> None:
    for process in processes:
        process.kill()


def _end_with_parent() -> NoReturn:
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)
