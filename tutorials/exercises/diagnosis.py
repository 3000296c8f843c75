"""What is wrong with this array? From the difference to the right one, in words.

The usual mistakes leave traces: a transposed matrix has the shape reversed, a mean taken twice is
too small by exactly n, a forgotten normalising constant is a multiple of log(2 pi) / 2. `diagnose`
tries such explanations from the most telling to the least, and reports the first that fits. One
number alone fits many: where a function was tried on several problems, an explanation has to fit
all of them.
"""

import math
import numbers
from dataclasses import dataclass, field
from itertools import combinations

import numpy as np

from exercises.shapes import kind, wrong_shape

NOT_FILLED_IN = "not filled in yet"
_HALF_LOG_2PI = 0.5 * math.log(2 * math.pi)
_FLOAT32 = 1e-5  # tolerance for what was computed in single precision
_ROUNDED = 5e-5  # closer than this, and not right: rounding, or a step that is too long
_ENOUGH = 3  # numbers that it takes to believe in a factor, or a constant, that has no name

# What happened to a summand, by how often it is too much.
_TERMS = {-1: "is missing", 1: "is there twice", -2: "has the wrong sign"}

# Functions that people leave out, or apply once too often.
_FUNCTIONS = {
    "the exponential of what it should be: is a logarithm missing?": np.exp,
    "the logarithm of what it should be: is an exponential missing?": np.log,
    "the square of what it should be: a variance where a standard deviation belongs?": np.square,
    "the root of what it should be: a standard deviation where a variance belongs?": np.sqrt,
    "exp(half) of what it should be: sigma where log sigma^2 belongs?": lambda a: np.exp(a / 2),
    "the inverse of what it should be: a quotient upside down?": lambda a: 1 / a,
    "one minus what it should be: the probability of the other case?": lambda a: 1 - a,
    "the absolute value of what it should be: has a sign been lost?": np.abs,
    "in reverse order": lambda a: a[::-1] if a.ndim else np.full_like(a, np.nan),
}

# Where an infinity comes from, and where a NaN does.
_NOT_FINITE = (
    "an overflow, a division by 0, or the logarithm of 0?",
    "0 divided by 0, or a root, logarithm or arccos of what has none?",
)

# Factors that have a name.
_CONSTANTS = {
    "2: is a 1/2 missing?": 2,
    "1/2: one 1/2 too many?": 1 / 2,
    "4: a factor 2 squared, or a 1/2 missing twice?": 4,
    "1/4: a 1/2 too many, twice?": 1 / 4,
    "pi": math.pi,
    "1/pi": 1 / math.pi,
    "2 pi": 2 * math.pi,
    "1/(2 pi)": 1 / (2 * math.pi),
    "sqrt(2)": math.sqrt(2),
    "1/sqrt(2)": math.sqrt(1 / 2),
    "sqrt(2 pi)": math.sqrt(2 * math.pi),
    "1/sqrt(2 pi)": math.sqrt(1 / (2 * math.pi)),
    "1/log(2): bits, where nats are wanted?": 1 / math.log(2),
    "1/log(10): log10, where the natural logarithm belongs?": 1 / math.log(10),
    "180/pi: degrees, where radians are wanted?": 180 / math.pi,
    "pi/180: radians, where degrees are wanted?": math.pi / 180,
}


@dataclass(frozen=True)
class Case:
    """What came and what is right, on one problem.

    Attributes
    ----------
    came, expected : arrays or numbers
        The reader's and the right one.
    sizes : dict of str to int
        Numbers with a meaning, such as ``{"n": 5}``: factors and shapes are put in these terms.
    terms : dict of str to array
        Summands of `expected` by name, such as ``{"the entropy": ...}``: one may be missing, or
        there twice, or have the wrong sign.
    """

    came: object
    expected: object
    sizes: dict = field(default_factory=dict)
    terms: dict = field(default_factory=dict)


def is_unfilled(came):
    """Whether a value is, or contains, what an exercise has in place of the reader's lines."""
    if isinstance(came, tuple | list):
        return any(is_unfilled(part) for part in came)
    if isinstance(came, np.ndarray) and came.dtype == object:
        return any(is_unfilled(part) for part in came.ravel())
    return came is ... or came is NotImplemented


def real(came):
    """Return a float64 array of what came, or None if that is not made of real numbers."""
    try:
        array = np.asarray(came)
        if array.dtype == object and all(isinstance(a, numbers.Real) for a in array.ravel()):
            array = array.astype(float)
    except Exception:  # rows of unequal lengths, 10**400, and whatever __array__ raises
        return None
    return array.astype(float) if array.dtype.kind in "iuf" else None


