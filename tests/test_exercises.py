"""The tutorials' exercises: a checker takes the answer, refuses what is wrong, and says why."""

import math
import sys
from functools import partial

import answers_tried
import numpy as np
import pytest
from answers_tried import EVERY, NAMES, TUTORIALS, right_answers, tried, wrong_answers
from exercises import Case, Exercise, checker, diagnose, load
from exercises.checking import judge, made_up

every_exercise = pytest.mark.parametrize(
    ("notebook", "exercise"), EVERY, ids=[f"{notebook[:2]}-{e.name}" for notebook, e in EVERY]
)


@pytest.mark.parametrize("notebook", NAMES)
def test_a_notebook_has_exercises_with_answers_and_answers_to_try(notebook):
    names = [exercise.name for exercise in load("exercises", notebook).EXERCISES]
    assert len(names) >= 2
    assert set(names) <= set(vars(load("answers", notebook)))
    wrong, right = wrong_answers(notebook), right_answers(notebook)
    assert wrong.keys() == right.keys() == set(names)
    assert all(len(answers) >= 5 for answers in wrong.values())
    assert all(len(answers) >= 3 for answers in right.values())
    for answers in wrong.values():
        assert all(len(words) > 5 for _, words in answers), "an empty fragment says nothing"


@every_exercise
def test_the_answer_is_right(notebook, exercise):
    verdict = checker(notebook)(getattr(load("answers", notebook), exercise.name), exercise.name)
    assert verdict.state == "right", verdict


@every_exercise
def test_wrong_answers_are_refused_in_words_that_help_and_right_ones_accepted(notebook, exercise):
    result = tried(notebook, exercise.name)
    assert not result.misjudged, result.misjudged


@every_exercise
def test_a_known_mistake_is_recognised(notebook, exercise):
    for words, mistake in exercise.mistakes.items():
        verdict = checker(notebook)(mistake, exercise.name)
        assert verdict.state == "not yet right"
        assert words in verdict.words, verdict


@every_exercise
def test_problems_differ_so_that_no_result_can_be_written_down(notebook, exercise):
    """What the answer returned for the first problem is wrong for the others."""
    if not exercise.problem:
        return
    answer = getattr(load("answers", notebook), exercise.name)
    first = answer(**made_up(exercise)[0])
    assert checker(notebook)(lambda **_: first, exercise.name).state == "not yet right"


@every_exercise
@pytest.mark.parametrize("seed", [0, 1])
def test_no_size_can_be_written_down(notebook, exercise, seed):
    if not exercise.problem:
        return
    first, second, *_ = made_up(exercise, seed)
    for name, value in first.items():
        if isinstance(value, int):
            assert value != second[name], name
        if isinstance(value, np.ndarray):
            pairs = zip(value.shape, second[name].shape, strict=False)
            assert all(one != other for one, other in pairs), name


def test_the_table_of_answers_tried_is_printed(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["answers_tried.py", "--only", NAMES[0]])
    with pytest.raises(SystemExit) as stop:
        answers_tried.main()
    assert not stop.value.code
    lines = capsys.readouterr().out.splitlines()
    wrong, right = wrong_answers(NAMES[0])["minus_kl"], right_answers(NAMES[0])["minus_kl"]
    (line,) = [line for line in lines if "minus_kl" in line]
    assert f"{len(wrong)} of {len(wrong)}" in line
    assert f"{len(right)} of {len(right)}" in line


@pytest.mark.fixed_draw
def test_the_index_shows_what_a_checker_says():
    index = (TUTORIALS / "README.md").read_text()
    shown = next(block for block in index.split("```") if "not yet right" in block)
    notebook = "04_backpropagation_by_hand"
    mean = next(f for f, _ in wrong_answers(notebook)["network_backward"] if "averaged" in str(f))
    said = str(checker(notebook, seed=0)(mean, "network_backward")).splitlines()
    assert set(shown.strip("\n").splitlines()) <= set(said)


def test_a_misjudged_answer_is_counted_and_shown(monkeypatch, capsys):
    monkeypatch.setattr(answers_tried, "wrong_answers", right_answers_as_wrong_ones)
    result = tried(NAMES[0], "minus_kl")
    assert (result.refused, result.accepted) == (0, result.right)
    assert len(result.misjudged) == result.wrong
    monkeypatch.setattr(sys, "argv", ["answers_tried.py", "--only", NAMES[0]])
    with pytest.raises(SystemExit) as stop:
        answers_tried.main()
    assert stop.value.code
    assert "misjudged: minus_kl: right" in capsys.readouterr().out


