"""The ledger of a results folder: which chunk holds, or is claimed to hold, which run.

A claim is a chunk's manifest (`results/chunks/<chunk>.json`), all that its job reads. It is never changed once the
chunk is made. A run is found in a finished chunk first, else in a claim that is wanted as a whole.
"""

import errno
import fcntl
import json
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
from psst_core.files import unwritable
from psst_core.logs import STOPPED

CHUNKS, PLANS, LOGS, COMPILED, SAVED = "chunks", "plans", "logs", "compiled", "saved"
FOLDERS = (CHUNKS, PLANS, LOGS, COMPILED, SAVED, "benchmark", "references", "machine.json")
PLANNED, LOCK = "planned", ".lock"
STATES = ("finished", "running", "failed", "interrupted", "waiting")
SILENT = 60.0  # seconds after which a job that says nothing is taken for dead

UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # some network disks have no locks; Snakemake's own remains

HEX = "[0-9a-f]" * 16
CONTENT = ("varying", "lanes", "recorder", "batches")

Manifest = dict[str, Any]
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


def chunk_digest(manifest: Mapping[str, Any]) -> str:
    """The name of a chunk, from what its job computes and keeps."""
    return digest({name: manifest[name] for name in CONTENT})


def reuse(
    results: Path, wanted: Collection[Key], hardware: Mapping[str, Any]
) -> tuple[dict[Key, Place], dict[str, Manifest]]:
    """The places of wanted runs that need no new claim, and the manifests of their chunks.

    Args:
        wanted: the ids of runs with their recordings.
        hardware: of the sweep that wants them; an unfinished claim for another one is not kept.
    """
    places: dict[Key, Place] = {}
    manifests: dict[str, Manifest] = {}
    unfinished = []
    for file in sorted((results / CHUNKS).glob(f"{HEX}.json")):
        manifest = read_manifest(file)
        try:
            keys = _keys(manifest)
        except (LookupError, TypeError) as error:
            raise PsstError(f"{file}: is no manifest of a chunk; move it away, or delete it") from error
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


def read_manifest(path: Path) -> Manifest:
    """The manifest of a chunk.

    Raises:
        PsstError: when it cannot be read.
    """
    try:
        manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise PsstError(f"{path}: cannot be read: {error}; delete it and the chunk's other files") from error
    return manifest


def state(results: Path, chunk: str) -> tuple[str, str]:
    """What became of a chunk's job, one of `STATES`, with the last line that it wrote unless it is finished."""
    log = results / LOGS / "simulate" / f"{chunk}.log"
    if (results / CHUNKS / f"{chunk}.nc").exists():
        return "finished", ""
    try:
        lines, written = log.read_text(encoding="utf-8").splitlines(), log.stat().st_mtime
    except FileNotFoundError:
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
    if not file.is_file():
        known = ", ".join(sorted(other.parent.name for other in results.glob(f"*/{PLANNED}")))
        raise PsstError(f"{name}: no sweep of this name in {results}/; there are: {known or 'none'}")
    return file.read_text(encoding="utf-8").strip()


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
    kept = [recording(manifest["recorder"], traced) for traced in (False, True)]
    return [(run["id"], kept[run["traced"]]) for batch in manifest["batches"] for run in batch]


def _stands(manifest: Manifest, hardware: Mapping[str, Any]) -> bool:
    """Whether an unfinished claim can still be made as it was claimed."""
    try:
        files = data_files(manifest["config"], [run["values"] for batch in manifest["batches"] for run in batch])
    except PsstError:
        return False
    claimed = manifest["config"]["hardware"]
    wanted = dict(hardware) | ({"device": claimed["device"]} if hardware["device"] == "auto" else {})
    return bool(claimed == wanted and files == manifest["files"])
