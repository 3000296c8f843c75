"""Sphinx's configuration; `build.py` prepares the sources and calls Sphinx."""

import sys
from importlib.util import find_spec
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE)]

from api import home, source_line  # noqa: E402
from docstrings import as_rst  # noqa: E402
from repository import SHOWN_FILES, SOURCE, files_of  # noqa: E402
from sources import page_of  # noqa: E402

import minivae  # noqa: E402

project = "minivae"
author = "The minivae developers"
copyright = author
version = release = minivae.__version__

extensions = [
    "myst_nb",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.linkcode",
    "sphinx.ext.mathjax",
]
root_doc = "index"
exclude_patterns = []
templates_path = []
# MathJax in one file, which is all that this package is wanted for: nothing comes from elsewhere.
MATHJAX = find_spec("sphinx-mathjax-offline").submodule_search_locations[0]
html_static_path = [str(HERE / "static"), f"{MATHJAX}/static/mathjax/tex-svg.js"]
mathjax_path = "tex-svg.js"
html_css_files = ["site.css"]
html_theme = "pydata_sphinx_theme"
html_title = f"minivae {release}"
html_show_sourcelink = False
html_copy_source = False
html_theme_options = {
    "logo": {"text": "minivae"},
    "navigation_with_keys": False,
    "show_toc_level": 2,
    "header_links_before_dropdown": 7,
    "footer_start": ["copyright"],
    "footer_end": [],
}
pygments_style = "tango"
highlight_language = "none"

nb_execution_mode = "off"
myst_enable_extensions = ["amsmath", "dollarmath"]
myst_heading_anchors = 4
# To pages that are no documents; `repository.Mirror` writes such links.
myst_url_schemes = {"http": None, "https": None, "mailto": None, "site": "{{path}}#{{fragment}}"}

autodoc_typehints = "none"
autosummary_generate = False
numpydoc_show_class_members = False
numpydoc_xref_param_type = False
default_role = "py:obj"
nitpicky = True


def linkcode_resolve(domain, info):
    """Return the address of an object's line of source, seen from a page of the API."""
    try:
        file, line = source_line(f"{info['module']}.{info['fullname']}")
    except StopIteration:  # it is no function and no class, or inherited
        return None
    return f"../{SOURCE}/{file.as_posix()}.html#line-{line}"


def prepare_docstring(app, what, name, obj, options, lines):
    """Say in reStructuredText what the docstring says."""
    lines[:] = as_rst(lines)


def leave_out(app, what, name, obj, skip, options):
    """Leave out what another library has put into a class."""
    return (
        True if not (getattr(obj, "__module__", None) or "minivae").startswith("minivae") else None
    )


def find_reference(app, env, node, contnode):
    """Resolve names as Python does, from any place they can be imported from.

    What is in backticks and is no name of the library's (an argument, an expression) is shown as it
    is; a name that begins with ``minivae.`` has to exist.
    """
    if node.get("refdomain") != "py":
        return None
    target, domain = node["reftarget"], env.get_domain("py")
    for prefix in ("", f"{node.get('py:module')}.", "minivae."):
        name = prefix + target
        place = home(name) if all(part.isidentifier() for part in name.split(".")) else None
        while place and place not in domain.objects:
            place = place.rpartition(".")[0]  # what has no entry of its own is in its owner's
        if place:
            refdoc = node["refdoc"]
            return domain.resolve_xref(env, refdoc, app.builder, "obj", place, node, contnode)
    return None if target.startswith("minivae.") else contnode


def source_pages(app):
    """Give the theme the pages that show source files."""
    shown = (app.srcdir / SHOWN_FILES).read_text().split("\n")
    for file in files_of(map(Path, shown)):
        yield f"{SOURCE}/{file.as_posix()}", page_of(file), "page.html"


def setup(app):
    """Connect what is above to Sphinx."""
    app.connect("autodoc-process-docstring", prepare_docstring, priority=100)
    app.connect("autodoc-skip-member", leave_out)
    app.connect("missing-reference", find_reference)
    app.connect("html-collect-pages", source_pages)
