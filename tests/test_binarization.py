"""Black and white pixels: drawn with the right probabilities, the same way for everyone."""

import numpy as np
import pytest

from minivae import load
from minivae.binarization import binarized
from minivae.datasets import Dataset

GREYS = np.array([0, 1, 64, 128, 254, 255], np.uint8)


def data(dtype=np.uint8, n=30_000):
    train = np.tile(GREYS, (n, 1))
    test = np.tile(GREYS[::-1], (500, 1))
    if dtype != np.uint8:
        train, test = train.astype(dtype) / dtype(255), test.astype(dtype) / dtype(255)
    return Dataset(train, test, (2, 3), "greys")


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_a_pixel_is_its_own_probability(dtype):
    drawn = binarized(data(dtype), "static")
    one = 255 if dtype == np.uint8 else 1
    assert drawn.train.dtype == drawn.test.dtype == dtype
    assert set(np.unique(drawn.train)) == {0, one}
    p = GREYS / 255
    error = np.sqrt(p * (1 - p) / len(drawn.train))
    np.testing.assert_array_less(np.abs((drawn.train == one).mean(axis=0) - p), 4 * error + 1e-12)
    assert np.all(drawn.test[:, 0] == one) and np.all(drawn.test[:, -1] == 0)


def test_rows_are_drawn_independently():
    drawn = binarized(data(), "static").train[:2500, 3] > 0
    half, other_half = drawn[:1000], drawn[1000:2000]  # two parts that are drawn one by one
    assert 400 < np.sum(half != other_half) < 600


def test_static_is_the_same_every_time_and_leaves_the_grey_data_alone():
    grey = data()
    before = grey.train.copy()
    first, second = (binarized(grey, "static") for _ in range(2))
    np.testing.assert_array_equal(first.train, second.train)
    np.testing.assert_array_equal(first.test, second.test)
    np.testing.assert_array_equal(grey.train, before)


def test_dynamic_has_grey_training_data_and_the_same_test_set():
    grey = data()
    dynamic, static = (binarized(grey, how) for how in ("dynamic", "static"))
    assert dynamic.train is grey.train
    np.testing.assert_array_equal(dynamic.test, static.test)
    assert dynamic.name == grey.name and dynamic.image_shape == grey.image_shape


def test_the_draw_of_mnist_is_known():
    """Everyone must get the same digits: NumPy's frozen stream, and no change of ours."""
    mnist, drawn = load("mnist"), load("mnist", binarize="static")
    assert np.all(drawn.train[mnist.train == 255] == 255)
    assert not np.any(drawn.train[mnist.train == 0])
    counts = [int(np.count_nonzero(part)) for part in (drawn.train, drawn.test)]
    assert counts == [6145841, 1039073]


def test_what_cannot_be_binarised():
    with pytest.raises(ValueError, match="binarize is 'often', expected one of static"):
        load("mnist", binarize="often")
    wild = data(np.float32)._replace(test=np.array([[0.5, 1.5]], np.float32))
    with pytest.raises(ValueError, match=r"test has pixels from 0.5 to 1.5, expected \[0, 1\]"):
        binarized(wild, "dynamic")


@pytest.mark.parametrize("how", ["dynamic", "static"])
@pytest.mark.parametrize("pixel", [-1.0, np.nan])
def test_a_training_set_of_no_probabilities_is_refused(how, pixel):
    wild = data(np.float32)._replace(train=np.array([[0.5, pixel]], np.float32))
    with pytest.raises(ValueError, match=r"^train has pixels from .* expected \[0, 1\]"):
        binarized(wild, how)


def test_nothing_is_binarised_to_nothing():
    empty = data(np.float32)._replace(test=np.empty((0, 2), np.float32))
    assert binarized(empty, "static").test.shape == (0, 2)
