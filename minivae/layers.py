"""Layers, forward and backward side by side (app. C).

    forward     a = x W + b,             h = f(a)
    backward    da = dh * f'(a),         dx = da W^T
    gradient    dW = x^T da,             db = sum over rows of da

where ``d...`` is the gradient of one scalar with respect to that array. A layer holds no state: its
parameters are handed to it, `forward` returns what `backward` will need, and `backward` says what
the parameters' gradients are made of (`minivae.parts`). `Dense` shows all that a layer has to be;
`minivae.protocols.Layer` says it in words.

An activation is two functions that work in place, so that a new one takes a few lines. The slope of
most can be had from the output h alone; one that needs a as well, such as a sine, says so:

>>> import numpy as np
>>> def sine(h):
...     np.sin(h, out=h)
>>> def sine_backward(dh, a, h):  # the output does not tell whether the sine rises or falls
...     dh *= np.cos(a)
>>> own = Activation("sine", sine, sine_backward, needs_input=True)
"""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.special import ndtr

from minivae.engine.arena import own
from minivae.engine.mode import has_kernel
from minivae.gaussian import LOG_2PI
from minivae.parts import Product, Sum
from minivae.protocols import Arrays, Layer, New, Part, Parts, members
from minivae.validation import check_count, check_has


@has_kernel
def affine(x: np.ndarray, W: np.ndarray, b: np.ndarray, h: np.ndarray) -> None:
    """Set h <- x W + b."""
    np.matmul(x, W, out=h)
    h += b


@has_kernel
def matmul_nt(da: np.ndarray, W: np.ndarray, dx: np.ndarray) -> None:
    """Set dx <- da W^T."""
    np.matmul(da, W.T, out=dx)


# --- Activations: h <- f(a), in place -------------------------------------------------------------
# Backward: dh <- dh * f'(a). The derivatives of all but GELU can be had from the output h.


@has_kernel
def tanh(h: np.ndarray) -> None:
    """In place: h <- tanh(h)."""
    np.tanh(h, out=h)


@has_kernel
def tanh_backward(dh: np.ndarray, h: np.ndarray) -> None:
    """In place: dh <- dh * (1 - h^2)."""
    dh *= 1 - h**2


@has_kernel
def relu(h: np.ndarray) -> None:
    """In place: h <- max(h, 0)."""
    np.maximum(h, 0, out=h)


@has_kernel
def relu_backward(dh: np.ndarray, h: np.ndarray) -> None:
    """In place: dh <- dh where h > 0, else 0."""
    dh *= h > 0


@has_kernel
def softplus(h: np.ndarray) -> None:
    """In place: h <- log(1 + exp(h))."""
    np.logaddexp(0, h, out=h)


@has_kernel
def softplus_backward(dh: np.ndarray, h: np.ndarray) -> None:
    """In place: dh <- dh * sigmoid(a), which is 1 - exp(-h)."""
    dh *= -np.expm1(-h)


@has_kernel
def sigmoid(h: np.ndarray) -> None:
    """In place: h <- 1 / (1 + exp(-h))."""
    np.exp(-np.logaddexp(0, -h), out=h)


@has_kernel
def sigmoid_backward(dh: np.ndarray, h: np.ndarray) -> None:
    """In place: dh <- dh * h * (1 - h)."""
    dh *= h * (1 - h)


def gelu(h: np.ndarray) -> None:
    """In place: h <- h Phi(h), with the standard normal's Phi (Hendrycks and Gimpel 2016)."""
    h *= ndtr(h)


def gelu_backward(dh: np.ndarray, a: np.ndarray, h: np.ndarray) -> None:
    """In place: dh <- dh * (Phi(a) + a phi(a)). Two inputs share an output: h alone is no help."""
    dh *= ndtr(a) + a * np.exp(-0.5 * (a**2 + LOG_2PI))


def leave(*arrays: np.ndarray) -> None:
    """Change nothing: f(a) = a and f'(a) = 1."""


@dataclass(frozen=True)
class Activation:
    """An elementwise function f.

    Attributes
    ----------
    name : str
    forward : callable
        ``forward(h)`` overwrites h, an (n, n_out) array, with f(h).
    backward : callable
        ``backward(dh, h)`` overwrites dh with dh * f'(a), where h is the *output* of `forward`;
        with `needs_input` it is ``backward(dh, a, h)``. Neither may change a or h.
    needs_input : bool
        Whether `backward` is given what went into f as well. The layer keeps a copy for it.
    """

    name: str
    forward: Callable
    backward: Callable
    needs_input: bool = False

    def __repr__(self) -> str:
        return f"<Activation {self.name}>"


ACTIVATIONS = {
    "identity": Activation("identity", leave, leave),
    "tanh": Activation("tanh", tanh, tanh_backward),
    "relu": Activation("relu", relu, relu_backward),
    "softplus": Activation("softplus", softplus, softplus_backward),
    "sigmoid": Activation("sigmoid", sigmoid, sigmoid_backward),
    "gelu": Activation("gelu", gelu, gelu_backward, needs_input=True),
}


def get_activation(activation: str | Activation) -> Activation:
    """Return the `Activation` of that name, or `activation` itself if it is one.

    Raises
    ------
    ValueError
        If there is no activation of that name.
    """
    if isinstance(activation, Activation):
        return activation
    if not isinstance(activation, str) or activation not in ACTIVATIONS:
        raise ValueError(
            f"activation is {activation!r}, expected one of {', '.join(ACTIVATIONS)} "
            "or an Activation"
        )
    return ACTIVATIONS[activation]


