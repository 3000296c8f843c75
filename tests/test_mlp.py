"""Layers in a row."""

from types import MappingProxyType
from typing import NamedTuple

import numpy as np
import pytest
from hypothesis import given
from own_layers import Shift

from minivae import Params, check_grad
from minivae.engine.arena import Arena
from minivae.layers import Dense, Sequential, mlp, work
from minivae.parts import Product, Sum, sum_up
from minivae.testing import mlps

THREE_LAYERS = mlp((4, 3, 5, 2), "tanh", "net.")


def test_the_parameters_are_named_and_shaped_layer_by_layer():
    assert list(THREE_LAYERS.shapes.items()) == [
        ("net.W1", (4, 3)),
        ("net.b1", (3,)),
        ("net.W2", (3, 5)),
        ("net.b2", (5,)),
        ("net.W3", (5, 2)),
        ("net.b3", (2,)),
    ]
    assert (THREE_LAYERS.n_in, THREE_LAYERS.n_out) == (4, 2)


def test_the_last_layer_is_linear():
    activations = [layer.activation.name for layer in THREE_LAYERS.layers]
    assert activations == ["tanh", "tanh", "identity"]
    assert [layer.activation.name for layer in mlp((4, 2), "relu").layers] == ["identity"]


def test_the_work_is_that_of_all_layers():
    assert work(THREE_LAYERS) == 4 * 3 + 3 + 3 * 5 + 5 + 5 * 2 + 2


def test_rows_of_layers_are_layers():
    inner = mlp((3, 4, 3), "tanh")
    outer = Sequential([Dense(2, 3, "relu"), inner, Dense(3, 1)], "net.")
    names = ["net.W1", "net.b1", "net.2.W1", "net.2.b1", "net.2.W2", "net.2.b2", "net.W3", "net.b3"]
    assert list(outer.shapes) == names
    rng = np.random.default_rng(0)
    params, x = Params(outer.shapes), rng.standard_normal((5, 2))
    params.vector[:] = rng.standard_normal(params.vector.size)

    def f(p):
        out, saved = outer.forward(p, x)
        _, parts = outer.backward(p, saved, np.ones_like(out))
        return out.sum(), sum_up(parts, p)

    check_grad(f, params)


def test_layers_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match=r"^layer 2 has 4 inputs, expected 3, as many as layer 1"):
        Sequential([Dense(2, 3), Dense(4, 1)])
    with pytest.raises(ValueError, match=r"^layers is empty, expected at least one layer"):
        Sequential([])
    with pytest.raises(ValueError, match=r"^layer 2 is .*lacks n_in, n_out, shapes, init, forward"):
        Sequential([Dense(2, 3), "tanh"])
    with pytest.raises(ValueError, match=r"^layer 1 is the class Dense, expected an object of it"):
        Sequential([Dense])


@given(mlps())
def test_the_output_is_layer_after_layer(network):
    net, params, x = network
    out, saved = net.forward(params, x)
    assert len(saved) == len(net.layers)
    h = x
    for layer, names in zip(net.layers, net.names, strict=True):
        h, _ = layer.forward({name: params[full] for name, full in names.items()}, h)
    np.testing.assert_array_equal(out, h)


@given(mlps())
def test_gradients_with_respect_to_input_and_parameters(network):
    net, params, x = network
    weights = np.random.default_rng(0).standard_normal((len(x), net.n_out))
    everything = {"x": x, **{name: params[name] for name in params}}

    def weighted_sum(arrays):
        p = Params(net.shapes)
        for name in p:
            p[name][...] = arrays[name]
        out, saved = net.forward(p, arrays["x"])
        value = float(np.sum(weights * out))
        dx, parts = net.backward(p, saved, weights.copy())
        grad = sum_up(parts, p)
        return value, {"x": dx, **{name: grad[name] for name in grad}}

    check_grad(weighted_sum, everything)


def backward(net, params, x, **options):
    """Forward and backward pass for the sum of the outputs: ``(dx, parts)``."""
    out, saved = net.forward(params, x)
    return net.backward(params, saved, np.ones_like(out), **options)


@given(mlps())
def test_the_input_gradient_can_be_left_out(network):
    dx, parts = backward(*network)
    no_dx, same = backward(*network, input_gradient=False)
    assert dx.shape == network.x.shape and no_dx is None
    params = network.params
    np.testing.assert_array_equal(sum_up(parts, params).vector, sum_up(same, params).vector)


class Squashed:
    """A layer that needs its output for the backward pass, which is what everybody gets."""

    n_in = n_out = 2
    shapes = MappingProxyType({})

    def init(self, params, rng, std):
        """There is nothing to draw."""

    def forward(self, params, x, new=np.empty):
        h = np.tanh(x)
        return h, h

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return dh * (1 - saved**2), {}


