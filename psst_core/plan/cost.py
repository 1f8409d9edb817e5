"""The costs of planned jobs: time, memory and disk, fitted on the jobs that are finished.

Each quantity y is a sum over kinds of work. A job's manifest describes its work x_k, and each has a cost c_k ≥ 0:

    y = Σ_k c_k x_k,    minimising Σ_jobs (y/y_observed − 1)² + PULL² Σ_k ((c_k − p_k)/s_k)²

The fit is done on levels, one after the other. The first is on all jobs of a device, the next on those whose networks
have the same mechanisms, then the same precision, then the same solver. p are the costs of the level before, times
the factor that suits the median job. s are the shipped costs, times all these factors so far. So what few jobs cannot
tell is taken from many, and in the end from the shipped costs.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import netCDF4
import numpy as np
import scipy

from psst_core.arrays import Array
from psst_core.host.hardware import processor
from psst_core.integrate.lanes import VECTOR, padded
from psst_core.integrate.solvers import Solver
from psst_core.integrate.wiring import GATHERED_COST
from psst_core.model.network import share_out
from psst_core.plan.machine import BYTES_PER_CELL, FIXED_MICROSECONDS, START_SECONDS, Machine
from psst_core.registry import build, lookup
from psst_core.store.folder import Folder
from psst_core.store.manifest import Manifest

Levels = tuple[str, ...]
READ = 100

# By quantity (in s, s, MB, bytes), the cost of each feature. Times are of an AMD EPYC (Zen 5), November 2026.
SHIPPED: dict[str, dict[str, float]] = {
    "start": {"jobs": START_SECONDS},
    "integration": {
        "runs": 2e-3,
        "values": 3e-8,
        "rounds": 1e-6 * FIXED_MICROSECONDS,
        "cell_steps": 1.07e-9,
        "cell_stages": 0.99e-9,
        "pair_stages": 5.2e-11,
    },
    "memory": {"jobs": 850.0, "runs": 0.01, "states": 1e-6 * BYTES_PER_CELL / 6.25, "pairs": 2e-5},
    "disk": {"jobs": 8e4, "runs": 250.0, "value_bytes": 0.6, "cell_runs": 12.0, "cell_ms": 0.04},
}
# The relative spread of similar jobs, divided by the relative error that the shipped costs may have.
PULL = {"start": 0.3, "integration": 0.3, "memory": 0.1, "disk": 0.02}
# Where its hardware does not say it, a job asks a cluster for what is expected, times a margin. The MB and minutes
# are added for the two processes of Snakemake around the job.
MEMORY_MARGIN, WORKFLOW_MB = 1.3, 500
TIME_MARGIN, WORKFLOW_MINUTES = 3.0, 5
LEAST = 0.01  # of the shipped cost: from this, or more, the next level starts
PREDICTED = {"seconds": ("start", "integration"), "memory": ("memory",), "disk": ("disk",)}
# The work of one step of one lane of the 120-cell antennal lobe with RK4; machine.py has what it costs.
LOBE = {"cell_steps": 750.0, "cell_stages": 3000.0, "pair_stages": 25200.0}


def features(manifest: Manifest) -> dict[str, float]:
    """Compute the work of a chunk's job, by feature.

    One step of all batches that run side by side is a round, and `rounds` counts them. `cell_steps` are mechanisms (a
    membrane counts as one) x cells x lanes x rounds. `cell_stages` are these times the solver's evaluations in a step.
    `pair_stages` count in the same way the pairs of cells over which synaptic input is summed. All three are in units
    of double precision. `states` and `pairs` are those of one process. `values` are the samples that are written.
    `cell_ms` are cells x runs x model time, in ms.
    """
    config, batches = manifest.config, manifest.batches
    network, run, recorder, precision = (
        config.network,
        config.run,
        config.recorder,
        config.solver.precision,
    )
    sizes, runs = share_out(network), len(manifest.runs)
    solver: type[Solver] = lookup("solver", config.solver.name, "solver.name")
    lanes = padded(manifest.lanes, precision) * VECTOR["float64"] / VECTOR[precision]
    hardware = config.hardware
    devices = min(hardware.devices, len(batches))
    steps = run.steps(run.duration) * math.ceil(len(batches) / hardware.side_by_side)
    parts = sum(sizes[name] * (1 + len(part.mechanisms)) for name, part in network.populations.items())
    pairs = 0.0
    for name, part in network.projections.items():
        rule = build("connectivity", part.connectivity, f"network.projections.{name}.connectivity")
        pre, post = sizes[part.pre], sizes[part.post]
        pairs += min(pre, GATHERED_COST * rule.in_degree(pre, post)) * post
    traced = sum(run.traced for run in manifest.runs)
    cells = sum(len(recorder.cells or range(sizes[name])) * len(kept) for name, kept in recorder.variables.items())
    values = (runs * len(sizes) + traced * cells) * run.duration / recorder.interval
    return {
        "jobs": 1.0,
        "runs": runs,
        "values": values,
        "value_bytes": values * np.dtype(recorder.precision).itemsize,
        "rounds": steps,
        "cell_steps": steps * lanes * parts,
        "cell_stages": steps * lanes * parts * solver.stages,
        "pair_stages": steps * lanes * pairs * solver.stages,
        "states": devices * lanes * parts,
        "pairs": devices * pairs,
        "cell_runs": runs * sum(sizes.values()),
        "cell_ms": runs * sum(sizes.values()) * run.duration,
    }


def levels(manifest: Manifest) -> Levels:
    """Return what decides a job's costs, the coarsest first: device, mechanisms, precision, solver."""
    config = manifest.config
    network, solver = config.network, config.solver
    device = "cpu" if config.hardware.device == "cpu" else "gpu"
    cells = [
        [part.equations and part.equations["type"], sorted(m["type"] for m in part.mechanisms.values())]
        for part in network.populations.values()
    ]
    synapses = sorted(network.synapses[part.synapse]["type"] for part in network.projections.values())
    return device, json.dumps([cells, synapses]), solver.precision, solver.name


