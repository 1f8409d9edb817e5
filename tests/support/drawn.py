"""Figures as they are drawn, without a warning."""

import html
import re
import warnings
from pathlib import Path

from psst_core.drawing import draw_all, save
from psst_core.results.sweep_results import Results


def drawn_text(name: str, results: Results) -> str:
    """The words that a figure holds."""
    file = results.folder / f"{name}.svg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(name, results, [file])
    _, body = file.read_text().split("</defs>", 1)
    return " ".join(html.unescape(re.sub(r"<!--.*?-->|<[^>]*>", " ", body)).split())


def drawn_files(results: Results) -> list[Path]:
    """All figures that the sweep's configuration asks for."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        return draw_all(results.folder, lambda line: None)
