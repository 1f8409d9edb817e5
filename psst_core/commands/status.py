"""The progress of a sweep, from the files that its jobs write."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import netCDF4
import numpy as np

from psst_core.attributes import STATUS
from psst_core.job.slurm import endings
from psst_core.plan.cost import fit
from psst_core.plan.machine import Machine, schedule
from psst_core.registry import NeedsPluginError
from psst_core.store.folder import STATES, Folder
from psst_core.store.manifest import Manifest, read_manifest
from psst_core.store.records import table_of


@dataclass(frozen=True)
class Status:
    """The state of a sweep at a moment.

    Attributes:
        runs: the number of runs, by the state of their chunk.
        diverged: the number of finished runs that have diverged.
        jobs: the last log line of each chunk that is running, failed or interrupted.
        endings: how Slurm jobs ended that did not end well, by chunk.
        seconds_left: the expected time until the end with so many jobs at once; None when all is there. NaN if it
            depends on plugins, which are not imported.
        error: the median relative error of a job's expected time; None if it is not known.
    """

    runs: dict[str, int]
    diverged: int
    jobs: dict[str, str]
    endings: dict[str, list[str]]
    seconds_left: float | None
    error: float | None


def status(results: Path, name: str) -> Status:
    """Count the runs that are finished, running, failed, interrupted or waiting."""
    folder = Folder(results)
    records = folder.records(plan := folder.planned(name))
    chunks: dict[str, int] = {}
    for ending in (ending for ending in records if ending.endswith("csv")):
        places = table_of(records[ending], folder.record_file(plan, ending)).drop_duplicates(["chunk", "position"])
        for chunk, count in places["chunk"].value_counts().items():
            chunks[str(chunk)] = chunks.get(str(chunk), 0) + int(count)
    states = {chunk: folder.state(chunk) for chunk in chunks}
    runs = dict.fromkeys(STATES, 0)
    for chunk, (state, _) in states.items():
        runs[state] += chunks[chunk]
    left = {
        chunk: read_manifest(folder.manifest_file(chunk)) for chunk, (state, _) in states.items() if state != "finished"
    }
    seconds, error = _expected(results, left, states)
    diverged = sum(_diverged(folder.chunk_file(chunk)) for chunk, (state, _) in states.items() if state == "finished")
    said = {chunk: line for chunk, (_, line) in states.items() if line}
    ended = {chunk: found for chunk in chunks if (found := endings(results, chunk))}
    return Status(runs, diverged, said, ended, seconds, error)


def _expected(
    results: Path, left: Mapping[str, Manifest], states: Mapping[str, tuple[str, str]]
) -> tuple[float | None, float | None]:
    """Return the seconds until all chunks that are left are made, and the median relative error for one."""
    if not left:
        return None, None
    seconds = []
    try:
        costs = fit(results, list(left.values())).judged(list(left.values()))
        for chunk, manifest in left.items():
            said = re.search(r"(\d+) s left", states[chunk][1])
            seconds.append(float(said[1]) if said and states[chunk][0] == "running" else costs.seconds(manifest))
    except NeedsPluginError:
        return math.nan, None
    hardware = next(iter(left.values())).config.hardware
    return schedule(seconds, Machine.here(results).jobs_at_once(hardware)), costs.errors["seconds"]


def _diverged(path: Path) -> int:
    """Count the runs of a finished chunk that have diverged; 0 if the file cannot be read, which an audit reports."""
    try:
        with netCDF4.Dataset(path) as file:
            return int(np.count_nonzero(file["status"][:] == STATUS["diverged"]))
    except (OSError, RuntimeError, LookupError):
        return 0
