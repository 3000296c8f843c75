"""The judge is judged: right gradients pass, wrong ones fail, and the report says why."""

import dataclasses
import itertools
import math
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from minivae.checks.gradcheck import (
    _RATIO,
    GradCheckError,
    GradReport,
    Mismatch,
    _rounding_noise,
    check_grad,
)
from minivae.params import Params

SEEDS = st.integers(0, 2**32 - 1)


def failures(f, x, *grad, **options):
    return check_grad(f, x, *grad, raise_exception=False, **options).failures


def linear(claim, slopes):
    """Return f with the given slopes, which claims others."""
    return lambda x: (np.sum(slopes * x), np.array(claim, dtype=float))


def square(x):
    return np.sum(x**2), 2 * x


# --- right gradients pass ---------------------------------------------------------------------


def polynomial(rng, n, scale):
    A, c, p = rng.standard_normal((n, n)), rng.standard_normal(n), rng.integers(1, 5)

    def f(x):
        return x @ A @ x + np.sum(c * x**p) - 100, (A + A.T) @ x + p * c * x ** (p - 1)

    return f, scale * rng.standard_normal(n)


def exponential(rng, n, scale):
    a, size = rng.standard_normal(n) / scale, 10 ** rng.uniform(-3, 3)

    def f(x):
        return size * np.sum(np.exp(a * x)), size * a * np.exp(a * x)

    return f, scale * rng.standard_normal(n)


def log_sum_exp(rng, n, scale):
    def f(x):
        e = np.exp(x - x.max())
        return x.max() + np.log(e.sum()), e / e.sum()

    return f, scale * rng.standard_normal(n)


def logarithm(rng, n, scale):
    return lambda x: (np.log(x).mean(), 1 / x / n), scale * np.exp(rng.standard_normal(n))


def gaussian(rng, n, scale):
    z = scale * rng.standard_normal(n)

    def f(theta):
        mu, log_var = theta
        squares = (z - mu) ** 2 * np.exp(-log_var)
        gradient = (z - mu) * np.exp(-log_var), 0.5 * (squares - 1)
        return -0.5 * np.sum(log_var + squares), gradient

    return f, (scale * rng.standard_normal(n), 2 * math.log(scale) + rng.standard_normal(n))


def tanh_net(rng, n, scale):
    inputs = rng.standard_normal((3, 4)) / scale

    def f(p):
        h = np.tanh(inputs @ p["W"] + p["b"])
        residual = h @ p["v"] - 1.0
        da = residual[:, None] * p["v"] * (1 - h**2) / 3
        gradient = {"v": h.T @ residual / 3, "W": inputs.T @ da, "b": da.sum(axis=0)}
        return 0.5 * np.mean(residual**2), gradient

    shapes = {"W": (4, n), "b": (n,), "v": (n,)}
    return f, {name: rng.standard_normal(shape) for name, shape in shapes.items()}


FAMILIES = [polynomial, exponential, log_sum_exp, logarithm, gaussian, tanh_net]


@pytest.mark.parametrize("family", FAMILIES)
@given(SEEDS, st.integers(1, 8), st.floats(-3, 3), st.sampled_from([0, 2000]))
def test_right_gradients_pass_at_every_scale(family, seed, n, magnitude, max_full):
    f, x = family(np.random.default_rng(seed), n, 10**magnitude)
    report = check_grad(f, x, max_full=max_full, n_directions=3, rng=seed)
    assert report.passed and report.max_rel_error <= 1e-6
    assert report.failures == report.hints == []


@given(st.lists(st.integers(1, 4), max_size=4).map(tuple), SEEDS)
def test_arrays_of_any_shape(shape, seed):
    x = np.asarray(np.random.default_rng(seed).standard_normal(shape))
    report = check_grad(lambda x: (np.sum(np.sin(x)), np.cos(x)), x)
    assert report.n_checked == report.n_parameters == x.size


def test_nested_structures_have_readable_names():
    x = {"theta": (np.ones(2), np.array(3.0)), "phi": Params({"W": (2, 2)}, np.arange(4.0))}

    def f(x):
        (a, b), W = x["theta"], x["phi"]["W"]
        gradient = {"phi": {"W": -W}, "theta": (a + 1.0, float(b + 1))}
        return 0.5 * (np.sum(a**2) + b**2 + np.sum(W**2)), gradient

    found = failures(f, x)
    assert {m.name for m in found} == {"theta[0]", "theta[1]", "phi.W"}
    assert {m.index for m in found if m.name == "theta[1]"} == {()}