def right_answers_as_wrong_ones(notebook):
    return {
        name: [(answer, "words") for answer in all_of_it]
        for name, all_of_it in right_answers(notebook).items()
    }


# --- What is not filled in, and what only looks like it -------------------------------------------


@every_exercise
def test_as_it_came_it_is_not_filled_in(notebook, exercise):
    def ellipsis(*_, **__):
        return ...

    def nothing(*_, **__):
        """A docstring is no answer."""

    def not_implemented(*_, **__):
        raise NotImplementedError

    def half_written(*_, **__):
        result = ...
        return result * 2

    def unpacked(*_, **__):
        a, b = ...
        return a, b

    for function in (ellipsis, nothing, not_implemented, half_written, unpacked):
        assert checker(notebook)(function, exercise.name).state == "not filled in yet"
    assert checker(notebook)(..., exercise.name).state == "not filled in yet"


DOUBLE = Exercise("double", lambda rng: {"x": rng.standard_normal((3, 4))})


def double(x):
    return 2 * x


@pytest.mark.parametrize(
    "unfilled",
    [
        lambda x: np.exp(...),
        lambda x: np.array([..., ...]),
        lambda x: np.dot(x.T, ...),
        lambda x: ....sum(),
        lambda x: len(...),
        lambda x: [*...],
        lambda x: x[0] * ...,
    ],
)
def test_dots_are_seen_wherever_they_are(unfilled):
    assert judge(DOUBLE, unfilled, double).state == "not filled in yet"


def forgotten_return(x):
    2 * x


def printed(x):
    print(2 * x)


def wrong_einsum(x):
    return np.einsum("i->i", x)


def undefined(x):
    return softmax(x)  # noqa: F821


def stops(x):
    sys.exit("give up")


class Refuses:
    def __array__(self, dtype=None, copy=None):
        raise RuntimeError("no")

    def __bool__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (forgotten_return, "it returns nothing (None): does its last line lack a return"),
        (printed, "it prints something and returns nothing: return it, do not print it"),
        (wrong_einsum, "it raises ValueError: operand has more dimensions than subscripts"),
        (lambda x: np.einsum("...i,...j->...k", x), "it raises ValueError"),
        (undefined, "name 'softmax' is not defined (is an import missing?)"),
        (stops, "it raises SystemExit"),
        (lambda: 2, "it takes the arguments (), expected (x)"),
        (lambda x, y: 2 * x, "it takes the arguments (x, y), expected (x)"),
        (lambda x: iter(2 * x), "of type iterator, expected an array of shape (3, 4)"),
        (lambda x: {"double": 2 * x}, "of type dict"),
        (lambda x: (2 * a for a in x), "of type generator, expected an array of shape (3, 4)"),
        (lambda x: Refuses(), "of type Refuses"),
        (lambda x: Refuses, "of type type"),
        (lambda x: [Refuses(), 2.0], "of type list"),
        (lambda x: [[1, 2], [3]], "of type list, expected an array of shape (3, 4)"),
        (lambda x: (2 * x).astype(str), "is an array of <U"),
        (lambda x: 2 * x > 0, "is an array of bool"),
        (lambda x: 2 * x + 1j, "is complex, expected real numbers"),
        (lambda x: 2 * x + 0j, "is complex, expected real numbers"),
        (lambda x: (2 * x,), "is a tuple of 1, expected an array of shape (3, 4)"),
        (lambda x: (2 * x).round(5), "digits, not to more"),
        (3.0, "it is of type float, expected a function"),
    ],
)
def test_what_gives_no_result_to_compare_is_told_apart(function, words):
    verdict = judge(DOUBLE, function, double)
    assert verdict.state == "not yet right"
    assert words in verdict.words, verdict


# --- Good answers, written in other ways ----------------------------------------------------------


def in_place_and_back(x):
    x += 0.1
    x -= 0.2
    x += 0.1
    return 2 * x


@pytest.mark.parametrize(
    "function",
    [
        lambda anything: 2 * anything,
        lambda *a: 2 * a[0],
        lambda **a: 2 * a["x"],
        partial(np.multiply, 2),
        lambda x, factor=2: factor * x,
        lambda x: (2 * x).tolist(),
        lambda x: (2 * x).astype(np.float32),
        lambda x: [list((2 * row).astype(np.float32)) for row in x],
        lambda x: (2 * x).astype(np.longdouble),
        lambda x: (2 * x).astype(object),
        lambda x: np.asfortranarray(2 * x),
        in_place_and_back,
    ],
)
def test_another_way_to_write_it_is_right(function):
    assert judge(DOUBLE, function, double).state == "right"


