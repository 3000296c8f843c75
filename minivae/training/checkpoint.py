"""Saving and loading: one ``.npz`` file of plain arrays, written atomically, with a checksum.

A file holds named arrays and one JSON document (as bytes, under the name "meta"); no pickles. The
SHA-256 of all of it is stored along and verified when the file is read, so that a truncated or
altered file is refused, not misread. Writing goes to a temporary file in the same folder, which
then replaces the old one in one step: whatever happens, either the old file is there or the new.
"""

import contextlib
import errno
import glob
import hashlib
import json
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from minivae.params import Params
from minivae.training.models import build, describe
from minivae.training.reading import UnreadableModel, reading
from minivae.vae import VAE
from minivae.validation import as_path, check_dtype, check_finite, warnings_turned

FORMAT = "minivae 1"
_PARTIAL = ".partial"  # the end of a temporary file's name
_LEFT_OVER_SECONDS = 3600


@contextlib.contextmanager
def atomic_write(path: str | Path, mode: str = "wb", **options: Any) -> Iterator[Any]:
    """Open a file for writing that appears under `path` only when all of it is on the disk.

    Raises
    ------
    OSError
        If it cannot be written (no space, no permission); `path` is then as it was before.
    """
    path = as_path("path", path)
    try:
        _remove_left_over(path)
        handle, temporary = tempfile.mkstemp(_PARTIAL, f".{path.name}.", path.parent)
        try:
            with os.fdopen(handle, mode, **options) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            # mkstemp makes files private; a result gets the permissions an ordinary open() gives.
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:  # it speaks of the temporary file, or of none
        reason = error.strerror or str(error)
        if path.exists():
            reason += " (the file is as it was before)"
        raise OSError(error.errno or errno.EIO, reason, str(path)) from error


def check_parent(path: Path) -> None:
    """Raise FileNotFoundError if the folder is missing that a file is to be written to."""
    if not path.parent.is_dir():
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), str(path))


def _remove_left_over(path: Path) -> None:
    """Remove what writers of this file have left that were killed; a live one takes seconds."""
    with contextlib.suppress(OSError):
        for left in path.parent.glob(f".{glob.escape(path.name)}.*{_PARTIAL}"):
            if time.time() - left.stat().st_mtime > _LEFT_OVER_SECONDS:
                left.unlink()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _checksum(arrays: dict[str, np.ndarray]) -> str:
    digest = hashlib.sha256()
    for name in sorted(arrays):
        array = arrays[name]
        digest.update(f"{name} {array.dtype.str} {array.shape}\n".encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def _plain(value: Any) -> Any:
    """Return a number of NumPy's as one of Python's, which JSON can hold."""
    if isinstance(value, np.generic):
        return value.item()
    raise TypeError(f"meta holds a {type(value).__name__}, expected what JSON can hold")


def _check_free(argument: str, given: dict[str, Any], taken: tuple[str, ...]) -> None:
    for name in taken:
        if name in given:
            raise ValueError(f"{argument} has the name {name!r}, which is taken: expected another")


def write_archive(path: str | Path, meta: dict[str, Any], arrays: dict[str, np.ndarray]) -> None:
    """Write `meta` (a dict that JSON can hold) and `arrays` (a dict of arrays) to one file.

    Raises
    ------
    ValueError
        If an array has a name that is taken, or holds objects, which only a pickle could.
    OSError
        If it cannot be written; an earlier file of that name is untouched.
    """
    _check_free("arrays", arrays, ("meta", "checksum", "file", "allow_pickle"))  # two of savez's
    for name, array in arrays.items():
        if array.dtype.hasobject:
            raise ValueError(f"arrays[{name!r}] has dtype {array.dtype}, expected no objects")
    document = json.dumps({"format": FORMAT, **meta}, default=_plain).encode()
    arrays = {**arrays, "meta": np.frombuffer(document, np.uint8)}
    checksum = np.frombuffer(_checksum(arrays).encode(), np.uint8)
    with atomic_write(path) as file:
        np.savez(file, **arrays, checksum=checksum)  # type: ignore[arg-type]  # names of arrays


def read_archive(path: str | Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return ``(meta, arrays)`` of a file that `write_archive` wrote.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    UnreadableModel
        If it is not such a file, or was truncated or altered.
    """
    path = as_path("path", path)
    if not path.exists():
        raise FileNotFoundError(f"path: there is no model file {path}")
    with reading(path), warnings_turned("error"):  # files of ours give none
        with path.open("rb") as stream, np.load(stream, allow_pickle=False) as file:
            arrays = {name: file[name] for name in file.files}
        if arrays.pop("checksum").tobytes().decode() != _checksum(arrays):
            raise UnreadableModel(
                f"path: {path} was altered: its contents do not match its checksum"
            )
        meta = json.loads(arrays.pop("meta").tobytes())
        if meta["format"] != FORMAT:
            raise UnreadableModel(
                f"path: {path} has format {meta['format']!r}, expected {FORMAT!r}"
            )
    return meta, arrays


def save_model(
    path: str | Path,
    vae: VAE,
    params: Params,
    meta: dict[str, Any] | None = None,
    arrays: dict[str, np.ndarray] | None = None,
) -> None:
    """Write a model and its parameters, and whatever else belongs to it.

    Parameters
    ----------
    path : str or path
    vae : VAE
    params : Params
    meta : dict, optional
        More for the JSON document.
    arrays : dict of str to array, optional
        More arrays.

    Raises
    ------
    ValueError
        If `params` is not laid out for the model or not finite, an object of the caller's own has
        settings that a file cannot hold, or so has `arrays`, or a name in `meta` or `arrays` is one
        that the file needs itself.
    OSError
        If the file cannot be written; an earlier one is untouched.

    Notes
    -----
    Of activations, layers, likelihoods and posteriors of the caller's own the file holds the names
    and the settings: see `minivae.training.descriptions`.
    """
    vae.check_params(params)
    check_finite("params", params.vector)
    meta, arrays = meta or {}, {k: np.asarray(array) for k, array in (arrays or {}).items()}
    _check_free("meta", meta, ("vae", "format"))
    _check_free("arrays", arrays, ("params",))
    write_archive(path, {"vae": describe(vae), **meta}, {"params": params.vector, **arrays})


def load_model(path: str | Path, own: dict[str, Any] | None = None) -> tuple[VAE, Params]:
    """Return ``(vae, params)`` from a file that `save_model` or training wrote.

    Parameters
    ----------
    path : str or path
    own : dict of str to object or class, optional
        Activations, layers, likelihoods and posteriors of the caller's own that the model has, by
        their names (a layer's is that of its class). A class is called with the settings that the
        file holds; an object has to have them.

    Raises
    ------
    ValueError
        If `own` is no dict.
    FileNotFoundError, UnreadableModel
        As by `read_archive`; the latter also if something of the caller's own is missing or is not
        what was saved, or the parameters do not fit the model.
    """
    if not isinstance(own, dict | None):
        raise ValueError(f"own is {own!r}, expected a dict from names to parts")
    meta, arrays = read_archive(path)
    with reading(path):
        vae = build(path, meta["vae"], own)
        check_dtype(arrays["params"].dtype)
        params = Params(vae.param_shapes, arrays["params"])
        check_finite("params", params.vector)
    return vae, params
