"""Data sets: MNIST (comes with the package), Frey Faces, Fashion-MNIST, and your own arrays.

>>> from minivae import datasets
>>> data = datasets.load("mnist")
>>> data.train.shape, data.train.dtype, data.image_shape
((60000, 784), dtype('uint8'), (28, 28))

Pixels stay uint8: a quarter of the memory, and a model turns one minibatch at a time into
``pixel / 255`` as float32. Everything that could spoil a training run (NaN, a wrong shape, a
damaged file) is refused here, before it starts.
"""

import difflib
import gzip
import hashlib
import math
import os
import struct
import warnings
import zlib
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from minivae.binarization import binarized
from minivae.datasets.download import FASHION_MNIST, FREY, obtain

LOOKED_FOR = ("frey", "fashion-mnist")  # on this machine, before they are downloaded
NAMES = ("mnist", *LOOKED_FOR)

_FIELDS = ("train", "test", "train_labels", "test_labels")
_LAYOUTS = (
    {"train": "x_train", "test": "x_test", "train_labels": "y_train", "test_labels": "y_test"},
    {field: field for field in _FIELDS},
)
_MAGIC = {".npy": b"\x93NUMPY", ".npz": b"PK", ".mat": b""}
_SUFFIXES = ".npy, .npz or .mat"

_MNIST_FILE = Path(__file__).parents[1] / "data" / "mnist.npz"

LIMIT_VARIABLE = "MINIVAE_LIMIT"
_LIMIT = 1e9  # bytes that a file may expand to, if it is very much smaller
_LARGEST_LABEL = 2**31

_FREY_SHAPE = (1965, 28, 20)
_FREY_FILES = ("frey_rawface.mat", "freyfaces.npz", "freyfaces.npy")
_FREY_TEST_SIZE = 200


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


def load(
    name_or_path: str | os.PathLike = "mnist",
    path: str | os.PathLike | None = None,
    binarize: str | None = None,
    counts: bool = False,
) -> Dataset:
    """Load a data set by name, or your own arrays from a file.

    Parameters
    ----------
    name_or_path : str or path, default "mnist"
        One of

        - ``"mnist"``: 60000 + 10000 digits of 28 x 28 pixels; comes with the package.
        - ``"frey"``: Frey Faces, 1965 frames of 28 x 20 pixels from a video of one face, without
          labels. The literature knows no official split; as is usual, 200 frames drawn at random
          (always the same 200) are the test set and the other 1765, in the order of the video, the
          training set. Neighbouring frames are alike, so the test bound says little about faces
          in general.
        - ``"fashion-mnist"``: 60000 + 10000 pieces of clothing of 28 x 28 pixels.
        - the path of your own ``.npy``, ``.npz`` or ``.mat`` file (see Notes). A file called like
          a data set is reached as ``"./mnist"`` or through a `pathlib.Path`.
    path : str or path, optional
        For ``"frey"`` and ``"fashion-mnist"``: a file, or a folder that holds the files, to look
        at first. Next come the cache folder (the environment variable ``MINIVAE_DATA``, else the
        platform's own), the place of Debian's package, and at last a download into the cache
        folder. The pixels are checked against a known sha256 wherever they come from.
    binarize : {"static", "dynamic"}, optional
        Draw black and white pixels with the grey values as probabilities: of both parts, always the
        same draw; or of the test set alone, for training with ``fit(..., binarize=True)``, which
        draws anew whenever it fetches a datapoint. Default: as the paper, not at all. Scores on the
        three kinds differ and must never be compared.
    counts : bool, default False
        Whether the whole numbers in a file of your own count something, as for a Poisson
        likelihood: they may be of any size, and are kept as they are, as float32.

    Returns
    -------
    Dataset
        Rows of uint8 or float32, as described there.

    Raises
    ------
    ValueError
        An unknown name, or a file that is missing, damaged or not fit to train on; the message
        names the file and the array in it, what was expected and what was found.
    FileNotFoundError
        A named data set that is neither on this machine nor could be downloaded.

    Notes
    -----
    An ``.npz`` or ``.mat`` file holds ``x_train`` and, if you like, ``x_test``, ``y_train``,
    ``y_test``; or ``train``, ``test``, ``train_labels``, ``test_labels``; or exactly one array. An
    ``.npy`` file is one array. Each has shape (n, features) or (n, height, width). Without a test
    part, the last tenth of the rows (rounded, at least one) is held out: shuffle them first if
    their order means something. A flat row is taken for a square image if its length allows it,
    else for an image of one line.

    Floats are kept as float32 and are not rescaled. Whole numbers that are no `counts` are pixels:
    they must lie between 0 and 255 and become uint8. Binary data, that is bool or whole numbers of
    which none exceeds 1, become 0 and 255, which a model sees as 0 and 1. Pickled objects are never
    loaded, and a file whose few bytes would become more than 1e9 is refused, unless the environment
    variable ``MINIVAE_LIMIT`` names another number.
    """
    if isinstance(name_or_path, str) and name_or_path in NAMES:
        if counts:
            raise ValueError(f"counts is True, but {name_or_path!r} has pixels, expected a file")
        data = _load_named(name_or_path, path)
    else:
        data = _load_file(name_or_path, path, counts)
    return data if binarize is None else binarized(data, binarize)


