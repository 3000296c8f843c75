"""Patches of images, copied out side by side and added back: what convolutions are made of.

Images are (n, height, width, channels), patches (n, P, Q, k, l, channels): P times Q of them in an
image, each k high and l wide. The numbers of a patch's row are neighbours in the image as well, so
that both kernels handle runs of up to l times channels numbers.
"""

from minivae.engine.compiled import kernel, part


@part
def _overlap(first, length, size):
    """Which of `length` places from `first` on lie in range(size): start and stop."""
    start = min(max(0, -first), length)
    return start, max(start, min(length, size - first))


@kernel
def gather_patches(images, stride, padding, patches):
    """Copy every patch of the images; beyond their edges there are zeros."""
    n, height, width, channels = images.shape
    P, Q, k, l = patches.shape[1:5]  # noqa: E741
    pixels = images.reshape(n, height, width * channels)
    runs = patches.reshape(n, P, Q, k, l * channels)
    for i in range(n):
        for p in range(P):
            top = p * stride[0] - padding[0]
            for q in range(Q):
                left = q * stride[1] - padding[1]
                start, stop = _overlap(left, l, width)
                whole = stop - start == l
                for a in range(k):
                    target = runs[i, p, q, a]
                    inside = 0 <= top + a < height
                    if not (inside and whole):
                        target[:] = 0
                    if inside:
                        kept = target[start * channels : stop * channels]
                        source = pixels[i, top + a, (left + start) * channels :]
                        for j in range(kept.size):
                            kept[j] = source[j]


@kernel
def scatter_patches(patches, start, stride, padding, images):
    """Set images <- start, a number for each channel, and add every patch where it came from."""
    n, height, width, channels = images.shape
    P, Q, k, l = patches.shape[1:5]  # noqa: E741
    pixels = images.reshape(n, height, width * channels)
    runs = patches.reshape(n, P, Q, k, l * channels)
    for i in range(n):
        for y in range(height):
            for x in range(width):
                pixel = images[i, y, x]
                for c in range(pixel.size):
                    pixel[c] = start[c]
        for p in range(P):
            top = p * stride[0] - padding[0]
            for q in range(Q):
                left = q * stride[1] - padding[1]
                first, last = _overlap(left, l, width)
                for a in range(k):
                    if 0 <= top + a < height:
                        source = runs[i, p, q, a, first * channels : last * channels]
                        target = pixels[i, top + a, (left + first) * channels :]
                        for j in range(source.size):
                            target[j] += source[j]
