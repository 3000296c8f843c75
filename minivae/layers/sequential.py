"""Layers in a row: app. C with any number of hidden layers, of any kind."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from minivae.engine.arena import own
from minivae.layers.dense import Dense
from minivae.layers.handed_over import (
    checked_gradient,
    checked_output,
    checked_params,
    checked_parts,
)
from minivae.params import Params, renamed
from minivae.protocols import Arrays, Layer, New, Part, Parts, members
from minivae.validation import check_has


@dataclass(frozen=True)
class Sequential:
    """Layers in a row; it is a layer itself.

    Parameters
    ----------
    layers : sequence of layers
        First to last, each with as many inputs as the one before it has outputs.
    prefix : str
        Of the parameters' names: "W" of the third layer is called ``prefix + "W3"``.

    Raises
    ------
    ValueError
        If there is no layer, one lacks something, or neighbours do not fit.
    """

    layers: Sequence[Layer]
    prefix: str = ""

    def __post_init__(self) -> None:
        layers = tuple(self.layers)
        object.__setattr__(self, "layers", layers)
        if not layers:
            raise ValueError("layers is empty, expected at least one layer")
        for k, layer in enumerate(layers, 1):
            check_has(f"layer {k}", layer, members(Layer))
        for k, (before, after) in enumerate(pairwise(layers), 2):
            if after.n_in != before.n_out:
                raise ValueError(
                    f"layer {k} has {after.n_in} inputs, expected {before.n_out}, as many as layer "
                    f"{k - 1} has outputs"
                )

    @cached_property
    def names(self) -> list[dict[str, str]]:
        """For each layer, its own names for its parameters, and theirs here."""
        return [
            {name: self.prefix + _numbered(name, k) for name in layer.shapes}
            for k, layer in enumerate(self.layers, 1)
        ]

    @property
    def n_in(self) -> int:
        """Numbers that come in, per datapoint."""
        return self.layers[0].n_in

    @property
    def n_out(self) -> int:
        """Numbers that go out, per datapoint."""
        return self.layers[-1].n_out

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' shapes by name, layer after layer."""
        return {
            names[name]: tuple(shape)
            for layer, names in zip(self.layers, self.names, strict=True)
            for name, shape in layer.shapes.items()
        }

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw all parameters, layer after layer.

        Raises
        ------
        ValueError
            If a layer puts an array of its own where it should overwrite the one that is there.
        """
        for k, own_params in enumerate(self._of_layers(params)):
            layer = self.layers[k]
            before = {name: own_params[name] for name in layer.shapes}
            layer.init(own_params, rng, std)
            checked_params(k + 1, layer, own_params, before)

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Return what the last layer returns, and what `backward` needs.

        The arguments are those of `Dense.forward`.

        Returns
        -------
        h : (n, n_out) array
            Whoever gets it may overwrite it.
        saved : list
        """
        dtype = _dtype(params, x)
        h: Any = np.ascontiguousarray(x, dtype)
        saved: list[Any] = []
        for layer, own_params in zip(self.layers, self._of_layers(params), strict=True):
            n = len(h)
            h, kept = layer.forward(own_params, h, new)
            if type(layer) is not Dense:  # whose arrays are as they should be
                h = checked_output(len(saved) + 1, layer, h, n, dtype)
            saved.append((own_params, kept))
        if getattr(layer, "keeps_output", True):
            output, h = h, new(h.shape, h.dtype)
            h[...] = output
        return h, saved

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray,
        new: New = np.empty,
        input_gradient: bool = True,
    ) -> tuple[Any, Parts]:
        """Carry dh back through the layers, last to first; see `Dense.backward`."""
        parts: dict[str, Part] = {}
        dtype = _dtype(params, dh)
        dx: Any = own(dh, dtype, new)
        for k in reversed(range(len(saved))):
            layer, names, (own_params, kept) = self.layers[k], self.names[k], saved[k]
            dx, its_parts = layer.backward(own_params, kept, dx, new, input_gradient or k > 0)
            if type(layer) is not Dense:
                checked_parts(k + 1, layer, its_parts)
                wanted = (len(dh), layer.n_in) if input_gradient or k > 0 else None
                dx = checked_gradient(k + 1, layer, dx, wanted, its_parts, dtype, new)
            for name, part in its_parts.items():
                parts[names[name]] = part
        return dx, parts

    def _of_layers(self, params: Arrays) -> Sequence[Arrays]:
        """Each layer's parameters, under its own names."""
        if isinstance(params, Params):
            return params.renamed(self.names)
        return renamed(params, self.names)


def _numbered(name: str, k: int) -> str:
    return f"{k}.{name}" if name[-1].isdigit() else f"{name}{k}"  # "2.W1": of layers within layers


def _dtype(params: Arrays, x: np.ndarray) -> np.dtype:
    return getattr(params, "dtype", x.dtype)
