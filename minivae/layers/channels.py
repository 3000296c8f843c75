"""Channel by channel in place of pixel by pixel."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from minivae.layers.images import check_image
from minivae.protocols import Arrays, New, Parts


@dataclass(frozen=True)
class ChannelsFirst:
    """Puts the numbers of an image in another order: one channel after the other.

    It is for likelihoods that take several numbers for a pixel, all first ones before all second
    ones.

    Parameters
    ----------
    image : (int, int, int)
        Height, width and channels.
    """

    image: tuple[int, int, int]

    keeps_output = False
    work = 0

    def __post_init__(self) -> None:
        object.__setattr__(self, "image", check_image("image", self.image))

    @property
    def n_in(self) -> int:
        """Numbers that come in, per datapoint."""
        return math.prod(self.image)

    n_out = n_in

    @property
    def shapes(self) -> dict[str, tuple[int, ...]]:
        """None: there are no parameters."""
        return {}

    def init(self, params: Arrays, rng: np.random.Generator, std: float) -> None:
        """Do nothing."""

    def forward(self, params: Arrays, x: np.ndarray, new: New = np.empty) -> tuple[np.ndarray, Any]:
        """Return the numbers of x, (n, n_in), channel by channel."""
        h = new(x.shape, x.dtype)
        height, width, channels = self.image
        pixels = x.reshape(-1, height * width, channels)
        h.reshape(-1, channels, height * width)[:] = pixels.transpose(0, 2, 1)
        return h, None

    def backward(
        self,
        params: Arrays,
        saved: Any,
        dh: np.ndarray,
        new: New = np.empty,
        input_gradient: bool = True,
    ) -> tuple[np.ndarray | None, Parts]:
        """Return the numbers of dh pixel by pixel."""
        dx = new(dh.shape, dh.dtype)
        height, width, channels = self.image
        planes = dh.reshape(-1, channels, height * width)
        dx.reshape(-1, height * width, channels)[:] = planes.transpose(0, 2, 1)
        return dx, {}
