"""Figures: each a file here with `draw(results) -> Figure` and `applies(axes, config) -> bool`.

A figure with `table(results) -> DataFrame` is also written as numbers, to `results/NAME/tables/`.
"""

import contextlib
import importlib
import itertools
import pkgutil
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any

from psst_core import plugins
from psst_core.configuration import Config
from psst_core.digest import code_digest, digest, imported
from psst_core.errors import PsstError
from psst_core.figures.look import settings_of
from psst_core.files import atomic, write_text
from psst_core.logs import Report
from psst_core.registry import suggestion
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.folder import PARTIAL, SweepFolder
from psst_core.store.made import keep_edited, marking, recipe, remove_made
from psst_core.sweep.runs import Axis

FORMATS = ("png", "svg")
CHARACTERS = 13  # of a title per inch
HELPERS = ("curves", "look", "maps", "style", "views")
STYLE = Path(__file__).with_name("psst.mplstyle")


def names() -> list[str]:
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if module.name not in HELPERS)


def available(figures: Sequence[str], axes: Sequence[Axis], config: Config) -> list[str]:
    """Return the given figures that a sweep with these axes, and this configuration of its first run, can fill.

    Raises:
        PsstError: when a figure, or a style, does not exist.
    """
    settings_of(config.style)
    for name in figures:
        if name not in names():
            raise PsstError(
                f"figures holds {name}: no such figure{suggestion(name, names())}; there are: {', '.join(names())}"
            )
    return [name for name in figures if _module(name).applies(axes, config)]


def with_table(figures: Sequence[str]) -> list[str]:
    """Return the given figures that also have a table."""
    return [name for name in figures if hasattr(_module(name), "table")]


def formats(config: Config) -> list[str]:
    """Return the endings of a figure's files: PNG, SVG and others that the configuration asks for."""
    return list(dict.fromkeys([*FORMATS, *config.formats]))


def figure_digest(name: str, style: str = "") -> str:
    """Return a digest that changes with the code of the figure, the code that it shares with others, or the style."""
    modules = sorted(module for module in imported({f"{__name__}.{name}"}) if module.startswith(__name__))
    own = Path(style).read_text(encoding="utf-8") if Path(style).is_file() else style
    return digest([code_digest(modules), STYLE.read_text(encoding="utf-8"), own])


def figure_recipe(name: str, folder: Path, style: str = "") -> str:
    """Return the recipe of a figure of a gathered sweep, and of its table: the digest of all their inputs."""
    sweep = SweepFolder(folder)
    estimated = (file for file in sweep.estimated if file.is_file())
    return recipe(figure_digest(name, style), *sweep.gathered, *estimated)


def _marking(name: str, results: Results, targets: Sequence[Path]) -> contextlib.AbstractContextManager[None]:
    """Mark those targets that lie in the sweep's folder."""
    inside = [target for target in targets if target.is_relative_to(results.folder)]
    return marking(results.folder, inside, figure_recipe(name, results.folder, results.config.style))


def save(name: str, results: Results, targets: Sequence[Path]) -> None:
    """Draw a figure into files, in the formats of their endings; above it, say which runs it lacks, and why."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    load_plugins(results)
    own = settings_of(results.config.style)
    # Without the user's own settings of matplotlib, so that a figure looks the same everywhere.
    with _marking(name, results, targets), plt.style.context([STYLE, own] if own else STYLE, after_reset=True):
        figure = _module(name).draw(results)
        lines = [_warning(results), *figure.get_suptitle().splitlines()]
        wide = round(CHARACTERS * figure.get_figwidth())
        if text := "\n".join(textwrap.fill(line, wide) for line in lines if line):
            figure.suptitle(text, size=8, color="#D55E00" if lines[0] else "black")
        for target in targets:
            metadata: dict[str, Any] = {"Date": None} if target.suffix == ".svg" else {}
            with atomic(target) as beside:
                figure.savefig(beside, metadata=metadata)
        plt.close(figure)


def _warning(results: Results) -> str:
    """Say which runs a figure lacks; return an empty text if every planned run is ok."""
    from psst_core.figures.style import shortfall

    cube = results.cube
    part = [f"{PARTIAL}: {cube.attrs[PARTIAL]}"] if PARTIAL in cube.attrs else []
    return "; ".join(filter(None, [*part, shortfall(cube)]))


def save_table(name: str, results: Results, target: Path) -> None:
    """Write a figure's table as CSV."""
    load_plugins(results)
    with _marking(name, results, [target]):
        write_text(target, _module(name).table(results).to_csv(index=False, float_format="%.6g"))


def draw_all(folder: Path, report: Report) -> list[Path]:
    """Draw the figures that the axes of a gathered sweep, or of its finished part, fill, and write their tables.

    Args:
        folder: `results/<name>` or `results/<name>/partial`.
        report: takes a line for each file.

    Returns:
        The files.
    """
    results = open_sweep(folder, whole=True)
    drawn, endings = drawn_of(results), formats(results.config)
    figures = {name: [results.files.figure(name, ending) for ending in endings] for name in drawn}
    tables = {name: results.files.table_of(name) for name in with_table(drawn)}
    for name, targets in figures.items():
        save(name, results, targets)
        report(", ".join(map(str, targets)))
    for name, target in tables.items():
        save_table(name, results, target)
        report(str(target))
    written = [*itertools.chain(*figures.values()), *tables.values()]
    remove_stale(folder, written)
    return written


def drawn_of(results: Results) -> list[str]:
    """Return the figures of a gathered sweep that its axes fill."""
    load_plugins(results)
    estimated = ["error_estimate"] if results.files.error_estimate.is_file() else []
    return available([*results.config.figures, *estimated], tuple(results.axes.values()), results.config)


def remove_stale(folder: Path, wanted: Collection[Path]) -> None:
    """Remove figures and tables that PSST made for an earlier plan of a sweep; keep those that a person edited."""
    old = [file for file in SweepFolder(folder).marked() if file.parent != folder and file not in wanted]
    keep_edited(folder, old)
    remove_made(folder, old)


def load_plugins(results: Results) -> None:
    """Import the plugins of the current folder, if those that made a sweep are there unchanged.

    Raises:
        PsstError: when they are not.
    """
    if results.plugins:
        results.check_plugins()
        plugins.load()


def _module(name: str) -> ModuleType:
    return importlib.import_module(f"{__name__}.{name}")
