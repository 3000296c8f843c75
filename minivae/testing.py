"""Test a layer or a model of your own on generated inputs.

A new activation takes two functions (`minivae.layers`), and a test of its gradient three lines:

    import numpy as np
    from hypothesis import given
    from hypothesis import strategies as st
    from minivae import check_grad
    from minivae.layers import Activation
    from minivae.testing import batches, check_layer, layers, models

    def elu(h):
        h[:] = np.where(h > 0, h, np.expm1(h))

    def elu_backward(dh, h):  # f'(a) is 1 for a > 0, else exp(a) = h + 1
        dh *= np.where(h > 0, 1, h + 1)

    ELU = Activation("elu", elu, elu_backward)

    @given(layers(ELU))
    def test_gradient_of_elu(layer):
        check_layer(*layer)

and a test of a whole model with it, four:

    @given(models(activations=[ELU]), st.data())
    def test_gradient_of_a_model_with_elu(model, data):
        x, noise = data.draw(batches(model))
        vae, params = model
        check_grad(lambda p: vae.elbo_and_grad(p, x, noise), params)

The strategies
--------------
Hypothesis chooses sizes and a seed, NumPy the values: thousands of numbers cost one choice, and a
failure shrinks to a small shape, which is what helps to understand it. Values are float64, of order
one, and in general position: no two are equal, none is zero, so that an exchanged index, a missing
transpose or a wrong sign cannot hide. Biases are never zero.

Finite differences mean nothing at a kink, such as relu's at zero. Examples in which an input of an
activation comes closer to zero than `KINK_DISTANCE` are rejected: a few in a hundred.
"""

import inspect
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from minivae import protocols

try:
    from hypothesis import assume
    from hypothesis import strategies as st
except ImportError as error:
    raise ImportError("minivae.testing needs hypothesis: pip install 'minivae[test]'") from error

from minivae.checks.gradcheck import GradReport, check_grad
from minivae.layers import ACTIVATIONS, Activation, Dense, Sequential, get_activation, mlp
from minivae.likelihoods import LIKELIHOODS, Bernoulli
from minivae.params import Params
from minivae.vae import VAE

KINK_DISTANCE = 1e-3
"""No pre-activation that `layers`, `mlps` or `batches` generate is closer to zero than this."""


class Layer(NamedTuple):
    """A dense layer and its input: the arguments of `check_layer`."""

    activation: Activation
    x: np.ndarray
    W: np.ndarray
    b: np.ndarray


class Network(NamedTuple):
    """A multi-layer perceptron, its parameters and its input."""

    mlp: Sequential
    params: Params
    x: np.ndarray


class Model(NamedTuple):
    """A VAE and float64 parameters for it."""

    vae: VAE
    params: Params


class Batch(NamedTuple):
    """Datapoints (M, n_features) and noise (L, M, n_latent)."""

    x: np.ndarray
    noise: np.ndarray


