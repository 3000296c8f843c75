"""The products of a dense layer, on tiles and without, against NumPy."""

import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from minivae.datasets import load
from minivae.engine import products, tiles
from minivae.engine.products import affine, matmul_nt, matmul_tn

DTYPES = (np.float32, np.float64)

# Tiles are 5 rows high and up to 4 vectors of 4 to 16 numbers wide.
SIDES = st.one_of(st.sampled_from([1, 4, 5, 6, 8, 15, 16, 17, 63, 64, 65, 80]), st.integers(1, 99))
SHAPES = st.tuples(SIDES, SIDES, SIDES)
WAYS = ("tiles", "skipping", "tall", "numpy")


def take(way, patch):
    """Take that way wherever it can be taken, whatever would be faster, and on any machine."""
    patch.setattr(products, "HAS_AVX2", way != "numpy")
    patch.setattr(products, "HAS_AVX512", True)
    patch.setattr(products, "_WORTHWHILE", 0)
    patch.setattr(products, "_WORTH_A_LOOK", 0)
    patch.setattr(products, "_SHORT", 17)
    patch.setattr(products, "THIN", 3 if way == "tall" else products.THIN)
    patch.setattr(products, "has_zero_strips", lambda a, height: way == "skipping")


@pytest.fixture(params=WAYS)
def way(request, monkeypatch):
    """Each way, one after the other."""
    take(request.param, monkeypatch)
    return request.param


def draw(dtype, seed, *shapes):
    """Arrays of numbers, the first one with zeros: alone, and in whole rows and columns."""
    rng = np.random.default_rng(seed)
    arrays = [rng.standard_normal(shape).astype(dtype) for shape in shapes]
    n, p = shapes[0]
    arrays[0][rng.random((n, p)) < 0.5] = 0
    arrays[0][rng.random(n) < 0.3] = 0
    arrays[0][:, rng.random(p) < 0.5] = 0
    return arrays


def assert_near(ours, exact, n_terms):
    """Equal up to the rounding of so many terms of order one."""
    tolerance = 8 * n_terms * np.finfo(ours.dtype).eps
    np.testing.assert_allclose(ours, exact, rtol=tolerance, atol=tolerance)


def between_rows(n, m, dtype):
    """An (n, m) array between two rows, and a function that says whether those are as they were."""
    whole = np.full((n + 2, m), np.nan, dtype)
    return whole[1:-1], lambda: np.isnan(whole[[0, -1]]).all()


def check_affine(n, p, m, dtype):
    a, b, bias = draw(dtype, 0, (n, p), (p, m), (m,))
    out, untouched = between_rows(n, m, dtype)
    affine(a, b, bias, out)
    assert untouched()
    assert_near(out, a.astype(float) @ b.astype(float) + bias, p + 1)


def check_matmul_nt(n, p, m, dtype):
    a, b = draw(dtype, 1, (n, p), (m, p))
    out, untouched = between_rows(n, m, dtype)
    matmul_nt(a, b, out)
    assert untouched()
    assert_near(out, a.astype(float) @ b.T.astype(float), p)


def check_matmul_tn(n, p, m, dtype):
    a, b = draw(dtype, 2, (n, p), (n, m))
    exact = a.T.astype(float) @ b.astype(float)
    first, last = sorted(np.random.default_rng(n).integers(0, p + 1, 2))
    for rows in (slice(0, p), slice(first, last)):
        out = np.full((p, m), np.nan, dtype)
        matmul_tn(a, b, out[rows], rows.start)
        assert_near(out[rows], exact[rows], n)
        outside = np.delete(out, np.arange(p)[rows], axis=0)
        assert np.isnan(outside).all()  # a tile that lies across the edge would show


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("check", [check_affine, check_matmul_nt, check_matmul_tn])
def test_a_product_is_numpy_s(check, dtype, way):
    @given(SHAPES)
    @example((5, 18, 64))
    @example((1, 99, 99))
    @example((23, 40, 4))
    @example((23, 4, 40))
    @example((4, 40, 40))
    def run(shape):
        check(*shape, dtype)

    run()


