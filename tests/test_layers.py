"""A dense layer: what its activations compute, and their gradients."""

import copy
import pickle
import re
import subprocess
import sys

import numpy as np
import pytest
import scipy.special
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st

from minivae.layers import ACTIVATIONS, Activation, Dense, get_activation
from minivae.parts import Product, Sum
from minivae.testing import check_layer, layers


def forward(activation, x, W, b, **options):
    """The output of a dense layer, and what it keeps."""
    return Dense(*W.shape, activation).forward({"W": W, "b": b}, x, **options)


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
    h, _ = forward(name, x, W, b)
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
    layer, params = Dense(1, 1, name), {"W": np.ones((1, 1), dtype), "b": np.zeros(1, dtype)}
    h, saved = layer.forward(params, a.T)
    da = np.ones_like(h)
    layer.backward(params, saved, da)
    h, da = h.T, da.T
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
def test_only_dh_is_overwritten(layer):
    activation, x, W, b = layer
    before = [a.copy() for a in (x, W, b)]
    params, dense = {"W": W, "b": b}, Dense(*W.shape, activation)
    h, saved = dense.forward(params, x)
    out, dh = h.copy(), np.ones_like(h)
    dx, parts = dense.backward(params, saved, dh)
    np.testing.assert_array_equal(h, out)
    for array, as_it_was in zip((x, W, b), before, strict=True):
        np.testing.assert_array_equal(array, as_it_was)
    assert parts["W"].x is x and parts["W"].dy is parts["b"].dy is dh
    no_dx, same = dense.backward(params, saved, np.ones_like(h), input_gradient=False)
    assert no_dx is None and dx.shape == x.shape
    np.testing.assert_array_equal(same["b"].dy, dh)


@given(layers(), st.data())
def test_a_gradient_can_be_had_in_parts(layer, data):
    _, x, W, b = layer
    dy = np.random.default_rng(0).standard_normal((len(x), len(b)))
    row, entry = (data.draw(st.integers(0, n)) for n in W.shape)
    dW, db = np.full_like(W, np.nan), np.full_like(b, np.nan)
    Product(x, dy).write(dW[:row].reshape(-1))
    Sum(dy).write(db[:entry])
    assert np.isnan(dW[row:]).all() and np.isnan(db[entry:]).all()
    Product(x, dy).write(dW[row:].reshape(-1), row * len(b))
    Sum(dy).write(db[entry:], entry)
    np.testing.assert_allclose(dW, x.T @ dy, rtol=1e-12, atol=1e-14)
    np.testing.assert_allclose(db, dy.sum(axis=0), rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("first", [0, 1])
def test_there_are_no_more_sums_than_columns(first):
    """A kernel would read beyond them."""
    with pytest.raises(
        ValueError, match=rf"^dy has shape \(3, 2\), .*, expected at least {3 + first}"
    ):
        Sum(np.ones((3, 2))).write(np.zeros(3), first)


@given(layers())
def test_float32_is_near_float64(layer):
    activation, *arrays = layer
    x, W, b = (a.astype(np.float32) for a in arrays)
    h, _ = forward(activation, x, W, b)
    assert h.dtype == np.float32
    np.testing.assert_allclose(h, forward(activation, *arrays)[0], rtol=1e-5, atol=1e-5)


def test_get_activation_takes_a_name_or_an_activation():
    own = Activation("own", np.tanh, np.sinh)
    assert get_activation("relu") is ACTIVATIONS["relu"]
    assert get_activation(own) is own


def sine(h):
    return np.sin(h, out=h)  # returning h as well does no harm


def sine_backward(dh, a, h):
    dh *= np.cos(a)


def test_functions_that_do_not_work_in_place_are_refused():
    """They would be the identity, with the identity's slope: the gradient check would pass."""
    rng, options = np.random.default_rng(0), {"needs_input": True}
    arrays = [rng.standard_normal(shape) for shape in ((5, 3), (3, 3), (3,))]
    check_layer(Dense(3, 3, Activation("sine", sine, sine_backward, **options)), *arrays)
    for name, functions in {
        "forward": (np.sin, sine_backward),
        "backward": (sine, lambda dh, a, h: dh * np.cos(a)),
    }.items():
        layer = Dense(3, 3, Activation("slip", *functions, **options))
        message = rf"^activation 'slip' has a {name} that returns a ndarray, expected one that over"
        with pytest.raises(ValueError, match=message):
            check_layer(layer, *arrays)


IN_ANOTHER_PROCESS = """
import pickle, sys
from minivae.layers import ACTIVATIONS
with open(sys.argv[1], "rb") as file:
    activations = pickle.load(file)
assert activations == list(ACTIVATIONS.values())
"""


def test_the_librarys_activations_are_its_own_in_another_process_too(tmp_path):
    """Numba makes new kernels of pickled ones, which are not equal to those of the library."""
    path = tmp_path / "activations.pkl"
    path.write_bytes(pickle.dumps(list(ACTIVATIONS.values())))
    subprocess.run([sys.executable, "-c", IN_ANOTHER_PROCESS, path], check=True)


def test_an_activation_of_ones_own_is_pickled_as_it_is():
    for own in (
        Activation("sine", sine, sine_backward, needs_input=True),
        Activation("tanh", sine, sine_backward),
    ):
        assert pickle.loads(pickle.dumps(own)) == own == copy.deepcopy(own)


@pytest.mark.parametrize("wrong", ["tanhh", "", None, 3])
def test_an_unknown_activation_is_refused(wrong):
    message = (
        f"activation is {wrong!r}, expected one of identity, tanh, relu, softplus, sigmoid, gelu "
        "or an Activation"
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        get_activation(wrong)


@pytest.mark.parametrize("wrong", [0, -1, 2.5, "3", None])
def test_sizes_that_are_none_are_refused(wrong):
    with pytest.raises(ValueError, match=r"^n_in is .*expected a whole number of at least 1"):
        Dense(wrong, 2)
    with pytest.raises(ValueError, match=r"^n_out is .*expected a whole number of at least 1"):
        Dense(2, wrong)
