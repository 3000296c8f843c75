"""What is wrong with this array? From the difference to the right one, in words.

The usual mistakes leave traces: a transposed matrix has the shape reversed, a mean taken twice is
too small by exactly n, a forgotten normalising constant is a multiple of log(2 pi) / 2. `diagnose`
tries such explanations from the most telling to the least, and reports the first that fits.
"""

import math
from itertools import combinations

import numpy as np

NOT_FILLED_IN = "not filled in yet"
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)

# What happened to a summand, by how often it is too much.
_TERMS = {-1: "is missing", 1: "is there twice", -2: "has the wrong sign"}

# Elementwise functions that people leave out, or apply once too often.
_FUNCTIONS = {
    "the exponential of what it should be: is a logarithm missing?": np.exp,
    "the logarithm of what it should be: is an exponential missing?": np.log,
    "the square of what it should be: a variance where a standard deviation belongs?": np.square,
    "the root of what it should be: a standard deviation where a variance belongs?": np.sqrt,
    "exp(half) of what it should be: sigma where log sigma^2 belongs?": lambda a: np.exp(a / 2),
    "the inverse of what it should be: a quotient upside down?": lambda a: 1 / a,
}


def is_unfilled(came):
    """Whether a value is, or contains, what an exercise has in place of the reader's lines."""
    if isinstance(came, tuple | list):
        return any(is_unfilled(part) for part in came)
    return came is None or came is ... or came is NotImplemented


def close(a, b, rtol=1e-6):
    """Whether two arrays of one shape agree, up to `rtol` of the largest entry."""
    a, b = np.asarray(a), np.asarray(b)
    if a.shape != b.shape or not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.abs(a - b).max(initial=0) <= rtol * max(np.abs(b).max(initial=0), 1e-12))


def diagnose(name, came, expected, *, rtol=1e-6, sizes=None, terms=None):
    """Say what is wrong with an array or a number, in words that help.

    Parameters
    ----------
    name : str
        What the reader calls it.
    came, expected : arrays or numbers
        The reader's and the right one.
    rtol : float
        Tolerance, relative to the largest entry of `expected`.
    sizes : dict of str to int, optional
        Numbers with a meaning, such as ``{"n": 5}``: factors and shapes are put in these terms.
    terms : dict of str to array, optional
        Summands of `expected` by name, such as ``{"the entropy": ...}``: one may be missing, or
        there twice, or have the wrong sign.

    Returns
    -------
    words : str or None
        None if it is right.
    """
    sizes, terms = sizes or {}, terms or {}
    if is_unfilled(came):
        return f"{name} is {NOT_FILLED_IN}"
    expected = np.asarray(expected, float)
    try:
        array = np.asarray(came, float)
    except (TypeError, ValueError):
        return f"{name} is of type {type(came).__name__}, expected {_kind(expected, sizes)}"
    if array.shape != expected.shape:
        return _wrong_shape(name, array, expected, rtol, sizes)
    if not np.isfinite(array).all():
        where = tuple(np.argwhere(~np.isfinite(array))[0])
        value = array[where]
        why = "an overflow, a division by 0, or the logarithm of 0?"
        return f"{name} is {value}{_at(where)}: {why}"
    if close(array, expected, rtol):
        return None
    subject = f"the shape of {name} is right; its value" if array.ndim else f"{name}"
    return f"{subject} {_wrong_value(array, expected, rtol, sizes, terms)}"


def _kind(expected, sizes):
    return f"an array of shape {_shape(expected.shape, sizes)}" if expected.ndim else "one number"


def _shape(shape, sizes):
    """Write a shape, and in the names of its sizes if they have some: (5, 3) = (n, n_in)."""
    text = str(tuple(shape))
    names = {size: name for name, size in sizes.items()}
    if len(names) < len(sizes) or not shape or any(size not in names for size in shape):
        return text
    named = ", ".join(names[size] for size in shape)
    return f"{text} = ({named}{',' if len(shape) == 1 else ''})"


