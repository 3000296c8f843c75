"""Make assignments of the notebooks: to hand out, to grade with nbgrader, and the answer key.

    python tutorials/assignments.py OUT                                  all notebooks
    python tutorials/assignments.py OUT 04_backpropagation_by_hand       only these
    python tutorials/assignments.py OUT --seed 20260301                  hidden problems of your own

    OUT/nbgrader_config.py     makes OUT a course folder of nbgrader
    OUT/source/<notebook>/     with the answers, as nbgrader's generate_assignment wants them
    OUT/release/<notebook>/    for students: without answers and outputs, points in locked cells
    OUT/key/<notebook>.md      the answers, with points and minutes

A folder has all that its notebook needs beside minivae. What the checker knows (problems, known
mistakes, answers) is in it, sealed against being read by accident. Nothing is needed but Python:
nbgrader's conventions (metadata, schema version 3) are written as JSON. See INSTRUCTORS.md.
"""

import argparse
import ast
import base64
import contextlib
import json
import re
import shutil
import sys
import tempfile
import zlib
from pathlib import Path

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER))

from exercises import load  # noqa: E402
from exercises.predictions import QUESTIONS  # noqa: E402

NAMES = sorted(path.stem for path in FOLDER.glob("[0-9]*.ipynb"))
# How the checker works; what else there is in its folder tells answers.
_CHECKER = {"__init__", "calling", "checking", "comparing", "diagnosis", "made_up", "shapes"}
_LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\((?!https?:)([^)#]+)(#[^)]*)?\)")
_ABOUT_ANSWERS = re.compile(
    r"(?:(?!\n\n)[^.!?])*\[[^\]]*\]\(answers/[^)]*\)(?:(?!\n\n)[^.!?])*[.!?]? ?"
)
_MEASURED = re.compile(r'(?<=")\.\./(benchmarks/[\w./-]+)(?=")')
_PREDICTED = re.compile(r'^predict\("(\w+)", \.\.\.\)', re.MULTILINE)
_OWN_DIAGNOSIS = re.compile(r'load\("answers", "\w+"\)\.(\w+)')
_SEALED = '''"""Sealed, so that nobody reads it by accident: what the checker knows. Try first."""

import base64
import zlib

exec(zlib.decompress(base64.b85decode({text!r})).decode())
'''
_CONFIG = """c = get_config()
c.CourseDirectory.course_id = "minivae"
c.ClearSolutions.code_stub = {"python": ""}  # the cells have dots of their own
c.ExecutePreprocessor.timeout = 600  # seconds for a cell; some train
c.IncludeHeaderFooter.header = ""
"""


def assignment(name, seed=1):
    """Return two notebooks, for nbgrader's ``source`` and for ``release``, as nested dicts.

    Parameters
    ----------
    name : str
        Of the notebook, without the suffix.
    seed : int
        Of the problems that only the graded version sees.
    """
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text())
    exercises = {exercise.name: exercise for exercise in load("exercises", name).EXERCISES}
    source, release = [], []
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            text = _ABOUT_ANSWERS.sub("", text)
        else:
            cell = {**cell, "outputs": [], "execution_count": None}
            text = _OWN_DIAGNOSIS.sub(r"\1", text)
        checked, which = _checked_in(cell, text)
        if which not in exercises:
            source.append({**cell, "source": text})
            release.append({**cell, "source": text})
            continue
        exercise, solved = exercises[which], _with_answer(text, name, which)
        test, hidden = (_test(name, exercise, checked, seed=k) for k in (None, seed))
        source += [_solution(cell, solved, exercise), hidden]
        release += [_solution(cell, text, exercise), test]
    return {**notebook, "cells": source}, {**notebook, "cells": release}


def _checked_in(cell, text):
    """What a cell of the reader's checks, as an expression, and the exercise's name; or Nones."""
    if cell["cell_type"] == "code" and text.startswith("# Your turn"):
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.Call) and getattr(node.func, "id", None) == "check":
                came, last = node.args[0], node.args[-1]
                return ast.unparse(came), getattr(last, "value", None) or ast.unparse(last)
    return None, None


