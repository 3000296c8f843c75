"""The tutorials' exercises: a checker takes the answer, refuses what is wrong, and says why."""

import importlib.util
import math
import sys
from pathlib import Path

import numpy as np
import pytest

TUTORIALS = Path(__file__).parents[1] / "tutorials"
if str(TUTORIALS) not in sys.path:
    sys.path.insert(0, str(TUTORIALS))

from exercises import Exercise, checker, diagnose, load  # noqa: E402
from exercises.checking import judge  # noqa: E402

NAMES = sorted(path.stem for path in (TUTORIALS / "exercises").glob("[0-9]*.py"))
EVERY = [(notebook, e) for notebook in NAMES for e in load("exercises", notebook).EXERCISES]
every_exercise = pytest.mark.parametrize(
    ("notebook", "exercise"), EVERY, ids=[f"{notebook[:2]}-{e.name}" for notebook, e in EVERY]
)


def wrong_answers(notebook):
    path = Path(__file__).parent / "wrong_answers" / f"{notebook}.py"
    spec = importlib.util.spec_from_file_location(f"wrong_answers_{notebook}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.WRONG


@pytest.mark.parametrize("notebook", NAMES)
def test_a_notebook_has_exercises_with_answers_and_wrong_answers(notebook):
    names = [exercise.name for exercise in load("exercises", notebook).EXERCISES]
    assert len(names) >= 2
    assert set(names) <= set(vars(load("answers", notebook)))
    wrong = wrong_answers(notebook)
    assert wrong.keys() == set(names)
    assert all(len(answers) >= 2 for answers in wrong.values())


@every_exercise
def test_the_answer_is_right(notebook, exercise):
    verdict = checker(notebook)(getattr(load("answers", notebook), exercise.name), exercise.name)
    assert verdict.state == "right", verdict


@every_exercise
def test_wrong_answers_are_refused_in_words_that_help(notebook, exercise):
    for answer, words in wrong_answers(notebook)[exercise.name]:
        verdict = checker(notebook)(answer, exercise.name)
        assert verdict.state == "not yet right"
        assert words in verdict.words, verdict


@every_exercise
def test_a_known_mistake_is_recognised(notebook, exercise):
    for words, mistake in exercise.mistakes.items():
        verdict = checker(notebook)(mistake, exercise.name)
        assert verdict.state == "not yet right"
        assert words in verdict.words, verdict


@every_exercise
def test_as_it_came_it_is_not_filled_in(notebook, exercise):
    def ellipsis(*_, **__):
        return ...

    def nothing(*_, **__):
        return None

    def not_implemented(*_, **__):
        raise NotImplementedError

    def half_written(*_, **__):
        result = ...
        return result * 2

    for function in (ellipsis, nothing, not_implemented, half_written):
        assert checker(notebook)(function, exercise.name).state == "not filled in yet"
    assert checker(notebook)(..., exercise.name).state == "not filled in yet"


RNG = np.random.default_rng(0)
DW, X = RNG.standard_normal((4, 3)), RNG.standard_normal((5, 4))
SIZES = {"n": 5, "n_in": 4, "n_out": 3}


@pytest.mark.parametrize(
    ("came", "expected", "words"),
    [
        (DW, DW, None),
        (DW * (1 + 1e-9), DW, None),
        (..., DW, "not filled in yet"),
        (None, DW, "not filled in yet"),
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
        (4.0 - 0.5 * math.log(2 * math.pi), 4.0, "is off by log(2 pi) / 2"),
    ],
)
def test_diagnosis(came, expected, words):
    said = diagnose("dW", came, expected, sizes=SIZES)
    assert said is None if words is None else words in said, said


@pytest.mark.parametrize(
    ("weight", "words"), [(0, "is missing"), (2, "is there twice"), (-1, "has the wrong sign")]
)
def test_a_term_is_named(weight, words):
    kl = RNG.standard_normal((4, 3))
    said = diagnose("the bound", DW + weight * kl, DW + kl, terms={"the KL": kl})
    assert f"the KL {words}" in said


@pytest.mark.parametrize("came", [np.zeros((4, 3)), np.zeros(0), 0.0, DW])
def test_a_gradient_that_is_zero(came):
    said = diagnose("dW", came, np.zeros((4, 3)))
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


def test_an_unknown_name_is_refused():
    with pytest.raises(ValueError, match="name is 'unheard_of', expected one of "):
        checker(NAMES[0])(1.0, "unheard_of")
