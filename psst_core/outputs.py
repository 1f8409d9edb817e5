"""Which files of a sweep are not what its plan and the code that is here make, whatever their times say."""

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from psst_core.about import about_recipe
from psst_core.error_estimate import estimate_recipe
from psst_core.figures import figure_recipe, formats, with_table
from psst_core.folder import SweepFolder
from psst_core.gather import gather_recipe
from psst_core.keys import Config
from psst_core.made import is_made

Made = tuple[Sequence[Path], str]


def stale(folder: Path, outputs: Iterable[Made]) -> list[Path]:
    """The files in a sweep's folder that are missing, changed, or made from something else.

    Args:
        outputs: files with what they are made from.
    """
    return [file for files, made_from in outputs for file in files if not is_made(folder, file, made_from)]


def gathered(folder: Path, plan: str, twins: bool) -> Iterator[Made]:
    """The cube of a plan, with its error estimate where runs have twins."""
    yield SweepFolder(folder).gathered, gather_recipe(plan)
    if twins:
        yield SweepFolder(folder).estimated, estimate_recipe(folder, plan)


def shown(folder: Path, figures: Sequence[str], config: Config) -> Iterator[Made]:
    """The figures of a gathered sweep, their tables, and the page about it."""
    sweep = SweepFolder(folder)
    made_from = {name: figure_recipe(name, folder, config["style"]) for name in figures}
    for name in figures:
        yield [sweep.figure(name, ending) for ending in formats(config)], made_from[name]
    for name in with_table(figures):
        yield [sweep.table_of(name)], made_from[name]
    yield [sweep.about], about_recipe(folder)
