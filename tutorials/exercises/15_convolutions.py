"""Exercises of notebook 15: a convolution, the gradient of its filter, its transpose."""

import numpy as np

from exercises import Exercise


def sizes_of(rng):
    """Return how many patches there are, and the sizes of filter and image, as a dict."""
    k, m, stride = rng.integers(2, 4), rng.integers(3, 5), rng.integers(2, 4)
    P, Q = rng.integers(2, 4), rng.integers(4, 6)
    height, width = stride * (P - 1) + k + rng.integers(0, 2), stride * (Q - 1) + m
    sizes = {"k": k, "l": m, "stride": stride, "P": P, "Q": Q, "height": height, "width": width}
    return {name: int(size) for name, size in sizes.items()}


def forward_problem(rng):
    size = sizes_of(rng)
    x = rng.standard_normal((size["height"], size["width"]))
    w = rng.standard_normal((size["k"], size["l"]))
    return {"x": x, "w": w, "stride": size["stride"]}


def gradient_problem(rng):
    size = sizes_of(rng)
    x = rng.standard_normal((size["height"], size["width"]))
    da = rng.standard_normal((size["P"], size["Q"]))
    shape = size["k"], size["l"]
    return {"x": x, "da": da, "stride": size["stride"], "shape": shape}


def transpose_problem(rng):
    size = sizes_of(rng)
    stride, height, width = (size[name] for name in ("stride", "height", "width"))
    y = rng.standard_normal((size["P"], size["Q"]))
    w = rng.standard_normal((size["k"], size["l"]))
    return {"y": y, "w": w, "stride": stride, "height": height, "width": width}


def patches(x, shape, stride):
    return np.lib.stride_tricks.sliding_window_view(x, shape)[::stride, ::stride]


def flipped(x, w, stride):
    return np.einsum("pqij,ij->pq", patches(x, w.shape, stride), w[::-1, ::-1])


def every_place(x, w, stride):
    return np.einsum("pqij,ij->pq", patches(x, w.shape, 1), w)


def first_places(x, w, stride):
    a = every_place(x, w, stride)
    P, Q = ((n - m) // stride + 1 for n, m in zip(x.shape, w.shape, strict=True))
    return a[:P, :Q]


def one_too_few(x, w, stride):
    P, Q = ((n - m) // stride for n, m in zip(x.shape, w.shape, strict=True))
    return np.einsum("pqij,ij->pq", patches(x, w.shape, stride), w)[:P, :Q]


def gradient_without_stride(x, da, stride, shape):
    P, Q = da.shape
    return np.einsum("pqij,pq->ij", patches(x, shape, 1)[:P, :Q], da)


def gradient_flipped(x, da, stride, shape):
    return np.einsum("pqij,pq->ij", patches(x, shape, stride), da)[::-1, ::-1]


def gradient_averaged(x, da, stride, shape):
    return np.einsum("pqij,pq->ij", patches(x, shape, stride), da) / da.size


def spread(y, w, stride, height, width, *, add=True, apart=None):
    x, apart = np.zeros((height, width)), stride if apart is None else apart
    for p, q in np.ndindex(*y.shape):
        place = x[p * apart :, q * apart :][: w.shape[0], : w.shape[1]]
        place[:] = y[p, q] * w + (place if add else 0)
    return x


def put(y, w, stride, height, width):
    return spread(y, w, stride, height, width, add=False)


def spread_flipped(y, w, stride, height, width):
    return spread(y, w[::-1, ::-1], stride, height, width)


def side_by_side(y, w, stride, height, width):
    return spread(y, w, stride, height, width, apart=1)


def divided(y, w, stride, height, width):
    count = spread(np.ones_like(y), np.ones_like(w), stride, height, width)
    return spread(y, w, stride, height, width) / np.maximum(count, 1)


EXERCISES = [
    Exercise(
        "convolve",
        forward_problem,
        mistakes={
            "the filter is flipped; here a[p, q] is the sum of x[s p + i, s q + j] w[i, j]": (
                flipped
            ),
            "those are the patches at every place; with a stride s, patch (p, q) begins at row "
            "s p and column s q": every_place,
            "the patches are neighbours; with a stride s, patch (p, q) begins at row s p and "
            "column s q": first_places,
            "one row and one column too few: patches begin at 0, s, 2 s, ... up to height - k, so "
            "that there are (height - k) // s + 1": one_too_few,
        },
    ),
    Exercise(
        "filter_gradient",
        gradient_problem,
        sizes=lambda da, **_: {"P": da.shape[0], "Q": da.shape[1]},
        mistakes={
            "da[p, q] belongs to the patch that begins at row s p and column s q": (
                gradient_without_stride
            ),
            "w[i, j] meets x[s p + i, s q + j]: nothing is flipped": gradient_flipped,
            "every use of a weight adds to its gradient: a sum over patches, not a mean": (
                gradient_averaged
            ),
        },
    ),
    Exercise(
        "transpose",
        transpose_problem,
        mistakes={
            "patches overlap, and a pixel's numbers are added: one patch has overwritten another": (
                put
            ),
            "y[p, q] times w[i, j] goes where x[s p + i, s q + j] came from: nothing is flipped": (
                spread_flipped
            ),
            "patch (p, q) begins at row s p and column s q": side_by_side,
            "a sum, not a mean: the transpose does not divide by how many patches a pixel is in": (
                divided
            ),
        },
    ),
]
