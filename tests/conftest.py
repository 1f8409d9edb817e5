"""What the tests share: TensorFlow set up as in a job, configurations by name, and a way to integrate a few runs."""

import contextlib
import functools
import html
import itertools
import json
import os
import re
import shutil
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import pandas as pd
import pytest

import psst_core
from psst_core.attributes import STATUS
from psst_core.config.compose import compose, resolve, update
from psst_core.config.schema import units
from psst_core.configuration import Config, HardwareConfig
from psst_core.figures import save
from psst_core.files import to_yaml, write_text
from psst_core.host.hardware import prepare
from psst_core.integrate.batch import Run
from psst_core.integrate.simulate import Integration, Program, Segment, padded
from psst_core.keys import put
from psst_core.results.analysis import summarise
from psst_core.results.gather import gather
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.chunk_file import ChunkFile
from psst_core.store.dataset import atomic_netcdf, read, write
from psst_core.store.folder import CHUNKS, PLANS, Folder
from psst_core.store.manifest import Manifest
from psst_core.store.records import records_digest
from psst_core.sweep.expand import Axis

DATA = Path(__file__).parent / "data"
LONG = {"slow", "slurm", "peers", "browser"}
LONG_SECONDS = 1800
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give more time to the tests that `make test` leaves out, and any time to those that count their kills."""
    for item in items:
        marks = {mark.name for mark in item.iter_markers()}
        if "chaos" in marks:
            item.add_marker(pytest.mark.timeout(0))
        elif marks & LONG:
            item.add_marker(pytest.mark.timeout(LONG_SECONDS))


@pytest.fixture(scope="session", autouse=True)
def _tensorflow_as_in_a_job():
    prepare(HardwareConfig())


@pytest.fixture(scope="module")
def no_results(tmp_path_factory):
    """Plans are made in an empty folder: what whoever runs the tests has in results/ would change their division."""
    with contextlib.chdir(tmp_path_factory.mktemp("empty")):
        yield


@pytest.fixture
def page():
    """Of a real browser; what its console and its requests complain of is in `page.complaints`."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is in the extra `test`")
    if CHROMIUM is None:
        pytest.skip("no Chromium on this machine")
    with playwright.sync_playwright() as driver:
        sandbox = [] if os.getuid() else ["--no-sandbox"]
        browser = driver.chromium.launch(executable_path=CHROMIUM, args=sandbox)
        page = browser.new_page(viewport={"width": 1400, "height": 900})
        page.complaints = []
        page.on("console", lambda line: page.complaints.append(line.text) if line.type == "error" else None)
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("requestfailed", lambda request: page.complaints.append(request.url[:200]))
        yield page
        browser.close()


def configuration(experiment: str = "locust_coupling", **values: Any) -> Config:
    """A resolved configuration; `network__size=60` sets network.size."""
    config = compose({"experiment": experiment})
    for key, value in values.items():
        update(config, key.replace("__", "."), value)
    return resolve(config)


def small_locust(**values: Any) -> Config:
    """Eight cells, strong odour from the start, everything quick."""
    return configuration(
        **{
            "network__size": 8,
            "run__duration": 20.0,
            "stimulus__onset": 0.0,
            "stimulus__share": 1.0,
            "stimulus__amplitude": 30.0,
            "stimulus__rise": 1.0,
            "recorder__window": [0.0, 20.0],
        }
        | values
    )


class Recorded:
    """All segments of an integration, joined."""

    def __init__(self, integration: Integration, segments: list[Segment]) -> None:
        self.integration = integration
        self.spike_step, self.spike_cell, self.spike_run = (
            np.concatenate([getattr(segment, name) for segment in segments])
            for name in ("spike_step", "spike_cell", "spike_run")
        )
        self.mean_potential = np.concatenate([segment.mean_potential for segment in segments], axis=2)
        self.traces = {
            key: np.concatenate([segment.traces[key] for segment in segments], axis=2) for key in segments[0].traces
        }

    def state(self) -> dict[str, np.ndarray]:
        """Every variable at the end, [cell, run], without spare lanes."""
        runs = len(self.integration.runs)
        return {
            f"{population}.{name}": x.numpy()[:, :runs]
            for population, variables in self.integration.carry[0].items()
            for name, x in variables.items()
        }


def integrate(
    runs: list[Run], varying: list[str] | None = None, lanes: int | None = None, until: tuple[float, ...] = ()
) -> Recorded:
    """Integrate a batch to the end of its runs, stopping at the times `until` on the way."""
    config = runs[0].config
    lanes = lanes or padded(len(runs), config["solver"]["precision"])
    integration = Integration(program(json.dumps([config, varying or [], lanes])), runs)
    ends = [config.run.steps(time) for time in (*until, config["run"]["duration"])]
    return Recorded(integration, [segment for end in ends for segment in integration.segments(end)])