def _with_answer(text, notebook, exercise):
    """Put the answer between the reader's stub and the line that checks it."""
    stub, check, rest = text.rpartition("\ncheck(")
    answer = f"### BEGIN SOLUTION\n{answer_to(notebook, exercise)}\n### END SOLUTION"
    return f"{stub.rstrip()}\n\n{answer}\n{check}{rest}"


def answer_to(notebook, exercise):
    """Return an answer's source, below the imports that it needs."""
    text = (FOLDER / "answers" / f"{notebook}.py").read_text()
    imports, answer = [], ""
    for node in ast.parse(text).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(node)
        elif exercise in _defined_by(node):
            answer = ast.get_source_segment(text, node)
    needed = [ast.unparse(node) for node in imports if _is_used(node, answer)]
    return "\n".join([*needed, "", answer] if needed else [answer])


def _defined_by(node):
    names = {getattr(target, "id", None) for target in getattr(node, "targets", [])}
    return names | {getattr(node, "name", None)}


def _is_used(node, source):
    names = {alias.asname or alias.name for alias in node.names}
    return any(getattr(part, "id", None) in names for part in ast.walk(ast.parse(source)))


def _solution(cell, text, exercise):
    metadata = {"grade": False, "solution": True, "locked": False, "task": False}
    return {**cell, "source": text, "metadata": _nbgrader(cell, exercise.name, metadata)}


def _test(notebook, exercise, checked, seed=None):
    """A locked cell that raises unless the exercise is right; cells after it run all the same."""
    name, points = exercise.name, exercise.points
    text = (
        f"# {points} point{'s' if points > 1 else ''}, and not yours to change.\n"
        "from exercises import checker\n\n"
        f'verdict = checker("{notebook}")({checked}, "{name}")\n'
        'assert verdict.state == "right", verdict'
    )
    if seed is not None:
        text += (
            "\n### BEGIN HIDDEN TESTS\n"
            f'verdict = checker("{notebook}", seed={seed})({checked}, "{name}")\n'
            'assert verdict.state == "right", verdict\n'
            "### END HIDDEN TESTS"
        )
    metadata = {"grade": True, "solution": False, "locked": True, "task": False, "points": points}
    cell = {
        "cell_type": "code",
        "execution_count": None,
        "id": f"test-{name}"[:64],
        "outputs": [],
        "source": text,
        "metadata": {"deletable": False, "editable": False, "tags": ["raises-exception"]},
    }
    return {**cell, "metadata": _nbgrader(cell, f"test_{name}", metadata)}


def _nbgrader(cell, grade_id, metadata):
    own = {"grade_id": grade_id, "schema_version": 3, **metadata}
    return {**cell["metadata"], "nbgrader": dict(sorted(own.items()))}


