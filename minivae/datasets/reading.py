"""Reading files: arrays under the names of `Dataset`'s fields, their values not yet checked."""

import contextlib
import math
import os
from pathlib import Path
from typing import BinaryIO

import numpy as np

from minivae.validation import warnings_turned

FIELDS = ("train", "test", "train_labels", "test_labels")
_LAYOUTS = (
    {"train": "x_train", "test": "x_test", "train_labels": "y_train", "test_labels": "y_test"},
    {field: field for field in FIELDS},
)
_MAGIC = {".npy": b"\x93NUMPY", ".npz": b"PK", ".mat": b""}
SUFFIXES = ".npy, .npz or .mat"

LIMIT_VARIABLE = "MINIVAE_LIMIT"
_LIMIT = 1e9  # bytes that a file may expand to, if it is very much smaller

FREY_SHAPE = (1965, 28, 20)


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    """Return what a file holds; raise `ValueError`, naming the file, if that cannot be read."""
    if not file.exists():
        raise ValueError(f"{file} does not exist, expected a {SUFFIXES} file")
    if not file.is_file():
        raise ValueError(f"{file} is not a file, expected a {SUFFIXES} file")
    suffix = file.suffix.lower()
    if suffix not in _MAGIC:
        raise ValueError(f"{file} has the suffix {suffix!r}, expected {SUFFIXES}")
    try:
        with file.open("rb") as stream:
            if not stream.read(8).startswith(_MAGIC[suffix]):
                raise ValueError(f"it does not begin like a {suffix} file")
            stream.seek(0)
            return _read_mat(stream) if suffix == ".mat" else _read_numpy(stream)
    except Exception as error:  # a damaged file raises nearly anything in zipfile, zlib or SciPy
        reason = str(error).partition("\n")[0]
        if "allow_pickle" in reason:
            reason = "it holds pickled Python objects, which are never loaded"
        raise ValueError(f"{file} cannot be read: {reason}") from error


def _read_numpy(stream: BinaryIO) -> dict[str, np.ndarray]:
    content = np.load(stream, allow_pickle=False)
    if isinstance(content, np.ndarray):
        return {"train": content}
    with content:
        fields = _fields(content.files)
        sizes = {entry.filename: entry.file_size for entry in content.zip.infolist()}
        _check_size(sum(sizes.get(f"{name}.npy", 0) for name in fields.values()), stream)
        return {field: content[name] for field, name in fields.items()}


def _read_mat(stream: BinaryIO) -> dict[str, np.ndarray]:
    from scipy.io import loadmat, whosmat

    with warnings_turned("ignore"):  # about sparse matrices, which are refused further on
        widths = {"logical": 1, "int8": 1, "uint8": 1, "char": 1}
        described = whosmat(stream)
        _check_size(sum(math.prod(x) * widths.get(kind, 8) for _, x, kind in described), stream)
        stream.seek(0)
        content = loadmat(stream)
    arrays = {name: x for name, x in content.items() if not name.startswith("__")}
    n, height, width = FREY_SHAPE
    if "ff" in arrays and arrays["ff"].shape == (height * width, n):
        return {"train": arrays["ff"].T.reshape(FREY_SHAPE)}  # frey_rawface.mat: one face a column
    return {field: arrays[name] for field, name in _fields(list(arrays)).items()}


def _check_size(expanded: int, stream: BinaryIO) -> None:
    """Refuse a small file that says it will be a very large array."""
    limit = _limit()
    compressed = os.fstat(stream.fileno()).st_size
    if expanded > max(limit, 20 * compressed):
        raise ValueError(
            f"its {compressed:,} bytes would become {expanded:,}, more than {limit:,.0f}; the "
            f"environment variable {LIMIT_VARIABLE} sets another limit"
        )


def _limit() -> float:
    """Return the bytes that a file may expand to."""
    given = os.environ.get(LIMIT_VARIABLE)
    if not given:
        return _LIMIT
    with contextlib.suppress(ValueError):
        if float(given) > 0:  # neither does NaN
            return float(given)
    raise ValueError(
        f"the environment variable {LIMIT_VARIABLE} is {given!r}, expected a number of bytes"
    )


def _refuse_misnamed(names: list[str], layout: dict[str, str]) -> None:
    """Raise ValueError for an array that would be left out because of how its name is spelt."""
    known = {name: field for one in _LAYOUTS for field, name in one.items()}
    for name in names:
        field = known.get(name.lower())
        if field is not None and name != layout[field]:
            raise ValueError(f"it holds {name} beside {layout['train']}, expected {layout[field]}")


def _fields(names: list[str]) -> dict[str, str]:
    """Match the arrays of a file with the fields of `Dataset`."""
    for layout in _LAYOUTS:
        if layout["train"] in names:
            _refuse_misnamed(names, layout)
            return {field: name for field, name in layout.items() if name in names}
    if len(names) == 1 and not any(names[0] in layout.values() for layout in _LAYOUTS):
        return {"train": names[0]}
    raise ValueError(
        f"it holds {', '.join(names) or 'no arrays'}, expected x_train (with x_test, y_train, "
        "y_test), train (with test, train_labels, test_labels), or exactly one array"
    )