def _wrong_shape(name, came, expected, rtol, sizes):
    if not expected.ndim:
        text = f"{name} has shape {_shape(came.shape, sizes)}, expected one number"
    else:
        text = f"{name} has shape {_shape(came.shape, sizes)}, expected "
        text += _shape(expected.shape, sizes) if came.ndim else _kind(expected, sizes)
    if not came.size:
        return f"{text}: it is empty"
    if came.ndim > 1 and came.shape == expected.shape[::-1]:
        right = " and is right otherwise" if close(came.T, expected, rtol) else ""
        return f"{text}: it is transposed{right}"
    if came.size == expected.size and close(came.ravel(), expected.ravel(), rtol):
        return f"{text}: the numbers are right, their arrangement is not (keepdims? reshape?)"
    for what, more, less in (("is missing", came, expected), ("is one too many", expected, came)):
        for axis in range(more.ndim):
            for operation in (np.sum, np.mean):
                if close(operation(more, axis=axis), less, rtol):
                    return f"{text}: a {operation.__name__} over axis {axis} {what}"
        if more.ndim > less.ndim and close(more.sum(), less, rtol):
            return f"{text}: a sum over everything {what}"
    if came.ndim == expected.ndim == 1:
        return f"{text}: did a sum run over the wrong axis?"
    if came.ndim > expected.ndim:
        return f"{text}: is a sum or a mean missing?"
    if came.ndim < expected.ndim:
        return f"{text}: did a sum or a mean run over too much?"
    return text


def _wrong_value(came, expected, rtol, sizes, terms):
    for explain in (_sign, _transposed, _term, _factor, _offset, _function, _some):
        words = explain(came, expected, rtol, sizes=sizes, terms=terms)
        if words:
            return words
    where = np.unravel_index(np.argmax(np.abs(came - expected)), came.shape)
    return f"is not: {_pair(came, expected, where)}"


def _sign(came, expected, rtol, **_):
    return "has the wrong sign" if close(-came, expected, rtol) else None


def _transposed(came, expected, rtol, **_):
    return "is transposed" if came.ndim == 2 and close(came.T, expected, rtol) else None


def _term(came, expected, rtol, *, terms, **_):
    for name, term in terms.items():
        for weight, words in _TERMS.items():
            if close(came, expected + weight * np.asarray(term), rtol) and np.any(term):
                return f"is off by one term: {name} {words}"
    return None


def _factor(came, expected, rtol, *, sizes, **_):
    square = float(np.sum(expected**2))
    factor = float(np.sum(came * expected)) / square if square else 0.0
    if not factor or not close(came, factor * expected, rtol):
        return None
    size, sign = abs(factor), "" if factor > 0 else "has the wrong sign, and "
    for name, number in _named_factors(sizes):
        if math.isclose(size, number, rel_tol=10 * rtol):
            return f"{sign}is too large by the factor {name}: a sum where a mean belongs?"
        if math.isclose(size, 1 / number, rel_tol=10 * rtol):
            why = "did you average twice, or where a sum belongs?"
            return f"{sign}is too small by the factor {name}: {why}"
    if math.isclose(size, 2, rel_tol=10 * rtol):
        return f"{sign}is off by the factor 2: is a 1/2 missing?"
    if math.isclose(size, 0.5, rel_tol=10 * rtol):
        return f"{sign}is off by the factor 1/2: one 1/2 too many?"
    if came.size == 1:  # one number alone is a multiple of any other
        return None
    return f"{sign}is off by the factor {size:.6g}, the same everywhere"


def _named_factors(sizes):
    """Yield sizes and products of two of them, with their names."""
    large = [(name, size) for name, size in sizes.items() if size > 2]
    yield from ((f"{name} = {size}", size) for name, size in large)
    for (a, size_a), (b, size_b) in combinations(large, 2):
        yield f"{a} {b} = {size_a * size_b}", size_a * size_b


def _offset(came, expected, rtol, **_):
    difference = came - expected
    offset = float(difference.mean())
    if not close(expected + offset, came, rtol):
        return None
    halves = round(offset / _HALF_LOG_2PI)
    if halves and abs(offset - halves * _HALF_LOG_2PI) < 1e-4:
        where = "missing" if halves < 0 else "too many"
        times = f"{abs(halves)} times " if abs(halves) > 1 else ""
        return f"is off by {times}log(2 pi) / 2 = {_HALF_LOG_2PI:.3f}: Gaussian constants {where}?"
    if came.size == 1:
        return None
    return f"is off by {offset:+.4g}, the same everywhere: is a constant missing, or one too many?"


def _function(came, expected, rtol, **_):
    if came.size == 1:
        return None
    with np.errstate(all="ignore"):
        for words, function in _FUNCTIONS.items():
            if close(came, function(expected), rtol):
                return f"is {words}"
    return None


def _some(came, expected, rtol, **_):
    right = np.abs(came - expected) <= rtol * np.abs(expected).max()
    if not right.any():
        return None
    where = tuple(np.argwhere(~right)[0])
    return f"is right in {right.sum()} of {right.size} entries: {_pair(came, expected, where)}"


def _pair(came, expected, where):
    return f"{came[where]:.6g} came{_at(where)}, expected {expected[where]:.6g}"


def _at(where):
    return f" at index [{', '.join(map(str, where))}]" if where else ""
