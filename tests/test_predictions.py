"""Predict, then run: right answers are accepted, all others get words, and every page asks."""

import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tutorials"
sys.path.append(str(FOLDER))
from exercises.predictions import QUESTIONS, predict  # noqa: E402

NOTEBOOKS = [path for path in sorted(FOLDER.glob("*.ipynb")) if path.stem < "14"]
every_question = pytest.mark.parametrize("name", QUESTIONS)


def asked(notebook):
    """The cells of a page that ask for a prediction: name, and what is offered."""
    cells = json.loads(notebook.read_text())["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    found = [
        re.fullmatch(r'# (Replace .*)\npredict\("(\w+)", \.\.\.\)', source) for source in sources
    ]
    return {match[2]: match[1] for match in found if match}


@every_question
def test_a_right_answer_is_accepted_and_explained(name):
    question = QUESTIONS[name]
    answer = question.answer
    answers = (
        [f" {answer.upper()} "]
        if isinstance(answer, str)
        else [answer * (1 + question.within / 2), answer]
    )
    for came in answers:
        verdict = predict(name, came)
        assert verdict.state == "right" and verdict.words.strip(), verdict


@every_question
def test_a_wrong_answer_gets_words_of_its_own(name):
    question = QUESTIONS[name]
    words = [predict(name, came).words for came in question.instead]
    assert all(predict(name, came).state == "not yet right" for came in question.instead)
    assert len({*words, predict(name, question.answer).words}) == len(words) + 1


@every_question
@pytest.mark.parametrize("came", [None, [], True, "perhaps", 1j, float("nan"), -1e9])
def test_nonsense_is_refused_in_one_line(name, came):
    verdict = predict(name, came)
    assert verdict.state == "not yet right"
    assert verdict.words.strip() and "\n" not in verdict.words


def test_dots_are_no_answer_and_names_are_checked():
    assert repr(predict("fair_coins", ...)) == "fair_coins: not filled in yet"
    with pytest.raises(ValueError, match="name is 'coins', expected one of fair_coins"):
        predict("coins", 1)


def test_every_page_asks_and_every_question_is_asked_once():
    pages = [asked(notebook) for notebook in NOTEBOOKS]
    assert all(pages)
    assert sorted(name for page in pages for name in page) == sorted(QUESTIONS)


def test_a_page_offers_the_answers_that_there_are():
    for notebook in NOTEBOOKS:
        for name, words in asked(notebook).items():
            question = QUESTIONS[name]
            if isinstance(question.answer, str):
                offered = {answer.casefold() for answer in re.findall(r'"([^"]+)"', words)}
                assert offered == {question.answer, *question.instead}
            else:
                assert words == "Replace the dots by a number."
