"""The tutorials run from the top, and what they say about their outputs still holds."""

import ast
import configparser
import importlib
import io
import json
import re
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

FOLDER = Path(__file__).parents[1] / "tutorials"
sys.path.append(str(FOLDER))
import second_run  # noqa: E402
from second_run import numbers  # noqa: E402

NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PAGES = [*NOTEBOOKS, *(FOLDER / f"{name}.md" for name in ("README", "glossary", "project"))]
every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)


def cells(notebook, kind):
    content = json.loads(notebook.read_text())
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def sources(notebook, kind):
    return ["".join(cell["source"]) for cell in cells(notebook, kind)]


def run(source, name, namespace):
    """Run a cell as a notebook does: what its last line evaluates to is shown."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    exec(compile(ast.Module(body, []), name, "exec"), namespace)
    if last is not None:
        shown = eval(compile(ast.Expression(last.value), name, "eval"), namespace)
        getattr(shown, "_repr_png_", shown.__repr__)()


@pytest.fixture
def in_the_folder(monkeypatch):
    """The tutorials' folder as a notebook finds it, with a small budget."""
    monkeypatch.chdir(FOLDER)
    monkeypatch.syspath_prepend(FOLDER)
    monkeypatch.setenv("MINIVAE_TUTORIAL_BUDGET", "small")
    sys.modules.pop("budget", None)


@every_notebook
def test_runs_from_the_top(notebook, in_the_folder, capsys):
    """Each cell after the other in one namespace, as in a notebook; its assertions hold."""
    namespace = {"__name__": "__main__"}
    for k, source in enumerate(sources(notebook, "code"), start=1):
        run(source, f"{notebook.name}, cell {k}", namespace)


@every_notebook
def test_needs_nothing_that_the_tutorials_extra_does_not_bring(notebook):
    settings = configparser.ConfigParser()
    settings.read(FOLDER.parent / "setup.cfg")
    required = settings["options"]["install_requires"]
    required += settings["options.extras_require"]["tutorials"]
    brought = {re.match(r"[\w-]+", line)[0] for line in required.split()} | {"minivae"}
    needed = set()
    trees = [ast.parse(source) for source in sources(notebook, "code")]
    for node in (node for tree in trees for node in ast.walk(tree)):
        if isinstance(node, ast.Import | ast.ImportFrom):
            names = [getattr(node, "module", None) or alias.name for alias in node.names]
            needed |= {name.partition(".")[0] for name in names}
            needed |= {"hypothesis" for name in names if name == "minivae.testing"}
    own = {path.stem for path in FOLDER.glob("*.py")} | {"exercises"}
    assert needed - own - set(sys.stdlib_module_names) <= brought


