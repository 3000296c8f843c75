"""Layers in a row."""

import numpy as np
import pytest
from hypothesis import given

from minivae import Params, check_grad
from minivae.layers import ACTIVATIONS, dense_forward
from minivae.mlp import MLP, mlp_backward, mlp_forward
from minivae.testing import mlps
from minivae.workspace import Workspace

THREE_LAYERS = MLP("net", (4, 3, 5, 2), ACTIVATIONS["tanh"])


def test_the_parameters_are_named_and_shaped_layer_by_layer():
    assert list(THREE_LAYERS.shapes().items()) == [
        ("net.W1", (4, 3)),
        ("net.b1", (3,)),
        ("net.W2", (3, 5)),
        ("net.b2", (5,)),
        ("net.W3", (5, 2)),
        ("net.b3", (2,)),
    ]


def test_the_last_layer_is_linear():
    activations = [activation.name for _, _, activation in THREE_LAYERS.layers]
    assert activations == ["tanh", "tanh", "identity"]
    assert [a.name for _, _, a in MLP("net", (4, 2), ACTIVATIONS["relu"]).layers] == ["identity"]


@given(mlps())
def test_the_output_is_layer_after_layer(network):
    mlp, params, x = network
    out, cache = mlp_forward(mlp, params, x, Workspace())
    assert len(cache) == len(mlp.layers) + 1 and cache[0] is x and cache[-1] is out
    h = x
    for (W, b, activation), cached in zip(mlp.layers, cache[1:], strict=True):
        h = dense_forward(h, params[W], params[b], activation)
        np.testing.assert_array_equal(cached, h)


@given(mlps())
def test_gradients_with_respect_to_input_and_parameters(network):
    mlp, params, x = network
    weights = np.random.default_rng(0).standard_normal((len(x), mlp.widths[-1]))
    everything = {"x": x, **{name: params[name] for name in params}}

    def weighted_sum(arrays):
        p = Params(mlp.shapes())
        for name in p:
            p[name][...] = arrays[name]
        workspace, grad = Workspace(), p.copy()
        out, cache = mlp_forward(mlp, p, arrays["x"], workspace)
        value = float(np.sum(weights * out))
        dx = mlp_backward(mlp, p, cache, weights.copy(), grad, workspace)
        return value, {"x": dx, **{name: grad[name] for name in grad}}

    check_grad(weighted_sum, everything)


@given(mlps())
def test_backward_overwrites_whatever_the_gradient_held(network):
    mlp, params, x = network
    gradients = []
    for old in (0.0, np.nan):
        workspace, grad = Workspace(), params.like(np.full_like(params.vector, old))
        out, cache = mlp_forward(mlp, params, x, workspace)
        mlp_backward(mlp, params, cache, np.ones_like(out), grad, workspace)
        gradients.append(grad.vector)
    np.testing.assert_array_equal(*gradients)


@given(mlps())
def test_the_input_gradient_can_be_left_out(network):
    mlp, params, x = network
    gradients = []
    for wanted in (True, False):
        workspace, grad = Workspace(), params.copy()
        out, cache = mlp_forward(mlp, params, x, workspace)
        dx = mlp_backward(mlp, params, cache, np.ones_like(out), grad, workspace, wanted)
        assert (dx is not None) == wanted
        gradients.append(grad.vector)
    np.testing.assert_array_equal(*gradients)


@pytest.mark.parametrize("widths", [(3, 3, 3, 3), (1, 1, 1)])
def test_layers_of_equal_shape_do_not_share_a_buffer(widths):
    mlp = MLP("net", widths, ACTIVATIONS["tanh"])
    _, cache = mlp_forward(mlp, Params(mlp.shapes()), np.ones((2, widths[0])), Workspace())
    for i, first in enumerate(cache):
        assert not any(np.shares_memory(first, other) for other in cache[i + 1 :])
