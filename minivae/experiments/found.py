"""The curves of a figure or table that a folder holds, whichever calls have computed them."""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from minivae.experiments.curves import Curve, CurveFolder
from minivae.training.run_folder import RunFolder


def measured_curves(
    curves: Sequence[Curve], varying: Sequence[str], folder: str | Path
) -> list[CurveFolder]:
    """Return the folders of some curves, and of those that differ from one in `varying` alone.

    So that a call with another seed adds to a figure, rather than leave out what was there.

    Parameters
    ----------
    curves : list of Curve
        At least one, all of the same class.
    varying : tuple of str
        Names of settings.
    folder : path
        Of the whole reproduction.

    Returns
    -------
    places : list of CurveFolder
        Those in which something has been measured. Curves that differ in `varying` only are
        together, in the order of these settings; else the order is that of `curves`.

    Raises
    ------
    ValueError
        If a file is damaged.
    """
    fixed = [name for name in curves[0].identity if name not in varying]

    def model_of(settings: dict[str, Any]) -> str:
        return json.dumps([settings.get(name) for name in fixed])

    templates: dict[str, Curve] = {}
    for curve in curves:
        templates.setdefault(model_of(curve.identity), curve)
    found = {curve.name: curve for curve in curves}
    for path in (Path(folder) / "curves").glob("*/settings.json"):
        settings = RunFolder(path.parent).read_settings()
        template = templates.get(model_of(settings))
        if template is not None and _same_types(settings, template, varying):
            another = replace(template, **{name: settings[name] for name in varying})
            if another.name == path.parent.name:
                found.setdefault(another.name, another)
    models = list(templates)

    def place_in_order(curve: Curve) -> tuple[Any, ...]:
        return models.index(model_of(curve.identity)), *(getattr(curve, name) for name in varying)

    places = [CurveFolder(curve, folder) for curve in sorted(found.values(), key=place_in_order)]
    return [place for place in places if place.rows()]


def _same_types(settings: dict[str, Any], curve: Curve, names: Sequence[str]) -> bool:
    return all(type(settings.get(name)) is type(getattr(curve, name)) for name in names)
