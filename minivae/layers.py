"""A dense layer and its activations, forward and backward side by side.

    forward     a = x W + b,             h = f(a)
    backward    da = dh * f'(a),         dx = da W^T
    gradient    dW = x^T da,             db = sum over rows of da

where ``d...`` is the gradient of one scalar with respect to that array. Forward keeps nothing: what
the others need (x and h) the caller has and hands over. An activation is two functions that work in
place, so that a new one takes a few lines. The slope of most can be had from the output h alone;
one that needs a as well, such as a sine, says so:

>>> import numpy as np
>>> def sine(h):
...     np.sin(h, out=h)
>>> def sine_backward(dh, a, h):  # the output does not tell whether the sine rises or falls
...     dh *= np.cos(a)
>>> own = Activation("sine", sine, sine_backward, needs_input=True)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr

from minivae.engine import kernels
from minivae.engine.products import affine, matmul_nt, matmul_tn


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


def _leave(*arrays):
    """Change nothing: f(a) = a and f'(a) = 1."""


def gelu(h):
    """In place: h <- h Phi(h), with the standard normal's Phi (Hendrycks and Gimpel 2016)."""
    h *= ndtr(h)


def gelu_backward(dh, a, h):
    """In place: dh <- dh * (Phi(a) + a phi(a)). Two inputs share an output: h alone is no help."""
    dh *= ndtr(a) + a * np.exp(-0.5 * (a**2 + kernels.LOG_2PI))


ACTIVATIONS = {
    "identity": Activation("identity", _leave, _leave),
    "tanh": Activation("tanh", kernels.tanh, kernels.tanh_backward),
    "relu": Activation("relu", kernels.relu, kernels.relu_backward),
    "softplus": Activation("softplus", kernels.softplus, kernels.softplus_backward),
    "sigmoid": Activation("sigmoid", kernels.sigmoid, kernels.sigmoid_backward),
    "gelu": Activation("gelu", gelu, gelu_backward, needs_input=True),
}


def get_activation(activation):
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


def dense_forward(x, W, b, activation, out=None, a=None):
    """Return h = f(x W + b).

    Parameters
    ----------
    x : (n, n_in) array
    W : (n_in, n_out) array
    b : (n_out,) array
    activation : Activation
    out : (n, n_out) array, optional
        Where to put h.
    a : (n, n_out) array, optional
        Where to put what goes into f, for an activation that needs it.

    Returns
    -------
    h : (n, n_out) array
    """
    h = np.empty((len(x), len(b)), W.dtype) if out is None else out
    affine(x, W, b, h)  # h <- x W + b
    if a is not None:
        a[:] = h
    activation.forward(h)  # h <- f(h)
    return h


def dense_backward(dh, h, W, activation, dx=None, a=None):
    """Carry `dh` back through a dense layer: overwrite it with da, and write dx.

    Parameters
    ----------
    dh : (n, n_out) array
        Gradient with respect to the layer's output; overwritten with da, that before f.
    h : (n, n_out) array
        The layer's output.
    W : (n_in, n_out) array
    activation : Activation
    dx : (n, n_in) array, optional
        Overwritten with the gradient with respect to the layer's input; left out where nobody
        needs it.
    a : (n, n_out) array, optional
        From `dense_forward`, for an activation that needs its input.
    """
    given = (a, h) if activation.needs_input else (h,)
    activation.backward(dh, *given)  # dh <- dh * f'(a)
    if dx is not None:
        matmul_nt(dh, W, dx)  # dx <- da W^T


def dense_gradient(x, da, dW, db, first_row=0, first_entry=0):
    """Write the gradients of a dense layer's parameters, or those of some of them.

    Parameters
    ----------
    x : (n, n_in) array
        The layer's input.
    da : (n, n_out) array
        From `dense_backward`.
    dW : (n_rows, n_out) array
        Overwritten with the gradient of the rows of W from `first_row` on.
    db : (n_entries,) array
        Overwritten with the gradient of the entries of b from `first_entry` on.
    first_row, first_entry : int
    """
    if dW.size:
        matmul_tn(x, da, dW, first_row)  # dW <- x^T da
    if db.size:
        kernels.column_sums(da, first_entry, db)  # db <- sum over rows of da
