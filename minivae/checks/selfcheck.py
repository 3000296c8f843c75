"""`minivae gradcheck`: every hand-derived gradient of the library against finite differences.

Each entry of the catalogue makes a random problem (shapes, values and noise) in float64 and hands
it to `minivae.check_grad`. To have a gradient of your own in the table, add an entry to a module of
`minivae.checks.catalogue`, or a module.
"""

from collections.abc import Iterator
from importlib import import_module
from pkgutil import iter_modules
from typing import NamedTuple

import numpy as np

from minivae.checks import catalogue as table
from minivae.checks.catalogue import Make
from minivae.checks.gradcheck import check_grad


class Row(NamedTuple):
    """One line of the table."""

    name: str
    cases: int
    parameters: int
    max_rel_error: float
    passed: bool
    text: str


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    modules = [
        "standard",
        *sorted({m.name for m in iter_modules(table.__path__)} - {"standard"}),
    ]
    entries = {}
    for module in modules:
        entries.update(import_module(f"minivae.checks.catalogue.{module}").catalogue())
    return entries


def run_checks(cases: int = 5, seed: int = 0) -> Iterator[Row]:
    """Check every gradient on `cases` random problems each; yield a `Row` per entry."""
    for number, (name, make) in enumerate(catalogue().items()):
        reports = []
        for case in range(cases):
            rng = np.random.default_rng([seed, number, case])
            reports.append(check_grad(*make(rng), raise_exception=False))
        failures = [report for report in reports if not report.passed]
        yield Row(
            name,
            cases,
            sum(report.n_parameters for report in reports),
            max(report.max_rel_error for report in reports),
            not failures,
            str(failures[0]) if failures else "",
        )
