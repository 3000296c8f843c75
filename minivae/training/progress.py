"""The progress bar of everything that sees training samples."""

import contextlib
import sys
from typing import Any

from tqdm import tqdm


class _Screen:
    """The error output; if it is closed or full, nothing is shown, and training goes on."""

    def write(self, text: str) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.write(text)

    def flush(self) -> None:
        with contextlib.suppress(OSError, ValueError):
            sys.stderr.flush()

    def __getattr__(self, name: str) -> Any:  # what else tqdm wants to know of it
        return getattr(sys.stderr, name)


def progress_bar(samples: int, progress: bool | None, seen: int = 0) -> tqdm:
    """Return a bar on stderr that counts samples.

    Parameters
    ----------
    samples : int
        To see in all.
    progress : bool or None
        Whether to show it; None: if stderr is a terminal.
    seen : int
        Samples that have been seen already.

    Returns
    -------
    bar : tqdm.tqdm
    """
    return tqdm(
        total=samples,
        initial=min(samples, seen),
        file=_Screen(),
        unit=" samples",
        unit_scale=True,
        dynamic_ncols=True,
        smoothing=0,  # what is left takes as long as what was, evaluations included
        disable=True if sys.stderr is None else None if progress is None else not progress,
    )
