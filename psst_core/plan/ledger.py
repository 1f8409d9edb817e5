"""The ledger of a results folder: which chunk holds a run, or is claimed to hold it.

A claim is the manifest of a chunk (`results/chunks/<chunk>.json`), which is all that its job reads. It never changes
once the chunk is made. A run is looked for in finished chunks first. Then it is looked for in unfinished claims of
which every run is wanted.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from pathlib import Path

from psst_core.config.checks import data_files
from psst_core.configuration import HardwareConfig, RecorderConfig
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.store.folder import Folder
from psst_core.store.manifest import Maker, Manifest, read_claim
from psst_core.sweep.identity import Identity, maker, making_code

OTHER_RUNS = "holds other runs than planned; delete it, its chunk and the chunk's manifest, and run again"
Key = tuple[str, str]


@dataclass(frozen=True)
class Place:
    """The place of a run: its chunk, and its position among all runs of the chunk."""

    chunk: str
    position: int


def recording(recorder: RecorderConfig, traced: bool) -> str:
    """Return the digest of what is kept of a run. Runs of one id and one recording are the same in a file."""
    fields = ["interval", "window", "precision", *(("variables", "cells") if traced else ())]
    return digest({field: getattr(recorder, field) for field in fields})


def reuse(
    results: Path, wanted: Collection[Key], hardware: HardwareConfig
) -> tuple[dict[Key, Place], dict[str, Manifest]]:
    """Find the wanted runs that need no new claim.

    Args:
        wanted: the ids of runs with their recordings.
        hardware: of the sweep that wants them. An unfinished claim for other hardware does not count. A finished one
            counts where the code of its backend is today's, but with `same_maker` only if its maker is the wanted one.

    Returns:
        The places of these runs, and the manifests of their chunks.
    """
    places: dict[Key, Place] = {}
    manifests: dict[str, Manifest] = {}
    unfinished = []
    folder, here = Folder(results), maker(hardware)
    for file in folder.manifest_files():
        manifest = read_claim(file)
        keys = _keys(manifest)
        if not _counts(manifest.maker, here, hardware.same_maker):
            continue
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


def foreign_run(manifest: Manifest) -> str | None:
    """Return the id of the first run in a manifest that is not computed from the manifest; None where all are.

    The ids are computed anew from the manifest's configuration, files and code.
    """
    identity = Identity(manifest.config, manifest.files, manifest.code)
    for run in manifest.runs:
        own, values = identity, run.values
        if not values.keys() <= identity.keys - manifest.files.keys():
            own, values = Identity(manifest.config_of(run), manifest.files, manifest.code), {}
        if own.run_id(values, run.network, run.trial) != run.id:
            return run.id
    return None


def _counts(made: Maker, wanted: Maker, same_maker: bool) -> bool:
    """Return whether runs of one maker count where those of another are wanted."""
    return made == wanted if same_maker else made.code == making_code(made.backend)


def _keys(manifest: Manifest) -> list[Key]:
    kept = [recording(manifest.config.recorder, traced) for traced in (False, True)]
    return [(run.id, kept[run.traced]) for run in manifest.runs]


def _stands(manifest: Manifest, hardware: HardwareConfig) -> bool:
    """Return whether an unfinished claim can still be made exactly as it was claimed."""
    try:
        files = data_files(manifest.config, [run.values for run in manifest.runs])
    except PsstError:
        return False
    claimed = manifest.config.hardware
    wanted = replace(hardware, device=claimed.device) if hardware.device == "auto" else hardware
    return bool(claimed == wanted and files == manifest.files)
