"""Whether other programs keep the threads of a run from their cores."""

import time
from collections.abc import Callable

from tqdm import tqdm

from minivae.engine.team import available_cores

_LONG_ENOUGH = 5.0  # seconds between two looks: shorter ones are at the mercy of a single moment
_CROWDED = 0.75  # of the cores' time; alone on a machine a run gets 0.9 and more


class CrowdWatch:
    """Looks now and then how much of its cores' time a run has had, and says once if it is little.

    Threads that meet in every step wait for the slowest of them, which shares its core: on a busy
    machine two can be slower than one.

    Parameters
    ----------
    threads : int
        Of the run.
    say : callable
        Gets one line.
    """

    def __init__(self, threads: int, say: Callable[[str], None]) -> None:
        self._threads, self._say = threads, say
        self._cores = min(threads, available_cores())
        self._silent = threads == 1
        self._begin()

    def _begin(self) -> None:
        self._seconds, self._used = time.perf_counter(), time.process_time()

    def look(self) -> None:
        """Judge the time since the last look, if it is long enough."""
        seconds = time.perf_counter() - self._seconds
        if self._silent or seconds < _LONG_ENOUGH:
            return
        share = (time.process_time() - self._used) / (self._cores * seconds)
        self._begin()
        if share < _CROWDED:
            self._silent = True
            with tqdm.external_write_mode():
                self._say(
                    f"Note: the machine is busy, and this run's {self._threads} threads get "
                    f"{100 * share:.0f} % of their cores' time; they wait for the slowest of them, "
                    "so that --threads 1 may be faster"
                )