def check_layer(
    layer: protocols.Layer | Activation | tuple[Callable, Callable],
    *inputs: np.ndarray,
    **options: Any,
) -> GradReport:
    """Compare a layer's backward pass with finite differences of its forward pass.

    What is differentiated is a weighted sum of the layer's outputs, with fixed random weights.

    Parameters
    ----------
    layer : layer, Activation or pair of callables
        A layer as in `minivae.layers`; an `Activation` stands for the dense layer h = f(x W + b). A
        pair is ``(forward, backward)`` with ``out, cache = forward(*inputs)`` and
        ``gradients = backward(dout, cache)``: one gradient for each input, in their order.
    *inputs : float64 arrays
        x and then the layer's parameters, in the order of its `shapes`: for an `Activation`, x, W
        and b.
    **options
        Passed on to `minivae.check_grad`.

    Returns
    -------
    report : GradReport

    Raises
    ------
    GradCheckError
        If they do not agree.
    ValueError
        If inputs are missing, or there are too many.
    """
    if isinstance(layer, Activation):
        if len(inputs) != 3:
            raise ValueError(f"inputs are {len(inputs)}, expected x, W and b")
        n_in, n_out = inputs[1].shape
        layer = Dense(n_in, n_out, layer)
    if isinstance(layer, tuple):
        forward, backward = layer
        names = list(inspect.signature(forward).parameters)[: len(inputs)]
    else:
        forward, backward = _as_functions(layer)
        names = ["x", *layer.shapes]
    if len(inputs) != len(names):
        raise ValueError(f"inputs are {len(inputs)}, expected {', '.join(names)}")
    out, _ = forward(*inputs)
    weights = np.random.default_rng(0).standard_normal(out.shape)

    def weighted_sum(named: dict[str, np.ndarray]) -> tuple[float, dict[str, np.ndarray]]:
        out, cache = forward(*named.values())
        gradients = backward(weights.copy(), cache)
        if isinstance(gradients, np.ndarray):
            gradients = (gradients,)
        return float(np.sum(weights * out)), dict(zip(names, gradients, strict=True))

    return check_grad(weighted_sum, dict(zip(names, inputs, strict=True)), **options)


def _as_functions(layer: protocols.Layer) -> tuple[Callable, Callable]:
    """Return a layer as a pair ``(forward, backward)`` of functions of x and its parameters."""

    def forward(x: np.ndarray, *params: np.ndarray) -> tuple[np.ndarray, Any]:
        by_name = dict(zip(layer.shapes, params, strict=True))
        h, saved = layer.forward(by_name, x)
        return h.copy(), (by_name, saved)

    def backward(dh: np.ndarray, cache: Any) -> list[np.ndarray]:
        params, saved = cache
        dx, parts = layer.backward(params, saved, dh)
        gradients: list[Any] = [dx]
        for name, array in params.items():
            gradients.append(np.zeros_like(array))
            if name in parts:
                parts[name].write(gradients[-1].reshape(-1))
        return gradients

    return forward, backward


def _generators() -> st.SearchStrategy[np.random.Generator]:
    return st.integers(0, 2**32 - 1).map(np.random.default_rng)


def _sizes(largest: int) -> st.SearchStrategy[int]:
    return st.integers(1, largest)


@st.composite
def arrays(
    draw: st.DrawFn, shape: tuple[int | None, ...], scale: float = 1.0, max_side: int = 5
) -> np.ndarray:
    """Strategy: a float64 array with standard normal values, times `scale`.

    Parameters
    ----------
    shape : tuple of int or None
        None stands for any length from 1 to `max_side`.
    scale : float
    max_side : int
    """
    sides = tuple(draw(_sizes(max_side)) if side is None else side for side in shape)
    return scale * draw(_generators()).standard_normal(sides)


@st.composite
def layers(draw: st.DrawFn, activation: str | Activation | None = None, max_side: int = 5) -> Layer:
    """Strategy: a `Layer`.

    Parameters
    ----------
    activation : str or Activation, optional
        Any of the library's own if not given.
    max_side : int
        Up to how many rows, inputs and outputs.
    """
    if activation is None:
        activation = draw(st.sampled_from(sorted(ACTIVATIONS)))
    n_in = draw(_sizes(max_side))
    x = draw(arrays((None, n_in), max_side=max_side))
    W = draw(arrays((n_in, None), scale=n_in**-0.5, max_side=max_side))
    b = draw(arrays((W.shape[1],)))
    assume(_clear_of_kinks([x @ W + b]))
    return Layer(get_activation(activation), x, W, b)