def test_counts_of_full_and_sampled_checks():
    x = {"W": np.ones((6, 5)), "b": np.ones(4)}

    def f(x):
        return sum(np.sum(v**2) for v in x.values()), {k: 2 * v for k, v in x.items()}

    full = check_grad(f, x, max_full=34)
    assert (full.n_checked, full.n_parameters) == (34, 34)
    # W: 4 coordinates and 4 directions; b: all 4 coordinates; 4 directions through everything.
    sampled = check_grad(f, x, max_full=33, n_directions=4)
    assert (sampled.n_checked, sampled.n_parameters) == (16, 34)


def test_the_coordinates_of_a_sample_are_different_ones():
    # 20 of 21; all of them are wrong, so that all show up.
    found = failures(linear(-np.ones(21), np.ones(21)), np.zeros(21), max_full=0)
    assert len({m.index for m in found if m.index is not None}) == 20


def test_value_and_gradient_as_two_functions():
    gradients = []

    def grad(x):
        gradients.append(2 * x)
        return gradients[-1]

    assert check_grad(lambda x: np.sum(x**2), np.arange(5.0), grad).passed
    assert len(gradients) == 2  # differences need values only
    assert failures(lambda x: np.sum(x**2), np.arange(5.0), lambda x: 2.1 * x)


def test_x_is_left_alone_and_answers_repeat():
    f, x = polynomial(np.random.default_rng(0), 30, 1.0)
    x.flags.writeable = False
    options = {"max_full": 0, "n_directions": 4}
    first, second = check_grad(f, x, **options), check_grad(f, x, **options)
    other = check_grad(f, x, rng=np.random.default_rng(5), **options)
    assert first == second != other


@pytest.mark.parametrize("sign", [1, -1])
def test_an_ordinary_function_costs_six_values_a_coordinate_and_nine_digits_agree(sign):
    calls = []

    def f(x):
        calls.append(1)
        return sign * np.sum(np.exp(x)), sign * np.exp(x)

    report = check_grad(f, np.linspace(-1, 1, 20))
    for_the_noise = 5 * (12 + 1)
    assert len(calls) == 2 + for_the_noise + 6 * 20
    assert report.max_rel_error < 1e-9


def test_steps_go_from_a_thirtysecond_down_to_a_few_times_1e_8():
    distances = []

    def f(x):
        distances.append(np.abs(x[0]))
        return np.abs(x).sum(), np.zeros(1)  # has no slope at 0, whatever the step

    assert failures(f, np.zeros(1))
    assert max(distances) == 2**-5
    assert 2e-8 < min(filter(None, distances)) < 3e-8


def test_two_thousand_parameters_are_checked_one_by_one_and_more_in_twenty_directions_by_default():
    assert check_grad(square, np.ones(2000)).n_checked == 2000
    assert check_grad(square, np.ones(2001)).n_checked == 20 + 20


def test_the_directions_are_the_same_ones_by_default():
    claims = [
        [m.analytic for m in failures(linear(-np.ones(50), np.ones(50)), np.zeros(50), **options)]
        for options in ({"max_full": 0}, {"max_full": 0, "rng": 0})
    ]
    assert claims[0] == claims[1] and len(set(claims[0])) > 1


def test_what_is_off_by_just_rtol_passes():
    assert check_grad(linear(np.zeros(3), np.ones(3)), np.zeros(3), rtol=1.0).passed


def test_coordinates_are_judged_where_no_other_direction_can_be_gone():
    def f(x):
        return np.sum(x) if np.count_nonzero(x) <= 1 else np.float64(np.nan), np.full(3, 1.1)

    assert len(failures(f, np.zeros(3))) == 3


def test_no_error_is_larger_than_what_it_is_relative_to():
    found = failures(linear(np.ones(100), np.zeros(100)), np.zeros(100), max_full=0,
                     n_directions=90)  # fmt: skip
    assert len(found) == 180 and max(m.rel_error for m in found) == 1


# --- wrong gradients fail ---------------------------------------------------------------------

SHAPES = {"x": (5, 4), "W": (4, 4), "b": (4,)}


