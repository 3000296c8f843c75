"""Several seeds of one curve, drawn as one: the median, and the range from lowest to highest."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np

from minivae.experiments.curves import Curve, CurveFolder

Table: TypeAlias = dict[str, np.ndarray]


def tables_by_method(
    places: Iterable[CurveFolder], panel_of: Callable[[Curve], Any]
) -> dict[Any, dict[str, Table]]:
    """Return what was measured: ``tables[panel][method]`` is a table of all seeds.

    Parameters
    ----------
    places : iterable of CurveFolder
        Two curves of the same panel and method differ in their seeds alone.
    panel_of : callable
        ``panel_of(curve)`` is the panel that a curve belongs to.
    """
    several: dict[Any, dict[str, list[Table]]] = {}
    for place in places:
        methods = several.setdefault(panel_of(place.curve), {})
        methods.setdefault(place.curve.method, []).append(place.table())
    return {
        panel: {method: over_seeds(tables) for method, tables in methods.items()}
        for panel, methods in several.items()
    }


def over_seeds(tables: Sequence[Table]) -> Table:
    """Return the median of each column wherever something was measured.

    Parameters
    ----------
    tables : list of dict of str to array
        With the same columns; "samples" need not be the same: beyond the end of one table, what
        is returned is that of the others.

    Returns
    -------
    table : dict of str to array
        Beside each column stands ``<column>_range``, (2, n), its lowest and highest values.
    """
    samples = np.unique(np.concatenate([table["samples"] for table in tables]))
    merged = {"samples": samples}
    for name in tables[0].keys() - {"samples"}:
        values = [
            np.concatenate([table[name][table["samples"] == n] for table in tables])
            for n in samples
        ]
        merged[name] = np.array([np.median(of_seeds) for of_seeds in values])
        merged[f"{name}_range"] = np.array([(v.min(), v.max()) for v in values]).T
    return merged


def first_seed(places: Iterable[CurveFolder]) -> list[CurveFolder]:
    """Return one folder for each model: that of its first seed."""
    first: dict[Curve, CurveFolder] = {}
    for place in places:
        first.setdefault(replace(place.curve, seed=0), place)
    return list(first.values())
