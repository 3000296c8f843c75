"""Every kernel against the NumPy lines that it stands for, and the series for exp and log1p.

A kernel has a case here: a function that makes its arguments. Both forms then get copies of them,
and every array must be the same afterwards, up to rounding.
"""

import inspect

import numba
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae import data_stream, optimizers, vae
from minivae.engine import kernels, patches, vector_math
from minivae.engine.mode import EQUATIONS
from minivae.layers import images

MODULES = images, data_stream, optimizers, vae  # and what they import: where the equations stand

DTYPES = (np.float32, np.float64)

# One to eight SIMD registers of either dtype, one less, one more; and the smallest of all.
WIDTHS = st.one_of(
    st.sampled_from([1, 2, 3, 7, 8, 9, 15, 16, 17, 31, 32, 33, 64, 65]), st.integers(1, 67)
)

problems = st.fixed_dictionaries(
    {
        "M": st.integers(1, 5),  # datapoints
        "L": st.integers(1, 3),  # samples for each
        "width": WIDTHS,  # units, pixels or latent dimensions
        "dtype": st.sampled_from(DTYPES),
        "seed": st.integers(0, 2**32 - 1),
    }
)


class Draw:
    """Random arrays of one dtype, all sizes taken from one problem."""

    def __init__(self, M, L, width, dtype, seed, size=1.5):
        self.M, self.L, self.width, self.dtype, self.size = M, L, width, dtype, size
        self.rng = np.random.default_rng(seed)

    def normal(self, *shape):
        return (self.size * self.rng.standard_normal(shape)).astype(self.dtype)

    def pixels(self, *shape):
        return self.rng.random(shape).astype(self.dtype)

    def garbage(self, *shape):
        """An output: its old contents must not matter."""
        return np.full(shape, np.nan, self.dtype)


def gather_case(draw):
    data = draw.rng.integers(0, 256, (7, draw.width), dtype=np.uint8)
    rows = draw.rng.integers(0, 7, draw.M)
    return data, rows, draw.garbage(draw.M, draw.width)


def forward_case(draw):
    return (draw.normal(draw.L * draw.M, draw.width),)


def backward_case(activation):
    def case(draw):
        (h,) = forward_case(draw)
        EQUATIONS[activation](h)
        return draw.normal(*h.shape), h

    return case


def bias_case(draw):
    return draw.normal(draw.L * draw.M, draw.width), draw.normal(draw.width)


def column_sums_case(draw):
    da = draw.normal(draw.L * draw.M, draw.width)
    first = draw.rng.integers(draw.width)
    return da, first, draw.garbage(draw.rng.integers(1, draw.width - first + 1))


def posterior_case(draw):
    q_params = draw.normal(draw.M, 2 * draw.width)
    noise = draw.normal(draw.L, draw.M, draw.width)
    return q_params, noise, draw.garbage(*noise.shape), draw.garbage(draw.M)


def posterior_backward_case(draw):
    q_params, noise, z, _ = posterior_case(draw)
    return draw.normal(*z.shape), q_params, noise, draw.dtype(0.3), draw.garbage(*q_params.shape)


def bernoulli_case(draw):
    n = draw.L, draw.M
    x = draw.pixels(draw.M, draw.width)
    return draw.normal(*n, draw.width), x, draw.dtype(0.3), draw.garbage(*n)


def gaussian_case(sigmoid_mean):
    def case(draw):
        n = draw.L, draw.M
        x = draw.pixels(draw.M, draw.width)
        return draw.normal(*n, 2 * draw.width), x, sigmoid_mean, draw.dtype(0.3), draw.garbage(*n)

    return case


def optimizer_case(n_moments, scalars):
    def case(draw):
        theta, grad = draw.normal(draw.width), draw.normal(draw.width)
        moments = [np.abs(draw.normal(draw.width)) for _ in range(n_moments)]
        return theta, grad, *moments, *map(draw.dtype, scalars)

    return case


def patches_case(draw):
    """Images of `width` columns, patches of them, and how these lie."""
    sides = draw.rng.integers(1, 4, 6).tolist()
    (height, k, l), stride, padding = sides[:3], (sides[3], sides[4]), (draw.L - 1, 1)  # noqa: E741
    l = min(l, draw.width + 2)  # noqa: E741
    height = max(height, k)
    P, Q = (height + 2 * (draw.L - 1) - k) // stride[0] + 1, (draw.width + 2 - l) // stride[1] + 1
    images = draw.normal(draw.M, height, draw.width, sides[5])
    return images, stride, padding, draw.normal(draw.M, P, Q, k, l, sides[5])


def gather_patches_case(draw):
    images, stride, padding, patches = patches_case(draw)
    return images, stride, padding, draw.garbage(*patches.shape)


def scatter_patches_case(draw):
    images, stride, padding, patches = patches_case(draw)
    start = draw.normal(images.shape[-1])
    return patches, start, stride, padding, draw.garbage(*images.shape)


