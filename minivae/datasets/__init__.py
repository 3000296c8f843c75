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
import os
from pathlib import Path

import numpy as np

from minivae.binarization import binarized
from minivae.datasets.dataset import Dataset, assemble
from minivae.datasets.named import load_fashion_mnist, load_frey
from minivae.datasets.reading import SUFFIXES, read_arrays
from minivae.validation import expanded

__all__ = ["LOOKED_FOR", "NAMES", "Dataset", "load"]

LOOKED_FOR = ("frey", "fashion-mnist")  # on this machine, before they are downloaded
NAMES = ("mnist", *LOOKED_FOR)

_MNIST_FILE = Path(__file__).parents[1] / "data" / "mnist.npz"


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
    arrays = read_arrays(file)
    if counts:
        arrays.update(
            {part: _as_counts(arrays[part]) for part in arrays.keys() & {"train", "test"}}
        )
    return assemble(arrays, file.stem, str(file))


def _as_counts(x: np.ndarray) -> np.ndarray:
    """Return whole numbers as floats, which are never rescaled; anything else as it came."""
    return x.astype(np.float64) if isinstance(x, np.ndarray) and x.dtype.kind in "biu" else x


def _load_named(name: str, path: str | os.PathLike | None) -> Dataset:
    if name == "frey":
        return load_frey(path)
    if name == "fashion-mnist":
        return load_fashion_mnist(path)
    if path is not None:
        raise ValueError(f"path must be None for 'mnist', which comes with minivae, not {path!r}")
    return assemble(read_arrays(_MNIST_FILE), name, str(_MNIST_FILE))


def _as_file(name_or_path: str | os.PathLike) -> Path:
    """Tell a path from a misspelt name: a path exists, has a suffix, or has a separator."""
    file = expanded("data", name_or_path)
    looks_like_path = file.suffix or len(file.parts) > 1 or (file.parts and file.exists())
    if isinstance(name_or_path, str) and not looks_like_path:
        close = difflib.get_close_matches(name_or_path.lower(), NAMES, n=1)
        raise ValueError(
            f"{name_or_path!r} is neither a data set ({', '.join(NAMES)}) nor the "
            f"path of a {SUFFIXES} file" + (f"; did you mean {close[0]!r}?" if close else "")
        )
    return file