def test_single_precision_has_the_room_that_it_needs():
    def nearly(x):
        return 2 * x * (1 + 4e-6)

    assert judge(DOUBLE, lambda x: nearly(x).astype(np.float32), double).state == "right"
    assert "right to 5 digits" in judge(DOUBLE, nearly, double).words


def unequal(sample):
    return np.ones(3, bool), np.ones((4, 4), bool)


@pytest.mark.parametrize(
    "came", [Refuses, lambda sample: Refuses(), lambda sample: [True, False], unequal]
)
def test_a_test_of_samplers_may_return_anything(came):
    assert checker("11_the_bug_clinic")(came, "sampler_is_sound").state == "not yet right"


def test_an_argument_that_is_reshaped_was_changed():
    def reshaping(x):
        twice = 2 * x
        x.shape = (x.size,)
        return twice

    assert "the argument x was changed on the way" in judge(DOUBLE, reshaping, double).words


def test_a_result_that_is_written_over_is_compared_as_it_was():
    buffer = np.empty((3, 4))
    assert judge(DOUBLE, lambda x: np.multiply(2, x, out=buffer), double).state == "right"


PAIR = Exercise(
    "pair", lambda rng: {"a": rng.random(), "b": 2 + rng.random()}, returns=("low", "high")
)


@pytest.mark.parametrize("container", [tuple, list, np.array, np.float32])
def test_two_numbers_may_come_in_any_container(container):
    assert judge(PAIR, lambda a, b: container([a, b]), lambda a, b: (a, b)).state == "right"


def test_parameters_are_taken_in_the_answers_order_when_they_are_renamed():
    verdict = judge(PAIR, lambda q, p: (p, q), lambda b, a: (a, b))
    assert verdict.state == "right", verdict
    assert judge(PAIR, lambda b, a: (a, b), lambda a, b: (a, b)).state == "right"  # by name


def test_swapped_parts_are_named():
    said = judge(PAIR, lambda a, b: (b, a), lambda a, b: (a, b)).words
    assert "low: that is high; the order is low, high" in said


@pytest.mark.parametrize(
    ("function", "words"),
    [
        (lambda a, b: a, "it returns one value, expected 2 values: low, high"),
        (lambda a, b: (a, b, a), "it returns 3 values"),
        (lambda a, b: np.zeros((3, 2)), "it returns one array of shape (3, 2)"),
        (lambda a, b: {"low": a, "high": b}, "it returns a dict"),
        (lambda a, b: (a, None), "high is None: was it never assigned"),
        (lambda a, b: (a, ...), "high is not filled in yet"),
    ],
)
def test_the_number_of_parts_is_checked(function, words):
    assert words in judge(PAIR, function, lambda a, b: (a, b)).words


def test_what_else_is_right_is_accepted():
    exercise = Exercise("f", DOUBLE.problem, also=(lambda x: 3 * x,))
    assert judge(exercise, double, double).state == "right"
    assert judge(exercise, lambda x: 3 * x, double).state == "right"
    assert "the factor 2" in judge(exercise, lambda x: 4 * x, double).words
    mixed = iter([2, 3, 2, 3, 2])
    assert judge(exercise, lambda x: next(mixed) * x, double).state == "not yet right"


# --- Which exercise is meant ----------------------------------------------------------------------

hidden_beta = lambda D, J: D / J  # noqa: E731
sampler_is_sound = 3.5


@pytest.mark.parametrize(
    ("came", "name", "state"),
    [
        (hidden_beta, "hidden_beta", "right"),  # a variable of the caller has the name
        (sampler_is_sound, "sampler_is_sound", "not yet right"),
        (lambda D, J: J / D, "hidden_beta", "not yet right"),  # so are its parameters called
        (partial(load("answers", "11_the_bug_clinic").hidden_beta, J=7), "hidden_beta", None),
        (3, "which one?", "not checked"),
        (lambda x, y: x, "which one?", "not checked"),
        (double, "double", "not checked"),
        (..., "which one?", "not filled in yet"),
    ],
)
def test_a_checker_finds_out_what_it_was_given_and_never_raises(came, name, state):
    verdict = checker("11_the_bug_clinic")(came)
    assert verdict.name == name
    assert state in (verdict.state, None)
    if state == "not checked":
        assert "which exercise is this? Say it by the name" in verdict.words