@pytest.mark.parametrize("new", [np.empty, Arena()], ids=["fresh", "arena"])
def test_what_a_network_returns_may_be_overwritten(new):
    for last in (Squashed(), Dense(2, 2, "tanh"), Dense(2, 2)):
        net = Sequential([Dense(3, 2), last])
        rng = np.random.default_rng(0)
        params, x = Params(net.shapes), rng.standard_normal((4, 3))
        params.vector[:] = rng.standard_normal(params.vector.size)
        gradients = []
        for spoil in (False, True):
            out, saved = net.forward(params, x, new)
            if spoil:
                out[:] = 77
            _, parts = net.backward(params, saved, np.ones((4, 2)), new)
            gradients.append(sum_up(parts, params).vector)
        np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("widths", [(3, 3, 3, 3), (1, 1, 1)])
def test_layers_of_equal_shape_do_not_share_memory(widths):
    net = mlp(widths, "tanh")
    _, saved = net.forward(Params(net.shapes), np.ones((2, widths[0])), Arena())
    outputs = [given[-1] for _, (_, given) in saved]  # h, which `backward` needs
    for i, first in enumerate(outputs):
        assert not any(np.shares_memory(first, other) for other in outputs[i + 1 :])


# --- Layers of one's own, which may return whatever they like -------------------------------------


class Odd(Shift):
    """A shift that returns something else."""

    def __init__(self, n_in, out=None, dx=None, parts=None):
        super().__init__(n_in)
        self.__dict__.update(out=out, dx=dx, parts=parts)

    def forward(self, params, x, new=np.empty):
        h, saved = super().forward(params, x)
        return (self.out(h) if self.out else h), saved

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        dx, parts = super().backward(params, saved, dh)
        return (self.dx(dx) if self.dx else dx), {**parts, **(self.parts or {})}


class Looking(Shift):
    """A shift that remembers the arrays it was given."""

    def __init__(self, n_in):
        super().__init__(n_in)
        self.__dict__["given"] = []

    def forward(self, params, x, new=np.empty):
        self.given.append(x)
        return super().forward(params, x)

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        self.given.append(dh)
        return super().backward(params, saved, dh)


def there_and_back(*layers, new=np.empty):
    """Carry some rows of numbers through the layers and a gradient back."""
    net = Sequential(layers)
    params = Params(net.shapes, dtype=np.float32)
    params.vector[:] = np.random.default_rng(0).standard_normal(params.vector.size)
    out, saved = net.forward(params, np.ones((5, net.n_in), np.float32), new)
    return net.backward(params, saved, np.ones_like(out), new)


@pytest.mark.parametrize("new", [np.empty, Arena()], ids=["fresh", "arena"])
def test_a_layer_gets_arrays_as_it_may_expect_them_whatever_others_return(new):
    unusual = [lambda a: a.astype(np.float64), np.asfortranarray, lambda a: a[:, ::-1]]
    for make in unusual:
        above, below = Looking(3), Looking(3)
        there_and_back(above, Odd(3, out=make), below, new=new)
        there_and_back(above, Odd(3, dx=make), below, new=new)
        for array in above.given + below.given:
            assert array.dtype == np.float32 and array.flags.c_contiguous


@pytest.mark.parametrize("make", [np.asfortranarray, lambda x: x.astype(int), lambda x: x[:, ::-1]])
def test_the_first_layer_gets_rows_in_the_dtype_of_the_parameters(make):
    first = Looking(3)
    net = Sequential([first])
    x = make(np.arange(15.0).reshape(5, 3))
    net.forward(Params(net.shapes, dtype=np.float32), x)
    (given,) = first.given
    assert given.dtype == np.float32 and given.flags.c_contiguous
    np.testing.assert_array_equal(given, x)


class TwoShifts(Shift):
    """y = x + shift + 2 * other: of its parts, only one has what it gives back."""

    @property
    def shapes(self):
        return {"shift": (self.n_in,), "other": (self.n_in,)}

    def forward(self, params, x, new=np.empty):
        return x + params["shift"] + 2 * params["other"], ()

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return dh, {"shift": Sum(dh), "other": Sum(2 * dh)}


@pytest.mark.parametrize("layer", [Shift(4), TwoShifts(4)], ids=["all", "some"])
def test_what_a_layer_gives_away_and_keeps_in_a_part_is_not_overwritten(layer):
    net = Sequential([Dense(3, 4, "tanh"), layer, Dense(4, 2)])
    rng = np.random.default_rng(0)
    params, x = Params(net.shapes), rng.standard_normal((5, 3))
    params.vector[:] = rng.standard_normal(params.vector.size)

    def f(p):
        out, saved = net.forward(p, x)
        _, parts = net.backward(p, saved, np.cos(out))
        return np.sin(out).sum(), sum_up(parts, p)

    check_grad(f, params)


class ReadOnly(Shift):
    """A last layer whose output is not its own to overwrite."""

    keeps_output = False

    def forward(self, params, x, new=np.empty):
        return np.broadcast_to(params["shift"], x.shape), ()


def test_the_output_may_be_overwritten_even_if_a_layer_says_otherwise():
    net = Sequential([ReadOnly(4)])
    out, _ = net.forward(Params(net.shapes), np.ones((5, 4)))
    out[:] = 1
    assert out.flags.c_contiguous