@dataclass(frozen=True)
class Job:
    """A finished job.

    Attributes:
        levels: what decides its costs, as `levels` returns it.
        work: by feature, as `features` returns it.
        took: by quantity, what the job took, in s, s, MB and bytes.
        processor: the kind of processor that it ran on.
    """

    levels: Levels
    work: Mapping[str, float]
    took: Mapping[str, float]
    processor: str

    @classmethod
    def read(cls, path: Path) -> "Job | None":
        """Read a job from a chunk's file; None where the file is damaged or another kind of file."""
        try:
            with netCDF4.Dataset(path) as file:
                data = json.loads(file.manifest)
                data["config"]["hardware"] = json.loads(file.hardware)
                manifest = Manifest.of(data)
                start = float(file.start_seconds + file.compile_seconds)
                took = {"start": start, "integration": file.job_seconds - start, "memory": file.peak_memory}
                kind = str(file.processor)
            took = {name: float(value) for name, value in took.items()} | {"disk": float(path.stat().st_size)}
            job = cls(levels(manifest), features(manifest), took, kind)
        except (OSError, RuntimeError, AttributeError, LookupError, TypeError, ValueError, ArithmeticError):
            return None
        return job if all(0 < value < np.inf for value in took.values()) else None


@dataclass(frozen=True)
class CostModel:
    """The costs of planned jobs.

    Attributes:
        jobs: the finished jobs on which it is fitted.
        shipped: by quantity and feature, the costs to which the fit is pulled.
        source: for people, where the figures come from.
        errors: of `seconds`, `memory` and `disk`, the median of `|y/y_observed − 1|` over the jobs most like those
            wanted. Each of these is predicted from all others. None without jobs. For jobs larger than these the error
            may be larger.
    """

    jobs: tuple[Job, ...]
    shipped: Mapping[str, Mapping[str, float]]
    source: str
    errors: Mapping[str, float | None] = field(default_factory=lambda: dict.fromkeys(PREDICTED))
    _costs: dict[tuple[Levels, str], Array] = field(default_factory=dict, init=False, repr=False, compare=False)

    def seconds(self, manifest: Manifest) -> float:
        """Predict the time from the start of the job's process to its end, s."""
        return self._predicted("seconds", levels(manifest), features(manifest))

    def memory(self, manifest: Manifest) -> float:
        """Predict the most memory that one process of the job holds at a time, MB."""
        return self._predicted("memory", levels(manifest), features(manifest))

    def disk(self, manifest: Manifest) -> float:
        """Predict the size of the chunk's file, bytes.

        Cells are taken to spike as often as those of the fitted jobs.
        """
        return self._predicted("disk", levels(manifest), features(manifest))

    def request(self, manifest: Manifest) -> dict[str, int]:
        """Return what the job asks a cluster for.

        Returns:
            `mem_mb`, MB; `runtime`, minutes; and `gpu`, the number of GPUs.
        """
        hardware = manifest.config.hardware
        memory = MEMORY_MARGIN * self.memory(manifest) * hardware.workers + WORKFLOW_MB
        mem_mb = 100 * math.ceil(memory / 100)
        runtime = math.ceil(TIME_MARGIN * self.seconds(manifest) / 60) + WORKFLOW_MINUTES
        return {
            "mem_mb": hardware.mem_mb or mem_mb,
            "runtime": hardware.runtime or runtime,
            "gpu": hardware.side_by_side if hardware.device != "cpu" else 0,
        }

    def judged(self, like: Sequence[Manifest]) -> "CostModel":
        """Return this model with its errors on those jobs that are most like the wanted ones."""
        near, wanted = list(self.jobs), {levels(manifest) for manifest in like}
        for depth in range(1, 5):
            near = [job for job in near if job.levels[:depth] in {at[:depth] for at in wanted}] or near
        errors: dict[str, list[float]] = {name: [] for name in PREDICTED}
        for job in near:
            others = replace(self, jobs=tuple(other for other in self.jobs if other is not job))
            for name, quantities in PREDICTED.items():
                took = sum(job.took[quantity] for quantity in quantities)
                errors[name].append(abs(others._predicted(name, job.levels, job.work) / took - 1.0))
        return replace(self, errors={name: float(np.median(e)) if e else None for name, e in errors.items()})

    def _predicted(self, name: str, at: Levels, work: Mapping[str, float]) -> float:
        total = 0.0
        for quantity in PREDICTED[name]:
            if (at, quantity) not in self._costs:
                self._costs[at, quantity] = costs(self.jobs, at, quantity, self.shipped[quantity])
            total += float(_rows([work], self.shipped[quantity])[0] @ self._costs[at, quantity])
        return total


