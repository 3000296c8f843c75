"""Where a matrix is zero in several rows or columns at once: against NumPy, strip by strip."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.engine.sparsity import has_zero_strips, nonzero_in_columns, nonzero_in_rows


def draw(n, p, seed):
    """A matrix with zeros, alone and in whole rows and columns, and with what looks like zeros."""
    rng = np.random.default_rng(seed)
    a = rng.choice(
        [0.0, -0.0, 1.0, np.nan, np.inf, 5e-324], (n, p), p=[0.5, 0.2, 0.1, 0.1, 0.05, 0.05]
    )
    a[rng.random(n) < 0.3] = 0
    a[:, rng.random(p) < 0.3] = 0
    return a


def check(found, strips):
    """`strips` has one array per strip, (terms, height)."""
    terms, counts = found
    assert len(counts) == len(strips)
    for row, count, strip in zip(terms, counts, strips, strict=True):
        expected = np.flatnonzero((strip != 0).any(axis=1))
        if expected.size:
            np.testing.assert_array_equal(row[:count], expected)
        else:
            assert count == 1
            assert 0 <= row[0] < len(strip)  # one that adds nothing


def corners(size, height):
    return [min(start, size - height) for start in range(0, size, height)]


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_nonzero_in_rows(n, p, height, seed):
    a = draw(max(n, height), p, seed)
    strips = [a[i : i + height].T for i in corners(len(a), height)]
    check(nonzero_in_rows(a, height), strips)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(1, 6), st.integers(0, 99))
def test_nonzero_in_columns(n, p, height, seed):
    a = draw(n, p + height, seed)
    first = seed % (p + 1)
    part = a[:, first:]
    strips = [part[:, i : i + height] for i in corners(part.shape[1], height)]
    check(nonzero_in_columns(a, first, part.shape[1], height), strips)


@pytest.mark.parametrize(("n_zero", "many"), [(0, False), (4, False), (5, True), (20, True)])
def test_a_quarter_of_the_columns_is_many(n_zero, many):
    a = np.ones((8, 20), np.float32)
    a[:5, :n_zero] = 0
    assert has_zero_strips(a, 5) == many
    assert has_zero_strips(a[:3], 5) == many  # fewer rows than a strip has
