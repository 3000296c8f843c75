"""What layers in a row hand to each other, where somebody else has written the layer.

Arrays of a wrong shape would make products of other numbers than the layer's author meant, and
kernels would read beyond them: they are refused, with the layer's number. Arrays of the right shape
that do not fit otherwise (a view, another memory order, another dtype, read-only) are copied.
"""

import math

import numpy as np

from minivae.engine.arena import own
from minivae.parts import Product, Sum
from minivae.protocols import Arrays, Layer, New, Part, Parts


def checked_output(k: int, layer: Layer, h: np.ndarray, n: int, dtype: np.dtype) -> np.ndarray:
    """Return what the k-th layer has returned for n datapoints, as the next one may want it.

    Raises
    ------
    ValueError
        If its shape is not (n, n_out).
    """
    expected = n, layer.n_out
    if np.shape(h) != expected:
        raise ValueError(
            f"layer {k} has returned an array of shape {np.shape(h)}, expected {expected}: "
            f"{layer!r}"
        )
    return np.require(h, dtype, ("C", "W"))


def checked_params(k: int, layer: Layer, params: Arrays, before: Arrays) -> None:
    """Refuse another array among the k-th layer's parameters: no optimizer would know of it.

    Raises
    ------
    ValueError
        If `params` has not the very arrays that it had before.
    """
    for name in layer.shapes:
        if params[name] is not before[name]:
            raise ValueError(
                f"layer {k} has an init that puts another array under {name!r}, expected it to "
                f"overwrite the one that is there: {layer!r}"
            )


def checked_parts(k: int, layer: Layer, parts: Parts) -> None:
    """Refuse parts that are not what the gradients of the k-th layer's parameters are made of.

    Raises
    ------
    ValueError
        If a part is for no parameter of the layer, or its arrays do not fit the parameter.
    """
    for name, part in parts.items():
        if name not in layer.shapes or not hasattr(part, "write"):
            raise ValueError(
                f"layer {k} has a {type(part).__name__} for {name!r} among its parts, expected a "
                f"Product or Sum for one of {', '.join(layer.shapes)}: {layer!r}"
            )
        if not _fits(part, tuple(layer.shapes[name])):
            shapes = " and ".join(str(np.shape(array)) for array in part)
            raise ValueError(
                f"layer {k} has a {type(part).__name__} of {shapes} for {name!r}, expected arrays "
                f"with a row for every datapoint that make a gradient of shape "
                f"{tuple(layer.shapes[name])}: {layer!r}"
            )


def _fits(part: Part, shape: tuple[int, ...]) -> bool:
    size = math.prod(shape)
    if isinstance(part, Product):
        x, dy = np.shape(part.x), np.shape(part.dy)
        is_product = len(x) == len(dy) == 2 and x[0] == dy[0]
        return is_product and x[1] * dy[1] == size and shape[-1:] == dy[1:]
    if isinstance(part, Sum):
        return np.ndim(part.dy) > 0 and math.prod(np.shape(part.dy)[1:]) == size
    return True  # a part of somebody's own


def checked_gradient(
    k: int,
    layer: Layer,
    dx: np.ndarray | None,
    shape: tuple[int, int] | None,
    parts: Parts,
    dtype: np.dtype,
    new: New,
) -> np.ndarray | None:
    """Return the k-th layer's dx as an array that the layer below may overwrite.

    Parameters
    ----------
    k, layer
    dx : array or None
        What the layer has returned.
    shape : (int, int) or None
        Its shape, if it is wanted.
    parts : dict of str to Product or Sum
        What else the layer has returned: dx may be among its arrays, which are to stay.
    dtype, new

    Raises
    ------
    ValueError
        If dx is wanted and there is none, or its shape is another one.
    """
    if shape is None:
        return None
    if dx is None or dx.shape != shape:
        came = "no dx" if dx is None else f"dx of shape {dx.shape}"
        raise ValueError(f"layer {k} has returned {came}, expected shape {shape}: {layer!r}")
    if any(np.may_share_memory(dx, array) for part in parts.values() for array in part):
        dx = dx.copy()  # a layer that only shifts may give dx away and keep it in a part
    return own(dx, dtype, new)
