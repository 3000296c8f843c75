"""What the pages say still holds: their programs run, links lead somewhere, lines are counted."""

import ast
import doctest
import importlib
import io
import re
import runpy
import subprocess
import sys
import tokenize
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from test_layout import DOORS, FLOORS, PACKAGE

import minivae

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
ARCHITECTURE = (ROOT / "docs" / "architecture.md").read_text()
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md")), ROOT / "examples/README.md"]
PAGES += [ROOT / "CONTRIBUTING.md"]


def section(page, title):
    return re.split(r"^## ", page.partition(f"\n## {title}\n")[2], flags=re.MULTILINE)[0]


def links(text):
    """What a page links to in this repository, without anchors."""
    return re.findall(r"\]\((?!https?:)([^)#]+)", text)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page):
    targets = links(page.read_text())
    assert targets
    missing = [target for target in targets if not (page.parent / target).exists()]
    assert not missing


# --- Bring your own -------------------------------------------------------------------------------


def python(text):
    return "\n".join(re.findall(r"^```python\n(.*?)^```", text, flags=re.MULTILINE | re.DOTALL))


OPENING, *SECTIONS = re.split(
    r"^## ", (ROOT / "docs" / "bring_your_own.md").read_text(), flags=re.MULTILINE
)
PROGRAMS = {text.partition("\n")[0]: python(text) for text in SECTIONS if python(text)}