@every_notebook
def test_is_committed_with_its_outputs_and_small(notebook):
    code = cells(notebook, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(cell["outputs"] for cell in code)
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result", "display_data"}
    assert "Traceback" not in second_run.printed(code)
    assert notebook.stat().st_size < 1_000_000


@every_notebook
def test_says_what_it_is_for_and_ends_with_what_it_claims(notebook):
    text, code = sources(notebook, "markdown"), sources(notebook, "code")
    assert text[0].startswith("# ")
    assert "What you will be able to do" in text[0]
    assert "assert" in code[-1]
    assert max(map(len, text)) < 2000, "a wall of text"


@every_notebook
def test_says_what_it_needs_and_what_comes_next_and_lists_its_claims(notebook):
    text = sources(notebook, "markdown")
    assert "**You need**" in text[0]
    end = text[-1].partition("## What this page has claimed")[2]
    assert len(re.findall(r"^- ", end, flags=re.M)) >= 3
    following = NOTEBOOKS[NOTEBOOKS.index(notebook) + 1 :][:1]
    target = following[0].name if following else "README.md"
    assert f"({target})" in end.partition("**Next:**")[2]


def test_the_picture_of_the_way_shows_the_prerequisites_of_today(in_the_folder):
    way = importlib.import_module("way")
    assert Image.open(FOLDER / "way.png").text["pages"] == way.written_down(), "run way.py"
    for number, (_, needed) in way.pages().items():
        assert all(other < number for other in needed)


def test_a_film_is_a_picture_that_moves(in_the_folder):
    look = importlib.import_module("look")

    def draw(moment):
        figure, axes = look.panels(width=2, height=2)
        axes.plot([0, moment])
        return figure

    png, shown = look.film(draw, range(3))._repr_png_()
    assert Image.open(io.BytesIO(png)).n_frames == 2  # with a small budget
    assert shown == {"width": 200, "height": 200}


@every_notebook
def test_has_exercises_that_come_unfilled(notebook):
    own = [c for c in cells(notebook, "code") if "".join(c["source"]).startswith("# Your turn")]
    assert len(own) >= 2
    for cell in own:
        text = str(cell["outputs"])
        assert "not filled in yet" in text, "".join(cell["source"])
    assert (FOLDER / "answers" / f"{notebook.stem}.py").exists()
    assert any(f"(answers/{notebook.stem}.py)" in text for text in sources(notebook, "markdown"))


def exercises_of(notebook):
    """Each exercise's number, the section that it stands in, its text, and the code below it."""
    section, found = "", []
    for cell in json.loads(notebook.read_text())["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code":
            if found:
                found[-1][3].append(text)
            continue
        section = [section, *re.findall(r"^## (.*)$", text, flags=re.M)][-1]
        number = re.findall(r"^### Exercise (\d+): ", text, flags=re.M)
        found.append((number[0] if number else None, section, text, []))
    return [each for each in found if each[0]]


@every_notebook
def test_exercises_stand_beside_what_they_exercise(notebook):
    """In the section itself; for the end of a page only what sums it up."""
    found = exercises_of(notebook)
    assert [int(number) for number, *_ in found] == list(range(1, len(found) + 1))
    assert all(code[-1].startswith("# Your turn") for *_, code in found)
    assert f"(answers/{notebook.stem}.py)" in found[0][2]
    sections = [section for _, section, *_ in found]
    assert sections[0] != "Exercises"
    assert "Exercises" not in sections or notebook.stem == "11_the_bug_clinic"


@every_notebook
def test_what_the_reader_fills_in_changes_no_other_cell(notebook):
    """They stand in the middle of the page, so no other cell may have a name of theirs."""
    own, others = set(), set()
    for source in sources(notebook, "code"):
        tree = ast.parse(source)
        if source.startswith("# Your turn"):
            own |= {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
        else:
            others |= {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)}
            others |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    assert own and not own & others


def quoted(text):
    """Numbers in prose that come from an output: every bold one, and every one with a decimal."""
    text = re.sub(r"```.*?```|\$\$.*?\$\$|\$[^$]*\$|`[^`]*`|\]\([^)]*\)", " ", text, flags=re.S)
    bold = numbers(" ".join(re.findall(r"\*\*(.+?)\*\*", text, flags=re.S)))
    return bold | {number for number in numbers(text) if "." in number}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("about **-139.1** nats, or **1,000** steps", {"-139.1", "1,000"}),
        ("in 2013, by a factor of 0.25.", {"0.25"}),
        ("step $0.5 h^2$, `x = 1.5`, [chapter](01_x.1.ipynb)", set()),
        ("**Exercise 2.** an error of 5.1e-10", {"2", "5.1e-10"}),
    ],
)
def test_which_numbers_count_as_quoted(text, expected):
    assert quoted(text) == expected


def not_shown(notebook, shown, units):
    """Quoted numbers that no number in `shown` is so many units of the last place away from."""
    every = set().union(*map(quoted, sources(notebook, "markdown")))
    return sorted(number for number in every if not second_run.agrees(number, shown, units))


@every_notebook
def test_numbers_quoted_in_prose_are_those_of_the_outputs(notebook):
    """Rounded, if the prose has fewer digits."""
    assert not not_shown(notebook, numbers(second_run.printed(cells(notebook, "code"))), units=0.5)


