"""A model as a file describes it: names and numbers, no code.

What the library has is named. What a user has brought is named as well, and has to be brought again
when the model is loaded: ``load_model(path, own={"its name": it})``.
"""

import contextlib
from collections.abc import Iterator
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from minivae.layers import ACTIVATIONS, Activation, Dense, Sequential
from minivae.likelihoods import LIKELIHOODS
from minivae.posteriors import POSTERIORS
from minivae.vae import VAE


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


def describe(vae: VAE) -> dict[str, Any]:
    """Return what makes `vae`, as a dict that JSON can hold.

    Raises
    ------
    ValueError
        If an object of the caller's own has no name, or settings that JSON cannot hold.
    """
    described: dict[str, Any] = {"n_features": vae.n_features, "n_latent": vae.n_latent}
    if vae.hidden is None:
        described["encoder"] = [_describe_layer(layer) for layer in vae.encoder.layers]
        described["decoder"] = [_describe_layer(layer) for layer in vae.decoder.layers]
    else:
        described["hidden"] = list(vae.hidden)
        described["activation"] = _describe("activation", vae.activation, ACTIVATIONS)
    described["posterior"] = _describe("posterior", vae.posterior, POSTERIORS)
    sigma = getattr(vae.likelihood, "sigma", None)
    named: Any = LIKELIHOODS.get(vae.likelihood.name)
    if (
        sigma is not None
        and hasattr(named, "sigma")
        and vae.likelihood == replace(named, sigma=sigma)
    ):
        return {**described, "likelihood": vae.likelihood.name, "sigma": sigma}
    return {**described, "likelihood": _describe("likelihood", vae.likelihood, LIKELIHOODS)}


def build(path: str | Path, described: dict[str, Any], own: dict[str, Any] | None = None) -> VAE:
    """Return the `VAE` that `describe` has described.

    Parameters
    ----------
    path : path
        For error messages.
    described : dict
    own : dict of str to object or class, optional
        What the caller has brought, by name; a class is called with the settings in the file.

    Raises
    ------
    UnreadableModel
        If something of the caller's own is missing, or cannot be made. (What is described wrongly
        raises nearly anything: call this within `reading`.)
    """
    described, own = dict(described), dict(own or {})
    sigma = described.pop("sigma", None)
    if sigma is not None:
        named: Any = LIKELIHOODS[described["likelihood"]]
        described["likelihood"] = replace(named, sigma=sigma)
    for kind in ("activation", "likelihood", "posterior"):
        if isinstance(described.get(kind), dict):
            described[kind] = _own(path, kind, described[kind], own)
    for network in ("encoder", "decoder"):
        if network in described:
            described[network] = [_layer(path, each, own) for each in described[network]]
    return VAE(**described)


def _describe(kind: str, thing: Any, table: dict) -> Any:
    """Return the name of what the library has; of the user's own, name and settings."""
    if table.get(thing.name) == thing:
        return thing.name
    if not isinstance(thing.name, str):
        raise ValueError(f"{kind} has the name {thing.name!r}, expected text to find it by")
    return {"own": thing.name, **({} if isinstance(thing, Activation) else _settings(thing))}


def _describe_layer(layer: Any) -> dict[str, Any]:
    if isinstance(layer, Sequential):
        return {"layer": "Sequential", "layers": [_describe_layer(each) for each in layer.layers]}
    if type(layer) is Dense:
        activation = _describe("activation", layer.activation, ACTIVATIONS)
        return {
            "layer": "Dense", "n_in": layer.n_in, "n_out": layer.n_out, "activation": activation
        }  # fmt: skip
    return {"own": getattr(layer, "name", type(layer).__name__), **_settings(layer)}


def _settings(thing: Any) -> dict[str, Any]:
    """The fields of a dataclass, as far as they are numbers, text, and rows of these."""
    if not is_dataclass(thing):
        return {}
    settings = {field.name: getattr(thing, field.name) for field in fields(thing) if field.init}
    for name, value in settings.items():
        if isinstance(value, np.generic):
            value = settings[name] = value.item()
        if isinstance(value, tuple):
            value = settings[name] = list(value)
        plain = value if isinstance(value, list) else [value]
        if not all(each is None or isinstance(each, str | int | float) for each in plain):
            raise ValueError(
                f"{type(thing).__name__}.{name} is {value!r}, expected a number or text: a file "
                "cannot hold it"
            )
    return {"settings": settings} if settings else {}


def _layer(path: str | Path, described: dict[str, Any], own: dict[str, Any]) -> Any:
    if "own" in described:
        return _own(path, "layer", described, own)
    if described["layer"] == "Sequential":
        return Sequential([_layer(path, each, own) for each in described["layers"]])
    activation = described["activation"]
    if isinstance(activation, dict):
        activation = _own(path, "activation", activation, own)
    return Dense(described["n_in"], described["n_out"], activation)


def _own(path: str | Path, kind: str, described: dict[str, Any], own: dict[str, Any]) -> Any:
    name = described["own"]
    if name not in own:
        raise UnreadableModel(
            f"own lacks {name!r}: the model in {path} has a part ({kind}) of that name which is "
            f"not the library's; load it with own={{{name!r}: ...}}"
        )
    brought = own[name]
    if not isinstance(brought, type):
        return brought
    try:
        return brought(**described.get("settings", {}))
    except Exception as error:
        raise UnreadableModel(
            f"own[{name!r}] cannot be made with the settings in {path}: {error}"
        ) from error