class SumOfSquares(NamedTuple):
    """A part of one's own."""

    dy: np.ndarray

    def write(self, out, first=0):
        out[:] = np.square(self.dy).sum(axis=0)[first : first + len(out)]


@pytest.mark.parametrize(
    ("part", "entry"),
    [(Sum(np.arange(5, dtype=np.float32)), 10), (SumOfSquares(np.ones((5, 1))), 5)],
)
def test_a_parameter_of_one_number_may_have_a_row_of_numbers_or_a_part_of_ones_own(part, entry):
    _, parts = there_and_back(Odd(1, parts={"shift": part}))
    (given,) = parts.values()
    out = np.zeros(1, np.float32)
    given.write(out)
    assert out == entry


def test_a_product_may_be_of_a_parameter_with_other_axes():
    there_and_back(Odd(4, parts={"shift": Product(np.ones((5, 1)), np.ones((5, 4)))}))


@pytest.mark.parametrize(
    ("odd", "message"),
    [
        (
            Odd(4, out=lambda h: h[:, 1:]),
            r"layer 2 has returned an array of shape \(5, 3\), expected \(5, 4\): .*Odd",
        ),
        (
            Odd(4, parts={"wind": Sum(np.ones((5, 4)))}),
            "layer 2 has a Sum for 'wind' among its parts, expected a Product or Sum for one",
        ),
        (
            Odd(4, parts={"shift": np.ones(4)}),
            "layer 2 has a ndarray for 'shift' among its parts, expected a Product or Sum for one",
        ),
        (
            Odd(4, parts={"shift": Sum(np.ones((5, 3)))}),
            r"layer 2 has a Sum of \(5, 3\) for 'shift', expected arrays with a row for every",
        ),
        (
            Odd(4, parts={"shift": Sum(np.ones(4))}),  # summed already
            r"layer 2 has a Sum of \(4,\) for 'shift', expected .* a gradient of shape \(4,\)",
        ),
        (
            Odd(4, parts={"shift": Sum(np.float64(4))}),
            r"layer 2 has a Sum of \(\) for 'shift', expected",
        ),
        (
            Odd(4, parts={"shift": Product(np.ones((5, 2)), np.ones((5, 4)))}),
            r"layer 2 has a Product of \(5, 2\) and \(5, 4\) for 'shift', expected",
        ),
        (
            Odd(4, parts={"shift": Product(np.ones((5, 2)), np.ones((5, 2)))}),
            r"layer 2 has a Product of \(5, 2\) and \(5, 2\) for 'shift', expected",
        ),
        (
            Odd(4, parts={"shift": Product(np.ones((4, 1)), np.ones((5, 4)))}),
            r"layer 2 has a Product of \(4, 1\) and \(5, 4\) for 'shift', expected",
        ),
        (
            Odd(4, dx=lambda dx: dx[:, 1:]),
            r"layer 2 has returned dx of shape \(5, 3\), expected shape \(5, 4\): .*Odd",
        ),
        (
            Odd(4, dx=lambda dx: None),
            r"layer 2 has returned no dx, expected shape \(5, 4\): .*Odd",
        ),
    ],
)
def test_what_no_layer_may_return_is_refused_with_the_number_of_the_layer(odd, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        there_and_back(Dense(3, 4), odd, Dense(4, 2))


class Replaces(Odd):
    """Its init puts another array where it should overwrite the one that is there."""

    def init(self, params, rng, std):
        params["shift"] = np.ones(4)


class Scales(Odd):
    """Its init changes the array in place, which reads like an assignment."""

    def init(self, params, rng, std):
        params["shift"] += 2.0


def test_an_init_that_replaces_a_parameter_is_refused_with_the_number_of_the_layer():
    """The model would compute with it, and the optimizer would move another."""
    rng = np.random.default_rng(0)
    net = Sequential([Dense(3, 4), Scales(4)])
    params = Params(net.shapes)
    net.init(params, rng, 1.0)
    assert np.array_equal(params.vector[-4:], np.full(4, 2.0))
    net = Sequential([Dense(3, 4), Replaces(4)])
    for where in (Params(net.shapes), {name: np.ones(shape) for name, shape in net.shapes.items()}):
        with pytest.raises(ValueError, match=r"^layer 2 has an init that puts another array under"):
            net.init(where, rng, 1.0)


def test_a_sum_without_rows_is_refused_even_where_the_parameter_is_a_single_number():
    with pytest.raises(ValueError, match=r"^layer 2 has a Sum of \(\) for 'shift', expected"):
        there_and_back(Dense(3, 1), Odd(1, parts={"shift": Sum(np.float64(4))}), Dense(1, 2))


def test_a_row_of_layers_cannot_be_changed():
    layers = [Dense(3, 4), Dense(4, 2)]
    net = Sequential(layers)
    layers.pop()
    assert net.layers == (Dense(3, 4), Dense(4, 2)) and net.n_out == 2
