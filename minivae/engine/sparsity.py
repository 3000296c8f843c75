"""Where a matrix is zero in several rows or columns at once.

Four fifths of MNIST's pixels are black, and mostly at the same places: of the pixels of five digits
two fifths are not black in all of them. A product's terms in which a whole tile multiplies by zero
need not be computed; here they are found.

A strip is the rows or columns of `a` that one tile takes, `height` of them; the last strip lies
across its neighbour where they do not come out even. Both functions return

    terms : (n_strips, ...) array of indices, and counts : (n_strips,) array

where ``terms[s, :counts[s]]`` are those in which a number of strip s is not zero; one at least.
NaN is not zero.
"""

import numpy as np

from minivae.engine.compiled import kernel, part


@kernel
def has_zero_strips(a, height):
    """Whether a quarter of the columns, or more, is zero in all of the first `height` rows."""
    zeros = 0
    for k in range(a.shape[1]):
        some = 0
        for r in range(min(height, a.shape[0])):
            some |= np.int64(a[r, k] != 0)
        zeros += 1 - some
    return 4 * zeros >= a.shape[1]


@part
def nonzero_in_rows(a, height):
    """For every strip of rows of `a`, find the columns that matter; see above."""
    n, p = a.shape
    n_strips = (n + height - 1) // height
    some = np.empty((n_strips, p), np.uint8)
    for s in range(n_strips):
        some[s] = 0
        for r in range(height):
            row = a[min(s * height, n - height) + r]
            for k in range(p):
                some[s, k] |= np.uint8(row[k] != 0)
    return _indices(some)


@part
def nonzero_in_columns(a, first, n_columns, height):
    """For every strip of that many columns of `a` from the first on, find the rows that matter."""
    n_strips = (n_columns + height - 1) // height
    some = np.empty((n_strips, a.shape[0]), np.uint8)
    nonzero, any_of = np.empty(n_columns, np.uint8), np.empty(n_columns - height + 1, np.uint8)
    for k in range(a.shape[0]):
        row = a[k, first : first + n_columns]
        for c in range(n_columns):
            nonzero[c] = row[c] != 0
        any_of[:] = 0
        for r in range(height):
            shifted = nonzero[r : r + any_of.size]
            for c in range(any_of.size):
                any_of[c] |= shifted[c]
        for s in range(n_strips):
            some[s, k] = any_of[min(s * height, n_columns - height)]
    return _indices(some)


@part
def _indices(some):
    """List the entries of every row that are not zero."""
    terms, counts = np.empty(some.shape, np.int64), np.empty(len(some), np.int64)
    for s in range(len(some)):
        count = 0
        for k in range(some.shape[1]):
            terms[s, count] = k  # overwritten by the next one if this is not wanted
            count += some[s, k]
        counts[s] = max(count, 1)
    return terms, counts
