"""Curves on a Dask cluster: `minivae reproduce ... --dask ADDRESS`.

A worker computes a curve in a process of its own (`minivae.experiments.child`) in the folder that
all of them see. When a worker ends, the scheduler gives the curve to another, which goes on from
its checkpoint. When nobody waits for a curve any more, because of Ctrl-C or because the one who has
asked has ended, its process saves and ends.
"""

import asyncio
import contextlib
import logging
import time
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from minivae.experiments.child import PATIENCE, Ended, run_in_child
from minivae.experiments.curves import Curve, CurveFolder
from minivae.training.run_folder import FolderInUse

CONNECT_SECONDS = 5.0
_LOOK_SECONDS = 0.1
_TRIES = 3  # of workers, one after the other, that end before they have saved anything


class ClusterGone(OSError):
    """The scheduler does not answer, or no longer."""


class Cluster:
    """An executor that hands curves to the workers of a Dask cluster; a context manager.

    Parameters
    ----------
    address : str
        Of the scheduler, such as "tcp://10.0.0.1:8786".

    Raises
    ------
    ValueError
        If `distributed` is not installed.
    ClusterGone
        If no scheduler answers there within some seconds.
    """

    def __init__(self, address: str) -> None:
        self._address = address
        self._client = _connect(address)
        self._places: list[CurveFolder] = []

    def __enter__(self) -> "Cluster":
        return self

    def __exit__(self, *exception: object) -> None:
        try:
            if exception[0] is not None:
                self._await_the_end()
        finally:
            with contextlib.suppress(Exception):  # it has gone by itself
                self._client.close(CONNECT_SECONDS)

    def submit(
        self, function: Callable, curve: Curve, folder: str, threads: int | None
    ) -> "_CurveFuture":
        """Have a curve computed; the function is `run_curve`, which a process of its own calls."""
        place = CurveFolder(curve, Path(folder).resolve())
        self._places.append(place)
        return _CurveFuture(self, place, (curve, str(Path(folder).resolve()), threads))

    def start(self, *arguments: Any) -> Any:
        """Return the future of a call of `run_wanted` on some worker."""
        key = f"{arguments[0].name}-{uuid.uuid4().hex}"
        return self._client.submit(run_wanted, *arguments, key=key, pure=False)

    def is_connected(self) -> bool:
        """Whether the scheduler is there; not while the client tries to find it again.

        Raises
        ------
        ClusterGone
            If it has given up.
        """
        if self._client.status.startswith("clos"):
            raise ClusterGone(
                f"dask: the scheduler at {self._address} has gone; what was computed is kept"
            )
        return self._client.status == "running"

    def note(self) -> str:
        """Return how many workers there are, in words for the progress bar."""
        try:
            count = len(self._client.nthreads())
        except Exception:  # no answer just now
            return ""
        return f", {count} worker{'s' * (count != 1)}"

    def _await_the_end(self) -> None:
        """Wait until nobody computes a curve, all of which have been cancelled."""
        deadline = time.monotonic() + PATIENCE + 2
        for place in self._places:
            while _is_in_use(place) and time.monotonic() < deadline:
                time.sleep(_LOOK_SECONDS)


class _CurveFuture:
    """The future of a curve, which is begun again if its worker ends, as long as it gets on."""

    def __init__(self, cluster: Cluster, place: CurveFolder, arguments: tuple) -> None:
        self._cluster, self._place, self._arguments = cluster, place, arguments
        self._in_vain = 0
        self._start()

    def _start(self) -> None:
        self._seen = self._place.samples_seen()
        self._future = self._cluster.start(*self._arguments)

    def done(self) -> bool:
        """Whether there is a result, or an error that will stay."""
        if not self._cluster.is_connected() or not self._future.done():
            return False
        if not _has_ended(self._future):
            return True
        gets_on = self._place.samples_seen() > self._seen
        self._in_vain = 0 if gets_on else self._in_vain + 1
        if self._in_vain == _TRIES:
            return True
        self._start()
        return False

    def result(self) -> Any:
        """Return the curve's name, or raise the error."""
        return self._future.result(timeout=CONNECT_SECONDS)

    def cancel(self) -> None:
        """Have the worker stop."""
        with contextlib.suppress(Exception):  # the scheduler has gone, and its workers with it
            self._future.cancel(force=True)


def run_wanted(curve: Curve, folder: str, threads: int | None) -> str:
    """Compute a curve as long as the scheduler wants it: what a thread of a worker calls."""
    from distributed import get_worker

    worker = get_worker()
    key = worker.get_current_task()

    def is_wanted() -> bool:
        task = worker.state.tasks.get(key)
        wanted = task is not None and task.state != "cancelled"
        return wanted and not worker.status.name.startswith("clos")

    return run_in_child(curve, folder, threads, is_wanted)


def _connect(address: str) -> Any:
    """Return a client of the scheduler, which has been asked before whether it is one.

    (A client would wait forever for somebody who listens and says nothing.)
    """
    try:
        from distributed import Client
    except ImportError:
        raise ValueError(
            f"dask is {address!r}, which takes the package distributed: pip install "
            "'minivae[cluster]'"
        ) from None
    logging.getLogger("distributed.client").setLevel(logging.CRITICAL)  # what it is, is said here
    with ThreadPoolExecutor(1) as thread:  # a notebook has an event loop of its own
        error = thread.submit(asyncio.run, _why_not(address)).result()
    if error:
        raise ClusterGone(f"dask: no scheduler answers at {address} ({error})")
    return Client(address, timeout=CONNECT_SECONDS, set_as_default=False)


async def _why_not(address: str) -> str:
    """Return why there is no scheduler at an address, or "" if there is one."""
    from distributed import Security
    from distributed.core import rpc

    async def kind() -> str:
        keys = Security().get_connection_args("client")  # of whoever has set some
        async with rpc(address, connection_args=keys) as somebody:
            return (await somebody.identity())["type"]

    try:
        found = await asyncio.wait_for(kind(), CONNECT_SECONDS)
    except asyncio.TimeoutError:
        return f"no answer within {CONNECT_SECONDS:g} seconds"
    except Exception as error:  # of sockets, of addresses, of what speaks another language
        return str(error).partition("\n")[0] or type(error).__name__
    return "" if found == "Scheduler" else f"a {found} does"


def _has_ended(future: Any) -> bool:
    """Whether not the curve has failed, but who computed it has ended, or the connection has."""
    error = future.exception() if future.status == "error" else None
    ended = isinstance(error, Ended) or type(error).__name__ == "KilledWorker"
    return ended or future.status == "cancelled"


def _is_in_use(place: CurveFolder) -> bool:
    try:
        with place.locked():
            return False
    except FolderInUse:
        return True
