"""An audit of a results folder: whether every file, every run and every number is as planned.

First come the bytes, whatever the code is now. Checksums show whether a file holds what was written. Digests show the
same of manifests and plans. Then comes the meaning. The ids of the runs are computed again if the code that made them
is here, and the cube is gathered again. Nothing in the folder is executed; plugins are read as text.

A finding is one line that names the file. A clean sweep has none.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from psst_core import plugins
from psst_core.attributes import STATUS, measures_of
from psst_core.digest import code_digest, code_of
from psst_core.errors import PsstError
from psst_core.files import read_text
from psst_core.plan.ledger import foreign_run
from psst_core.results.gather import cube
from psst_core.store.dataset import damage, read, status_counts
from psst_core.store.folder import CHUNKS, OURS, RECORDS, TWINS, Folder, SweepFolder
from psst_core.store.manifest import Manifest, read_manifest
from psst_core.store.records import AGAIN, record_of, records_digest, table_of
from psst_core.sweep.identity import deciding_modules

BLOCK = 4096
SHAPELESS = (LookupError, TypeError, ValueError, AttributeError)  # raised by a whole file of another kind


@dataclass(frozen=True)
class Audit:
    """The result of an audit.

    Attributes:
        counts: how many of the planned runs have each status.
        undefined: by measure, in how many cells of the cube it is undefined.
        findings: a line for each fault.
        notes: a line for each thing that is no fault: runs that are not made yet, and ids that could not be computed
            again.
    """

    counts: dict[str, int]
    undefined: dict[str, int]
    findings: list[str]
    notes: list[str]


@dataclass(frozen=True)
class Records:
    """The records of a sweep: its runs and their twins at half the step, a row each, and its configuration.

    Attributes:
        gathered: whether the cube of these runs was made, so that all of them were there.
    """

    table: pd.DataFrame
    twins: pd.DataFrame
    config: dict[str, Any]
    gathered: bool


def audit(results: Path, name: str) -> Audit:
    """Check every file of a sweep: records, manifests, chunks, summaries, cube.

    Raises:
        PsstError: when there is no sweep of this name, or its plan cannot be read.
    """
    findings: list[str] = []
    home = Folder(results)
    records = _records(home, name, home.planned(name), findings)
    analysis = records.config["analysis_digest"]
    findings += _strangers(home)
    rows = pd.concat([records.table, records.twins])[["run_id", "chunk", "position"]]
    sound: dict[str, xr.Dataset] = {}
    unmade: dict[str, int] = {}
    others: dict[str, int] = {}
    for chunk, mine in rows.groupby("chunk", sort=True):
        where, last = home.state(str(chunk))
        if where == "failed":
            findings.append(f"{home.chunk_file(str(chunk))}: not made, its job failed ({last}); mend that and {AGAIN}")
        elif where != "finished" and not _was_made(home, str(chunk), analysis, records):
            unmade[where] = unmade.get(where, 0) + len(mine)
            continue
        faults, other = _chunk_faults(home, str(chunk), mine, analysis)
        findings += faults if where != "failed" else []
        if other is not None:
            others[other] = others.get(other, 0) + len(mine)
        if not faults:
            with read(home.summary_file(str(chunk), analysis)) as data:
                sound[str(chunk)] = data.load()
    again = cube(records.config, records.table, sound.get)
    whole = sound.keys() >= set(records.table["chunk"])
    findings += _cube_faults(home.sweep(name), again if whole else None, bool(unmade))
    ok = again["status"] == STATUS["ok"]
    undefined = {measure: int((ok & np.isnan(again[measure])).sum()) for measure in measures_of(again)}
    return Audit(status_counts(again), undefined, findings, [*_unmade_lines(unmade), *_other_lines(others)])


def _unmade_lines(unmade: dict[str, int]) -> Iterator[str]:
    words = {
        "running": "still running: the jobs of {} runs",
        "waiting": f"waiting: the jobs of {{}} runs have not begun; if nothing runs now, {AGAIN}",
        "interrupted": f"interrupted: the jobs of {{}} runs; {AGAIN}, it goes on from there",
    }
    for where, count in unmade.items():
        yield words[where].format(f"{count:,}")


def _other_lines(others: dict[str, int]) -> Iterator[str]:
    for why, count in others.items():
        yield f"{count:,} runs {why}, ids not recomputed"


def _was_made(home: Folder, chunk: str, analysis: str, records: Records) -> bool:
    """Return whether a chunk that is not there once was: it has been measured, or gathered."""
    return records.gathered or home.summary_file(chunk, analysis).exists()


def _records(home: Folder, name: str, plan: str, findings: list[str]) -> Records:
    """Return the records of a plan; add to `findings` those that were edited or do not belong to the cube."""
    files = {ending: home.record_file(plan, ending) for ending in RECORDS}
    texts = {e: read_text(file, remedy=AGAIN) for e, file in files.items() if e != TWINS or file.exists()}
    if records_digest(texts) != plan:
        findings.append(f"{home.record_file(plan, '*')}: edited, their digest is not their name")
    sweep, same = home.sweep(name), []
    for ending, file in sweep.records.items():
        if ending not in texts:
            continue
        try:
            there: str | None = read_text(file)
        except PsstError as error:
            there = None
            if sweep.cube.exists():
                findings.append(str(error))
        if there is not None and there != texts[ending]:
            findings.append(f"{file}: edited, or of an earlier plan than the last one")
        same.append(there == texts[ending])
    table = table_of(texts["csv"], files["csv"])
    places = table[["run_id", "chunk", "position"]].drop_duplicates()
    for run in places["run_id"][places["run_id"].duplicated()]:
        findings.append(f"{files['csv']}: holds run {run} in two places")
    points = table.drop(columns=["run_id", "chunk", "position"])
    for run in table["run_id"][points.duplicated()]:
        findings.append(f"{files['csv']}: holds the point of run {run} more than once")
    twins = table_of(texts.get(TWINS, "run_id,twin_id,chunk,position\n"), files[TWINS])
    twins = twins.assign(run_id=twins["twin_id"]).drop_duplicates("run_id")
    twins = twins[~twins["run_id"].isin(table["run_id"])]
    gathered = all(same) and sweep.cube.exists()
    return Records(table, twins, record_of(texts["yaml"], files["yaml"]), gathered)


def _strangers(home: Folder) -> Iterator[str]:
    """Yield a line for each file among the chunks whose name is none of PSST's."""
    for file in sorted(home.chunks.iterdir()):
        if not (OURS[CHUNKS].fullmatch(file.name) or file.name.startswith(".")):
            yield f"{file}: foreign, no file of a chunk has such a name"


