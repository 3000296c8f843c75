"""One vector, many views; and the workspace that hands out buffers."""

import re
import threading

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import Params
from minivae.workspace import Workspace, WorkspacePart

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


def test_a_workspace_hands_out_the_same_buffer_while_shape_and_dtype_stay():
    workspace = Workspace()
    first = workspace.empty("h", (2, 3), np.float32)
    assert first.shape == (2, 3) and first.dtype == np.float32
    assert workspace.empty("h", (2, 3), np.float32) is first
    others = [
        workspace.empty("g", (2, 3), np.float32),
        workspace.empty("h", (2, 4), np.float32),
        workspace.empty("h", (2, 4), np.float64),
    ]
    assert not any(np.shares_memory(first, other) for other in others)
    assert [other.shape for other in others] == [(2, 3), (2, 4), (2, 4)]
    assert others[2].dtype == np.float64


def test_a_workspace_s_gradient_has_the_layout_of_the_parameters():
    workspace, params = Workspace(), Params(SHAPES, np.arange(10.0))
    gradient = workspace.gradient(params)
    assert gradient.shapes == params.shapes and gradient.dtype == params.dtype
    assert not np.shares_memory(gradient.vector, params.vector)
    assert workspace.gradient(params) is gradient
    other = Params({"W": (3, 2), "b": (3,), "c": ()})
    assert workspace.gradient(other).shapes == other.shapes
    assert workspace.gradient(other.astype(np.float32)).dtype == np.float32


@given(st.lists(st.tuples(st.integers(1, 6), st.integers(1, 6)), min_size=1), st.integers(1, 9))
def test_shares_tile_the_parameters_row_by_row(layers, count):
    shapes = {}
    for k, (n_in, n_out) in enumerate(layers):
        shapes |= {f"W{k}": (n_in, n_out), f"b{k}": (n_out,)}
    params = Params(shapes)
    size, longest_row = params.vector.size, max(n_out for _, n_out in layers)
    by_rows = params.copy()
    for k, share in enumerate(params.shares(count)):
        params.vector[share.part] += k + 1
        for name, rows in share.rows.items():
            by_rows[name][rows] += k + 1
        assert abs(share.part.start - size * k / count) <= longest_row / 2
    assert np.all(params.vector > 0)
    assert np.all(np.diff(params.vector) >= 0)  # every number was in one part only
    np.testing.assert_array_equal(by_rows.vector, params.vector)


def test_parts_of_a_workspace_are_rows_of_the_same_buffers():
    buffers, lock = {}, threading.Lock()
    parts = [WorkspacePart(buffers, lock, rows, 5) for rows in (slice(0, 2), slice(2, 5))]
    h = [part.empty("h", (n, 4), np.float32) for part, n in zip(parts, (2, 3), strict=True)]
    z = [part.empty("z", (3 * n, 2), np.float32) for part, n in zip(parts, (2, 3), strict=True)]
    for rows, shape in ((h, (5, 4)), (z, (15, 2))):
        whole = rows[0].base
        assert rows[1].base is whole and whole.shape == shape and whole.dtype == np.float32
        rows[0][:], rows[1][:] = 1, 2
        assert np.all(whole == np.repeat([1, 2], [len(part) for part in rows])[:, None])
    assert parts[1].empty("h", (3, 4), np.float32) is h[1]
