"""Build the documentation site, warnings being errors, and check its links.

    python docs/site/build.py [folder]        # docs/_build/html; open index.html in it

Needs what ``pip install -e '.[docs]'`` brings, and no network. The pages are the repository's own,
where they are; generated are the API reference, the command line and the paper's map.
"""

import os
import shutil
import sys
import time
from pathlib import Path

# The NumPy lines are what the reference describes; kernels need not be compiled.
os.environ.setdefault("MINIVAE_ENGINE", "numpy")
HERE = Path(__file__).parent
sys.path[:0] = [str(HERE), str(HERE.parents[1])]

import api  # noqa: E402
import command_line  # noqa: E402
import links  # noqa: E402
import paper  # noqa: E402
from repository import ROOT, SHOWN_FILES, Mirror  # noqa: E402
from sphinx.cmd.build import build_main  # noqa: E402

from minivae.app.cli import build_parser  # noqa: E402

EXPLORER = ROOT / "docs/explorer.html"  # an example of what `minivae explore` makes


def toctree(entries, *options):
    """Return a table of contents for Markdown."""
    return "\n".join(["", "```{toctree}", *options, "", *entries, "```", ""])


def assemble(target):
    """Write the sources of the site into a folder."""
    mirror = Mirror(target)
    notebooks = [page.stem for page in mirror.pages if page.suffix == ".ipynb"]
    for page in mirror.pages:
        tutorials = page == Path("tutorials/README.md")
        mirror.copy(page, toctree(notebooks, ":hidden:") if tutorials else "")
    for name in api.modules():
        write(target / api.FOLDER / f"{name}.rst", api.page(name, mirror.shown))
    write(target / "command_line.md", command_line.page(build_parser()))
    words = {"PAPER_TABLE": paper.table(mirror, Path("paper.md")), **explorer()}
    for page in sorted(HERE.glob("*.md")):
        text = page.read_text()
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        if EXPLORER.exists() or page.stem != "explorer":
            write(target / page.name, text)
    write(target / SHOWN_FILES, "\n".join(map(str, sorted(mirror.shown))))


def explorer():
    """Return what stands for the explorer in the guide: nothing where there is none."""
    row = "| [The explorer](explorer.md) | draw a digit, and watch q(z\\|x) move |"
    there = EXPLORER.exists()
    return {"EXPLORER_ROW\n": f"{row}\n" * there, "EXPLORER_PAGE\n": "explorer\n" * there}


def write(path, text):
    """Write a page."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def main(folder=ROOT / "docs/_build/html"):
    """Build and check; return the exit code."""
    started, html = time.monotonic(), Path(folder).resolve()
    work = html.parent / "source"
    for old in (work, html):
        shutil.rmtree(old, ignore_errors=True)
    assemble(work)
    arguments = ["-b", "html", "-W", "--keep-going", "-q", "-c", str(HERE), "-j", "auto"]
    failed = build_main([*arguments, "-d", str(html.parent / "doctrees"), str(work), str(html)])
    if EXPLORER.exists():
        shutil.copy(EXPLORER, html / "_static")
    failed = failed or links.main(html)
    print(f"{html}/index.html: {time.monotonic() - started:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
