"""Find a data set on this machine, or download it once into a cache folder.

A data set that does not come with the package is described by a `Source` and read by a function
``read(place)``, which returns the data or raises `ValueError`. The reader checks a hash of the
pixels themselves, so that every origin (a folder of the user's, the cache, a system package, a
mirror) is trusted equally: not at all.
"""

import os
import sys
import tempfile
import textwrap
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from minivae.validation import expanded

ENVIRONMENT_VARIABLE = "MINIVAE_DATA"
_TIMEOUT = 20  # seconds without an answer after which the next mirror is tried


class Source(NamedTuple):
    """Where a data set can come from, and how to know that it is the right one.

    Attributes
    ----------
    name : str
        Name of the data set; also of its folder inside the cache folder.
    files : dict
        The files to download, each with its sha256 as published, or with None if only the
        content has a known hash.
    content : dict
        sha256 of what is inside the files, whatever wraps it, for the reader to check.
    mirrors : tuple of str
        Addresses that hold all the files, tried in this order; each ends with a slash.
    system_folders : tuple of str
        Where operating systems put the files.
    hint : str
        A last piece of advice for the error message.
    """

    name: str
    files: dict[str, str | None]
    content: dict[str, str]
    mirrors: tuple[str, ...]
    system_folders: tuple[str, ...] = ()
    hint: str = ""


FREY = Source(
    name="frey",
    files={"frey_rawface.mat": None},  # no hash of it was ever published
    content={"faces": "2438ba4f0d2a6bd8bac43de756141eaa33c8d248dd613d464bdb1210d9b7af78"},
    mirrors=(
        "https://cs.nyu.edu/~roweis/data/",
        "https://github.com/lawrennd/datasets_mirror/raw/main/brendan_faces/",
        "https://raw.githubusercontent.com/cvybhu/VAE/master/",
    ),
)

FASHION_MNIST = Source(
    name="fashion-mnist",
    files={
        "train-images-idx3-ubyte.gz": (
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84"
        ),
        "t10k-images-idx3-ubyte.gz": (
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073"
        ),
        "train-labels-idx1-ubyte.gz": (
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845"
        ),
        "t10k-labels-idx1-ubyte.gz": (
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5"
        ),
    },
    # In the order of Dataset's fields. Debian compresses the same bytes anew: its .gz files differ.
    content={
        "train-images-idx3-ubyte": (
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888"
        ),
        "t10k-images-idx3-ubyte": (
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b"
        ),
        "train-labels-idx1-ubyte": (
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9"
        ),
        "t10k-labels-idx1-ubyte": (
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34"
        ),
    },
    mirrors=(
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
        "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",
    ),
    system_folders=("/usr/share/datasets/fashion-mnist",),
    hint="On Debian and its relatives the package dataset-fashion-mnist brings the files.",
)


def cache_folder() -> Path:
    """Return the folder that keeps downloads: ``MINIVAE_DATA``, else the platform's own place."""
    chosen = os.environ.get(ENVIRONMENT_VARIABLE)
    if chosen:
        return expanded(ENVIRONMENT_VARIABLE, chosen).absolute()
    import pooch

    try:
        return Path(pooch.os_cache("minivae"))
    except RuntimeError:
        raise ValueError(
            f"{ENVIRONMENT_VARIABLE} is not set, expected a folder, as there is no home"
        ) from None


def obtain(
    source: Source, read: Callable[[Path], Any], path: str | os.PathLike | None = None
) -> Any:
    """Read a data set from the first place that holds it, downloading it if there is none.

    Parameters
    ----------
    source : Source
        What to look for.
    read : callable
        ``read(place)`` takes an existing file or folder and returns the data; it raises
        `ValueError` when they are absent or not what they should be.
    path : str or path, optional
        A file or folder to look at first. A warning says so if it turns out to be of no use.

    Returns
    -------
    data
        Whatever `read` returned.

    Raises
    ------
    FileNotFoundError
        No place and no mirror had the data. The first line says what to do, the lines below it
        list all that was tried, and why each attempt failed.
    """
    failures: list[str] = []
    for place in _places(source, path):
        try:
            if not place.exists():
                raise ValueError("does not exist")
            data = read(place)
            break
        except (ValueError, OSError) as error:
            failures.append(f"{place}: {error}")
    else:
        data = _download(source, read, failures)
    if path is not None and failures:
        warnings.warn(f"path was of no use: {failures[0]}", stacklevel=5)
    return data


def _places(source: Source, path: str | os.PathLike | None) -> Iterator[Path]:
    if path is not None:
        yield expanded("path", path)
    cache = cache_folder()
    yield cache / source.name
    yield cache
    yield from map(Path, source.system_folders)


def _download(source: Source, read: Callable[[Path], Any], failures: list[str]) -> Any:
    folder = cache_folder() / source.name
    for mirror in source.mirrors:
        print(f"minivae: downloading {source.name} from {mirror}", file=sys.stderr)
        try:
            return _fetch_all(source, mirror, folder, read)
        except (ValueError, OSError) as error:  # every exception of requests is an OSError
            reason = str(error).partition("(Caused by ")[2] or str(error)
            reason = textwrap.shorten(f"{type(error).__name__}: {reason}", 240)
            failures.append(f"{mirror}: {reason}")
    raise FileNotFoundError(_advice(source, folder, failures))


def _fetch_all(source: Source, mirror: str, folder: Path, read: Callable[[Path], Any]) -> Any:
    """Fetch all files from one mirror; only a complete and correct set reaches `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".partial-", dir=folder) as scratch:
        for file_name, sha256 in source.files.items():
            _fetch(mirror + file_name, sha256, Path(scratch, file_name))
        data = read(Path(scratch))
        for file_name in source.files:
            # Scratch and cache share a file system, so each file appears whole or not at all.
            Path(scratch, file_name).replace(folder / file_name)
    return data


def _fetch(url: str, sha256: str | None, target: Path) -> None:
    import pooch

    logger = pooch.get_logger()
    level = logger.level
    logger.setLevel("WARNING")  # the progress bar says enough
    try:
        pooch.retrieve(
            url,
            known_hash=sha256 and f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(progressbar=True, timeout=_TIMEOUT),
        )
    finally:
        logger.setLevel(level)


def _advice(source: Source, folder: Path, failures: list[str]) -> str:
    files = ", ".join(source.files)
    lines = [
        f"data set {source.name!r} was not found and could not be downloaded: "
        f"put {files} into {folder}, or say where it is with path=... (--data-path ...)",
        "Tried, in this order:",
        *(f"  - {failure}" for failure in failures),
        f"The environment variable {ENVIRONMENT_VARIABLE} chooses another cache folder.",
    ]
    if source.hint:
        lines.append(source.hint)
    return "\n".join(lines)
