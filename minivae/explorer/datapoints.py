"""What the page shows of the data: some test datapoints, where they lie, and their mean bound."""

import base64
import math
from typing import Any

import numpy as np

from minivae.datasets import Dataset
from minivae.evaluation import bound_terms
from minivae.evaluation.latents import ACTIVE_ABOVE
from minivae.params import Params
from minivae.vae import VAE
from minivae.validation import check_image_shape

_IMAGES, _IMAGE_BYTES = 200, 400_000  # at most, of all
_POINTS, _POINT_BYTES = 2000, 400_000
_SCORED = 10_000  # datapoints that the mean bound is taken over
_ROWS = 1000  # at a time


def describe_data(
    vae: VAE, params: Params, data: Dataset
) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """Return what the page needs to know of the data.

    Parameters
    ----------
    vae : VAE
    params : Params
        Those of the page.
    data : Dataset

    Returns
    -------
    described : dict
        Name, image shape, range of the values; for each latent the variance of its mean over the
        test set, and how far a map has to reach; mean of the bound's two terms.
    arrays : dict of str to array
        "images", datapoints of the test set, and "points", (n, J) float32, posterior means of the
        same and further ones.

    Raises
    ------
    ValueError
        If the data do not fit the model.
    """
    test = vae.check_data("data.test", data.test)
    image_shape = check_image_shape(data.image_shape, vae.n_features, "data.image_shape")
    if data.test_labels is not None and len(data.test_labels) != len(test):
        raise ValueError(
            f"data.test_labels has {len(data.test_labels)} labels, expected {len(test)}"
        )
    scored = test[:_SCORED]
    log_px, minus_kl = bound_terms(vae, params, scored)
    mu = _means(vae, params, scored)
    rows = np.random.default_rng(0).permutation(len(scored))
    images = scored[rows[: _how_many(_IMAGES, _IMAGE_BYTES, scored[0].nbytes)]]
    points = mu[rows[: _how_many(_POINTS, _POINT_BYTES, 4 * vae.n_latent)]]
    labels = data.test_labels
    described = {
        "name": data.name.encode("utf-8", "replace").decode(),  # a file's name may be no text
        "image_shape": image_shape,
        "images_dtype": images.dtype.name,
        "range": _range(images),
        "labels": None if labels is None else labels[: len(scored)][rows][: len(points)].tolist(),
        "variance": mu.var(axis=0).tolist(),
        "active_above": ACTIVE_ABOVE,
        "reach": _reach(mu).tolist(),
        "mean_bound": {
            "log_px": _finite(log_px.mean()), "minus_kl": _finite(minus_kl.mean()), "n": len(scored)
        },
    }  # fmt: skip
    return described, {"images": images, "points": points.astype(np.float32)}


def base64_of(array: np.ndarray) -> str:
    """Return an array's numbers, the lowest byte first, as text."""
    return base64.b64encode(array.astype(array.dtype.newbyteorder("<")).tobytes()).decode()


def _means(vae: VAE, params: Params, x: np.ndarray) -> np.ndarray:
    parts = [vae.encode(params, x[i : i + _ROWS])[0] for i in range(0, len(x), _ROWS)]
    return np.concatenate(parts).astype(np.float64)


def _how_many(most: int, bytes_of_all: int, bytes_of_one: int) -> int:
    return max(2, min(most, bytes_of_all // bytes_of_one))


def _range(x: np.ndarray) -> list[float]:
    """Where values lie, as a model sees them: from black to white, or from the least to the most.

    [0, 1] for what could be pixels.
    """
    low, high = (0.0, 1.0) if x.dtype == np.uint8 else (float(x.min()), float(x.max()))
    if low >= 0 and high <= 1:
        return [0.0, 1.0]
    return [low, high] if high > low else [low - 1, low + 1]


def _reach(mu: np.ndarray) -> np.ndarray:
    """Half the width of a map that shows almost all means, and most of the prior."""
    largest = np.quantile(np.abs(mu), 0.995, axis=0)
    return np.maximum(3, np.ceil(2 * 1.1 * largest) / 2)


def _finite(number: float) -> float | None:
    return float(number) if math.isfinite(number) else None
