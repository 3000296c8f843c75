"""Convolutional networks: an encoder that halves images, and a decoder that is its mirror.

    encoder    image, halved by each convolution - dense layers - what the posterior takes
    decoder    z - dense layers - image, doubled by each transposed convolution - its pixels

with patches of 4 x 4 that overlap by half, so that away from the edges every pixel of what goes out
is in as many patches as any other. All weights start as Glorot's uniform draws.
"""

from collections.abc import Sequence

import numpy as np

from minivae.layers.activations import Activation
from minivae.layers.channels import ChannelsFirst
from minivae.layers.convolution import Conv2D, ConvTranspose2D
from minivae.layers.dense import Dense
from minivae.protocols import Layer
from minivae.validation import check_count

CHANNELS, HIDDEN, ACTIVATION = (16, 32), (128,), "relu"  # by default
_HALF = {"kernel": 4, "stride": 2, "padding": 1}


def convolutions(
    image: tuple[int, int],
    channels: Sequence[int] = CHANNELS,
    activation: str | Activation = "relu",
) -> list[Conv2D]:
    """Return convolutions in a row, each of which halves height and width, rounding down.

    Parameters
    ----------
    image : (int, int)
        Height and width.
    channels : sequence of int
        Of what each convolution gives; their number is that of convolutions.
    activation : str or Activation

    Raises
    ------
    ValueError
        If `image` is not a height and a width, there are no channels, or the image is too small to
        be halved so often.
    """
    counts = _counts("channels", channels)
    if not counts:
        raise ValueError("channels is empty, expected those of one convolution at least")
    if np.shape(image) != (2,):
        raise ValueError(f"image is {image!r}, expected a height and a width")
    layers: list[Conv2D] = []
    height, width = _counts("image", image)
    least = 2 ** len(counts)
    if min(height, width) < least:
        raise ValueError(
            f"image is {height} x {width}, expected at least {least} x {least} pixels for "
            f"{len(counts)} convolutions"
        )
    before = height, width, 1
    for count in counts:
        layers.append(Conv2D(before, count, **_HALF, activation=activation, start="glorot"))
        before = layers[-1].image_out
    return layers


def _counts(name: str, values: int | Sequence[int]) -> tuple[int, ...]:
    """Return `values`, or the only one, as ints (see `check_count`)."""
    return tuple(check_count(name, value) for value in np.atleast_1d(values).tolist())


def encoder(
    image: tuple[int, int],
    n_params: int,
    channels: Sequence[int] = CHANNELS,
    hidden: Sequence[int] = HIDDEN,
    activation: str | Activation = ACTIVATION,
) -> list[Layer]:
    """Return the layers of an encoder.

    Parameters
    ----------
    image : (int, int)
        Height and width.
    n_params : int
        Numbers that the posterior takes: mu and log sigma^2, 2 J.
    channels : sequence of int
        Of each convolution.
    hidden : sequence of int
        Widths of the dense layers between convolutions and posterior; may be empty.
    activation : str or Activation
        Of all layers but the last.
    """
    layers: list[Layer] = [*convolutions(image, channels, activation)]
    width = layers[-1].n_out
    for next_width in _counts("hidden", hidden):
        layers.append(Dense(width, next_width, activation, start="glorot"))
        width = next_width
    return [*layers, Dense(width, n_params, start="glorot")]


def decoder(
    image: tuple[int, int],
    n_latent: int,
    channels: Sequence[int] = CHANNELS,
    hidden: Sequence[int] = HIDDEN,
    activation: str | Activation = ACTIVATION,
    outputs_per_pixel: int = 1,
) -> list[Layer]:
    """Return the layers of a decoder, the mirror of the encoder with the same arguments.

    Parameters
    ----------
    image, channels, hidden, activation
        As for `encoder`.
    n_latent : int
    outputs_per_pixel : int
        Numbers that the likelihood takes for a pixel.
    """
    mirrored = convolutions(image, channels, activation)
    layers: list[Layer] = []
    width = n_latent
    for next_width in (*reversed(_counts("hidden", hidden)), mirrored[-1].n_out):
        layers.append(Dense(width, next_width, activation, start="glorot"))
        width = next_width
    for k, layer in reversed(list(enumerate(mirrored))):
        height, width, count = layer.image
        last = k == 0
        layers.append(
            ConvTranspose2D(
                layer.image_out,
                outputs_per_pixel if last else count,
                **_HALF,
                extra=(height % 2, width % 2),
                activation="identity" if last else activation,
                start="glorot",
            )
        )
    if outputs_per_pixel > 1:
        layers.append(ChannelsFirst((*image, outputs_per_pixel)))
    return layers