CASES = {
    "gather_patches": [gather_patches_case],
    "scatter_patches": [scatter_patches_case],
    "gather_pixels": [gather_case],
    "add_bias": [bias_case],
    "column_sums": [column_sums_case],
    "tanh": [forward_case],
    "tanh_backward": [backward_case("tanh")],
    "relu": [forward_case],
    "relu_backward": [backward_case("relu")],
    "softplus": [forward_case],
    "softplus_backward": [backward_case("softplus")],
    "sigmoid": [forward_case],
    "sigmoid_backward": [backward_case("sigmoid")],
    "reparameterize": [posterior_case],
    "reparameterize_backward": [posterior_backward_case],
    "bernoulli": [bernoulli_case],
    "gaussian": [gaussian_case(False), gaussian_case(True)],
    "adagrad": [optimizer_case(1, (0.02, 0.1, 1e-8))],
    "adam": [optimizer_case(2, (0.01, 0.1, 0.9, 0.999, 1e-8))],
}
PARAMS = [pytest.param(name, case, id=name) for name, cases in CASES.items() for case in cases]


def equation(name):
    """The NumPy form of a kernel; the bias alone is added nowhere else."""
    return (lambda a, b: np.add(a, b, out=a)) if name == "add_bias" else EQUATIONS[name]


def kernel(name):
    return getattr(patches if name.endswith("_patches") else kernels, name)


def run_both(name, arguments):
    """Run a kernel and its twin on copies of the arguments and return what they left there."""
    ours, theirs = (
        [a.copy() if isinstance(a, np.ndarray) else a for a in arguments] for _ in range(2)
    )
    kernel(name)(*ours)
    with np.errstate(all="ignore"):
        equation(name)(*theirs)
    return [pair for pair in zip(ours, theirs, strict=True) if isinstance(pair[0], np.ndarray)]


def assert_same(ours, theirs, size=1.0):
    """Equal up to rounding of numbers of that size; NaN equals NaN."""
    tolerance = 20 * np.finfo(ours.dtype).eps if ours.dtype.kind == "f" else 0
    np.testing.assert_allclose(ours, theirs, rtol=tolerance, atol=tolerance * size)


def test_every_kernel_has_an_equation_and_a_case():
    compiled = {
        name
        for module in (kernels, patches)
        for name, value in vars(module).items()
        if hasattr(value, "py_func") and value.__module__ == module.__name__ and name[0] != "_"
    }
    assert compiled == set(CASES)
    products = {"affine", "matmul_nt", "matmul_tn"}  # see test_products
    assert set(EQUATIONS) == compiled - {"add_bias"} | products
    for name in compiled & set(EQUATIONS):
        names = inspect.signature(kernel(name).py_func).parameters
        assert list(inspect.signature(EQUATIONS[name]).parameters) == list(names)


@pytest.mark.parametrize(("name", "case"), PARAMS)
@given(problem=problems)
def test_a_kernel_does_what_its_twin_does(name, case, problem):
    for ours, theirs in run_both(name, case(Draw(**problem))):
        # Some are sums of terms of order one, which may cancel, or more.
        assert_same(ours, theirs, size=max(1, np.abs(theirs).max()))


# Pixels are whole numbers, which cannot be NaN.
@pytest.mark.parametrize(("name", "case"), [p for p in PARAMS if p.id != "gather_pixels"])
@given(problem=problems, data=st.data())
def test_nan_stays_nan(name, case, problem, data):
    arguments = case(Draw(**problem))
    arrays = [a for a in arguments if isinstance(a, np.ndarray)]
    poisoned = data.draw(st.sampled_from([a for a in arrays if not np.isnan(a).any()]))
    poisoned.flat[data.draw(st.integers(0, poisoned.size - 1))] = np.nan
    pairs = run_both(name, arguments)
    for ours, theirs in pairs:
        np.testing.assert_array_equal(np.isnan(ours), np.isnan(theirs), err_msg=name)
    if name != "relu_backward":  # where h is NaN, h > 0 is false and the unit counts as off
        assert any(np.isnan(ours).any() for ours, _ in pairs)


# --- Far from zero --------------------------------------------------------------------------------
# One number to a row, so that nothing is a sum and every one has to be right by itself.

EXTREMES = [0.0, *(s * 10.0**k for s in (1, -1) for k in range(-8, 5)), 88.0, -88.0, 709.0, -709.0]


