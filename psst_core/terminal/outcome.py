"""The outcome of a sweep's runs, in the words that end it."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from psst_core.attributes import REPLICATES, STATUS, status_word
from psst_core.configuration import Config, RunConfig
from psst_core.files import from_yaml
from psst_core.job.slurm import endings
from psst_core.logs import FAILED, STOPPED
from psst_core.plan.sweep_plan import Plan, counted
from psst_core.store.dataset import read, status_counts
from psst_core.store.folder import Folder

FEW, MOST = 4, 10  # up to so many values of an axis, and failed jobs, are named one by one
RELATIVE = 0.1  # the next step or tolerance to try, relative to the one that failed


@dataclass(frozen=True)
class Failure:
    """A job that failed: its rule, its output, its log, and the last words there."""

    rule: str
    output: tuple[str, ...]
    log: Path | None
    said: str

    @property
    def stopped(self) -> bool:
        """Return whether the job was asked to end and has saved its state."""
        return self.said.startswith(STOPPED)

    @property
    def why(self) -> str:
        """Return the known reason, and the log that holds more."""
        if self.said.startswith(FAILED):
            reason = self.said.removeprefix(FAILED)
        elif self.stopped:
            reason = self.said
        elif self.said:
            reason = f"was ended from outside, as for want of memory; before that it said: {self.said}"
        else:
            reason = "said nothing in its log; what it wrote to the terminal stands above"
        more = f" (all of it: {self.log})" if self.said and self.log and self.log.exists() else ""
        return f"{reason}{more}"


def there(plan: Plan, results: Path) -> str:
    """Say how many of a sweep's runs are made."""
    made = sum(Folder(results).chunk_file(place.chunk).exists() for place in set(plan.places))
    return f"{made:,} of {counted(whole := len(set(plan.places)), 'run')} {'is' if whole == 1 else 'are'} there"


def whereabouts(plan: Plan, results: Path, start: str) -> str:
    """Say where a sweep's results lie and what became of its runs; without a cube, how many of its runs are there.

    Args:
        plan: the plan of the sweep.
        results: the results folder.
        start: the first words.
    """
    sweep = Folder(results).sweep(plan.name)
    if not sweep.cube.exists():
        return f"{start}: {there(plan, results)}"
    with read(sweep.cube) as cube:
        ok, said = (cube["status"] == STATUS["ok"]).any(), outcome(cube)
    figures = f" and {sweep.figures}/" if sweep.figures.is_dir() else ""
    page = f"; where they come from: {sweep.about}" if sweep.about.exists() else ""
    return f"{start if ok else 'Made, without one run to use'}: {sweep.cube}{figures}{page}\n{plan.name}: {said}"


def stopped(plan: Plan, failures: Sequence[Failure], asked: bool, results: Path) -> str:
    """Return the last message of an incomplete sweep: what is there, which jobs failed and why, and what to do.

    Args:
        plan: the plan of the sweep.
        failures: the jobs that failed.
        asked: whether the sweep was asked to stop.
        results: the results folder.
    """
    saved = [failure for failure in failures if failure.stopped] if asked else []
    # After a request to stop, a job without an error of its own was ended together with the others.
    failures = [failure for failure in failures if not asked or failure.said.startswith(FAILED)]
    lines = [_failed(plan, failure, results) for failure in failures[:MOST]]
    if len(failures) > MOST:
        lines.append(f"… and {counted(len(failures) - MOST, 'more job')}")
    if asked or not failures:
        how, remedy = "Stopped", "the same command goes on from there"
    else:
        how = f"Stopped, as {counted(len(failures), 'job')} failed"
        remedy = "mend what is named above and give the same command again: it makes what is missing alone"
    kept = f"; the state of {counted(len(saved), 'job')} at work is saved" if saved else ""
    return "\n".join([*lines, f"{how}: {there(plan, results)}, to stay{kept}; {remedy}."])


def broken(failures: Sequence[Failure]) -> str:
    """Return the last message of a workflow that is no sweep and of which jobs failed."""
    lines = [f"{failure.rule} of {', '.join(failure.output)}: {failure.why}" for failure in failures]
    return "\n".join([*lines, "Stopped: what is finished stays; the same command goes on from there."])


