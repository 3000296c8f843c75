"""Docstrings as reStructuredText: what a reader of the source sees, the site shows.

The library's docstrings are plain text in NumPy's sections. Two habits of theirs mean something
else in reStructuredText, and are put right here before numpydoc sees them:

- an indented block is a formula or a piece of code, to be shown as it is;
- lines in columns are a table, to be shown as it is as well.
"""

import re

SECTIONS = {
    "Parameters", "Returns", "Yields", "Raises", "Warns", "Attributes", "Methods", "See Also",
    "Notes", "References", "Examples",
}  # fmt: skip
FREE_TEXT = {"", "Notes"}  # sections of paragraphs; the others are lists of names
_LIST = re.compile(r"(\d+\.|[-*]|\(\w+\)) ")
_COLUMNS = re.compile(r"\S {2,}\S")


def as_rst(lines):
    """Return the lines of a docstring as reStructuredText with NumPy's sections.

    Parameters
    ----------
    lines : list of str
        Without common indentation.

    Returns
    -------
    lines : list of str
    """
    out = []
    for title, body in sections(lines):
        if title in SECTIONS:
            out += [title, "-" * len(title)]
        elif title:
            out += [f".. rubric:: {title}", ""]
        free = title in FREE_TEXT or title not in SECTIONS
        out += free_text(body) if free else [escaped(line) for line in body]
    return out


def sections(lines):
    """Yield ``(title, lines)`` of each section, the first without a title."""
    title, body = "", []
    k = 0
    while k < len(lines):
        under = lines[k + 1].strip() if k + 1 < len(lines) else ""
        if lines[k].strip() and len(under) > 2 and set(under) == {"-"}:
            yield title, body
            title, body = lines[k].strip(), []
            k += 2
        else:
            body.append(lines[k])
            k += 1
    yield title, body


def free_text(lines):
    """Return paragraphs, with indented blocks and tables as literal blocks."""
    out, literal, in_list = [], False, False
    for block in paragraphs(lines):
        indent = min(len(line) - len(line.lstrip()) for line in block)
        first = block[0].lstrip()
        doctest = first.startswith(">>>")
        table = sum(bool(_COLUMNS.search(line)) for line in block) >= 2 and not _LIST.match(first)
        if not doctest and ((indent >= 4 and not in_list) or (table and indent < 4)):
            if not literal:
                out += ["::", ""]
            block = block if indent >= 4 else [f"    {line}" for line in block]
            out += [*block, ""]
            literal = True
        else:
            in_list = bool(_LIST.match(first)) or (in_list and indent > 0)
            literal = False
            out += [*(block if doctest else map(escaped, block)), ""]
    return out


def paragraphs(lines):
    """Return blocks of lines between blank ones."""
    blocks = [[]]
    for line in lines:
        if not line.strip():
            blocks.append([])
        else:
            blocks[-1].append(line)
    return [block for block in blocks if block]


def escaped(line):
    """Return a line in which bars mean bars; what stands in backticks is left alone."""
    parts = re.split(r"(`+[^`]*`+)", line)
    return "".join(part if k % 2 else part.replace("|", r"\|") for k, part in enumerate(parts))
