"""What a user brings works through `fit`: each part of a model, written in another legal way.

A twin computes what a built-in part computes, but returns views where that returns buffers, fresh
arrays, another memory order or another dtype. Whatever passes the gradient check has to train to
the same parameters as the built-in, whether the threads are one or two.
"""

from dataclasses import dataclass

import numpy as np
import pytest
from own_layers import (
    Bypassed,
    Convolution,
    DenseInReverse,
    Power,
    Residual,
    ResidualRow,
    ScaleAndShift,
    Shift,
    ShiftByProduct,
    TwoBranches,
)
from scipy.special import ndtr
from test_fit_options import Spy
from test_methods import killed

from minivae import SGD, VAE, Adagrad, check_grad, fit, load, load_model
from minivae.data_stream import NOISE, Order, stream
from minivae.estimators import SGVBB
from minivae.layers import Activation, Dense, Sequential
from minivae.likelihoods import Bernoulli, Gaussian
from minivae.posteriors import DiagonalGaussian
from minivae.testing import check_layer

DATA = np.random.default_rng(0).random((200, 12))
STEPS = {"batch_size": 20, "evaluate_every": None, "progress": False, "seed": 1}


def trained(vae, threads, dtype, **options):
    """The parameters after a hundred steps.

    Adagrad's epsilon is so large that a step is a smooth function of the gradient: by default its
    first one is the sign, and rounding decides which where a gradient is nearly zero.
    """
    options = {"optimizer": Adagrad(0.05, epsilon=0.1), **options}
    options.setdefault("params", vae.init_params(np.random.default_rng(0), std=0.3))
    return fit(vae, DATA, 2000, threads=threads, dtype=dtype, **STEPS, **options).params.vector


def assert_same(own, built_in, dtype):
    """The same but for rounding.

    Each of a hundred steps rounds a parameter, by a unit in the last place of both runs together at
    the most. Such roundings add up like a random walk, to ten units; there is room for ten times as
    much.
    """
    assert own.dtype == dtype
    unit = np.finfo(dtype).eps * max(1.0, np.abs(built_in).max())
    np.testing.assert_allclose(own, built_in, rtol=0, atol=100 * unit)


