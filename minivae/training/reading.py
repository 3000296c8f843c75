"""What a file that cannot be read raises."""

import contextlib
from collections.abc import Iterator
from pathlib import Path


class UnreadableModel(ValueError):
    """A file is not one of ours, or damaged, or lacks what a caller has to bring."""


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[None]:
    """Turn whatever the contents of a file raise into `UnreadableModel`.

    A damaged or made-up file raises nearly anything in zipfile, NumPy, json and our own code.
    """
    try:
        yield
    except UnreadableModel:
        raise
    except Exception as error:
        reason = " ".join(f"{type(error).__name__}: {error}".split())[:150]
        raise UnreadableModel(
            f"path: {path} is not a readable minivae model: it is another kind of file, damaged or "
            f"truncated ({reason})"
        ) from error
