"""Formulas as MathML, which browsers draw by themselves: no script, and nothing from elsewhere."""

import re

from docutils.nodes import SkipNode
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

# Spellings that the translator does not know, and others of the same meaning.
SPELLED = {
    r"\\(t?frac)(\d)(\d)": r"\\\1{\2}{\3}",
    r"\\dots\b": r"\\ldots",
    r"\\[bB]ig\b *": "",  # brackets grow by themselves
    r"\\tag\{([^}]*)\}": r"\\qquad \\text{(\1)}",
}

logger = logging.getLogger(__name__)


def mathml(node, block):
    """Return a formula's MathML; one that cannot be had is a warning and shown as it is written."""
    text = spelled = node.astext()
    for pattern, other in SPELLED.items():
        spelled = re.sub(pattern, other, spelled)
    try:
        return tex2mathml(spelled, as_block=block)
    except (MathError, SyntaxError) as error:
        logger.warning("no MathML for %r: %s", text, error, location=node)
        return f"<code>{text}</code>"


def visit_inline(translator, node):
    """Write a formula within a line."""
    translator.body.append(mathml(node, block=False))
    raise SkipNode


def visit_block(translator, node):
    """Write a formula of its own line."""
    number = f' id="{node["ids"][0]}"' if node.get("ids") else ""
    translator.body.append(f'<div class="math"{number}>{mathml(node, block=True)}</div>\n')
    raise SkipNode


def add_renderer(app):
    """Make it known to Sphinx."""
    app.add_html_math_renderer("mathml", (visit_inline, None), (visit_block, None))
