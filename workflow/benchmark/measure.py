"""The conductor: starts the programs, asks them in turn, and writes their times to results/benchmark/benchmark.nc.

All programs of a group are set up first, two at a time. Then each is asked once a repeat, alone, on one core.
"""

import datetime
import os
import platform
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from conversation import HERE, Conversation, Row
from problem import (
    cells_problem,
    coba_config,
    coba_problem,
    locust_config,
    locust_problem,
    product_problem,
    sine_problem,
)
from settings import LABELS, Settings

from psst_core import PsstError
from psst_core.store.dataset import write
from psst_core.store.folder import Comparison

MODES = {"brian2": ("merged", "separate", "tuned"), "jax": ("plain", "tuned")}
OURS = ("psst", "handwritten", "limit", "tutorial", "numpy", "tensorflow")
CASES = (("rk4", "double"), ("rk4", "single"), ("exponential_euler", "single"))
HAND = {"rk4": ("handwritten", "limit"), "exponential_euler": ()}


class Benchmark:
    """A benchmark under way, with the rows that are measured so far."""

    def __init__(self, settings: Settings, peers: str, folder: Path) -> None:
        self.settings, self.peers, self.files = settings, peers, Comparison(folder)
        self.rows: list[Row] = []
        self.failures: list[str] = []
        self.began = time.perf_counter()
        for file in (self.files.problem(""), self.files.log("")):
            file.parent.mkdir(parents=True, exist_ok=True)

    def locust(self, runs: int, steps: int) -> None:
        for method, precision in CASES:
            problem = self.problem(f"locust-{runs}", locust_problem(locust_config(steps), runs, steps))
            common = {"method": method, "precision": precision, "runs": runs, "steps": steps}
            rows = [Row("locust", name, problem, **common) for name in ("psst", *HAND[method])]
            brian2 = MODES["brian2"] if runs == 64 else ("merged", "tuned")
            if runs == 64 or precision == "double":
                rows += [Row("locust", "brian2", problem, mode, **common) for mode in brian2]
            rows += [Row("locust", "jax", problem, mode, **common) for mode in MODES["jax"]]
            if runs == 1 and (method, precision) == CASES[0]:
                implicit = common | {"method": "implicit_euler"}
                rows += [Row("locust", name, problem, **implicit) for name in ("neuron", "jaxley")]
            if runs == 64 and (method, precision) == CASES[0]:
                few = self.settings.tutorial
                single = self.problem(f"locust-1-{few}", locust_problem(locust_config(few), 1, few))
                rows += [Row("locust", name, single, runs=1, steps=few) for name in ("tutorial", "numpy")]
            if runs == 64 or method == "rk4":
                self.measure(rows)

    def cells(self, equations: int, steps: int) -> None:
        problem = self.problem(f"cells-{equations}", cells_problem(equations // 4, steps))
        common = {"equations": equations, "steps": steps}
        programs = [("psst", "default"), ("limit", "default"), ("brian2", "default"), ("brian2", "tuned")]
        programs += [("jax", "plain"), ("jax", "tuned"), ("numpy", "default"), ("tutorial", "default")]
        self.measure([Row("cells", name, problem, mode, **common) for name, mode in programs])

    def coba(self, runs: int, steps: int) -> None:
        problem = self.problem(f"coba-{runs}", coba_problem(coba_config(steps), runs, steps))
        for precision in ("double", "single"):
            common = {"method": "exponential_euler", "precision": precision, "runs": runs, "steps": steps}
            programs = [("psst", "default"), ("brian2", "separate"), ("brian2", "tuned")]
            self.measure([Row("coba", name, problem, mode, **common) for name, mode in programs])

    def sine(self, equations: int, steps: int) -> None:
        problem = self.problem(f"sine-{equations}", sine_problem(equations, steps))
        programs = ("psst", "numpy", "tutorial")
        self.measure([Row("sine", name, problem, equations=equations, steps=steps) for name in programs])

    def product(self, n: int, steps: int) -> None:
        problem = self.problem(f"product-{n}", product_problem(n, steps))
        programs = (("numpy", "default"), ("tensorflow", "graph"), ("tensorflow", "xla"))
        self.measure([Row("product", name, problem, mode, equations=n, steps=steps) for name, mode in programs])

    def networks(self, runs: int, steps: int) -> None:
        """Measure runs on one network, and runs on a network of their own each."""
        for precision in ("double", "single"):
            common = {"precision": precision, "runs": runs, "steps": steps}
            self.measure([Row("networks", "psst", f"locust-{runs}", mode, **common) for mode in ("one", "own")])

    def cores(self, runs: int, steps: int) -> None:
        """Measure one job on one core, and two jobs on two."""
        rows = [Row("cores", "psst", f"locust-{runs}", "one", runs=runs, steps=steps, cores=n) for n in (1, 2)]
        for row, mode in zip(rows, ("one job", "two jobs"), strict=True):
            pair = [self.start(Row(**{**vars(row), "seconds": []})) for _ in range(row.cores)]
            for core, conversation in enumerate(pair):
                conversation.pin(core)
            for _ in range(self.settings.repeats):
                with ThreadPoolExecutor(2) as pool:
                    list(pool.map(Conversation.ask, pair))
                row.seconds.append(max(conversation.row.seconds[-1] for conversation in pair))
            for conversation in pair:
                conversation.leave()
            row.mode, row.spikes, row.version = mode, pair[0].row.spikes, pair[0].row.version
            self.rows.append(row)

    def cold(self, runs: int, duration: float) -> None:
        """Measure the time from the command to the files, on two cores, with everything compiled anew."""
        steps = round(duration / 0.01)
        problem = self.problem(f"locust-{runs}-cold", locust_problem(locust_config(steps), runs, steps))
        common = {"runs": runs, "steps": steps, "cores": 2, "threads": 2}
        row = Row("cold", "psst", problem, **common)
        overrides = (
            f"network.size=120 network.coupling=1 solver=rk4 stimulus.onset=0 run.duration={duration} figures=[] "
        )
        overrides += (
            f"recorder.window=[0,{duration}] analysis.spectrum=[0,{duration}] sweep.networks=1 sweep.trials={runs}"
        )
        with tempfile.TemporaryDirectory() as folder:
            command = [str(Path(sys.executable).with_name("snakemake")), "--snakefile", str(HERE.parent / "Snakefile")]
            command += ["--directory", folder, "--cores", "2", "--config", f"overrides={overrides}", "name=cold"]
            environment = {key: value for key, value in os.environ.items() if not key.startswith("SNAKEMAKE")}
            began = time.perf_counter()
            subprocess.run(command, check=True, env=environment, capture_output=True)
            row.seconds = [time.perf_counter() - began]
        self.rows.append(row)
        for program, mode in (("brian2", "separate"), ("brian2", "tuned"), ("jax", "plain")):
            if program not in self.settings.programs:
                continue
            row = Row("cold", program, problem, mode, **common)
            began = time.perf_counter()
            conversation = self.start(row)
            if program == "brian2":
                conversation.ask()
            row.seconds = [time.perf_counter() - began]
            conversation.leave()
            self.rows.append(row)
        self.tell("cold sweep")

    def memory(self, durations: list[float]) -> None:
        """Measure the memory of jobs that differ in their model time alone."""
        for duration in durations:
            overrides = "network.size=120 network.coupling=1 solver=exponential_euler solver.precision=float32 "
            overrides += f"sweep.networks=1 sweep.trials=16 hardware.jobs=1 {lasting(duration)}"
            with tempfile.TemporaryDirectory() as folder:
                done = subprocess.run(
                    [sys.executable, HERE / "job.py", overrides, folder], check=True, capture_output=True, text=True
                )
            row = Row("memory", "psst", "", f"{duration / 1000:g} s", "exponential_euler", "single", 16)
            row.steps, row.peak_memory = round(duration / 0.01), float(done.stdout.split()[-1])
            self.rows.append(row)
        self.tell("memory")

    def measure(self, rows: list[Row]) -> None:
        """Set up all programs, ask each once a repeat, and end them; leave out and name those that fail."""
        rows = [row for row in rows if row.program in self.settings.programs]
        if not rows:
            return
        with ThreadPoolExecutor(2) as pool:
            talks = [talk for talk in pool.map(lambda row: self.tried(self.start, row), rows) if talk is not None]
        for talk in talks:
            talk.pin(0)
        for _ in range(self.settings.repeats):
            for talk in talks:
                self.tried(talk.ask)
        for talk in talks:
            self.tried(talk.leave)
        self.rows += [talk.row for talk in talks if len(talk.row.seconds) == self.settings.repeats]
        row = rows[0]
        size = f"{row.equations} equations" if row.equations else f"{row.runs} runs"
        self.tell(f"{row.section}, {size}, {row.method}, {row.precision}")

    def start(self, row: Row) -> Conversation:
        python = sys.executable if row.program in OURS else self.peers
        name = f"{row.section}-{row.program}-{row.mode}-{row.method}-{row.precision}-{row.runs}-{row.equations}"
        return Conversation(row, python, self.files.problem(row.problem), self.files.log(name))

    def tried(self, act: Callable[..., Any], *arguments: Any) -> Any:
        """Return the value of a call; if the program fails, note that and return None."""
        try:
            return act(*arguments)
        except (PsstError, BrokenPipeError) as error:
            self.failures.append(str(error))
            return None

    def problem(self, name: str, arrays: dict[str, Any]) -> str:
        np.savez(self.files.problem(name), **arrays)
        return name

    def tell(self, what: str) -> None:
        print(f"{time.perf_counter() - self.began:6.0f} s  {what}", file=sys.stderr, flush=True)

    def dataset(self) -> xr.Dataset:
        labels = ("section", "mode", "method", "precision", "runs", "equations", "cores", "steps")
        coordinates = {name: ("row", [getattr(row, name) for row in self.rows]) for name in labels}
        coordinates["program"] = ("row", [LABELS[row.program] for row in self.rows])
        seconds = np.full((len(self.rows), self.settings.repeats), np.nan)
        for number, row in enumerate(self.rows):
            seconds[number, : len(row.seconds)] = row.seconds[: self.settings.repeats]
        commit = subprocess.run(
            ["git", "-C", Path(__file__).parent, "rev-parse", "--short", "HEAD"],
            capture_output=True,
            text=True,
            check=False,
        )
        return xr.Dataset(
            {
                "seconds": (("row", "repeat"), seconds, {"units": "s", "long_name": "wall time of an integration"}),
                "setup_seconds": ("row", [row.setup_seconds for row in self.rows], {"units": "s"}),
                "peak_memory": ("row", [row.peak_memory for row in self.rows], {"units": "byte"}),
                "spikes": ("row", [row.spikes for row in self.rows], {"units": "1"}),
                "version": ("row", [row.version for row in self.rows]),
            },
            coordinates,
            {
                "machine": f"{processor()}, {os.cpu_count()} cores",
                "date": datetime.date.today().isoformat(),
                "python": platform.python_version(),
                "tensorflow": metadata.version("tensorflow"),
                "commit": commit.stdout.strip(),
                "failures": "; ".join(self.failures),
            },
        )


def lasting(duration: float) -> str:
    """Return overrides for so much model time (ms), all of it analysed."""
    return f"run.duration={duration} recorder.window=[0,{duration}] analysis.spectrum=[0,{duration}]"


def whole(steps: int, interval: int) -> int:
    """Return the steps up to the last sampling interval of so many steps that fits; at least one interval."""
    return max(interval, steps // interval * interval)


def processor() -> str:
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def main(settings: Settings, peers: str, target: Path) -> None:
    """Measure everything and write the data set."""
    benchmark = Benchmark(settings, peers, target.parent)
    for runs in settings.runs:
        steps = whole(min(10_000, settings.run_steps // runs), 50)
        benchmark.locust(runs, steps)
        if runs == 64:
            benchmark.networks(runs, steps)
            benchmark.cores(runs, steps)
    for equations in settings.equations:
        benchmark.cells(equations, min(20_000, settings.equation_steps // equations))
    for equations in settings.sine:
        benchmark.sine(equations, min(20_000, settings.equation_steps // equations))
    for n in settings.product:
        benchmark.product(n, max(1, min(20_000, settings.product_steps // n**3)))
    for runs in settings.coba:
        benchmark.coba(runs, whole(min(10_000, settings.coba_steps // runs), 10))
    if settings.memory:
        benchmark.memory(settings.memory)
    if settings.cold:
        benchmark.cold(64, settings.cold)
    write(benchmark.dataset(), target)


if __name__ == "__main__":
    main(Settings.read(" ".join(sys.argv[3:])), sys.argv[1], Path(sys.argv[2]))
