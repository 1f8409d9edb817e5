"""Whether what lies in a results folder is what was planned: every run, every number, every file.

A finding is one line that names the file. A clean sweep has none.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import xarray as xr

from psst_core.analysis import MEASURES
from psst_core.dataset import STATUS, checksum, read, status_counts
from psst_core.digest import code_digest
from psst_core.errors import PsstError
from psst_core.files import from_yaml
from psst_core.gather import cube, read_table, summary_name
from psst_core.identity import Identity, deciding_modules
from psst_core.keys import put
from psst_core.ledger import CHUNKS, PLANS, Manifest, chunk_digest, planned, read_manifest
from psst_core.plan import records_digest

OPTIONAL = ("twins.csv",)
BLOCK = 4096


@dataclass(frozen=True)
class Audit:
    """What was looked at, and what is wrong.

    Attributes:
        counts: of the runs that were planned, by what became of them.
        undefined: by measure, in how many cells of the cube it is undefined.
        findings: a line for each fault.
    """

    counts: dict[str, int]
    undefined: dict[str, int]
    findings: list[str]


def audit(results: Path, name: str) -> Audit:
    """Look at every file of a sweep: records, manifests, chunks, summaries, cube.

    Checksums say whether a file holds what was written, digests whether manifests and plans do; ids are computed again
    from each run's configuration and the code that is here; the cube is gathered again and compared.
    """
    findings: list[str] = []
    table, record = _records(results, name, planned(results, name), findings)
    chunks = results / CHUNKS
    findings += _strangers(chunks)
    sound: dict[str, xr.Dataset] = {}
    for chunk, rows in table.groupby("chunk", sort=True):
        faults = list(_chunk_faults(chunks, str(chunk), rows, record["analysis_digest"]))
        findings += faults
        if not faults:
            with read(chunks / summary_name(str(chunk), record["analysis_digest"])) as data:
                sound[str(chunk)] = data.load()
    again = cube(record, table, sound.get)
    findings += _cube_faults(results / name / "sweep.nc", again)
    masks = zip(MEASURES, again["undefined"].attrs["flag_masks"], strict=True)
    undefined = {measure: int(np.count_nonzero(again["undefined"].values & mask)) for measure, mask in masks}
    return Audit(status_counts(again), undefined, findings)


def _records(results: Path, name: str, plan: str, findings: list[str]) -> tuple[pd.DataFrame, dict[str, Any]]:
    """The plan's table and configuration; what of them was edited, or is not that of the cube."""
    files = {ending: results / PLANS / f"{plan}.{ending}" for ending in ("csv", "yaml", *OPTIONAL)}
    texts = {ending: file.read_text(encoding="utf-8") for ending, file in files.items() if file.exists()}
    for ending in ("csv", "yaml"):
        if ending not in texts:
            raise PsstError(f"{files[ending]}: is missing; plan the sweep again: snakemake with the same words")
    if records_digest(texts) != plan:
        findings.append(f"{results / PLANS / plan}.*: edited, their digest is not their name")
    for ending, copy in (("csv", "plan.csv"), ("yaml", "config.yaml")):
        file = results / name / copy
        if not file.exists():
            findings.append(f"{file}: missing")
        elif file.read_text(encoding="utf-8") != texts[ending]:
            findings.append(f"{file}: edited, or of an earlier plan than the last one")
    table = read_table(io.StringIO(texts["csv"]))
    places = table[["run_id", "chunk", "position"]].drop_duplicates()
    for run in places["run_id"][places["run_id"].duplicated()]:
        findings.append(f"{files['csv']}: holds run {run} in two places")
    points = table.drop(columns=["run_id", "chunk", "position"])
    for run in table["run_id"][points.duplicated()]:
        findings.append(f"{files['csv']}: holds the point of run {run} more than once")
    return table, from_yaml(texts["yaml"])


def _strangers(chunks: Path) -> Iterator[str]:
    """Files among the chunks that none of ours is named like."""
    for file in sorted(chunks.iterdir()):
        stem, *rest = file.name.split(".")
        ours = len(stem) == 16 and set(stem) <= set("0123456789abcdef") and rest in (["json"], ["nc"])
        summary = len(rest) == 3 and rest[1:] == ["summary", "nc"]
        if not (ours or summary or file.name.startswith(".")):
            yield f"{file}: foreign, no file of a chunk has such a name"


