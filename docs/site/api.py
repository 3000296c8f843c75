"""The API reference: a page for every public module, and where a name is described."""

import ast
import importlib
import inspect
import os
import pkgutil
import re
from contextlib import suppress
from functools import cache
from pathlib import Path

from repository import ROOT, SOURCE

import minivae

FOLDER = "api"
DEFINITIONS = (ast.FunctionDef, ast.ClassDef)


def modules():
    """Return the names of the library's public modules."""
    found = pkgutil.walk_packages(minivae.__path__, "minivae.")
    names = ["minivae", *(module.name for module in found)]
    return [name for name in names if not any(part.startswith("_") for part in name.split("."))]


def members(module):
    """Return a module's own public functions and classes by name, in the order of the source."""
    names = (node.name for node in tree(module).body if isinstance(node, DEFINITIONS))
    return {name: getattr(module, name) for name in names if not name.startswith("_")}


def constants(module):
    """Return the names of a module's constants that have a docstring below them."""
    return re.findall(r'^([A-Z][A-Z_0-9]+)\b.*\n"""', inspect.getsource(module), re.MULTILINE)


def page(name, shown):
    """Return the page of a module, in reStructuredText; its file is added to `shown`."""
    module = importlib.import_module(name)
    file, _ = source_line(name)
    shown.add(file)
    address = os.path.relpath(Path(SOURCE) / f"{file.as_posix()}.html", FOLDER)
    blocks = [
        f"{name}\n{'=' * len(name)}",
        f".. automodule:: {name}\n   :no-members:",
        f"`The source <{address}>`__",
    ]
    inside = [other for other in modules() if other.rpartition(".")[0] == name]
    if inside:
        blocks += [".. rubric:: Modules", directive("toctree", [":maxdepth: 1", "", *inside])]
    places = {home(f"{name}.{other}") for other in getattr(module, "__all__", ())}
    elsewhere = sorted(place for place in places if place.rpartition(".")[0] != name)
    if elsewhere:
        blocks += [".. rubric:: Can be imported from here"]
        blocks += ["\n".join(f"- `{place}`" for place in elsewhere)]
    own = members(module)
    if own:
        blocks += [".. rubric:: Contents"]
        blocks += [directive("autosummary", ["", *own])]
    for constant in constants(module):
        blocks += [directive(f"autodata:: {name}.{constant}", [":no-value:"])]
    for member, value in own.items():
        if inspect.isclass(value):
            options = [":members:", ":member-order: bysource", ":show-inheritance:"]
            blocks += [directive(f"autoclass:: {name}.{member}", options)]
        else:
            blocks += [f".. autofunction:: {name}.{member}"]
    return "\n\n".join(blocks) + "\n"


def directive(name, lines):
    """Return a directive with what stands under it."""
    name = name if "::" in name else f"{name}::"
    return "\n".join([f".. {name}", *(f"   {line}".rstrip() for line in lines)])


# --- Names ----------------------------------------------------------------------------------------


def located(name):
    """Return the module that a full name begins with, and the attributes that follow, or None."""
    parts = name.split(".")
    if parts[0] != "minivae":
        return None
    for length in range(len(parts), 0, -1):
        with suppress(ImportError):
            return importlib.import_module(".".join(parts[:length])), parts[length:]
    return None


def home(name):
    """Return the full name of what can be imported as `name`, from where it is written.

    ``minivae.fit`` is ``minivae.training.aevb.fit``.

    Returns
    -------
    name : str or None
        None if there is no such thing.
    """
    found = located(name)
    if found is None:
        return None
    owner, attributes = found
    place = owner.__name__
    for k, attribute in enumerate(attributes):
        fields = getattr(owner, "__dataclass_fields__", ())
        if not hasattr(owner, attribute):
            last = k + 1 == len(attributes)
            return f"{place}.{attribute}" if last and attribute in fields else None
        owner = getattr(owner, attribute)
        there = getattr(owner, "__module__", None), getattr(owner, "__qualname__", None)
        named = all(isinstance(part, str) for part in there) and there[0].startswith("minivae")
        place = ".".join(there) if named else f"{place}.{attribute}"
    return place


def source_line(name):
    """Return the file that has something, relative to the repository, and the line it begins at."""
    module, attributes = located(name)
    node = tree(module)
    for attribute in attributes:
        node = next(
            inner
            for inner in node.body
            if isinstance(inner, DEFINITIONS) and inner.name == attribute
        )
    file = Path(inspect.getsourcefile(module)).resolve().relative_to(ROOT)
    return file, getattr(node, "lineno", 1)


@cache
def tree(module):
    """Return the syntax tree of a module's file."""
    return ast.parse(inspect.getsource(module))