def test_an_unknown_name_is_not_checked():
    verdict = checker(NAMES[0])(1.0, "unheard_of")
    assert (verdict.name, verdict.state) == ("unheard_of", "not checked")
    assert "count_parameters" in verdict.words


# --- Diagnoses ------------------------------------------------------------------------------------

RNG = np.random.default_rng(0)
DW, X = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 4))
SIZES = {"n": 5, "n_in": 4, "n_out": 3}


@pytest.mark.parametrize(
    ("came", "expected", "words"),
    [
        (DW, DW, None),
        (DW * (1 + 1e-9), DW, None),
        (..., DW, "not filled in yet"),
        (None, DW, "dW is None: was it never assigned"),
        ("five", DW, "of type str, expected an array of shape (4, 3) = (n_in, n_out)"),
        (DW.T, DW, "transposed and is right otherwise"),
        (2 * DW.T, DW, "(3, 4) = (n_out, n_in), expected (4, 3) = (n_in, n_out): it is transposed"),
        (-DW, DW, "has the wrong sign"),
        (2 * DW, DW, "is a 1/2 missing"),
        (DW / 2, DW, "one 1/2 too many"),
        (DW / 5, DW, "too small by the factor n = 5: did you average twice"),
        (DW * 5, DW, "too large by the factor n = 5: a sum where a mean belongs"),
        (DW * -3, DW, "has the wrong sign, and is too large by the factor n_out = 3"),
        (DW * 20, DW, "by the factor n n_in = 20"),
        (DW * 1.0001, DW, "is off by the factor 1.0001, the same everywhere"),
        (DW * 1.37, DW, "is off by the factor 1.37, the same everywhere"),
        (DW + 0.25, DW, "is off by +0.25, the same everywhere"),
        (
            DW - math.log(2 * math.pi),
            DW,
            "2 times log(2 pi) / 2 = 0.919: Gaussian constants missing",
        ),
        (np.exp(DW), DW, "is a logarithm missing"),
        (np.exp(DW / 2), DW, "sigma where log sigma^2 belongs"),
        (DW @ np.diag([1, 1, 0]), DW, "is right in 8 of 12 entries"),
        (DW + DW**2, DW, "came at index ["),
        (np.where(DW[1, 2] == DW, np.nan, DW), DW, "is nan at index [1, 2]"),
        (
            X,
            X.sum(axis=0),
            "(5, 4) = (n, n_in), expected (4,) = (n_in,): a sum over axis 0 is missing",
        ),
        (X, X.mean(axis=1), "a mean over axis 1 is missing"),
        (X.sum(axis=0), X, "a sum over axis 0 is one too many"),
        (X.sum(), X, "expected an array of shape (5, 4) = (n, n_in): a sum over everything"),
        (X.sum(axis=1), X.sum(axis=0), "did a sum run over the wrong axis"),
        (X.sum(axis=0, keepdims=True), X.sum(axis=0), "the numbers are right, their arrangement"),
        (X, X.sum(), "expected one number: a sum over everything is missing"),
        (3.0, 4.0, "dW is not: 3 came, expected 4"),
        (0.81, 0.9, "dW is the square of what it should be: a variance where"),
        (0.3, 0.09, "dW is the root of what it should be"),
        (3.4 * math.pi, 1.7, "off by the factor 2 pi"),
        (-3273.61400001, -3273.614, None),
        (-3273.62, -3273.61, "is right to 5 digits, not to more: -3273.62 came, expected -3273.61"),
        (1.0000018, 1.0000001, "1.0000018 came, expected 1.0000001"),
        (DW.astype(np.float32), DW, None),
        (DW + 0j, DW, "is complex"),
        ("3.0", 3.0, "of type str, expected one number"),
        (True, 1.0, "of type bool, expected one number"),
        (4356660.0, 3355380.0, "dW is not: 4356660 came, expected 3355380"),
        (10**400, 1.0, "of type int, expected one number"),
        (1 - np.abs(DW), np.abs(DW), "one minus what it should be"),
        (np.sort(DW, axis=1), np.sort(DW, axis=1)[:, ::-1], "the right numbers in another order"),
        (DW / math.log(2), DW, "bits, where nats are wanted"),
        (X.mean(axis=0) + math.log(5), X.mean(axis=0), "off by +log n = 1.609"),
        (4.0 - 0.5 * math.log(2 * math.pi), 4.0, "is off by log(2 pi) / 2"),
    ],
)
def test_diagnosis(came, expected, words):
    said = diagnose("dW", Case(came, expected, SIZES))
    assert said is None if words is None else words in said, said


