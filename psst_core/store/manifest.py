"""The manifest of a chunk: all that its job reads."""

import itertools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from psst_core.configuration import Config
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.keys import get, put
from psst_core.store.records import AGAIN, manifest_data

CHANGED = f"changed since it was written, its digest is another; move it away, or delete it, and {AGAIN}"


@dataclass(frozen=True)
class PlannedRun:
    """A run of a chunk.

    Attributes:
        id: digest of what it computes.
        network, trial: its replicate numbers.
        values: by key, the values that take the place of the configuration's.
        traced: whether its traces are kept.
    """

    id: str
    network: int
    trial: int
    values: Mapping[str, Any]
    traced: bool


Batch = tuple[PlannedRun, ...]


@dataclass(frozen=True)
class Maker:
    """The maker of a chunk: a backend, the digest of its code, and the sort of device: cpu, gpu, or auto."""

    backend: str
    code: str
    device: str

    def __str__(self) -> str:
        return f"the backend {self.backend} on {self.device}"


@dataclass(frozen=True)
class Manifest:
    """A chunk as planned: batches of runs that share one compiled program.

    Attributes:
        config: resolved, of the first run, with the hardware of the job.
        varying: keys of the parameters in which the runs may differ.
        lanes: the number of runs in the widest batch.
        batches: the runs that are integrated together.
        code: digest of the code that decides what the runs ask for.
        maker: the backend that makes the chunk's numbers.
        files: by key and path, the SHA-256 of the input files.
        plugins: by module, the digest of its code.
        provenance: where the chunk comes from, as the plan knew it; empty in a chunk's own file.
    """

    config: Config
    varying: tuple[str, ...]
    lanes: int
    batches: tuple[Batch, ...]
    code: str
    maker: Maker
    files: Mapping[str, Mapping[str, str]]
    plugins: Mapping[str, str]
    provenance: Mapping[str, Any] = field(default_factory=dict)

    @cached_property
    def chunk(self) -> str:
        """The name of the chunk: the digest of what its job computes and keeps."""
        content = self.data()
        content["recorder"] = self.config["recorder"]
        return digest({name: content[name] for name in ("varying", "lanes", "recorder", "batches", "maker")})

    @cached_property
    def runs(self) -> list[PlannedRun]:
        """All runs, batch after batch, as they lie in the chunk's file."""
        return list(itertools.chain.from_iterable(self.batches))

    def config_of(self, run: PlannedRun) -> Config:
        return put(self.config, run.values)

    def seed_of(self, run: PlannedRun) -> int:
        return int(run.values.get("run.seed", get(self.config, "run.seed")))

    def alone(self, run: PlannedRun) -> "Manifest":
        """Return a manifest with one of the runs alone, in a batch of the same width."""
        return replace(self, batches=((run,),))

    def data(self) -> dict[str, Any]:
        """Return the manifest as plain data, as it is written."""
        return {
            "varying": list(self.varying),
            "lanes": self.lanes,
            "batches": [[dict(vars(run)) for run in batch] for batch in self.batches],
            "config": self.config,
            "code": self.code,
            "maker": dict(vars(self.maker)),
            "plugins": dict(self.plugins),
            "files": {key: dict(found) for key, found in self.files.items()},
            **({"provenance": dict(self.provenance)} if self.provenance else {}),
        }

    def text(self) -> str:
        """Return the content of the manifest's file, with a digest of all of it."""
        data = self.data()
        return json.dumps({"chunk": self.chunk, "content": digest(data)} | data, indent=1)

    def planned(self) -> dict[str, Any]:
        """Return what the chunk's file repeats: all but where the manifest comes from, and where and how it is made."""
        data = replace(self, provenance={}).data()
        data["config"] = {key: value for key, value in self.config.items() if key != "hardware"}
        return {"chunk": self.chunk} | data

    @classmethod
    def of(cls, data: Mapping[str, Any]) -> "Manifest":
        """Make a manifest from plain data that has the form of one."""
        return cls(
            config=Config(data["config"]),
            varying=tuple(data["varying"]),
            lanes=data["lanes"],
            batches=tuple(tuple(_run(run) for run in batch) for batch in data["batches"]),
            code=data["code"],
            maker=Maker(*(data["maker"][name] for name in ("backend", "code", "device"))),
            files=data["files"],
            plugins=data["plugins"],
            provenance=data.get("provenance", {}),
        )


def _run(data: Mapping[str, Any]) -> PlannedRun:
    return PlannedRun(*(data[name] for name in ("id", "network", "trial", "values", "traced")))


def total(batches: Sequence[Batch]) -> int:
    """Count the runs in some batches."""
    return sum(map(len, batches))


def read_manifest(path: Path) -> Manifest:
    """Read the manifest of a chunk. Its name is not checked.

    Raises:
        PsstError: when it cannot be read, has not the form of one, or was changed since it was written.
    """
    try:
        data = manifest_data(path)
        manifest = Manifest.of(data)
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        if isinstance(error, PsstError):
            raise
        raise PsstError(f"{path}: is no manifest of a chunk; move it away, or delete it, and {AGAIN}") from error
    if digest(manifest.data()) != data["content"]:
        raise PsstError(f"{path}: {CHANGED}")
    return manifest


def read_claim(path: Path) -> Manifest:
    """Read the manifest of a chunk, and check that its name is the digest of its runs and of how they are made.

    Raises:
        PsstError: when it cannot be read, has not the form of one, or was changed since it was written.
    """
    manifest = read_manifest(path)
    if path.stem != manifest.chunk:
        raise PsstError(f"{path}: {CHANGED}")
    return manifest
