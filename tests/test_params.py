"""One vector, many views."""

import copy
import pickle
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import Params

SHAPES = {"W": (2, 3), "b": (3,), "c": ()}

shape_dicts = st.dictionaries(
    st.text(min_size=1, max_size=3),
    st.lists(st.integers(1, 4), max_size=3).map(tuple),
    min_size=1,
    max_size=5,
)


@given(shape_dicts)
def test_the_arrays_tile_the_vector_in_order(shapes):
    params = Params(shapes)
    params.vector[:] = np.arange(params.vector.size)
    tiles = [params[name].ravel() for name in params]
    np.testing.assert_array_equal(np.concatenate(tiles), params.vector)
    assert {name: params[name].shape for name in params} == shapes == params.shapes
    assert list(params) == params.names == list(shapes) and len(params) == len(shapes)


@given(shape_dicts)
def test_writing_to_a_view_writes_to_the_vector_and_back(shapes):
    params = Params(shapes)
    for value, name in enumerate(params, start=1):
        assert np.shares_memory(params[name], params.vector)
        params[name][...] = value
    assert params.vector.sum() == sum(v * params[name].size for v, name in enumerate(params, 1))
    params.vector[:] = -1
    assert all(np.all(params[name] == -1) for name in params)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_zeros_of_the_dtype_asked_for(dtype):
    params = Params(SHAPES, dtype=dtype)
    assert params.dtype == params["W"].dtype == dtype
    assert params.vector.shape == (10,) and not params.vector.any()


def test_a_given_vector_is_used_not_copied():
    vector = np.arange(10, dtype=np.float32)
    params = Params(SHAPES, vector)
    assert params.vector is vector and params.dtype == np.float32
    assert params["c"] == 9


def test_like_shares_the_given_memory_copy_and_astype_share_none():
    params = Params(SHAPES, np.arange(10.0))
    other = np.zeros(10)
    assert params.like(other).vector is other
    for duplicate in (params.copy(), params.astype(np.float64), params.astype(np.float32)):
        assert duplicate.shapes == params.shapes
        np.testing.assert_array_equal(duplicate.vector, params.vector)
        duplicate["W"][:] = 77
    np.testing.assert_array_equal(params.vector, np.arange(10.0))
    assert params.astype(np.float32).dtype == np.float32


@pytest.mark.parametrize(
    "duplicated",
    [copy.copy, copy.deepcopy, lambda params: pickle.loads(pickle.dumps(params))],
    ids=["copy", "deepcopy", "pickle"],
)
def test_a_duplicate_has_views_of_its_own_vector(duplicated):
    params = Params(SHAPES, np.arange(10, dtype=np.float32))
    duplicate = duplicated(params)
    assert duplicate.shapes == params.shapes and duplicate.dtype == np.float32
    np.testing.assert_array_equal(duplicate.vector, params.vector)
    duplicate.vector[:] = -1
    assert all(np.all(duplicate[name] == -1) for name in duplicate)
    np.testing.assert_array_equal(params.vector, np.arange(10))


def test_a_pickle_has_the_numbers_once():
    params = Params({"W": (100, 100), "b": (100,)})
    params.renamed([{"W": "W", "b": "b"}])
    assert len(pickle.dumps(params)) < 1.1 * params.vector.nbytes


def test_renamed_arrays_are_views_looked_up_once():
    params = Params(SHAPES, np.arange(10.0))
    names = [{"W": "W", "b": "c"}, {}, {"b": "b"}]
    groups = params.renamed(names)
    assert [list(group) for group in groups] == [["W", "b"], [], ["b"]]
    assert groups[0]["b"] is params["c"] and groups[2]["b"] is params["b"]
    assert params.renamed(names) is groups
    for k in range(20):  # lists that are gone leave their ids to others
        assert params.renamed([{"a": "bcW"[k % 3]}])[0]["a"] is params["bcW"[k % 3]]


@pytest.mark.parametrize(
    ("vector", "came"),
    [
        (np.zeros(9), "(9,)"),
        (np.zeros(11), "(11,)"),
        (np.zeros((10, 1)), "(10, 1)"),
        (np.zeros(20)[::2], "(10,)"),
    ],
    ids=["too short", "too long", "a matrix", "every other number"],
)
def test_a_vector_that_does_not_fit_is_refused(vector, came):
    message = f"vector has shape {came}, expected a contiguous vector of shape (10,)"
    with pytest.raises(ValueError, match=re.escape(message)):
        Params(SHAPES, vector)


def test_an_unknown_name_is_a_key_error():
    with pytest.raises(KeyError, match="decoder"):
        Params(SHAPES)["decoder"]


def test_repr_shows_size_dtype_and_shapes():
    text = repr(Params({"W": (1000, 2), "b": (2,)}))
    assert text == "Params(2,002 float64 in W (1000, 2), b (2,))"
