"""Figures as they are drawn, without a warning."""

import html
import re
import warnings

from psst_core.figures import save
from psst_core.results.sweep_results import Results


def drawn_text(name: str, results: Results) -> str:
    """The words that a figure holds."""
    file = results.folder / f"{name}.svg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(name, results, [file])
    _, body = file.read_text().split("</defs>", 1)
    return " ".join(html.unescape(re.sub(r"<!--.*?-->|<[^>]*>", " ", body)).split())
