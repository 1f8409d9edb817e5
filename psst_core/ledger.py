"""The ledger of a results folder: which chunk holds, or is claimed to hold, which run.

A claim is a chunk's manifest (`results/chunks/<chunk>.json`), all that its job reads. It is never changed once the
chunk is made. A run is found in a finished chunk first, else in a claim that is wanted as a whole.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from psst_core.checks import data_files
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.folder import CHUNKS as CHUNKS
from psst_core.folder import COMPILED as COMPILED
from psst_core.folder import SAVED as SAVED
from psst_core.folder import Folder
from psst_core.identity import Identity
from psst_core.keys import put
from psst_core.records import AGAIN as AGAIN
from psst_core.records import read_manifest as read_manifest

OTHER_RUNS = "holds other runs than planned; delete it, its chunk and the chunk's manifest, and run again"
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
    folder = Folder(results)
    for file in folder.manifest_files():
        manifest = read_claim(file)
        keys = _keys(manifest)
        if folder.chunk_file(file.stem).exists():
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


def read_claim(path: Path) -> Manifest:
    """The manifest of a chunk, if its runs are those that its name is the digest of.

    Raises:
        PsstError: when it cannot be read, or was changed since it was written.
    """
    manifest = read_manifest(path)
    try:
        _keys(manifest)
        same = manifest["chunk"] == path.stem == chunk_digest(manifest)
    except (LookupError, TypeError, AttributeError) as error:
        raise PsstError(f"{path}: is no manifest of a chunk; move it away, or delete it, and {AGAIN}") from error
    if not same:
        raise PsstError(
            f"{path}: changed since it was written, its digest is not its name; move it away, or delete it, and {AGAIN}"
        )
    return manifest


def foreign_run(manifest: Mapping[str, Any]) -> str | None:
    """The first run of a manifest whose id is not what its configuration computes, with the files and the code then."""
    config, files, code = manifest["config"], manifest["files"], manifest["code"]
    identity = Identity(config, files, code)
    for run in (run for batch in manifest["batches"] for run in batch):
        own, values = identity, run["values"]
        if not values.keys() <= identity.keys - files.keys():
            own, values = Identity(put(config, values), files, code), {}
        if own.run_id(values, run["network"], run["trial"]) != run["id"]:
            return str(run["id"])
    return None


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
