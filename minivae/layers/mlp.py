"""The paper's networks: dense layers in a row (app. C)."""

import math
from collections.abc import Sequence
from itertools import pairwise

from minivae.layers.activations import Activation
from minivae.layers.dense import Dense
from minivae.layers.sequential import Sequential
from minivae.protocols import Layer


def mlp(
    widths: Sequence[int],
    activation: str | Activation,
    prefix: str = "",
    start: str = "normal",
) -> Sequential:
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
    start : str
        Where weights start, as for `Dense`.
    """
    last = len(widths) - 2
    return Sequential(
        [
            Dense(n_in, n_out, activation if k < last else "identity", start)
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
