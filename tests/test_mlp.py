"""Layers in a row."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import Params, check_grad
from minivae.layers import ACTIVATIONS, dense_forward
from minivae.mlp import MLP, mlp_backward, mlp_forward, mlp_gradient
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
    hs = cache.activations
    assert len(hs) == len(mlp.layers) + 1 and hs[0] is x and hs[-1] is out
    h = x
    for (W, b, activation), cached in zip(mlp.layers, hs[1:], strict=True):
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
        dx, deltas = mlp_backward(mlp, p, cache, weights.copy(), workspace)
        mlp_gradient(mlp, cache.activations, deltas, grad, grad.shares(1)[0])
        return value, {"x": dx, **{name: grad[name] for name in grad}}

    check_grad(weighted_sum, everything)


def factors(mlp, params, x, input_gradient=True):
    """Forward and backward pass for the sum of the outputs: ``(dx, cache, deltas)``."""
    workspace = Workspace()
    out, cache = mlp_forward(mlp, params, x, workspace)
    dx, deltas = mlp_backward(mlp, params, cache, np.ones_like(out), workspace, input_gradient)
    return dx, cache, deltas


@given(mlps())
def test_the_gradient_overwrites_whatever_was_there(network):
    mlp, params, _ = network
    _, cache, deltas = factors(*network)
    gradients = [params.like(np.full_like(params.vector, old)) for old in (0.0, np.nan)]
    for grad in gradients:
        mlp_gradient(mlp, cache.activations, deltas, grad, grad.shares(1)[0])
    np.testing.assert_array_equal(*(grad.vector for grad in gradients))


@given(mlps(), st.integers(1, 5))
def test_the_gradient_can_be_had_in_shares(network, count):
    mlp, params, _ = network
    _, cache, deltas = factors(*network)
    whole, parts = params.copy(), params.like(np.full_like(params.vector, np.nan))
    mlp_gradient(mlp, cache.activations, deltas, whole, whole.shares(1)[0])
    for share in parts.shares(count):
        before = parts.vector.copy()
        mlp_gradient(mlp, cache.activations, deltas, parts, share)
        before[share.part] = parts.vector[share.part]
        np.testing.assert_array_equal(parts.vector, before)  # nothing else has changed
    np.testing.assert_allclose(parts.vector, whole.vector, rtol=1e-12, atol=1e-14)


@given(mlps())
def test_the_input_gradient_can_be_left_out(network):
    dx, _, deltas = factors(*network)
    no_dx, _, same_deltas = factors(*network, input_gradient=False)
    assert dx.shape == network.x.shape and no_dx is None
    for delta, same in zip(deltas, same_deltas, strict=True):
        np.testing.assert_array_equal(delta, same)


@pytest.mark.parametrize("widths", [(3, 3, 3, 3), (1, 1, 1)])
def test_layers_of_equal_shape_do_not_share_a_buffer(widths):
    mlp = MLP("net", widths, ACTIVATIONS["tanh"])
    _, cache = mlp_forward(mlp, Params(mlp.shapes()), np.ones((2, widths[0])), Workspace())
    for i, first in enumerate(cache.activations):
        assert not any(np.shares_memory(first, other) for other in cache.activations[i + 1 :])
