"""Convolutions and their transposes, forward and backward side by side.

A convolution is a dense layer with the same weights for every patch of an image:

    forward     a = patches(x) W + b,        h = f(a)
    backward    da = dh * f'(a),             dx = patches^T(da W^T)
    gradient    dW = patches(x)^T da,        db = sum over patches of da

`patches` copies numbers out of an image. It is linear, and its transpose, patches^T, adds them up
where they came from. So what carries gradients back through a convolution can carry numbers forward
as well, from few pixels to many: the transposed convolution, called deconvolution (Zeiler et al.
2010; Dumoulin and Visin 2016),

    forward     a = patches^T(x W^T) + b,    h = f(a)
    backward    da = dh * f'(a),             dx = patches(da) W
    gradient    dW = patches(da)^T x,        db = sum over pixels of da

As is usual, the kernel is not flipped: this is what signal processing calls a correlation.
"""

import math
from dataclasses import dataclass
from functools import cached_property
from typing import Any, ClassVar

import numpy as np

from minivae.layers.activations import ACTIVATIONS, get_activation, leave
from minivae.layers.dense import affine, matmul_nt
from minivae.layers.images import check_image, check_pair, gather_patches, scatter_patches
from minivae.layers.start import check_start, draw_weights
from minivae.parts import Product, Sum
from minivae.protocols import Arrays, New, Parts
from minivae.validation import check_count


@dataclass(frozen=True)
class _Convolution:
    """What a convolution and its transpose have in common; see there.

    Attributes
    ----------
    large, small : (int, int, int)
        Height, width and channels: of the image that patches are taken from, and of that which has
        a pixel for every patch.
    image_out : (int, int, int)
        One of them; the other is `image`.
    """

    image: tuple[int, int, int]
    channels: int
    kernel: Any = 3  # one number stands for both directions, here and below
    stride: Any = 1
    padding: Any = 0
    activation: Any = ACTIVATIONS["identity"]
    start: str = "normal"

    large: ClassVar[Any]
    small: ClassVar[Any]
    image_out: ClassVar[Any]

    def __post_init__(self) -> None:
        put = object.__setattr__
        put(self, "image", check_image("image", self.image))
        put(self, "channels", check_count("channels", self.channels))
        for name, least in (("kernel", 1), ("stride", 1), ("padding", 0)):
            put(self, name, check_pair(name, getattr(self, name), least))
        put(self, "activation", get_activation(self.activation))
        check_start(self.start)

    @property
    def n_in(self) -> int:
        """Numbers that come in, per datapoint."""
        return math.prod(self.image)

    @property
    def n_out(self) -> int:
        """Numbers that go out, per datapoint."""
        return math.prod(self.image_out)

    @property
    def keeps_output(self) -> bool:
        """Whether `backward` needs h, so that nobody may overwrite it."""
        return self.activation.backward is not leave

    @cached_property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """W is (k, l, channels of the large image, channels of the small one), b (channels,)."""
        return {"W": (*self.kernel, self.large[2], self.small[2]), "b": (self.channels,)}

    @property
    def work(self) -> int:
        """Multiplications per datapoint: all weights, for every patch."""
        return self.small[0] * self.small[1] * math.prod(self.shapes["W"])

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Draw the weights as `start` says, and set the biases to zero."""
        size = math.prod(self.kernel)
        fans = size * self.image[2], size * self.channels
        draw_weights(params["W"], rng, self.start, std, *fans)
        params["b"][:] = 0

    def _patches(self, images: np.ndarray, new: New) -> np.ndarray:
        """Return the patches of large images, (n, large), as the rows of a matrix."""
        patches = self._matrix(len(images), images.dtype, new)
        shape = len(images), *self.large
        gather_patches(images.reshape(shape), self.stride, self.padding, self._apart(patches))
        return patches

    def _matrix(self, n: int, dtype: Any, new: New) -> np.ndarray:
        P, Q, _ = self.small
        return new((n * P * Q, math.prod(self.shapes["W"][:3])), dtype)

    def _apart(self, patches: np.ndarray) -> np.ndarray:
        return patches.reshape(-1, *self.small[:2], *self.shapes["W"][:3])

    def _images(self, pixels: np.ndarray, W: np.ndarray, b: np.ndarray, new: New) -> np.ndarray:
        """Return patches^T(pixels W^T) + b as large images, (n, large), of small ones' pixels."""
        n = len(pixels) // math.prod(self.small[:2])
        patches = self._matrix(n, pixels.dtype, new)
        matmul_nt(pixels, W, patches)
        images = new((n, math.prod(self.large)), pixels.dtype)
        shape = n, *self.large
        scatter_patches(self._apart(patches), b, self.stride, self.padding, images.reshape(shape))
        return images


