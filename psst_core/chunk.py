"""A simulate job: from a chunk's manifest to its file."""

import contextlib
import json
import os
import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from psst_core import plugins, tf
from psst_core.checkpoint import Checkpoint, State
from psst_core.checks import data_files
from psst_core.compiled import Programs
from psst_core.dataset import STATUS, Array, ChunkFile, atomic_netcdf, stored
from psst_core.devices import Round, at_once, device_names, program_of, runs_of
from psst_core.digest import code_digest
from psst_core.errors import PsstError
from psst_core.files import remove_leftovers
from psst_core.hardware import accelerators, peak_memory, prepare, process_seconds, processor
from psst_core.identity import deciding_modules
from psst_core.keys import Config
from psst_core.ledger import AGAIN, CHUNKS, COMPILED, SAVED, foreign_run
from psst_core.logs import Report
from psst_core.provenance import CONVENTIONS, job
from psst_core.returned import uncompilable
from psst_core.simulate import Program, Segment, step_count
from psst_core.team import Team, connect

REPORT_SECONDS = 5.0


def simulate_chunk(
    manifest: Mapping[str, Any], target: Path, report: Report, alone: bool = True, began: float | None = None
) -> None:
    """Integrate a chunk's batches and write its file, the one while the other goes on.

    A job that was stopped goes on from its saved state.

    Args:
        manifest: as planned.
        target: the NetCDF file; it appears when everything is in it.
        report: takes a line of progress every five seconds.
        alone: whether this process is the whole job, and not one of its workers, of which the first one writes.
        began: when the job did, on the clock of `time.perf_counter`; by default when this process did.

    Raises:
        SystemExit: when SIGTERM or SIGINT asked for it.
    """
    began = time.perf_counter() - process_seconds() if began is None else began
    plugins.load()
    _check_unchanged(manifest)
    results = target.parent.parent
    programs, saved = Programs(results / COMPILED), results / SAVED / f"{manifest['chunk']}.zip"
    hardware, runs = manifest["config"]["hardware"], sum(map(len, manifest["batches"]))
    devices = prepare(hardware, programs, *([] if alone else [connect]))
    team = None if alone else Team(devices)
    if team and team.rank:
        return team.follow(manifest, saved)
    for file in (target, saved):
        remove_leftovers(file)
    checkpoint = Checkpoint(saved, manifest, report)
    with (
        team.leading() if team else contextlib.nullcontext(),
        checkpoint.listening(),
        atomic_netcdf(target, {"run": runs}) as beside,
    ):
        write_chunk(manifest, beside, report, checkpoint, began, team, programs)
    programs.seal()
    checkpoint.remove()


def write_chunk(
    manifest: Mapping[str, Any],
    path: Path,
    report: Report,
    checkpoint: Checkpoint | None = None,
    began: float | None = None,
    team: Team | None = None,
    programs: Programs | None = None,
) -> None:
    """The same, where TensorFlow is ready and `path` may hold half a file.

    Args:
        checkpoint: where to go on from, and to save to; None always begins anew and saves nothing.
        began: when the job did, on the clock of `time.perf_counter`; now, where nothing came before.
        team: of the job's workers, which this one leads; None where it is alone.
        programs: compiled ones that are shared with other jobs.
    """
    began = time.perf_counter() if began is None else began
    config, batches = manifest["config"], manifest["batches"]
    program, side_by_side = program_of(manifest), at_once(config["hardware"])
    dt, duration = config["run"]["dt"], config["run"]["duration"]
    end, per_sample = step_count(duration, dt), program.steps_per_sample
    state = checkpoint.restore(path) if checkpoint else None
    file = ChunkFile.resume(path) if state else _new_file(path, manifest, program)
    planned = dict(manifest, config=dict(config))
    origin, hardware = planned.pop("provenance", {}), planned["config"].pop("hardware")
    file.describe(
        CONVENTIONS
        | {"title": "PSST chunk", "chunk": manifest["chunk"]}
        | {"manifest": json.dumps(planned), "hardware": json.dumps(hardware)}
        | job(origin)
        | {"xla_flags": os.environ.get("XLA_FLAGS", "")}
    )
    begun, step = (state.batch, state.step) if state else (0, 0)
    done = begun * duration + len(batches[begun : begun + side_by_side]) * step * dt
    first, compiling = sum(map(len, batches[:begun])), 0.0
    progress = _Progress(manifest, done, len(batches) * duration, report)
    starting = time.perf_counter() - began
    began -= state.seconds if state else 0.0
    with contextlib.closing(file), ThreadPoolExecutor(max_workers=1) as writer:
        writing: Future[None] = writer.submit(lambda: None)
        for number in range(begun, len(batches), side_by_side):
            started = time.perf_counter()
            together = range(number, min(number + side_by_side, len(batches)))
            runs = [run for i in together for run in batches[i]]
            if team:
                integration: Round = team.lead(program, manifest, number)
            else:
                integration = Round(program, runs_of(manifest, together), device_names(hardware))
            if not compiling:
                compiling = _compile(integration, config)
                if programs:
                    programs.seal()
            diverged = np.full(len(runs), np.nan)
            if state:
                integration.resume(state.step, state.carry)
                diverged, started, state = state.diverged, started - state.batch_seconds, None
            for segment in integration.segments(end):
                writing.result()
                writing = writer.submit(_write_segment, file, segment, first, per_sample, dt, diverged)
                progress.advance(segment.steps * dt * len(together))
                if checkpoint and checkpoint.due():
                    writing.result()
                    now = time.perf_counter()
                    seconds = now - began - starting - compiling, now - started
                    with file.closed():
                        checkpoint.save(path, State.of(integration, number, *seconds, diverged))
            writing.result()
            finite, moments = integration.ending()
            diverged = np.where(~finite & np.isnan(diverged), duration, diverged)
            mean, square = (np.concatenate([m[i] for m in moments.values()]).T for i in (0, 1))
            ok = np.isnan(diverged)[:, None]
            file.write_runs(
                first,
                {
                    "run_id": np.array([run["id"] for run in runs]),
                    "network": np.array([run["network"] for run in runs]),
                    "trial": np.array([run["trial"] for run in runs]),
                    "seed": np.array([run["values"].get("run.seed", config["run"]["seed"]) for run in runs]),
                    "status": np.where(np.isnan(diverged), STATUS["ok"], STATUS["diverged"]),
                    "diverged_time": diverged,
                    "potential_mean": np.where(ok, mean, np.nan),
                    "potential_variance": np.subtract(square, mean**2, out=np.full_like(mean, np.nan), where=ok),
                    "wall_time": np.full(len(runs), (time.perf_counter() - started) / len(runs)),
                },
            )
            first += len(runs)
        if side_by_side > 1:
            file.order_spikes(np.repeat(np.arange(len(batches)), [len(batch) for batch in batches]))
        file.describe(
            {
                "job_seconds": time.perf_counter() - began,
                "start_seconds": starting,
                "compile_seconds": compiling,
                "peak_memory": peak_memory(),
                "processor": processor(),
            }
            | accelerators()
        )


