"""Frey Faces and Fashion-MNIST as their authors' files have them, checked by their sha256."""

import gzip
import hashlib
import math
import os
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from minivae.datasets.dataset import Dataset, assemble, check_examples
from minivae.datasets.download import FASHION_MNIST, FREY, obtain
from minivae.datasets.reading import FIELDS, FREY_SHAPE, read_arrays

_FREY_FILES = ("frey_rawface.mat", "freyfaces.npz", "freyfaces.npy")
_FREY_TEST_SIZE = 200


def load_frey(path: str | os.PathLike | None) -> Dataset:
    """Find or download the faces, and hold out 200 of them."""
    return _split_frey(obtain(FREY, _read_frey, path))


def load_fashion_mnist(path: str | os.PathLike | None) -> Dataset:
    """Find or download the four files."""
    return assemble(obtain(FASHION_MNIST, _read_fashion, path), "fashion-mnist", "fashion-mnist")


def _read_frey(place: Path) -> np.ndarray:
    """Return the faces as uint8, shape (1965, 560), from a file or the folder that holds it."""
    candidates = [place] if place.is_file() else [place / name for name in _FREY_FILES]
    file = next((file for file in candidates if file.is_file()), None)
    if file is None:
        raise ValueError(f"there is no {' or '.join(_FREY_FILES)}")
    faces = check_examples(read_arrays(file)["train"], f"train in {file}")
    if faces.size != math.prod(FREY_SHAPE):
        raise ValueError(f"{file} has an array of shape {faces.shape}, expected {FREY_SHAPE}")
    rows = faces.reshape(len(faces), -1)
    if len(rows) != FREY_SHAPE[0]:
        rows = rows.T
    with np.errstate(invalid="ignore"):  # a float that is no pixel changes the hash, and is found
        pixels = np.ascontiguousarray(rows.astype(np.uint8))
    _check_sha256(pixels, FREY.content["faces"], f"the pixels of {file}")
    return pixels


def _split_frey(faces: np.ndarray) -> Dataset:
    # NumPy has frozen the stream of RandomState, while that of Generator may change (NEP 19): the
    # same frames are held out on every machine and with every version.
    held_out = np.random.RandomState(0).permutation(len(faces))[:_FREY_TEST_SIZE]
    is_test = np.zeros(len(faces), dtype=bool)
    is_test[held_out] = True
    return Dataset(faces[~is_test], faces[is_test], FREY_SHAPE[1:], "frey")


def _read_fashion(folder: Path) -> dict[str, np.ndarray]:
    files = zip(FIELDS, FASHION_MNIST.content.items(), strict=True)
    return {field: _read_idx(folder, name, sha256) for field, (name, sha256) in files}


def _read_idx(folder: Path, name: str, sha256: str) -> np.ndarray:
    """Read MNIST's file format, compressed or not: magic, one length per axis, then the bytes."""
    file = next((f for f in (folder / f"{name}.gz", folder / name) if f.is_file()), None)
    if file is None:
        raise ValueError(f"there is no {name}.gz or {name}")
    content = file.read_bytes()
    if file.suffix == ".gz":
        try:
            content = gzip.decompress(content)
        except (OSError, EOFError, zlib.error) as error:
            raise ValueError(f"{file.name} is damaged: {error}") from error
    _check_sha256(content, sha256, file.name)
    axes = content[3]
    shape = struct.unpack(f">{axes}I", content[4 : 4 + 4 * axes])
    pixels = np.frombuffer(content, np.uint8, offset=4 + 4 * axes)
    return pixels.reshape(shape).copy()  # a view of bytes could not be written to


def _check_sha256(content: Any, expected: str, what: str) -> None:
    found = hashlib.sha256(content).hexdigest()
    if found != expected:
        raise ValueError(f"{what} has sha256 {found}, expected {expected}")