def two_terms(p):
    """Return a value, its gradient, and the gradient without its second term."""
    h = np.tanh(p["x"] @ p["W"] + p["b"])
    dh = (1 - h**2) * 2 * h
    fit = {"x": dh @ p["W"].T, "W": p["x"].T @ dh, "b": dh.sum(axis=0)}
    value = np.sum(h**2) + 0.1 * sum(np.sum(p[name] ** 2) for name in SHAPES)
    return value, {name: fit[name] + 0.2 * p[name] for name in SHAPES}, fit


def as_params(arrays):
    return Params(SHAPES, as_vector(arrays))


def as_vector(arrays):
    return np.concatenate([arrays[name].ravel() for name in SHAPES])


def as_tuple(arrays):
    return tuple(arrays[name] for name in SHAPES)


def unpack(x):
    """Turn any of these forms back into a dict."""
    if isinstance(x, tuple):
        return dict(zip(SHAPES, x, strict=True))
    x = Params(SHAPES, x) if isinstance(x, np.ndarray) else x
    return {name: x[name] for name in SHAPES}


BUGS = {  # the block, and what becomes of its gradient
    "none": (None, None),
    "one of 40 numbers by 1e-5": ("b", lambda g, fit: g * [1, 1, 1 + 1e-5, 1]),
    "sign": ("W", lambda g, fit: -g),
    "factor": ("x", lambda g, fit: 2 * g),
    "transposed": ("W", lambda g, fit: g.T.copy()),
    "missing term": ("W", lambda g, fit: fit),
    "missing": ("b", lambda g, fit: 0 * g),
}


@pytest.mark.parametrize("mode", ["full", "sampled"])
@pytest.mark.parametrize("form", [dict, as_params, as_tuple, as_vector])
@pytest.mark.parametrize("bug", BUGS)
def test_planted_bugs_are_caught(bug, form, mode):
    rng = np.random.default_rng(4)
    x = form({name: rng.standard_normal(shape) for name, shape in SHAPES.items()})
    culprit, change = BUGS[bug]

    def f(x):
        value, gradient, fit = two_terms(unpack(x))
        if culprit:
            gradient[culprit] = change(gradient[culprit], fit[culprit])
        return value, form(gradient)

    # Four of the 40 numbers of a vector: the one that is nearly right may not be among them.
    n = 40 if form is as_vector and bug.startswith("one") else 4
    options = {"max_full": 0, "n_directions": n} if mode == "sampled" else {}
    names = {m.name for m in failures(f, x, **options)} - {"(all)"}
    label = {as_tuple: f"x[{[*SHAPES].index(culprit or 'x')}]", as_vector: "x"}.get(form, culprit)
    assert names == ({label} if culprit else set())


@given(SEEDS, st.floats(1.1e-6, 1e-3), st.sampled_from([-1, 1]))
def test_one_wrong_number_is_caught_from_just_above_rtol_on(seed, error, sign):
    rng = np.random.default_rng(seed)
    f, x = tanh_net(rng, 5, 1.0)
    _, gradient = f(x)
    name = str(rng.choice(list(x)))
    index = tuple(np.argwhere(np.abs(gradient[name]) > 1e-3)[0].tolist())

    def nearly(x):
        value, gradient = f(x)
        gradient[name][index] *= 1 + sign * error
        return value, gradient

    (failure,) = failures(nearly, x)
    assert (failure.name, failure.index) == (name, index)
    assert failure.rel_error == pytest.approx(error / max(1, 1 + sign * error), abs=1e-7)


@pytest.mark.parametrize("n_bias", [3, 50])  # 50 is more than the sample of 10 coordinates
@pytest.mark.parametrize("factor", [1.0, 1.0001])
def test_a_wrong_small_block_cannot_hide_behind_a_large_right_one(n_bias, factor):
    rng = np.random.default_rng(7)
    x = {"W": rng.standard_normal(100_000), "b": rng.standard_normal(n_bias)}

    # The biases matter much less than the weights.
    def f(x):
        return np.mean(x["W"] ** 2) + 1e-3 * np.sum(np.sin(x["b"]))

    def grad(x):
        return {"W": 2 * x["W"] / 100_000, "b": factor * 1e-3 * np.cos(x["b"])}

    names = [m.name for m in failures(f, x, grad, n_directions=10)]
    assert names.count("b") == (0 if factor == 1 else 3 if n_bias == 3 else 20)
    assert names.count("W") == 0


