"""The tutorials run from the top, and what they say about their outputs still holds."""

import json
import re
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "tutorials"
NOTEBOOKS = sorted(FOLDER.glob("*.ipynb"))


def cells(notebook, kind):
    content = json.loads(notebook.read_text())
    return ["".join(cell["source"]) for cell in content["cells"] if cell["cell_type"] == kind]


def test_there_are_tutorials():
    assert NOTEBOOKS
    index = (FOLDER / "README.md").read_text()
    assert all(f"({notebook.name})" in index for notebook in NOTEBOOKS)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_runs_from_the_top(notebook, capsys):
    """Each cell after the other in one namespace, as a notebook does; its assertions hold."""
    namespace = {}
    for source in cells(notebook, "code"):
        exec(compile(source, notebook.name, "exec"), namespace)


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_is_committed_with_its_outputs_and_small(notebook):
    content = json.loads(notebook.read_text())
    code = [cell for cell in content["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    assert any(cell["outputs"] for cell in code)
    assert notebook.stat().st_size < 1_000_000


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_links_lead_somewhere(notebook):
    for text in cells(notebook, "markdown"):
        for target in re.findall(r"\]\((?!https?:)([^)#]+)\)", text):
            assert (FOLDER / target).exists(), target