def _new_file(path: Path, manifest: Mapping[str, Any], program: Program) -> ChunkFile:
    runs = [run for batch in manifest["batches"] for run in batch]
    run, recorder = manifest["config"]["run"], manifest["config"]["recorder"]
    samples = step_count(run["duration"], run["dt"]) // program.steps_per_sample
    return ChunkFile(
        path,
        len(runs),
        program.network.sizes,
        np.round(np.arange(samples) * recorder["interval"], 9),
        {key: cells for key, (_, _, cells) in program.traced.items()},
        [i for i, run in enumerate(runs) if run["traced"]],
        recorder["precision"],
        (manifest["lanes"], program.samples_per_segment),
        {},
        plain=any(population.system is not None for population in program.network.populations.values()),
    )


def _compile(integration: Round, config: Config) -> float:
    """How long the program takes to be compiled, or to be read where it was before, s.

    Raises:
        PsstError: where a plug-in uses what cannot be compiled.
    """
    started = time.perf_counter()
    try:
        integration.compile()
    except tf.errors.InvalidArgumentError as error:
        modules = (name.removeprefix("psst_core.") for name in deciding_modules(config))
        own = [name for name in modules if name.startswith("plugins.")]
        raise uncompilable(error, own) or error from error
    return time.perf_counter() - started


def _write_segment(file: ChunkFile, segment: Segment, first: int, per_sample: int, dt: float, diverged: Array) -> None:
    """Write a segment of the batches that begin at run `first`; note in `diverged` when a run stopped being finite."""
    broken = np.logical_or.reduce(np.isnan(stored(segment.mean_potential)))
    when = (segment.first_step + broken.argmax(axis=1) * per_sample) * dt
    diverged[:] = np.where(broken.any(axis=1) & np.isnan(diverged), when, diverged)
    file.write_samples(first, segment.first_step // per_sample, segment.mean_potential, segment.traces)
    times = np.round((segment.spike_step + 1) * dt, 9)
    file.write_spikes(times, segment.spike_cell, segment.spike_run + first)


class _Progress:
    """A line every five seconds: how far the chunk is and how long it will take."""

    def __init__(self, manifest: Mapping[str, Any], done: float, total: float, report: Report) -> None:
        config = manifest["config"]
        count = sum(len(batch) for batch in manifest["batches"])
        self.title = (
            f"chunk {manifest['chunk'][:6]} ({config['network']['size']} cells x {count} runs, "
            f"{config['solver']['name']} {config['solver']['precision']})"
        )
        self.total, self.done, self.report = total, done, report
        self.started = self.last = time.perf_counter()
        self.compiled: float | None = None

    def advance(self, milliseconds: float) -> None:
        """Count simulated time; the first segment, with its compilation, does not enter the forecast."""
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


def _check_unchanged(manifest: Mapping[str, Any]) -> None:
    """Raise when the code that decides the numbers, a file that the runs read, or a run is not what was planned."""
    if code_digest(deciding_modules(manifest["config"])) != manifest["code"]:
        raise PsstError(
            "the code of PSST or of a plugin has changed since the sweep was planned; start the sweep again"
        )
    present = data_files(manifest["config"], [run["values"] for batch in manifest["batches"] for run in batch])
    for key, found in present.items():
        for path, content in found.items():
            if content != manifest["files"].get(key, {}).get(path):
                raise PsstError(
                    f"{key}={path}: the file has changed since the sweep was planned; start the sweep again"
                )
    if (run := foreign_run(manifest)) is not None:
        raise PsstError(
            f"{CHUNKS}/{manifest['chunk']}.json: changed since it was written, run {run} is not what its configuration "
            f"computes; delete it and {AGAIN}"
        )
