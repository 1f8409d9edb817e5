"""The error estimate: runs beside their twins at half the step.

It says when spikes first shift, and by how much measures differ.
"""

from __future__ import annotations

import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES, STATUS, scalar_measures
from psst_core.configuration import Config
from psst_core.files import write_text
from psst_core.results.gather import axis_attributes, gather_digest, typed, word_axes
from psst_core.store.dataset import read, read_whole, write
from psst_core.store.folder import TWINS, Folder, SweepFolder
from psst_core.store.made import check_unchanged, marking, recipe
from psst_core.store.provenance import derived
from psst_core.store.records import record_of, table_of

if TYPE_CHECKING:
    from jaxtyping import Float, Int


SHIFT = 1.0
Spikes = tuple["Float[Array, ' spike']", "Int[Array, ' spike']", "Int[Array, ' run']"]  # times, cells, edges of runs


def estimate(folder: Path, plan: str) -> None:
    """Write `error_estimate.nc` and the table of twins, `twins.csv`, into the folder of a gathered sweep.

    Args:
        folder: `results/<name>`.
        plan: the digest of the claimed plan.
    """
    sweep = SweepFolder(folder)
    records = sweep.home.records(plan)
    runs, twins = records["csv"], records[TWINS]
    record = record_of(records["yaml"], sweep.home.record_file(plan, "yaml"))
    different = table_of(runs, plan).drop_duplicates("run_id")
    pairs = different.merge(table_of(twins, plan), on="run_id", suffixes=("", "_of_twin"))
    pairs = pairs.sort_values(["chunk", "chunk_of_twin"], ignore_index=True)
    with marking(folder, sweep.estimated, estimate_recipe(folder, plan)):
        check_unchanged(folder, sweep.cube)
        with read(sweep.cube) as cube:
            write(compare(record, pairs, sweep.home.path, cube), sweep.error_estimate)
        write_text(sweep.twins, twins)


def estimate_recipe(folder: Path, plan: str) -> str:
    """Return the recipe of a plan's error estimate: the digest of all its inputs."""
    return recipe([plan, gather_digest()], SweepFolder(folder).cube)


def compare(record: dict[str, Any], pairs: pd.DataFrame, results: Path, cube: xr.Dataset) -> xr.Dataset:
    """Compare each run with its twin; return dimensions (run, population), with the runs' points as coordinates.

    `first_shift` is the time of the first spike that the twin has more than 1 ms earlier or later, or not at all. It is
    NaN where there is none, and where one of the two has `diverged`. `delta_M` is measure M of the twin minus that of
    the run. `spread_M` is the standard deviation of M between trials at the run's point, pooled over networks; with a
    single trial it is NaN.

    Args:
        record: the sweep's `config.yaml`.
        pairs: the rows of `plan.csv` whose runs have twins, with the columns of `twins.csv`.
        results: the results folder.
        cube: the sweep's `sweep.nc`.
    """
    folder = Folder(results)

    @functools.lru_cache(maxsize=4)
    def spikes(chunk: str) -> tuple[Spikes, Int[Array, " cell"], float]:
        with read_whole(folder.chunk_file(chunk)) as file:
            end = float(file["time"][-1]) + Config(record["config"]).recorder.interval
            return _by_run(file), file["cell_population"].values, end

    @functools.lru_cache(maxsize=4)
    def summary(chunk: str) -> xr.Dataset:
        with read_whole(folder.summary_file(chunk, record["analysis_digest"])) as file:
            return file[[*measures, "status"]].load()

    measures = scalar_measures(cube)
    populations = cube["population"].values
    shape = (len(pairs), len(populations))
    values = {name: np.full(shape, np.nan) for name in ("first_shift", *(f"delta_{name}" for name in measures))}
    lost, longest = np.zeros(len(pairs), "i1"), 0.0
    places = zip(pairs["chunk"], pairs["position"], pairs["chunk_of_twin"], pairs["position_of_twin"], strict=True)
    for number, (chunk, position, other, other_position) in enumerate(places):
        here, there = int(position), int(other_position)
        found, owner, duration = spikes(chunk)
        longest = max(longest, duration)
        shift = first_shifts(_of(here, *found), _of(there, *spikes(other)[0]), len(owner), duration)
        if all(summary(one)["status"].values[at] == STATUS["ok"] for one, at in ((chunk, here), (other, there))):
            values["first_shift"][number] = [_earliest(shift[owner == i]) for i in range(len(populations))]
        else:
            lost[number] = 1
        for name in measures:
            difference = summary(other)[name].values[there] - summary(chunk)[name].values[here]
            values[f"delta_{name}"][number] = difference
    replicates = cube.sizes["network"] * cube.sizes["trial"]
    ids, first = np.unique(cube["run_id"].values, return_index=True)
    points = first[np.searchsorted(ids, pairs["run_id"].to_numpy(str))] // replicates
    for name in measures:
        spread = cube[name].var("trial", ddof=1).mean("network") ** 0.5
        values[f"spread_{name}"] = spread.values.reshape(-1, len(populations))[points]
    axes = {axis["name"]: axis_attributes(axis) for axis in record["axes"]}
    words = word_axes(record)
    columns = {name: typed(pairs[name], name in words) for name in (*axes, *REPLICATES)}
    coordinates = {name: ("run", column, axes.get(name, {})) for name, column in columns.items()}
    coordinates |= {name: ("run", pairs[name].to_numpy(str), {}) for name in ("run_id", "twin_id")}
    result = xr.Dataset(
        {name: (("run", "population"), array) for name, array in values.items()},
        coordinates | {"population": populations},
    )
    result["diverged"] = (("run",), lost, {"long_name": "whether the run or its twin has diverged", "units": "1"})
    result["first_shift"].attrs = {"long_name": "time of the first spike shifted by more than 1 ms", "units": "ms"}
    for name in measures:
        long_name, unit = (cube[name].attrs[key] for key in ("long_name", "units"))
        result[f"delta_{name}"].attrs = {"long_name": f"{long_name} at dt/2 minus that at dt", "units": unit}
        result[f"spread_{name}"].attrs = {"long_name": f"{long_name}, s.d. between trials", "units": unit}
    result.attrs = derived(cube.attrs, "Runs beside their twins at half the step", "compared with twins")
    result.attrs["duration"] = longest
    return result


def first_shifts(
    run: tuple[Float[Array, " spike"], Int[Array, " spike"]],
    twin: tuple[Float[Array, " other"], Int[Array, " other"]],
    cells: int,
    duration: float,
) -> Float[Array, " {cells}"]:
    """Return when each cell's first shifted spike occurs, ms; NaN where none is shifted.

    A spike is shifted if the twin has it more than 1 ms earlier or later, or not at all. The spikes of a cell are
    compared in their order. A spike that is missing within 1 ms of the end is no difference.

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


def _by_run(chunk: xr.Dataset) -> Spikes:
    """Return the times [ms] and cells of a chunk's spikes, sorted by run, and the edges between the runs."""
    run = chunk["spike_run"].values
    order = np.argsort(run, kind="stable")
    edges = np.searchsorted(run[order], np.arange(chunk.sizes["run"] + 1))
    return chunk["spike_time"].values[order], chunk["spike_cell"].values[order], edges


def _of(
    run: int, time: Float[Array, " spike"], cell: Int[Array, " spike"], edges: Int[Array, " run"]
) -> tuple[Float[Array, " own"], Int[Array, " own"]]:
    mine = slice(edges[run], edges[run + 1])
    return time[mine], cell[mine]


def _earliest(times: Float[Array, " cell"]) -> float:
    return float(np.nanmin(times)) if np.isfinite(times).any() else np.nan
