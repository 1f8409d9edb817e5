"""What no sweep in a results folder uses any more."""

import csv
import io
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from psst_core.before import CUBE, gathered_records, ours, sweep_folders
from psst_core.digest import LENGTH
from psst_core.errors import PsstError
from psst_core.ledger import (
    AGAIN,
    BEFORE,
    CHUNKS,
    LOGS,
    PARTIAL,
    PLANNED,
    PLANS,
    SAVED,
    planned,
    read_records,
    records_digest,
)
from psst_core.made import MARKS
from psst_core.manifest import read_manifest
from psst_core.records import record_of

OLD = 86_400.0  # seconds after which nobody is still writing a file beside its place
ID = f"[0-9a-f]{{{LENGTH}}}"
# Where, what our files are called there, and from which parts of the name it follows whether they are used.
OURS = {
    CHUNKS: re.compile(rf"({ID})\.(?:nc|json|({ID})\.summary\.nc)"),
    SAVED: re.compile(rf"({ID})\.zip"),
    PLANS: re.compile(rf"({ID})\.(?:csv|yaml|twins\.csv)"),
    f"{LOGS}/simulate": re.compile(rf"({ID})\.log"),
    f"{LOGS}/summarise": re.compile(rf"({ID})\.{ID}\.log"),
}
BESIDE = re.compile(r"\.(.+)\.[0-9a-f]{8}(\.[A-Za-z]+)?")  # what a killed job leaves beside a file


def unused(results: Path, before: bool = False) -> list[Path]:
    """The files of our own naming that belong to no sweep, neither as gathered nor as last planned.

    They are chunks, summaries, saved states, plans and logs. Files that killed jobs left beside their places count
    after a day. Compiled programs are not looked at.

    Args:
        before: whether sweeps that had a name before, in NAME/before/DIGEST, count as no sweeps, with all their files.

    Raises:
        PsstError: when the chunks of a sweep are not known, because a record is missing or cannot be read.
    """
    folders = sweep_folders(results)
    dropped = [folder for folder in folders if before and folder.parent.name == BEFORE]
    plans, chunks, summaries = _used(results, [folder for folder in folders if folder not in dropped])
    found = []
    for place, pattern in OURS.items():
        for file in sorted((results / place).glob("*")):
            if (parts := pattern.fullmatch(file.name)) is None or not file.is_file():
                continue
            first, *rest = (part for part in parts.groups() if part is not None)
            wanted = first in (plans if place == PLANS else chunks) and (not rest or (first, *rest) in summaries)
            if place == SAVED:
                wanted = wanted and not (results / CHUNKS / f"{first}.nc").exists()
            found += [] if wanted else [file]
    found += [file for folder in dropped for file in _all_of(folder)]
    return found + [file for file in _leftovers(results, folders) if time.time() - file.stat().st_mtime >= OLD]


def losses(results: Path, files: Iterable[Path]) -> dict[str, int]:
    """By the sweep that they were made for, how many of some files are chunks of runs or what a sweep made of them."""
    found: dict[str, int] = {}
    for file in files:
        if file.parent == results / CHUNKS and re.fullmatch(rf"{ID}\.nc", file.name):
            name = _planned_for(file)
        elif file.name == CUBE and file.parent.name != MARKS:
            name = str(file.parent.relative_to(results))
        else:
            continue
        found[name] = found.get(name, 0) + 1
    return found


def _planned_for(chunk: Path) -> str:
    try:
        words = shlex.split(read_manifest(chunk.with_suffix(".json")).provenance["command"])
        return next(word.removeprefix("name=") for word in reversed(words) if word.startswith("name="))
    except (PsstError, LookupError, TypeError, ValueError, AttributeError, StopIteration):
        return "a sweep that is not known"


def _all_of(folder: Path) -> Iterator[Path]:
    """The files of ours in the folder of a sweep."""
    for part in (folder, folder / PARTIAL):
        for file in (*ours(part), part / PLANNED):
            yield from (one for one in (file, part / MARKS / file.relative_to(part)) if one.is_file())


def _leftovers(results: Path, folders: Iterable[Path]) -> list[Path]:
    """What killed jobs left beside the places of files of ours."""
    places = {results, *(results / place for place in OURS)}
    for folder in folders:
        parts = (folder, folder / PARTIAL)
        places |= {file.parent for part in parts for file in (*ours(part), part / PLANNED)}
        places |= {part / MARKS / file.parent.relative_to(part) for part in parts for file in ours(part)}
    found = (file for place in places for file in place.glob(".*") if BESIDE.fullmatch(file.name) and file.is_file())
    return sorted(found)


def _used(results: Path, folders: Iterable[Path]) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """The plans, the chunks and, with the analysis, the summaries of sweeps in these folders."""
    plans: set[str] = set()
    chunks: set[str] = set()
    summaries: set[tuple[str, str]] = set()
    for folder in folders:
        try:
            for plan, texts in _records(results, folder):
                analysis = record_of(texts["yaml"], f"{plan}.yaml")["analysis_digest"]
                tables = [csv.DictReader(io.StringIO(texts[ending])) for ending in texts if ending.endswith("csv")]
                mine = {row["chunk"] for table in tables for row in table}
                plans.add(plan)
                chunks |= mine
                summaries |= {(chunk, analysis) for chunk in mine}
        except Exception as error:  # what is in an edited record may be anything
            why = str(error) if isinstance(error, PsstError) else f"its records cannot be read ({error})"
            raise PsstError(
                f"{folder}: which chunks it uses is not known, so nothing is cleaned: {why}; or remove {folder}/, if "
                "it is not wanted any more"
            ) from error
    return plans, chunks, summaries


def _records(results: Path, folder: Path) -> Iterator[tuple[str, dict[str, str]]]:
    """The digest and the records of the plan of a sweep, and of the one that it was gathered by."""
    gathered = gathered_records(folder)
    if (folder / PLANNED).is_file():
        plan = planned(results, str(folder.relative_to(results)))
        yield plan, read_records(results, plan)
        if not gathered or records_digest(gathered) == plan:
            return
    if not {"csv", "yaml"} <= gathered.keys():
        raise PsstError(f"it holds no plan.csv or no config.yaml; {AGAIN}")
    yield records_digest(gathered), gathered
