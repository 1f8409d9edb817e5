"""A finished sweep, opened lazily: its cube, its plan, and the spikes and potentials of any run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from psst_core import plugins
from psst_core.arrays import Array
from psst_core.attributes import REPLICATES, RUN, STATUS
from psst_core.configuration import Config
from psst_core.digest import code_of
from psst_core.errors import PsstError
from psst_core.files import from_yaml
from psst_core.measures.recordings import TRACE, RunData
from psst_core.plan.ledger import OTHER_RUNS
from psst_core.results.gather import typed, word_axes
from psst_core.store.dataset import read, read_cube, read_whole
from psst_core.store.folder import CUBE, Folder, SweepFolder
from psst_core.store.made import check_unchanged
from psst_core.store.manifest import read_manifest
from psst_core.store.records import AGAIN, read_record, read_table
from psst_core.sweep.lists import text_of
from psst_core.sweep.runs import Axis
from psst_core.written import number, scalar, shown

SHOWN = 20
ROUNDING = 4  # in units of the last place: a computed number may differ so far from the planned one


class Results:
    """An opened sweep: `results/<name>`, its finished part in `results/<name>/partial`, or the file of a cube alone.

    Attributes:
        folder: the folder of the sweep.
        alone: whether there is a cube's file and nothing else: measures, axes and configuration, but no runs.
        whole: whether chunks are compared with their checksums before they are opened. That takes as long as to read
            them.
    """

    def __init__(self, path: str | Path, whole: bool = False) -> None:
        self.whole = whole
        self.file = Path(path) if Path(path).is_file() else SweepFolder(Path(path)).cube
        self.folder = self.file.parent
        missing = [file for file in (self.files.table, self.files.configuration) if not file.is_file()]
        self.alone = self.file == Path(path) and (self.file.name != CUBE or bool(missing))
        if missing and not self.alone and self.files.note.is_file():
            raise PsstError(
                f"{self.folder}: is planned, but not gathered yet; {AGAIN}, or look at what is finished: psst gather "
                f"{self.folder.name} --partial, which makes {self.files.partial.path}"
            )
        if missing and not self.alone:
            raise PsstError(
                f"{self.folder}: holds no {missing[0].name}; is it the folder of a sweep, such as results/NAME? If so, "
                f"{AGAIN}"
            )

    @property
    def files(self) -> SweepFolder:
        """The paths of the sweep's files."""
        return SweepFolder(self.folder)

    @property
    def home(self) -> Folder:
        """The results folder that the sweep lies in, with the chunks of its runs."""
        return self.files.home

    @cached_property
    def cube(self) -> xr.Dataset:
        """The measures, from `sweep.nc`, over the axes of the grid and `run`, along which the other axes lie."""
        check_unchanged(self.folder, self.file)
        return read_cube(self.file)

    @cached_property
    def error_estimate(self) -> xr.Dataset:
        """The runs beside their twins at half the step, from `error_estimate.nc`; only with `numerics.check`."""
        check_unchanged(self.folder, file := self.files.error_estimate)
        with read(file) as found:
            return found.load()

    @cached_property
    def plan(self) -> pd.DataFrame:
        """The plan, a row a run: its place on `run` (if there is one), axes, replicate numbers, chunk and position."""
        if self.alone:
            raise PsstError(f"{self.file}: a cube alone, without its runs; they are where it was made: results/NAME")
        table = read_table(self.files.table)
        words = {"run_id", "chunk", *word_axes(self.record)}
        return table.assign(**{str(name): typed(table[name], name in words) for name in table})

    @cached_property
    def finished(self) -> pd.DataFrame:
        """The rows of the plan for which the cube has a result."""
        done = self.cube["status"].values < STATUS["not_run"]
        return self.plan[self.plan["run_id"].isin(self.cube["run_id"].values[done])]

    @cached_property
    def ok(self) -> pd.DataFrame:
        """The rows of the plan whose runs are ok."""
        found = self.cube["run_id"].values[self.cube["status"].values == STATUS["ok"]]
        return self.plan[self.plan["run_id"].isin(found)]

    @cached_property
    def record(self) -> dict[str, Any]:
        """The record in `config.yaml`: experiment, overrides, axes, resolved configuration.

        For a cube alone, its attributes.
        """
        if self.alone:
            attributes = self.cube.attrs
            axes = [
                {"key": axis.attrs["key"], "name": name, "dimension": axis.dims[0], "values": axis.values.tolist()}
                for name, axis in self.cube.coords.items()
                if "key" in axis.attrs
            ]
            asked = {"experiment": attributes["experiment"], "overrides": attributes["overrides"].split()}
            return asked | {"axes": axes, "config": from_yaml(attributes["configuration"])}
        return read_record(self.files.configuration)

    @cached_property
    def config(self) -> Config:
        """The resolved configuration of the sweep."""
        return Config(self.record["config"])

    @cached_property
    def axes(self) -> dict[str, Axis]:
        """The axes of the sweep, by name, in its order."""
        found = {}
        for axis in self.record["axes"]:
            name, dimension = axis["name"], axis["dimension"]
            values = axis["values"] if dimension == name else self.cube[name].values.tolist()
            found[name] = Axis(axis["key"], name, tuple(values), dimension, axis.get("lists", {}))
        return found

    @property
    def plugins(self) -> dict[str, str]:
        """The digest of the code of each plugin that made the runs, by module."""
        return dict(self.record.get("plugins") or {})

    def check_plugins(self) -> None:
        """Raise a PsstError unless the sweep's plugins are those of the current folder; import none of them."""
        plugins.locate()
        for module, made_with in self.plugins.items():
            if (here := code_of(module)) != made_with:
                what = "is not there" if here is None else "is another one there"
                raise PsstError(
                    f"{self.folder}: its runs were made with the plugin {module}, which {what} now; start in the "
                    "folder that has it as it was, or start the sweep again"
                )

    def _open(self, chunk: str, chunks: Mapping[str, int] | None = None) -> xr.Dataset:
        """Open the file of a chunk; raise where it is that of another one, or no chunk's."""
        data = (read_whole if self.whole else read)(file := self.home.chunk_file(chunk), chunks)
        if data.attrs.get("chunk") != chunk or "run_id" not in data:
            data.close()
            raise PsstError(f"{file}: is not the file of this chunk; delete it and {AGAIN}")
        return data

    def select(self, **point: object) -> pd.DataFrame:
        """Return the rows of the plan at a point, such as `select(coupling=0.5, solver="rk4", trial=0)` or `run_id=…`.

        `network` is the number of a replicate. If networks are an axis and one has that name, it is that choice.
        """
        rows, place = self.plan, ""
        names = [str(name) for name in self.plan if name not in ("chunk", "position")]
        keys = {axis.key: axis for axis in self.axes.values()}
        for name, value in point.items():
            if name in keys and (name not in names or str(value) in keys[name].values):
                name = keys[name].name
            if name not in names:
                raise PsstError(f"{name}={value}: no such axis; there are: {', '.join(names)}")
            column = rows[name]
            if (axis := self.axes.get(name)) is not None and axis.lists:
                value = text_of(value, axis.lists) or value
            match = _matches(column, value)
            if not match.any():
                raise PsstError(f"{name}={value}: not in the sweep{place}; there are: {_listed(column, value)}")
            rows, place = rows[match], f"{place or ' at'} {name}={value}"
        return rows

    def point(self, words: Sequence[str]) -> dict[str, Any]:
        """Convert words to a point for `select`: `network.coupling=0.5` or `coupling=0.5` to `{"coupling": "0.5"}`."""
        names = {axis.key: name for name, axis in self.axes.items() if axis.key not in REPLICATES}
        found = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not equals:
                raise PsstError(f"{word}: write key=value, such as network.coupling=0.5")
            found[names.get(key, key)] = value
        return found

    def only(self, point: Mapping[str, object]) -> pd.Series:
        """Return the row of the plan of the first network and trial at a point.

        Raises:
            PsstError: where the point leaves an axis open that has several values there.
        """
        rows = self.select(**point)
        for name in self.axes:
            if len(values := rows[name].drop_duplicates()) > 1:
                listed = ", ".join(map(str, values[:9]))
                raise PsstError(f"{name}: name one of its {len(values)} values there: {listed}")
        first: pd.Series = rows.sort_values(list(REPLICATES)).iloc[0]
        return first

    def run(self, **point: object) -> RunData:
        """Return the first run at a point.

        Raises:
            PsstError: when there is none, or its job has not finished.
        """
        row = self.select(**point).iloc[0]
        file = self.home.chunk_file(row["chunk"])
        if not file.exists():
            raise PsstError(f"{point}: no result yet; the job of chunk {row['chunk']} has not finished")
        position = int(row["position"])
        manifest = read_manifest(self.home.manifest_file(row["chunk"]))
        planned = manifest.runs[position]
        with self._open(str(row["chunk"])) as chunk:
            if not row["run_id"] == planned.id == chunk["run_id"].values[position]:
                raise PsstError(f"{file}: {OTHER_RUNS}")
            mine = np.flatnonzero(chunk["spike_run"].values == position)
            names = [str(name) for name in chunk.data_vars if str(name).startswith(TRACE)]
            traced = "traced_run" in chunk and position in chunk["traced_run"].values
            return RunData(
                {name: row[name] for name in (*self.axes, *REPLICATES)},
                dict(zip(chunk["population"].values, chunk["population_size"].values.tolist(), strict=True)),
                chunk["spike_time"].values[mine],
                chunk["spike_cell"].values[mine],
                chunk["mean_potential"].isel(run=position).load(),
                chunk[names].sel(traced_run=position).load() if traced else xr.Dataset(),
                manifest.config_of(planned),
                next(word for word, value in STATUS.items() if value == chunk["status"].values[position]),
                float(chunk["diverged_time"].values[position]),
            )

    def traced(self, **point: object) -> Iterator[pd.DataFrame]:
        """Yield, chunk by chunk, the finished rows at a point whose traces were kept.

        `trace` is their index in the chunk's file.
        """
        rows = self.select(**point)
        for chunk, mine in rows[rows["run_id"].isin(self.finished["run_id"])].groupby("chunk", sort=False):
            manifest = read_manifest(self.home.manifest_file(str(chunk)))
            kept = np.array([run.traced for run in manifest.runs])
            of_rows = mine["position"].to_numpy()
            found = mine.assign(trace=np.cumsum(kept)[of_rows] - 1)[kept[of_rows]]
            if len(found):
                yield found

    def traces(self, **point: object) -> xr.Dataset:
        """Return the traces of all finished runs at a point of which they were kept, opened lazily.

        The dimensions are (run, cell_of_<population>, time), with the runs' ids, axes, network and trial along `run`. A
        run that is shorter or has fewer cells is filled with NaN.

        Raises:
            PsstError: when no traces were kept there.
        """
        parts: list[xr.Dataset] = []
        order: list[int] = []
        for rows in self.traced(**point):
            chunk = self._open(str(rows["chunk"].iloc[0]), {"traced_run": 1, "time": -1})
            names = [str(name) for name in chunk.data_vars if str(name).startswith(TRACE)]
            part = chunk[names].drop_attrs(deep=False).isel(traced_run=rows["trace"].to_numpy()).drop_vars("traced_run")
            labels = {name: (RUN, np.array(rows[name].tolist())) for name in ("run_id", *self.axes, *REPLICATES)}
            parts.append(part.rename(traced_run=RUN).assign_coords(labels))
            order.extend(rows.index)
        if not parts and not self.select(**point)["run_id"].isin(self.finished["run_id"]).any():
            raise PsstError(f"{self.folder}: no run {f'at {point} ' if point else ''}is finished yet")
        if not parts:
            raise PsstError(
                f"{self.folder}: no traces were kept {f'at {point}' if point else 'of any run'}; name variables in "
                "recorder.variables, such as {pn: [v]}, and in recorder.runs of which runs (without it, of all)"
            )
        result = xr.concat(parts, RUN, data_vars="all", coords="minimal", compat="override", join="outer")
        result = result.isel(run=np.argsort(order)).assign_attrs(title=self.cube.attrs["title"])
        for name in ("run_id", *self.axes, *REPLICATES):
            result[name].attrs = self.cube[name].attrs
        return result


