"""Patches of images, copied out side by side and added back: what convolutions are made of.

Images are (n, height, width, channels), patches (n, P, Q, k, l, channels): P times Q of them in an
image, each k high and l wide. A row of a patch is a run of neighbours in the image as well. There
are many runs, some of them of few numbers, so that what is done once for each must be little: both
kernels count through the memory themselves.
"""

import numpy as np

from minivae.engine.compiled import kernel, part

_U = np.uint64  # Numba takes a signed index for one that may count from the end, and asks each time


@part
def _copy(source, s, target, t, n):
    """Set target[t : t + n] <- source[s : s + n]."""
    for j in range(_U(n)):
        target[_U(t) + j] = source[_U(s) + j]


@part
def _add(source, s, target, t, n):
    """Add source[s : s + n] to target[t : t + n]."""
    for j in range(_U(n)):
        target[_U(t) + j] += source[_U(s) + j]


@part
def _fill(target, t, n):
    """Set target[t : t + n] <- 0."""
    for j in range(_U(n)):
        target[_U(t) + j] = 0


@part
def _inside(first, length, size):
    """Which of `length` places from `first` on lie in range(size): start and stop."""
    start = min(max(0, -first), length)
    return start, max(start, min(length, size - first))


@kernel
def gather_patches(images, stride, padding, patches):
    """Copy every patch of the images; beyond their edges there are zeros."""
    n, height, width, channels = images.shape
    P, Q, k, l = patches.shape[1:5]  # noqa: E741
    pixels, copies = images.reshape(-1), patches.reshape(-1)
    run, at = l * channels, 0
    for i in range(n):
        for p in range(P):
            top = p * stride[0] - padding[0]
            for q in range(Q):
                left = q * stride[1] - padding[1]
                start, stop = _inside(left, l, width)
                for y in range(top, top + k):
                    inside = 0 <= y < height
                    if not inside or stop - start < l:
                        _fill(copies, at, run)
                    if inside:
                        first = ((i * height + y) * width + left + start) * channels
                        _copy(
                            pixels, first, copies, at + start * channels, (stop - start) * channels
                        )
                    at += run


@kernel
def scatter_patches(patches, start, stride, padding, images):
    """Set images <- start, a number for each channel, and add every patch where it came from."""
    n, height, width, channels = images.shape
    P, Q, k, l = patches.shape[1:5]  # noqa: E741
    pixels, copies = images.reshape(-1), patches.reshape(-1)
    run, at = l * channels, 0
    for pixel in range(n * height * width):
        _copy(start, 0, pixels, pixel * channels, channels)
    for i in range(n):
        for p in range(P):
            top = p * stride[0] - padding[0]
            for q in range(Q):
                left = q * stride[1] - padding[1]
                begin, end = _inside(left, l, width)
                for y in range(top, top + k):
                    if 0 <= y < height:
                        first = ((i * height + y) * width + left + begin) * channels
                        _add(copies, at + begin * channels, pixels, first, (end - begin) * channels)
                    at += run
