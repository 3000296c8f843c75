"""The matrix products of a dense layer, faster than a BLAS where a minibatch makes them special.

    affine      out = a b + bias     forward, h = x W + b
    matmul_nt   out = a b^T          gradient with respect to the input, dx = da W^T
    matmul_tn   out = a^T b          gradient of the weights, dW = x^T da

`numpy.matmul` says it all, and does the work whenever the loops below do not fit. They compute
`out` in tiles that fit into the registers (`minivae.engine.tiles`), faster for three reasons.

*Few rows.* A BLAS first copies its operands into an order of its own, which pays if each number is
then used often enough. With a minibatch of 50 or 100 rows that is how often every weight is used,
and up to a fifth of the time goes into copying. The loops read the operands where they lie.

*A small factor.* Patches of images (`minivae.engine.patches`) are many thousand rows, but what they
are multiplied with is small: it stays in the fastest cache, and copying is again not worth it.

*Many zeros.* Most pixels of a digit are black. Where all numbers of `a` that a tile multiplies with
are zero (`minivae.engine.sparsity`), the term is left out. The sums are the same, and to the same
bits, but for one thing: zero times infinity is left out as well.
"""

import numpy as np

from minivae.engine import kernels
from minivae.engine.compiled import kernel, part
from minivae.engine.sparsity import has_zero_strips, nonzero_in_columns, nonzero_in_rows
from minivae.engine.tiles import (
    COLUMNS,
    HAS_AVX2,
    HAS_AVX512,
    ROWS,
    SIDE,
    VECTOR_BYTES,
    dot_tile,
    outer_tile,
)
from minivae.engine.turns import enter, leave

# Where the loops are faster than OpenBLAS, as measured: with the 32 vector registers of AVX-512, or
# with AVX2 and many zeros or few rows; then
THIN = 512  # up to so many datapoints,
_FEW = 64  # (with AVX2 and nothing to leave out, up to so many)
_NEAR = 65_536  # or with a `b`, or for `matmul_tn` an `out`, of up to so many bytes,
_WORTHWHILE = 250_000  # from so many multiplications, or
_WORTH_A_LOOK = 2_000_000  # from so many, where it is zeros that make it worthwhile;
_SHORT = 128  # and for matmul_nt, whose tiles take some summing in the end, so many terms.

# Multiplications: a BLAS that takes as long as it takes to wake up a thread does not keep others
# from the interpreter.
_LONG = 5_000_000
_SMALL = 20_000  # numbers in `out`: up to here `numpy.dot` is faster than `numpy.matmul`,
_COPIED = 100_000  # unless it copies `a`, part of an array, of more numbers than these

_BLOCK = 128  # rows of a tall product that stay in the cache while all tiles take their terms


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
    loop = _choose(n * p * m, (a, b, bias, out), _affine, _affine_skipping)
    if loop and (b.shape, bias.shape, out.shape) == ((p, m), (m,), (n, m)):
        loop(a, b, bias, out)
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
    if n > THIN:
        loop = _choose(n * p * m, (a, b, out), _matmul_nt_tall)
    else:
        loop = _choose(n * p * m, (a, b, out), _matmul_nt) if p >= _SHORT else None
    if loop and (b.shape, out.shape) == ((m, p), (n, m)):
        loop(a, b, out)
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
    if n <= THIN:
        loop = _choose(n * q * m, (a, b, out), _matmul_tn, _matmul_tn_skipping)
    else:
        loop = _choose(n * q * m, (a, out, b, out), _matmul_tn_tall)
    if loop and b.shape == (n, m) and 0 <= first <= p - q:
        loop(a, b, out, first)
    else:
        _multiply(a[:, first : first + len(out)].T, b, out)


def _multiply(a, b, out):
    """Set out <- a b, whatever the arrays' dtypes and memory orders."""
    if out.size <= _SMALL and (a.flags.forc or a.size <= _COPIED):
        # The same, and a microsecond sooner; but it sets `out` to zero at first, during which other
        # threads wait for the interpreter.
        try:
            np.dot(a, b, out)
            return
        except ValueError:  # it converts nothing; and matmul says better what is wrong
            pass
    if out.size * a.shape[1] < _LONG:
        np.matmul(a, b, out=out)
    else:
        _rest()
        np.matmul(a, b, out=out)
        _resume()


