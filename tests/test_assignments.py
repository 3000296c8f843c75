"""Handouts of the notebooks: nothing in them tells an answer, and their points are added up."""

import ast
import contextlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from answers_tried import EVERY, TUTORIALS, right_answers, wrong_answers
from assignments import NAMES, answer_to, main, sealed, write
from exercises import load
from exercises.predictions import QUESTIONS

PAGE = (TUTORIALS / "INSTRUCTORS.md").read_text()
every_notebook = pytest.mark.parametrize("name", NAMES)


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    out = tmp_path_factory.mktemp("course")
    write(out, NAMES, seed=7)
    return out


def cells(course, kind, name):
    return json.loads((course / kind / name / f"{name}.ipynb").read_text())["cells"]


def graded_cells(course, kind, name):
    return [cell for cell in cells(course, kind, name) if "nbgrader" in cell["metadata"]]


def points_of(name):
    return {exercise.name: exercise.points for exercise in load("exercises", name).EXERCISES}


# --- What is in them ------------------------------------------------------------------------------


@every_notebook
@pytest.mark.parametrize("kind", ["source", "release"])
def test_every_exercise_has_a_cell_of_the_readers_and_a_locked_one_with_points(course, kind, name):
    """The keys are those of nbgrader's schema version 3."""
    expected = []
    for cell in graded_cells(course, kind, name):
        own = cell["metadata"]["nbgrader"]
        assert (own["schema_version"], own["task"]) == (3, False)
        assert own["locked"] is own["grade"] is not own["solution"]
        if own["grade"]:  # a notebook that is run from the top goes on after it
            assert "raises-exception" in cell["metadata"]["tags"]
        expected.append((own["grade_id"], own.get("points")))
    both = [((n, None), (f"test_{n}", points)) for n, points in points_of(name).items()]
    assert sorted(map(str, expected)) == sorted(str(pair) for pairs in both for pair in pairs)
    identifiers = [cell["id"] for cell in cells(course, kind, name)]
    assert len(set(identifiers)) == len(identifiers)
    assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,64}", identifier) for identifier in identifiers)


@every_notebook
def test_exercises_are_listed_in_the_order_of_the_page(course, name):
    graded = [cell["metadata"]["nbgrader"] for cell in graded_cells(course, "release", name)]
    assert [own["grade_id"] for own in graded if own["solution"]] == list(points_of(name))


@every_notebook
def test_what_a_student_gets_tells_no_answer(course, name):
    """No line of an answer that the page itself does not have, in any file that can be read."""
    text = (TUTORIALS / "answers" / f"{name}.py").read_text()
    lines = {line.strip() for line in text.splitlines() if len(line.strip()) > 30}
    page = (TUTORIALS / f"{name}.ipynb").read_text()
    lines = {line for line in lines if json.dumps(line)[1:-1] not in page}
    lines -= {"import numpy as np"}
    assert lines
    folder = course / "release" / name
    for path in folder.rglob("*"):
        if path.is_file():
            written = path.read_text()
            written += json.loads(json.dumps(written)).replace('\\"', '"')
            assert not [line for line in lines if line in written], path
    notebook = (folder / f"{name}.ipynb").read_text()
    for words in ("BEGIN SOLUTION", "HIDDEN TESTS", "answers/", 'load(\\"answers'):
        assert words not in notebook
    code = [cell for cell in cells(course, "release", name) if cell["cell_type"] == "code"]
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


@every_notebook
def test_the_text_is_the_pages_but_for_the_answers(course, name):
    """Every cell is there, in order, and the reader's are as they were."""
    page = json.loads((TUTORIALS / f"{name}.ipynb").read_text())["cells"]
    handout = [c for c in cells(course, "release", name) if not c["id"].startswith("test-")]
    assert [cell["id"] for cell in handout] == [cell["id"] for cell in page]
    for old, new in zip(page, handout, strict=True):
        text = "".join(old["source"])
        if "nbgrader" in new["metadata"]:
            assert new["source"] == text
        if new["cell_type"] == "markdown":
            assert len(new["source"]) > 0.4 * len(text)
            lost = set(re.findall(r"[\w$]{4,}", text)) - set(
                re.findall(r"[\w$]{4,}", new["source"])
            )
            assert len(lost) < 15 or "](" in text


