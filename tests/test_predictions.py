"""Predict, then run: right answers are accepted, all others get words, and every page asks."""

import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tutorials"
sys.path.append(str(FOLDER))
from exercises.predictions import QUESTIONS, predict  # noqa: E402

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
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


def test_every_page_asks_and_every_question_is_asked_once_in_its_place():
    pages = [asked(notebook) for notebook in NOTEBOOKS]
    assert all(pages)
    assert [name for page in pages for name in page] == list(QUESTIONS)


def sections(cells):
    """Each section's heading, its text, and its cells of code."""
    found = [("", "", [])]
    for cell in cells:
        source = "".join(cell["source"])
        if cell["cell_type"] == "code":
            found[-1][2].append(source)
            continue
        rest, *parts = re.split(r"^## (.*)$", source, flags=re.M)
        heading, text, code = found.pop()
        found.append((heading, text + rest, code))
        found += [(new, of_it, []) for new, of_it in zip(parts[::2], parts[1::2], strict=True)]
    return found


def without_a_question(cells):
    """Headings of sections that derive something and show it, and ask nothing of the reader."""
    return [
        heading
        for heading, text, code in sections(cells)
        if "$$" in text
        and not any(re.match(r"# (Your turn|Replace the dots)", source) for source in code)
        and code
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_every_section_that_derives_something_asks(notebook):
    assert not without_a_question(json.loads(notebook.read_text())["cells"])


def test_a_section_without_a_question_is_seen():
    asks = {"cell_type": "code", "source": '# Replace the dots by a number.\npredict("x", ...)'}
    shows = {"cell_type": "code", "source": "print(1)"}
    texts = ("# Page\n$$a$$\n## One\n$$b$$", "$$c$$\n## Two\n$$d$$", "## Three\nno equation")
    one, two, three = ({"cell_type": "markdown", "source": text} for text in texts)
    assert without_a_question([one, asks, shows, two, shows, three, shows]) == ["Two"]
    assert without_a_question([one, shows, two, three, shows]) == ["One"]


def test_a_page_offers_the_answers_that_there_are():
    for notebook in NOTEBOOKS:
        for name, words in asked(notebook).items():
            question = QUESTIONS[name]
            if isinstance(question.answer, str):
                offered = {answer.casefold() for answer in re.findall(r'"([^"]+)"', words)}
                assert offered == {question.answer, *question.instead}
            else:
                assert words == "Replace the dots by a number."
