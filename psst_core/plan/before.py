"""The sweep that had a name before: what was made of it moves to `results/NAME/before/DIGEST`, to be opened there."""

import csv
import io
from collections.abc import Collection
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.store.folder import Folder, SweepFolder
from psst_core.store.made import move_made, remove_empty, remove_made
from psst_core.store.records import records_digest


def place_of_earlier(results: Path, name: str, runs: Collection[str]) -> Path | None:
    """Find the folder to which the files made under a name must move before a new sweep takes the name.

    Args:
        runs: the ids of the new sweep's runs.

    Returns:
        None where nothing was made yet, or where the old sweep holds no run that the new one does not.
    """
    home, sweep = Folder(results), Folder(results).sweep(name)
    old = _plans(home, name)
    tables = [table for table in old.values() if table is None or _column(table, "run_id") - set(runs)]
    made = any(file.is_file() for part in sweep.parts for file in part.ours())
    if not tables or not (made or any(_finished(home, table) for table in tables if table)):
        return None
    return sweep.before(next(iter(old))).path


def set_aside(folder: Path, target: Path) -> None:
    """Move what was made in the folder of a sweep; a person's own files stay where they are."""
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
    """Read the records of the plan that a sweep's cube was gathered by, by their ending, as far as they are there."""
    files = SweepFolder(folder).records
    return {ending: file.read_bytes().decode(errors="replace") for ending, file in files.items() if file.is_file()}


def _plans(home: Folder, name: str) -> dict[str, str | None]:
    """Find the plans of a name: the one that it was last claimed by, then the one that its cube was gathered by.

    Returns:
        By the digest of the plan, the text of its table; None for a plan that is lost.
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
        # Records that were edited or damaged are no plan of their own: the note says which plan it was.
        if None in found.values() or not found or home.record_file(plan, "csv").is_file():
            found[plan] = gathered["csv"]
    return found


def _finished(home: Folder, table: str) -> bool:
    return any(home.chunk_file(chunk).exists() for chunk in _column(table, "chunk"))


def _column(table: str, name: str) -> set[str]:
    return {str(row.get(name)) for row in csv.DictReader(io.StringIO(table))}
