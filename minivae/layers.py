"""A dense layer and its activations, forward and backward side by side.

    forward     a = x W + b,    h = f(a)
    backward    da = dh * f'(a),    dW = x^T da,    db = sum over rows of da,    dx = da W^T

where ``d...`` is the gradient of one scalar with respect to that array. Forward keeps nothing: what
backward needs (x and h) the caller has and hands over. An activation is two functions that work in
place, so that a new one takes four lines:

>>> import numpy as np
>>> def bias_sine(h, b):
...     h += b
...     h[:] = np.sin(h)
>>> def sine_backward(dh, h, db):  # from the output: right only while |a| < pi / 2
...     dh *= np.sqrt(1 - h**2)
...     np.sum(dh, axis=0, out=db)
>>> sine = Activation("sine", bias_sine, sine_backward)
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from minivae import kernels


@dataclass(frozen=True)
class Activation:
    """An elementwise function f, its bias included.

    Attributes
    ----------
    name : str
    forward : callable
        ``forward(h, b)`` overwrites h with f(h + b); h is (n, n_out), b is (n_out,).
    backward : callable
        ``backward(dh, h, db)`` overwrites dh with dh * f'(a), where h is the *output* of `forward`,
        and db with the column sums of that.
    """

    name: str
    forward: Callable
    backward: Callable


ACTIVATIONS = {
    "identity": Activation("identity", kernels.bias_identity, kernels.identity_backward),
    "tanh": Activation("tanh", kernels.bias_tanh, kernels.tanh_backward),
    "relu": Activation("relu", kernels.bias_relu, kernels.relu_backward),
    "softplus": Activation("softplus", kernels.bias_softplus, kernels.softplus_backward),
    "sigmoid": Activation("sigmoid", kernels.bias_sigmoid, kernels.sigmoid_backward),
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


def dense_forward(x, W, b, activation, out=None):
    """Return h = f(x W + b).

    Parameters
    ----------
    x : (n, n_in) array
    W : (n_in, n_out) array
    b : (n_out,) array
    activation : Activation
    out : (n, n_out) array, optional
        Where to put h.

    Returns
    -------
    h : (n, n_out) array
    """
    h = np.matmul(x, W, out=out)
    activation.forward(h, b)  # h <- f(h + b)
    return h


def dense_backward(dh, x, h, W, activation, dW, db, dx=None):
    """Write the gradients of a dense layer; `dh` is overwritten.

    Parameters
    ----------
    dh : (n, n_out) array
        Gradient with respect to the layer's output; overwritten with da, that before f.
    x : (n, n_in) array
        The layer's input.
    h : (n, n_out) array
        The layer's output.
    W : (n_in, n_out) array
    activation : Activation
    dW, db : arrays shaped like W and b
        Overwritten with the gradients.
    dx : (n, n_in) array, optional
        Overwritten with the gradient with respect to x; left out where nobody needs it.
    """
    activation.backward(dh, h, db)  # dh <- dh * f'(a); db <- column sums
    np.matmul(x.T, dh, out=dW)
    if dx is not None:
        dx[:] = np.matmul(W, dh.T).T  # dx = dh W^T, by the product that BLAS does faster