def test_every_part_of_a_model_has_a_program():
    found = " ".join(PROGRAMS)
    for part in ("activation", "layer", "likelihood", "posterior", "estimator", "optimizer"):
        assert part in found


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_section_runs(title, tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    program = tmp_path / "program.py"
    program.write_text(python(OPENING) + "\n\n" + PROGRAMS[title])
    runpy.run_path(str(program), run_name="__main__")
    assert "gradient check passed" in capsys.readouterr().out


@pytest.mark.parametrize("title", PROGRAMS)
def test_a_section_is_formatted_like_the_library(title):
    ast.parse(PROGRAMS[title])
    assert max(map(len, PROGRAMS[title].splitlines())) <= 100


# --- Examples in docstrings -----------------------------------------------------------------------

EXAMPLES = [file for file in sorted(PACKAGE.rglob("*.py")) if ">>> " in file.read_text()]


@pytest.mark.fixed_draw
@pytest.mark.parametrize("file", EXAMPLES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_examples_in_docstrings(file):
    name = file.relative_to(PACKAGE.parent).with_suffix("").as_posix().replace("/", ".")
    module = importlib.import_module(name.removesuffix(".__init__"))
    done = doctest.testmod(module)
    assert done.attempted and not done.failed


# --- The table of equations, and the architecture -------------------------------------------------


def test_the_table_of_equations_names_what_exists():
    rows = section(README, "The paper's equations, and where they live")
    names = re.findall(r"\[`([\w.]+)`\]\((minivae/[^)]+)\)", rows)
    assert len(names) > 20
    for name, path in names:
        value = importlib.import_module(f"minivae.{name.partition('.')[0]}")
        for attribute in name.split(".")[1:]:
            if not hasattr(value, attribute):
                importlib.import_module(f"{value.__name__}.{attribute}")
            value = getattr(value, attribute)
        home = getattr(value, "__module__", None) or value.__name__
        stem = Path(path).with_suffix("").as_posix().replace("/", ".").removesuffix(".__init__")
        assert home == stem or home.startswith("minivae.engine."), (name, home, path)


def test_the_architecture_names_every_room_once():
    named = re.findall(r"^\| \[`(\w+)`\]", ARCHITECTURE, flags=re.MULTILINE)
    assert sorted(named) == sorted(room for floor in FLOORS for room in floor)


def test_the_architecture_names_the_lines_of_the_step():
    source = (PACKAGE / "vae.py").read_text()
    calls = ["recognition", "posterior.sample", "generative", "log_prob_and_grad"]
    calls += ["generative_backward", "posterior.sample_backward", "recognition_backward"]
    for call in calls:
        assert f"{call}(" in source
        assert call in section(ARCHITECTURE, "The step")


# --- Habits ---------------------------------------------------------------------------------------


def test_the_version_is_everywhere_the_same():
    found = {
        re.search(r"^version[:=\s]+([\d.]+)$", (ROOT / file).read_text(), re.MULTILINE).group(1)
        for file in ("setup.cfg", "CITATION.cff")
    }
    assert found == {minivae.__version__}
    assert f"\n## {minivae.__version__}" in (ROOT / "CHANGELOG.md").read_text()


def test_hooks_and_contributors_run_what_ci_runs():
    ci = (ROOT / ".ci" / "run").read_text()
    for file in (".pre-commit-config.yaml", "CONTRIBUTING.md"):
        said = (ROOT / file).read_text()
        for command in ("mypy minivae", "docs/site/build.py", "ruff check", "ruff format"):
            assert command in said and command in ci


# --- How much there is to read --------------------------------------------------------------------

NO_CODE = {"COMMENT", "NL", "NEWLINE", "INDENT", "DEDENT", "ENDMARKER"}
READING = section(README, "The paper in an afternoon")
PAPER, REST = READING.split("The rest is")


def count(source):
    """Lines of a file, and those of them with code: no blank line, comment or docstring."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    code = {
        line
        for token in tokens
        if tokenize.tok_name[token.type] not in NO_CODE
        for line in range(token.start[0], token.end[0] + 1)
    }
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Expr) and isinstance(getattr(node.value, "value", None), str):
            code -= set(range(node.lineno, node.end_lineno + 1))
    return len(source.splitlines()), len(code)


def total(files):
    counts = [count(file.read_text()) for file in files]
    return sum(lines for lines, _ in counts), sum(code for _, code in counts)


def paper():
    return [ROOT / target for target in links(PAPER)]


def room(target):
    """The files that a link in the table of the rest stands for."""
    file = ROOT / target
    files = file.parent.rglob("*.py") if file.name == "__init__.py" else [file]
    return [file for file in files if file not in paper()]


def rows():
    """The table of the rest: files, lines, lines of code."""
    for row in re.findall(r"^\| (\[.*)\|$", REST, flags=re.MULTILINE):
        where, lines, code, _ = row.split(" | ")
        files = [file for target in links(where) for file in room(target)]
        yield files, int(lines.replace(",", "")), int(code.replace(",", ""))


def test_how_lines_are_counted():
    source = '"""One.\n\nThree."""\n\n# Five.\nx = [\n    1,\n\n]  # Nine.\n\ny = """\ntext"""\n'
    assert count(source) == (12, 5)


def test_the_paper_takes_as_many_lines_as_the_readme_says():
    said = re.search(r"([\d,]+) lines, of which ([\d,]+) are code", PAPER).groups()
    said = [int(number.replace(",", "")) for number in said]
    assert total(paper()) == (pytest.approx(said[0], rel=0.1), pytest.approx(said[1], rel=0.1))


def test_the_rest_takes_as_many_lines_as_the_readme_says():
    for files, lines, code in rows():
        found = total(files)
        assert found == (pytest.approx(lines, rel=0.1), pytest.approx(code, rel=0.1)), files[0]
    assert "fifteen times as much code" in READING
    assert 14 < sum(code for *_, code in rows()) / total(paper())[1] < 16


def test_no_file_is_left_out():
    told = {*paper(), *(file for files, *_ in rows() for file in files)}
    assert {*PACKAGE.rglob("*.py")} - told == DOORS


# --- The programs beside the pages ----------------------------------------------------------------


def test_the_step_can_be_watched_in_a_debugger(tmp_path):
    """What README types into pdb, in a program of its own."""
    program = tmp_path / "program.py"
    program.write_text(
        "import numpy as np\nfrom minivae import VAE, fit\n"
        "fit(VAE(4, 2, (3,)), np.zeros((20, 4)), 20, batch_size=20, threads=1, progress=False)\n"
    )
    commands = re.findall(r"-c ('[^']+'|continue)", PAPER)
    assert len(commands) == 3
    arguments = [part for command in commands for part in ("-c", command.strip("'"))]
    done = subprocess.run(
        [sys.executable, "-m", "pdb", *arguments, str(program)],
        input="n\np q_params.shape if 'q_params' in vars() else len(x)\nq\n",
        env={"MINIVAE_ENGINE": "numpy", "PYTHONPATH": str(PACKAGE.parent), "PATH": ""},
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    assert "forward_backward()" in done.stdout and "\n(Pdb) 20\n" in done.stdout, done


def test_the_example_of_counts(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    counts = runpy.run_path(str(ROOT / "examples" / "counts.py"))
    data, names = counts["football"]()
    assert len(data.train) + len(data.test) == 4 * (20 + 20 + 20 + 18 + 10) and len(names) == 88
    goals = np.vstack([data.train, data.test]).sum(axis=0)
    assert goals[::2].sum() == goals[1::2].sum()  # what one scores another concedes
    counts["main"](["--samples", "3000"])
    assert "independent Poisson counts     -25.09\n" in capsys.readouterr().out
    np.save("own.npy", np.random.default_rng(0).poisson(3, (40, 5)))
    counts["main"](["own.png", "--data", "own.npy", "--samples", "3000"])
    assert "4 new datapoints" in capsys.readouterr().out
    assert (tmp_path / "counts.png").exists() and (tmp_path / "own.png").exists()


EXAMPLES = sorted((ROOT / "examples").glob("*.py"))
WITH_PICTURE = [file for file in EXAMPLES if " save(" in file.read_text()]


@pytest.mark.parametrize("file", WITH_PICTURE, ids=lambda file: file.stem)
def test_examples_refuse_a_name_for_a_picture_before_they_compute(file, monkeypatch):
    monkeypatch.setattr(sys, "argv", [file.name, "picture.jpg"])
    for name in ("load", "fit", "VAE"):  # nothing of this is there yet
        monkeypatch.setattr(f"minivae.{name}", None)
    with pytest.raises(ValueError, match=r"path is 'picture\.jpg', expected a name that ends in"):
        runpy.run_path(str(file), run_name="__main__")


def test_the_example_of_sentences(tmp_path, capsys):
    text = tmp_path / "own.txt"
    text.write_text("".join(f"the {word} sat on him .\n" for word in "abcdefgh") * 12)
    sentences = runpy.run_path(str(ROOT / "examples" / "sentences.py"))
    few = ["--epochs", "1", "--draws", "2", "--only", "language model", "plain"]
    sentences["main"](["--text", str(text), *few])
    said = capsys.readouterr().out
    assert "language model: bound -" in said and "plain: bound -" in said and "changes)" in said


def test_the_example_of_skills(capsys):
    skills = runpy.run_path(str(ROOT / "examples" / "skills.py"))
    model, data = skills["season_of"]("en", 2015)
    few = model.with_matches(slice(20))
    skills["compare"]("a few", few, SimpleNamespace(chains=20, samples=5), samples=False)
    skills["order"](few, passes=3)
    skills["champions"](2015)
    said = capsys.readouterr().out
    assert "a few: 20 matches, sd 0.5, eps 0.4" in said and "Leicester City" in said
    assert data.points.max() == 81