def _matches(column: pd.Series, value: object) -> Array:
    """Return where a column has a value: the exact one, or, for floats, the only one within rounding of it."""
    value = value.item() if isinstance(value, np.generic) else value
    values, match = column.to_numpy(), np.zeros(len(column), bool)
    if not pd.api.types.is_numeric_dtype(column):
        return match | column.isin([shown(value), str(value)]).to_numpy()
    asked = number(value) if isinstance(value, str) else value
    if isinstance(asked, bool) or not isinstance(asked, int | float) or not math.isfinite(asked):
        return match
    if values.dtype.kind == "i":
        return match | (values == int(asked)) if asked == int(asked) and abs(asked) < 2**63 else match
    near = np.unique(values[np.abs(values - asked) <= ROUNDING * np.spacing(abs(float(asked)))])
    if float(asked) not in near and len(near) != 1:
        return match
    match |= values == (float(asked) if float(asked) in near else near[0])
    return match


def _listed(column: pd.Series, value: object) -> str:
    """Return the values of a column as text; if there are many, their number and those closest to `value`."""
    values = column.drop_duplicates()
    if len(values) <= SHOWN:
        return ", ".join(map(str, values))
    value = scalar(value) if isinstance(value, str) else value
    if pd.api.types.is_numeric_dtype(values) and isinstance(value, int | float | np.number):
        values = values.iloc[np.argsort(np.abs(values.to_numpy() - value))[:3]]
        return f"{column.nunique():,} values, the nearest {', '.join(map(str, values))}"
    return f"{', '.join(map(str, values[:3]))}, … ({len(values):,} values)"


def open_sweep(path: str | Path, whole: bool = False) -> Results:
    """Open the sweep in a folder such as `results/locust_coupling`, or the file of a cube."""
    return Results(path, whole)
