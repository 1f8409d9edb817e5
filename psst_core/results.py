"""A finished sweep, opened lazily: its cube, its plan, and the spikes and potentials of any run."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from psst_core.dataset import REPLICATES, Array, read
from psst_core.errors import PsstError
from psst_core.files import from_yaml
from psst_core.keys import Config, put
from psst_core.ledger import CHUNKS, read_manifest
from psst_core.network import Network, connect


@dataclass(frozen=True)
class RunData:
    """What the chunk's file holds of one run.

    Attributes:
        point: its value on each axis and its replicate numbers.
        populations: cells by population.
        spike_time, spike_cell: one entry a spike, ms and index through all populations.
        mean_potential: [population, time], mV.
        traces: by `trace_population.variable`, [cell, time]; empty when none were kept.
        config: the resolved configuration.
    """

    point: dict[str, Any]
    populations: dict[str, int]
    spike_time: Array
    spike_cell: Array
    mean_potential: xr.DataArray
    traces: xr.Dataset
    config: Config

    def connections(self) -> dict[str, Array]:
        """By projection, the weights [post, pre] of the run's network, drawn again from its seed."""
        network = Network.from_config(self.config["network"])
        drawn = connect(network, self.config["run"]["seed"], int(self.point["network"]))
        sizes = network.sizes
        return {
            name: drawn[name].matrix(sizes[projection.post], sizes[projection.pre])
            for name, projection in network.projections.items()
        }


class Results:
    """A sweep in `results/<name>`.

    Attributes:
        folder: where it lies.
    """

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        for file in ("plan.csv", "config.yaml"):
            if not (self.folder / file).is_file():
                raise PsstError(f"{self.folder}: holds no {file}; is it the folder of a sweep, such as results/NAME?")

    @cached_property
    def cube(self) -> xr.Dataset:
        """`sweep.nc`: the measures, with a dimension for each axis."""
        return read(self.folder / "sweep.nc")

    @cached_property
    def error_estimate(self) -> xr.Dataset:
        """`error_estimate.nc`: runs beside their twins at half the step, where `numerics.check` asked for them."""
        return read(self.folder / "error_estimate.nc")

    @cached_property
    def plan(self) -> pd.DataFrame:
        """A row a run: its axes, replicate numbers, chunk and position."""
        return pd.read_csv(self.folder / "plan.csv", dtype={"run_id": str, "chunk": str})

    @cached_property
    def record(self) -> dict[str, Any]:
        """`config.yaml`: experiment, overrides, axes, resolved configuration."""
        content: dict[str, Any] = from_yaml((self.folder / "config.yaml").read_text(encoding="utf-8"))
        return content

    @property
    def axes(self) -> dict[str, list[Any]]:
        return {axis["name"]: axis["values"] for axis in self.record["axes"]}

    def select(self, **point: Any) -> pd.DataFrame:
        """The rows of the plan at a point, such as `select(coupling=0.5, solver="rk4", trial=0)`."""
        rows = self.plan
        for name, value in point.items():
            if name not in (*self.axes, *REPLICATES):
                raise PsstError(f"{name}={value}: no such axis; there are: {', '.join(self.axes)}, network, trial")
            column = rows[name]
            numbers = pd.api.types.is_numeric_dtype(column) and isinstance(value, int | float | np.number)
            match = np.isclose(column, value, rtol=1e-9, atol=0) if numbers else column.astype(str) == str(value)
            if not match.any():
                raise PsstError(f"{name}={value}: not in the sweep; there are: {', '.join(map(str, column.unique()))}")
            rows = rows[match]
        return rows

    def run(self, **point: Any) -> RunData:
        """The first run at a point."""
        rows = self.select(**point)
        if rows.empty:
            raise PsstError(f"{point}: no run there")
        row = rows.iloc[0]
        chunks, position = self.folder.parent / CHUNKS, int(row["position"])
        manifest = read_manifest(chunks / f"{row['chunk']}.json")
        planned = [run for batch in manifest["batches"] for run in batch][position]
        with read(chunks / f"{row['chunk']}.nc") as chunk:
            mine = np.flatnonzero(chunk["spike_run"].values == position)
            names = [str(name) for name in chunk.data_vars if str(name).startswith("trace_")]
            traced = "traced_run" in chunk and position in chunk["traced_run"].values
            return RunData(
                {name: row[name] for name in (*self.axes, *REPLICATES)},
                dict(zip(chunk["population"].values, chunk["population_size"].values.tolist(), strict=True)),
                chunk["spike_time"].values[mine],
                chunk["spike_cell"].values[mine],
                chunk["mean_potential"].isel(run=position).load(),
                chunk[names].sel(traced_run=position).load() if traced else xr.Dataset(),
                put(manifest["config"], planned["values"]),
            )


def open_sweep(folder: str | Path) -> Results:
    """Open the sweep in a folder such as `results/locust_coupling`."""
    return Results(folder)
