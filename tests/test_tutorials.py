"""The tutorials run from the top, and what they say about their outputs still holds."""

import ast
import importlib
import json
import re
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))
PAGES = [*NOTEBOOKS, FOLDER / "README.md"]
every_notebook = pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)


def cells(notebook, kind):
    content = json.loads(notebook.read_text())
    return [cell for cell in content["cells"] if cell["cell_type"] == kind]


def sources(notebook, kind):
    return ["".join(cell["source"]) for cell in cells(notebook, kind)]


def printed(notebook):
    """All text in the outputs of a notebook."""
    outputs = [output for cell in cells(notebook, "code") for output in cell["outputs"]]
    texts = [o.get("text") or o.get("data", {}).get("text/plain") or [] for o in outputs]
    return "\n".join("".join(text) for text in texts)


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
def test_is_committed_with_its_outputs_and_small(notebook):
    code = cells(notebook, "code")
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(cell["outputs"] for cell in code)
    kinds = {output["output_type"] for cell in code for output in cell["outputs"]}
    assert kinds <= {"stream", "execute_result", "display_data"}
    assert "Traceback" not in printed(notebook)
    assert notebook.stat().st_size < 1_000_000


@every_notebook
def test_says_what_it_is_for_and_ends_with_what_it_claims(notebook):
    text, code = sources(notebook, "markdown"), sources(notebook, "code")
    assert text[0].startswith("# ")
    assert "What you will be able to do" in text[0]
    assert "assert" in code[-1]
    assert max(map(len, text)) < 2000, "a wall of text"


@every_notebook
def test_has_exercises_that_come_unfilled(notebook):
    own = [c for c in cells(notebook, "code") if "".join(c["source"]).startswith("# Your turn")]
    assert len(own) >= 2
    for cell in own:
        text = str(cell["outputs"])
        assert "not filled in yet" in text, "".join(cell["source"])
    assert (FOLDER / "answers" / f"{notebook.stem}.py").exists()
    assert any(f"(answers/{notebook.stem}.py)" in text for text in sources(notebook, "markdown"))


NUMBER = re.compile(r"(?<![\w.,^_-])[-+]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?(?![\w^])")


def numbers(text):
    text = text.replace("\N{MINUS SIGN}", "-")
    return {match.rstrip(",").lstrip("+") for match in NUMBER.findall(text)}


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


@every_notebook
def test_numbers_quoted_in_prose_are_those_of_the_outputs(notebook):
    shown = numbers(printed(notebook))
    for text in sources(notebook, "markdown"):
        missing = quoted(text) - shown
        assert not missing, f"{missing} in {text!r} are in no output"


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
