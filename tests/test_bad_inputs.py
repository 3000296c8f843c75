"""What does not fit is refused, in one line: the argument, what was expected, what came."""

import re
import warnings
from fractions import Fraction

import numpy as np
import pytest

from minivae import SGD, VAE, Adagrad, Adam, Params, fit
from minivae.evaluation import importance_sampling, mean_bound
from minivae.layers import Dense, Sequential
from minivae.likelihoods import FixedGaussian
from minivae.relatives.linear_gaussian import ppca
from minivae.training.full_vb import fit_full_vb
from minivae.training.mcem import fit_mcem
from minivae.validation import (
    as_pixels,
    check_count,
    check_fraction,
    check_positive,
    check_rng,
    check_seed,
)

RNG = np.random.default_rng(0)
MODEL = VAE(4, 2, (3,))
PARAMS = MODEL.init_params(RNG)
X = RNG.random((5, 4))
NOISE = RNG.standard_normal((2, 5, 2))
FOREIGN = VAE(4, 1, (3,)).init_params(RNG)


def refused(call, message):
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$") as caught:
        call()
    assert "\n" not in str(caught.value)


# --- Building a model -----------------------------------------------------------------------------


@pytest.mark.parametrize("value", [0, -1, 2.5, "4", None, True, np.nan])
@pytest.mark.parametrize("name", ["n_features", "n_latent"])
def test_sizes_of_a_model(name, value):
    sizes = {"n_features": 4, "n_latent": 2, name: value}
    refused(lambda: VAE(**sizes), f"{name} is {value!r}, expected a whole number of at least 1")


@pytest.mark.parametrize(
    ("hidden", "came"), [((3, 0), "np.int64(0)"), ((2.5,), "np.float64(2.5)"), (-1, "np.int64(-1)")]
)
def test_hidden_layers(hidden, came):
    refused(lambda: VAE(4, 2, hidden), f"hidden is {came}, expected a whole number of at least 1")


def test_names():
    refused(
        lambda: VAE(4, 2, likelihood="Bernoulli"),
        "likelihood is 'Bernoulli', expected one of bernoulli, gaussian, gaussian-sigmoid, "
        "gaussian-fixed, gaussian-fixed-relu, poisson or a likelihood object",
    )
    refused(
        lambda: VAE(4, 2, activation="selu"),
        "activation is 'selu', expected one of identity, tanh, relu, softplus, sigmoid, gelu "
        "or an Activation",
    )


def test_networks():
    encoder, decoder = [Dense(4, 3, "tanh"), Dense(3, 4)], [Dense(2, 4)]
    vae = VAE(encoder=Sequential(encoder, "own."), decoder=tuple(decoder))
    assert vae.encoder == VAE(encoder=encoder, decoder=decoder).encoder
    refused(
        lambda: VAE(encoder=encoder, decoder=decoder[0]),
        f"decoder is {decoder[0]!r}, expected layers in a list, such as [{decoder[0]!r}]",
    )
    beside = "expected nothing beside encoder and decoder, which say what their layers are"
    for given in ({"hidden": (3,)}, {"hidden": [500]}, {"activation": "relu"}):
        ((name, value),) = given.items()
        refused(
            lambda given=given: VAE(encoder=encoder, decoder=decoder, **given),
            f"{name} is {value!r}, {beside}",
        )


# --- x --------------------------------------------------------------------------------------------

