"""Checks of arguments that several modules share; each names the argument and what came."""

import contextlib
import math
import numbers
import os
import threading
import warnings
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

LARGEST = 2**63 - 1
"""No size may be larger; NumPy cannot count further."""

_FILTERS = threading.RLock()


def _is_number(value: Any) -> bool:
    return isinstance(value, numbers.Real) and not isinstance(value, bool)


def _is_finite_number(value: Any) -> bool:
    return _is_number(value) and (isinstance(value, numbers.Rational) or math.isfinite(value))


def check_count(name: str, value: Any, minimum: int = 1) -> int:
    """Return a size as an int, or raise ValueError unless it is whole and at least `minimum`.

    Whole floats count too, so that 1e6 can be written for a million.
    """
    count = _check_whole(name, value, minimum)
    if count > LARGEST:
        raise ValueError(
            f"{name} has {count.bit_length()} bits, expected a whole number below 2^63"
        )
    return count


def check_seed(name: str, value: Any) -> int:
    """Return a seed as an int, or raise ValueError unless it is whole; it may be of any size."""
    return _check_whole(name, value, 0)


def _check_whole(name: str, value: Any, minimum: int) -> int:
    if not _is_finite_number(value) or value % 1 != 0 or value < minimum:
        raise ValueError(f"{name} is {value!r}, expected a whole number of at least {minimum}")
    return int(value)


def check_batch_size(batch_size: Any, train: np.ndarray) -> int:
    """Return `batch_size` as an int, or raise ValueError unless `train` has so many datapoints."""
    batch_size = check_count("batch_size", batch_size)
    if batch_size > len(train):
        raise ValueError(
            f"batch_size is {batch_size}, expected at most the {len(train)} training datapoints"
        )
    return batch_size


def check_positive(name: str, value: Any) -> float:
    """Return `value` as a float, or raise ValueError unless it is a finite number above zero."""
    if not _is_finite_number(value) or value <= 0:
        raise ValueError(f"{name} is {value!r}, expected a positive number")
    return float(value)


def check_switch(name: str, value: Any) -> bool:
    """Return `value` as a bool, or raise ValueError unless it is True or False."""
    if not isinstance(value, bool | np.bool_ | int) or value not in (True, False):
        raise ValueError(f"{name} is {value!r}, expected True or False")
    return bool(value)


def check_seconds(name: str, value: Any) -> float:
    """Return `value`, or raise ValueError unless it is a number above zero; it may be infinite."""
    if not _is_number(value) or not value > 0:
        raise ValueError(f"{name} is {value!r}, expected a positive number of seconds")
    return value


def check_dtype(dtype: DTypeLike) -> np.dtype:
    """Return `dtype` as a NumPy dtype, or raise ValueError unless it is float32 or float64."""
    try:
        found = np.dtype(dtype)
    except TypeError:
        raise ValueError(f"dtype is {dtype!r}, expected float32 or float64") from None
    if found not in (np.float32, np.float64):
        raise ValueError(f"dtype is {found}, expected float32 or float64")
    return found


def check_finite(name: str, x: np.ndarray, what: str = "numbers") -> None:
    """Raise ValueError if `x` has values that are NaN or infinite."""
    if not np.all(np.isfinite(x)):
        bad = np.argwhere(~np.isfinite(x))
        raise ValueError(
            f"{name} has {len(bad)} values that are NaN or infinite (the first at index "
            f"{tuple(map(int, bad[0]))}), expected finite {what}"
        )


def check_rng(rng: Any) -> None:
    """Raise ValueError unless `rng` is a NumPy random generator."""
    if not isinstance(rng, np.random.Generator):
        raise ValueError(
            f"rng is {type(rng).__name__}, expected a numpy.random.Generator "
            "such as numpy.random.default_rng(0)"
        )


def as_array(name: str, x: ArrayLike) -> np.ndarray:
    """Return `x` as an array, or raise ValueError if it masks some of its values.

    No likelihood here leaves out a pixel, and `np.asarray` would uncover what the mask hides.
    """
    if isinstance(x, np.ma.MaskedArray) and np.ma.is_masked(x):
        masked = np.ma.count_masked(x)
        raise ValueError(f"{name} has {masked} masked values, expected an array without a mask")
    return np.asarray(x)


