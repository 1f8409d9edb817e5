"""The machine on which jobs are expected to run. It decides how many runs a batch has, and how many jobs a sweep.

The time of a step was measured on one machine, for several widths of a batch. `make measure` measures it on another
one and writes `results/machine.json`, which plans then read.
"""

import heapq
import itertools
import json
import math
import os
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from psst_core.config.compose import compose, resolve, update
from psst_core.configuration import Config, HardwareConfig
from psst_core.errors import PsstError
from psst_core.files import read_text, write_text
from psst_core.host.hardware import prepare
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.lanes import padded
from psst_core.integrate.program import Program
from psst_core.integrate.solvers.base import Solver
from psst_core.registry import lookup
from psst_core.store.folder import RESULTS, Folder

MOST_BYTES = 100_000
START_SECONDS = 6.0
MEMORY_MB = 1500  # into which a batch must fit where hardware.mem_mb is not given
BYTES_PER_CELL = 2_000  # and lane: its states, stages and records
FIXED_MICROSECONDS = 2.0  # of each step, for any number of cells
MEASURED_LANES = (1, 16, 32, 64, 128)

# µs a step, by precision and lanes, as `measure` returns them. One core of an AMD EPYC (Zen 4), November 2026.
REFERENCE: dict[str, dict[int, float]] = {
    "float64": {1: 11.3, 16: 150.0, 32: 260.0, 64: 545.0, 128: 1080.0},
    "float32": {1: 7.4, 16: 64.0, 32: 126.0, 64: 225.0, 128: 450.0},
}