@pytest.mark.parametrize("seed", range(5))
def test_directions_alone_see_an_error_above_rtol_sqrt_n(seed):
    x = np.random.default_rng(seed).standard_normal(10_000)

    def f(x):
        gradient = np.cos(x)
        gradient[0] += 1e-2  # about 1e-2 of a typical entry; rtol * sqrt(n) is 1e-4
        return np.sum(np.sin(x)), gradient

    found = failures(f, x, n_directions=5, rng=seed)
    assert found and all(m.index is None for m in found)


def test_directions_do_not_ask_for_more_than_rtol():
    # Where <grad, d> nearly cancels, a relative error of 1e-6 of *it* would be too much to ask.
    errors = 1e-7 * np.random.default_rng(1).choice([-1, 1], 3000)
    assert check_grad(linear(1 + errors, np.ones(3000)), np.zeros(3000), n_directions=200).passed


def test_directions_are_unit_vectors():
    slopes = np.eye(1, 100)[0]
    found = failures(linear(-slopes, slopes), np.zeros(100), max_full=0)
    along = [abs(m.numeric) for m in found if m.index is None]
    assert len(along) == 20 and max(along) < 0.5


@pytest.mark.parametrize("atol, passes", [(1.1e-4, True), (0.9e-4, False)])
def test_atol_forgives_small_differences_only(atol, passes):
    report = check_grad(linear([1 + 1e-4], 1.0), np.ones(1), atol=atol, raise_exception=False)
    assert report.passed == passes


# --- tolerances, from both sides --------------------------------------------------------------

from_both_sides = pytest.mark.parametrize("share, passes", [(0.9, True), (1.1, False)])


@from_both_sides
@pytest.mark.parametrize("sign", [-1, 1])
@pytest.mark.parametrize("rtol", [1e-6, 1e-3])
def test_rtol_counts_in_every_entry(rtol, sign, share, passes):
    slopes = np.array([1.0, -250.0, 0.004])
    f = linear((1 + sign * share * rtol) * slopes, slopes)
    assert len(failures(f, np.zeros(3), rtol=rtol)) == (0 if passes else 3)


@from_both_sides
@pytest.mark.parametrize("rtol", [1e-6, 1e-3])
def test_rtol_counts_along_every_direction(rtol, share, passes):
    # The only slope is wrong: whatever the direction, its relative error is that of the slope.
    slopes = np.eye(1, 100)[0]
    f = linear((1 + share * rtol) * slopes, slopes)
    found = failures(f, np.zeros(100), rtol=rtol, max_full=0)
    assert sum(m.index is None for m in found) == (0 if passes else 20)


@from_both_sides
@pytest.mark.parametrize("slope", [1e-3, 1.0, 1e3])
def test_a_kink_is_one_from_a_thousandth_of_the_slope_on(slope, share, passes):
    # The slopes are 1 - j and 1 + j times that, and the claim is their mean, which is also what
    # differences see: without the note it would pass.
    def f(x):
        return slope * np.sum(x + 1e-3 * share * np.abs(x)), np.array([slope])

    notes = [m.note for m in failures(f, np.zeros(1))]
    assert notes == ([] if passes else ["f may not be smooth here"])


@pytest.mark.parametrize("claim", [1.0, 1.02, 1.04])
def test_no_claim_passes_at_a_kink_of_a_few_percent(claim):
    (failure,) = failures(lambda x: (np.sum(np.maximum(x, 1.04 * x)), claim + 0 * x), np.zeros(1))
    assert failure.note == "f may not be smooth here"


@pytest.mark.parametrize("error, passes", [(2e-9, True), (4e-8, False)])
@pytest.mark.parametrize("sign", [-1, 1])
def test_what_rounding_can_do_is_forgiven_and_not_much_more(sign, error, passes):
    # In steps of 1e-11 values are off by N = 3e-12, and the best h is 3e-3: 8 N/h is 1e-8.
    def f(x):
        return 1e-11 * np.round(np.sum(x) / 1e-11), np.array([1 + sign * error])

    assert (not failures(f, np.array([0.3]), rtol=1e-9)) == passes


def test_slopes_settle_far_within_rtol():
    # An estimate is kept when it differs from the one before by a tenth of rtol; its own error,
    # of fourth order in the step, is then a hundred times smaller: 1e-9.
    for w in np.geomspace(0.5, 3000, 120):

        def f(x, w=w):
            return np.sum(np.sin(w * x)), w * np.cos(w * x)

        assert check_grad(f, np.array([0.3])).max_rel_error < 1e-8


