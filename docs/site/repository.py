"""The repository's own pages as sources of the site: which there are, and where their links lead.

The site has the pages where the repository has them, so that links between pages are good as they
stand. What is no page (a program, a table, a folder) gets a page that shows it, under ``source/``.
"""

import json
import os
import re
import shutil
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = "source"  # where the site shows files that are no pages
AS_IT_IS = "_static"  # where it has pages that are complete in themselves
SHOWN_FILES = "shown.txt"  # the list of them, beside the site's sources
PICTURES = {".png", ".svg", ".jpg"}
SHOWN = {
    ".py",
    ".json",
    ".csv",
    ".toml",
    ".cfg",
    ".cff",
    ".yaml",
    ".yml",
    ".js",
    ".css",
    "",
}
LARGEST = 300_000  # bytes that are shown
_LINK = re.compile(
    r"(!?)(\[(?:[^\[\]]|\[[^\]]*\]|!\[[^\]]*\]\([^)]*\))*\])\(([^)\s#]+)(#[^)\s]*)?\)"
)


def pages():
    """Return the pages, relative to the repository: every .md and .ipynb that people read."""
    found = [*ROOT.glob("*.md")]
    for folder in ("docs", "tutorials", "benchmarks", "examples", "tests", "minivae"):
        for kind in ("*.md", "*.ipynb"):
            found += (ROOT / folder).rglob(kind)
    hidden = {"site", "_build", ".ipynb_checkpoints"}
    return sorted(
        path.relative_to(ROOT) for path in found if not hidden & set(path.relative_to(ROOT).parts)
    )


class Mirror:
    """Copies pages into a folder, and remembers which files they need or show.

    Parameters
    ----------
    target : Path
        The folder, which is the source of the site.

    Attributes
    ----------
    shown : set of Path
        Files and folders that are linked to and are no pages, relative to the repository.
    """

    def __init__(self, target):
        self.target, self.pages, self.shown = target, pages(), set()

    def copy(self, page, appendix=""):
        """Copy a page with its links changed, and the pictures in it."""
        text = (ROOT / page).read_text()
        if page.suffix == ".ipynb":
            notebook = json.loads(text)
            for cell in notebook["cells"]:
                if cell["cell_type"] == "markdown":
                    cell["source"] = self.relinked("".join(cell["source"]), page)
            text = json.dumps(notebook)
        else:
            text = self.relinked(text, page) + appendix
        place = self.target / page
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)

    def relinked(self, text, page):
        """Return the Markdown of a page with links that the site can follow."""

        def link(match):
            image, label, to, anchor = match.groups()
            label = _LINK.sub(link, label)
            there = Path(os.path.normpath(page.parent / to))
            if "://" in to or not (ROOT / there).exists():
                return f"{image}{label}({to}{anchor or ''})"
            return f"{image}{label}({self.place(there, page, bool(image)) or to}{anchor or ''})"

        return _LINK.sub(link, text)

    def place(self, there, page, inline=False):
        """Return where a link to something in the repository leads, or "" if where it did."""
        if there in self.pages:
            return ""
        if there / "README.md" in self.pages:
            return os.path.relpath(there / "README.md", page.parent)
        if inline or there.suffix in PICTURES:
            copy = self.target / there
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / there, copy)
            return ""
        if there.suffix == ".html":  # a page of its own, which `build.py` copies as it is
            return "site:" + os.path.relpath(Path(AS_IT_IS) / there.name, page.parent)
        return "site:" + self.show(there, page)

    def show(self, there, page):
        """Return the address, seen from a page, of the page that shows a file or a folder."""
        self.shown.add(there)
        return os.path.relpath(Path(SOURCE) / f"{there.as_posix()}.html", page.parent)


def files_of(shown):
    """Return all that is shown: with a folder, the files in it."""
    found = set(shown)
    for path in shown:
        if (ROOT / path).is_dir():
            inside = (ROOT / path).iterdir()
            found |= {file.relative_to(ROOT) for file in inside if is_shown(file)}
    return sorted(found)


def is_shown(file):
    """Return whether a file is text of moderate size."""
    return file.is_file() and file.suffix in SHOWN and file.stat().st_size < LARGEST