@every_notebook
def test_what_is_left_when_nbgrader_takes_the_answers_out_is_the_release(course, name):
    def cleared(text):
        for what in ("SOLUTION", "HIDDEN TESTS"):
            text = re.sub(rf"### BEGIN {what}\n.*?### END {what}", "", text, flags=re.S)
        return [line for line in text.splitlines() if line.strip()]

    source, release = (cells(course, kind, name) for kind in ("source", "release"))
    for one, other in zip(source, release, strict=True):
        assert cleared(one["source"]) == [x for x in other["source"].splitlines() if x.strip()]
        assert one["metadata"] == other["metadata"]


@every_notebook
def test_links_lead_somewhere(course, name):
    for kind in ("source", "release"):
        for cell in cells(course, kind, name):
            if cell["cell_type"] == "markdown":
                for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", cell["source"]):
                    assert (course / kind / name / target).exists(), target


@every_notebook
@pytest.mark.parametrize("kind", ["source", "release"])
def test_files_that_a_page_reads_go_along(course, kind, name):
    code = [cell["source"] for cell in cells(course, kind, name) if cell["cell_type"] == "code"]
    for path in re.findall(r'Path\("([^"]+)"\)', "\n".join(code)):
        assert ".." not in path
        there = course / kind / name / path
        assert there.is_file() or any(there.iterdir()), path


def test_links_to_a_notebook_that_was_not_made_become_text(tmp_path):
    write(tmp_path, [NAMES[0]], seed=1)
    text = (tmp_path / "release" / NAMES[0] / f"{NAMES[0]}.ipynb").read_text()
    assert not re.findall(r"\]\([^h)][^)]*\)", text)
    assert [path.name for path in (tmp_path / "release").iterdir()] == [NAMES[0]]


@every_notebook
def test_the_key_has_every_answer_and_its_points(course, name):
    key = (course / "key" / f"{name}.md").read_text()
    for exercise in load("exercises", name).EXERCISES:
        assert f"| `{exercise.name}` | {exercise.minutes} | {exercise.points} |" in key
        assert f"\n## {exercise.name}\n" in key
        assert answer_to(name, exercise.name) in key
    assert f"| {sum(points_of(name).values())} |" in key


@every_notebook
def test_the_key_has_every_prediction_and_no_copy_has_its_answer(course, name):
    key = (course / "key" / f"{name}.md").read_text().partition("\n## Predictions\n")[2]
    copy = (course / "release" / name / f"{name}.ipynb").read_text()
    asked = re.findall(r'predict\(\\"(\w+)\\", \.\.\.\)', copy)
    assert asked and len(re.findall(r"^- ", key, flags=re.M)) == len(asked)
    for question in map(QUESTIONS.get, asked):
        assert key.count(f"**: {question.because}\n") == 1
        assert question.because not in copy


# --- Grading --------------------------------------------------------------------------------------


@contextlib.contextmanager
def checkers_of(folder):
    """Import the handout's own package `exercises`, not the tutorials'."""
    own = {name: module for name, module in sys.modules.items() if name.startswith("exercises")}
    for name in own:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        for name in [name for name in sys.modules if name.startswith("exercises")]:
            del sys.modules[name]
        sys.modules.update(own)


def earned(course, name, reader, change=None, tests="source"):
    """Points by exercise, for the reader's cells of `reader` and the locked ones of `tests`."""
    namespace, points = {"check": lambda *_: None}, {}
    mine = {cell["metadata"]["nbgrader"]["grade_id"]: cell for cell in reader}
    with checkers_of(course / "release" / name):
        for cell in graded_cells(course, tests, name):
            own = cell["metadata"]["nbgrader"]
            if own["solution"]:
                exec(mine[own["grade_id"]]["source"], namespace)
                namespace.update((change or {}) if own["grade_id"] in (change or {}) else {})
            else:
                try:
                    exec(cell["source"], namespace)
                    points[own["grade_id"].removeprefix("test_")] = own["points"]
                except (AssertionError, NameError):
                    points[own["grade_id"].removeprefix("test_")] = 0
    return points


@every_notebook
@pytest.mark.parametrize("tests", ["source", "release"])  # with hidden tests, and without
def test_right_answers_get_all_points_and_dots_none(course, name, tests):
    right, dots = (graded_cells(course, kind, name) for kind in ("source", "release"))
    assert earned(course, name, right, tests=tests) == points_of(name)
    assert earned(course, name, dots, tests=tests) == dict.fromkeys(points_of(name), 0)


@every_notebook
def test_one_wrong_answer_loses_its_points_and_another_right_one_does_not(course, name):
    right = graded_cells(course, "source", name)
    exercise = [*points_of(name)][int(name[:2]) % len(points_of(name))]  # each in its turn
    wrong = wrong_answers(name)[exercise][0][0]
    assert earned(course, name, right, {exercise: wrong}) == {**points_of(name), exercise: 0}
    another = right_answers(name)[exercise][0]
    assert earned(course, name, right, {exercise: another}) == points_of(name)