@pytest.mark.parametrize(
    ("weight", "words"), [(0, "is missing"), (2, "is there twice"), (-1, "has the wrong sign")]
)
def test_a_term_is_named(weight, words):
    kl = RNG.standard_normal((4, 3))
    said = diagnose("the bound", Case(DW + weight * kl, DW + kl, terms={"the KL": kl}))
    assert f"the KL {words}" in said


def test_an_explanation_has_to_fit_every_problem():
    """One number is a multiple of any other, and twice one problem's n by chance."""
    cases = [Case(value * 6, value, {"n": n}) for value, n in ((1.3, 6), (2.7, 7), (0.4, 8))]
    assert "the factor 6, the same everywhere" in diagnose("m", *cases)
    cases = [Case(value * n, value, {"n": n}) for value, n in ((1.3, 6), (2.7, 7), (0.4, 8))]
    assert "too large by the factor n = 6: a sum where a mean belongs" in diagnose("m", *cases)
    cases = [Case(value + 6, value, {}) for value in (1.3, 2.7, 0.4)]
    assert "off by +6, the same everywhere" in diagnose("m", *cases)
    assert "m is not: 7.3 came" in diagnose("m", *cases[:1])
    cases = [Case(value**2, value, {}) for value in (1.3, 2.7, 0.4)]
    assert "a variance where a standard deviation belongs" in diagnose("m", *cases)
    assert diagnose("m", Case(1.0, 1.0), Case(4.0, 2.0), Case(9.0, 3.0)).startswith("m is the sq")


def test_a_number_or_a_factor_that_was_written_down_is_seen():
    cases = [Case(5.0, value) for value in (1.3, 2.7, 0.4)]
    assert "m is 5 whatever the arguments are: are they used" in diagnose("m", *cases)
    cases = [Case(DW * n / 5, DW) for n in (4, 6, 7)]
    assert "by one factor everywhere, 0.8 here and another" in diagnose("dW", *cases)
    cases = [Case(DW + n, DW) for n in (4, 6, 7)]
    assert "by one number everywhere, +4 here and another" in diagnose("dW", *cases)


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        (lambda x, n: np.mean(x), "is too small by the factor x.shape[0] = "),
        (lambda x, n: np.sum(x) * n, "is too large by the factor n = "),
        (lambda x, n: np.sum(x) / n / len(x), "is too small by the factor x.shape[0] n = "),
    ],
)
def test_a_mean_for_a_sum_is_seen_where_no_sizes_are_named(wrong, words):
    def problem(rng):
        return {"x": rng.standard_normal(rng.integers(4, 9)), "n": int(rng.integers(10, 30))}

    assert words in judge(Exercise("total", problem), wrong, lambda x, n: x.sum()).words


def test_a_factor_of_one_is_no_factor():
    said = diagnose("log p(x)", *(Case(a * (1 + 3e-6), a) for a in (-3273.6, -2100.2, -2900.9)))
    assert "factor" not in said
    assert "is right to 5 digits" in said
    for a, b in ((DW * (1 + 4e-6), DW * (1 + 5e-6)), (DW + 1e-5, DW + 2e-5)):
        assert "is right to 5 digits" in diagnose("dW", Case(a, DW), Case(b, DW))


@pytest.mark.parametrize("came", [np.zeros((4, 3)), np.zeros(0), 0.0, DW])
def test_a_gradient_that_is_zero(came):
    said = diagnose("dW", Case(came, np.zeros((4, 3))))
    assert (said is None) == (np.shape(came) == (4, 3) and not np.any(came))


def test_values_and_samplers_have_checkers_too():
    value = Exercise("best_mu")
    assert judge(value, 0.25, 0.25).state == "right"
    assert "has the wrong sign" in judge(value, -0.25, 0.25).words
    sampler = Exercise("draw", judge=lambda f: None if f(3) == 3 else "  draw as many as asked for")
    assert judge(sampler, lambda n: n, None).state == "right"
    assert "as many" in judge(sampler, lambda n: 1, None).words
    assert "expected a function" in judge(Exercise("f", problem=dict), 3.0, abs).words


@pytest.mark.parametrize("sign", [1, -1])
def test_what_is_right_in_one_of_two_cases_is_refused(sign):
    exercise = Exercise("size", (lambda rng: {"x": 2.0}, lambda rng: {"x": -3.0}))
    assert judge(exercise, lambda x: sign * x, lambda x: abs(x)).state == "not yet right"
    assert judge(exercise, lambda x: abs(x), lambda x: abs(x)).state == "right"
