"""The ledger of a results folder: which chunk holds, or is claimed to hold, which run.

A claim is a chunk's manifest (`results/chunks/<chunk>.json`), all that its job reads. It is never changed once the
chunk is made. A run is found in a finished chunk first, else in a claim that is wanted as a whole.
"""

import errno
import fcntl
import os
import platform
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from psst_core.checks import data_files
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.files import read_text, unwritable
from psst_core.identity import Identity
from psst_core.logs import STOPPED
from psst_core.manifest import Maker, Manifest, read_claim
from psst_core.records import AGAIN as AGAIN
from psst_core.records import ID

CHUNKS, PLANS, LOGS, COMPILED, SAVED = "chunks", "plans", "logs", "compiled", "saved"
FOLDERS = (CHUNKS, PLANS, LOGS, COMPILED, SAVED, "benchmark", "references", "machine.json")
PLANNED, LOCK, BEFORE, PARTIAL = "planned", ".lock", "before", "partial"
RECORDS = ("csv", "yaml", "twins.csv")  # the last one where runs have twins
OTHER_RUNS = "holds other runs than planned; delete it, its chunk and the chunk's manifest, and run again"
STATES = ("finished", "running", "failed", "interrupted", "waiting")
PLAN_BYTES = 1000
SILENT = 60.0  # seconds after which a job that says nothing is taken for dead

UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # some network disks have no locks; Snakemake's own remains

HEX = "[0-9a-f]" * 16
Key = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """Where a run is found: its chunk, and its position among all runs of the chunk."""

    chunk: str
    position: int


def recording(recorder: Mapping[str, Any], traced: bool) -> str:
    """What of a run is kept: runs of one id and one recording are the same in a file."""
    fields = ["interval", "window", "precision", *(("variables", "cells") if traced else ())]
    return digest({field: recorder[field] for field in fields})


def reuse(
    results: Path, wanted: Collection[Key], hardware: Mapping[str, Any], maker: Maker
) -> tuple[dict[Key, Place], dict[str, Manifest]]:
    """The places of wanted runs that need no new claim, and the manifests of their chunks.

    Args:
        wanted: the ids of runs with their recordings.
        hardware: of the sweep that wants them; an unfinished claim for another one is not kept.
        maker: that they are wanted of; what another one, or other code of its, has made does not count.
    """
    places: dict[Key, Place] = {}
    manifests: dict[str, Manifest] = {}
    unfinished = []
    for file in sorted((results / CHUNKS).glob(f"{HEX}.json")):
        manifest = read_claim(file)
        keys = _keys(manifest)
        if manifest.maker != maker:
            continue
        if file.with_suffix(".nc").exists():
            new = {key: Place(file.stem, i) for i, key in enumerate(keys) if key in wanted and key not in places}
            places |= new
            manifests |= {file.stem: manifest} if new else {}
        elif all(key in wanted for key in keys):
            unfinished.append((file.stem, manifest, keys))
    for chunk, manifest, keys in unfinished:
        if not any(key in places for key in keys) and _stands(manifest, hardware):
            places |= {key: Place(chunk, i) for i, key in enumerate(keys)}
            manifests[chunk] = manifest
    return places, manifests


def foreign_run(manifest: Manifest) -> str | None:
    """The first run of a manifest whose id is not what its configuration computes, with the files and the code then."""
    identity = Identity(manifest.config, manifest.files, manifest.code)
    for run in manifest.runs:
        own, values = identity, run.values
        if not values.keys() <= identity.keys - manifest.files.keys():
            own, values = Identity(manifest.config_of(run), manifest.files, manifest.code), {}
        if own.run_id(values, run.network, run.trial) != run.id:
            return run.id
    return None


def state(results: Path, chunk: str) -> tuple[str, str]:
    """What became of a chunk's job, one of `STATES`, with the last line that it wrote unless it is finished."""
    log = results / LOGS / "simulate" / f"{chunk}.log"
    if (results / CHUNKS / f"{chunk}.nc").exists():
        return "finished", ""
    try:
        lines, written = read_text(log).splitlines(), log.stat().st_mtime
    except (OSError, PsstError):
        return "waiting", ""
    last = lines[-1] if lines else ""
    if any(line.startswith("Traceback") for line in lines):
        return "failed", last
    stopped = STOPPED in last or time.time() - written >= SILENT
    return "interrupted" if stopped else "running", last


