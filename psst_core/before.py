"""The sweep that had a name before: what was made of it moves to `results/NAME/before/DIGEST`, where it stays open."""

import csv
import io
from collections.abc import Collection
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.ledger import BEFORE, CHUNKS, PARTIAL, PLANNED, PLANS, RECORDS, planned, read_records, records_digest
from psst_core.made import marked_files, move_made, remove_empty, remove_made

GATHERED = {"csv": "plan.csv", "yaml": "config.yaml", "twins.csv": "twins.csv"}
CUBE = "sweep.nc"
PARTS = (Path(), Path(PARTIAL))
ESTIMATED = ("error_estimate.nc", GATHERED["twins.csv"])
ALWAYS = (CUBE, "about.html", *ESTIMATED, *GATHERED.values())


def place_of_earlier(results: Path, name: str, runs: Collection[str]) -> Path | None:
    """Where what was made under a name belongs, where it holds a run that the sweep which is to have the name does not.

    None where it holds none, or nothing was made yet.

    Args:
        runs: the ids of the new sweep's runs.
    """
    old = _plans(results, name)
    tables = [table for table in old.values() if table is None or _column(table, "run_id") - set(runs)]
    made = any(file.is_file() for part in PARTS for file in ours(results / name / part))
    if not tables or not (made or any(_finished(results, table) for table in tables if table)):
        return None
    return results / name / BEFORE / next(iter(old))


def set_aside(folder: Path, target: Path) -> None:
    """Move what was made in the folder of a sweep; files of a person's own stay where they are."""
    for part in PARTS:
        move_made(folder / part, target / part, ours(folder / part))
    remove_empty(folder / PARTIAL, folder)
    move_made(folder, target, [folder / PLANNED])


def ours(folder: Path) -> list[Path]:
    """The files that PSST makes in the folder of a sweep, there or not, but for the note of its plan."""
    return sorted({folder / name for name in ALWAYS} | set(marked_files(folder)))


def remove_partial(folder: Path) -> None:
    """Remove what was gathered of a sweep before it was finished; a person's own files stay."""
    remove_made(folder / PARTIAL, ours(folder / PARTIAL))
    remove_empty(folder / PARTIAL, folder)


def sweep_folders(results: Path) -> list[Path]:
    """The folders of all sweeps, also of those that had a name before and those whose plan's note is lost."""
    folders = (folder for place in ("*", f"*/{BEFORE}/*") for folder in results.glob(place) if folder.is_dir())
    records = [GATHERED[ending] for ending in RECORDS[:2]]
    return sorted(
        folder
        for folder in folders
        if (folder / PLANNED).is_file()
        or any((folder / part / CUBE).is_file() or marked_files(folder / part) for part in PARTS)
        or all((folder / record).is_file() for record in records)
    )


def gathered_records(folder: Path) -> dict[str, str]:
    """By their ending, the texts of the plan that a sweep's cube was gathered by, as far as they are there."""
    files = {ending: folder / name for ending, name in GATHERED.items()}
    return {ending: file.read_bytes().decode(errors="replace") for ending, file in files.items() if file.is_file()}


def _plans(results: Path, name: str) -> dict[str, str | None]:
    """By digest, the table of the plan that a name was last claimed by, then of that which its cube is of.

    None is the table of a plan that is not known any more.
    """
    found: dict[str, str | None] = {}
    if (results / name / PLANNED).is_file():
        try:
            plan = planned(results, name)
            found[plan] = None
            found[plan] = read_records(results, plan)["csv"]
        except PsstError:
            pass
    if "csv" in (gathered := gathered_records(results / name)):
        plan = records_digest(gathered)
        # One that was edited, or damaged, is no plan of its own: the note says which it was.
        if None in found.values() or not found or (results / PLANS / f"{plan}.csv").is_file():
            found[plan] = gathered["csv"]
    return found


def _finished(results: Path, table: str) -> bool:
    return any((results / CHUNKS / f"{chunk}.nc").exists() for chunk in _column(table, "chunk"))


def _column(table: str, name: str) -> set[str]:
    return {str(row.get(name)) for row in csv.DictReader(io.StringIO(table))}