@dataclass(frozen=True)
class Dense:
    """A fully connected layer, h = f(x W + b).

    Parameters
    ----------
    n_in, n_out : int
        Numbers that come in and go out, per datapoint.
    activation : str or Activation
        f.
    """

    n_in: int
    n_out: int
    activation: Any = ACTIVATIONS["identity"]  # a name becomes its Activation

    def __post_init__(self) -> None:
        for name in ("n_in", "n_out"):
            object.__setattr__(self, name, check_count(name, getattr(self, name)))
        object.__setattr__(self, "activation", get_activation(self.activation))

    @property
    def keeps_output(self) -> bool:
        """Whether `backward` needs h, so that nobody may overwrite it."""
        return self.activation.backward is not leave

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' shapes by name: W is (n_in, n_out), b is (n_out,)."""
        return {"W": (self.n_in, self.n_out), "b": (self.n_out,)}

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw the weights from N(0, std^2) and set the biases to zero (sec. 5)."""
        params["W"][:] = std * rng.standard_normal(params["W"].shape)
        params["b"][:] = 0

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Return h, and what `backward` needs.

        Parameters
        ----------
        params : dict of str to array
            W and b.
        x : (n, n_in) array
        new : callable
            Makes arrays as `numpy.empty` does.

        Returns
        -------
        h : (n, n_out) array
        saved : tuple
        """
        h = new((len(x), self.n_out), x.dtype)
        affine(x, params["W"], params["b"], h)  # a = x W + b
        a = None
        if self.activation.needs_input:
            a = new(h.shape, h.dtype)
            a[:] = h
        self.activation.forward(h)  # h = f(a)
        return h, (x, a, h)

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray,
        new: New = np.empty,
        input_gradient: bool = True,
    ) -> tuple[np.ndarray | None, Parts]:
        """Carry dh back through the layer; it is overwritten.

        Parameters
        ----------
        params : dict of str to array
        saved : tuple
            From `forward`.
        dh : (n, n_out) array
            Gradient with respect to h.
        new : callable
        input_gradient : bool
            Whether dx is wanted.

        Returns
        -------
        dx : (n, n_in) array or None
            Gradient with respect to x.
        parts : dict of str to Product or Sum
            What the gradients of W and b are made of.
        """
        x, a, h = saved
        given = (a, h) if self.activation.needs_input else (h,)
        self.activation.backward(dh, *given)  # dh becomes da = dh f'(a)
        dx = None
        if input_gradient:
            dx = new(x.shape, x.dtype)
            matmul_nt(dh, params["W"], dx)  # dx = da W^T
        return dx, {"W": Product(x, dh), "b": Sum(dh)}  # dW = x^T da, db = sum of da


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
    def rows(self) -> list[tuple[Layer, dict[str, str]]]:
        """The layers, each with the names of its parameters: its own for them, and those here."""
        return [
            (layer, {name: self.prefix + _numbered(name, k) for name in layer.shapes})
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
            for layer, names in self.rows
            for name, shape in layer.shapes.items()
        }

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw all parameters, layer after layer."""
        for layer, names in self.rows:
            layer.init(_select(params, names), rng, std)

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Return what the last layer returns, and what `backward` needs.

        The arguments are those of `Dense.forward`.

        Returns
        -------
        h : (n, n_out) array
            Whoever gets it may overwrite it.
        saved : list
        """
        h, saved = own(x, _dtype(params, x), new), []
        for k, (layer, names) in enumerate(self.rows, 1):
            n = len(h)
            h, kept = layer.forward(_select(params, names), h, new)
            if h.shape != (n, layer.n_out):
                raise ValueError(
                    f"layer {k} has returned an array of shape {h.shape}, expected "
                    f"{(n, layer.n_out)}: {layer!r}"
                )
            h = own(h, _dtype(params, x), new)
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
        dx: Any = dh
        for k in reversed(range(len(self.rows))):
            layer, names = self.rows[k]
            dh = own(dx, _dtype(params, dx), new)
            wanted = input_gradient or k > 0
            dx, its_parts = layer.backward(_select(params, names), saved[k], dh, new, wanted)
            for name, part in its_parts.items():
                if name not in names or not hasattr(part, "write"):
                    raise ValueError(
                        f"layer {k + 1} has a {type(part).__name__} for {name!r} among its parts, "
                        f"expected a Product or Sum for one of {', '.join(names)}: {layer!r}"
                    )
                parts[names[name]] = part
            if not isinstance(layer, Dense) and _kept(dx, its_parts):
                dx = dx.copy()  # the layer below will overwrite what this one has in a part
        return None if dx is None else own(dx, _dtype(params, dx), new), parts


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


def _kept(dx: np.ndarray | None, parts: Parts) -> bool:
    """Whether a layer gives dx away and keeps it, too, as one that only shifts may do."""
    arrays = [array for part in parts.values() for array in part]
    return dx is not None and any(np.may_share_memory(dx, array) for array in arrays)


def _numbered(name: str, k: int) -> str:
    return f"{k}.{name}" if name[-1].isdigit() else f"{name}{k}"  # "2.W1": of layers within layers


def _select(params: Arrays, names: Mapping[str, str]) -> dict[str, np.ndarray]:
    return {name: params[full] for name, full in names.items()}


def _dtype(params: Arrays, x: np.ndarray) -> np.dtype:
    return getattr(params, "dtype", x.dtype)
