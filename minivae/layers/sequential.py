"""Layers in a row: app. C with any number of hidden layers, of any kind."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np

from minivae.engine.arena import own
from minivae.layers.activations import Activation
from minivae.layers.dense import Dense
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
        """Draw all parameters, layer after layer."""
        for layer, own_params in zip(self.layers, self._of_layers(params), strict=True):
            layer.init(own_params, rng, std)

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
        h: Any = _contiguous(x, dtype)
        saved: list[Any] = []
        for layer, own_params in zip(self.layers, self._of_layers(params), strict=True):
            n = len(h)
            h, kept = layer.forward(own_params, h, new)
            if type(layer) is not Dense:  # whose arrays are as they should be
                h = _checked(len(saved) + 1, layer, h, n, dtype)
            saved.append(kept)
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
        own_params = self._of_layers(params)
        for k in reversed(range(len(saved))):
            layer, names = self.layers[k], self.names[k]
            dx, its_parts = layer.backward(
                own_params[k], saved[k], dx, new, input_gradient or k > 0
            )
            if type(layer) is not Dense:
                dx = _checked_backward(k + 1, layer, dx, its_parts, dtype, new)
            for name, part in its_parts.items():
                parts[names[name]] = part
        return dx, parts

    def _of_layers(self, params: Arrays) -> Sequence[Arrays]:
        """Each layer's parameters, under its own names."""
        if isinstance(params, Params):
            return params.renamed(self.names)
        return renamed(params, self.names)


def mlp(widths: Sequence[int], activation: str | Activation, prefix: str = "") -> Sequential:
    """Return dense layers of these widths in a row, hidden ones with the activation.

    The last layer is linear, because what its outputs mean (mu and log sigma^2 of q(z|x); logits of
    p(x|z); ...) is for the model to say.

    Parameters
    ----------
    widths : sequence of int
        Inputs, hidden units of each layer, outputs.
    activation : str or Activation
    prefix : str
        Of the parameters' names.
    """
    last = len(widths) - 2
    return Sequential(
        [
            Dense(n_in, n_out, activation if k < last else "identity")
            for k, (n_in, n_out) in enumerate(pairwise(widths))
        ],
        prefix,
    )


def work(layer: Layer) -> int:
    """Return how many multiplications a layer takes per datapoint, roughly.

    A layer that uses its parameters several times, such as a convolution, has an attribute `work`.
    """
    if isinstance(layer, Sequential):
        return sum(map(work, layer.layers))
    uses = getattr(layer, "work", None)
    return sum(map(math.prod, layer.shapes.values())) if uses is None else uses


def _numbered(name: str, k: int) -> str:
    return f"{k}.{name}" if name[-1].isdigit() else f"{name}{k}"  # "2.W1": of layers within layers


def _checked(k: int, layer: Layer, h: np.ndarray, n: int, dtype: np.dtype) -> np.ndarray:
    """Return what a layer has returned as the next one may want it."""
    if h.shape != (n, layer.n_out):
        raise ValueError(
            f"layer {k} has returned an array of shape {h.shape}, "
            f"expected {(n, layer.n_out)}: {layer!r}"
        )
    return _contiguous(h, dtype)


def _checked_backward(
    k: int, layer: Layer, dx: np.ndarray | None, parts: Parts, dtype: np.dtype, new: New
) -> np.ndarray | None:
    """Return dx as an array that the layer below may overwrite."""
    for name, part in parts.items():
        if name not in layer.shapes or not hasattr(part, "write"):
            raise ValueError(
                f"layer {k} has a {type(part).__name__} for "
                f"{name!r} among its parts, expected a Product or Sum for one of "
                f"{', '.join(layer.shapes)}: {layer!r}"
            )
    if dx is None:
        return None
    if any(np.may_share_memory(dx, array) for part in parts.values() for array in part):
        dx = dx.copy()  # a layer that only shifts may give dx away and keep it in a part
    return own(dx, dtype, new)


def _contiguous(x: np.ndarray, dtype: np.dtype) -> np.ndarray:
    return x if x.dtype == dtype and x.flags.c_contiguous else np.ascontiguousarray(x, dtype)


def _dtype(params: Arrays, x: np.ndarray) -> np.dtype:
    return getattr(params, "dtype", x.dtype)