BAD_X = {
    "3 features": (np.zeros((5, 3)), "x has 3 features, the model expects 4"),
    "a vector": (np.zeros(4), "x has shape (4,), expected (n, 4)"),
    "images": (np.zeros((5, 2, 2)), "x has shape (5, 2, 2), expected (n, 4)"),
    "empty": (np.zeros((0, 4)), "x has no datapoints, expected at least one"),
    "empty bytes": (np.zeros((0, 4), np.uint8), "x has no datapoints, expected at least one"),
    "3 features in bytes": (np.zeros((5, 3), np.uint8), "x has 3 features, the model expects 4"),
    "complex": (np.zeros((5, 4), complex), "x has dtype complex128, expected real numbers"),
    "text": (np.full((5, 4), "a"), "x has dtype <U1, expected real numbers"),
    "objects": (np.full((5, 4), None), "x has dtype object, expected real numbers"),
    "bytes as int": (
        np.full((5, 4), 255),
        "x has pixels from 255 to 255, expected [0, 1] for a Bernoulli likelihood",
    ),
    "NaN": (
        np.where(np.eye(5, 4, k=1), np.nan, 0),
        "x has 3 values that are NaN or infinite (the first at index (0, 1)), "
        "expected finite pixels",
    ),
}

TAKES_X = {
    "elbo": lambda x: MODEL.elbo(PARAMS, x, NOISE),
    "elbo_terms": lambda x: MODEL.elbo_terms(PARAMS, x, NOISE),
    "elbo_and_grad": lambda x: MODEL.elbo_and_grad(PARAMS, x, NOISE),
    "encode": lambda x: MODEL.encode(PARAMS, x),
    "reconstruct": lambda x: MODEL.reconstruct(PARAMS, x),
    "check_data": lambda x: MODEL.check_data("x", x),
}


@pytest.mark.parametrize("method", TAKES_X)
@pytest.mark.parametrize("case", BAD_X)
def test_x(method, case):
    x, message = BAD_X[case]
    refused(lambda: TAKES_X[method](x), message)


@pytest.mark.parametrize("likelihood", ["gaussian", "gaussian-sigmoid", "gaussian-fixed"])
def test_x_of_a_gaussian_must_be_finite(likelihood):
    vae = VAE(4, 2, (3,), likelihood)
    refused(
        lambda: vae.elbo(vae.init_params(RNG), np.full((5, 4), np.inf), NOISE),
        "x has 20 values that are NaN or infinite (the first at index (0, 0)), "
        "expected finite pixels",
    )


@pytest.mark.parametrize(
    ("low", "high", "wondered_at"), [(0, 1, True), (0, 2, False), (1, 9, False)]
)
def test_bytes_that_look_like_bits_are_wondered_at(low, high, wondered_at):
    x = np.full((3, MODEL.n_features), low, np.uint8)
    x[0, 0] = high
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        MODEL.check_data("x", x)
    assert [str(each.message)[:40] for each in warned] == (
        ["x has bytes of which none exceeds 1, tak"] if wondered_at else []
    )


def test_check_data_names_the_data_and_gives_it_back():
    refused(
        lambda: MODEL.check_data("data.test", np.zeros((5, 3))),
        "data.test has 3 features, the model expects 4",
    )
    refused(
        lambda: MODEL.check_data("data.test", X + 1),
        f"data.test has pixels from {X.min() + 1:.6g} to {X.max() + 1:.6g}, "
        "expected [0, 1] for a Bernoulli likelihood",
    )
    pixels = np.asfortranarray(RNG.integers(0, 256, (5, 4), dtype=np.uint8))
    checked = MODEL.check_data("x", pixels)
    assert checked.dtype == np.uint8 and checked.flags.c_contiguous
    np.testing.assert_array_equal(checked, pixels)
    assert MODEL.check_data("x", X) is X
    for given, dtype in (
        (X.astype(np.float16), np.float32),
        (X.astype(np.float32), np.float32),
        (X > 0.5, np.float32),
        (X.tolist(), np.float64),
    ):
        checked = MODEL.check_data("x", given)
        assert checked.dtype == dtype and checked.flags.c_contiguous
        np.testing.assert_array_equal(checked, np.asarray(given, dtype))


# --- The other arguments --------------------------------------------------------------------------


