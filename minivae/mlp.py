"""Dense layers in a row: app. C with any number of hidden layers.

All hidden layers share one activation; the last layer is linear, because what its outputs mean
(mu and log sigma^2 of q(z|x); logits of p(x|z); ...) is for the model to say.
"""

from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

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


def mlp_forward(mlp, params, x, workspace):
    """Run `x` through the layers.

    Parameters
    ----------
    mlp : MLP
    params : Params
    x : (n, mlp.widths[0]) array
    workspace : Workspace

    Returns
    -------
    out : (n, mlp.widths[-1]) array
    cache : list of arrays
        The input and every layer's output, for `mlp_backward`.
    """
    cache = [x]
    for W, b, activation in mlp.layers:
        h = workspace.empty(W, (len(x), len(params[b])), x.dtype)
        cache.append(dense_forward(cache[-1], params[W], params[b], activation, out=h))
    return cache[-1], cache


def mlp_backward(mlp, params, cache, dout, workspace, input_gradient=True):
    """Carry `dout` back through the layers, last to first.

    Parameters
    ----------
    mlp : MLP
    params : Params
    cache : list of arrays
        From `mlp_forward`.
    dout : (n, mlp.widths[-1]) array
        Gradient with respect to the output; overwritten.
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
    dh = dout
    for k in reversed(range(len(mlp.layers))):
        W, _, activation = mlp.layers[k]
        x, h = cache[k], cache[k + 1]
        wanted = input_gradient or k > 0
        dx = workspace.empty(("dx", W), x.shape, x.dtype) if wanted else None
        dense_backward(dh, h, params[W], activation, dx)  # dh becomes da
        deltas[k], dh = dh, dx
    return dh, deltas


def mlp_gradient(mlp, cache, deltas, grad, share):
    """Write the gradient with respect to the parameters.

    Parameters
    ----------
    mlp : MLP
    cache, deltas : lists of arrays
        From `mlp_forward` and `mlp_backward`.
    grad : Params
        The entries of this network that belong to `share` are overwritten.
    share : Share
        Which part of the parameters is wanted, such as ``grad.share()``, all of them.
    """
    for (W, b, _), x, da in zip(mlp.layers, cache, deltas, strict=False):
        rows, entries = share.rows[W], share.rows[b]
        dense_gradient(x, da, grad[W][rows], grad[b][entries], rows.start, entries.start)
