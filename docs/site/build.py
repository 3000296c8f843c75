"""Build the documentation site, warnings being errors, and check its links.

    python docs/site/build.py [folder]        # docs/_build/html; open index.html in it

Needs what ``pip install -e '.[docs]'`` brings, and no network. The pages are the repository's own,
where they are; generated are the API reference, the command line and the paper's map.
"""

import os
import re
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
from repository import AS_IT_IS, ROOT, SHOWN_FILES, Mirror  # noqa: E402
from sphinx.cmd.build import build_main  # noqa: E402

from minivae.app.parser import build_parser  # noqa: E402

PLAY = """
## To play with here

<iframe class="explorer" src="../_static/explorer.html" title="a model with two latents"></iframe>
"""


def toctree(entries, *options):
    """Return a table of contents for Markdown."""
    return "\n".join(["", "```{toctree}", *options, "", *entries, "```", ""])


def assemble(target):
    """Write the sources of the site into a folder."""
    mirror = Mirror(target)
    notebooks = [page.stem for page in mirror.pages if page.suffix == ".ipynb"]
    appended = {
        "tutorials/README.md": toctree(notebooks, ":hidden:"),
        "docs/explore.md": PLAY if (ROOT / "docs/explorer.html").exists() else "",
    }
    for page in mirror.pages:
        mirror.copy(page, appended.get(page.as_posix(), ""))
    for name in api.modules():
        write(target / api.FOLDER / f"{name}.rst", api.page(name, mirror.shown))
    write(target / "command_line.md", command_line.page(build_parser()))
    own = {page: page.read_text() for page in sorted(HERE.glob("*.md"))}
    words = {
        "PAPER_TABLE": paper.table(mirror, Path("paper.md")),
        "OTHER_PAGES": "\n".join(unlisted(mirror.pages, own.values())),
    }
    for page, text in own.items():
        for word, meaning in words.items():
            text = text.replace(word, meaning)
        write(target / page.name, text)
    write(target / SHOWN_FILES, "\n".join(map(str, sorted(mirror.shown))))


def unlisted(pages, texts):
    """Return the pages that no table of contents in these texts has, without their suffix."""
    listed = set()
    for tree in re.findall(r"```{toctree}(.*?)```", "\n".join(texts), re.DOTALL):
        listed |= set(re.findall(r"^(?:.*<)?([\w/]+)>?$", tree, re.MULTILINE))
    names = [page.with_suffix("").as_posix() for page in pages if page.suffix == ".md"]
    return [name for name in names if name not in listed]


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
    for page in (ROOT / "docs").glob("*.html"):
        shutil.copy(page, html / AS_IT_IS)
    failed = failed or links.main(html)
    print(f"{html}/index.html: {time.monotonic() - started:.0f} s")
    return failed


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