@pytest.mark.parametrize("n", [513, 640])
def test_a_tall_product_is_a_sum_of_thin_ones(n, monkeypatch):
    take("tiles", monkeypatch)
    monkeypatch.setattr(products, "_matmul_tn", None)
    check_matmul_tn(n, 17, 40, np.float32)


def test_many_rows_take_tiles_only_where_the_other_factor_is_small(monkeypatch):
    used = []
    for name in ("_affine", "_matmul_nt_tall", "_matmul_tn_tall"):
        monkeypatch.setattr(products, name, lambda *args, name=name: used.append(name))
    monkeypatch.setattr(products, "HAS_AVX2", True)
    for has_avx512, width, expected in ((True, 32, 3), (True, 80, 0), (False, 32, 0)):
        monkeypatch.setattr(products, "HAS_AVX512", has_avx512)
        x, W, b, h = draw(np.float32, 0, (600, 256), (256, width), (width,), (600, width))
        affine(x, W, b, h)
        matmul_nt(h, W, x)
        matmul_tn(x, h, W)
        assert len(used) == expected
        used.clear()


def test_the_tiles_are_used_where_they_fit(way, monkeypatch):
    used = []
    for kind in ("affine", "matmul_nt", "matmul_tn"):
        for name in {f"_{kind}{how}" for how in ("", "_skipping", "_tall")} & set(vars(products)):
            monkeypatch.setattr(products, name, lambda *args, name=name: used.append(name))
    x, W, b, h = draw(np.float32, 0, (50, 40), (40, 30), (30,), (50, 30))
    affine(x, W, b, h)
    matmul_nt(h, W, x)
    matmul_tn(x, h, W)
    expected = {
        "tiles": ["_affine", "_matmul_nt", "_matmul_tn"],
        "skipping": ["_affine_skipping", "_matmul_nt", "_matmul_tn_skipping"],
        "tall": ["_affine", "_matmul_nt_tall", "_matmul_tn_tall"],
        "numpy": [],
    }
    assert used == expected[way]


@pytest.mark.parametrize(
    ("has_avx512", "n", "dense"),
    [(True, 100, "_affine"), (False, 50, "_affine"), (False, 100, None)],
)
def test_zeros_are_skipped_where_there_are_many(has_avx512, n, dense, monkeypatch):
    """With AVX2 alone tiles are not faster than a BLAS, unless they skip or rows are few."""
    used = []
    monkeypatch.setattr(products, "HAS_AVX2", True)
    monkeypatch.setattr(products, "HAS_AVX512", has_avx512)
    for name in ("_affine", "_affine_skipping"):
        monkeypatch.setattr(products, name, lambda *args, name=name: used.append(name))
    digits = load("mnist").train[:n] / np.float32(255)
    _, W, b, h = draw(np.float32, 0, (n, 784), (784, 100), (100,), (n, 100))
    affine(digits, W, b, h)
    affine(digits + np.float32(0.1), W, b, h)  # nothing to skip
    affine(digits[:, :64].copy(), W[:64], b, h)  # not worth a look
    assert used == ["_affine_skipping"] + [dense] * 2 * (dense is not None)


@pytest.mark.parametrize("dtype", DTYPES)
def test_skipping_zeros_changes_no_bit(dtype, monkeypatch):
    x, W, b, h = draw(dtype, 3, (23, 57), (57, 41), (41,), (23, 41))
    results = {}
    for way in ("tiles", "skipping"):
        take(way, monkeypatch)
        out, dW = np.empty_like(h), np.empty_like(W)
        affine(x, W, b, out)
        matmul_tn(x, h, dW)
        results[way] = out, dW
    for ours, dense in zip(results["skipping"], results["tiles"], strict=True):
        np.testing.assert_array_equal(ours, dense)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda a: np.asfortranarray(a),
        lambda a: np.repeat(a, 2, axis=1)[:, ::2],
        lambda a: a.astype(np.float64),
    ],
)
@pytest.mark.parametrize("which", [0, 1])
def test_other_memory_orders_and_dtypes_are_numpy_s_work(spoil, which, way):
    arrays = draw(np.float32, 0, (20, 40), (40, 30))
    arrays[which] = spoil(arrays[which])
    out, bias = np.empty((20, 30), np.float32), np.zeros(30, np.float32)
    affine(*arrays, bias, out)
    assert_near(out, arrays[0].astype(float) @ arrays[1].astype(float), 40)


