"""What the page's program is told about a model: names and numbers, as JSON can hold them.

A layer becomes {"kind": its class, "n_in": 784, ..., "arrays": {"W": {"start": 0, "shape":
[784, 500]}, ...}}, where `start` counts numbers in the vector of all parameters. Its class has a
namesake in ``web/layers.js``; so have activations in ``web/activations.js``, likelihoods in
``web/likelihoods.js`` and posteriors in ``web/posteriors.js``.
"""

import math
from collections.abc import Iterator
from typing import Any

from minivae.layers import ACTIVATIONS, Dense, Sequential
from minivae.layers.channels import ChannelsFirst
from minivae.layers.convolution import Conv2D, ConvTranspose2D
from minivae.likelihoods import LIKELIHOODS
from minivae.other_likelihoods import FixedGaussian
from minivae.posteriors import POSTERIORS
from minivae.vae import VAE

_SIZES = ("n_in", "n_out", "image")
_PATCHES = (*_SIZES, "image_out", "kernel", "stride", "padding")
LAYERS: dict[type, tuple[str, ...]] = {
    Dense: ("n_in", "n_out"),
    Conv2D: _PATCHES,
    ConvTranspose2D: _PATCHES,
    ChannelsFirst: _SIZES,
}
"""The layers that the page knows, and what it is told of them beside the activation."""


def describe_model(vae: VAE) -> dict[str, Any]:
    """Return what the page needs to compute with the model, but for the parameters' values.

    Parameters
    ----------
    vae : VAE

    Returns
    -------
    described : dict

    Raises
    ------
    ValueError
        If the model has a layer, an activation, a likelihood or a posterior that the page does not
        know.
    """
    starts = _starts(vae.param_shapes)
    return {
        "n_features": vae.n_features,
        "n_latent": vae.n_latent,
        "likelihood": _describe_likelihood(vae.likelihood),
        "posterior": _known("posterior", vae.posterior, POSTERIORS),
        "encoder": list(_describe_layers("encoder", vae.encoder, starts)),
        "decoder": list(_describe_layers("decoder", vae.decoder, starts)),
    }


def _starts(shapes: dict[str, tuple[int, ...]]) -> dict[str, dict[str, Any]]:
    """For every array of parameters, where in the vector it starts, and its shape."""
    start, starts = 0, {}
    for name, shape in shapes.items():
        starts[name] = {"start": start, "shape": list(shape)}
        start += math.prod(shape)
    return starts


def _describe_likelihood(likelihood: Any) -> dict[str, Any]:
    if type(likelihood) is FixedGaussian:
        return {"name": likelihood.name, "sigma": float(likelihood.sigma)}
    return {"name": _known("likelihood", likelihood, LIKELIHOODS)}


def _known(kind: str, part: Any, table: Any) -> str:
    """Return the name of a part that the library has, or say that the page has none of the kind."""
    name = getattr(part, "name", None)
    if not isinstance(name, str) or name not in table or table[name] != part:
        called = name if isinstance(name, str) else type(part).__name__
        raise ValueError(
            f"{kind} is {called!r}, of the model's own: a page can only show one of "
            f"{', '.join(table)}"
        )
    return name


def _describe_layers(
    network: str, layers: Sequential, starts: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """Describe the layers in a row; a row within the row is unfolded."""
    for layer, names in zip(layers.layers, layers.names, strict=True):
        arrays = {own: starts[name] for own, name in names.items()}
        if type(layer) is Sequential:
            yield from _describe_layers(network, layer, arrays)
            continue
        if type(layer) not in LAYERS:
            raise ValueError(
                f"{network} has a layer {type(layer).__name__}: a page can only show layers of "
                f"the kind {', '.join(kind.__name__ for kind in LAYERS)}"
            )
        described = {name: getattr(layer, name) for name in LAYERS[type(layer)]}
        if hasattr(layer, "activation"):
            described["activation"] = _known("activation", layer.activation, ACTIVATIONS)
        yield {"kind": type(layer).__name__, **described, "arrays": arrays}
