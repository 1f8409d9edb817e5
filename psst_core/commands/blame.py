"""The origin of a run's numbers, and a test whether they come again."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from psst_core.attributes import REPLICATES, status_word
from psst_core.errors import PsstError
from psst_core.host.hardware import accelerators, processor
from psst_core.job.chunk import simulate_chunk
from psst_core.logs import Report
from psst_core.measures.recordings import TRACE
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import read
from psst_core.store.manifest import Manifest, PlannedRun, read_claim

PROVENANCE = (
    "git_commit",
    "git_dirty",
    "versions",
    "host",
    "partition",
    "gpus",
    "hardware",
    "processor",
    "accelerator",
    "driver",
    "xla_flags",
    "job_id",
    "created",
    "job_seconds",
)
SAME = ("processor", "accelerator", "driver", "xla_flags", "versions")  # if all of these agree, so do the bits
EARLY = 50.0  # ms; small differences have not grown by then
TOLERANCE = {"float64": 1e-6, "float32": 1e-2}  # mV, or the unit of a plain system


def find(sweep: Results, words: Sequence[str]) -> dict[str, Any]:
    """Return the first planned run at a point, and how many runs there are.

    Args:
        words: `key=value`, by the axis's key or name, `network`, `trial`, `run` or `run_id`.
    """
    rows = sweep.select(**sweep.point(words))
    return {str(key): value for key, value in rows.iloc[0].items()} | {"runs_there": len(rows)}


def blame(sweep: Results, row: Mapping[str, Any]) -> dict[str, Any]:
    """Return all that is known of a run: its point, code, job, seed and configuration."""
    manifest, planned = _planned(sweep, row)
    file = _finished(sweep, row)
    with read(file) as chunk:
        position = int(row["position"])
        job = {name: _plain(chunk.attrs[name]) for name in PROVENANCE if name in chunk.attrs}
        found = {
            "run_id": planned.id,
            "point": {name: _plain(row[name]) for name in (*sweep.axes, *REPLICATES)},
            "status": status_word(chunk["status"][position]),
            "wall_time_s": round(float(chunk["wall_time"][position]), 3),
            "seed": int(chunk["seed"][position]),
            "chunk": str(file),
            "position": position,
            "code_digest": manifest.code,
        }
    return found | {"job": job, "configuration": dict(manifest.config_of(planned))}


def reproduce(sweep: Results, row: Mapping[str, Any], report: Report) -> str:
    """Make a run again, alone in a batch of the same width, and compare everything that was kept of it.

    On the same kind of processor, with the same flags and versions, every bit must agree. Elsewhere, each population's
    mean potential in the first 50 ms must agree to 1e-6 mV in double and 1e-2 mV in single precision.

    Returns:
        A sentence that says what agrees.

    Raises:
        PsstError: when something does not agree, or the code is not the one that made the run.
    """
    manifest, planned = _planned(sweep, row)
    alone = manifest.alone(planned)
    with sweep.home.scratch() as folder:
        target = folder / sweep.home.chunk_file(alone.chunk).name
        simulate_chunk(alone, target, report)
        with read(target) as again, read(_finished(sweep, row)) as first:
            one, other = _kept(first, int(row["position"])), _kept(again, 0)
            same = all(first.attrs.get(name) == again.attrs.get(name) for name in SAME)
            interval = float(first["time"][1] - first["time"][0]) if first.sizes["time"] > 1 else EARLY
    if same:
        differing = [name for name, values in one.items() if not _equal(values, other[name])]
        if differing:
            raise PsstError(f"run {planned.id}: made again it differs in {', '.join(differing)}")
        return f"run {planned.id}: made again, every bit agrees ({', '.join(one)})"
    early = slice(0, max(1, round(EARLY / interval)))
    difference = float(np.nanmax(np.abs(one["mean_potential"][:, early] - other["mean_potential"][:, early])))
    tolerance = TOLERANCE[manifest.config.solver.precision]
    here = accelerators().get("accelerator") or processor()
    text = f"on {here}, not what made it, the mean potential of the first {EARLY:g} ms differs by {difference:.3g}"
    if not difference <= tolerance:
        raise PsstError(f"run {planned.id}: {text}, more than {tolerance:g}")
    return f"run {planned.id}: {text}, within {tolerance:g}"


def _planned(sweep: Results, row: Mapping[str, Any]) -> tuple[Manifest, PlannedRun]:
    """Return the manifest of a run's chunk, and the run's entry in it."""
    manifest = read_claim(sweep.home.manifest_file(row["chunk"]))
    return manifest, manifest.runs[int(row["position"])]


def _finished(sweep: Results, row: Mapping[str, Any]) -> Path:
    file = sweep.home.chunk_file(row["chunk"])
    if not file.exists():
        raise PsstError(f"run {row['run_id']}: no result yet; the job of chunk {row['chunk']} has not finished")
    return file


def _kept(chunk: xr.Dataset, position: int) -> dict[str, Any]:
    """Return everything that a chunk's file holds of a run, except the time of its job."""
    mine = chunk["spike_run"].values == position
    kept = {name: chunk[name].values[mine] for name in ("spike_time", "spike_cell")}
    for name in ("status", "diverged_time", "potential_mean", "potential_variance", "mean_potential"):
        kept[name] = chunk[name].values[position]
    if "traced_run" in chunk and position in chunk["traced_run"].values:
        row = chunk["traced_run"].values.tolist().index(position)
        kept |= {str(n): chunk[n].values[row] for n in chunk.data_vars if str(n).startswith(TRACE)}
    return kept


def _equal(one: object, other: object) -> bool:
    return np.asarray(one).tobytes() == np.asarray(other).tobytes()


def _plain(value: object) -> Any:
    return value.item() if isinstance(value, np.generic) else value
