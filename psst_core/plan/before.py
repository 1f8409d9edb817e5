"""The sweep that had a name before: what was made of it moves to `results/NAME/before/DIGEST`, where it stays open."""

import csv
import io
from collections.abc import Collection
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.store.folder import Folder, SweepFolder
from psst_core.store.made import move_made, remove_empty, remove_made
from psst_core.store.records import records_digest


def place_of_earlier(results: Path, name: str, runs: Collection[str]) -> Path | None:
    """Where what was made under a name belongs, where it holds a run that the sweep which is to have the name does not.

    None where it holds none, or nothing was made yet.

    Args:
        runs: the ids of the new sweep's runs.
    """
    home, sweep = Folder(results), Folder(results).sweep(name)
    old = _plans(home, name)
    tables = [table for table in old.values() if table is None or _column(table, "run_id") - set(runs)]
    made = any(file.is_file() for part in sweep.parts for file in part.ours())
    if not tables or not (made or any(_finished(home, table) for table in tables if table)):
        return None
    return sweep.before(next(iter(old))).path


def set_aside(folder: Path, target: Path) -> None:
    """Move what was made in the folder of a sweep; files of a person's own stay where they are."""
    sweep = SweepFolder(folder)
    for part, there in zip(sweep.parts, SweepFolder(target).parts, strict=True):
        move_made(part.path, there.path, part.ours())
    remove_empty(sweep.partial.path, folder)
    move_made(folder, target, [sweep.note])


def remove_partial(folder: Path) -> None:
    """Remove what was gathered of a sweep before it was finished; a person's own files stay."""
    partial = SweepFolder(folder).partial
    remove_made(partial.path, partial.ours())
    remove_empty(partial.path, folder)


def gathered_records(folder: Path) -> dict[str, str]:
    """By their ending, the texts of the plan that a sweep's cube was gathered by, as far as they are there."""
    files = SweepFolder(folder).records
    return {ending: file.read_bytes().decode(errors="replace") for ending, file in files.items() if file.is_file()}


def _plans(home: Folder, name: str) -> dict[str, str | None]:
    """By digest, the table of the plan that a name was last claimed by, then of that which its cube is of.

    None is the table of a plan that is not known any more.
    """
    found: dict[str, str | None] = {}
    if home.sweep(name).note.is_file():
        try:
            plan = home.planned(name)
            found[plan] = None
            found[plan] = home.records(plan)["csv"]
        except PsstError:
            pass
    if "csv" in (gathered := gathered_records(home.sweep(name).path)):
        plan = records_digest(gathered)
        # One that was edited, or damaged, is no plan of its own: the note says which it was.
        if None in found.values() or not found or home.record_file(plan, "csv").is_file():
            found[plan] = gathered["csv"]
    return found


def _finished(home: Folder, table: str) -> bool:
    return any(home.chunk_file(chunk).exists() for chunk in _column(table, "chunk"))


def _column(table: str, name: str) -> set[str]:
    return {str(row.get(name)) for row in csv.DictReader(io.StringIO(table))}
