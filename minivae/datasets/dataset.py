"""A training and a test set, and all that can be wrong with the arrays they come from."""

import math
from typing import NamedTuple

import numpy as np

_LARGEST_LABEL = 2**31


class Dataset(NamedTuple):
    """A training and a test set of the same kind.

    Attributes
    ----------
    train : ndarray, shape (N, features)
        One example a row, C-contiguous, uint8 (pixels from 0 to 255) or float32.
    test : ndarray, shape (N_test, features)
        Held out; same number of features and same dtype.
    image_shape : tuple of int
        Height and width, whose product is the number of features, so that
        ``row.reshape(image_shape)`` can always be shown.
    name : str
        Name of the data set, or of the file without its suffix.
    train_labels, test_labels : ndarray of integers, shape (N,) and (N_test,), or None
        A class for each row, where the data set has them. Training never looks at them.
    """

    train: np.ndarray
    test: np.ndarray
    image_shape: tuple[int, int]
    name: str
    train_labels: np.ndarray | None = None
    test_labels: np.ndarray | None = None


def assemble(arrays: dict[str, np.ndarray], name: str, origin: str) -> Dataset:
    """Check arrays under the names of the fields, hold out a test set if there is none."""
    train = check_examples(arrays["train"], f"train in {origin}")
    labels = _labels(arrays.get("train_labels"), len(train), f"train_labels in {origin}")
    if "test" in arrays:
        test = check_examples(arrays["test"], f"test in {origin}")
        test_labels = _labels(arrays.get("test_labels"), len(test), f"test_labels in {origin}")
    elif "test_labels" in arrays:
        raise ValueError(f"test_labels in {origin} come without the test examples they label")
    elif len(train) < 2:
        raise ValueError(f"train in {origin} has 1 row, a test set needs at least 2 to be held out")
    else:
        kept = len(train) - max(1, (len(train) + 5) // 10)
        train, test = train[:kept], train[kept:]
        labels, test_labels = (None, None) if labels is None else (labels[:kept], labels[kept:])
    image_shape = _image_shape(train, test, origin)
    # SciPy reads MATLAB's logical arrays as uint8: binary data cannot always be told by its dtype.
    if train.dtype == bool or (train.dtype == np.uint8 and max(train.max(), test.max()) == 1):
        train, test = (x.astype(np.uint8) * np.uint8(255) for x in (train, test))
    train, test = (np.ascontiguousarray(x).reshape(len(x), -1) for x in (train, test))
    return Dataset(train, test, image_shape, name, labels, test_labels)


def check_examples(x: np.ndarray, what: str) -> np.ndarray:
    """Check one array, (n, features) or (n, height, width), and make it bool, uint8 or float32."""
    if not isinstance(x, np.ndarray):
        raise ValueError(f"{what} is a {type(x).__name__}, expected a dense array")
    if x.dtype.kind not in "biuf":
        raise ValueError(f"{what} has dtype {x.dtype}, expected floats, bool or integers")
    if x.ndim not in (2, 3):
        raise ValueError(f"{what} has shape {x.shape}, expected (n, features) or (n, h, w)")
    if x.size == 0:
        raise ValueError(f"{what} is empty, its shape is {x.shape}")
    if x.dtype.kind == "b":
        return x
    if x.dtype.kind == "f":
        return _finite_float32(x, what)
    if x.min() < 0 or x.max() > 255:
        raise ValueError(
            f"{what} has {x.dtype} values from {x.min()} to {x.max()}, expected 0 to 255 "
            "(or counts=True, if they count something)"
        )
    return x.astype(np.uint8, copy=False)


def _finite_float32(x: np.ndarray, what: str) -> np.ndarray:
    with np.errstate(over="ignore"):  # what does not fit is reported below
        result = x.astype(np.float32, copy=False)
    bad = ~np.isfinite(result)
    if bad.any():
        first = tuple(int(i) for i in np.unravel_index(bad.argmax(), bad.shape))
        raise ValueError(
            f"{what} has {np.count_nonzero(bad)} values that are not finite in float32, "
            f"the first is {x[first]} at index {first}"
        )
    return result


def _labels(y: np.ndarray | None, n: int, what: str) -> np.ndarray | None:
    """Check labels; a MATLAB file makes them a matrix of one row or column, and double."""
    if y is None:
        return None
    y = np.asarray(y)
    if y.shape not in ((n,), (n, 1), (1, n)):
        raise ValueError(f"{what} has shape {y.shape}, expected ({n},)")
    y = y.ravel()
    if y.dtype.kind not in "biuf":
        raise ValueError(f"{what} has dtype {y.dtype}, expected whole numbers")
    strange = y[~(np.abs(y.astype(np.float64)) <= _LARGEST_LABEL) | (y != np.rint(y))]
    if len(strange):
        raise ValueError(f"{what} has {strange[0]} among them, expected whole numbers of classes")
    return y.astype(np.int64) if y.dtype.kind == "f" else y


def _image_shape(train: np.ndarray, test: np.ndarray, origin: str) -> tuple[int, int]:
    features, test_features = (math.prod(x.shape[1:]) for x in (train, test))
    if test_features != features:
        raise ValueError(f"test in {origin} has {test_features} features, train has {features}")
    if test.dtype != train.dtype:
        raise ValueError(f"test in {origin} is {test.dtype}, train is {train.dtype}")
    shapes = [x.shape[1:] for x in (train, test) if x.ndim == 3]
    if shapes and shapes[0] != shapes[-1]:
        raise ValueError(f"test in {origin} has images of {shapes[-1]}, train of {shapes[0]}")
    side = math.isqrt(features)
    square_or_line = (side, side) if side * side == features else (1, features)
    return shapes[0] if shapes else square_or_line