def _chunk_faults(home: Folder, chunk: str, rows: pd.DataFrame, analysis: str) -> tuple[list[str], str | None]:
    """Return the faults of a chunk's manifest, file and summary, and the reason if its ids were not computed again."""
    claim, file, summary = home.manifest_file(chunk), home.chunk_file(chunk), home.summary_file(chunk, analysis)
    faults = [f"{path}: {fault}" for path in (file, summary) if (fault := _file_fault(path)) is not None]
    try:
        manifest = read_manifest(claim)
        fault = _named(lambda: _manifest_fault(manifest, chunk, rows))
    except PsstError as error:
        return [*faults, str(error)], None
    if fault is not None:
        return [*faults, f"{claim}: {fault}"], None
    if faults:
        return faults, None
    other, fault = _ids_fault(manifest)
    if fault is not None:
        faults.append(f"{claim}: {fault}")
    for path, values_fault in ((file, _chunk_fault), (summary, _summary_fault)):
        with read(path) as data:
            if (fault := _named(lambda: values_fault(data, manifest))) is not None:  # noqa: B023  (called at once)
                faults.append(f"{path}: {fault}")
    return faults, other


def _named(fault: Callable[[], str | None]) -> str | None:
    """Return the fault that `fault` finds, or one for a file of another kind."""
    try:
        return fault()
    except PsstError as error:
        return str(error)
    except SHAPELESS as error:
        return f"holds something else than a file of its kind ({type(error).__name__}: {error})"


def _manifest_fault(manifest: Manifest, chunk: str, rows: pd.DataFrame) -> str | None:
    """Return a fault unless a manifest is as it was claimed, with the runs that the plan has in it."""
    if manifest.chunk != chunk:
        return "edited, its digest is not its name"
    for position, run in zip(rows["position"].astype(int), rows["run_id"], strict=True):
        if position >= len(manifest.runs) or manifest.runs[position].id != run:
            return f"holds no run {run} at position {position}, where the plan has it"
    return None