@pytest.mark.parametrize("step, passes", [(1e-10, True), (1e-8, False)])
def test_values_need_ten_digits(step, passes):
    # In such steps, a value of 3 is off by a tenth of a step, relative to its size.
    def f(x):
        return step * np.round((1 + np.sum(np.sin(x))) / step), np.cos(x)

    if passes:
        assert check_grad(f, np.array([1.2, 1.5])).passed
    else:
        with pytest.raises(ValueError, match="f is rounded to"):
            check_grad(f, np.array([1.2, 1.5]))


def test_digits_count_relative_to_the_values_nearby():
    # At zero, value and gradient are zero but for the rounding of numbers around one.
    weights = np.array([1.3, 0.6])

    def f(x):
        return np.sum(weights * np.cos(x)) - 1.9, -weights * np.sin(x)

    assert check_grad(f, np.zeros(2)).passed


@from_both_sides
def test_two_gradients_may_differ_by_a_billionth(share, passes):
    calls = itertools.count()

    def f(x):
        return np.sum(x**2), 2 * x * (1 + 1e-9 * share * (next(calls) % 2))

    if passes:
        assert check_grad(f, X).passed
    else:
        with pytest.raises(ValueError, match="f gave two gradients at the same x"):
            check_grad(f, X)


@from_both_sides
def test_a_pattern_is_one_up_to_a_thousandth(share, passes):
    claim = -M * [[1, 1], [1 + 1e-3 * share, 1]]  # off in the largest entry
    report = check_grad(linear(claim, M), np.zeros((2, 2)), raise_exception=False)
    assert (report.hints == ["x: sign flipped"]) == passes


# --- difficult functions ----------------------------------------------------------------------


@pytest.mark.parametrize("claim", [0.0, 0.5, 1.0])
def test_no_claim_passes_at_a_kink(claim):
    def f(x):
        return np.sum(np.maximum(x, 0)), np.array([1.0, claim, 0.0])

    report = check_grad(f, np.array([1.0, 0.0, -1.0]), raise_exception=False)
    (failure,) = report.failures
    assert failure.index == (1,)
    assert failure.note == "f may not be smooth here"
    assert failure.note in str(report) and "kink" in report.hints[0]


@given(st.floats(1e-5, 1.0), st.sampled_from([-1, 1]), st.booleans())
def test_steps_shrink_until_they_miss_a_kink_nearby(distance, side, wrong):
    factor = 1 + 1e-5 * wrong

    def f(x):
        return np.sum(np.maximum(x, 2 * x)), factor * np.where(x > 0, 2.0, 1.0)

    found = failures(f, np.array([side * distance, 0.7]))
    assert len(found) == 2 * wrong and all(m.note == "" for m in found)


def test_leaving_the_domain_of_f_makes_steps_smaller():
    x = np.array([1e-3, 1e-2, 0.5])  # the first step is 3e-2
    assert check_grad(lambda x: (np.sum(np.log(x)), 1 / x), x).passed


@pytest.mark.parametrize("outside", [math.nan, math.inf])
def test_the_edge_of_the_domain_fails_and_says_so(outside):
    def f(x):
        root = np.sqrt(np.abs(x))
        return np.sum(np.where(x < 0, outside, x * root)), 1.5 * root

    report = check_grad(f, np.array([0.0, 1.0]), raise_exception=False)
    (failure,) = report.failures
    assert failure.index == (0,) and math.isnan(failure.numeric)
    assert failure.rel_error == report.max_rel_error == math.inf
    assert "domain" in report.hints[0]


def test_a_first_step_that_f_refuses_can_be_made_smaller():
    def f(x):
        if np.any(np.abs(x) > 1):
            raise ValueError("x is too large")
        return square(x)

    with pytest.raises(ValueError, match="too large"):
        check_grad(f, np.array([0.99]))
    assert check_grad(f, np.array([0.99]), step=1e-3).passed


def test_a_wave_whose_period_fits_the_steps():
    # Steps of ratio 4, from 2^-5 to 2^-9, would all be whole numbers of periods: f looks constant.
    w = 2.0**10 * math.pi

    def f(x):
        return np.sum(np.sin(w * x)), w * np.cos(w * x)

    assert check_grad(f, np.array([0.1, 0.4])).passed


def test_an_odd_function_has_no_bend_but_its_slope_has_to_settle():
    def f(x):
        return np.sum(np.sin(100 * x)), 100 * np.cos(100 * x)

    assert check_grad(f, np.zeros(1)).passed


