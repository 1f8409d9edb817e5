"""The files of a sweep in the order of its stages. By their marks some are stale, whatever their times say.

Snakemake takes its targets from here, and a sweep in this process takes its tasks. What a stage does is in the
function that makes its files.
"""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from psst_core.configuration import Config
from psst_core.drawing import drawn_of, figure_recipe, formats
from psst_core.errors import PsstError
from psst_core.figures.chosen import available, with_table
from psst_core.plan.sweep_plan import Plan, claim
from psst_core.results.about import about_recipe, save_page
from psst_core.results.error_estimate import estimate_recipe
from psst_core.results.gather import gather_recipe
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.folder import Folder, SweepFolder
from psst_core.store.made import is_made, keep_edited

STAGES = ("simulate", "summarise", "gather", "estimate", "draw", "tabulate", "describe")
SHOWING = STAGES[4:]  # for people to look at; all numbers are there before them


@dataclass(frozen=True)
class Task:
    """A task: it makes some files together.

    Attributes:
        stage: one of `STAGES`.
        name: of the chunk, the sweep or the figure that the files belong to.
        files: the files that it makes.
        read: the files that it reads, which earlier tasks make.
        recipe: returns the digest of what the files are made from now; None where files have no marks.
    """

    stage: str
    name: str
    files: Sequence[Path]
    read: Sequence[Path] = ()
    recipe: Callable[[], str] | None = None

    def marked_otherwise(self, folder: Path) -> list[Path]:
        """List its files in a sweep's folder that are missing, changed, or by their marks made from something else."""
        if self.recipe is None:
            return []
        made_from = self.recipe()
        return [file for file in self.files if not is_made(folder, file, made_from)]

    def due(self, folder: Path) -> bool:
        """Return whether it must be done: a file is missing, is older than one that was read, or has another mark."""
        if not all(file.exists() for file in self.files):
            return True
        oldest = min(file.stat().st_mtime_ns for file in self.files)
        newer = any(file.stat().st_mtime_ns > oldest for file in self.read if file.exists())
        return newer or bool(self.marked_otherwise(folder))


def tasks(plan: Plan, results: Path) -> list[Task]:
    """List the tasks that make the files of a plan's sweep, in an order in which they can be done."""
    home = Folder(results)
    sweep = home.sweep(plan.name)
    data = {chunk: home.chunk_file(chunk) for chunk in plan.manifests}
    summaries = {chunk: home.summary_file(chunk, plan.analysis) for chunk in plan.manifests}
    found = [Task("simulate", chunk, [file]) for chunk, file in data.items()]
    found += [Task("summarise", chunk, [summaries[chunk]], [file]) for chunk, file in data.items()]
    recipe = partial(gather_recipe, plan.digest)
    found.append(Task("gather", plan.name, sweep.gathered, list(summaries.values()), recipe))
    if plan.twins:
        read = [*data.values(), *summaries.values(), sweep.cube]
        recipe = partial(estimate_recipe, sweep.path, plan.digest)
        found.append(Task("estimate", plan.name, sweep.estimated, read, recipe))
    drawn = available(plan.figures, plan.axes, plan.config)
    return [*found, *shown(sweep.path, drawn, plan.config, bool(plan.twins))]


def shown(folder: Path, figures: Sequence[str], config: Config, estimated: bool) -> Iterator[Task]:
    """Yield the tasks that make the figures of a gathered sweep, their tables, and the page about the sweep.

    Args:
        estimated: whether the sweep has an error estimate.
    """
    sweep = SweepFolder(folder)
    read = [sweep.cube, *(sweep.estimated if estimated else ())]
    recipes = {name: partial(figure_recipe, name, folder, config) for name in figures}
    pictures = [sweep.figure(name, "png") for name in figures]
    for name in figures:
        files = [sweep.figure(name, ending) for ending in formats(config)]
        yield Task("draw", name, files, read, recipes[name])
    for name in with_table(figures, config):
        yield Task("tabulate", name, [sweep.table_of(name)], read, recipes[name])
    yield Task("describe", folder.name, [sweep.about], [sweep.cube, *pictures], partial(about_recipe, folder, pictures))


def describe_again(folder: Path) -> None:
    """Write the page about a sweep anew if it is there, and its figures or `explore.html` are other ones than on it.

    Where the plugins of the sweep are not here, or a figure is missing, the page stays as it is.
    """
    results = open_sweep(folder)
    if not results.files.about.is_file():
        return
    with contextlib.suppress(PsstError):
        *_, task = shown(folder, drawn_of(results), results.config, results.files.error_estimate.is_file())
        if all(file.is_file() for file in task.read) and task.due(folder):
            describe(results, task)


def describe(results: Results, task: Task) -> None:
    """Write the page about a sweep, of which the task says what it shows."""
    save_page(results, task.files[0], task.read[1:])


def targets(found: Iterable[Task]) -> dict[str, list[Path]]:
    """Return the files of some tasks, by stage. All stages are there, in their order."""
    files: dict[str, list[Path]] = {stage: [] for stage in STAGES}
    for task in found:
        files[task.stage] += task.files
    return files


def stale(folder: Path, found: Iterable[Task]) -> list[Path]:
    """List the files in a sweep's folder that are missing, changed, or made from something else."""
    return [file for task in found for file in task.marked_otherwise(folder)]


def settle(plan: Plan, results: Path, found: Iterable[Task]) -> list[str]:
    """Claim a sweep, and make room for its files.

    Returns:
        A line for each thing that moved.
    """
    said, folder = claim(plan, results), Folder(results).sweep(plan.name).path
    kept = keep_edited(folder, stale(folder, found))
    return said + [f"{file}: what was changed by hand is kept here" for file in kept]
