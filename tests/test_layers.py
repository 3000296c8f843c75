"""A dense layer: what its activations compute, and their gradients."""

import re

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from minivae.layers import (
    ACTIVATIONS,
    Activation,
    dense_backward,
    dense_forward,
    dense_gradient,
    get_activation,
)
from minivae.testing import check_layer, layers

FUNCTIONS = {
    "identity": lambda a: a,
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "softplus": lambda a: np.log1p(np.exp(a)),
    "sigmoid": scipy.special.expit,
    "gelu": lambda a: a * scipy.stats.norm.cdf(a),
}


def test_every_activation_is_in_the_table():
    assert set(FUNCTIONS) == set(ACTIVATIONS)
    assert all(name == activation.name for name, activation in ACTIVATIONS.items())


@pytest.mark.parametrize("name", FUNCTIONS)
@given(layer=layers())
def test_a_layer_computes_f_of_x_w_plus_b(name, layer):
    _, x, W, b = layer
    expected = np.array([[row @ column for column in W.T] for row in x]) + b
    h = dense_forward(x, W, b, ACTIVATIONS[name])
    np.testing.assert_allclose(h, FUNCTIONS[name](expected), rtol=1e-12, atol=1e-14)


DERIVATIVES = {
    "identity": np.ones_like,
    "tanh": lambda a: 1 - np.tanh(a) ** 2,
    "relu": lambda a: a > 0,
    "softplus": scipy.special.expit,
    "sigmoid": lambda a: scipy.special.expit(a) * scipy.special.expit(-a),
    "gelu": lambda a: scipy.stats.norm.cdf(a) + a * scipy.stats.norm.pdf(a),
}


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("name", FUNCTIONS)
def test_activations_far_from_zero(name, dtype):
    sizes = [0.3, 5, 12, 17, 40, 100, 700]
    a = np.array([[0.0, *sizes, *np.negative(sizes)]], dtype)
    h, da, activation = a.copy(), np.ones_like(a), ACTIVATIONS[name]
    activation.forward(h)
    dense_backward(da, h, np.eye(a.size, dtype=dtype), activation, a=a)
    a = a.astype(np.float64)
    tolerance = 20 * np.finfo(dtype).eps  # rounding of numbers as large as these, and as one
    np.testing.assert_allclose(h, FUNCTIONS[name](a), rtol=tolerance, atol=tolerance)
    np.testing.assert_allclose(da, DERIVATIVES[name](a), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_gradients_of_a_layer(name):
    @given(layers(name))
    def check(layer):
        check_layer(*layer)

    check()


@given(layers("tanh"))
def test_buffers_are_filled_and_change_nothing(layer):
    activation, x, W, b = layer
    before = [a.copy() for a in (x, W, b)]
    h = dense_forward(x, W, b, activation)
    out = np.full_like(h, np.nan)
    assert dense_forward(x, W, b, activation, out=out) is out
    np.testing.assert_array_equal(out, h)

    deltas = []
    for dx in (np.full_like(x, np.nan), None):
        da = np.ones_like(h)
        dense_backward(da, h, W, activation, dx)
        deltas.append(da)
    np.testing.assert_array_equal(*deltas)
    np.testing.assert_array_equal(h, out)
    for array, copy in zip((x, W, b), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@given(layers(), st.data())
def test_a_gradient_can_be_had_in_parts(layer, data):
    _, x, W, b = layer
    da = np.random.default_rng(0).standard_normal((len(x), len(b)))
    row, entry = (data.draw(st.integers(0, n)) for n in W.shape)
    dW, db = np.full_like(W, np.nan), np.full_like(b, np.nan)
    dense_gradient(x, da, dW[:row], db[:entry])
    assert np.isnan(dW[row:]).all() and np.isnan(db[entry:]).all()
    dense_gradient(x, da, dW[row:], db[entry:], row, entry)
    np.testing.assert_allclose(dW, x.T @ da, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(db, da.sum(axis=0), rtol=1e-12, atol=1e-14)


@given(layers())
def test_float32_is_near_float64(layer):
    activation, *arrays = layer
    x, W, b = (a.astype(np.float32) for a in arrays)
    h = dense_forward(x, W, b, activation)
    assert h.dtype == np.float32
    np.testing.assert_allclose(h, dense_forward(*arrays, activation), rtol=1e-5, atol=1e-5)


def test_get_activation_takes_a_name_or_an_activation():
    own = Activation("own", np.tanh, np.sinh)
    assert get_activation("relu") is ACTIVATIONS["relu"]
    assert get_activation(own) is own


@pytest.mark.parametrize("wrong", ["tanhh", "", None, 3])
def test_an_unknown_activation_is_refused(wrong):
    message = (
        f"activation is {wrong!r}, expected one of identity, tanh, relu, softplus, sigmoid, gelu "
        "or an Activation"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        get_activation(wrong)
