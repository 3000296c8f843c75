"""What training has measured so far."""

import csv
from dataclasses import dataclass, field
from typing import ClassVar


@dataclass
class History:
    """The learning curve, one entry per evaluation.

    Attributes
    ----------
    samples : list of int
        Training samples seen so far.
    train_bound, test_bound : list of float
        Mean ELBO per datapoint, in nats, on a fixed subset of the training set and on the test set
        (NaN where there is none).
    seconds : list of float
        Time spent on training steps so far, evaluation left out.
    """

    samples: list = field(default_factory=list)
    train_bound: list = field(default_factory=list)
    test_bound: list = field(default_factory=list)
    seconds: list = field(default_factory=list)

    columns: ClassVar[tuple] = ("samples", "train_bound", "test_bound", "seconds")

    def __len__(self):
        return len(self.samples)

    def append(self, *entry):
        """Add one entry, its values in the order of `columns`."""
        for name, value in zip(self.columns, entry, strict=True):
            getattr(self, name).append(value)

    def rows(self):
        """Return the entries as tuples in the order of `columns`."""
        return list(zip(*(getattr(self, name) for name in self.columns), strict=True))

    def write_csv(self, file):
        """Write a header and the entries to an open text file."""
        writer = csv.writer(file)
        writer.writerow(self.columns)
        writer.writerows(self.rows())