@st.composite
def mlps(
    draw: st.DrawFn,
    activations: Sequence[str | Activation] = tuple(ACTIVATIONS),
    depths: Sequence[int] = (0, 1, 2, 3),
    max_side: int = 5,
) -> Network:
    """Strategy: a `Network`.

    Parameters
    ----------
    activations : sequence of str or Activation
    depths : sequence of int
        Numbers of hidden layers.
    max_side : int
        Up to how many rows, inputs, outputs, and units in a layer.
    """
    n_layers = 1 + draw(st.sampled_from(depths))
    widths = [draw(_sizes(max_side)) for _ in range(n_layers + 1)]
    network = mlp(widths, draw(st.sampled_from(activations)), "mlp.")
    params = _random_params(network.shapes, draw(_generators()))
    x = draw(arrays((None, widths[0]), max_side=max_side))
    assume(_clear_of_kinks(_preactivations(network, params, x)[0]))
    return Network(network, params, x)


@st.composite
def models(
    draw: st.DrawFn,
    likelihoods: Sequence[str | protocols.Likelihood] = tuple(LIKELIHOODS),
    activations: Sequence[str | Activation] = tuple(ACTIVATIONS),
    depths: Sequence[int] = (0, 1, 2, 3),
    max_side: int = 5,
) -> Model:
    """Strategy: a `Model`.

    Parameters
    ----------
    likelihoods : sequence of str or likelihood
    activations : sequence of str or Activation
    depths : sequence of int
        Numbers of hidden layers in the encoder and in the decoder.
    max_side : int
        Up to how many pixels, latent dimensions, and units in a layer.
    """
    vae = VAE(
        n_features=draw(_sizes(max_side)),
        n_latent=draw(_sizes(max_side)),
        hidden=[draw(_sizes(max_side)) for _ in range(draw(st.sampled_from(depths)))],
        likelihood=draw(st.sampled_from(likelihoods)),
        activation=draw(st.sampled_from(activations)),
    )
    return Model(vae, _random_params(vae.param_shapes, draw(_generators())))


@st.composite
def batches(
    draw: st.DrawFn, model: Model, max_size: int = 4, samples: Sequence[int] = (1, 2, 3)
) -> Batch:
    """Strategy: a `Batch` for that model.

    Bernoulli pixels are black, white or grey; those of other likelihoods are drawn from the model.

    Parameters
    ----------
    model : Model
    max_size : int
        Up to how many datapoints, M.
    samples : sequence of int
        Numbers of noise samples per datapoint, L.
    """
    vae, params = model
    M, L = draw(_sizes(max_size)), draw(st.sampled_from(samples))
    rng = draw(_generators())
    if isinstance(vae.likelihood, Bernoulli):
        grey = rng.random((M, vae.n_features))
        x = np.where(rng.random(grey.shape) < 0.5, grey, np.round(grey))
    else:
        x = vae.sample(params, M, rng)
    noise = np.empty((L, M, vae.n_latent))
    vae.posterior.draw_noise(rng, noise)

    encoder, q_params = _preactivations(vae.encoder, params, x)
    z, _ = vae.posterior.sample(q_params, noise)
    decoder, _ = _preactivations(vae.decoder, params, z.reshape(-1, vae.n_latent))
    assume(_clear_of_kinks(encoder + decoder))
    return Batch(x, noise)


def _random_params(shapes: Mapping[str, tuple[int, ...]], rng: np.random.Generator) -> Params:
    """Draw parameters that neither blow up nor shrink what passes through the layers.

    Uniform, not normal: log variances are exponentiated, and rare large ones would drown the rest.
    """
    params = Params(shapes)
    for name, shape in shapes.items():
        scale = shape[0] ** -0.5 if len(shape) == 2 else 1.0
        params[name][...] = scale * rng.uniform(-1, 1, shape)
    return params


def _preactivations(
    network: Sequential, params: Params, x: np.ndarray
) -> tuple[list[np.ndarray], np.ndarray]:
    """Return what goes into every activation of the hidden layers, and the output."""
    preactivations, h = [], x
    for layer, own in zip(network.layers, params.renamed(network.names), strict=True):
        preactivations.append(h @ own["W"] + own["b"])
        h, _ = layer.forward(own, h)
    return preactivations[:-1], h


def _clear_of_kinks(preactivations: list[np.ndarray]) -> bool:
    return all(np.abs(a).min() > KINK_DISTANCE for a in preactivations)