@pytest.fixture(params=[1, 2], ids=["1 thread", "2 threads"])
def threads(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def dtype(request):
    return request.param


# --- Posteriors -----------------------------------------------------------------------------------


class Reversed(DiagonalGaussian):
    """The diagonal Gaussian with its numbers in reverse order; what it returns are views."""

    name = "reversed"

    def sample(self, q_params, noise, new=np.empty):
        return super().sample(np.ascontiguousarray(q_params[:, ::-1]), noise, new)

    def sample_backward(self, dz, q_params, noise, scale, new=np.empty):
        q_params = np.ascontiguousarray(q_params[:, ::-1])
        return super().sample_backward(dz, q_params, noise, scale, new)[:, ::-1]


class WrittenOut(DiagonalGaussian):
    """The diagonal Gaussian in plain NumPy: fresh arrays, in an order and a dtype of its own."""

    name = "written out"

    def __init__(self, order="C", dtype=None):
        object.__setattr__(self, "order", order)
        object.__setattr__(self, "dtype", dtype)

    def _fresh(self, array):
        return np.array(array, self.dtype, order=self.order)

    def sample(self, q_params, noise, new=np.empty):
        mu, log_var = np.split(q_params, 2, axis=1)
        z = mu + np.exp(log_var / 2) * noise
        minus_kl = 0.5 * np.sum(1 + log_var - mu**2 - np.exp(log_var), axis=1)
        return self._fresh(z), self._fresh(minus_kl)

    def sample_backward(self, dz, q_params, noise, scale, new=np.empty):
        mu, log_var = np.split(q_params, 2, axis=1)
        dmu = dz.sum(axis=0) - scale * mu
        slope = np.sum(dz * noise, axis=0) * np.exp(log_var / 2) / 2
        dlog_var = slope + scale / 2 * (1 - np.exp(log_var))
        return self._fresh(np.hstack([dmu, dlog_var]))


POSTERIORS = {
    "views": Reversed(),
    "fresh arrays": WrittenOut(),
    "columns first": WrittenOut(order="F"),
    "float64 whatever came": WrittenOut(dtype=np.float64),
}


def in_reverse(params, vae):
    """The same parameters for `Reversed`: the encoder's last layer from right to left."""
    last = len(vae.hidden) + 1
    turned = params.copy()
    for name in (f"encoder.W{last}", f"encoder.b{last}"):
        turned[name][...] = params[name][..., ::-1]
    return turned


@pytest.mark.parametrize("L", [1, 3])
@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior(name, L, threads, dtype):
    own, built_in = VAE(12, 2, (8,), posterior=POSTERIORS[name]), VAE(12, 2, (8,))
    start = built_in.init_params(np.random.default_rng(0), std=0.3)
    turned = in_reverse(start, own) if name == "views" else start
    ours = trained(own, threads, dtype, params=turned, noise_samples=L)
    if name == "views":
        ours = in_reverse(start.like(ours.astype(np.float64)), own).vector.astype(dtype)
    assert_same(ours, trained(built_in, threads, dtype, params=start, noise_samples=L), dtype)


@pytest.mark.parametrize("name", POSTERIORS)
def test_a_posterior_passes_the_gradient_check(name):
    vae, rng = VAE(4, 2, (3,), posterior=POSTERIORS[name]), np.random.default_rng(0)
    params = vae.init_params(rng, std=0.5)
    x, noise = rng.random((3, 4)), rng.standard_normal((2, 3, 2))
    check_grad(lambda p: vae.elbo_and_grad(p, x, noise), params)


# --- Activations ----------------------------------------------------------------------------------


def tanh(h):
    h[:] = np.tanh(np.float64(h))


def tanh_backward(dh, h):
    dh *= 1 - np.float64(h) ** 2


def tanh_backward_from_the_input(dh, a, h):
    dh[:] = dh / np.cosh(a) ** 2


def gelu(h):
    h[:] = h * ndtr(np.float64(h))


def gelu_backward(dh, a, h):
    a = np.float64(a)
    dh[:] = dh * (ndtr(a) + a * np.exp(-(a**2) / 2) / np.sqrt(2 * np.pi))


ACTIVATIONS = {
    "tanh": Activation("own tanh", tanh, tanh_backward),
    "tanh, from its input": Activation("own", tanh, tanh_backward_from_the_input, needs_input=True),
    "gelu": Activation("own gelu", gelu, gelu_backward, needs_input=True),
}


@pytest.mark.parametrize("hidden", [(8,), (8, 6)])
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_an_activation(name, hidden, threads, dtype):
    own = VAE(12, 2, hidden, activation=ACTIVATIONS[name])
    built_in = VAE(12, 2, hidden, activation=name.split(",")[0])
    assert_same(trained(own, threads, dtype), trained(built_in, threads, dtype), dtype)


def test_two_inputs_of_gelu_have_one_output_and_two_slopes():
    a = np.array([[-2.0, -0.0988]])
    h = a.copy()
    gelu(h)
    assert h[0, 0] == pytest.approx(h[0, 1], abs=1e-4)
    dh = np.ones_like(a)
    gelu_backward(dh, a, h)
    np.testing.assert_allclose(dh, [[-0.085, 0.421]], atol=1e-3)


# --- Likelihoods ----------------------------------------------------------------------------------


class OwnBernoulli(Bernoulli):
    """The Bernoulli likelihood in plain NumPy and float64."""

    name = "own bernoulli"

    def log_prob_and_grad(self, out, x, scale, log_px):
        a = np.float64(out)
        log_px[:] = np.sum(x * a - np.logaddexp(0, a), axis=-1)
        out[:] = scale * (x - 1 / (1 + np.exp(-a)))


class OwnGaussian(Gaussian):
    """Mean and log variance of a pixel, in plain NumPy."""

    name = "own gaussian"

    def log_prob_and_grad(self, out, x, scale, log_px):
        mean, log_var = np.split(np.float64(out), 2, axis=-1)
        squared = (x - mean) ** 2 / np.exp(log_var)
        log_px[:] = -0.5 * np.sum(np.log(2 * np.pi) + log_var + squared, axis=-1)
        out[:] = scale * np.concatenate([(x - mean) / np.exp(log_var), (squared - 1) / 2], axis=-1)


@pytest.mark.parametrize("own", [OwnBernoulli(), OwnGaussian()], ids=lambda own: own.name)
def test_a_likelihood(own, threads, dtype):
    vae, built_in = VAE(12, 2, (8,), own), VAE(12, 2, (8,), own.name.removeprefix("own "))
    assert_same(trained(vae, threads, dtype), trained(built_in, threads, dtype), dtype)


# --- Layers ---------------------------------------------------------------------------------------


def row(n, width):
    return [Dense(n, width, "tanh"), Dense(width, n)]


LAYERS = {
    "scale and shift": (ScaleAndShift(3), [(5, 3), (3,), (3,)]),
    "shift": (Shift(3), [(5, 3), (3,)]),
    "shift, by a product": (ShiftByProduct(3), [(5, 3), (3,)]),
    "bypassed": (Bypassed(3), [(5, 3), (3, 3), (3,)]),
    "dense, in reverse": (DenseInReverse(3, 4), [(5, 3), (3, 4), (4,)]),
    "two branches": (TwoBranches(3, 2, 4), [(5, 3), (3, 4), (4,), (4, 2), (2,), (3, 2), (2,)]),
    "convolution": (Convolution(6, 3, 2), [(5, 6), (3, 2), (2,)]),
    "residual": (Residual(Dense(3, 3, "tanh")), [(5, 3), (3, 3), (3,)]),
    "residual row": (ResidualRow(row(3, 4)), [(5, 3), (3, 4), (4,), (4, 3), (3,)]),
    "power": (Power(3, 1.5), [(5, 3)]),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_passes_the_gradient_check(name):
    layer, shapes = LAYERS[name]
    rng = np.random.default_rng(0)
    check_layer(layer, *(rng.standard_normal(shape) for shape in shapes))


def networks(name):
    """An encoder and a decoder with such a layer in front, in the middle or at the end."""
    return {
        "scale and shift": ([ScaleAndShift(12), Dense(12, 4), ScaleAndShift(4)],
                            [Dense(2, 8, "tanh"), ScaleAndShift(8), Dense(8, 12)]),
        "shift": ([Dense(12, 8, "tanh"), Shift(8), Dense(8, 4)],
                  [Shift(2), Dense(2, 8, "softplus"), Shift(8), Dense(8, 12), Shift(12)]),
        "shift, by a product": ([Dense(12, 20, "tanh"), ShiftByProduct(20), Dense(20, 4)],
                                [Dense(2, 10, "tanh"), ShiftByProduct(10), Dense(10, 12)]),
        "bypassed": ([Dense(12, 8, "tanh"), Bypassed(8), Dense(8, 4)],
                     [Bypassed(2), Dense(2, 12)]),
        "dense, in reverse": ([DenseInReverse(12, 8), Dense(8, 4)],
                              [Dense(2, 8, "tanh"), DenseInReverse(8, 12)]),
        "two branches": ([TwoBranches(12, 6, 5), Dense(6, 4)],
                         [TwoBranches(2, 8, 5), Dense(8, 12)]),
        "convolution": ([Convolution(12, 5, 2), Dense(16, 4)],
                        [Dense(2, 14, "tanh"), Convolution(14, 3, 1)]),
        "residual": ([Residual(Dense(12, 12, "tanh")), Dense(12, 4)],
                     [Dense(2, 12), Residual(Sequential(row(12, 5)))]),
        "residual row": ([ResidualRow(row(12, 8)), Dense(12, 4)],
                         [ResidualRow([Dense(2, 2, "relu")]), Dense(2, 12)]),
        "power": ([Power(12, 2), Dense(12, 4)], [Dense(2, 12), Power(12, 1.5), Dense(12, 12)]),
    }[name]  # fmt: skip


def model_with(name):
    encoder, decoder = networks(name)
    return VAE(encoder=encoder, decoder=decoder)


def ascent(vae, dtype, n_steps=100, L=1):
    """What `trained` does, in a few lines and without threads: `SGD(0.05)` along the gradient."""
    params = vae.init_params(np.random.default_rng(0), std=0.3).astype(dtype)
    order, rng = Order(len(DATA), 20, 1), stream(1, NOISE, 0)
    for step in range(n_steps):
        x = DATA[order.rows(step)].astype(dtype)
        _, grad = vae.elbo_and_grad(params, x, rng.standard_normal((L, 20, 2), dtype))
        params.vector[:] += 0.05 * (grad.vector - params.vector / len(DATA))
    return params.vector


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_trains_along_its_gradient(name, dtype):
    vae = model_with(name)
    start = vae.init_params(np.random.default_rng(0), std=0.3)
    ours = trained(vae, 1, dtype, params=start, optimizer=SGD(0.05))
    assert_same(ours, ascent(vae, dtype), dtype)


class OneNoise(SGVBB):
    """Draws for a thread's rows what one thread would draw for them; for minibatches of 20."""

    name = "one noise"

    def draw_noise(self, vae, rng, L, m, dtype, new=np.empty):
        return np.random.default_rng(0).standard_normal((L, 1, vae.n_latent), dtype).repeat(m, 1)


@pytest.mark.parametrize("name", LAYERS)
def test_two_threads_do_what_one_does(name, dtype):
    vae = model_with(name)
    options = {
        "params": vae.init_params(np.random.default_rng(0), std=0.3),
        "estimator": OneNoise(),
    }
    one, two, three = (trained(vae, n, dtype, **options) for n in (1, 2, 3))
    assert_same(two, one, dtype)
    assert_same(three, one, dtype)


def test_a_twin_of_a_dense_layer_trains_as_that_does(threads, dtype):
    own = VAE(
        encoder=[DenseInReverse(12, 8), Dense(8, 4)], decoder=[Dense(2, 8), DenseInReverse(8, 12)]
    )
    built_in = VAE(12, 2, (8,), activation="identity")
    start = built_in.init_params(np.random.default_rng(0), std=0.3)

    def in_other_order(params):
        turned = params.copy()
        turned["encoder.W1"][:], turned["encoder.b1"][:] = (
            params["encoder.W1"][:, ::-1], params["encoder.b1"][::-1]
        )  # fmt: skip
        turned["decoder.W2"][:], turned["decoder.b2"][:] = (
            params["decoder.W2"][:, ::-1], params["decoder.b2"][::-1]
        )  # fmt: skip
        return turned

    ours = trained(own, threads, dtype, params=in_other_order(start))
    ours = in_other_order(start.like(ours.astype(np.float64))).vector.astype(dtype)
    assert_same(ours, trained(built_in, threads, dtype, params=start), dtype)


# --- Files ----------------------------------------------------------------------------------------


def brought(name):
    """A model with something of one's own, and what has to be brought when it is loaded."""
    if name in LAYERS:
        return model_with(name), {type(LAYERS[name][0]).__name__: type(LAYERS[name][0])}
    if name in ACTIVATIONS:
        own = ACTIVATIONS[name]
        return VAE(12, 2, (8,), activation=own), {own.name: own}
    own = {"posterior": WrittenOut(), "likelihood": OwnGaussian()}[name]
    return VAE(12, 2, (8,), **{name: own}), {own.name: own}


@pytest.mark.parametrize("name", [*LAYERS, "gelu", "posterior", "likelihood"])
def test_a_run_is_resumed_to_the_bit_and_its_model_loaded(name, threads, dtype, tmp_path):
    path = tmp_path / "model.npz"
    vae, own = brought(name)
    options = {
        "threads": threads, "dtype": dtype, "optimizer": OwnAdagrad(), "estimator": OwnEstimator()
    }  # fmt: skip
    whole = fit(vae, DATA, 600, **STEPS, **options).params
    fit(vae, DATA, 260, checkpoint=path, **STEPS, **options)
    resumed = fit(brought(name)[0], DATA, 600, checkpoint=path, resume=True, **STEPS, **options)
    assert np.array_equal(resumed.params.vector, whole.vector)
    back, params = load_model(path, own)
    assert np.array_equal(params.vector, whole.vector)
    z = np.random.default_rng(0).standard_normal((3, 2))
    assert np.array_equal(back.decode(params, z), vae.decode(whole, z))
    with pytest.raises(ValueError, match=r"^own lacks "):
        load_model(path)


def run_of_ones_own(samples, checkpoint, resume, dtype):
    """Train a model of which nothing is the library's."""
    narrow = Sequential([Dense(12, 5, ACTIVATIONS["gelu"]), DenseInReverse(5, 12)])
    vae = VAE(
        encoder=[Residual(narrow), Convolution(12, 5, 2), Dense(16, 4)],
        decoder=[TwoBranches(2, 8, 5), Power(8, 1.5), ResidualRow(row(8, 4)), Dense(8, 24)],
        posterior=WrittenOut(order="F"),
        likelihood=OwnGaussian(),
    )
    own = {"optimizer": OwnAdagrad(0.01), "estimator": Boosted()}
    files = {} if checkpoint is None else {"checkpoint": checkpoint, "checkpoint_every": 1e-3}
    return fit(vae, DATA, samples, threads=2, dtype=dtype, resume=resume, **files, **own, **STEPS)


KILLED = """
import sys
from randomness import shift_seeds
shift_seeds()  # as in the process that starts this one
from test_bring_your_own import run_of_ones_own
print("imported", flush=True)
path, dtype, how = sys.argv[1:]
run_of_ones_own(1_000_000, path, how == "resume", dtype)
"""


def test_a_killed_run_of_ones_own_goes_on_to_the_bit(dtype, tmp_path):
    path = tmp_path / "run.npz"
    steps = killed(path, KILLED, str(path), np.dtype(dtype).name, times=2)
    end = 20 * (steps[-1] + 7)
    resumed = run_of_ones_own(end, path, True, dtype)
    assert np.array_equal(resumed.params.vector, run_of_ones_own(end, None, False, dtype)[0].vector)


def test_a_run_with_other_settings_of_ones_own_is_not_resumed(tmp_path):
    path = tmp_path / "model.npz"
    fit(model_with("convolution"), DATA, 100, checkpoint=path, **STEPS)
    other = VAE(
        encoder=[Convolution(12, 5, 2), Dense(16, 4)],
        decoder=[Dense(2, 14, "tanh"), Convolution(14, 3, 1)],
    )
    fit(other, DATA, 200, checkpoint=path, resume=True, **STEPS)
    changed = VAE(
        encoder=[Convolution(12, 9, 4), Dense(16, 4)],
        decoder=[Dense(2, 14, "tanh"), Convolution(14, 3, 1)],
    )
    with pytest.raises(ValueError, match=r"^encoder is .*was trained with"):
        fit(changed, DATA, 300, checkpoint=path, resume=True, **STEPS)


# --- Estimators and optimizers --------------------------------------------------------------------


@dataclass(frozen=True)
class OwnEstimator(SGVBB):
    """Estimator B, asked for its noise and its bound as any estimator is."""

    name = "own sgvb-b"

    def draw_noise(self, vae, rng, L, m, dtype, new=np.empty):
        return rng.standard_normal((L, m, vae.n_latent), dtype)


@dataclass(frozen=True)
class Boosted(OwnEstimator):
    """The same, but its first steps are larger: it remembers by how much."""

    name = "boosted"

    def forward_backward(self, vae, params, x, noise, M, state, new=np.empty):
        boost = 1 + float(state.get("boost", [1.0])[0])
        return super().forward_backward(vae, params, x, noise, M / boost, state, new)

    def update(self, state, bound):
        state["boost"] = state.get("boost", np.ones(1, np.float32)) * np.float32(0.999)


@dataclass(frozen=True)
class OwnAdagrad:
    """Adagrad in plain NumPy; its step size is whatever number the user has typed."""

    step_size: float = 0.05
    epsilon: float = 1e-8
    name = "own adagrad"

    def init(self, theta):
        return {"G": np.zeros_like(theta)}

    def update(self, theta, grad, state, t, decay):
        g = grad - decay * theta
        state["G"] += g**2
        theta += self.step_size * g / (np.sqrt(state["G"]) + self.epsilon)


@dataclass(frozen=True)
class OwnSGD:
    """Stochastic gradient ascent that writes the sum another way round."""

    step_size: float = 0.01
    name = "own sgd"

    def init(self, theta):
        return {}

    def update(self, theta, grad, state, t, decay):
        theta[:] = theta - np.float64(self.step_size) * (decay * theta - grad)


def test_an_estimator(threads, dtype):
    vae = VAE(12, 2, (8,))
    own = trained(vae, threads, dtype, estimator=OwnEstimator())
    assert_same(own, trained(vae, threads, dtype), dtype)


@pytest.mark.parametrize(
    ("own", "built_in"), [(OwnAdagrad(0.05, 0.1), Adagrad(0.05, 0.1)), (OwnSGD(), SGD(0.01))]
)
def test_an_optimizer(own, built_in, threads, dtype):
    vae = VAE(12, 2, (8,))
    ours = trained(vae, threads, dtype, optimizer=own)
    assert_same(ours, trained(vae, threads, dtype, optimizer=built_in), dtype)


# --- Data with a meaning --------------------------------------------------------------------------

COUNTS = np.random.default_rng(0).poisson(4.0, (200, 12))


@pytest.mark.parametrize("dtype_of_counts", [np.uint8, np.int64, np.float32])
def test_counts_are_counts_whatever_holds_them(dtype_of_counts, threads):
    spy, data = Spy(), COUNTS.astype(dtype_of_counts)
    vae = VAE(12, 2, (8,), "poisson")
    options = {"threads": threads, "weight_prior": False, **STEPS}
    result = fit(vae, data, 20_000, estimator=spy, optimizer=Adagrad(0.05), **options)
    assert np.max(spy.seen) == COUNTS.max() > 1
    rates = vae.decode(result.params, np.zeros((1, 2)))[0]
    means, errors = COUNTS.mean(axis=0), np.sqrt(COUNTS.mean(axis=0) / len(COUNTS))
    assert np.all(np.abs(rates - means) < 6 * errors)


def test_bytes_are_pixels_or_numbers_as_the_likelihood_says():
    x, rng = COUNTS[:5].astype(np.uint8), np.random.default_rng(0)
    noise = rng.standard_normal((1, 5, 2))
    for likelihood, meant in (("poisson", np.float64(x)), ("bernoulli", x / 255)):
        vae = VAE(12, 2, (8,), likelihood)
        params = vae.init_params(rng, std=0.3)
        assert vae.elbo(params, x, noise) == vae.elbo(params, meant, noise)


class Silent(OwnBernoulli):
    """A likelihood that does not say what bytes are."""

    name = "silent"
    bytes_are_pixels = None


def test_a_likelihood_that_does_not_say_what_bytes_are_is_asked():
    vae = VAE(12, 2, (8,), Silent())
    with pytest.raises(ValueError, match=r"data has dtype uint8, expected a likelihood that says"):
        fit(vae, COUNTS.astype(np.uint8), 100, **STEPS)
    assert_same(trained(vae, 1, np.float64), trained(VAE(12, 2, (8,)), 1, np.float64), np.float64)


@pytest.mark.parametrize("largest", [1, 10, 1000])
def test_a_file_of_counts_is_loaded_as_they_are(tmp_path, largest):
    counts = np.random.default_rng(0).integers(0, largest + 1, (30, 4))
    np.save(tmp_path / "counts.npy", counts)
    data = load(tmp_path / "counts.npy", counts=True)
    assert data.train.dtype == np.float32
    np.testing.assert_array_equal(np.concatenate([data.train, data.test]), counts)


def test_a_data_set_of_pixels_holds_no_counts():
    with pytest.raises(ValueError, match="counts is True, but 'mnist' has pixels"):
        load("mnist", counts=True)
