"""The files in a results folder that no sweep uses any more."""

import csv
import io
import re
import shlex
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.plan.before import gathered_records
from psst_core.store.folder import CONFIGURATION, CUBE, MARKS, OURS, PLANS, SAVED, TABLE, Folder, SweepFolder
from psst_core.store.manifest import read_manifest
from psst_core.store.records import AGAIN, ID, record_of, records_digest

OLD = 86_400.0  # s; after so long nobody is still writing a temporary file
BESIDE = re.compile(r"\.(.+)\.[0-9a-f]{8}(\.[A-Za-z]+)?")  # a temporary file of a killed job


def unused(results: Path, before: bool = False) -> list[Path]:
    """Return the files named by PSST that belong to no sweep, neither as gathered nor as last planned.

    They are chunks, summaries, saved states, plans and logs. Temporary files of killed jobs count after a day. Compiled
    programs are not looked at.

    Args:
        before: whether earlier sweeps of a name, in NAME/before/DIGEST, count as unused, with all their files.

    Raises:
        PsstError: when the chunks of a sweep are not known, because a record is missing or cannot be read.
    """
    home = Folder(results)
    sweeps = home.sweeps()
    dropped = [sweep for sweep in sweeps if before and sweep.is_before]
    plans, chunks, summaries = _used(home, [sweep for sweep in sweeps if sweep not in dropped])
    found = []
    for place, pattern in OURS.items():
        for file in sorted((results / place).glob("*")):
            if (parts := pattern.fullmatch(file.name)) is None or not file.is_file():
                continue
            first, *rest = (part for part in parts.groups() if part is not None)
            wanted = first in (plans if place == PLANS else chunks) and (not rest or (first, *rest) in summaries)
            if place == SAVED:
                wanted = wanted and not home.chunk_file(first).exists()
            found += [] if wanted else [file]
    found += [file for sweep in dropped for file in _all_of(sweep)]
    return found + [file for file in _leftovers(home, sweeps) if time.time() - file.stat().st_mtime >= OLD]


def losses(results: Path, files: Iterable[Path]) -> dict[str, int]:
    """Count the chunks and cubes among some files, by the sweep that they were made for."""
    found: dict[str, int] = {}
    for file in files:
        if ID.fullmatch(file.stem) and file == Folder(results).chunk_file(file.stem):
            name = _planned_for(file)
        elif file.name == CUBE and file.parent.name != MARKS:
            name = str(file.parent.relative_to(results))
        else:
            continue
        found[name] = found.get(name, 0) + 1
    return found


def _planned_for(chunk: Path) -> str:
    try:
        words = shlex.split(read_manifest(Folder.of_chunk(chunk).manifest_file(chunk.stem)).provenance["command"])
        return next(word.removeprefix("name=") for word in reversed(words) if word.startswith("name="))
    except (PsstError, LookupError, TypeError, ValueError, AttributeError, StopIteration):
        return "a sweep that is not known"


def _all_of(sweep: SweepFolder) -> Iterator[Path]:
    """Yield PSST's files in the folder of a sweep."""
    for part in sweep.parts:
        for file in (*part.ours(), part.note):
            yield from (one for one in (file, part.mark(file)) if one.is_file())


def _leftovers(home: Folder, sweeps: Iterable[SweepFolder]) -> list[Path]:
    """Return the temporary files that killed jobs left beside PSST's files."""
    places = {home.path, *(home.path / place for place in OURS)}
    for part in (part for sweep in sweeps for part in sweep.parts):
        places |= {file.parent for file in (*part.ours(), part.note)}
        places |= {part.mark(file).parent for file in part.ours()}
    found = (file for place in places for file in place.glob(".*") if BESIDE.fullmatch(file.name) and file.is_file())
    return sorted(found)


def _used(home: Folder, sweeps: Iterable[SweepFolder]) -> tuple[set[str], set[str], set[tuple[str, str]]]:
    """Return the plans, the chunks and, with the digest of the analysis, the summaries that these sweeps use."""
    plans: set[str] = set()
    chunks: set[str] = set()
    summaries: set[tuple[str, str]] = set()
    for sweep in sweeps:
        try:
            for plan, texts in _records(home, sweep):
                analysis = record_of(texts["yaml"], home.record_file(plan, "yaml"))["analysis_digest"]
                tables = [csv.DictReader(io.StringIO(texts[ending])) for ending in texts if ending.endswith("csv")]
                mine = {row["chunk"] for table in tables for row in table}
                plans.add(plan)
                chunks |= mine
                summaries |= {(chunk, analysis) for chunk in mine}
        except Exception as error:  # an edited record may hold anything
            why = str(error) if isinstance(error, PsstError) else f"its records cannot be read ({error})"
            raise PsstError(
                f"{sweep.path}: which chunks it uses is not known, so nothing is cleaned: {why}; or remove "
                f"{sweep.path}/, if it is not wanted any more"
            ) from error
    return plans, chunks, summaries


def _records(home: Folder, sweep: SweepFolder) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield digest and records of a sweep's plan, and of the plan that it was gathered by."""
    gathered = gathered_records(sweep.path)
    if sweep.note.is_file():
        plan = home.planned(str(sweep.path.relative_to(home.path)))
        yield plan, home.records(plan)
        if not gathered or records_digest(gathered) == plan:
            return
    if not {"csv", "yaml"} <= gathered.keys():
        raise PsstError(f"it holds no {TABLE} or no {CONFIGURATION}; {AGAIN}")
    yield records_digest(gathered), gathered
