"""Parts of a model and their settings as JSON can hold them, and back: names and numbers, no code.

    None, a number, text, a list   as they are
    (3, 4)                         {"tuple": [3, 4]}
    {"left": 1}                    {"dict": [["left", 1]]}
    numpy.float32(0.5)             {"number": 0.5, "dtype": "float32"}
    an array                       {"array": its numbers in a list, "dtype": ..., "shape": ...}
    what the library has           {"layer": "Dense", "n_in": 3, ...}, {"activation": "tanh"}, ...
    what a user has brought        {"own": its name, "settings": {"width": 5, ...}}

The settings of a dataclass are its fields, those of any other object its attributes. They may be
all of the above. Who brings a part again may bring its class, which is called with the settings, or
an object, which has to have them.
"""

import copyreg
import inspect
from collections.abc import Mapping
from dataclasses import fields
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from minivae.layers import ACTIVATIONS, Activation, Sequential
from minivae.likelihoods import LIKELIHOODS
from minivae.posteriors import POSTERIORS
from minivae.training.reading import UnreadableModel

TABLES: dict[str, Mapping[str, Any]] = {
    "activation": ACTIVATIONS, "likelihood": LIKELIHOODS, "posterior": POSTERIORS
}  # fmt: skip

LAYERS = {
    "Dense": "dense",
    "Conv2D": "convolution",
    "ConvTranspose2D": "convolution",
    "ChannelsFirst": "channels",
}
"""The library's own layers, and the modules of `minivae.layers` that are imported for them."""


def describe_value(where: str, value: Any) -> Any:
    """Return what `rebuild` makes such a value of (module docstring).

    Parameters
    ----------
    where : str
        What error messages call it.
    value : anything

    Raises
    ------
    ValueError
        If a file cannot hold it.
    """
    if isinstance(value, np.generic | np.ndarray):
        return _describe_numbers(where, value)
    if value is None or isinstance(value, str | int | float):
        return value
    if type(value) is list:
        return [describe_value(f"{where}[{k}]", each) for k, each in enumerate(value)]
    if type(value) is tuple:
        return {"tuple": describe_value(where, list(value))}
    if type(value) is dict:
        named = ((key, describe_value(f"{where}[{key!r}]", each)) for key, each in value.items())
        return {"dict": [[describe_value(f"a key of {where}", key), each] for key, each in named]}
    for kind, table in TABLES.items():
        if _is_ours(value, table):
            return {kind: value.name}
    if type(value) is Sequential or _is_our_layer(value):
        return describe_layer(value)
    if type(value).__module__ == "builtins":
        _refuse(where, value)
    return _describe_own(value, where)


def describe_part(kind: str, part: Any) -> Any:
    """Return the name of what the library has; of the user's own, name and settings.

    Parameters
    ----------
    kind : str
        "activation", "likelihood" or "posterior".
    part : object
    """
    return part.name if _is_ours(part, TABLES[kind]) else _describe_own(part, kind)


def describe_layer(layer: Any) -> dict[str, Any]:
    """Describe a layer and the layers in it; a subclass of the library's is the user's own."""
    if type(layer) is Sequential:
        layers = [describe_layer(each) for each in layer.layers]
        prefix = {"prefix": layer.prefix} if layer.prefix else {}
        return {"layer": "Sequential", "layers": layers, **prefix}
    if _is_our_layer(layer):
        name, settings = type(layer).__name__, _settings("a layer", layer)
        if settings.get("start") == "normal":  # as in files from before there was another
            del settings["start"]
        described = {"layer": name, **_describe_all(name, settings)}
        if "activation" in settings:
            described["activation"] = describe_part("activation", layer.activation)
        return described
    return _describe_own(layer, "a layer")


def describe_settings(where: str, part: Any) -> dict[str, Any]:
    """Return a description of each setting of `part`, by name.

    Parameters
    ----------
    where : str
        What error messages call `part`.
    part : object

    Raises
    ------
    ValueError
        If a file cannot hold one of them.
    """
    return _describe_all(where, _settings(where, part))


def alike(described: Any, other: Any) -> bool:
    """Whether two descriptions are of the same, but for types: (1.0, 2) is alike [1, 2].

    Files used to hold tuples as lists, and NumPy's numbers as Python's.
    """
    return _bare(described) == _bare(other)


def rebuild(path: str | Path, described: Any, own: Mapping[str, Any]) -> Any:
    """Return what has been described.

    Parameters
    ----------
    path : path
        For error messages.
    described : anything
        By `describe_value` or `describe_layer`.
    own : dict of str to object or class
        What the caller has brought, by name.

    Raises
    ------
    UnreadableModel
        If something of the caller's own is missing, or is not what was saved.
    """
    if isinstance(described, list):
        return [rebuild(path, each, own) for each in described]
    if not isinstance(described, dict):
        return described
    if "own" in described:
        return rebuild_part(path, "layer or setting", described, own)
    if "layer" in described:
        return _rebuild_layer(path, described, own)
    if "tuple" in described:
        return tuple(rebuild(path, described["tuple"], own))
    if "dict" in described:
        return dict(rebuild(path, described["dict"], own))
    if "number" in described:
        return np.dtype(described["dtype"]).type(described["number"])
    if "array" in described:
        return np.array(described["array"], described["dtype"]).reshape(described["shape"])
    ((kind, name),) = described.items()
    return TABLES[kind][name]