@pytest.mark.parametrize("factor", [1.0, 1.00001])
def test_large_numbers_get_large_steps(factor):
    def f(x):
        return np.sum(np.sin(x / 1e12)), factor * np.cos(x / 1e12) / 1e12

    assert len(failures(f, np.array([1e12, -3e12]))) == (0 if factor == 1 else 2)


@pytest.mark.parametrize("factor", [1.0, 1.01])
def test_rounding_inside_f_is_measured(factor):
    # Adding 1e4 leaves 12 decimals of the first term, and the value itself does not show it.
    def f(x):
        return (1e4 + 1e-5 * x[0]) - 1e4 + x[1], np.array([1e-5 * factor, 1.0])

    assert len(failures(f, np.array([0.3, 0.8]))) == (0 if factor == 1 else 1)


@given(st.permutations([1e-12, 3e-14, 1e-15, 2e-16, 0.0]))
def test_the_size_of_the_rounding_is_the_second_largest_of_five_lines(sizes):
    """The largest may be that of another kink, and along the others little may be rounded."""
    lines = iter(sizes)

    def along(part, size, t):  # rounded up and down from point to point, but where it is smooth
        return 1.0 if t == 1 else size * (-1) ** round(t / (_RATIO * 2.0**-22))

    objective = SimpleNamespace(scale=1.0, direction=lambda part, rng: next(lines), along=along)
    noise = _rounding_noise(objective, 1.0, np.zeros(3), 1.0, np.random.default_rng(0))
    assert noise == pytest.approx(3e-14 * 2**6 / math.sqrt(math.comb(12, 6)), rel=1e-9, abs=0)


def test_a_slope_that_drowns_in_rounding_is_not_an_error():
    # Neighbours of 1e8 are 1.5e-8 apart; over the points that measure the noise f is constant.
    assert check_grad(lambda x: (1e8 + np.sum(1e-6 * x), np.full(3, 1e-6)), np.ones(3)).passed


def test_a_constant_zero():
    assert check_grad(lambda x: (0 * np.sum(x), 0 * x), np.ones(3)).max_rel_error == 0


# --- questions that make no sense -------------------------------------------------------------

RNG = np.random.default_rng(0)
X = np.linspace(0.1, 1, 6).reshape(2, 3)


def in_place(x):
    result = square(x)
    x[0] = 0.0
    return result


def rebinding(x):
    x["W"] = 2 * x["W"]
    return np.sum(x["W"]), x


def claiming(gradient):
    return lambda x: (np.sum(x**2), gradient(x))


def in_float32(x):
    return float(np.sum(x.astype(np.float32) ** 2)), 2 * x


UNFIT = [
    (square, [1.0], "x is of type list, expected a float64 array"),
    (square, 1.0, "x is of type float, expected a float64 array"),
    (square, np.float32(X), "x has dtype float32, expected float64: fewer digits"),
    (square, np.arange(3), "x has dtype int64, expected float64"),
    (square, {"W": X, "b": None}, "b is of type NoneType, expected a float64 array"),
    (square, np.array([0, np.nan]), "x is nan at index (1,), expected finite"),
    (square, {}, "x has 0 parameters, expected at least 1"),
    (square, np.ones((3, 0)), "x has 0 parameters, expected at least 1"),
    (np.sum, X, "f(x) returned float64, expected (value, gradient)"),
    (lambda x: (x, x), X, "f(x) has shape (2, 3), expected ()"),
    (lambda x: (1, x), X, "f(x) is of type int, expected a float64 scalar"),
    (lambda x: (np.float32(1), x), X, "f(x) has dtype float32, expected float64"),
    (lambda x: (math.nan, x), X, "f(x) is nan at index (), expected finite"),
    (claiming(lambda x: x.T), X, "the gradient of x has shape (3, 2), expected (2, 3)"),
    (claiming(np.float32), X, "the gradient of x has dtype float32, expected float64"),
    (claiming(lambda x: None), X, "the gradient of x is of type NoneType, expected a float64"),
    (claiming(lambda x: x + np.inf), X, "the gradient of x is inf at index (0, 0), expected"),
    (lambda x: (x["W"][0], {"w": 0}), {"W": X[0]}, "the gradient has parts ['w'], expected ['W']"),
    (lambda x: (RNG.random(), x), X, "f gave two values at the same x, expected one: hold its"),
    (claiming(lambda x: x * RNG.random()), X, "f gave two gradients at the same x, expected one"),
    (in_place, X, "f changed x in place, expected x to stay as it was"),
    (rebinding, {"W": X}, "f changed W in place, expected x to stay as it was"),
    (in_float32, X, "e-08 of its size, expected 1e-16: is a part of it computed in float32"),
]