def test_a_reader_who_redefines_the_checker_gains_nothing(course):
    name = NAMES[0]
    cheat = {"check": lambda *_: "right", "checker": lambda *_: lambda *_: "right"}
    dots = graded_cells(course, "release", name)
    first = next(iter(points_of(name)))
    assert not any(earned(course, name, dots, {first: 278, **cheat}).values())


def test_hidden_problems_are_of_the_seed_that_was_asked_for(course):
    for cell in graded_cells(course, "source", NAMES[0]):
        if cell["metadata"]["nbgrader"]["grade"]:
            assert "seed=7)" in cell["source"]
    for cell in graded_cells(course, "release", NAMES[0]):
        assert "seed=" not in cell["source"]


def test_what_is_sealed_does_what_it_did():
    namespace = {}
    exec(sealed('word = "M\u00fcnchen \\\\"\n'), namespace)
    assert namespace["word"] == "M\u00fcnchen \\"


# --- The command, and the page --------------------------------------------------------------------


def command(*arguments):
    path = TUTORIALS / "assignments.py"
    return subprocess.run([sys.executable, path, *arguments], capture_output=True, text=True)


def test_the_command_writes_and_writes_again(tmp_path):
    left_over = tmp_path / "course/release/00_first_steps/left_over.txt"
    left_over.parent.mkdir(parents=True)
    left_over.touch()
    done = command(tmp_path / "course", "00_first_steps")
    assert done.returncode == 0, done.stderr
    assert "1 assignments in" in done.stdout
    assert not left_over.exists()
    assert {p.name for p in (tmp_path / "course").iterdir()} == {
        "source", "release", "key", "nbgrader_config.py"
    }  # fmt: skip
    assert [p.name for p in left_over.parents[1].iterdir()] == ["00_first_steps"]
    ast.parse((tmp_path / "course" / "nbgrader_config.py").read_text())


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (
            ("course", "14_unheard_of"),
            "notebook is '14_unheard_of', expected one of 00_first_steps",
        ),
        (("course", "--seed", "0"), "--seed is 0, expected 1 or more"),
        (("a_file",), "a_file is a file, expected a folder"),
        (("a_file/course",), "cannot write a_file/course/source: Not a directory"),
        ((), "the following arguments are required: out"),
    ],
)
def test_nonsense_is_refused_in_a_line(arguments, words, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    Path("a_file").touch()
    monkeypatch.setattr(sys, "argv", ["assignments.py", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code == 2
    said = capsys.readouterr().err.splitlines()
    assert words in said[-1]
    assert [path.name for path in tmp_path.iterdir()] == ["a_file"]


@every_notebook
def test_the_page_gives_each_notebooks_minutes_and_points(name):
    exercises = load("exercises", name).EXERCISES
    minutes = sum(exercise.minutes for exercise in exercises)
    points = sum(exercise.points for exercise in exercises)
    number = int(name[:2])
    assert f"| [{number}]({name}.ipynb) | {len(exercises)} | {minutes} | {points} |" in PAGE


def test_the_weeks_hours_are_those_of_pages_and_exercises():
    index = (TUTORIALS / "README.md").read_text()
    pages = re.findall(r"\]\((\d\d_\w+)\.ipynb\)[^\n]*\| (\d+) minutes \|", index)
    minutes = {int(name[:2]): int(minutes) for name, minutes in pages}
    for name, exercise in EVERY:
        minutes[int(name[:2])] += exercise.minutes
    weeks = re.findall(r"^\| \d \| ([\d, or]+)[^|]*\| ([\d.]+) \|", PAGE, flags=re.M)
    assert len(weeks) == 4 + 8
    for notebooks, hours in weeks:
        each = [minutes[int(number)] / 60 for number in re.findall(r"\d+", notebooks)]
        total = sum(each) / len(each) if "or" in notebooks else sum(each)
        assert abs(total - float(hours)) < 0.5, notebooks


def test_the_page_says_how_many_answers_are_tried():
    tried = {
        "wrong answers": sum(len(wrong_answers(name)[e.name]) for name, e in EVERY),
        "right ones": sum(len(right_answers(name)[e.name]) for name, e in EVERY),
    }
    for what, said in zip(tried, re.findall(r"more than (\d+)", PAGE), strict=True):
        assert int(said) < tried[what] < int(said) + 150, what


def test_the_pages_links_lead_somewhere():
    for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", PAGE):
        assert (TUTORIALS / target).exists(), target
