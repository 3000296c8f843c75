"""The bound, its gradient, and the facts about it that the rest of the library relies on."""

import re

import numpy as np
import pytest
import scipy.stats
from hypothesis import given
from hypothesis import strategies as st
from randomness import examples
from scipy.special import expit, ndtr

from minivae import VAE, Params, check_grad, load_model, save_model
from minivae.engine.arena import Arena
from minivae.layers import ACTIVATIONS, Dense
from minivae.likelihoods import Bernoulli, FixedGaussian
from minivae.parts import sum_up
from minivae.testing import batches, models

LIKELIHOODS = ["bernoulli", "gaussian", "gaussian-sigmoid", "gaussian-fixed", FixedGaussian(0.5)]
every_likelihood = pytest.mark.parametrize("likelihood", LIKELIHOODS, ids=str)


@st.composite
def problems(draw, likelihoods=LIKELIHOODS, depths=(0, 1, 2), **options):
    """Draw a model and a batch for it: ``(vae, params, x, noise)``."""
    model = draw(models(likelihoods, depths=depths))
    return (*model, *draw(batches(model, **options)))


# --- The gradient ---------------------------------------------------------------------------------


@every_likelihood
@pytest.mark.parametrize("depth", [0, 1, 2, 3])
@pytest.mark.parametrize("L", [1, 3])
def test_gradient_of_the_whole_model(likelihood, depth, L):
    # Forty combinations: fewer examples of each.
    @examples(10)
    @given(problems([likelihood], [depth], samples=[L]))
    def check(problem):
        vae, params, x, noise = problem
        check_grad(
            lambda p: vae.elbo(p, x, noise), params, lambda p: vae.elbo_and_grad(p, x, noise)[1]
        )

    check()


# --- The value ------------------------------------------------------------------------------------


def network(params, name, depth, x, activation):
    """An MLP, written once more: hidden layers, then a linear one."""
    f = {
        "identity": lambda a: a,
        "tanh": np.tanh,
        "relu": lambda a: a * (a > 0),
        "softplus": lambda a: np.log1p(np.exp(a)),
        "sigmoid": expit,
        "gelu": lambda a: a * ndtr(a),
    }[activation]
    for k in range(1, depth + 1):
        x = f(x @ params[f"{name}.W{k}"] + params[f"{name}.b{k}"])
    return x @ params[f"{name}.W{depth + 1}"] + params[f"{name}.b{depth + 1}"]


def log_prob(vae, out, x):
    """Log p(x|z) in scipy's words."""
    if vae.likelihood.name == "bernoulli":  # linear in x: grey pixels are mixtures
        p = expit(out)
        return np.sum(x * np.log(p) + (1 - x) * np.log(1 - p), axis=-1)
    mean, log_var = np.split(out, 2, axis=-1) if vae.likelihood.outputs_per_pixel == 2 else (out, 0)
    mean = expit(mean) if vae.likelihood.name == "gaussian-sigmoid" else mean
    sigma = np.exp(log_var / 2) * getattr(vae.likelihood, "sigma", 1)
    return scipy.stats.norm.logpdf(x, mean, sigma).sum(axis=-1)


def reference_terms(vae, params, x, noise):
    """The two terms of eq. (10), one datapoint and one sample at a time."""
    depth, activation = len(vae.hidden), vae.activation.name
    log_px, minus_kl = np.empty(noise.shape[:2]), np.empty(len(x))
    for m, pixels in enumerate(x):
        mu, log_var = np.split(network(params, "encoder", depth, pixels, activation), 2)
        minus_kl[m] = 0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var))
        for sample, eps in enumerate(noise[:, m]):
            z = mu + np.sqrt(np.exp(log_var)) * eps
            out = network(params, "decoder", depth, z, activation)
            log_px[sample, m] = log_prob(vae, out, pixels)
    return log_px, minus_kl


