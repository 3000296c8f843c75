"""What training has measured so far."""

import csv
from collections.abc import Sequence
from typing import Any, TextIO

BOUNDS = ("samples", "train_bound", "test_bound", "seconds")


class History:
    """The learning curve, one entry per evaluation: a list for each column, as an attribute.

    Parameters
    ----------
    *lists, **entries
        The lists themselves, in the order of the columns or by name; empty when not given.
    columns : sequence of str
        The first is "samples" and the last "seconds"; between them stands what a method measures.

    Attributes
    ----------
    samples : list of int
        Training samples seen so far.
    train_bound, test_bound : list of float
        Mean ELBO per datapoint, in nats, on a fixed subset of the training set and on the test set
        (NaN where there is none). Other methods may have other columns.
    seconds : list of float
        Time spent on training steps so far, evaluation left out.
    """

    samples: list[int]
    seconds: list[float]

    def __init__(self, *lists: list, columns: Sequence[str] = BOUNDS, **entries: list) -> None:
        self.columns = tuple(columns)
        entries = {**dict(zip(self.columns, lists, strict=False)), **entries}
        unknown = set(entries) - set(self.columns)
        if unknown:
            raise ValueError(
                f"history has {', '.join(unknown)}, expected {', '.join(self.columns)}"
            )
        for name in self.columns:
            setattr(self, name, list(entries.get(name, ())))

    def __len__(self) -> int:
        return len(self.samples)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, History) and self.as_dict() == other.as_dict()

    __hash__ = None  # type: ignore[assignment]  # its lists grow

    def __getattr__(self, name: str) -> Any:  # what else a method measures
        raise AttributeError(f"the history has no column {name!r}")

    def __repr__(self) -> str:
        return f"History({', '.join(f'{k}={v!r}' for k, v in self.as_dict().items())})"

    def append(self, *entry: float) -> None:
        """Add one entry, its values in the order of `columns`."""
        for name, value in zip(self.columns, entry, strict=True):
            getattr(self, name).append(value)

    def as_dict(self) -> dict[str, list]:
        """Return the lists by column."""
        return {name: getattr(self, name) for name in self.columns}

    def rows(self) -> list[tuple]:
        """Return the entries as tuples in the order of `columns`."""
        return list(zip(*self.as_dict().values(), strict=True))

    def write_csv(self, file: TextIO) -> None:
        """Write a header and the entries to an open text file."""
        writer = csv.writer(file)
        writer.writerow(self.columns)
        writer.writerows(self.rows())