@part
def _rest():
    """Let other threads have their turn with the interpreter while a BLAS is busy."""
    leave()


@part
def _resume():
    """Wait for a turn."""
    enter()


def _choose(work, arrays, loop, skipping=None):
    """Return the loop that does so many multiplications faster than a BLAS, or None.

    Parameters
    ----------
    work : int
    arrays : tuple of arrays
        The first is `a`, the second has to be small if `a` has many rows, and the last is `out`.
        Loops trust in their shapes; where those are wrong,
        `numpy.matmul` says so.
    loop : callable
    skipping : callable, optional
        The same for an `a` with many zeros.
    """
    if work < _WORTHWHILE or not HAS_AVX2:
        return None
    a, out = arrays[0], arrays[-1]
    many = len(a) > THIN
    if many and not (HAS_AVX512 and arrays[1].nbytes <= _NEAR):
        return None
    if min(out.shape) < ROWS or out.shape[1] * out.itemsize < VECTOR_BYTES:
        return None
    dtype = out.dtype
    if dtype.char not in "fd":
        return None
    for array in arrays:
        if array.dtype is not dtype or not array.flags.c_contiguous:
            return None
    if skipping and not many and work >= _WORTH_A_LOOK and has_zero_strips(a, ROWS):
        return skipping
    return loop if HAS_AVX512 or len(a) <= _FEW else None


@kernel
def _affine(a, b, bias, out):
    _cover(a, 0, a.shape[1], 1, b, None, None, bias, out)


@kernel
def _affine_skipping(a, b, bias, out):
    terms, counts = nonzero_in_rows(a, ROWS)
    _cover(a, 0, a.shape[1], 1, b, terms, counts, bias, out)


@kernel
def _matmul_nt_tall(a, b, out):
    across = np.empty((b.shape[1], b.shape[0]), b.dtype)
    for i in range(b.shape[0]):
        for j in range(b.shape[1]):
            across[j, i] = b[i, j]
    _cover(a, 0, a.shape[1], 1, across, None, None, None, out)


@kernel
def _matmul_tn_tall(a, b, out, first):
    some = np.empty(out.shape, out.dtype)
    out[:] = 0
    for start in range(0, a.shape[0], _BLOCK):
        rows = slice(start, start + _BLOCK)
        _cover(a[rows], first, 1, a.shape[1], b[rows], None, None, None, some)
        for i in range(out.shape[0]):
            row, more = out[i], some[i]
            for j in range(row.size):
                row[j] += more[j]


@kernel
def _matmul_tn(a, b, out, first):
    _cover(a, first, 1, a.shape[1], b, None, None, None, out)


@kernel
def _matmul_tn_skipping(a, b, out, first):
    terms, counts = nonzero_in_columns(a, first, len(out), ROWS)
    _cover(a, first, 1, a.shape[1], b, terms, counts, None, out)


@part
def _cover(a, start, row, step, b, terms, counts, bias, out):
    """Cover `out` with tiles, down each panel of columns; so that part of b stays in the cache."""
    height = out.shape[0]
    for j in range(0, out.shape[1], COLUMNS * VECTOR_BYTES // out.itemsize):
        for s in range((height + ROWS - 1) // ROWS):
            i = min(s * ROWS, height - ROWS)
            corner = start + i * row
            if terms is None:
                outer_tile(a, corner, row, step, b, None, bias, out, i, j)
            else:
                outer_tile(a, corner, row, step, b, terms[s, : counts[s]], bias, out, i, j)


@kernel
def _matmul_nt(a, b, out):
    for j in range(0, out.shape[1], SIDE):
        for i in range(0, out.shape[0], SIDE):
            dot_tile(a, b, out, min(i, out.shape[0] - SIDE), min(j, out.shape[1] - SIDE))
