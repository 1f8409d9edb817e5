"""The figures that a configuration names, with their options, and why some cannot be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from psst_core import plugins
from psst_core.configuration import Config
from psst_core.digest import code_digest, digest, imported
from psst_core.errors import PsstError, named
from psst_core.figures import STYLE
from psst_core.figures.base import Figure
from psst_core.figures.shared.look import settings_of
from psst_core.names import check_part
from psst_core.registry import build, contents, names, suggestion

if TYPE_CHECKING:
    from psst_core.sweep.runs import Axis

KEY = "figure_options"


def figure_of(name: str, config: Config) -> Figure:
    """Make a figure with its options.

    Args:
        name: an entry of `figure_options`, or else a registered figure.

    Raises:
        PsstError: where there is no such figure.
    """
    known = sorted({*config.figure_options, *names("figure")})
    if name not in known and plugins.loaded():
        raise PsstError(
            f"figures holds {name}: no such figure{suggestion(name, known)}; there are: {', '.join(known)}; one of "
            f"your own is a file in {plugins.FOLDER}/ where you start"
        )
    made: Figure = build("figure", _options(name, config), f"{KEY}.{name}")
    return made


def check_figures(config: Config) -> None:
    """Raise a PsstError for a figure that does not exist, or for an option that has no meaning in a configuration."""
    for name in config.figures:
        figure = figure_of(name, config)
        check_part(name, "figure", "figures")
        if type(figure).draw is Figure.draw:
            raise PsstError(f"figures holds {name}: {type(figure).__qualname__} has no method draw; write one")
        with named(f"{KEY}.{name}"):
            figure.check(config)


def undrawn(figures: Iterable[str], axes: Sequence[Axis], config: Config) -> dict[str, str]:
    """Return those of the figures that a sweep cannot fill, each with the reason.

    Args:
        axes: all axes of the sweep.
        config: the configuration of its first run.

    Raises:
        PsstError: when a figure, or a style, does not exist.
    """
    settings_of(config.style)
    found: dict[str, str] = {}
    for name in figures:
        figure = figure_of(name, config)
        with named(f"{KEY}.{name}"):
            if (why := figure.lacking(axes, config)) is not None:
                found[name] = why
    return found


def available(figures: Sequence[str], axes: Sequence[Axis], config: Config) -> list[str]:
    """Return those of the figures that a sweep can fill, as in `undrawn`."""
    without = undrawn(figures, axes, config)
    return [name for name in dict.fromkeys(figures) if name not in without]


def with_table(figures: Iterable[str], config: Config) -> list[str]:
    """Return those of the figures that also have a table."""
    return [name for name in figures if type(figure_of(name, config)).table is not Figure.table]


def caption_of(name: str, config: Config) -> str:
    """Return the caption of a figure: a line for each paragraph, with an empty line between them."""
    paragraphs = figure_of(name, config).caption.strip().split("\n\n")
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in paragraphs)


def figure_digest(name: str, config: Config) -> str:
    """Return the digest of a figure: of its name, its options, the files that these name, its code, and the style."""
    figure, style = figure_of(name, config), config.style
    own = Path(style).read_text(encoding="utf-8") if Path(style).is_file() else style
    options = [name, _options(name, config)["type"], contents(figure, f"{KEY}.{name}")]
    return digest([options, _code(type(figure).__module__), STYLE.read_text(encoding="utf-8"), own])


def _code(module: str) -> str:
    """Return the digest of a figure's code: its module, and what this imports from figures and plugins."""
    return code_digest(other for other in imported({module}) if _counts(other))


def _counts(module: str) -> bool:
    return plugins.owns(module) or module.startswith(f"{__name__.rpartition('.')[0]}.")


def _options(name: str, config: Config) -> Mapping[str, Any]:
    """Return the type and the options of a figure, as far as the configuration gives them."""
    return config.figure_options.get(name) or {"type": name}
