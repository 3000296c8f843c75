"""The page: skeleton, style, program, model and data in one text."""

import html
import json
import re
from collections.abc import Mapping
from importlib import resources

import numpy as np

import minivae
from minivae.datasets import Dataset
from minivae.explorer.datapoints import base64_of, describe_data
from minivae.explorer.description import describe_model
from minivae.params import Params
from minivae.plots import PALETTE
from minivae.vae import VAE

DTYPES = ("float32", "float16")
_EXACT_BELOW = 4_800_000  # characters that weights may take in float32: with data, a page has 6 MB
_LARGEST = 60_000_000  # characters that they may take at all

_WEB = resources.files("minivae.explorer") / "web"
_MAIN = "main.js"
_IMPORT = re.compile(r'^import (\{[^}]*\}) from "\./([\w.]+)";$', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:class|const|function) (\w+))", re.MULTILINE)
_SLOT = re.compile(r"<!-- the (\w+) -->")


def build_page(
    vae: VAE,
    params: Params,
    data: Dataset,
    *,
    dtype: str | None = None,
    tutorials: str | None = None,
) -> str:
    """Return a page of HTML with the model in it.

    Parameters
    ----------
    vae : VAE
        Of layers, activations, likelihood and posterior that the library has.
    params : Params
    data : Dataset
        Whose test set is shown.
    dtype : {"float32", "float16"}, optional
        Of the weights. By default float32 where the page stays below 6 MB, else float16, which
        rounds them: the page then shows the model that `rounded` gives.
    tutorials : str, optional
        Where the notebooks are, for links to them: an address or a relative path, in which
        ``{name}`` stands for a notebook's name: ``"../tutorials/{name}.ipynb"``.

    Returns
    -------
    page : str

    Raises
    ------
    ValueError
        If the page has no counterpart of a part of the model, the model is too large for a page, or
        the data do not fit it.
    """
    vae.check_params(params)
    if not isinstance(data, Dataset):
        raise ValueError(f"data is of type {type(data).__name__}, expected a Dataset")
    if tutorials is not None and "{name}" not in str(tutorials):
        raise ValueError(
            f"tutorials is {tutorials!r}, expected an address with {{name}} in it, as "
            "../tutorials/{name}.ipynb"
        )
    described = describe_model(vae)
    dtype = _choose_dtype(params, dtype)
    params = rounded(params, dtype)
    of_data, arrays = describe_data(vae, params, data)
    described |= {
        "dtype": dtype,
        "data": of_data,
        "palette": PALETTE,
        "tutorials": tutorials,
        "version": minivae.__version__,
    }
    title = f"minivae: {of_data['name']}, {vae.n_latent} latent{'s' * (vae.n_latent > 1)}"
    return fill_page(
        {
            "title": html.escape(title),
            "model": json.dumps(described, allow_nan=False).replace("<", "\\u003c"),
            "weights": base64_of(params.vector.astype(dtype)),
            **{name: base64_of(array) for name, array in arrays.items()},
        }
    )


def fill_page(contents: Mapping[str, str]) -> str:
    """Return the page with a model in it, its style and its program.

    Parameters
    ----------
    contents : dict of str to str
        "title", "model", "weights", "images" and "points": what comes into the places of these
        names.
    """
    ours = {
        "style": _read("page.css"),
        "program": "const modules = {};\n\n" + _program(_MAIN, set()),
    }
    return _SLOT.sub(lambda slot: {**contents, **ours}[slot[1]], _read("page.html"))


def rounded(params: Params, dtype: str) -> Params:
    """Return the parameters that a page has, as float32.

    Parameters
    ----------
    params : Params
    dtype : {"float32", "float16"}
        What they are rounded to.

    Raises
    ------
    ValueError
        If one is too large for float16.
    """
    with np.errstate(over="ignore"):
        vector = params.vector.astype(dtype)
    if not np.all(np.isfinite(vector)):
        largest = np.abs(params.vector).max()
        raise ValueError(
            f"dtype is {dtype}, which ends at {np.finfo(dtype).max:.6g}, but a parameter is "
            f"{largest:.6g}"
        )
    return params.like(vector.astype(np.float32))


def _choose_dtype(params: Params, dtype: str | None) -> str:
    if dtype is None:
        dtype = DTYPES[0] if _length(params, DTYPES[0]) <= _EXACT_BELOW else DTYPES[1]
    if dtype not in DTYPES:
        raise ValueError(f"dtype is {dtype!r}, expected one of {', '.join(DTYPES)}")
    length = _length(params, dtype)
    if length > _LARGEST:
        raise ValueError(
            f"the model is too large for a page: {params.vector.size:,} parameters in {dtype} take "
            f"{length / 1e6:,.0f} MB, expected at most {_LARGEST / 1e6:.0f} MB"
        )
    return dtype


def _length(params: Params, dtype: str) -> int:
    """Return how many characters the weights take: four for every three bytes."""
    return params.vector.size * np.dtype(dtype).itemsize * 4 // 3


def _program(name: str, included: set[str]) -> str:
    """Return a module and before it all that it imports, each once.

    In a page that is opened from a file no module can import another one. So each becomes a block,
    which leaves what it exports in ``modules``, where those below find it.
    """
    included.add(name)
    source = _read(name)
    needed = [
        _program(other, included) for _, other in _IMPORT.findall(source) if other not in included
    ]
    exported = ", ".join(word for _, word in _EXPORT.findall(source))
    source = _EXPORT.sub(r"\1", _IMPORT.sub(r'const \1 = modules["\2"];', source))
    offered = f'\nmodules["{name}"] = {{ {exported} }};\n' if exported else ""
    return "".join([*needed, f"// --- {name}\n{{\n{source}{offered}}}\n\n"])


def _read(name: str) -> str:
    return (_WEB / name).read_text(encoding="utf-8")