@pytest.mark.parametrize("shape", [(5, 2), (2, 4, 2), (2, 5, 3), (0, 5, 2), (2, 5, 2, 1)], ids=str)
def test_noise(shape):
    message = f"noise has shape {shape}, expected (L, M, J) = (L, 5, 2) with L >= 1"
    for method in (MODEL.elbo, MODEL.elbo_terms, MODEL.elbo_and_grad):
        refused(lambda method=method: method(PARAMS, X, np.zeros(shape)), message)


@pytest.mark.parametrize("dtype", [np.int64, np.float16, np.complex128])
def test_params_of_another_dtype(dtype):
    message = f"params has dtype {np.dtype(dtype)}, expected float32 or float64"
    refused(lambda: MODEL.elbo(PARAMS.astype(dtype), X, NOISE), message)


@pytest.mark.parametrize(
    ("params", "came"),
    [(FOREIGN, repr(FOREIGN)), (PARAMS.vector, "ndarray"), (None, "NoneType")],
    ids=["of another model", "a vector", "None"],
)
def test_params(params, came):
    message = f"params is {came}, expected {Params(MODEL.param_shapes)!r}"
    for call in (
        lambda: MODEL.check_params(params),
        lambda: MODEL.elbo(params, X, NOISE),
        lambda: MODEL.elbo_terms(params, X, NOISE),
        lambda: MODEL.elbo_and_grad(params, X, NOISE),
        lambda: MODEL.encode(params, X),
        lambda: MODEL.decode(params, NOISE[0]),
        lambda: MODEL.reconstruct(params, X),
        lambda: MODEL.sample(params, 3, RNG),
    ):
        refused(call, message)


@pytest.mark.parametrize("shape", [(5, 3), (2,), (2, 5, 2)], ids=str)
def test_z(shape):
    message = f"z has shape {shape}, expected (n, 2)"
    refused(lambda: MODEL.decode(PARAMS, np.zeros(shape)), message)


def test_sample():
    refused(lambda: MODEL.sample(PARAMS, 0, RNG), "n is 0, expected a whole number of at least 1")
    came = "expected a numpy.random.Generator such as numpy.random.default_rng(0)"
    refused(lambda: MODEL.sample(PARAMS, 3, 0), f"rng is int, {came}")
    refused(lambda: MODEL.init_params(None), f"rng is NoneType, {came}")


@pytest.mark.parametrize("optimizer", [Adagrad, SGD, Adam])
@pytest.mark.parametrize("value", [0, -0.1, np.nan, np.inf, "0.1", None])
def test_step_size_and_epsilon(optimizer, value):
    for name in {"step_size", "epsilon"} & set(optimizer.__dataclass_fields__):
        message = f"{name} is {value!r}, expected a positive number"
        refused(lambda name=name: optimizer(**{name: value}), message)


@pytest.mark.parametrize("name", ["beta1", "beta2"])
@pytest.mark.parametrize("value", [1, 1.5, -0.1, np.nan, "0.9"])
def test_betas_of_adam(name, value):
    refused(lambda: Adam(**{name: value}), f"{name} is {value!r}, expected a number in [0, 1)")


def of_two(theta):
    one = 0 * theta
    return {"m": one, "v": one}


