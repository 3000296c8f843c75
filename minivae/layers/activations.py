"""Activations: elementwise functions h = f(a), and da = dh f'(a).

An activation is two functions that work in place, so that a new one takes a few lines. The slope of
most can be had from the output h alone; one that needs a as well, such as a sine, says so:

>>> import numpy as np
>>> def sine(h):
...     np.sin(h, out=h)
>>> def sine_backward(dh, a, h):  # the output does not tell whether the sine rises or falls
...     dh *= np.cos(a)
>>> own = Activation("sine", sine, sine_backward, needs_input=True)
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import ndtr

from minivae.engine.mode import has_kernel
from minivae.gaussian import LOG_2PI
from minivae.protocols import New

# Forward: h <- f(a), in place. Backward: dh <- dh * f'(a). The derivatives of all but GELU can be
# had from the output h.


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

    def apply(self, h: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, ...]:
        """Overwrite h with f(h), and return what `apply_backward` needs.

        Raises
        ------
        ValueError
            If `forward` does not work in place: no gradient check would notice.
        """
        given: tuple[np.ndarray, ...] = (h,)
        if self.needs_input:
            a = new(h.shape, h.dtype)
            a[:] = h
            given = a, h
        self._check_in_place("forward", self.forward(h), h)
        return given

    def apply_backward(self, dh: np.ndarray, given: tuple[np.ndarray, ...]) -> None:
        """Overwrite dh with da = dh f'(a).

        Raises
        ------
        ValueError
            If `backward` does not work in place.
        """
        self._check_in_place("backward", self.backward(dh, *given), dh)

    def _check_in_place(self, name: str, returned: Any, array: np.ndarray) -> None:
        if returned is not None and returned is not array:
            raise ValueError(
                f"activation {self.name!r} has a {name} that returns a "
                f"{type(returned).__name__}, expected one that overwrites what it is given"
            )

    def __reduce__(self) -> tuple[Any, ...]:
        # Another process compiles kernels of its own; the library's are to be the library's there.
        if ACTIVATIONS.get(self.name) == self:
            return get_activation, (self.name,)
        return type(self), (self.name, self.forward, self.backward, self.needs_input)

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