def _chunk_faults(chunks: Path, chunk: str, rows: pd.DataFrame, analysis: str) -> Iterator[str]:
    """What is wrong with a chunk's manifest, or else with its file and its summary."""
    claim, file = chunks / f"{chunk}.json", chunks / f"{chunk}.nc"
    try:
        manifest = read_manifest(claim)
        fault = _manifest_fault(manifest, chunk, rows)
    except PsstError as error:
        yield str(error)
        return
    except (LookupError, TypeError, ValueError) as error:
        fault = f"is no manifest ({type(error).__name__}: {error})"
    if fault is not None:
        yield f"{claim}: {fault}"
        return
    for path, values_fault in ((file, _chunk_fault), (chunks / summary_name(chunk, analysis), _summary_fault)):
        if (fault := _file_fault(path)) is None:
            with read(path) as data:
                fault = values_fault(data, manifest)
        if fault is not None:
            yield f"{path}: {fault}"


def _manifest_fault(manifest: Manifest, chunk: str, rows: pd.DataFrame) -> str | None:
    """Whether a manifest is the one that was claimed, of runs whose ids are what they compute."""
    if not manifest["chunk"] == chunk == chunk_digest(manifest):
        return "edited, its digest is not its name"
    if manifest["code"] != code_digest(deciding_modules(manifest["config"])):
        return "of other code than is here now; start the sweep again, or check out the code that made it"
    runs, identity = _runs(manifest), Identity(manifest["config"])
    for run in runs:
        quick = run["values"].keys() <= identity.keys - manifest["files"].keys()
        own, values = (identity, run["values"]) if quick else (Identity(put(manifest["config"], run["values"])), {})
        if own.run_id(values, run["network"], run["trial"]) != run["id"]:
            return f"edited, run {run['id']} is not what its configuration computes"
    for position, run in zip(rows["position"].astype(int), rows["run_id"], strict=True):
        if position >= len(runs) or runs[position]["id"] != run:
            return f"holds no run {run} at position {position}, where the plan has it"
    return None


def _file_fault(path: Path) -> str | None:
    """Whether a NetCDF file is there, whole, ours, and as it was written."""
    if not path.exists():
        return "missing; start the sweep again"
    try:
        with netCDF4.Dataset(path) as file:
            written = getattr(file, "checksum", None)
        if written is None:
            return "foreign or damaged, it has no checksum of ours"
        return None if checksum(path) == written else "changed since it was written, its checksum is another"
    except (OSError, RuntimeError) as error:
        return f"damaged, it cannot be read ({error})"


def _chunk_fault(data: xr.Dataset, manifest: Manifest) -> str | None:
    """Whether a chunk's file is that of its manifest, with results where the status is ok."""
    if data.attrs["chunk"] != manifest["chunk"]:
        return f"is that of chunk {data.attrs['chunk']}, under another name"
    if data["run_id"].values.tolist() != [run["id"] for run in _runs(manifest)]:
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
    """Whether a summary is that of its chunk, with measures where the status is ok or a mark that they mean nothing."""
    if data["run_id"].values.tolist() != [run["id"] for run in _runs(manifest)]:
        return "holds other runs than its chunk's manifest"
    return unexplained(data)


def unexplained(data: xr.Dataset) -> str | None:
    """The first measure that is missing without a status or a mark that says why, or is there in spite of one."""
    ok = (data["status"] == STATUS["ok"]).broadcast_like(data["undefined"]).transpose(*data["undefined"].dims)
    for measure, mask in zip(MEASURES, data["undefined"].attrs["flag_masks"], strict=True):
        explained = ~ok.values | ((data["undefined"].values & mask) != 0)
        if (np.isnan(data[measure].transpose(*data["undefined"].dims).values) != explained).any():
            return f"{measure} is missing where no status or mark says why, or is there in spite of one"
    return None


def _cube_faults(path: Path, again: xr.Dataset) -> Iterator[str]:
    """Whether the cube is what its summaries make."""
    if (fault := _file_fault(path)) is not None:
        yield f"{path}: {fault}"
        return
    with read(path) as cube_there:
        if (fault := unexplained(cube_there)) is not None:
            yield f"{path}: {fault}"
        if not cube_there.drop_attrs().equals(again.drop_attrs()):
            yield f"{path}: stale, gathered from other summaries than those that are here; start the sweep again"


def _runs(manifest: Manifest) -> list[dict[str, Any]]:
    return [run for batch in manifest["batches"] for run in batch]
