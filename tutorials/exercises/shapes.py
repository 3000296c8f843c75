"""What is wrong with a shape, in words: which sum is missing, which one is too many."""

import numpy as np


def kind(expected, sizes):
    """Say what sort of thing is expected."""
    return f"an array of shape {shape(expected.shape, sizes)}" if expected.ndim else "one number"


def shape(of, sizes):
    """Write a shape, and in the names of its sizes if they have some: (5, 3) = (n, n_in)."""
    text = str(tuple(of))
    named = {name: size for name, size in sizes.items() if name.isidentifier()}
    names = {size: name for name, size in named.items()}
    if len(names) < len(named) or not of or any(size not in names for size in of):
        return text
    lengths = ", ".join(names[size] for size in of)
    return f"{text} = ({lengths}{',' if len(of) == 1 else ''})"


def wrong_shape(name, came, expected, sizes, close):
    """Say what the shape is, what it should be, and what may have happened.

    ``close(a, b)`` tells whether two arrays are the same.
    """
    if not expected.ndim:
        text = f"{name} has shape {shape(came.shape, sizes)}, expected one number"
    else:
        text = f"{name} has shape {shape(came.shape, sizes)}, expected "
        text += shape(expected.shape, sizes) if came.ndim else kind(expected, sizes)
    if not came.size:
        return f"{text}: it is empty"
    if came.ndim > 1 and came.shape == expected.shape[::-1]:
        right = " and is right otherwise" if close(came.T, expected) else ""
        return f"{text}: it is transposed{right}"
    if came.size == expected.size and close(came.ravel(), expected.ravel()):
        return f"{text}: the numbers are right, their arrangement is not (keepdims? reshape?)"
    return f"{text}{_operation(came, expected, close) or _guess(came, expected)}"


def _operation(came, expected, close):
    """Name the sum or mean that leads from one to the other, if one does."""
    for what, more, less in (("is missing", came, expected), ("is one too many", expected, came)):
        for axis in range(more.ndim):
            for operation in (np.sum, np.mean):
                if close(operation(more, axis=axis), less):
                    return f": a {operation.__name__} over axis {axis} {what}"
        if more.ndim > less.ndim:
            for operation in (np.sum, np.mean):
                if close(operation(more), less):
                    return f": a {operation.__name__} over everything {what}"
    return None


def _guess(came, expected):
    if came.ndim == expected.ndim == 1:
        return ": did a sum run over the wrong axis?"
    if came.ndim > expected.ndim:
        return ": is a sum or a mean missing?"
    if came.ndim < expected.ndim:
        return ": did a sum or a mean run over too much?"
    return ""