def _failed(plan: Plan, failure: Failure, results: Path) -> str:
    """Say which runs, or which file, a failed job was for, and why it failed."""
    chunk = Path(failure.output[0]).name.partition(".")[0] if failure.output else ""
    if failure.rule not in ("simulate", "summarise") or chunk not in plan.manifests:
        return f"{failure.rule} of {', '.join(failure.output)}: {failure.why}"
    points = [run.point for run, place in zip(plan.sweep.runs, plan.places, strict=True) if place.chunk == chunk]
    columns = {axis.name: list(dict.fromkeys(point[axis.name] for point in points)) for axis in plan.axes}
    where = f" ({found})" if (found := among(columns)) else ""
    said = "; ".join([failure.why, *endings(results, chunk)])
    return f"{failure.rule} of {counted(len(points), 'run')}{where}: {said}"


def outcome(cube: xr.Dataset) -> str:
    """Say how many runs of a gathered sweep are ok and how many are not, where the others are, and what helps."""
    counts = {word: count for word, count in status_counts(cube).items() if word != "not planned"}
    planned = sum(counts.values())
    if counts == {"ok": planned}:
        return f"{planned:,} of {planned:,} runs ok"
    said = [_counted(word, count, planned, cube) for word, count in counts.items()]
    lines = [", ".join(said)]
    if "diverged" in counts:
        swept = [values.attrs["key"] for values in cube.coords.values() if "key" in values.attrs]
        lines.append(remedy(Config(from_yaml(cube.attrs["configuration"])), swept))
    return "\n".join(lines)


def remedy(config: Config, swept: Collection[str] = ()) -> str:
    """Say what to change if runs of a configuration diverge; `swept` holds the swept keys."""
    solver, dt = config.solver, config.run.dt
    says = "a run diverges where one of its numbers is no longer finite; try "
    if solver.relative_tolerance is not None:
        return f"{says}a tighter solver.relative_tolerance={RELATIVE * solver.relative_tolerance:g}"
    if "run.dt" in swept:
        return f"{says}the shorter steps of run.dt alone, or look for a value that cannot be meant"
    usual = RunConfig().dt
    shorter = usual if dt > usual else RELATIVE * dt
    return f"{says}run.dt={shorter:g} in place of {dt:g} ms, or look for a value that cannot be meant"


def among(columns: Mapping[str, Iterable[object]]) -> str:
    """Return text for the values that some runs have: `size=60, coupling=0.5 to 1`."""
    return ", ".join(f"{name}={_listed(list(values))}" for name, values in columns.items())


def _counted(word: str, count: int, planned: int, cube: xr.Dataset) -> str:
    """Say how many runs have a status: `6 diverged (first at 6 ms, all in coupling=1)`.

    If all runs have it, say `30 of 30 runs diverged (first at 6 ms)`.
    """
    runs = cube["status"] == next(value for value in STATUS.values() if status_word(value) == word)
    notes = [f"first at {float(cube['diverged_time'].min()):g} ms"] if word == "diverged" else []
    if count == planned:
        start = f"{count:,} of {planned:,} runs {word}"
    else:
        start = f"{count:,} {word}"
        notes += [f"all in {where}"] if word != "ok" and (where := among(_only(runs, cube))) else []
    return start + (f" ({', '.join(notes)})" if notes else "")


def _only(runs: xr.DataArray, cube: xr.Dataset) -> dict[str, list[Any]]:
    """Return, by axis, the values of these runs, if planned runs have other values too."""
    planned = cube["status"] != STATUS["not_planned"]
    found = {}
    for name, values in cube.coords.items():
        if "key" not in values.attrs and name not in REPLICATES:
            continue
        (dimension,) = values.dims
        others = [other for other in runs.dims if other != dimension]
        mine, all_ = (np.unique(values.values[mask.any(others).values]) for mask in (runs, planned))
        if len(mine) < len(all_):
            found[str(name)] = mine.tolist()
    return found


def _listed(values: list[Any]) -> str:
    if len(values) <= FEW or not all(isinstance(value, int | float) for value in values):
        return ", ".join(f"{value:g}" if isinstance(value, float) else str(value) for value in values)
    return f"{min(values):g} to {max(values):g}"