@pytest.mark.parametrize(
    ("state", "came"),
    [
        (lambda theta: None, "None, expected a dict of vectors, or {}"),
        (lambda theta: [1], "[1], expected a dict of vectors, or {}"),
        (lambda theta: {"m": None}, "None for 'm', expected a new vector of shape (56,)"),
        (lambda theta: {"m": 0.0}, "0.0 for 'm', expected a new vector of shape (56,)"),
        (lambda theta: {"m": np.zeros(1)}, "float64 of shape (1,) for 'm', expected a new"),
        (lambda theta: {"m": 0 * theta[None]}, "float32 of shape (1, 56) for 'm', expected"),
        (lambda theta: {"m": np.full(56, None)}, "object of shape (56,) for 'm', expected a"),
        (lambda theta: {"m": np.broadcast_to(0.0, 56)}, "an array that is read-only for 'm'"),
        (lambda theta: {"m": theta}, "memory that is in use already for 'm', expected a"),
        (of_two, "memory that is in use already for 'v', expected a new vector of shape (56,)"),
        (lambda theta: {1: 0 * theta}, "a vector called 1, expected another name: "),
        (lambda theta: {"params": 0 * theta}, "a vector called 'params', expected another name"),
        (lambda theta: {"meta": 0 * theta}, "a vector called 'meta', expected another name"),
        (lambda theta: {"state.z": 0 * theta}, "a vector called 'state.z', expected another"),
    ],
)
def test_what_an_optimizer_remembers(state, came, tmp_path):
    members = {"name": "own", "init": staticmethod(state), "update": None}
    options = {"batch_size": 5, "progress": False, "checkpoint": tmp_path / "m.npz"}
    options["optimizer"] = type("Own", (), members)()
    with pytest.raises(ValueError, match=rf"^optimizer\.init returned {re.escape(came)}"):
        fit(MODEL, X, 10, **options)
    for train in (fit_full_vb, fit_mcem):
        with pytest.raises(ValueError, match=r"^optimizer\.init returned "):
            train(MODEL, X, 10, **options)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("threads", [1, 2])
def test_an_optimizer_that_puts_away_its_vectors_is_refused(threads):
    """Its run would look right, and go on wrong from a checkpoint."""

    class Momentum(SGD):
        def init(self, theta):
            return {"m": np.zeros_like(theta)}

        def update(self, theta, grad, state, t, decay):
            state["m"] = 0.9 * state["m"] + grad
            theta += self.step_size * state["m"]

    with pytest.raises(ValueError, match=r"^optimizer\.update has put something else under 'm'"):
        fit(MODEL, X, 10, batch_size=5, optimizer=Momentum(), threads=threads, progress=False)


class Fixed:
    """A known linear decoder."""

    n_in, n_out, shapes = 2, 4, {}

    def init(self, params, rng, std):
        """There is nothing to draw."""

    def forward(self, params, x, new=np.empty):
        return x @ np.ones((2, 4), x.dtype), None

    def backward(self, params, saved, dh, new=np.empty, input_gradient=True):
        return dh @ np.ones((4, 2), dh.dtype), {}


def test_networks_without_parameters():
    half = VAE(encoder=[Dense(4, 4)], decoder=[Fixed()])
    options = {"batch_size": 5, "progress": False, "threads": 2}
    fit(half, X, 10, **options)
    fit_mcem(half, X, 10, batch_size=5, progress=False)
    with pytest.raises(ValueError, match=r"^alternate is True, but the decoder has no parameters"):
        fit(half, X, 10, alternate=True, **options)

    class Projection(Fixed):
        n_in, n_out = 4, 4

        def forward(self, params, x, new=np.empty):
            return x @ np.ones((4, 4), x.dtype), None

    nothing = VAE(encoder=[Projection()], decoder=[Fixed()])
    with pytest.raises(ValueError, match=r"^vae has no parameters to train$"):
        fit(nothing, X, 10, **options)


@pytest.mark.parametrize("value", ["no", None, 2, np.ones(2)], ids=repr)
@pytest.mark.parametrize("train", [fit, fit_mcem])
def test_a_weight_prior_is_there_or_not(train, value):
    message = rf"^weight_prior is {re.escape(repr(value))}, expected True or False"
    with pytest.raises(ValueError, match=message):
        train(MODEL, X, 10, batch_size=5, progress=False, weight_prior=value)


def test_vectors_of_an_optimizer_may_be_of_another_type(tmp_path):
    class Counting(SGD):
        def init(self, theta):
            return {"n": np.zeros(theta.shape, np.int64), "m": np.zeros(theta.shape)}

    options = {"optimizer": Counting(), "checkpoint": tmp_path / "m.npz", "batch_size": 5}
    for samples in (10, 20):
        fit(MODEL, X, samples, resume=samples > 10, progress=False, **options)