def fit(results: Path, like: Sequence[Manifest]) -> CostModel:
    """Fit the model for planned jobs on the finished ones in `results` that ran on the same sort of device.

    Of many files about a hundred are read, half of them the newest. Only jobs on this kind of processor count. Where
    there are none, those on the most frequent other kind count.
    """
    folder = Folder(results)
    files = sorted(folder.chunk_files(), key=lambda file: -file.stat().st_mtime)
    newest, older = files[: READ // 2], files[READ // 2 :]
    read = [Job.read(file) for file in newest + older[:: len(older) // (READ // 2) + 1]]
    devices = {levels(manifest)[0] for manifest in like}
    found = [job for job in read if job is not None and job.levels[0] in devices]
    here, kinds = processor(), [job.processor for job in found]
    kind = here if here in kinds or not kinds else max(kinds, key=kinds.count)
    jobs = tuple(job for job in found if job.processor == kind)
    if jobs:
        source = f"fitted on {len(jobs)} finished job{'s' if len(jobs) > 1 else ''} on "
        source += "this kind of processor" if kind == here else f"another kind of processor ({kind})"
    elif folder.machine_file.exists():
        source = f"no finished jobs yet: steps as measured in {folder.machine_file}, all else from another machine"
    else:
        source = "no finished jobs yet: figures of another machine"
    return CostModel(jobs, _shipped(results), source)


def costs(jobs: Sequence[Job], at: Levels, quantity: str, shipped: Mapping[str, float]) -> Array:
    """Fit the cost of each feature of a quantity, for jobs at these levels.

    Returns:
        [feature], in the order of `shipped`.
    """
    scale = np.array(list(shipped.values()))
    pull, found, fitted = np.full(len(scale), PULL[quantity]), scale, 0
    for depth in range(1, len(at) + 1):
        near = [job for job in jobs if job.levels[:depth] == at[:depth]]
        if len(near) in (0, fitted):
            continue
        rows = _rows([job.work for job in near], shipped) / np.array([[job.took[quantity]] for job in near])
        found = np.maximum(found, LEAST * scale)
        factor = 1.0 / np.median(rows @ found)
        found, scale, fitted = found * factor, scale * factor, len(near)
        wanted = np.concatenate([np.ones(fitted), pull * found / scale])
        shares, _ = scipy.optimize.nnls(np.vstack([rows * scale, np.diag(pull)]), wanted)
        found = shares * scale
    return found


def _rows(works: Sequence[Mapping[str, float]], shipped: Mapping[str, float]) -> Array:
    """Return the features that a quantity depends on, [job, feature]."""
    return np.array([[work[name] for name in shipped] for work in works])


def _shipped(results: Path) -> dict[str, dict[str, float]]:
    """Return the shipped costs. Those of a step are scaled to what this machine was measured to take, where it was."""
    step = {name: SHIPPED["integration"][name] for name in LOBE}
    lane = sum(step[name] * LOBE[name] for name in LOBE)
    table = Machine.here(results).costs["float64"]
    factor = np.median([1e-6 * us / (lanes * lane) for lanes, us in table.items()])
    return SHIPPED | {"integration": SHIPPED["integration"] | {name: float(factor * us) for name, us in step.items()}}
