"""Pages that show a file of the repository, line by line, or what a folder has."""

import html

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import TextLexer, get_lexer_for_filename
from pygments.util import ClassNotFound
from repository import ROOT, is_shown


def page_of(path):
    """Return what the theme's template needs to show a file or a folder."""
    body = folder(path) if (ROOT / path).is_dir() else file(path)
    title = html.escape(path.as_posix())
    return {"title": title, "body": f"<h1>{title}</h1>\n{body}", "parents": []}


def file(path):
    """Return a file as HTML whose lines can be linked to: ``#line-12``."""
    try:
        lexer = get_lexer_for_filename(path.name)
    except ClassNotFound:
        lexer = TextLexer()
    style = {"linenos": "inline", "lineanchors": "line", "anchorlinenos": True}
    return highlight((ROOT / path).read_text(), lexer, HtmlFormatter(**style))


def folder(path):
    """Return a list of the files that a folder has."""
    files = sorted(file.name for file in (ROOT / path).iterdir() if is_shown(file))
    names = (html.escape(name) for name in files)
    items = (f'<li><a href="{path.name}/{name}.html">{name}</a></li>' for name in names)
    return "<ul>\n" + "\n".join(items) + "\n</ul>"