@functools.lru_cache(maxsize=8)
def program(arguments: str) -> Program:
    """Compiled once for tests that integrate the same batch in several ways."""
    config, varying, lanes = json.loads(arguments)
    return Program(Config(config), varying, lanes)


@pytest.fixture
def compiled_once(monkeypatch):
    """Jobs of a test share their compiled programs."""
    monkeypatch.setattr("psst_core.integrate.devices.Program", lambda *arguments: program(json.dumps(arguments)))


def with_trials(config: dict[str, Any], count: int) -> list[Run]:
    return [Run(config, 0, trial) for trial in range(count)]


def with_values(config: dict[str, Any], key: str, values: list[float]) -> list[Run]:
    return [Run(put(config, {key: value})) for value in values]


def changed(manifest: Manifest, values: dict[str, Any], **fields: Any) -> Manifest:
    """A manifest with other values in its configuration, by their keys, and other fields."""
    return replace(manifest, config=put(manifest.config, values), **fields)


def slope(dts: Any, errors: Any) -> float:
    """Of log error over log dt: the order of convergence."""
    return float(np.polyfit(np.log(dts), np.log(errors), 1)[0])


TINY = "run.duration=20 recorder.window=[0,20] sweep.networks=1 sweep.trials=2 "
TINY += "stimulus.onset=0 stimulus.share=1 stimulus.amplitude=30 stimulus.rise=1 analysis.spectrum=[0,20] "


def run_sweep(folder: Path, experiment: str, overrides: str = "", name: str = "sweep") -> Results:
    """All stages but drawing, in this process; what is there already stays."""
    return psst_core.run_sweep(experiment, overrides, name, results=folder, figures=False, report=lambda line: None)


def made_up(folder: Path) -> str:
    """The digest of the made-up plan that was written last in a results folder."""
    return max((folder / PLANS).glob("*.yaml"), key=lambda record: record.stat().st_mtime_ns).stem


def made_up_plan(
    folder: Path,
    axes: Sequence[Axis],
    chunk_runs: int = 8,
    planned: Callable[[dict[str, Any]], bool] = lambda point: True,
    traced: Callable[[dict[str, Any]], bool] = lambda point: False,
    config: dict[str, Any] | None = None,
) -> pd.DataFrame:
    """The records and claims of a sweep over these axes, in a results folder; its `plan.csv`."""
    config = config or small_locust(sweep__networks=1, sweep__trials=2, analysis__spectrum=[0.0, 20.0])
    grid = {axis.name: axis.values for axis in axes if axis.dimension == axis.name}
    together = [axis for axis in axes if axis.dimension != axis.name]
    dims = ({"run": range(len(together[0].values))} if together else {}) | grid
    dims |= {name: range(config["sweep"][f"{name}s"]) for name in ("network", "trial")}
    points = [dict(zip(dims, values, strict=True)) for values in itertools.product(*dims.values())]
    points = [point | {axis.name: axis.values[point["run"]] for axis in together} for point in points]
    table = pd.DataFrame([point for point in points if planned(point)])
    order = [name for name in ("run", *(axis.name for axis in axes), "network", "trial") if name in table]
    table = table[order]
    table.insert(0, "run_id", [f"{i:016x}" for i in range(len(table))])
    table["chunk"] = [f"{i // chunk_runs:016x}" for i in range(len(table))]
    table["position"] = [i % chunk_runs for i in range(len(table))]
    entries = [
        {"key": axis.key, "name": axis.name, "dimension": axis.dimension}
        | ({"values": list(axis.values)} if axis.dimension == axis.name else {})
        | ({"unit": unit} if (unit := units(config, axis.key)) else {})
        for axis in axes
    ]
    record = {"experiment": "locust_coupling", "overrides": [], "analysis_digest": 16 * "a", "plugins": {}}
    record["axes"] = entries
    write_records(folder, table, record | {"config": config})
    keys = {axis.key: axis.name for axis in axes}
    for chunk, rows in table.groupby("chunk"):
        runs = [
            {
                "id": row["run_id"],
                "network": row["network"],
                "trial": row["trial"],
                "values": {key: row[name] for key, name in keys.items() if "." in key},
                "traced": traced(row),
            }
            for row in rows.to_dict("records")
        ]
        claim = {"chunk": chunk, "config": config, "batches": [runs], "plugins": {}}
        claim |= {
            "lanes": len(runs),
            "varying": [],
            "code": "",
            "files": {},
            "maker": {"backend": "made up", "code": ""},
        }
        write_text(folder / CHUNKS / f"{chunk}.json", json.dumps(claim))
    return table


def write_records(folder: Path, table: pd.DataFrame, record: dict[str, Any]) -> str:
    """The records of a plan, under their digest, which comes back."""
    texts = {"csv": table.to_csv(index=False), "yaml": to_yaml(record)}
    for ending, text in texts.items():
        write_text(folder / PLANS / f"{records_digest(texts)}.{ending}", text)
    return records_digest(texts)


