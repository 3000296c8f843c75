"""Rows of numbers that are images, and the patches of images.

A row is an image (height, width, channels), channels last: one channel is the image as data sets
have it, the numbers of a patch lie in few long runs, and all pixels of all images are the rows of
one matrix.
"""

from typing import Any

import numpy as np

from minivae.engine.mode import has_kernel
from minivae.validation import check_count


@has_kernel
def gather_patches(
    images: np.ndarray, stride: tuple[int, int], padding: tuple[int, int], patches: np.ndarray
) -> None:
    """Copy every patch of the images; beyond their edges there are zeros.

    Parameters
    ----------
    images : (n, height, width, channels) array
    stride : (int, int)
        From one patch to the next, downwards and to the right.
    padding : (int, int)
        How far the first patch begins above the image, and to the left of it.
    patches : (n, P, Q, k, l, channels) array
        Overwritten with P times Q patches of each image, k high and l wide.
    """
    (s, t), (u, v), (P, Q, k, l) = stride, padding, patches.shape[1:5]  # noqa: E741
    padded = np.pad(images, ((0, 0), (u, u), (v, v), (0, 0)))
    for i, j in np.ndindex(k, l):
        patches[:, :, :, i, j] = padded[:, i : i + s * P : s, j : j + t * Q : t]


@has_kernel
def scatter_patches(
    patches: np.ndarray,
    start: np.ndarray,
    stride: tuple[int, int],
    padding: tuple[int, int],
    images: np.ndarray,
) -> None:
    """Set images <- start, a number for each channel, and add every patch where it came from.

    The other arguments are those of `gather_patches`, whose transpose this is.
    """
    (s, t), (u, v), (P, Q, k, l) = stride, padding, patches.shape[1:5]  # noqa: E741
    n, height, width, channels = images.shape
    padded = np.zeros((n, height + 2 * u, width + 2 * v, channels), images.dtype)
    for i, j in np.ndindex(k, l):
        padded[:, i : i + s * P : s, j : j + t * Q : t] += patches[:, :, :, i, j]
    images[...] = start + padded[:, u : u + height, v : v + width]


def check_image(name: str, value: Any) -> tuple[int, ...]:
    """Return height, width and channels, or raise ValueError unless they are whole and positive."""
    return _sizes(name, value, ("height", "width", "channels"), 1)


def check_pair(name: str, value: Any, minimum: int) -> tuple[int, ...]:
    """Return a number for each direction; one number stands for both."""
    both = (value, value) if np.ndim(value) == 0 else value
    return _sizes(name, both, ("height", "width"), minimum)


def _sizes(name: str, value: Any, of_what: tuple[str, ...], minimum: int) -> tuple[int, ...]:
    """Return whole numbers as a tuple, or raise ValueError."""
    try:
        sizes = tuple(value)
    except TypeError:
        sizes = ()
    if len(sizes) != len(of_what):
        raise ValueError(f"{name} is {value!r}, expected {', '.join(of_what)}")
    return tuple(check_count(name, size, minimum) for size in sizes)
