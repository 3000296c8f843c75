"""The matrix products of a dense layer, faster than a BLAS where a minibatch makes them thin.

    affine      out = a b + bias     forward, h = x W + b
    matmul_nt   out = a b^T          gradient with respect to the input, dx = da W^T
    matmul_tn   out = a^T b          gradient of the weights, dW = x^T da

`numpy.matmul` says it all, and does the work whenever the loops below do not fit. A BLAS first
copies its operands into an order of its own, which pays if each number is then used often enough.
With a minibatch of 50 or 100 rows that is how often every weight is used, and up to a fifth of the
time goes into copying. These loops read the operands where they lie and compute `out` in tiles that
fit into the registers (`minivae.tiles`).
"""

import numpy as np
from llvmlite import binding

from minivae import kernels
from minivae.kernels import kernel
from minivae.tiles import COLUMNS, ROWS, VECTOR_BYTES, dot_tile, tile_1, tile_2, tile_3, tile_4

# Where the tiles are faster than OpenBLAS, as measured: with the 32 vector registers of AVX-512,
HAS_AVX512 = binding.get_host_cpu_features().get("avx512f", False)
THIN = 512  # up to so many datapoints,
_WORTHWHILE = 250_000  # from so many multiplications,
_SHORT = 128  # and for matmul_nt, whose tiles take some summing in the end, so many terms.

_SMALL = 20_000  # numbers in `out`: up to here `numpy.dot` is faster than `numpy.matmul`


def affine(a, b, bias, out):
    """Set out <- a b + bias.

    Parameters
    ----------
    a : (n, p) array
        With a datapoint per row, as in the other products.
    b : (p, m) array
    bias : (m,) array
    out : (n, m) array
    """
    (n, p), m = a.shape, out.shape[1]
    shapes = (p, m), (m,), (n, m)
    if _fits(n, p, m, a, b, bias, out) and (b.shape, bias.shape, out.shape) == shapes:
        _affine(a, b, bias, out)
    else:
        _multiply(a, b, out)
        if bias.shape == (m,) and bias.dtype == out.dtype:
            kernels.add_bias(out, bias)
        else:
            out += bias  # converted, or refused


def matmul_nt(a, b, out):
    """Set out <- a b^T.

    Parameters
    ----------
    a : (n, p) array
    b : (m, p) array
    out : (n, m) array
    """
    (n, p), m = a.shape, out.shape[1]
    shapes = (m, p), (n, m)
    if p >= _SHORT and _fits(n, p, m, a, b, out) and (b.shape, out.shape) == shapes:
        _matmul_nt(a, b, out)
    else:
        _multiply(a, b.T, out)


def matmul_tn(a, b, out, first=0):
    """Set out <- a^T b, or some of its rows.

    Parameters
    ----------
    a : (n, p) array
    b : (n, m) array
    out : (q, m) array
        Overwritten with q rows of the product.
    first : int
        The first of these rows.
    """
    (n, p), (q, m) = a.shape, out.shape
    if _fits(n, q, m, a, b, out) and b.shape == (n, m) and 0 <= first <= p - q:
        _matmul_tn(a, b, out, first)
    else:
        _multiply(a[:, first : first + len(out)].T, b, out)


def _multiply(a, b, out):
    """Set out <- a b, whatever the arrays' dtypes and memory orders."""
    if out.size <= _SMALL:
        # The same, and a microsecond sooner; but it sets `out` to zero at first, during which other
        # threads wait for the interpreter.
        try:
            np.dot(a, b, out)
            return
        except ValueError:  # it converts nothing; and matmul says better what is wrong
            pass
    np.matmul(a, b, out=out)


def _fits(n, p, m, *arrays):
    """Whether tiles can do a product of n p m multiplications, for n datapoints, and pay.

    They trust in shapes; where those are wrong, `numpy.matmul` says so.
    """
    if n * p * m < _WORTHWHILE or not HAS_AVX512 or n > THIN:
        return False
    dtype = arrays[-1].dtype
    for array in arrays:
        if array.dtype != dtype or not array.flags.c_contiguous:
            return False
    return dtype.char in "fd" and m * dtype.itemsize >= VECTOR_BYTES


@kernel
def _affine(a, b, bias, out):
    _cover(a, 0, a.shape[1], 1, b, bias, out)


@kernel
def _matmul_tn(a, b, out, first):
    _cover(a, first, 1, a.shape[1], b, None, out)


@kernel
def _cover(a, start, row, step, b, bias, out):
    """Cover `out` with tiles, down each panel of columns; so that part of b stays in the cache."""
    lanes = VECTOR_BYTES // out.itemsize
    for j in range(0, out.shape[1], COLUMNS * lanes):
        n_vectors = (out.shape[1] - j + lanes - 1) // lanes
        for i in range(0, out.shape[0], ROWS):
            if n_vectors >= COLUMNS:
                tile_4(a, start, row, step, b, bias, out, i, j)
            elif n_vectors == 3:
                tile_3(a, start, row, step, b, bias, out, i, j)
            elif n_vectors == 2:
                tile_2(a, start, row, step, b, bias, out, i, j)
            else:
                tile_1(a, start, row, step, b, bias, out, i, j)


@kernel
def _matmul_nt(a, b, out):
    for j in range(0, out.shape[1], ROWS):
        for i in range(0, out.shape[0], ROWS):
            dot_tile(a, b, out, i, j)