def column(dtype, values):
    return np.array(values, dtype).reshape(-1, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("activation", ["tanh", "relu", "softplus", "sigmoid"])
def test_activations_far_from_zero(activation, dtype):
    ((h, theirs),) = run_both(activation, (column(dtype, EXTREMES),))
    assert_same(h, theirs)
    assert np.isfinite(h).all()
    ((dh, theirs), _) = run_both(f"{activation}_backward", (np.ones_like(h), h))
    assert_same(dh, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("pixel", [0.0, 0.3, 1.0])
def test_bernoulli_far_from_zero(pixel, dtype):
    logits = column(dtype, EXTREMES)
    x = np.full_like(logits, pixel)
    log_px = np.empty((1, len(x)), dtype)
    for ours, theirs in run_both("bernoulli", (logits[None], x, dtype(1), log_px)):
        assert_same(ours, theirs)
        assert np.isfinite(ours).all()


LOG_VARS = np.linspace(-20, 20, 81)


@pytest.mark.parametrize("dtype", DTYPES)
def test_posterior_with_extreme_variances(dtype):
    log_var = column(dtype, LOG_VARS)
    mu, eps = np.full_like(log_var, 0.7), np.full_like(log_var, -1.3)
    q_params = np.concatenate([mu, log_var], axis=1)
    eps = eps[None]
    z, minus_kl = np.empty_like(eps), np.empty(len(mu), dtype)
    for ours, theirs in run_both("reparameterize", (q_params, eps, z, minus_kl)):
        assert_same(ours, theirs)
    arguments = (eps, q_params, eps, dtype(1), np.empty_like(q_params))
    for ours, theirs in run_both("reparameterize_backward", arguments):
        assert_same(ours, theirs)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("sigmoid_mean", [False, True])
def test_gaussian_with_extreme_variances(sigmoid_mean, dtype):
    log_var = column(dtype, LOG_VARS)
    out = np.concatenate([np.full_like(log_var, 1.25), log_var], axis=1)
    x = np.full_like(log_var, 0.25)
    log_px = np.empty((1, len(x)), dtype)
    for ours, theirs in run_both("gaussian", (out[None], x, sigmoid_mean, dtype(1), log_px)):
        assert_same(ours, theirs)


# --- The series for exp and log1p -----------------------------------------------------------------


@pytest.fixture(scope="module")
def series():
    """exp and log1p as a kernel sees them: arrays in, arrays out."""

    @numba.njit(error_model="numpy")
    def exp_of(x, out):
        for i in range(x.size):
            out[i] = vector_math.exp(x[i])

    @numba.njit(error_model="numpy")
    def log1p_of(t, out):
        for i in range(t.size):
            out[i] = vector_math.log1p(t[i])

    def apply(loop, values):
        out = np.empty_like(values)
        loop(values, out)
        return out

    return lambda x: apply(exp_of, x), lambda t: apply(log1p_of, t)


def largest_error(ours, theirs):
    """The largest relative error, in units of the dtype's eps."""
    error = np.abs(ours.astype(np.longdouble) - theirs) / theirs
    return float(error.max() / np.finfo(ours.dtype).eps)


@pytest.mark.parametrize(("dtype", "end"), [(np.float32, 87.0), (np.float64, 708.0)])
def test_exp_is_exact_to_a_few_units_in_the_last_place(series, dtype, end):
    exp, _ = series
    x = np.concatenate([np.linspace(-end, end, 200_001), np.linspace(-1, 1, 200_001)]).astype(dtype)
    assert largest_error(exp(x), np.exp(x.astype(np.longdouble))) < 4
    assert exp(np.zeros(1, dtype)) == 1


@pytest.mark.parametrize("dtype", DTYPES)
def test_exp_beyond_its_range_is_infinite_or_tiny(series, dtype):
    exp, _ = series
    x = np.array([-np.inf, -1e4, 1e4, np.inf], dtype)
    tiny = np.finfo(dtype).tiny
    np.testing.assert_allclose(exp(x), [tiny, tiny, np.inf, np.inf], rtol=1e-4)


@pytest.mark.parametrize("dtype", DTYPES)
def test_log1p_is_exact_to_a_few_units_in_the_last_place(series, dtype):
    _, log1p = series
    t = np.concatenate([np.linspace(0, 1, 200_001)[1:], np.geomspace(1e-30, 1, 10_001)])
    t = t.astype(dtype)
    assert largest_error(log1p(t), np.log1p(t.astype(np.longdouble))) < 4
    assert log1p(np.zeros(1, dtype)) == 0


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_series_of_nan_are_nan(series, dtype):
    for function in series:
        assert np.isnan(function(np.full(9, np.nan, dtype))).all()


def test_the_series_say_that_they_are_for_kernels_only():
    for function in (vector_math.exp, vector_math.log1p):
        with pytest.raises(TypeError, match="compiled loops only"):
            function(0.5)


# --- The equations of the products ---------------------------------------------------------------


@given(problem=problems, first=st.integers(0, 3))
def test_the_products_say_what_they_are(problem, first):
    draw = Draw(**{**problem, "dtype": np.float64})
    n_in, n_out = draw.width + first, draw.L
    x, W, dy = draw.normal(draw.M, n_in), draw.normal(n_in, n_out), draw.normal(draw.M, n_out)
    b, h, dx = draw.normal(n_out), draw.garbage(draw.M, n_out), draw.garbage(draw.M, n_in)
    dW = draw.garbage(draw.width, n_out)
    EQUATIONS["affine"](x, W, b, h)
    EQUATIONS["matmul_nt"](dy, W, dx)
    EQUATIONS["matmul_tn"](x, dy, dW, first)
    assert_same(h, np.einsum("ni,io->no", x, W) + b, size=n_in)
    assert_same(dx, np.einsum("no,io->ni", dy, W), size=n_out)
    assert_same(dW, np.einsum("ni,no->io", x, dy)[first:], size=draw.M)
