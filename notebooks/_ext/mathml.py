"""Formulas as MathML, made at build time by docutils: a browser draws them without a script, font or network."""

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.application import Sphinx
from sphinx.util import logging
from sphinx.writers.html5 import HTML5Translator

logger = logging.getLogger(__name__)


def write(translator: HTML5Translator, node: nodes.math | nodes.math_block) -> None:
    """Write a formula; one that docutils cannot read is a warning, and stays as LaTeX."""
    block = isinstance(node, nodes.math_block)
    try:
        formula = tex2mathml(node.astext(), as_block=block)
    except MathError as error:
        logger.warning("%s in the formula %s", error, node.astext(), location=node)
        formula = translator.encode(node.astext())
    number = f'<span class="eqno">({node["number"]})</span>' if node.get("number") else ""
    anchor = "".join(f' id="{name}"' for name in node.get("ids", [])[:1])
    translator.body.append(f'<div class="math"{anchor}>{number}{formula}</div>' if block else formula)
    raise nodes.SkipNode


def setup(app: Sphinx) -> dict[str, bool]:
    app.add_html_math_renderer("mathml", (write, None), (write, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}
