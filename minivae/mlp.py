"""Dense layers in a row: app. C with any number of hidden layers.

All hidden layers share one activation; the last layer is linear, because what its outputs mean
(mu and log sigma^2 of q(z|x); logits of p(x|z); ...) is for the model to say.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

from minivae.layers import (
    ACTIVATIONS,
    Activation,
    dense_backward,
    dense_forward,
    dense_gradient,
)


@dataclass(frozen=True)
class MLP:
    """The description of a multi-layer perceptron; its parameters live in a `Params`.

    Attributes
    ----------
    name : str
        Parameters are called ``name.W1``, ``name.b1``, ``name.W2``, ...
    widths : tuple of int
        Inputs, hidden units of each layer, outputs.
    activation : Activation
        Of the hidden layers.
    """

    name: str
    widths: tuple
    activation: Activation

    @cached_property
    def layers(self):
        """One ``(name of W, name of b, activation)`` per layer, first to last."""
        last = len(self.widths) - 1
        return [
            (
                f"{self.name}.W{k}",
                f"{self.name}.b{k}",
                self.activation if k < last else ACTIVATIONS["identity"],
            )
            for k in range(1, last + 1)
        ]

    def shapes(self):
        """Return the shapes of the parameters by name: W is (n_in, n_out), b is (n_out,)."""
        shapes = {}
        for (W, b, _), (n_in, n_out) in zip(self.layers, pairwise(self.widths), strict=True):
            shapes[W] = (n_in, n_out)
            shapes[b] = (n_out,)
        return shapes


class Cache(NamedTuple):
    """What the backward pass needs of the forward pass.

    Attributes
    ----------
    activations : list of arrays
        The network's input and every layer's output h.
    preactivations : list of arrays or None
        What went into every layer's activation, where that asks for it (`Activation.needs_input`).
    """

    activations: list
    preactivations: list


def mlp_forward(mlp, params, x, workspace):
    """Run `x` through the layers.

    Parameters
    ----------
    mlp : MLP
    params : Params
    x : (n, mlp.widths[0]) array
        Not changed.
    workspace : Workspace

    Returns
    -------
    out : (n, mlp.widths[-1]) array
    cache : Cache
        For `mlp_backward` and `mlp_gradient`.
    """
    h = workspace.own((mlp.name, "x"), x, params.dtype)
    cache = Cache([h], [])
    for W, b, activation in mlp.layers:
        shape = (len(x), len(params[b]))
        a = workspace.empty(("a", W), shape, h.dtype) if activation.needs_input else None
        out = workspace.empty(W, shape, h.dtype)
        h = dense_forward(h, params[W], params[b], activation, out, a)
        cache.activations.append(h)
        cache.preactivations.append(a)
    return h, cache


def mlp_backward(mlp, params, cache, dout, workspace, input_gradient=True):
    """Carry `dout` back through the layers, last to first.

    Parameters
    ----------
    mlp : MLP
    params : Params
    cache : Cache
        From `mlp_forward`.
    dout : (n, mlp.widths[-1]) array
        Gradient with respect to the output; may be overwritten.
    workspace : Workspace
    input_gradient : bool
        Whether the gradient with respect to the input is wanted.

    Returns
    -------
    dx : (n, mlp.widths[0]) array or None
        Gradient with respect to the input.
    deltas : list of arrays
        Of every layer, first to last, the gradient with respect to what goes into its activation.
    """
    deltas = [None] * len(mlp.layers)
    dh = workspace.own((mlp.name, "dout"), dout, params.dtype)
    for k in reversed(range(len(mlp.layers))):
        W, _, activation = mlp.layers[k]
        x, h = cache.activations[k : k + 2]
        wanted = input_gradient or k > 0
        dx = workspace.empty(("dx", W), x.shape, x.dtype) if wanted else None
        # dh becomes da
        dense_backward(dh, h, params[W], activation, dx, cache.preactivations[k])
        deltas[k], dh = dh, dx
    return dh, deltas


def mlp_gradient(mlp, activations, deltas, grad, share):
    """Write the gradient with respect to the parameters.

    Parameters
    ----------
    mlp : MLP
    activations, deltas : lists of arrays
        From the cache of `mlp_forward`, and from `mlp_backward`.
    grad : Params
        The entries of this network that belong to `share` are overwritten.
    share : Share
        Which part of the parameters is wanted, such as ``grad.share()``, all of them.
    """
    for (W, b, _), x, da in zip(mlp.layers, activations, deltas, strict=False):
        rows, entries = share.rows[W], share.rows[b]
        dense_gradient(x, da, grad[W][rows], grad[b][entries], rows.start, entries.start)
