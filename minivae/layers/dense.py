"""Layers, forward and backward side by side (app. C).

    forward     a = x W + b,             h = f(a)
    backward    da = dh * f'(a),         dx = da W^T
    gradient    dW = x^T da,             db = sum over rows of da

where ``d...`` is the gradient of one scalar with respect to that array. A layer holds no state: its
parameters are handed to it, `forward` returns what `backward` will need, and `backward` says what
the parameters' gradients are made of (`minivae.parts`). `Dense` shows all that a layer has to be;
`minivae.protocols.Layer` says it in words.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.layers.activations import ACTIVATIONS, get_activation, leave
from minivae.layers.start import check_start, draw_weights
from minivae.parts import Product, Sum
from minivae.protocols import Arrays, New, Parts
from minivae.validation import check_count


@has_kernel
def affine(x: np.ndarray, W: np.ndarray, b: np.ndarray, h: np.ndarray) -> None:
    """Set h <- x W + b; x is (n, n_in), W (n_in, n_out), b (n_out,), h (n, n_out)."""
    np.matmul(x, W, out=h)
    h += b


@has_kernel
def matmul_nt(da: np.ndarray, W: np.ndarray, dx: np.ndarray) -> None:
    """Set dx <- da W^T; da is (n, n_out), W (n_in, n_out), dx (n, n_in)."""
    np.matmul(da, W.T, out=dx)


@dataclass(frozen=True)
class Dense:
    """A fully connected layer, h = f(x W + b).

    Parameters
    ----------
    n_in, n_out : int
        Numbers that come in and go out, per datapoint.
    activation : str or Activation
        f.
    start : str
        "normal" (sec. 5) or "glorot"; see `minivae.layers.start.draw_weights`.
    """

    n_in: int
    n_out: int
    activation: Any = ACTIVATIONS["identity"]  # a name becomes its Activation
    start: str = "normal"

    def __post_init__(self) -> None:
        for name in ("n_in", "n_out"):
            object.__setattr__(self, name, check_count(name, getattr(self, name)))
        object.__setattr__(self, "activation", get_activation(self.activation))
        check_start(self.start)

    @property
    def keeps_output(self) -> bool:
        """Whether `backward` needs h, so that nobody may overwrite it."""
        return self.activation.backward is not leave

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """The parameters' shapes by name: W is (n_in, n_out), b is (n_out,)."""
        return {"W": (self.n_in, self.n_out), "b": (self.n_out,)}

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw the weights, from N(0, std^2) as a rule, and set the biases to zero."""
        draw_weights(params["W"], rng, self.start, std, self.n_in, self.n_out)
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
        return h, (x, self.activation.apply(h, new))  # h = f(a)

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
        x, given = saved
        self.activation.apply_backward(dh, given)  # dh becomes da = dh f'(a)
        dx = None
        if input_gradient:
            dx = new(x.shape, x.dtype)
            matmul_nt(dh, params["W"], dx)  # dx = da W^T
        return dx, {"W": Product(x, dh), "b": Sum(dh)}  # dW = x^T da, db = sum of da