@pytest.mark.parametrize("stem", sorted(second_run.kept()))
def test_numbers_quoted_in_prose_hold_with_other_random_numbers(stem):
    """To a unit of the last place that is quoted, in a run whose random numbers were all others."""
    notebook, run = FOLDER / f"{stem}.ipynb", second_run.kept()[stem]
    again = f"python tutorials/execute.py --seed 1 tutorials/{stem}.ipynb"
    current = second_run.fingerprint(cells(notebook, "code"))
    assert run["fingerprint"] == current, f"the page computes something else now: {again}"
    assert not not_shown(notebook, run["numbers"].split(), units=1)


@pytest.mark.parametrize(
    ("number", "shown", "units", "expected"),
    [
        ("0.81", {"0.806"}, 0.5, True),
        ("0.81", {"0.82"}, 0.5, False),
        ("0.81", {"0.82"}, 1, True),
        ("-1,200", {"-1201"}, 1, True),
        ("-1,200", {"1200"}, 1, False),
        ("2e-04", {"3e-04"}, 1, True),
        ("2e-04", {"4e-04"}, 1, False),
        ("5", set(), 1, False),
    ],
)
def test_which_numbers_agree(number, shown, units, expected):
    assert second_run.agrees(number, shown, units) is expected


def test_a_second_run_has_other_random_numbers_and_the_same_data(monkeypatch):
    own = np.random.default_rng
    monkeypatch.setattr(np.random, "default_rng", own)  # put back in the end
    second_run.shift(1)
    for seed in (0, [3, 4], np.random.SeedSequence(5, spawn_key=(1,))):
        values = [make(seed).random() for make in (np.random.default_rng, own)]
        assert values[0] != values[1]
        assert values[0] == np.random.default_rng(seed).random()
    generator = own(6)
    assert np.random.default_rng(generator) is generator  # SciPy asks in this way
    line = "x = np.random.default_rng(7).random()"
    assert second_run.prepared(line) == line
    namespace = {}
    exec(second_run.prepared(f"{line}  # the same in every run"), namespace)
    assert namespace["x"] == own(7).random()


def test_second_runs_are_of_pages_that_there_are():
    assert second_run.kept().keys() <= {path.stem for path in NOTEBOOKS}
    assert len(second_run.kept()) >= 14


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_links_lead_somewhere(page):
    texts = sources(page, "markdown") if page.suffix == ".ipynb" else [page.read_text()]
    for text in texts:
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (FOLDER / target).exists(), target


def test_the_index_has_every_notebook_in_order():
    index = (FOLDER / "README.md").read_text()
    listed = re.findall(r"\]\((\d\d_\w+\.ipynb)\)", index)
    assert list(dict.fromkeys(listed)) == [notebook.name for notebook in NOTEBOOKS]


@every_notebook
def test_the_index_and_the_page_name_the_same_time(notebook):
    first = sources(notebook, "markdown")[0].replace("about an hour", "about 60 minutes")
    row = rf"\]\({notebook.name}\) \|.*\| (\d+) minutes \|"
    (listed,) = re.findall(row, (FOLDER / "README.md").read_text())
    assert re.search(r"about (\d+) minutes", first)[1] == listed


def test_the_symbol_table_names_what_exists():
    """A dotted name in the index, such as `vae.VAE.elbo`, leads somewhere in minivae."""
    index = (FOLDER / "README.md").read_text()
    names = re.findall(r"`minivae\.([\w.]+)`", index)
    assert len(names) > 5
    for name in names:
        module, *attributes = name.split(".")
        value = importlib.import_module(f"minivae.{module}")
        for attribute in attributes:
            if not hasattr(value, attribute):
                importlib.import_module(f"{value.__name__}.{attribute}")
            value = getattr(value, attribute)


def test_the_budget_is_refused_if_unknown(in_the_folder, monkeypatch):
    monkeypatch.setenv("MINIVAE_TUTORIAL_BUDGET", "tiny")
    with pytest.raises(ValueError, match="is 'tiny', expected 'full' or 'small'"):
        importlib.import_module("budget")