def _load_file(
    name_or_path: str | os.PathLike, path: str | os.PathLike | None, counts: bool
) -> Dataset:
    file = _as_file(name_or_path)
    if path is not None:
        raise ValueError(
            f"path goes with 'frey' or 'fashion-mnist' only, name_or_path is {str(file)!r}"
        )
    arrays = _read_arrays(file)
    if counts:
        arrays.update(
            {part: _as_counts(arrays[part]) for part in arrays.keys() & {"train", "test"}}
        )
    return _assemble(arrays, file.stem, str(file))


def _as_counts(x: np.ndarray) -> np.ndarray:
    """Return whole numbers as floats, which are never rescaled; anything else as it came."""
    return x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind in "biu" else x


def _load_named(name: str, path: str | os.PathLike | None) -> Dataset:
    if name == "frey":
        return _split_frey(obtain(FREY, _read_frey, path))
    if name == "fashion-mnist":
        return _assemble(obtain(FASHION_MNIST, _read_fashion, path), name, name)
    if path is not None:
        raise ValueError(f"path must be None for 'mnist', which comes with minivae, not {path!r}")
    return _assemble(_read_arrays(_MNIST_FILE), name, str(_MNIST_FILE))


def _as_file(name_or_path: str | os.PathLike) -> Path:
    """Tell a path from a misspelt name: a path exists, has a suffix, or has a separator."""
    file = Path(name_or_path).expanduser()
    looks_like_path = file.suffix or len(file.parts) > 1 or (file.parts and file.exists())
    if isinstance(name_or_path, str) and not looks_like_path:
        close = difflib.get_close_matches(name_or_path.lower(), NAMES, n=1)
        raise ValueError(
            f"{name_or_path!r} is neither a data set ({', '.join(NAMES)}) nor the "
            f"path of a {_SUFFIXES} file" + (f"; did you mean {close[0]!r}?" if close else "")
        )
    return file


# Reading files: arrays under the names of Dataset's fields, their values not yet checked.


def _read_arrays(file: Path) -> dict[str, np.ndarray]:
    if not file.exists():
        raise ValueError(f"{file} does not exist, expected a {_SUFFIXES} file")
    if not file.is_file():
        raise ValueError(f"{file} is not a file, expected a {_SUFFIXES} file")
    suffix = file.suffix.lower()
    if suffix not in _MAGIC:
        raise ValueError(f"{file} has the suffix {suffix!r}, expected {_SUFFIXES}")
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

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about sparse matrices, which are refused further on
        widths = {"logical": 1, "int8": 1, "uint8": 1, "char": 1}
        described = whosmat(stream)
        _check_size(sum(math.prod(x) * widths.get(kind, 8) for _, x, kind in described), stream)
        stream.seek(0)
        content = loadmat(stream)
    arrays = {name: x for name, x in content.items() if not name.startswith("__")}
    n, height, width = _FREY_SHAPE
    if "ff" in arrays and arrays["ff"].shape == (height * width, n):
        return {"train": arrays["ff"].T.reshape(_FREY_SHAPE)}  # frey_rawface.mat: one face a column
    return {field: arrays[name] for field, name in _fields(list(arrays)).items()}


def _check_size(expanded: int, stream: BinaryIO) -> None:
    """Refuse a small file that says it will be a very large array."""
    limit = float(os.environ.get(LIMIT_VARIABLE) or _LIMIT)
    compressed = os.fstat(stream.fileno()).st_size
    if expanded > max(limit, 20 * compressed):
        raise ValueError(
            f"its {compressed:,} bytes would become {expanded:,}, more than {limit:,.0f}; the "
            f"environment variable {LIMIT_VARIABLE} sets another limit"
        )


def _fields(names: list[str]) -> dict[str, str]:
    """Match the arrays of a file with the fields of `Dataset`."""
    for layout in _LAYOUTS:
        if layout["train"] in names:
            return {field: name for field, name in layout.items() if name in names}
    if len(names) == 1 and not any(names[0] in layout.values() for layout in _LAYOUTS):
        return {"train": names[0]}
    raise ValueError(
        f"it holds {', '.join(names) or 'no arrays'}, expected x_train (with x_test, y_train, "
        "y_test), train (with test, train_labels, test_labels), or exactly one array"
    )


# From arrays to a Dataset: all that can be wrong with them is found here.


def _assemble(arrays: dict[str, np.ndarray], name: str, origin: str) -> Dataset:
    train = _examples(arrays["train"], f"train in {origin}")
    labels = _labels(arrays.get("train_labels"), len(train), f"train_labels in {origin}")
    if "test" in arrays:
        test = _examples(arrays["test"], f"test in {origin}")
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


def _examples(x: np.ndarray, what: str) -> np.ndarray:
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


# The two data sets that are looked for, and downloaded if need be.


def _read_frey(place: Path) -> np.ndarray:
    """Return the faces as uint8, shape (1965, 560), from a file or the folder that holds it."""
    candidates = [place] if place.is_file() else [place / name for name in _FREY_FILES]
    file = next((file for file in candidates if file.is_file()), None)
    if file is None:
        raise ValueError(f"there is no {' or '.join(_FREY_FILES)}")
    faces = _examples(_read_arrays(file)["train"], f"train in {file}")
    if faces.size != math.prod(_FREY_SHAPE):
        raise ValueError(f"{file} has an array of shape {faces.shape}, expected {_FREY_SHAPE}")
    rows = faces.reshape(len(faces), -1)
    if len(rows) != _FREY_SHAPE[0]:
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
    return Dataset(faces[~is_test], faces[is_test], _FREY_SHAPE[1:], "frey")


def _read_fashion(folder: Path) -> dict[str, np.ndarray]:
    files = zip(_FIELDS, FASHION_MNIST.content.items(), strict=True)
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