@every_likelihood
def test_the_bound_is_that_of_the_paper(likelihood):
    @given(problems([likelihood]))
    def check(problem):
        vae, *batch = problem
        log_px, minus_kl = vae.elbo_terms(*batch)
        expected_log_px, expected_minus_kl = reference_terms(vae, *batch)
        np.testing.assert_allclose(log_px, expected_log_px, rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(minus_kl, expected_minus_kl, rtol=1e-9, atol=1e-12)

    check()


@given(problems())
def test_the_bound_is_the_mean_of_its_terms(problem):
    vae, *batch = problem
    log_px, minus_kl = vae.elbo_terms(*batch)
    elbo = vae.elbo(*batch)
    assert isinstance(elbo, float)
    assert elbo == pytest.approx(np.mean(log_px) + np.mean(minus_kl), rel=1e-12)
    assert vae.elbo_and_grad(*batch)[0] == pytest.approx(elbo, rel=1e-12)


NUMBERS = {  # likelihood: bound, length of its gradient
    "bernoulli": (-2.979422491462303, 0.9901284137386228),
    "gaussian": (-5.360364617615977, 9.892638056215059),
    "gaussian-sigmoid": (-2.8679947121659137, 1.2967579003806218),
    "gaussian-fixed": (-4.635915043595876, 2.9131162577988285),
}


@pytest.mark.parametrize("likelihood", NUMBERS)
def test_numbers_that_were_right_once(likelihood):
    # A change that moves them is a change of the model, and not a refactoring.
    vae = VAE(4, 2, (3, 3), likelihood)
    params = Params(vae.param_shapes)
    params.vector[:] = np.sin(np.arange(params.vector.size))
    x = np.linspace(0, 1, 12).reshape(3, 4)
    noise = np.cos(np.arange(12.0)).reshape(2, 3, 2)
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    assert (elbo, np.linalg.norm(grad.vector)) == pytest.approx(NUMBERS[likelihood], rel=1e-12)


# --- Sums over pixels and latents, means over the batch -------------------------------------------


@given(problems())
def test_the_same_datapoints_twice_change_nothing(problem):
    vae, params, x, noise = problem
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    twice = vae.elbo_and_grad(params, np.tile(x, (2, 1)), np.tile(noise, (1, 2, 1)))
    assert twice[0] == pytest.approx(elbo, rel=1e-12)
    np.testing.assert_allclose(twice[1].vector, grad.vector, rtol=1e-9, atol=1e-12)


@given(problems())
def test_the_same_noise_twice_changes_nothing(problem):
    vae, params, x, noise = problem
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    twice = vae.elbo_and_grad(params, x, np.tile(noise, (2, 1, 1)))
    assert twice[0] == pytest.approx(elbo, rel=1e-12)
    np.testing.assert_allclose(twice[1].vector, grad.vector, rtol=1e-9, atol=1e-12)


@given(problems(samples=[3]))
def test_several_samples_give_the_mean_of_one(problem):
    vae, params, x, noise = problem
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    single = [vae.elbo_and_grad(params, x, eps[None]) for eps in noise]
    assert elbo == pytest.approx(np.mean([one[0] for one in single]), rel=1e-12)
    mean = np.mean([one[1].vector for one in single], axis=0)
    np.testing.assert_allclose(grad.vector, mean, rtol=1e-9, atol=1e-12)


def split_evenly(vector, axis, parts, repeat):
    """Repeat each of `parts` equal pieces: the decoder's means, then its log variances."""
    pieces = np.split(vector, parts, axis=axis)
    return np.concatenate([piece for piece in pieces for _ in range(repeat)], axis=axis)


@given(problems())
def test_every_pixel_twice_doubles_the_reconstruction_term_alone(problem):
    vae, params, x, noise = problem
    wide = VAE(2 * vae.n_features, vae.n_latent, vae.hidden, vae.likelihood, vae.activation)
    wide_params = Params(wide.param_shapes)
    depth, parts = len(vae.hidden), vae.likelihood.outputs_per_pixel
    for name in params:
        array = params[name]
        if name == "encoder.W1":  # looks at the first copy only
            array = np.concatenate([array, np.zeros_like(array)])
        elif name in (f"decoder.W{depth + 1}", f"decoder.b{depth + 1}"):
            array = split_evenly(array, -1, parts, 2)
        wide_params[name][...] = array
    log_px, minus_kl = vae.elbo_terms(params, x, noise)
    wide_log_px, wide_minus_kl = wide.elbo_terms(wide_params, np.tile(x, (1, 2)), noise)
    np.testing.assert_allclose(wide_log_px, 2 * log_px, rtol=1e-9)
    np.testing.assert_allclose(wide_minus_kl, minus_kl, rtol=1e-9, atol=1e-12)


@given(problems())
def test_every_latent_twice_doubles_the_kl_term_alone(problem):
    vae, params, x, noise = problem
    wide = VAE(vae.n_features, 2 * vae.n_latent, vae.hidden, vae.likelihood, vae.activation)
    wide_params = Params(wide.param_shapes)
    depth = len(vae.hidden)
    for name in params:
        array = params[name]
        if name == "decoder.W1":  # looks at the first copy only
            array = np.concatenate([array, np.zeros_like(array)])
        elif name in (f"encoder.W{depth + 1}", f"encoder.b{depth + 1}"):
            array = split_evenly(array, -1, 2, 2)
        wide_params[name][...] = array
    log_px, minus_kl = vae.elbo_terms(params, x, noise)
    wide_log_px, wide_minus_kl = wide.elbo_terms(wide_params, x, np.tile(noise, (1, 1, 2)))
    np.testing.assert_allclose(wide_log_px, log_px, rtol=1e-9)
    np.testing.assert_allclose(wide_minus_kl, 2 * minus_kl, rtol=1e-9, atol=1e-12)


# --- What the threads rely on ---------------------------------------------------------------------


@given(problems(max_size=5), st.integers(1, 4))
def test_two_parts_average_to_the_whole(problem, cut):
    vae, params, x, noise = problem
    parts = [part for part in (slice(0, cut), slice(cut, None)) if len(x[part])]
    weights = [len(x[part]) / len(x) for part in parts]
    results = [vae.elbo_and_grad(params, x[part], noise[:, part]) for part in parts]
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    assert np.dot(weights, [result[0] for result in results]) == pytest.approx(elbo, rel=1e-12)
    mixed = np.dot(weights, [result[1].vector for result in results])
    np.testing.assert_allclose(mixed, grad.vector, rtol=1e-9, atol=1e-12)


@given(problems(), problems())
def test_memory_used_again_changes_nothing(problem, other):
    # Not even if it has served another model, and this one before.
    arena = Arena()
    for vae, *batch in (other, problem, problem):
        elbo, grad = vae.elbo_and_grad(*batch)
        params, x, noise = batch
        warm_elbo, parts = vae.forward_backward(params, x, noise, len(x), arena.again())
        warm_grad = sum_up(parts, params)
        assert warm_elbo == elbo
        np.testing.assert_array_equal(warm_grad.vector, grad.vector)
        for cold, warm in zip(
            vae.elbo_terms(*batch), vae.terms(*batch, arena.again()), strict=True
        ):
            np.testing.assert_array_equal(warm, cold)


@given(problems())
def test_nothing_that_is_passed_in_is_changed(problem):
    vae, params, x, noise = problem
    z = noise[0].copy()
    before = [a.copy() for a in (params.vector, x, noise, z)]
    vae.elbo(params, x, noise)
    vae.elbo_terms(params, x, noise)
    vae.elbo_and_grad(params, x, noise)
    for given_back in (*vae.encode(params, x), vae.decode(params, z), vae.reconstruct(params, x)):
        given_back[:] = 77  # a caller may do as he likes with what he gets
    vae.sample(params, 2, np.random.default_rng(0))
    vae.check_data("x", x)
    for array, copy in zip((params.vector, x, noise, z), before, strict=True):
        np.testing.assert_array_equal(array, copy)


@given(problems())
def test_results_are_the_caller_s(problem):
    vae, *batch = problem
    _, grad = vae.elbo_and_grad(*batch)
    kept = grad.vector.copy()
    vae.elbo_and_grad(*batch)[1].vector[:] = np.nan
    np.testing.assert_array_equal(grad.vector, kept)


# --- dtypes and layouts ---------------------------------------------------------------------------


@given(problems())
def test_float32_is_near_float64(problem):
    vae, params, x, noise = problem
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    short_elbo, short_grad = vae.elbo_and_grad(params.astype(np.float32), x, noise)
    assert short_grad.dtype == np.float32
    sizes = np.abs(reference_terms(vae, params, x, noise)[0]).max()
    assert short_elbo == pytest.approx(elbo, rel=1e-4, abs=1e-4 * sizes)
    norm = np.linalg.norm(grad.vector)
    assert np.linalg.norm(short_grad.vector - grad.vector) < 1e-3 * norm


@given(problems(["bernoulli", "gaussian"]), st.sampled_from([np.float32, np.float64]))
def test_uint8_pixels_are_divided_by_255(problem, dtype):
    vae, params, _, noise = problem
    params = params.astype(dtype)
    shape = (noise.shape[1], vae.n_features)
    pixels = np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)
    x = pixels.astype(dtype) / dtype(255)
    elbo, grad = vae.elbo_and_grad(params, x, noise)
    byte_elbo, byte_grad = vae.elbo_and_grad(params, pixels, noise)
    assert byte_elbo == elbo
    np.testing.assert_array_equal(byte_grad.vector, grad.vector)
    for ours, theirs in zip(vae.encode(params, pixels), vae.encode(params, x), strict=True):
        np.testing.assert_array_equal(ours, theirs)