def rebuild_part(path: str | Path, kind: str, described: Any, own: Mapping[str, Any]) -> Any:
    """Return a part of the model: a name as it is, the caller's own as brought by him.

    Parameters
    ----------
    path, own
        As for `rebuild`, and the errors are the same.
    kind : str
        What error messages call it.
    described : str or dict
        By `describe_part`.
    """
    if isinstance(described, str):
        return described
    name, settings = described["own"], described.get("settings", {})
    if name not in own:
        raise UnreadableModel(
            f"own lacks {name!r}: the model in {path} has a part ({kind}) of that name which is "
            f"not the library's; load it with own={{{name!r}: ...}}"
        )
    part = own[name]
    if isinstance(part, type):
        given = {field: rebuild(path, value, own) for field, value in settings.items()}
        part = _called(path, name, part, given)
    if settings:
        now = describe_settings(name, part)
        for field, value in settings.items():
            if field not in now or not alike(now[field], value):
                came = repr(_bare(now[field])) if field in now else "nothing"
                raise UnreadableModel(
                    f"own[{name!r}] has {came} for {field}, but {path} was saved with "
                    f"{_bare(value)!r}; hand in the class, or an object like that"
                )
    return part


def _describe_own(part: Any, where: str) -> dict[str, Any]:
    name = getattr(part, "name", type(part).__name__)
    if not isinstance(name, str):
        raise ValueError(f"{where} has the name {name!r}, expected text to find it by")
    try:
        settings = _describe_all(type(part).__name__, _settings(where, part))
    except RecursionError:  # it is part of itself
        _refuse(where, part)
    return {"own": name, **({"settings": settings} if settings else {})}


def _describe_all(where: str, settings: dict[str, Any]) -> dict[str, Any]:
    return {name: describe_value(f"{where}.{name}", value) for name, value in settings.items()}


def _is_our_layer(value: Any) -> bool:
    home = LAYERS.get(type(value).__name__)
    return type(value).__module__ == f"minivae.layers.{home}"


def _is_ours(part: Any, table: Mapping[str, Any]) -> bool:
    name = getattr(part, "name", None)
    return isinstance(name, str) and name in table and bool(table[name] == part)


def _describe_numbers(where: str, value: np.ndarray | np.generic) -> Any:
    if value.dtype.kind not in "biuf" or value.dtype.itemsize > 8:
        return str(value) if isinstance(value, np.str_) else _refuse(where, value)
    if isinstance(value, np.generic):
        return {"number": value.item(), "dtype": value.dtype.name}
    numbers = value.ravel().tolist()
    return {"array": numbers, "dtype": value.dtype.name, "shape": list(value.shape)}


def _settings(where: str, part: Any) -> dict[str, Any]:
    """The fields of a dataclass that its constructor takes; of any other object all attributes."""
    if isinstance(part, Activation):
        return {}  # two functions, which its name stands for
    if "__dataclass_fields__" in vars(type(part)):
        return {field.name: getattr(part, field.name) for field in fields(part) if field.init}
    try:
        # What `copy.copy` goes by. It raises TypeError where there is more than meets the eye.
        make, made_of, state, *contents = part.__reduce_ex__(2)
    except (TypeError, ValueError):
        _refuse(where, part)
    plainly_made = make is copyreg.__newobj__  # type: ignore[attr-defined]
    if not plainly_made or len(made_of) > 1 or contents != [None, None]:
        _refuse(where, part)
    state, in_slots = state if isinstance(state, tuple) else (state, None)
    attributes = {**(state or {}), **(in_slots or {})}
    remembered = {
        name for name in attributes if isinstance(getattr(type(part), name, None), cached_property)
    }
    return {name: value for name, value in attributes.items() if name not in remembered}


def _refuse(where: str, value: Any) -> NoReturn:
    raise ValueError(
        f"{where} is {value!r}: a file cannot hold it; expected numbers, text, arrays, parts of a "
        "model, or lists, tuples and dicts of these"
    )


def _bare(described: Any) -> Any:
    """A description without what tells types apart; NaN, which is not equal to itself, as text."""
    if isinstance(described, list):
        return [_bare(each) for each in described]
    if isinstance(described, dict):
        for mark in ("tuple", "number"):
            if mark in described and described.keys() <= {mark, "dtype"}:
                return _bare(described[mark])
        return {key: _bare(value) for key, value in described.items()}
    return "nan" if described != described else described


def _called(path: str | Path, name: str, brought: type, settings: dict[str, Any]) -> Any:
    """Call a class of the caller's with those of the settings that its constructor takes."""
    takes = inspect.signature(brought).parameters
    if not any(parameter.kind is parameter.VAR_KEYWORD for parameter in takes.values()):
        settings = {field: value for field, value in settings.items() if field in takes}
    try:
        return brought(**settings)
    except TypeError as error:
        raise UnreadableModel(
            f"own[{name!r}] is the class {brought.__name__}, which cannot be made of what {path} "
            f"holds ({', '.join(settings) or 'no settings'}): {error}; hand in an object of it"
        ) from error


def _rebuild_layer(path: str | Path, described: dict[str, Any], own: Mapping[str, Any]) -> Any:
    if described["layer"] == "Sequential":
        return Sequential(rebuild(path, described["layers"], own), described.get("prefix", ""))
    settings = {
        field: rebuild_part(path, field, value, own)
        if field == "activation"
        else rebuild(path, value, own)
        for field, value in described.items()
        if field != "layer"
    }
    name = described["layer"]
    return getattr(import_module(f"minivae.layers.{LAYERS[name]}"), name)(**settings)
