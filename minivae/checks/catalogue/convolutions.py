"""Convolutions, transposed ones, and a VAE of both."""

from functools import partial

import numpy as np

from minivae.checks.catalogue import Make, Problem
from minivae.checks.catalogue.standard import projection
from minivae.layers import convnet
from minivae.layers.convolution import Conv2D, ConvTranspose2D
from minivae.vae import VAE


def convolution(transposed: bool, rng: np.random.Generator) -> Problem:
    """Return ``(f, arrays)`` for a layer: f is a random projection of its output."""
    sizes = rng.integers(1, 5, size=4).tolist()
    kernel, stride, padding = (
        rng.integers(a, b, size=2).tolist() for a, b in ((1, 4), (1, 3), (0, 2))
    )
    if transposed:
        sizes[:2] = (2 + max(padding) + side for side in sizes[:2])
    else:
        sizes[:2] = (max(kernel) + side for side in sizes[:2])
    kind = ConvTranspose2D if transposed else Conv2D
    layer = kind(sizes[:3], sizes[3], kernel, stride, padding, "tanh")
    arrays = {"x": rng.standard_normal((2, layer.n_in))}
    arrays |= {name: rng.standard_normal(shape) for name, shape in layer.shapes.items()}
    return projection(layer, arrays, rng)


def whole_model(likelihood: str, rng: np.random.Generator) -> Problem:
    """Return ``(f, params)``: the ELBO of a small convolutional VAE."""
    height, width = image = rng.integers(4, 7, size=2).tolist()
    J, outputs = 2, 1 if likelihood == "bernoulli" else 2
    encoder = convnet.encoder(image, 2 * J, (2, 3), (4,), "tanh")
    decoder = convnet.decoder(image, J, (2, 3), (4,), "tanh", outputs)
    vae = VAE(encoder=encoder, decoder=decoder, likelihood=likelihood)
    x, noise = rng.random((2, height * width)), rng.standard_normal((2, 2, J))
    return lambda params: vae.elbo_and_grad(params, x, noise), vae.init_params(rng)


def catalogue() -> dict[str, Make]:
    """Return ``{name: make}``, where ``make(rng)`` gives the arguments of `check_grad`."""
    return {
        "convolution, tanh": partial(convolution, False),
        "transposed convolution, tanh": partial(convolution, True),
        "ELBO, convolutions, bernoulli": partial(whole_model, "bernoulli"),
        "ELBO, convolutions, gaussian": partial(whole_model, "gaussian"),
    }