def make_up_chunk(
    folder: Path, chunk: str, size: int = 8, diverged: Callable[[dict[str, Any]], bool] = lambda run: False
) -> None:
    """Finish a claim with spikes and waves that are no simulation: stronger along the first key, one cell silent.

    What diverged did so at 6 ms.
    """
    manifest = json.loads((folder / CHUNKS / f"{chunk}.json").read_text())
    (runs,), config = manifest["batches"], manifest["config"]
    random = np.random.default_rng(int(chunk, 16))
    sizes = {"pn": 3 * size // 4, "ln": size // 4}
    times = (
        np.arange(round(config["run"]["duration"] / config["recorder"]["interval"])) * config["recorder"]["interval"]
    )
    kept = [i for i, run in enumerate(runs) if run["traced"]]
    traced = {"pn.v": [0, 1]} if kept else {}
    with atomic_netcdf(folder / CHUNKS / f"{chunk}.nc") as beside:
        file = ChunkFile(beside, len(runs), sizes, times, traced, kept, "float32", (8, 50), {"chunk": chunk})
        drive = np.array([float(next(iter(run["values"].values()), 1.0)) for run in runs])
        waves = np.sin(times * 0.2) * (1 + drive[None, :, None]) + random.normal(size=(2, len(runs), len(times)))
        trace = np.arange(len(runs))[:, None, None] + np.zeros((len(runs), 2, len(times)))
        lost = np.array([diverged(run) for run in runs])
        waves[:, lost] = np.where(times < 6, waves[:, lost], np.nan)
        trace[lost] = np.where(times < 6, trace[lost], np.nan)
        file.write_samples(0, 0, waves, dict.fromkeys(traced, trace))
        count = random.poisson(20 * (1 + drive))
        run = np.repeat(np.arange(len(runs)), count)
        spikes = random.uniform(0, times[-1], len(run)), random.integers(0, size - 1, len(run)), run
        file.write_spikes(*(column[~lost[run] | (spikes[0] < 6)] for column in spikes))
        columns = {name: np.array([entry[name] for entry in runs]) for name in ("network", "trial")}
        columns |= {"run_id": np.array([run["id"] for run in runs]), "seed": np.ones(len(runs))}
        columns |= {"status": np.where(lost, STATUS["diverged"], STATUS["ok"])}
        columns |= {"diverged_time": np.where(lost, 6.0, np.nan)}
        columns |= {"wall_time": np.ones(len(runs))}
        columns |= {name: random.uniform(1, 9, (len(runs), size)) for name in ("potential_mean", "potential_variance")}
        for name in ("potential_mean", "potential_variance"):
            columns[name][lost] = np.nan
        file.write_runs(0, columns)
        file.close()


def diverge_all(folder: Path, chunks: Sequence[str]) -> None:
    """Take all numbers from a third of their time on out of the files of finished chunks, and their summaries away."""
    for chunk in chunks:
        path = folder / CHUNKS / f"{chunk}.nc"
        with atomic_netcdf(path) as beside:
            shutil.copy(path, beside)
            with netCDF4.Dataset(beside, "a") as file:
                third = len(file["time"]) // 3
                file["status"][:], file["diverged_time"][:] = STATUS["diverged"], file["time"][third]
                file["potential_mean"][:] = file["potential_variance"][:] = np.nan
                for name in (name for name in file.variables if name == "mean_potential" or name.startswith("trace_")):
                    file[name][..., third:] = np.nan
        for summary in (folder / CHUNKS).glob(f"{chunk}.*.summary.nc"):
            summary.unlink()


def summarise_chunk(folder: Path, chunk: str) -> None:
    """As the job does, for a made-up plan."""
    config = Config(json.loads((folder / CHUNKS / f"{chunk}.json").read_text())["config"])
    with read(folder / CHUNKS / f"{chunk}.nc") as data:
        summary = summarise(data, config.recorder.window, config.analysis)
    write(summary, Folder(folder).summary_file(chunk, 16 * "a"))


def drawn_text(name: str, results: Results) -> str:
    """The words that a figure holds."""
    file = results.folder / f"{name}.svg"
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save(name, results, [file])
    _, body = file.read_text().split("</defs>", 1)
    return " ".join(html.unescape(re.sub(r"<!--.*?-->|<[^>]*>", " ", body)).split())


def made_up_sweep(
    folder: Path,
    axes: Sequence[Axis],
    unfinished: Sequence[int] = (),
    diverged: Callable[[dict[str, Any]], bool] = lambda run: False,
    **settings: Any,
) -> Results:
    """A gathered sweep that no one simulated; partial where some chunks, by number, are unfinished."""
    table = made_up_plan(folder, axes, **settings)
    for number, chunk in enumerate(dict.fromkeys(table["chunk"])):
        if number not in unfinished:
            make_up_chunk(folder, chunk, diverged=diverged)
            summarise_chunk(folder, chunk)
    return open_sweep(gather(folder / "sweep", made_up(folder), partial=bool(unfinished)))
