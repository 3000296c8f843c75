"""Ctrl-C and SIGTERM that wait for a safe moment."""

import signal
import threading
from typing import Any


class Interrupted(KeyboardInterrupt):
    """Training was asked to stop, and did so between two steps.

    Attributes
    ----------
    signum : int
        The signal that asked: SIGINT (Ctrl-C) or SIGTERM.
    name : str
        The same for people.
    """

    def __init__(self, signum: int) -> None:
        self.signum = signum
        self.name = "Ctrl-C" if signum == signal.SIGINT else signal.Signals(signum).name
        super().__init__(f"training was stopped by {self.name}")


class InterruptionGuard:
    """While active, SIGINT and SIGTERM are noted, not obeyed at once.

    A second signal is obeyed at once. Signal handlers belong to the main thread, so that elsewhere
    this does nothing.
    """

    def __init__(self) -> None:
        self.signum: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> "InterruptionGuard":
        if threading.current_thread() is threading.main_thread():
            for signum in (signal.SIGINT, signal.SIGTERM):
                self._previous[signum] = signal.signal(signum, self._note)
        return self

    def __exit__(self, *exception: object) -> None:
        self._restore()

    def _note(self, signum: int, frame: object) -> None:
        self.signum = signum
        self._restore()

    def _restore(self) -> None:
        for signum, handler in self._previous.items():
            signal.signal(signum, handler)
        self._previous = {}

    def check(self) -> None:
        """Raise `Interrupted` if a signal has come."""
        if self.signum is not None:
            raise Interrupted(self.signum)