@dataclass(frozen=True)
class Machine:
    """The machine for which a sweep is divided into jobs.

    Attributes:
        cores: the number of cores; jobs run at once on them.
        costs: µs a step of the 120-cell locust network with RK4, by precision and lanes.
    """

    cores: int
    costs: Mapping[str, Mapping[int, float]]

    @classmethod
    def here(cls, results: Path) -> "Machine":
        """Return the machine that this process runs on, with its own costs where they were measured."""
        file = Folder(results).machine_file
        try:
            costs = json.loads(read_text(file, MOST_BYTES)) if file.exists() or file.is_symlink() else REFERENCE
            typed = {p: {int(lanes): float(us) for lanes, us in costs[p].items()} for p in REFERENCE}
        except PsstError as error:
            raise PsstError(f"{error}; delete it, or make measure again") from None
        except (AttributeError, LookupError, TypeError, ValueError, OverflowError, RecursionError):
            raise PsstError(f"{file}: is not what make measure writes; delete it, or make measure again") from None
        for precision, table in typed.items():
            for lanes, us in table.items():
                if lanes < 1 or not 0 < us < math.inf:
                    raise PsstError(
                        f"{file}: {precision}, {lanes} lanes: {us} is no time that a step takes; delete it, or make "
                        "measure again"
                    )
            if not table:
                raise PsstError(f"{file}: holds no times of {precision}; delete it, or make measure again")
        return cls(len(os.sched_getaffinity(0)), typed)

    def widths(self, config: Config) -> list[int]:
        """Return the widths of a batch to choose from: those measured, as far as `hardware` and its memory allow them.

        For a GPU it is the largest width alone.
        """
        hardware, on_cpu = config.hardware, config.hardware.device == "cpu"
        memory = hardware.mem_mb / hardware.devices if hardware.mem_mb else MEMORY_MB
        fitting = memory * 1e6 / 4 / (BYTES_PER_CELL * config.network.size)
        most = min(hardware.lanes if on_cpu else hardware.gpu_lanes, int(fitting))
        measured = self.costs[config.solver.precision] if on_cpu else ()
        return sorted({lanes for lanes in measured if lanes <= most} | {max(1, most)})

    def seconds(self, config: Config, batches: list[int]) -> float:
        """Estimate how long a job takes, s. As many batches are integrated side by side as the job has devices.

        Args:
            batches: the number of runs in each batch.
        """
        precision, side_by_side = config.solver.precision, config.hardware.side_by_side
        longest = [max(batches[i : i + side_by_side]) for i in range(0, len(batches), side_by_side)]
        us = sum(_between(self.costs[precision], padded(runs, precision)) for runs in longest)
        solver: type[Solver] = lookup("solver", config.solver.name, "solver.name")
        fixed = FIXED_MICROSECONDS * len(longest)
        us = fixed + (us - fixed) * config.network.size / 120
        return float(1e-6 * us * solver.stages / 4 * config.run.steps(config.run.duration))

    def batches(self, config: Config, runs: int) -> list[int]:
        """Divide this number of runs into the batches that are integrated soonest, with work for each device.

        Returns:
            The number of runs in each batch.
        """
        side_by_side = config.hardware.side_by_side
        rounds = [math.ceil(runs / (width * side_by_side)) for width in self.widths(config)]
        divisions = [portions(runs, min(runs, number * side_by_side)) for number in rounds]
        return min(divisions, key=lambda sizes: self.seconds(config, sizes))

    def jobs_at_once(self, hardware: HardwareConfig) -> int:
        """Return how many jobs run at once, each with all of its devices."""
        return int(hardware.jobs or max(1, self.cores // hardware.side_by_side))

    def jobs(self, config: Config, runs: int, share: float) -> int:
        """Return the number of jobs for some runs of a sweep.

        No job is longer than `hardware.job_minutes`, and all cores have work. But no job is shorter than its own
        start, and none has fewer runs than devices.

        Args:
            runs: the number of runs.
            share: the part of the sweep's time that they take.
        """
        hardware = config.hardware
        total: float = self.seconds(config, self.batches(config, runs))
        wanted = max(total / (60 * hardware.job_minutes), share * self.jobs_at_once(hardware))
        most = min(runs // hardware.side_by_side, math.ceil(total / START_SECONDS))
        return int(max(1, min(math.ceil(wanted - 0.01), most)))


def portions(count: int, parts: int) -> list[int]:
    """Divide `count` into `parts` whole numbers of nearly equal size."""
    return [high - low for low, high in itertools.pairwise(count * part // parts for part in range(parts + 1))]


def schedule(seconds: Sequence[float], at_once: int) -> float:
    """Estimate how long jobs take together, s. When one of those at work ends, the longest that waits begins.

    Args:
        seconds: how long each job takes.
        at_once: the number of jobs that run at once.
    """
    ends = [0.0] * at_once
    for job in sorted(seconds, reverse=True):
        heapq.heapreplace(ends, ends[0] + job)
    return max(ends)


def measure(seconds: float = 1.0) -> dict[str, dict[int, float]]:
    """Measure the costs on this machine. Each program runs for `seconds` or longer.

    Returns:
        By precision and lanes, µs a step.
    """
    prepare(HardwareConfig())
    costs: dict[str, dict[int, float]] = {}
    for precision in REFERENCE:
        composed = compose({"experiment": "locust_coupling"})
        update(composed, "solver.precision", precision)
        config = resolve(composed)
        costs[precision] = {}
        for lanes in MEASURED_LANES:
            integration = Integration(Program(config, [], lanes), [Run(config)] * lanes)
            steps = integration.program.records.steps_per_sample
            list(integration.segments(steps))
            began, first = time.perf_counter(), integration.step
            while time.perf_counter() < began + seconds:
                list(integration.segments(integration.step + 4 * steps))
            us = 1e6 * (time.perf_counter() - began) / (integration.step - first)
            costs[precision][lanes] = round(us, 2)
            print(f"{precision} {lanes:4d} lanes: {us:8.1f} µs a step, {us / lanes:6.2f} a run", flush=True)
    return costs


def remember(results: Path = RESULTS) -> None:
    """Measure the costs, and keep them for later plans."""
    write_text(Folder(results).machine_file, json.dumps(measure(), indent=1))


def _between(table: Mapping[int, float], lanes: int) -> float:
    """Return the cost at a width that was not measured: linear between its neighbours, proportional beyond the last."""
    known = sorted(table)
    if lanes in table:
        return table[lanes]
    if lanes > known[-1]:
        return table[known[-1]] * lanes / known[-1]
    high = next(n for n in known if n > lanes)
    low = max(n for n in known if n < lanes)
    if low == 1:
        return table[high] * (0.3 + 0.7 * lanes / high)
    return table[low] + (table[high] - table[low]) * (lanes - low) / (high - low)