def tolerance(came, rtol):
    """Return `rtol`, or more where the reader has computed in single precision."""
    try:
        single = np.asarray(came).dtype == np.float32
    except Exception:  # see `real`
        single = False
    return max(rtol, _FLOAT32) if single else rtol


def close(a, b, rtol=1e-6):
    """Whether two arrays of one shape agree, up to `rtol` of the largest entry."""
    rtol = tolerance(a, rtol)
    a, b = real(a), real(b)
    if a is None or b is None or a.shape != b.shape:
        return False
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return False
    return bool(np.abs(a - b).max(initial=0) <= rtol * max(np.abs(b).max(initial=0), 1e-12))


def diagnose(name, *cases, rtol=1e-6):
    """Say what is wrong with an array or a number, in words that help.

    Parameters
    ----------
    name : str
        What the reader calls it.
    *cases : Case
        One for each problem that it was computed for.
    rtol : float
        Tolerance, relative to the largest entry of what is right.

    Returns
    -------
    words : str or None
        None if it is right in every case.
    """
    for case in cases:
        words = _not_comparable(name, case, rtol)
        if words:
            return words
    wrong = [case for case in cases if not close(case.came, case.expected, rtol)]
    if not wrong:
        return None
    subject = f"the shape of {name} is right; its value" if np.ndim(wrong[0].expected) else name
    if _is_constant(wrong):
        number = _written(real(wrong[0].came), 6)
        return f"{name} is {number} whatever the arguments are: are they used?"
    enough = sum(np.size(case.expected) for case in wrong) >= _ENOUGH
    first, *others = [_explanations(case, tolerance(case.came, rtol), enough) for case in wrong]
    words = next(words for key, words in first.items() if all(key in other for other in others))
    return f"{subject} {words}"


def _is_constant(cases):
    """Whether the same number came on all of several problems, whose right ones differ."""
    if np.ndim(cases[0].expected):
        return False
    came, expected = ({float(getattr(case, k)) for case in cases} for k in ("came", "expected"))
    return len(came) == 1 < len(expected)


def _not_comparable(name, case, rtol):
    """Return what is wrong before values can be compared, or None."""
    came, expected = case.came, np.asarray(case.expected, float)
    if is_unfilled(came):
        return f"{name} is {NOT_FILLED_IN}"
    if came is None:
        return f"{name} is None: was it never assigned, or has a function no line with return?"
    array = real(came)
    if array is None:
        if isinstance(came, complex) or getattr(came, "dtype", np.dtype(float)).kind == "c":
            why = "the root or the logarithm of a negative number?"
            return f"{name} is complex, expected real numbers: {why}"
        if isinstance(came, np.ndarray):
            return f"{name} is an array of {came.dtype}, expected one of real numbers"
        return f"{name} is of type {type(came).__name__}, expected {kind(expected, case.sizes)}"
    if array.shape != expected.shape and isinstance(came, tuple):
        why = ": is there a comma after the value?" if len(came) == 1 else ""
        return f"{name} is a tuple of {len(came)}, expected {kind(expected, case.sizes)}{why}"
    if array.shape != expected.shape:
        return wrong_shape(name, array, expected, case.sizes, lambda a, b: close(a, b, rtol))
    if not np.isfinite(array).all():
        where = tuple(np.argwhere(~np.isfinite(array))[0])
        return f"{name} is {array[where]}{_at(where)}: {_NOT_FINITE[bool(np.isnan(array[where]))]}"
    return None


def _explanations(case, rtol, enough):
    """Return all that would explain a wrong value, the most telling first: words by a key.

    The key is what has to be the same on another problem: the name of a size, not the size.
    """
    came, expected = real(case.came), np.asarray(case.expected, float)
    given = dict(rtol=rtol, sizes=case.sizes, terms=case.terms, enough=enough)
    named = (_sign, _transposed, _term, _factor, _log_factor, _offset, _function, _order)
    found = {}
    for explain in (*named, _rounded, _some, _plain):
        for key, words in explain(came, expected, **given):
            found.setdefault(key, words)
    return found


def _sign(came, expected, rtol, **_):
    if close(-came, expected, rtol):
        yield "sign", "has the wrong sign"


def _transposed(came, expected, rtol, **_):
    if came.ndim == 2 and close(came.T, expected, rtol):
        yield "transposed", "is transposed"


def _term(came, expected, rtol, terms, **_):
    for name, term in terms.items():
        for weight, words in _TERMS.items():
            if close(came, expected + weight * np.asarray(term), rtol) and np.any(term):
                yield ("term", name, weight), f"is off by one term: {name} {words}"