@pytest.mark.filterwarnings("ignore:invalid value:RuntimeWarning")  # NumPy's, of inf - inf
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_number_that_is_none_reaches_its_row_and_no_other(bad, way):
    x, W, b, h = draw(np.float32, 0, (20, 40), (40, 30), (30,), (20, 30))
    x[x == 0] = 1  # or the other factor's NaN might be skipped, as it should
    x[7, 39] = h[7, 29] = bad
    spoilt = np.arange(20) == 7
    out = np.empty_like(h)
    affine(x, W, b, out)
    np.testing.assert_array_equal(np.isfinite(out), np.broadcast_to(~spoilt[:, None], out.shape))
    out = np.empty_like(x)
    matmul_nt(h, W, out)
    np.testing.assert_array_equal(np.isfinite(out), np.broadcast_to(~spoilt[:, None], out.shape))
    out = np.empty_like(W)
    matmul_tn(x, h, out)
    assert not np.isfinite(out[39]).any() and not np.isfinite(out[:, 29]).any()
    assert np.isfinite(out[:39, :29]).all()


@pytest.mark.parametrize("way", ["tiles", "skipping"])
def test_on_tiles_rows_do_not_depend_on_the_rows_beside_them(way, monkeypatch):
    """So a datapoint's bits are the same wherever it stands in a minibatch."""
    take(way, monkeypatch)
    x, W, b = draw(np.float32, 0, (23, 40), (40, 30), (30,))
    whole, part = np.empty((23, 30), np.float32), np.empty((9, 30), np.float32)
    affine(x, W, b, whole)
    affine(x[11:20].copy(), W, b, part)
    np.testing.assert_array_equal(whole[11:20], part)


@pytest.mark.parametrize(
    ("product", "shapes"),
    [
        (affine, [(20, 40), (39, 30), (30,), (20, 30)]),
        (affine, [(20, 40), (40, 30), (29,), (20, 30)]),
        (affine, [(20, 40), (40, 30), (30,), (20, 31)]),
        (affine, [(20, 40), (40, 30), (30,), (19, 30)]),
        (matmul_nt, [(20, 40), (30, 41), (20, 30)]),
        (matmul_nt, [(20, 40), (30, 40), (20, 29)]),
        (matmul_tn, [(20, 40), (21, 30), (40, 30)]),
        (matmul_tn, [(20, 40), (20, 30), (41, 30)]),
        (matmul_tn, [(20, 40), (20, 30), (40, 29)]),
    ],
)
def test_shapes_that_do_not_fit_are_refused(product, shapes, way):
    with pytest.raises(ValueError, match=r"mismatch|broadcast"):
        product(*(np.zeros(shape, np.float32) for shape in shapes))


def test_a_bias_of_another_dtype_or_memory_order_is_right_as_well(way):
    x, W, b = draw(np.float32, 0, (20, 40), (40, 30), (60,))
    out = np.empty((20, 30), np.float32)
    for bias in (b[:30], b[::2], b[::-2], b[:30].astype(np.float16)):
        affine(x, W, bias, out)
        assert_near(out, x.astype(float) @ W.astype(float) + bias, 41)


@pytest.mark.skipif(not tiles.HAS_AVX2, reason="this CPU has no AVX2, or Numba is not to use it")
def test_tiles_are_those_of_the_cpu_that_numba_compiles_for():
    """Not of the CPU at hand: others' tiles would have to be taken to pieces."""
    program = "from minivae.engine.tiles import *; print(HAS_AVX2, HAS_AVX512, VECTOR_BYTES)"
    for features, expected in ("+avx2,+fma,-avx512f", "True False 32"), ("", "False False 32"):
        said = subprocess.run(
            [sys.executable, "-c", program], env={**os.environ, "NUMBA_CPU_FEATURES": features},
            text=True, capture_output=True, check=True,
        )  # fmt: skip
        assert said.stdout.split() == expected.split()