PIXELS = np.random.default_rng(0).integers(0, 2, (6, 4), dtype=np.uint8)


@pytest.mark.parametrize(
    "x",
    [
        np.asfortranarray(PIXELS * 255),
        (PIXELS * 255)[::-1][::-1],
        np.asfortranarray(PIXELS.astype(float)),
        PIXELS.astype(float).repeat(2, axis=1)[:, ::2],
        PIXELS.astype(bool),
        PIXELS.astype(np.int64),
        PIXELS.astype(np.float16),
        PIXELS.tolist(),
    ],
    ids=["uint8 F", "uint8 strided", "F", "strided", "bool", "int", "float16", "list"],
)
def test_x_may_come_in_many_forms(x, monkeypatch):
    vae = VAE(4, 2, (3,))
    params = vae.init_params(np.random.default_rng(0))
    noise = np.random.default_rng(1).standard_normal((2, 6, 2))
    elbo, grad = vae.elbo_and_grad(params, PIXELS.astype(float), noise)
    seen = []
    likelihood = type(vae.likelihood)
    original = likelihood.log_prob_and_grad

    def spy(self, out, x, scale, log_px):
        seen.append(x.flags.c_contiguous)
        original(self, out, x, scale, log_px)

    monkeypatch.setattr(likelihood, "log_prob_and_grad", spy)
    other_elbo, other_grad = vae.elbo_and_grad(params, x, np.asfortranarray(noise))
    assert other_elbo == pytest.approx(elbo, rel=1e-14)
    np.testing.assert_allclose(other_grad.vector, grad.vector, rtol=1e-12, atol=1e-15)
    assert seen == [True]  # the kernels are compiled for contiguous arrays


