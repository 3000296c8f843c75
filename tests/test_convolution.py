"""Convolutions and their transposes: what they compute, their gradients, and networks of them."""

import re
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
from convolved import Unrolled, by_scipy
from hypothesis import assume, given
from hypothesis import strategies as st
from randomness import examples
from scipy import stats

from minivae import VAE, Adam, check_grad, fit, layers, load_model
from minivae.checks.catalogue.convolutions import catalogue
from minivae.layers import Dense, convnet, work
from minivae.layers.channels import ChannelsFirst
from minivae.layers.convolution import Conv2D, ConvTranspose2D
from minivae.testing import check_layer
from minivae.training.descriptions import LAYERS

KINDS = Conv2D, ConvTranspose2D


def pairs(least, most):
    return st.tuples(st.integers(least, most), st.integers(least, most))


@st.composite
def convolutions(draw, kind=None, activation="identity"):
    """A layer of either kind: wide images, kernels wider than strides and narrower, any padding."""
    kind = kind or draw(st.sampled_from(KINDS))
    image = *draw(pairs(1, 5)), draw(st.integers(1, 3))
    kernel, stride, padding = draw(pairs(1, 4)), draw(pairs(1, 3)), draw(pairs(0, 2))
    more = {}
    if kind is Conv2D:
        assume(all(k <= n + 2 * p for k, n, p in zip(kernel, image[:2], padding, strict=True)))
    else:
        more["extra"] = tuple(draw(st.integers(0, s - 1)) for s in stride)
        sides = zip(image[:2], stride, kernel, padding, more["extra"], strict=True)
        assume(all((n - 1) * s + k - 2 * p + e > 0 for n, s, k, p, e in sides))
    return kind(image, draw(st.integers(1, 3)), kernel, stride, padding, activation, **more)


def problem(layer, n=3, seed=0):
    """x, W and b in general position; pre-activations are of order one."""
    rng = np.random.default_rng(seed)
    x, b = rng.standard_normal((n, layer.n_in)), rng.standard_normal(layer.channels)
    W = rng.standard_normal(layer.shapes["W"])
    return x, W / np.sqrt(W[..., 0].size), b


def forward(layer, x, W, b, **options):
    return layer.forward({"W": W, "b": b}, x, **options)


# --- What they compute ----------------------------------------------------------------------------

WIDE = Conv2D((4, 6, 2), 3, kernel=(2, 3), stride=(1, 2), padding=(1, 0))
WIDE_TRANSPOSE = ConvTranspose2D((3, 2, 2), 3, (2, 3), (1, 2), (1, 0), extra=(0, 1))


@given(convolutions())
def test_a_layer_computes_what_scipy_does(layer):
    x, W, b = problem(layer)
    h, _ = forward(layer, x, W, b)
    np.testing.assert_allclose(h, by_scipy(layer, x, W, b), rtol=1e-12, atol=1e-12)


