"""A simulate job, which makes a chunk's file from its manifest."""

import contextlib
import json
import os
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from psst_core import plugins
from psst_core.arrays import Array
from psst_core.attributes import STATUS
from psst_core.config.checks import data_files
from psst_core.digest import code_digest
from psst_core.errors import PsstError
from psst_core.files import remove_leftovers
from psst_core.host.compiled import Programs
from psst_core.host.flags import users_flags
from psst_core.host.hardware import accelerators, peak_memory, prepare, process_seconds, processor
from psst_core.integrate.backend import Backend, Round, Segment
from psst_core.integrate.recording import moments, note_divergence, sample_times, spike_times
from psst_core.job.batches import backend_for, runs_of
from psst_core.job.checkpoint import Checkpoint, State
from psst_core.job.team import Team, connect
from psst_core.logs import Report
from psst_core.plan.ledger import foreign_run
from psst_core.store.chunk_file import ChunkFile
from psst_core.store.dataset import atomic_netcdf
from psst_core.store.folder import Folder
from psst_core.store.manifest import Manifest, PlannedRun, total
from psst_core.store.provenance import CONVENTIONS, job
from psst_core.store.records import AGAIN
from psst_core.sweep.identity import deciding_modules, maker

REPORT_SECONDS = 5.0


def simulate_chunk(
    manifest: Manifest, target: Path, report: Report, alone: bool = True, began: float | None = None
) -> None:
    """Integrate a chunk's batches and write its file; a segment is written while the next one is integrated.

    A job that was stopped goes on from its saved state.

    Args:
        manifest: the chunk's manifest, as planned.
        target: the NetCDF file; it appears when everything is in it.
        report: takes a line of progress every five seconds.
        alone: whether this process is the whole job; if not, it is one of several workers, of which the first one
            writes.
        began: when the job began, on the clock of `time.perf_counter`; None stands for the start of this process.

    Raises:
        SystemExit: when SIGTERM or SIGINT asked for it.
    """
    began = time.perf_counter() - process_seconds() if began is None else began
    plugins.load()
    folder = Folder.of_chunk(target)
    _check_unchanged(manifest, folder.manifest_file(manifest.chunk))
    programs, saved = Programs(folder.compiled), folder.saved_state(manifest.chunk)
    devices = prepare(manifest.config.hardware, programs, *([] if alone else [connect]))
    team = None if alone else Team(devices)
    if team and team.rank:
        return team.follow(manifest, saved)
    for file in (target, saved):
        remove_leftovers(file)
    checkpoint = Checkpoint(saved, manifest, report)
    with (
        team.leading() if team else contextlib.nullcontext(),
        checkpoint.listening(),
        atomic_netcdf(target, {"run": len(manifest.runs)}) as beside,
    ):
        write_chunk(manifest, beside, report, checkpoint, began, team, programs)
    programs.seal()
    checkpoint.remove()


def write_chunk(
    manifest: Manifest,
    path: Path,
    report: Report,
    checkpoint: Checkpoint | None = None,
    began: float | None = None,
    team: Team | None = None,
    programs: Programs | None = None,
) -> None:
    """Integrate a chunk's batches once TensorFlow is ready, and write them to `path`, which may hold half a file.

    Args:
        checkpoint: holds the state to go on from, and takes states; None always begins anew and saves nothing.
        began: when the job began, on the clock of `time.perf_counter`; None stands for now.
        team: the job's workers, which this one leads; None for a single worker.
        programs: compiled programs that are shared with other jobs.
    """
    began = time.perf_counter() if began is None else began
    backend = backend_for(manifest)
    state = checkpoint.restore(path) if checkpoint else None
    file = ChunkFile.resume(path) if state else _new_file(path, manifest, backend)
    file.describe(_origin(manifest))
    with contextlib.closing(file), ThreadPoolExecutor(max_workers=1) as writer:
        made = _Writing(manifest, backend, file, writer, report, checkpoint, began)
        made.goes_on_from(state)
        for number in made.rounds():
            if team:
                integration = team.lead(backend, manifest, number)
            else:
                integration = backend.begin(runs_of(manifest, made.together(number)))
            made.integrate(number, integration, state)
            state = None
            if programs:
                programs.seal()
        made.end()


