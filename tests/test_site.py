"""What the documentation site is made of; the site itself is built by `docs/site/build.py`."""

import ast
import inspect
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SITE = ROOT / "docs" / "site"


@pytest.fixture(autouse=True)
def _on_the_path(monkeypatch):
    before = set(sys.modules)
    monkeypatch.syspath_prepend(SITE)
    yield
    for name in set(sys.modules) - before:  # `links`, `paper`, ... are names for anybody
        if Path(getattr(sys.modules[name], "__file__", None) or "/").parent == SITE:
            del sys.modules[name]


def lines(text):
    return inspect.cleandoc(text).split("\n")


# --- Docstrings -----------------------------------------------------------------------------------


def test_formulas_and_tables_are_shown_as_they_are():
    from docstrings import as_rst

    found = as_rst(
        lines("""
        A summary with q(z|x) and `a|b`.

        The bound is

            L = a + |b|,

            M = c

        and these are

        one    the first
        two    the second,
               which goes on

        1. a point
           with `two` lines
        """)
    )
    assert found[:-1] == lines(r"""
        A summary with q(z\|x) and `a|b`.

        The bound is

        ::

            L = a + |b|,

            M = c

        and these are

        ::

            one    the first
            two    the second,
                   which goes on

        1. a point
           with `two` lines
        """)


def test_sections_keep_their_form():
    from docstrings import as_rst

    text = lines("""
        A summary.

        Parameters
        ----------
        x : (M, D) array
            For q(z|x).

        Examples
        --------
        >>> 1 + 1
        2

        Of its own
        ----------
        Words.
        """)
    found = "\n".join(as_rst(text))
    assert "Parameters\n----------\nx : (M, D) array\n    For q(z\\|x)." in found
    assert "Examples\n--------\n>>> 1 + 1\n2" in found
    assert ".. rubric:: Of its own\n\nWords." in found


# --- The repository's pages -----------------------------------------------------------------------


def test_links_of_pages(tmp_path):
    from repository import Mirror

    mirror = Mirror(tmp_path)
    page = Path("docs/architecture.md")
    for before, after in {
        "[a](bring_your_own.md#a-layer)": "[a](bring_your_own.md#a-layer)",
        "[a](https://arxiv.org/abs/1312.6114)": "[a](https://arxiv.org/abs/1312.6114)",
        "[`a`](../minivae/vae.py)": "[`a`](site:../source/minivae/vae.py.html)",
        "[a](../examples)": "[a](../examples/README.md)",
        "[a](../tutorials/answers)": "[a](site:../source/tutorials/answers.html)",
        "![a](floors.png)": "![a](floors.png)",
        "`x[0](y)` [a](#here)": "`x[0](y)` [a](#here)",
    }.items():
        assert mirror.relinked(before, page) == after
    assert mirror.shown == {Path("minivae/vae.py"), Path("tutorials/answers")}
    assert (tmp_path / "docs/floors.png").exists()


def test_a_folder_and_a_file_are_shown():
    from sources import page_of

    assert 'href="answers/00_first_steps.py.html"' in page_of(Path("tutorials/answers"))["body"]
    body = page_of(Path("minivae/vae.py"))["body"]
    assert f'id="line-{len((ROOT / "minivae/vae.py").read_text().splitlines())}"' in body


# --- Generated pages ------------------------------------------------------------------------------


def test_the_reference_has_all_that_is_public():
    import api

    shown = set()
    for name in api.modules():
        module = sys.modules.get(name) or __import__(name, fromlist=["_"])
        page = api.page(name, shown)
        tree = ast.parse(Path(module.__file__).read_text())
        for node in tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef) and not node.name.startswith("_"):
                assert re.search(rf"^\.\. auto\w+:: {name}\.{node.name}$", page, re.MULTILINE), (
                    node.name
                )
    assert {file.suffix for file in shown} == {".py"} and len(shown) > 90