def key(name):
    """Return the answer key of a notebook, in Markdown: exercises with points, and predictions."""
    notebook = json.loads((FOLDER / f"{name}.ipynb").read_text())
    exercises = {exercise.name: exercise for exercise in load("exercises", name).EXERCISES}
    found, predicted, asked = [], [], ""
    for cell in notebook["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            asked = text
        elif match := _PREDICTED.search(text):
            predicted.append((QUESTIONS[match[1]], _question(asked)))
        _, which = _checked_in(cell, text)
        if which in exercises:
            found.append((exercises[which], _question(asked)))
    lines = [f"# Key: {name}", "", "| exercise | minutes | points |", "| --- | --- | --- |"]
    lines += [f"| `{e.name}` | {e.minutes} | {e.points} |" for e, _ in found]
    minutes, points = (sum(getattr(e, k) for e, _ in found) for k in ("minutes", "points"))
    lines += [f"| in all | {minutes} | {points} |"]
    for exercise, question in found:
        answer = answer_to(name, exercise.name)
        lines += ["", f"## {exercise.name}", "", question, "", "```python", answer, "```"]
    lines += ["", "## Predictions", ""]
    for question, text in predicted:
        answer = f"{question.answer:.4g}" if question.is_number() else question.answer
        lines.append(
            f"- {text.removeprefix('**Predict, then run on.** ')} **{answer}**: {question.because}"
        )
    return "\n".join(lines) + "\n"


def _question(text):
    """What a cell of text says after its last heading, without links."""
    text = re.split(r"^#+ .*\n+", text, flags=re.MULTILINE)[-1]
    return _LINK.sub(r"\2", _ABOUT_ANSWERS.sub("", text)).strip()


def write(out, names, seed):
    """Write the folders of all named notebooks below `out`."""
    for name in names:
        source, release = assignment(name, seed)
        for kind, notebook in (("source", source), ("release", release)):
            with _in_place_of(out / kind / name) as folder:
                _write_support(name, folder)
                _write_notebook(notebook, folder, name, names)
        (out / "key").mkdir(exist_ok=True)
        (out / "key" / f"{name}.md").write_text(key(name))
    (out / "nbgrader_config.py").write_text(_CONFIG)


@contextlib.contextmanager
def _in_place_of(folder):
    """Give an empty folder, which takes the place of another when it is full."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".unfinished-") as scratch:
        new = Path(scratch, folder.name)
        new.mkdir()
        yield new
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def _write_support(name, folder):
    """Copy the modules that notebooks import, and seal what tells an answer."""
    for path in FOLDER.glob("*.py"):
        if "__main__" not in path.read_text():  # tools are not for students
            shutil.copy(path, folder)
    for kind in ("exercises", "answers"):
        (folder / kind).mkdir()
    for path in (FOLDER / "exercises").glob("[!0-9]*.py"):
        text = path.read_text()
        plain = path.stem in _CHECKER
        (folder / "exercises" / path.name).write_text(text if plain else sealed(text))
    for kind in ("exercises", "answers"):
        path = Path(kind, f"{name}.py")
        (folder / path).write_text(sealed((FOLDER / path).read_text()))


def sealed(source):
    """Return a module that does what `source` does, and cannot be read at a glance."""
    text = base64.b85encode(zlib.compress(source.encode(), 9)).decode()
    return _SEALED.format(text=text)


def _write_notebook(notebook, folder, name, names):
    """Write it and the files that it reads; links lead to such, to other assignments, or go."""

    def follow(match):
        picture, text, target, anchor = match.groups()
        if target.endswith(".ipynb") and Path(target).stem in names:
            return f"{picture}[{text}](../{Path(target).stem}/{target}{anchor or ''})"
        path = (FOLDER / target).resolve()
        if (
            path.is_file()
            and FOLDER in path.parents
            and path.suffix not in (".ipynb", ".md", ".py")
        ):
            (folder / target).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(path, folder / target)
            return match.group()
        return text

    def bring(match):
        path = FOLDER.parent / match[1]
        for file in path.glob("*.json") if path.is_dir() else [path]:
            place = folder / file.relative_to(FOLDER.parent)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(file, place)
        return match[1]

    changes = {"markdown": (_LINK, follow), "code": (_MEASURED, bring)}
    cells = []
    for cell in notebook["cells"]:
        what, change = changes[cell["cell_type"]]
        cells.append({**cell, "source": what.sub(change, cell["source"])})
    text = json.dumps({**notebook, "cells": cells}, indent=1, ensure_ascii=False, sort_keys=True)
    (folder / f"{name}.ipynb").write_text(text + "\n")


def main():
    """Write what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("out", type=Path, help="a folder; what it has of these notebooks goes")
    parser.add_argument("notebooks", nargs="*", metavar="notebook", help="default: all")
    parser.add_argument("--seed", type=int, default=1, help="of the hidden problems (1)")
    arguments = parser.parse_args()
    names = [Path(name).stem for name in arguments.notebooks] or NAMES
    unknown = [name for name in names if name not in NAMES]
    if unknown:
        parser.error(f"notebook is {unknown[0]!r}, expected one of {', '.join(NAMES)}")
    if arguments.seed < 1:
        parser.error(f"--seed is {arguments.seed}, expected 1 or more: students see 0")
    if arguments.out.exists() and not arguments.out.is_dir():
        parser.error(f"{arguments.out} is a file, expected a folder")
    try:
        write(arguments.out, names, arguments.seed)
    except OSError as error:
        parser.error(f"cannot write {error.filename}: {error.strerror}")
    print(f"{len(names)} assignments in {arguments.out}: source, release and key")


if __name__ == "__main__":
    main()
