"""Sweeps that no one simulated: their records, claims, chunks and cubes."""

import itertools
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from psst_core.attributes import STATUS
from psst_core.config.schema import units
from psst_core.configuration import Config
from psst_core.digest import digest
from psst_core.files import to_yaml, write_text
from psst_core.measures.chosen import described
from psst_core.results.gather import gather
from psst_core.results.summary import summarise
from psst_core.results.sweep_results import Results, open_sweep
from psst_core.store.chunk_file import ChunkFile
from psst_core.store.dataset import atomic_netcdf, read, write
from psst_core.store.folder import CHUNKS, PLANS, Folder
from psst_core.store.manifest import Manifest
from psst_core.store.records import records_digest
from psst_core.sweep.runs import Axis
from support.configurations import small_locust

COUPLING = Axis("network.coupling", "coupling", (0.0, 0.5, 1.0), "coupling")
SOLVER = Axis("solver", "solver", ("rk4", "euler"), "solver")


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
    record |= {"axes": entries, "measures": described(Config(config))}
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
            "maker": {"backend": "made up", "code": "", "device": "cpu"},
        }
        write_manifest(folder, claim)
    return table


def write_manifest(folder: Path, claim: dict[str, Any]) -> None:
    """The manifest of a chunk, with the digest of its content and whatever name."""
    content = digest(Manifest.of(claim).data())
    write_text(folder / CHUNKS / f"{claim['chunk']}.json", json.dumps(claim | {"content": content}))


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
        about = {"chunk": chunk, "manifest": json.dumps(Manifest.of(manifest).planned())}
        file = ChunkFile(beside, len(runs), sizes, times, traced, kept, "float32", (8, 50), about)
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


def summarise_chunk(folder: Path, chunk: str) -> None:
    """As the job does, for a made-up plan."""
    config = Config(json.loads((folder / CHUNKS / f"{chunk}.json").read_text())["config"])
    with read(folder / CHUNKS / f"{chunk}.nc") as data:
        summary = summarise(data, config)
    write(summary, Folder(folder).summary_file(chunk, 16 * "a"))


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