def in_numpy(code):
    """Run a program as the site is built, without kernels; return what it prints, as JSON."""
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"MINIVAE_ENGINE": "numpy", "PYTHONPATH": f"{ROOT}{os.pathsep}{SITE}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert not done.returncode, done.stderr
    return json.loads(done.stdout)


def test_names_are_found_where_they_are_written():
    found = {
        "minivae.fit": "minivae.training.aevb.fit",
        "minivae.VAE.encode": "minivae.vae.VAE.encode",
        "minivae.gaussian.reparameterize": "minivae.gaussian.reparameterize",
        "minivae.layers.dense": "minivae.layers.dense",
        "minivae.optimizers.Adam.beta1": "minivae.optimizers.Adam.beta1",
        "minivae.likelihoods.LIKELIHOODS": "minivae.likelihoods.LIKELIHOODS",
        "minivae.nothing": None,
        "numpy.empty": None,
    }
    code = f"import api, json\nprint(json.dumps({{n: api.home(n) for n in {list(found)}}}))"
    assert in_numpy(code) == found


def test_the_map_of_the_paper_leads_to_where_things_begin():
    table, shown = in_numpy(
        "import json, paper\nfrom pathlib import Path\nfrom repository import Mirror\n"
        "mirror = Mirror(Path('nowhere'))\ntable = paper.table(mirror, Path('paper.md'))\n"
        "print(json.dumps([table, [str(file) for file in mirror.shown]]))"
    )
    rows = table.splitlines()[2:]
    assert len(rows) == 18 and rows[0].startswith("| eq. 4, sec. 2.4 | z = mu + sigma eps |")
    names = re.findall(r"`([\w.]+) <minivae\.[\w.]+>`", table)
    places = re.findall(r"\[`([\w./]+)`, line (\d+)\]\(site:source/\1\.html#line-\2\)", table)
    assert len(names) == len(places) > 20
    for name, (file, line) in zip(names, places, strict=True):
        begins = (ROOT / file).read_text().splitlines()[int(line) - 1]
        last = name.rpartition(".")[2]
        assert re.match(rf"\s*(def|class) {last}\b", begins) or begins.startswith('"""'), name
        assert file in shown


def test_the_page_of_the_command_line_has_every_option():
    import argparse

    import command_line

    from minivae.app.parser import build_parser

    parser = build_parser()
    text = command_line.page(parser)
    (commands,) = (a for a in parser._actions if isinstance(a, argparse._SubParsersAction))
    for name, command in commands.choices.items():
        section = text.partition(f"\n## minivae {name}\n")[2].partition("\n## ")[0]
        for action in command._actions:
            for spelled in [*action.option_strings, action.dest][:1]:
                assert (
                    f"{{option}} {action.metavar if spelled == action.dest else spelled}" in section
                    or (action.dest == "help")
                )
    assert "```{option} --n N\nimages (100).\n```" in text


# --- The check of links ---------------------------------------------------------------------------


def test_broken_links_are_found(tmp_path, capsys):
    import links

    (tmp_path / "other.html").write_text('<p id="here">')
    (tmp_path / "_static").mkdir()
    (tmp_path / "_static" / "a.css").write_text("")
    page = tmp_path / "page.html"
    good = (
        '<link href="_static/a.css"><a href="other.html#here">a</a><a href="#top" id="top">b</a>'
        '<a href="https://arxiv.org/abs/1312.6114">c</a>'
    )
    page.write_text(good)
    assert links.main(tmp_path) == 0
    for bad, said in {
        '<a href="nowhere.html">': "page.html: nowhere.html leads nowhere",
        '<a href="other.html#there">': "page.html: other.html#there has no such place",
        '<img src="a.png">': "page.html: a.png leads nowhere",
        '<script src="https://example.org/a.js"></script>': "page.html: fetches https://example.org/a.js",
    }.items():
        page.write_text(good + bad)
        capsys.readouterr()
        assert links.main(tmp_path) == 1
        assert capsys.readouterr().out.splitlines()[0] == said