# --- The checks themselves ------------------------------------------------------------------------


def test_good_values_come_back_as_python_numbers():
    assert check_count("n", np.int64(3)) == 3 and type(check_count("n", np.int64(3))) is int
    assert check_count("n", 0, minimum=0) == 0
    assert check_positive("p", 2) == 2.0 and type(check_positive("p", 2)) is float
    assert type(check_positive("p", np.float32(0.5))) is float
    assert check_fraction("f", 0) == 0.0 and type(check_fraction("f", 0)) is float
    assert check_rng(RNG) is None


def test_sizes_have_an_end_and_seeds_have_none():
    assert check_count("n", 2**63 - 1) == 2**63 - 1
    for size in (2**63, 2**64, 1e30, 10**400, Fraction(10**400)):
        with pytest.raises(ValueError, match=r"^n has \d+ bits, expected a whole number below"):
            check_count("n", size)
        assert check_seed("seed", size) == size and type(check_seed("seed", size)) is int
    for seed in (-1, -(2**64), 0.5, np.inf, "1", None, True, Fraction(1, 2)):
        with pytest.raises(ValueError, match=r"^seed is .*, expected a whole number of at le"):
            check_seed("seed", seed)


def test_masked_values_are_not_uncovered():
    x = np.ma.masked_greater(X, 0.5)
    message = f"has {np.ma.count_masked(x)} masked values, expected an array without a mask"
    refused(lambda: fit(MODEL, x, 20, batch_size=2), f"data {message}")
    refused(lambda: MODEL.elbo_and_grad(PARAMS, x, NOISE), f"x {message}")
    refused(lambda: ppca(x, 2), f"x {message}")
    assert np.array_equal(as_pixels(np.ma.array(X), np.float64), X)


def test_as_pixels_copies_only_what_it_must():
    assert as_pixels(X, np.float64) is X
    assert as_pixels(X, np.float32).dtype == np.float32
    refused(
        lambda: as_pixels(np.zeros(3, "U1"), np.float32, "face"),
        "face has dtype <U1, expected real numbers",
    )


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: VAE(4, 2, activation=["tanh"]), r"activation is \['tanh'\], expected one of"),
        (lambda: VAE(4, 2, likelihood=None), "likelihood is None, expected one of"),
        (lambda: VAE(4, 2, likelihood=FixedGaussian), "likelihood is <class .*, expected one of"),
        (lambda: FixedGaussian("a"), "sigma is 'a', expected a positive number"),
        (lambda: FixedGaussian(True), "sigma is True, expected a positive number"),
        (lambda: VAE(np.float64(np.inf), 2), "n_features is .*inf.*, expected a whole number"),
    ],
)
def test_what_is_of_the_wrong_kind(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"dtype": np.int64}, "dtype is int64, expected float32 or float64"),
        ({"dtype": np.float16}, "dtype is float16"),
        ({"std": -1.0}, "std is -1.0"),
        ({"std": np.nan}, "std is nan"),
        ({"std": "a"}, "std is 'a', expected a number"),
        ({"std": None}, "std is None"),
    ],
)
def test_initial_parameters(change, message):
    with pytest.raises(ValueError, match=message):
        VAE(4, 2).init_params(np.random.default_rng(0), **change)


def test_parameters_in_another_order_are_refused():
    vae = VAE(4, 2, hidden=(3,))
    shapes = dict(reversed(vae.param_shapes.items()))
    with pytest.raises(ValueError, match="params is Params"):
        vae.encode(Params(shapes), np.zeros((1, 4)))


@pytest.mark.parametrize("seed", ["x", -1, 0.5, None])
def test_seeds_of_what_is_estimated(seed):
    message = f"seed is {seed!r}, expected a whole number of at least 0"
    refused(lambda: mean_bound(MODEL, PARAMS, X, seed=seed), message)
    refused(lambda: importance_sampling(MODEL, PARAMS, X, draws=2, seed=seed), message)