@pytest.mark.parametrize("f, x, message", UNFIT, ids=[message for *_, message in UNFIT])
def test_unfit_questions_are_refused_in_one_line(f, x, message):
    with pytest.raises(ValueError) as caught:
        check_grad(f, x)
    assert message in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["rtol", "step"])
@pytest.mark.parametrize("number", [0, -1, math.nan, math.inf, "a"])
def test_options_are_checked(name, number):
    with pytest.raises(ValueError, match=f"{name} is {number!r}, expected a positive number"):
        check_grad(square, X, **{name: number})


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"atol": math.inf}, "atol is inf, expected a positive number"),  # it would pass anything
        ({"atol": -1}, "atol is -1, expected a positive number"),
        ({"n_directions": 0}, "n_directions is 0, expected a whole number of at least 1"),
        ({"n_directions": 2.5}, "n_directions is 2.5, expected a whole number of at least 1"),
        ({"max_full": -1}, "max_full is -1, expected a whole number of at least 0"),
        ({"rng": "a"}, "rng is 'a', expected a whole number of at least 0"),
        ({"grad": X}, "grad is of type ndarray, expected a function"),
    ],
)
def test_other_options_are_checked(option, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        check_grad(square, X, **option)


def test_f_has_to_be_a_function():
    with pytest.raises(ValueError, match=r"^f is of type NoneType, expected a function"):
        check_grad(None, X)


def test_what_f_does_to_its_argument_elsewhere_is_undone():
    # At x itself it would be refused; one point is moved about for all other values.
    def spoiling(x):
        value, gradient = square(x)
        if not np.array_equal(x, X):
            x[...] = 7.0
        return value, gradient

    assert check_grad(spoiling, X).max_rel_error == check_grad(square, X).max_rel_error


def test_a_pair_is_refused_when_grad_is_given():
    with pytest.raises(ValueError, match="returned tuple, expected the value, since grad is given"):
        check_grad(square, X, lambda x: 2 * x)


# --- the report -------------------------------------------------------------------------------


def test_the_error_is_the_report_with_both_numbers_side_by_side():
    f, x = linear([1.0, 2.5, 3.003], np.array([1.0, 2.0, 3.0])), np.zeros(3)
    with pytest.raises(GradCheckError) as caught:
        check_grad(f, x)
    assert isinstance(caught.value, AssertionError)
    assert str(caught.value) == str(check_grad(f, x, raise_exception=False))
    assert str(caught.value).splitlines() == [
        "gradient check FAILED: 2 of 3 comparisons for 3 parameters, "
        "largest relative error 2.0e-01",
        "  parameter  index  analytic          numeric           rel. error",
        "  x          (1,)   +2.500000000e+00  +2.000000000e+00  2.0e-01",
        "  x          (2,)   +3.003000000e+00  +3.000000000e+00  1.0e-03",
    ]


def test_a_long_report_shows_the_ten_worst():
    f = linear(np.arange(1.0, 26) ** 2, np.ones(25))
    report = check_grad(f, np.zeros(25), raise_exception=False)
    lines = str(report).splitlines()
    errors = [m.rel_error for m in report.failures]
    assert len(errors) == 24 and errors == sorted(errors, reverse=True)
    assert len(lines) == 2 + 10 + 1 and lines[-1] == "  ... and 14 more"
    assert lines[2].split()[1] == "(24,)"


@pytest.mark.parametrize("n, last", [(10, "(0,)"), (11, "... and 1 more")])
def test_a_report_of_ten_is_whole(n, last):
    f = linear(np.arange(2.0, n + 2), np.ones(n))
    lines = str(check_grad(f, np.zeros(n), raise_exception=False)).splitlines()
    assert len(lines) == 2 + n and last in lines[-1]


def test_directions_are_called_so():
    options = {"max_full": 0, "n_directions": 2, "raise_exception": False}
    report = check_grad(linear(-np.ones(50), np.ones(50)), np.zeros(50), **options)
    assert sum(m.index is None for m in report.failures) == 2
    assert "x          direction  " in str(report)


def test_a_report_that_passed_is_one_line():
    text = str(check_grad(square, X))
    assert text.startswith(
        "gradient check passed: 6 comparisons for 6 parameters, largest relative"
    )
    assert "\n" not in text


def test_reports_are_frozen():
    mismatch = Mismatch("W", (0,), 1.0, 2.0, 0.5)
    for thing in (mismatch, GradReport(False, 0.5, 1, 1, [mismatch], [])):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(thing, dataclasses.fields(thing)[0].name, 0)


M = np.array([[1.0, 2.0], [5.0, -3.0]])
HINTS = {
    "sign": (-M, "x: sign flipped"),
    "twice": (2 * M, "x: off by the constant factor 2: a sum instead of a mean"),
    "784": (784 * M, "x: off by the constant factor 784: a sum instead of a mean"),
    "1/100": (M / 100, "x: off by the constant factor 1/100: a sum instead of a mean"),
    "-3": (-3 * M, "x: off by the constant factor -3: a sum instead of a mean"),
    "missing": (0 * M, "x: the gradient is missing (all zero)"),
    "transposed": (M.T, "x: the gradient is transposed"),
    "one entry": ([[1.0, 3.0], [5.0, -3.0]], None),
    "one tiny": (M * [[1, 1 + 1e-5], [1, 1]], None),
    "nonsense": ([[1.0, 1.0], [1.0, 1.0]], None),
    "orthogonal": ([[0.0, 0.0], [1.5e-3, 2.5e-3]], None),
}


@pytest.mark.parametrize("case", HINTS)
def test_hints_name_a_clear_pattern_and_nothing_else(case):
    claim, hint = HINTS[case]
    report = check_grad(linear(claim, M), np.zeros((2, 2)), raise_exception=False)
    assert report.failures and len(report.hints) == (hint is not None)
    if hint:
        assert report.hints[0].startswith(hint)
        assert f"\n  hint: {hint}" in str(report)


def test_a_flipped_sign_is_seen_where_all_slopes_have_one_sign():
    for slopes in (np.array([1.0, 2.0, 5.0]), np.array([-1.0, -2.0, -5.0])):
        report = check_grad(linear(-slopes, slopes), np.zeros(3), raise_exception=False)
        assert report.hints == ["x: sign flipped"]


@pytest.mark.parametrize("sign", [1, -1])
@pytest.mark.parametrize("off", [-10.0, -0.7, 0.7, 10.0])
def test_no_hint_where_all_claims_are_too_large_or_too_small(sign, off):
    slopes = sign * np.array([1.0, 2.0, 5.0])
    report = check_grad(linear(slopes + off, slopes), np.zeros(3), raise_exception=False)
    assert len(report.failures) == 3 and report.hints == []


def test_no_hint_where_what_is_left_of_a_factor_has_one_sign():
    claim, slopes = [1.5, -2.5], np.array([1.0, -1.0])  # the claim is twice the slopes, less 0.5
    assert check_grad(linear(claim, slopes), np.zeros(2), raise_exception=False).hints == []


@pytest.mark.parametrize("claim", [[1.0, 2.1], [3.0]])
def test_no_hint_for_a_vector_or_a_single_number(claim):
    n = len(claim)
    assert check_grad(linear(claim, M[0, :n]), np.zeros(n), raise_exception=False).hints == []


def test_hints_for_each_failing_block_in_sampled_checks_too():
    rng = np.random.default_rng(0)
    x = {name: rng.standard_normal((7, 7)) for name in "abcd"}

    def f(x):
        gradient = {"a": -np.cos(x["a"]), "b": np.cos(x["b"]), "c": 10 * np.cos(x["c"])}
        gradient["d"] = np.ones((7, 7))  # f does not depend on d
        return sum(np.sum(np.sin(x[name])) for name in "abc"), gradient

    report = check_grad(f, x, max_full=0, n_directions=5, raise_exception=False)
    assert report.hints[0] == "a: sign flipped"
    assert report.hints[1].startswith("c: off by the constant factor 10:")
    assert len(report.hints) == 2


@pytest.mark.parametrize("n", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", range(6))
def test_values_that_are_exact_at_round_numbers_do_not_hide_their_rounding(n, seed):
    def f(x):
        return np.cos(x).sum() - n, -np.sin(x)

    assert check_grad(f, np.zeros(n), rng=seed).passed