@dataclass
class _Writing:
    """A chunk while it is made: its file, its clock, and the records of each round of batches.

    Attributes:
        began: when the job began, less the time of earlier parts of it, on the clock of `time.perf_counter`.
        starting, compiling: seconds before the first round, and for its program.
        first: the first run of the round, counted in the chunk.
        begun: the first batch that this process integrates.
    """

    manifest: Manifest
    backend: Backend
    file: ChunkFile
    writer: ThreadPoolExecutor
    report: Report
    checkpoint: Checkpoint | None
    began: float
    starting: float = 0.0
    compiling: float = 0.0
    first: int = 0
    begun: int = 0

    def __post_init__(self) -> None:
        run, hardware = self.manifest.config.run, self.manifest.config.hardware
        self.dt, self.duration = run.dt, run.duration
        self.side_by_side = hardware.side_by_side
        self.writing: Future[None] = self.writer.submit(lambda: None)

    def goes_on_from(self, state: State | None) -> None:
        """Begin at a saved state, or at the first batch."""
        batches, step = self.manifest.batches, state.step if state else 0
        self.begun = state.batch if state else 0
        self.first = total(batches[: self.begun])
        done = self.begun * self.duration + len(self.together(self.begun)) * step * self.dt
        self.progress = _Progress(self.manifest, done, len(batches) * self.duration, self.report)
        self.starting = time.perf_counter() - self.began
        self.began -= state.seconds if state else 0.0

    def rounds(self) -> Iterator[int]:
        """Yield the first batch of each round that is still to be made."""
        yield from range(self.begun, len(self.manifest.batches), self.side_by_side)

    def together(self, number: int) -> range:
        """Return the batches of the round that begins with batch `number`."""
        return range(number, min(number + self.side_by_side, len(self.manifest.batches)))

    def integrate(self, number: int, integration: Round, state: State | None) -> None:
        """Integrate a round of batches to its end and write it; start from a saved state if there is one."""
        started = time.perf_counter()
        if not self.compiling:
            compiling = time.perf_counter()
            integration.compile()
            self.compiling = time.perf_counter() - compiling
        together = self.together(number)
        runs = [run for batch in together for run in self.manifest.batches[batch]]
        diverged = np.full(len(runs), np.nan)
        if state:
            integration.restore(state.step, state.arrays)
            diverged, started = state.diverged, started - state.batch_seconds
        end = self.manifest.config.run.steps(self.duration)
        while integration.step < end:
            segment = integration.advance(end)
            self.writing.result()
            self.writing = self.writer.submit(self._write_segment, segment, diverged)
            self.progress.advance(segment.steps * self.dt * len(together))
            self._save(number, integration, started, diverged)
        self.writing.result()
        self._write_runs(runs, integration, diverged, started)
        self.first += len(runs)

    def end(self) -> None:
        """Put the spikes in order, and write how long the job took."""
        if self.side_by_side > 1:
            lengths = [len(batch) for batch in self.manifest.batches]
            self.file.order_spikes(np.repeat(np.arange(len(lengths)), lengths))
        took = {
            "job_seconds": time.perf_counter() - self.began,
            "start_seconds": self.starting,
            "compile_seconds": self.compiling,
            "peak_memory": peak_memory(),
            "processor": processor(),
        }
        self.file.describe(took | accelerators())

    def _save(self, number: int, integration: Round, started: float, diverged: Array) -> None:
        """Save the state if it is due."""
        if not (self.checkpoint and self.checkpoint.due()):
            return
        self.writing.result()
        now = time.perf_counter()
        seconds = now - self.began - self.starting - self.compiling, now - started
        with self.file.closed() as path:
            self.checkpoint.save(path, State.of(integration, number, *seconds, diverged))

    def _write_segment(self, segment: Segment, diverged: Array) -> None:
        """Write a segment of the round; note in `diverged` when a run stopped being finite."""
        per_sample = self.backend.records.steps_per_sample
        note_divergence(diverged, segment, per_sample, self.dt)
        self.file.write_samples(self.first, segment.first_step // per_sample, segment.mean_potential, segment.traces)
        self.file.write_spikes(spike_times(segment, self.dt), segment.spike_cell, segment.spike_run + self.first)

    def _write_runs(self, runs: Sequence[PlannedRun], integration: Round, diverged: Array, started: float) -> None:
        """Write the variables that have one value for each run of the round."""
        ending = integration.ending()
        diverged = np.where(~ending.finite & np.isnan(diverged), self.duration, diverged)
        ok = np.isnan(diverged)
        mean, variance = moments(ending.moments, ok)
        columns: dict[str, Array] = {
            "run_id": np.array([run.id for run in runs]),
            "network": np.array([run.network for run in runs]),
            "trial": np.array([run.trial for run in runs]),
            "seed": np.array([self.manifest.seed_of(run) for run in runs]),
            "status": np.where(ok, STATUS["ok"], STATUS["diverged"]),
            "diverged_time": diverged,
            "potential_mean": mean,
            "potential_variance": variance,
            "wall_time": np.full(len(runs), (time.perf_counter() - started) / len(runs)),
        }
        self.file.write_runs(self.first, columns)


def _origin(manifest: Manifest) -> dict[str, Any]:
    """Return the global attributes with which a chunk's file begins."""
    return (
        CONVENTIONS
        | {"title": "PSST chunk", "chunk": manifest.chunk, "manifest": json.dumps(manifest.planned())}
        | {"hardware": json.dumps(manifest.config["hardware"])}
        | job(manifest.provenance)
        | {"xla_flags": os.environ.get("XLA_FLAGS", "")}
    )


def _new_file(path: Path, manifest: Manifest, backend: Backend) -> ChunkFile:
    config, records = manifest.config, backend.records
    samples = config.run.steps(config.run.duration) // records.steps_per_sample
    return ChunkFile(
        path,
        len(manifest.runs),
        records.sizes,
        sample_times(samples, config.recorder.interval),
        {key: trace.cells for key, trace in records.traced.items()},
        [position for position, run in enumerate(manifest.runs) if run.traced],
        config.recorder.precision,
        (manifest.lanes, records.samples),
        {},
        plain=any(population.equations is not None for population in config.network.populations.values()),
    )


class _Progress:
    """A line every five seconds: how far the chunk is and how long the rest will take."""

    def __init__(self, manifest: Manifest, done: float, total: float, report: Report) -> None:
        config = manifest.config
        self.title = (
            f"chunk {manifest.chunk[:6]} ({config.network.size} cells x {len(manifest.runs)} runs, "
            f"{config.solver.name} {config.solver.precision})"
        )
        self.total, self.done, self.report = total, done, report
        self.started = self.last = time.perf_counter()
        self.compiled: float | None = None

    def advance(self, milliseconds: float) -> None:
        """Add simulated time; the first segment, with its compilation, does not enter the forecast."""
        now = time.perf_counter()
        self.done += milliseconds
        if self.compiled is None:
            self.compiled, self.started = self.done, now
        if now - self.last < REPORT_SECONDS and self.done < self.total - 1e-9:
            return
        self.last = now
        rate = (now - self.started) / max(self.done - self.compiled, 1e-9)
        left = f", {rate * (self.total - self.done):.0f} s left" if self.done > self.compiled else ""
        self.report(f"{self.title}: {100 * self.done / self.total:.0f} %{left}")


def _check_unchanged(manifest: Manifest, file: Path) -> None:
    """Raise a PsstError if something has changed since the plan.

    It compares the code that decides the numbers, the files that the runs read, the XLA flags, and the runs themselves.
    """
    code = code_digest(deciding_modules(manifest.config))
    if code != manifest.code or maker(manifest.config.hardware) != manifest.maker:
        raise PsstError(
            "the code of PSST or of a plugin has changed since the sweep was planned; start the sweep again"
        )
    present = data_files(manifest.config, [run.values for run in manifest.runs])
    for key, found in present.items():
        for path, content in found.items():
            if content != manifest.files.get(key, {}).get(path):
                raise PsstError(
                    f"{key}={path}: the file has changed since the sweep was planned; start the sweep again"
                )
    planned = manifest.config.hardware.xla_flags
    if (here := users_flags(planned)) != planned:
        raise PsstError(
            f"XLA_FLAGS: gives the flags {here}, the sweep was planned with {planned or 'none'}, and flags may change "
            "every number; set it as it was, or start the sweep again"
        )
    if (run := foreign_run(manifest)) is not None:
        raise PsstError(
            f"{file}: changed since it was written, run {run} is not what its configuration "
            f"computes; delete it and {AGAIN}"
        )