def as_pixels(x: ArrayLike, dtype: DTypeLike, name: str = "x") -> np.ndarray:
    """Return `x` as a contiguous array of `dtype`; uint8 pixels are divided by 255.

    Raises
    ------
    ValueError
        If `x` does not hold real numbers, or masks some.
    """
    x = as_array(name, x)
    if x.dtype.kind not in "fiub":
        raise ValueError(f"{name} has dtype {x.dtype}, expected real numbers")
    if x.dtype == np.uint8:
        return np.divide(x, 255, dtype=dtype, order="C")
    return np.ascontiguousarray(x, dtype)


def as_path(name: str, path: Any) -> Path:
    """Return `path` as a Path, or raise ValueError unless it is text or a path."""
    if not isinstance(path, str | os.PathLike):
        raise ValueError(f"{name} is {path!r}, expected a path")
    return Path(path)


def expanded(name: str, path: str | os.PathLike) -> Path:
    """Return a path with a leading ``~`` or ``~user`` replaced.

    Raises
    ------
    ValueError
        If it is no path, or it is not known where that home is.
    """
    try:
        return as_path(name, path).expanduser()
    except RuntimeError:
        raise ValueError(f"{name} is {str(path)!r}, expected one whose home is known") from None


@contextlib.contextmanager
def warnings_turned(action: Literal["error", "ignore"]) -> Iterator[None]:
    """Turn warnings into errors, or into nothing, while a file is read.

    The filters are those of all threads: two that took turns in restoring them would leave them as
    one had set them, for good. One thread at a time, therefore.
    """
    with _FILTERS, warnings.catch_warnings():
        warnings.simplefilter(action)
        yield


def check_fraction(name: str, value: Any) -> float:
    """Return `value` as a float, or raise ValueError unless 0 <= value < 1."""
    if not _is_finite_number(value) or not 0 <= value < 1:
        raise ValueError(f"{name} is {value!r}, expected a number in [0, 1)")
    return float(value)


def check_image_shape(
    image_shape: Any, n_features: int, name: str = "image_shape"
) -> tuple[int, int]:
    """Return `image_shape` as a pair of ints, or raise ValueError unless it holds n_features."""
    sides: Any = tuple(image_shape) if np.shape(image_shape) == (2,) else (0, 0)
    whole = all(isinstance(side, numbers.Integral) and int(side) > 0 for side in sides)
    if not whole or math.prod(sides) != n_features:
        raise ValueError(
            f"{name} is {image_shape}, expected a height and a width whose product is "
            f"n_features = {n_features}"
        )
    height, width = map(int, sides)
    return height, width


def check_has(name: str, value: Any, members: Sequence[str]) -> None:
    """Raise ValueError unless `value` is an object, and not a class, with all these attributes."""
    if isinstance(value, type):
        raise ValueError(f"{name} is the class {value.__name__}, expected an object of it")
    missing = [member for member in members if not hasattr(value, member)]
    if missing:
        raise ValueError(
            f"{name} is {value!r}, which lacks {', '.join(missing)}; expected an object with "
            f"{', '.join(members)}"
        )


def choose(name: str, value: Any, table: Mapping[str, Any], members: Sequence[str]) -> Any:
    """Return what `table` has under the name `value`, or `value` itself if it is such an object.

    Parameters
    ----------
    name : str
        What error messages call it.
    value : str or object
    table : dict
    members : sequence of str
        What such an object has.

    Raises
    ------
    ValueError
        If `value` is neither, or lacks something.
    """
    if isinstance(value, str) and value in table:
        return table[value]
    some = any(hasattr(value, member) for member in members)
    if isinstance(value, str | type) or not some:
        raise ValueError(
            f"{name} is {value!r}, expected one of {', '.join(table)} or a {name} object"
        )
    check_has(name, value, members)
    return value
