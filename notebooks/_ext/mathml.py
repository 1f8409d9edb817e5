"""Formulas as MathML, made at build time: a browser draws them without a script, a font or the network."""

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def write(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula; one that cannot be read, or has an unknown command, is a warning."""
    block, latex = isinstance(node, nodes.math_block), node.astext()
    try:
        formula = convert(latex, display="block" if block else "inline")
    except Exception as error:  # its errors have no class in common
        formula = f"\\{type(error).__name__}"
    if "\\" in formula:
        logger.warning("the formula %s: %s", latex, formula, location=node)
    if block:
        anchor = "".join(f' id="{name}"' for name in node["ids"][:1])
        number = f'<span class="eqno">({node["number"]})</span>' if node["number"] else ""
        formula = f'<div class="math"{anchor}>{number}{formula}</div>'
    translator.body.append(formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (write, None), (write, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