def _factor(came, expected, rtol, sizes, enough, **_):
    square = float(np.sum(expected**2))
    factor = float(np.sum(came * expected)) / square if square else 0.0
    if not factor or not close(came, factor * expected, rtol):
        return
    size, negative = abs(factor), factor < 0
    sign = "has the wrong sign, and " if negative else ""

    def is_(number):
        return math.isclose(size, number, rel_tol=max(10 * rtol, 1e-9))

    for name, number in _named_factors(sizes):
        if is_(number):
            words = f"is too large by the factor {name} = {number}: a sum where a mean belongs?"
            yield ("large", name, negative), sign + words
        if is_(1 / number):
            why = "did you average twice, or where a sum belongs?"
            words = f"is too small by the factor {name} = {number}: {why}"
            yield ("small", name, negative), sign + words
    for words, number in _CONSTANTS.items():
        if is_(number):
            yield ("constant", number, negative), f"{sign}is off by the factor {words}"
    if math.isclose(size, 1, rel_tol=_ROUNDED):  # see `_rounded`
        return
    if enough:
        text = f"{size:.6g}"
        yield ("factor", text, negative), f"{sign}is off by the factor {text}, the same everywhere"
    if came.size >= _ENOUGH:
        words = f"is off by one factor everywhere, {size:.4g} here and another on other problems"
        yield ("some factor", negative), f"{sign}{words}: does it depend on what it should?"


def _named_factors(sizes):
    """Yield sizes, products of two of them, and sizes less one, with their names."""
    large = [(name, size) for name, size in sizes.items() if size > 2]
    yield from large
    for (a, size_a), (b, size_b) in combinations(large, 2):
        yield f"{a} {b}", size_a * size_b


def _log_factor(came, expected, rtol, sizes, **_):
    """A sum for a mean, or the other way round, inside of a logarithm."""
    for name, size in sizes.items():
        for sign, words in ((1, "a sum where a mean"), (-1, "a mean where a sum")):
            if size > 1 and close(came, expected + sign * math.log(size), rtol):
                off = f"is off by {'+-'[sign < 0]}log {name} = {sign * math.log(size):.4g}"
                yield ("log", name, sign), f"{off}: under the logarithm, {words} belongs?"


def _offset(came, expected, rtol, enough, **_):
    offset = float((came - expected).mean())
    if not close(expected + offset, came, rtol):
        return
    halves = round(offset / _HALF_LOG_2PI)
    if halves and abs(offset - halves * _HALF_LOG_2PI) < 1e-4:
        where = "missing" if halves < 0 else "too many"
        times = f"{abs(halves)} times " if abs(halves) > 1 else ""
        words = f"is off by {times}log(2 pi) / 2 = {_HALF_LOG_2PI:.3f}: Gaussian constants {where}?"
        yield ("2 pi", where), words
    if enough:
        why = "is a constant missing, or one too many?"
        yield ("offset", f"{offset:+.4g}"), f"is off by {offset:+.4g}, the same everywhere: {why}"
    if came.size >= _ENOUGH and not close(came, expected, _ROUNDED):
        words = f"is off by one number everywhere, {offset:+.4g} here and another on other problems"
        yield "some offset", f"{words}: does it depend on what it should?"


def _function(came, expected, rtol, **_):
    with np.errstate(all="ignore"):
        for words, function in _FUNCTIONS.items():
            if close(came, function(expected), rtol):
                yield ("function", words), f"is {words}"


def _order(came, expected, rtol, **_):
    if came.size > 1 and close(np.sort(came, axis=None), np.sort(expected, axis=None), rtol):
        yield "order", "has the right numbers in another order"


def _rounded(came, expected, **_):
    if np.any(expected) and close(came, expected, _ROUNDED):
        error = np.abs(came - expected).max() / np.abs(expected).max()
        digits = math.floor(-math.log10(error))
        why = "float32, a rounded constant, or a difference of nearly equal numbers?"
        pair = _largest_difference(came, expected)
        yield "rounded", f"is right to {digits} digits, not to more: {pair}; {why}"


def _some(came, expected, rtol, **_):
    right = np.abs(came - expected) <= rtol * np.abs(expected)
    if right.any():
        pair = _largest_difference(came, expected)
        yield "some", f"is right in {right.sum()} of {right.size} entries: {pair}"


def _plain(came, expected, **_):
    yield "plain", f"is not: {_largest_difference(came, expected)}"


def _largest_difference(came, expected):
    """Write both numbers, with as many digits as it takes to tell them apart."""
    where = np.unravel_index(np.argmax(np.abs(came - expected)), came.shape)
    for digits in (6, 9, 12, 17):
        one, two = _written(came[where], digits), _written(expected[where], digits)
        if one != two:
            break
    return f"{one} came{_at(where)}, expected {two}"


def _written(number, digits):
    whole = float(number).is_integer() and abs(number) < 1e15
    return f"{number:.0f}" if whole else f"{number:.{digits}g}"


def _at(where):
    return f" at index [{', '.join(map(str, where))}]" if where else ""