# --- Using the model ------------------------------------------------------------------------------


@given(problems())
def test_encode_decode_reconstruct(problem):
    vae, params, x, noise = problem
    depth, activation = len(vae.hidden), vae.activation.name
    q_params = network(params, "encoder", depth, x, activation)
    mu, log_var = vae.encode(params, x)
    np.testing.assert_allclose(np.hstack([mu, log_var]), q_params, rtol=1e-9, atol=1e-12)
    mean = network(params, "decoder", depth, noise[0], activation)[:, : vae.n_features]
    if vae.likelihood.name in ("bernoulli", "gaussian-sigmoid"):
        mean = expit(mean)
    np.testing.assert_allclose(vae.decode(params, noise[0]), mean, rtol=1e-9, atol=1e-12)
    np.testing.assert_array_equal(vae.reconstruct(params, x), vae.decode(params, mu))


@every_likelihood
@pytest.mark.parametrize("mean", [False, True])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_sample_is_a_function_of_the_generator(likelihood, mean, dtype):
    vae = VAE(5, 2, (3,), likelihood)
    params = vae.init_params(np.random.default_rng(0), dtype, std=1.0)
    first, second, other = (
        vae.sample(params, 7, np.random.default_rng(seed), mean) for seed in (1, 1, 2)
    )
    assert first.shape == (7, 5) and first.dtype == dtype
    np.testing.assert_array_equal(first, second)
    assert np.any(first != other)


def test_bytes_are_refused_where_the_likelihood_does_not_say_what_they_mean():
    class Silent(Bernoulli):
        bytes_are_pixels = None

    vae = VAE(4, 2, (3,), Silent())
    params = vae.init_params(np.random.default_rng(0))
    with pytest.raises(ValueError, match="x has dtype uint8, expected a likelihood that says"):
        vae.encode(params, np.zeros((1, 4), np.uint8))


def test_latents_and_noise_may_be_lists():
    vae = VAE(4, 2, (3,))
    params = vae.init_params(np.random.default_rng(0), np.float32)
    z = np.array([[0.5, -1.0]], np.float32)
    x = vae.decode(params, z)
    assert np.array_equal(vae.decode(params, z.tolist()), x)
    assert vae.elbo(params, x, [z.tolist()]) == vae.elbo(params, x, z[None])


def test_weights_may_start_at_zero():
    assert not VAE(4, 2, (3,)).init_params(np.random.default_rng(0), std=0).vector.any()


def test_initial_parameters_are_the_paper_s():
    vae = VAE(784, 20)
    params = vae.init_params(np.random.default_rng(0), dtype=np.float32)
    assert params.shapes == {
        "encoder.W1": (784, 500),
        "encoder.b1": (500,),
        "encoder.W2": (500, 40),
        "encoder.b2": (40,),
        "decoder.W1": (20, 500),
        "decoder.b1": (500,),
        "decoder.W2": (500, 784),
        "decoder.b2": (784,),
    }
    assert params.dtype == np.float32
    for name in params:
        if ".b" in name:
            assert not params[name].any()
        else:
            size = params[name].size  # six standard errors
            assert params[name].std() == pytest.approx(0.01, rel=6 / np.sqrt(2 * size))
            assert abs(params[name].mean()) < 6 * 0.01 / np.sqrt(size)
    again = vae.init_params(np.random.default_rng(0), dtype=np.float32)
    np.testing.assert_array_equal(params.vector, again.vector)
    wide = vae.init_params(np.random.default_rng(0), std=0.1)
    assert wide.dtype == np.float64 and wide["encoder.W1"].std() == pytest.approx(0.1, rel=0.01)