def _ids_fault(manifest: Manifest) -> tuple[str | None, str | None]:
    """Return why the ids of a manifest's runs cannot be computed here, or else a fault for the first that is wrong.

    Input files count as they were when the sweep was planned, wherever they are now.
    """
    plugins.locate()
    for module in manifest.plugins:
        if code_of(module) is None:
            return f"made with the plugin {module}, which is not in {plugins.FOLDER}/ here", None
    try:
        code = code_digest(deciding_modules(manifest.config, manifest.plugins))
        if code != manifest.code:
            return f"made by other code (digest {manifest.code})", None
        run = foreign_run(manifest)
        return None, None if run is None else f"edited, run {run} is not what its configuration computes"
    except PsstError as error:
        return f"made with what is not here ({error})", None
    except SHAPELESS as error:
        return None, f"has a configuration that describes no run ({type(error).__name__}: {error})"


def _file_fault(path: Path) -> str | None:
    """Return a fault unless a NetCDF file is there, whole, PSST's, and as it was written."""
    if not path.is_file():
        what = "is no file" if path.exists() else f"missing; {AGAIN}"
        return "is a link to nothing; delete it" if path.is_symlink() and not path.exists() else what
    found = damage(path)
    return found if found is None or found.startswith("changed") else f"{found}; delete it and {AGAIN}"


def _chunk_fault(data: xr.Dataset, manifest: Manifest) -> str | None:  # noqa: PLR0911  (a return for each fault)
    """Return a fault unless a chunk's file belongs to its manifest, with results where the status is ok."""
    if data.attrs["chunk"] != manifest.chunk:
        return f"is that of chunk {data.attrs['chunk']}, under another name"
    if json.loads(data.attrs["manifest"]) != manifest.planned():
        return "was made from another manifest than the one that is here, which was edited"
    if data["run_id"].values.tolist() != [run.id for run in manifest.runs]:
        return "holds other runs than its manifest"
    ok = data["status"].values == STATUS["ok"]
    if not np.isin(data["status"].values, (STATUS["ok"], STATUS["diverged"])).all():
        return "holds a status that a finished run cannot have"
    if (np.isfinite(data["diverged_time"].values) == ok).any():
        return "has a time of divergence for a run that is ok, or none for one that diverged"
    for start in range(0, len(ok), BLOCK):
        part = slice(start, start + BLOCK)
        broken = ~np.isfinite(data["mean_potential"][part].values).all(axis=(1, 2)) & ok[part]
        if broken.any():
            return f"has values that are not finite in run {data['run_id'].values[part][broken][0]}, whose status is ok"
    return None


def _summary_fault(data: xr.Dataset, manifest: Manifest) -> str | None:
    """Return a fault unless a summary belongs to its chunk, and holds no measure of a run that is not ok."""
    if data["run_id"].values.tolist() != [run.id for run in manifest.runs]:
        return "holds other runs than its chunk's manifest"
    return unexplained(data)


def unexplained(data: xr.Dataset) -> str | None:
    """Return a fault for the first measure that is there although its run is not ok."""
    lost = data["status"] != STATUS["ok"]
    for measure in measures_of(data):
        if (~np.isnan(data[measure]) & lost).any():
            return f"{measure} is there for a run whose status is not ok"
    return None


def _cube_faults(sweep: SweepFolder, again: xr.Dataset | None, unfinished: bool) -> Iterator[str]:
    """Yield a line for each fault of the cube; `again` is the cube of its summaries, or None if some are missing."""
    path, estimate = sweep.cube, sweep.error_estimate
    if not path.exists() and unfinished:
        return
    faults = {file: _file_fault(file) for file in (path, estimate) if file == path or file.exists()}
    yield from (f"{file}: {fault}" for file, fault in faults.items() if fault is not None)
    if faults[path] is not None:
        return
    with read(path) as there:
        if (fault := _named(lambda: unexplained(there))) is not None:
            yield f"{path}: {fault}"
        elif again is not None and not there.drop_attrs().equals(again.drop_attrs()):
            yield f"{path}: stale, gathered from other summaries than those that are here; {AGAIN}"
