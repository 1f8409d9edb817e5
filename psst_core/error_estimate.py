"""Runs beside their twins at half the step: when spikes first shift, and by how much measures differ."""

import csv
import functools
import io
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from psst_core.analysis import MEASURES
from psst_core.dataset import ATTRIBUTES, REPLICATES, Array, read, write
from psst_core.files import from_yaml, write_text
from psst_core.gather import summary_name
from psst_core.ledger import CHUNKS, PLANS

SHIFT = 1.0


def estimate(folder: Path, plan: str) -> None:
    """Write `error_estimate.nc` and the table of twins, `twins.csv`, into the folder of a gathered sweep.

    Args:
        folder: `results/<name>`.
        plan: the digest of the claimed plan.
    """
    plans, chunks = folder.parent / PLANS, folder.parent / CHUNKS
    runs, twins = ((plans / f"{plan}{ending}.csv").read_text(encoding="utf-8") for ending in ("", ".twins"))
    record = from_yaml((plans / f"{plan}.yaml").read_text(encoding="utf-8"))
    places = {row["run_id"]: row for row in csv.DictReader(io.StringIO(runs))}
    pairs = [(places[twin["run_id"]], twin) for twin in csv.DictReader(io.StringIO(twins))]
    pairs.sort(key=lambda pair: (pair[0]["chunk"], pair[1]["chunk"]))
    with read(folder / "sweep.nc") as cube:
        write(compare(record, pairs, chunks, cube), folder / "error_estimate.nc")
    write_text(folder / "twins.csv", twins)


def compare(record: dict[str, Any], pairs: list[tuple[dict[str, str], dict[str, str]]], chunks: Path, cube: Any) -> Any:
    """A data set with dimensions (run, population) of the runs that have a twin, with their points as coordinates.

    `first_shift`: the time of the first spike that the twin has more than 1 ms earlier or later, or not at all; NaN
    where there is none. `delta_M`: measure M of the twin minus that of the run; `spread_M`: the standard deviation of
    M between trials at the run's point, pooled over networks; NaN with a single trial.
    """

    @functools.lru_cache(maxsize=4)
    def chunk(name: str) -> xr.Dataset:
        with read(chunks / f"{name}.nc") as file:
            kept = ["spike_time", "spike_cell", "spike_run", "cell_population", "time"]
            return file[kept].load()

    @functools.lru_cache(maxsize=4)
    def summary(name: str) -> xr.Dataset:
        with read(chunks / summary_name(name, record["analysis_digest"])) as file:
            return file[list(MEASURES)].load()

    def spikes(row: dict[str, str]) -> tuple[Array, Array]:
        data = chunk(row["chunk"])
        mine = data["spike_run"].values == int(row["position"])
        return data["spike_time"].values[mine], data["spike_cell"].values[mine]

    spread = cube[list(MEASURES)].var("trial", ddof=1).mean("network") ** 0.5 if cube.sizes["trial"] > 1 else None
    axes, interval = record["axes"], record["config"]["recorder"]["interval"]
    places = {axis["name"]: {str(value): i for i, value in enumerate(axis["values"])} for axis in axes}
    populations = cube["population"].values
    longest = 0.0
    values: dict[str, list[Any]] = {"first_shift": []}
    for run, twin in pairs:
        data = chunk(run["chunk"])
        owner, duration = data["cell_population"].values, float(data["time"][-1]) + interval
        longest = max(longest, duration)
        shift = first_shifts(spikes(run), spikes(twin), len(owner), duration)
        values["first_shift"].append([_earliest(shift[owner == i]) for i in range(len(populations))])
        here = spread.isel({name: at[run[name]] for name, at in places.items()}) if spread is not None else None
        for name in MEASURES:
            one, other = (summary(row["chunk"])[name].values[int(row["position"])] for row in (run, twin))
            values.setdefault(f"delta_{name}", []).append(other - one)
            found = here[name].values if here is not None else np.full(len(populations), np.nan)
            values.setdefault(f"spread_{name}", []).append(found)
    coordinates: dict[str, Any] = {
        axis["name"]: ("run", [type(axis["values"][0])(run[axis["name"]]) for run, _ in pairs]) for axis in axes
    }
    coordinates |= {name: ("run", [int(run[name]) for run, _ in pairs]) for name in REPLICATES}
    coordinates |= {"run_id": ("run", [run["run_id"] for run, _ in pairs])}
    coordinates |= {"twin_id": ("run", [twin["twin_id"] for _, twin in pairs])}
    variables = {name: (("run", "population"), np.array(rows, dtype=float)) for name, rows in values.items()}
    result = xr.Dataset(variables, coords=coordinates | {"population": populations})
    result["first_shift"].attrs = {"long_name": "time of the first spike shifted by more than 1 ms", "units": "ms"}
    for name in MEASURES:
        long_name, unit = ATTRIBUTES[name]["long_name"], ATTRIBUTES[name]["units"]
        result[f"delta_{name}"].attrs = {"long_name": f"{long_name} at dt/2 minus that at dt", "units": unit}
        result[f"spread_{name}"].attrs = {"long_name": f"{long_name}, s.d. between trials", "units": unit}
    result.attrs = {"Conventions": "CF-1.11", "title": "Runs beside their twins at half the step", "duration": longest}
    return result


def first_shifts(run: tuple[Array, Array], twin: tuple[Array, Array], cells: int, duration: float) -> Array:
    """By cell, when its first spike occurs that the twin has more than 1 ms apart, or not at all; NaN: never.

    The spikes of a cell are compared in their order. One that is missing within 1 ms of the end is no difference.

    Args:
        run, twin: times [ms] and cells of their spikes.
    """
    found = np.full(cells, np.nan)
    for cell in range(cells):
        one, other = (np.sort(time[owner == cell]) for time, owner in (run, twin))
        both = min(len(one), len(other))
        apart = np.flatnonzero(np.abs(one[:both] - other[:both]) > SHIFT)
        if len(apart):
            found[cell] = min(one[apart[0]], other[apart[0]])
        elif len(one) != len(other):
            extra = (one if len(one) > both else other)[both]
            found[cell] = extra if extra < duration - SHIFT else np.nan
    return found


def _earliest(times: Array) -> float:
    return float(np.nanmin(times)) if np.isfinite(times).any() else np.nan