def planned(results: Path, name: str) -> str:
    """The digest of the plan that a sweep was last claimed by.

    Raises:
        PsstError: when no sweep of that name was.
    """
    file = results / name / PLANNED
    if not file.exists():
        known = ", ".join(sorted(other.parent.name for other in results.glob(f"*/{PLANNED}")))
        raise PsstError(
            f"{name}: no sweep of this name in {results}/; there are: {known or 'none'}; where {file} "
            f"was deleted, {AGAIN}"
        )
    plan = read_text(file, PLAN_BYTES, AGAIN).strip()
    if not ID.fullmatch(plan):
        raise PsstError(f"{file}: is not as it was written, it names no plan; {AGAIN}")
    return plan


def records_digest(records: Mapping[str, str]) -> str:
    """The digest of a plan, by the texts that stay of it."""
    return digest(dict(records))


def read_records(results: Path, plan: str) -> dict[str, str]:
    """By their ending, the texts that stay of a plan, as they were written.

    Raises:
        PsstError: when one is missing, or was changed.
    """
    found = {ending: text for ending in RECORDS if (text := _text(results / PLANS / f"{plan}.{ending}")) is not None}
    for ending in RECORDS[:2]:
        if ending not in found:
            raise PsstError(f"{results / PLANS / plan}.{ending}: is missing; {AGAIN}")
    if records_digest(found) != plan:
        raise PsstError(
            f"{results / PLANS / plan}.*: changed since they were written, their digest is not their name; {AGAIN}, "
            "which writes them anew"
        )
    return found


def home(folder: Path) -> Path:
    """The results folder that a sweep's folder lies in: `NAME`, `NAME/before/DIGEST`, or their `partial/`."""
    above = list(folder.absolute().parents)
    return next((parent for parent in above[:4] if (parent / CHUNKS).is_dir() or (parent / PLANS).is_dir()), above[0])


def _text(file: Path) -> str | None:
    return read_text(file, remedy=AGAIN) if file.exists() or file.is_symlink() else None


def snapshot(results: Path) -> frozenset[str]:
    """The files of claims and of finished chunks."""
    names = (file.name for file in (results / CHUNKS).glob("*.*"))
    return frozenset(name for name in names if name.count(".") == 1)


def lock(results: Path) -> IO[str]:
    """Keep others from claiming and cleaning in this folder, until the file is closed or the process ends.

    On a disk that has no locks nobody is kept out.

    Raises:
        PsstError: when another process has it, or it cannot be written.
    """
    try:
        results.mkdir(parents=True, exist_ok=True)
        file = open(results / LOCK, "a+", encoding="utf-8")  # noqa: SIM115  (held open by the caller)
    except OSError as error:
        raise unwritable(results / LOCK, error) from error
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        with file:
            file.seek(0)
            owner = file.read().strip() or "another process"
        raise PsstError(f"{results}: is in use by {owner}; wait until that has ended") from None
    except OSError as error:
        if error.errno not in UNKNOWN:
            file.close()
            raise unwritable(results / LOCK, error) from error
    file.truncate(0)
    file.write(f"process {os.getpid()} on {platform.node()}")
    file.flush()
    return file


def _keys(manifest: Manifest) -> list[Key]:
    kept = [recording(manifest.config["recorder"], traced) for traced in (False, True)]
    return [(run.id, kept[run.traced]) for run in manifest.runs]


def _stands(manifest: Manifest, hardware: Mapping[str, Any]) -> bool:
    """Whether an unfinished claim can still be made as it was claimed."""
    try:
        files = data_files(manifest.config, [run.values for run in manifest.runs])
    except PsstError:
        return False
    claimed = manifest.config["hardware"]
    wanted = dict(hardware) | ({"device": claimed["device"]} if hardware["device"] == "auto" else {})
    return bool(claimed == wanted and files == manifest.files)