def test_the_decoder_mirrors_the_encoder():
    vae = VAE(6, 2, (5, 4), "gaussian", "relu")
    networks = vae.encoder.layers, vae.decoder.layers
    sizes = [[(layer.n_in, layer.n_out) for layer in layers] for layers in networks]
    assert sizes == [[(6, 5), (5, 4), (4, 4)], [(2, 4), (4, 5), (5, 12)]]
    assert vae.activation is ACTIVATIONS["relu"]
    assert repr(vae) == (
        "VAE(n_features=6, n_latent=2, hidden=(5, 4), likelihood='gaussian', activation='relu')"
    )
    assert VAE(6, 2, 5).hidden == (5,) and VAE(6, 2, ()).hidden == ()


# --- Networks given layer by layer ----------------------------------------------------------------

ENCODER = [Dense(5, 4, "tanh"), Dense(4, 6)]  # to mu and log sigma^2 of three latents
DECODER = [Dense(3, 4, "tanh"), Dense(4, 5)]


def test_networks_say_how_large_the_model_is():
    for sizes in ((), (5, 3), (5,), (None, 3)):
        vae = VAE(*sizes, encoder=ENCODER, decoder=DECODER)
        assert (vae.n_features, vae.n_latent) == (5, 3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"encoder": ENCODER}, "decoder is None, expected layers: give both networks or neither"),
        ({"decoder": DECODER}, "encoder is None, expected layers: give both networks or neither"),
        (
            {"encoder": ENCODER, "decoder": DECODER, "n_features": 6},
            "n_features is 6, but the network takes 5",
        ),
        (
            {"encoder": ENCODER, "decoder": DECODER, "n_latent": 2},
            "n_latent is 2, but the network takes 3",
        ),
        (
            {"encoder": ENCODER, "decoder": DECODER, "posterior": "isotropic"},
            "encoder ends in 6 numbers, expected 4 for 3 latents and 5 features with posterior "
            "'isotropic' and likelihood 'bernoulli'",
        ),
        (
            {"encoder": ENCODER, "decoder": DECODER, "likelihood": "gaussian"},
            "decoder ends in 5 numbers, expected 10 for 3 latents and 5 features with posterior "
            "'gaussian' and likelihood 'gaussian'",
        ),
        (
            {"encoder": ENCODER[::-1], "decoder": DECODER},
            "encoder: layer 2 has 5 inputs, expected 6, as many as layer 1 has outputs",
        ),
        ({"encoder": ENCODER, "decoder": []}, "decoder: layers is empty"),
    ],
)
def test_networks_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        VAE(**arguments)


def test_glorot_s_start_is_that_of_every_layer(tmp_path):
    """`test_convolution` has its distribution; here its width, a^2 = 6 / (n_in + n_out)."""
    vae = VAE(40, 3, (30, 20), start="glorot")
    params = vae.init_params(np.random.default_rng(0), np.float32)
    for name, shape in vae.param_shapes.items():
        if ".b" in name:
            assert not params[name].any()
        else:
            a, size = np.sqrt(6 / sum(shape)), np.prod(shape)
            largest = np.abs(params[name]).max()
            assert largest <= np.float32(a)
            assert largest > a * 1e-12 ** (1 / size)  # else one in 10^12 is unlucky
    assert (vae.start, VAE(4, 2).start) == ("glorot", "normal")
    assert repr(vae).endswith("activation='tanh', start='glorot')")
    save_model(tmp_path / "model.npz", vae, params)
    again, _ = load_model(tmp_path / "model.npz")
    assert repr(again) == repr(vae) and again.encoder == vae.encoder


def test_a_start_that_there_is_not():
    with pytest.raises(ValueError, match=r"^start is 'he', expected one of normal, glorot$"):
        VAE(4, 2, start="he")
    layers = {"encoder": [Dense(4, 4)], "decoder": [Dense(2, 4)]}
    with pytest.raises(ValueError, match=r"^start is 'glorot', expected nothing beside encoder"):
        VAE(**layers, start="glorot")
    assert VAE(**layers).start is None
