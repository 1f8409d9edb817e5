"""The files of figures: pictures and tables of an opened sweep, with their marks."""

import contextlib
import itertools
import textwrap
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from psst_core import plugins
from psst_core.configuration import Config
from psst_core.errors import PsstError, named
from psst_core.figures import STYLE
from psst_core.figures.chosen import available, caption_of, figure_digest, figure_of, with_table
from psst_core.figures.shared.look import settings_of
from psst_core.files import atomic, write_text
from psst_core.logs import Report
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.folder import PARTIAL, SweepFolder
from psst_core.store.made import keep_edited, marking, recipe, remove_made

FORMATS = ("png", "svg")
CHARACTERS = 13  # of a title per inch
# By the ending of a file, what its title and its description are called in it.
DESCRIBED = {".png": ("Title", "Description"), ".svg": ("Title", "Description"), ".pdf": ("Title", "Subject")}


def formats(config: Config) -> list[str]:
    """Return the endings of a figure's files: PNG, SVG and others that the configuration asks for."""
    return list(dict.fromkeys([*FORMATS, *config.formats]))


def figure_recipe(name: str, folder: Path, config: Config) -> str:
    """Return the recipe of a figure of a gathered sweep, and of its table: the digest of all their inputs."""
    sweep = SweepFolder(folder)
    estimated = (file for file in sweep.estimated if file.is_file())
    return recipe(figure_digest(name, config), *sweep.gathered, *estimated)


def _marking(name: str, results: Results, targets: Sequence[Path]) -> contextlib.AbstractContextManager[None]:
    """Mark those targets that lie in the sweep's folder."""
    inside = [target for target in targets if target.is_relative_to(results.folder)]
    return marking(results.folder, inside, figure_recipe(name, results.folder, results.config))


def save(name: str, results: Results, targets: Sequence[Path]) -> None:
    """Draw a figure into files, in the formats of their endings; above it, say which runs it lacks, and why."""
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from matplotlib.figure import Figure as Picture

    load_plugins(results)
    own = settings_of(results.config.style)
    # Without the user's own settings of matplotlib, so that a figure looks the same everywhere.
    with _marking(name, results, targets), plt.style.context([STYLE, own] if own else STYLE, after_reset=True):
        with named(f"figures.{name}"):
            figure = figure_of(name, results.config).draw(results)
        if not isinstance(figure, Picture):
            raise PsstError(f"figures.{name}: draw returned {type(figure).__name__}; return the figure of Matplotlib")
        lines = [_warning(results), *figure.get_suptitle().splitlines()]
        wide = round(CHARACTERS * figure.get_figwidth())
        if text := "\n".join(textwrap.fill(line, wide) for line in lines if line):
            figure.suptitle(text, size=8, color="#D55E00" if lines[0] else "black")
        for target in targets:
            with atomic(target) as beside:
                figure.savefig(beside, metadata=_metadata(name, results.config, target.suffix))
        plt.close(figure)


def _metadata(name: str, config: Config, ending: str) -> dict[str, Any]:
    """Return what stands in a figure's file beside the picture: its name and its caption, and no date in an SVG."""
    described = dict(zip(DESCRIBED.get(ending, ()), (name, caption_of(name, config)), strict=False))
    return {key: text for key, text in described.items() if text} | ({"Date": None} if ending == ".svg" else {})


def _warning(results: Results) -> str:
    """Say which runs a figure lacks; return an empty text if every planned run is ok."""
    from psst_core.figures.shared.style import shortfall

    cube = results.cube
    part = [f"{PARTIAL}: {cube.attrs[PARTIAL]}"] if PARTIAL in cube.attrs else []
    return "; ".join(filter(None, [*part, shortfall(cube)]))


def caption_in(name: str, config: Config) -> str:
    """Return the caption of a figure of a sweep that is not opened; an empty text where no one knows the figure."""
    with contextlib.suppress(PsstError):
        plugins.load()
        return caption_of(name, config)
    return ""


def save_table(name: str, results: Results, target: Path) -> None:
    """Write a figure's table as CSV."""
    load_plugins(results)
    with _marking(name, results, [target]):
        write_text(target, figure_of(name, results.config).table(results).to_csv(index=False, float_format="%.6g"))


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
    tables = {name: results.files.table_of(name) for name in with_table(drawn, results.config)}
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
    """Import the plugins of the current folder, if those that made the runs of a sweep are there unchanged.

    Raises:
        PsstError: when they are not.
    """
    results.check_plugins()
    plugins.load()