@dataclass(frozen=True)
class Conv2D(_Convolution):
    """A convolution, h = f(patches(x) W + b).

    Parameters
    ----------
    image : (int, int, int)
        Height, width and channels of what comes in.
    channels : int
        Of what goes out.
    kernel, stride, padding : int or (int, int)
        Height and width of a patch; from one patch to the next; how many zeros there are beyond
        each edge of the image.
    activation : str or Activation
        f.
    start : str
        "normal" or "glorot"; see `minivae.layers.start.draw_weights`.

    Attributes
    ----------
    image_out : (int, int, int)
        Height, width and channels of what goes out: a pixel for every patch that fits.

    Raises
    ------
    ValueError
        If a size is not a whole number, there is no such activation, or no patch fits.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        for side, name in ((0, "high"), (1, "wide")):
            room = self.image[side] + 2 * self.padding[side]
            if self.kernel[side] > room:
                raise ValueError(
                    f"kernel is {self.kernel[side]} {name}, expected at most {room}, the image with"
                    " its padding"
                )

    @property
    def large(self) -> tuple[int, int, int]:  # noqa: D102
        return self.image

    @property
    def small(self) -> tuple[int, int, int]:  # noqa: D102
        return self.image_out

    @cached_property
    def image_out(self) -> tuple[int, int, int]:  # noqa: D102
        P, Q = (
            (side + 2 * padding - kernel) // stride + 1
            for side, padding, kernel, stride in zip(
                self.image[:2], self.padding, self.kernel, self.stride, strict=True
            )
        )
        return P, Q, self.channels

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Return h, (n, n_out), and what `backward` needs; see `Dense.forward`."""
        patches = self._patches(x, new)
        h = new((len(x), self.n_out), x.dtype)
        W = params["W"].reshape(patches.shape[1], self.channels)
        affine(patches, W, params["b"], h.reshape(-1, self.channels))  # a = patches(x) W + b
        return h, (patches, self.activation.apply(h, new))  # h = f(a)

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray,
        new: New = np.empty,
        input_gradient: bool = True,
    ) -> tuple[np.ndarray | None, Parts]:
        """Carry dh back through the layer; it is overwritten. See `Dense.backward`."""
        patches, given = saved
        self.activation.apply_backward(dh, given)  # dh becomes da = dh f'(a)
        da = dh.reshape(-1, self.channels)
        dx = None
        if input_gradient:
            W = params["W"].reshape(patches.shape[1], self.channels)
            dx = self._images(da, W, np.zeros(self.large[2], da.dtype), new)  # patches^T(da W^T)
        return dx, {"W": Product(patches, da), "b": Sum(da)}  # dW = patches(x)^T da, db = sum of da


@dataclass(frozen=True)
class ConvTranspose2D(_Convolution):
    """A transposed convolution, h = f(patches^T(x W^T) + b).

    It is the transpose of the convolution with the same kernel, stride, padding and weights, from
    images like `image_out` to images like `image`.

    Parameters
    ----------
    image, channels, kernel, stride, padding, activation, start
        As for `Conv2D`; what patches are taken from is what goes *out* here.
    extra : int or (int, int)
        Rows and columns at the lower and the right edge of what goes out, beyond those that are
        sure to be there: a convolution by strides forgets up to ``stride - 1`` of them.

    Attributes
    ----------
    image_out : (int, int, int)
        Height, width and channels of what goes out, whose patches are the pixels that come in:
        ``(image - 1) * stride + kernel - 2 * padding + extra``.

    Raises
    ------
    ValueError
        If a size is not a whole number, there is no such activation, or nothing would go out.
    """

    extra: Any = 0

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "extra", check_pair("extra", self.extra, 0))
        for side in (0, 1):
            if self.extra[side] >= self.stride[side]:
                raise ValueError(
                    f"extra is {self.extra}, expected less than the stride {self.stride}"
                )
        if min(self.image_out) < 1:
            raise ValueError(
                f"padding is {self.padding}, which leaves nothing of an image of "
                f"{self.image[0]} x {self.image[1]} pixels, kernel {self.kernel}"
            )

    @property
    def large(self) -> tuple[int, int, int]:  # noqa: D102
        return self.image_out

    @cached_property
    def image_out(self) -> tuple[int, int, int]:  # noqa: D102
        height, width = (
            (side - 1) * stride + kernel - 2 * padding + extra
            for side, stride, kernel, padding, extra in zip(
                self.image[:2], self.stride, self.kernel, self.padding, self.extra, strict=True
            )
        )
        return height, width, self.channels

    @property
    def small(self) -> tuple[int, int, int]:  # noqa: D102
        return self.image

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Return h, (n, n_out), and what `backward` needs; see `Dense.forward`."""
        pixels = x.reshape(-1, self.image[2])
        W = params["W"].reshape(-1, self.image[2])
        h = self._images(pixels, W, params["b"], new)  # a = patches^T(x W^T) + b
        return h, (pixels, self.activation.apply(h, new))  # h = f(a)

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray,
        new: New = np.empty,
        input_gradient: bool = True,
    ) -> tuple[np.ndarray | None, Parts]:
        """Carry dh back through the layer; it is overwritten. See `Dense.backward`."""
        pixels, given = saved
        self.activation.apply_backward(dh, given)  # dh becomes da = dh f'(a)
        da = self._patches(dh, new)
        dx = None
        if input_gradient:
            dx = new((len(dh), self.n_in), dh.dtype)
            W, none = params["W"].reshape(da.shape[1], -1), np.zeros(self.image[2], dh.dtype)
            affine(da, W, none, dx.reshape(-1, self.image[2]))  # dx = patches(da) W
        parts: Parts = {
            "W": Product(da, pixels),  # dW = patches(da)^T x
            "b": Sum(dh.reshape(-1, self.channels)),  # db = sum of da
        }
        return dx, parts