@given(convolutions(Conv2D))
def test_the_transpose_is_the_adjoint(layer):
    """<A x, y> = <x, A^T y>, and the forward pass of one is the backward pass of the other."""
    lost = [
        (n + 2 * p - k) % s
        for n, p, k, s in zip(
            layer.image[:2], layer.padding, layer.kernel, layer.stride, strict=True
        )
    ]
    back = ConvTranspose2D(
        layer.image_out, layer.image[2], layer.kernel, layer.stride, layer.padding, extra=lost
    )
    assert back.image_out == layer.image and back.shapes["W"] == layer.shapes["W"]
    x, W, _ = problem(layer)
    y, _, _ = problem(back, seed=1)
    Ax, saved = forward(layer, x, W, np.zeros(layer.channels))
    Aty, saved_back = forward(back, y, W, np.zeros(back.channels))
    np.testing.assert_allclose(np.vdot(Ax, y), np.vdot(x, Aty), rtol=1e-11, atol=1e-11)
    dx, _ = layer.backward({"W": W}, saved, y.copy())
    dy, _ = back.backward({"W": W}, saved_back, x.copy())
    np.testing.assert_allclose(dx, Aty, rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(dy, Ax, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("kind", KINDS)
def test_a_kernel_of_one_pixel_is_a_dense_layer_for_every_pixel(kind):
    layer = kind((3, 4, 2), 5, kernel=1, activation="tanh")
    x, W, b = problem(layer)
    M = W[0, 0] if kind is Conv2D else W[0, 0].T
    h, _ = forward(layer, x, W, b)
    np.testing.assert_allclose(h.reshape(-1, 5), np.tanh(x.reshape(-1, 2) @ M + b), rtol=1e-12)


def test_a_kernel_as_large_as_the_image_is_a_dense_layer():
    layer = Conv2D((3, 4, 2), 5, kernel=(3, 4))
    x, W, b = problem(layer)
    h, _ = forward(layer, x, W, b)
    np.testing.assert_allclose(h, x @ W.reshape(24, 5) + b, rtol=1e-12, atol=1e-13)


def test_sizes_and_work_by_hand():
    layer = Conv2D((28, 28, 1), 16, kernel=4, stride=2, padding=1)
    assert layer.image_out == (14, 14, 16) and layer.shapes == {"W": (4, 4, 1, 16), "b": (16,)}
    assert (layer.n_in, layer.n_out, work(layer)) == (784, 3136, 14 * 14 * 16 * 16)
    back = ConvTranspose2D((14, 14, 16), 1, kernel=4, stride=2, padding=1)
    assert back.image_out == (28, 28, 1) and back.shapes == {"W": (4, 4, 1, 16), "b": (1,)}
    assert work(back) == work(layer)
    assert Conv2D((7, 8, 1), 1, 4, 2, 1).image_out == (3, 4, 1)
    assert ConvTranspose2D((3, 4, 1), 1, 4, 2, 1, extra=(1, 0)).image_out == (7, 8, 1)


# --- Gradients and memory -------------------------------------------------------------------------


@pytest.mark.parametrize("activation", ["tanh", "gelu"])
def test_gradients_of_a_layer(activation):
    @examples(25)
    @given(convolutions(activation=activation))
    def check(layer):
        check_layer(layer, *problem(layer, n=2))

    check()


@pytest.mark.parametrize("layer", [WIDE, WIDE_TRANSPOSE])
def test_only_dh_is_overwritten_and_no_gradient_made_that_is_not_wanted(layer):
    arrays = problem(layer)
    before = [array.copy() for array in arrays]
    h, saved = forward(layer, *arrays)
    params = dict(zip(("W", "b"), arrays[1:], strict=True))
    dx, parts = layer.backward(params, saved, np.ones_like(h))
    no_dx, same = layer.backward(params, saved, np.ones_like(h), input_gradient=False)
    assert no_dx is None and dx.shape == arrays[0].shape
    for name in ("W", "b"):
        for ours, theirs in zip(parts[name], same[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for array, copy in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(array, copy)


@pytest.mark.parametrize("activation", ["identity", "tanh", "gelu"])
@pytest.mark.parametrize("layer", [WIDE, WIDE_TRANSPOSE])
def test_large_arrays_are_asked_for_and_what_was_in_them_does_not_matter(layer, activation):
    layer = type(layer)(**{**vars_of(layer), "activation": activation})
    x, W, b = problem(layer)
    asked = []

    def new(shape, dtype):
        asked.append(np.full(shape, np.nan, dtype))
        return asked[-1]

    h, saved = forward(layer, x, W, b, new=new)
    dx, parts = layer.backward({"W": W, "b": b}, saved, np.ones_like(h), new)
    plain, saved = forward(layer, x, W, b)
    plain_dx, plain_parts = layer.backward({"W": W, "b": b}, saved, np.ones_like(h))
    np.testing.assert_array_equal(h, plain)
    np.testing.assert_array_equal(dx, plain_dx)
    for name in ("W", "b"):
        for ours, theirs in zip(parts[name], plain_parts[name], strict=True):
            np.testing.assert_array_equal(ours, theirs)
    for array in (h, dx):
        assert any(np.shares_memory(array, other) for other in asked)


def vars_of(layer):
    names = ["image", "channels", "kernel", "stride", "padding", "activation", "start"]
    return {name: getattr(layer, name) for name in [*names, *(["extra"] * hasattr(layer, "extra"))]}


@given(convolutions(activation="tanh"))
def test_float32_is_near_float64(layer):
    arrays = problem(layer)
    h, saved = forward(layer, *(array.astype(np.float32) for array in arrays))
    assert h.dtype == np.float32
    np.testing.assert_allclose(h, forward(layer, *arrays)[0], rtol=1e-4, atol=1e-5)
    dx, parts = layer.backward({"W": np.float32(arrays[1])}, saved, np.ones_like(h))
    assert dx.dtype == np.float32
    assert {array.dtype for part in parts.values() for array in part} == {np.dtype(np.float32)}


# --- Through `fit` --------------------------------------------------------------------------------

DATA = np.random.default_rng(0).random((50, 30))  # images of 5 x 6
OPTIONS = {"batch_size": 20, "evaluate_every": None, "progress": False, "dtype": np.float64}


def layers_of_a_model(wrap):
    """Encoder and decoder of 5 x 6 pixels and two latents, their convolutions wrapped."""
    down = Conv2D((5, 6, 1), 3, (3, 4), 2, 1, "tanh", start="glorot")
    further = Conv2D(down.image_out, 2, 2, activation="softplus", start="glorot")
    up = ConvTranspose2D(further.image_out, 3, 2, activation="gelu", start="glorot")
    last = ConvTranspose2D(down.image_out, 1, (3, 4), 2, 1, "tanh", start="glorot")
    encoder = [wrap(down), wrap(further), Dense(further.n_out, 4)]
    return encoder, [Dense(2, further.n_out, "tanh"), wrap(up), wrap(last)]


@pytest.mark.parametrize("threads", [1, 2, 3])
def test_it_trains_like_the_same_layers_as_matrices(threads):
    found = []
    for wrap in (lambda layer: layer, Unrolled):
        encoder, decoder = layers_of_a_model(wrap)
        vae = VAE(encoder=encoder, decoder=decoder)
        options = {**OPTIONS, "noise_samples": 2, "threads": threads, "optimizer": Adam(0.01)}
        found.append(fit(vae, DATA, 200, **options).params.vector)
    # Rounding of 1e-16, in ten steps; Adam divides by gradients, some of which are small.
    np.testing.assert_allclose(*found, rtol=1e-7, atol=1e-9)


def test_a_model_is_saved_loaded_and_resumed(tmp_path):
    encoder, decoder = layers_of_a_model(lambda layer: layer)
    vae, path = VAE(encoder=encoder, decoder=decoder), tmp_path / "model.npz"
    options = {**OPTIONS, "threads": 2, "evaluate_every": 40}
    whole = fit(vae, DATA, 120, **options)
    fit(vae, DATA, 40, **options, checkpoint=path)
    resumed = fit(vae, DATA, 120, **options, checkpoint=path, resume=True)
    np.testing.assert_array_equal(resumed.params.vector, whole.params.vector)
    loaded, params = load_model(path)
    assert loaded.encoder.layers == vae.encoder.layers
    assert loaded.decoder.layers == vae.decoder.layers
    assert loaded.elbo(params, DATA[:2], np.ones((1, 2, 2))) == vae.elbo(
        whole.params, DATA[:2], np.ones((1, 2, 2))
    )


def test_every_layer_of_the_library_is_known_to_files():
    """Those for sequences stand in no row, and are saved with their model."""
    found = {
        name: home.stem
        for home in Path(layers.__file__).parent.glob("[a-z]*.py")
        for name, value in vars(import_module(f"minivae.layers.{home.stem}")).items()
        if getattr(value, "__module__", "") == f"minivae.layers.{home.stem}"
        and {"forward", "backward", "shapes", "keeps_output"} <= set(dir(value))
        and name != "Sequential"
    }
    assert found == LAYERS


# --- Networks -------------------------------------------------------------------------------------


@pytest.mark.parametrize("image", [(28, 28), (28, 20), (4, 7), (5, 13)])
@pytest.mark.parametrize("channels", [(4,), (4, 3)])
def test_a_decoder_is_the_encoder_s_mirror(image, channels):
    encoder = convnet.encoder(image, 6, channels, hidden=(9, 8))
    decoder = convnet.decoder(image, 3, channels, hidden=(9, 8))
    vae = VAE(encoder=encoder, decoder=decoder)
    assert (vae.n_features, vae.n_latent) == (image[0] * image[1], 3)
    widths = [vae.n_features, *(layer.n_out for layer in encoder)]
    assert [3, *(layer.n_out for layer in decoder)] == [3, *widths[-2::-1]]
    assert [layer.image for layer in encoder[: len(channels)]] == [
        (*layer.image_out[:2], layer.channels) for layer in decoder[: -len(channels) - 1 : -1]
    ]
    for network in (encoder, decoder):
        *hidden, last = network
        assert {layer.activation.name for layer in hidden} == {"relu"}
        assert last.activation.name == "identity"
        assert {layer.start for layer in network} == {"glorot"}


def test_a_number_is_one_layer():  # as it is for a VAE
    assert convnet.decoder((4, 6), 2, 3, 5) == convnet.decoder((4, 6), 2, (3,), (5,))


def test_several_numbers_for_a_pixel_come_channel_by_channel():
    *_, transposed, last = convnet.decoder((4, 6), 2, (2,), outputs_per_pixel=2)
    x, W, b = problem(transposed)
    pixels, _ = forward(transposed, x, W, b)
    out, _ = last.forward({}, pixels)
    np.testing.assert_array_equal(
        out.reshape(3, 2, 4, 6), pixels.reshape(3, 4, 6, 2).transpose(0, 3, 1, 2)
    )
    check_layer(last, pixels)


@pytest.mark.parametrize("name", catalogue())
@examples(5)
@given(st.integers(0, 2**32 - 1))
def test_gradients_of_the_catalogue(name, seed):
    check_grad(*catalogue()[name](np.random.default_rng(seed)))


# --- Where weights start --------------------------------------------------------------------------

GLOROT = {
    "dense": (Dense(60, 40, start="glorot"), 60, 40),
    "convolution": (Conv2D((9, 9, 8), 30, (3, 4), start="glorot"), 96, 360),
    "transposed": (ConvTranspose2D((9, 9, 30), 8, (3, 4), start="glorot"), 360, 96),
}


@pytest.mark.parametrize("name", GLOROT)
def test_glorot_s_start_is_uniform(name):
    layer, fan_in, fan_out = GLOROT[name]
    params = {key: np.full(shape, np.nan) for key, shape in layer.shapes.items()}
    layer.init(params, np.random.default_rng(0), std=123)
    a = np.sqrt(6 / (fan_in + fan_out))
    # Kolmogorov and Smirnov's test that numbers are uniform, failing once in a million seeds.
    assert stats.kstest(params["W"].ravel() / a, "uniform", (-1, 2)).pvalue > 1e-6
    # All of n numbers are below 1 - 20 / n once in exp(20) seeds.
    assert 1 - 20 / params["W"].size < np.abs(params["W"]).max() / a <= 1
    assert not params["b"].any()


@pytest.mark.parametrize("kind", KINDS)
def test_the_usual_start_is_the_paper_s(kind):
    layer = kind((9, 9, 8), 30, (3, 4))
    params = {key: np.full(shape, np.nan) for key, shape in layer.shapes.items()}
    layer.init(params, np.random.default_rng(0), std=0.3)
    assert stats.kstest(params["W"].ravel() / 0.3, "norm").pvalue > 1e-6
    assert not params["b"].any()


# --- What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Conv2D((4, 4), 1), "image is (4, 4), expected height, width, channels"),
        (lambda: Conv2D(16, 1), "image is 16, expected height, width, channels"),
        (lambda: Conv2D((4, 4, 0), 1), "image is 0, expected a whole number of at least 1"),
        (lambda: Conv2D((4, 4, 1), 1.5), "channels is 1.5, expected a whole number of at least 1"),
        (lambda: Conv2D((4, 4, 1), 1, (3, 3, 3)), "kernel is (3, 3, 3), expected height, width"),
        (lambda: Conv2D((4, 4, 1), 1, 0), "kernel is 0, expected a whole number of at least 1"),
        (lambda: Conv2D((4, 4, 1), 1, stride=0), "stride is 0, expected a whole number of at le"),
        (lambda: Conv2D((4, 4, 1), 1, padding=-1), "padding is -1, expected a whole number of at"),
        (lambda: Conv2D((4, 4, 1), 1, (3, 7), padding=1), "kernel is 7 wide, expected at most 6, "),
        (lambda: Conv2D((4, 4, 1), 1, activation="swish"), "activation is 'swish', expected one o"),
        (lambda: Conv2D((4, 4, 1), 1, start="he"), "start is 'he', expected one of normal, glorot"),
        (lambda: Dense(4, 4, start=["he"]), "start is ['he'], expected one of normal, glorot"),
        (
            lambda: ConvTranspose2D((4, 4, 1), 1, stride=2, extra=2),
            "extra is (2, 2), expected less than the stride (2, 2)",
        ),
        (
            lambda: ConvTranspose2D((1, 4, 1), 1, kernel=2, padding=1),
            "padding is (1, 1), which leaves nothing of an image of 1 x 4 pixels, kernel (2, 2)",
        ),
        (lambda: ChannelsFirst((2, 2)), "image is (2, 2), expected height, width, channels"),
        (
            lambda: convnet.encoder((3, 9), 4),
            "image is 3 x 9, expected at least 4 x 4 pixels for 2 convolutions",
        ),
        (lambda: convnet.decoder((9, 9), 4, ()), "channels is empty, expected those of one conv"),
        (lambda: convnet.decoder((9, 9), 4, None), "channels is None, expected a whole number"),
        (lambda: convnet.encoder(9, 4), "image is 9, expected a height and a width"),
        (lambda: convnet.encoder((9, 9, 1), 4), "image is (9, 9, 1), expected a height and a"),
    ],
)
def test_what_is_no_layer_is_refused(make, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        make()
