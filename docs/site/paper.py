"""The paper's map: each equation, the function that is it, and the line where that begins."""

import re

from api import home, source_line
from repository import ROOT

HEADING = "\n## The paper's equations, and where they live\n"


def table(mirror, page):
    """Return README's table of equations with links to the API and to lines of source.

    Parameters
    ----------
    mirror : repository.Mirror
        Is told which files to show.
    page : Path
        The page that the table is for.
    """
    readme = (ROOT / "README.md").read_text()
    text = readme.partition(HEADING)[2].partition("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| (.+) \|$", text.replace(r"\|", "\0"), re.MULTILINE)
    lines = ["| paper | what | in the API | where it begins |", "| --- | --- | --- | --- |"]
    for paper, what, code in rows:
        names = re.findall(r"\[`([\w.]+)`\]\(minivae/[^)]+\)", code)
        if names:
            places = [home(f"minivae.{name}") for name in names]
            entries = (f"{{py:obj}}`{n} <{place}>`" for n, place in zip(names, places, strict=True))
            begins = (link(place, mirror, page) for place in places)
            cells = paper, what, "<br>".join(entries), "<br>".join(begins)
            lines.append(f"| {' | '.join(cells)} |".replace("\0", r"\|"))
    return "\n".join(lines)


def link(name, mirror, page):
    """Return a Markdown link to the line at which something begins."""
    file, line = source_line(name)
    return f"[`{file.as_posix()}`, line {line}](site:{mirror.show(file, page)}#line-{line})"
