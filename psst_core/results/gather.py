"""The cube of a sweep, made from summaries: one labelled data set with a dimension for each axis of the grid."""

import contextlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr

from psst_core import plugins
from psst_core.arrays import Array
from psst_core.attributes import RUN, STATUS, file_units
from psst_core.configuration import Config
from psst_core.digest import code_digest
from psst_core.errors import PsstError
from psst_core.files import to_yaml, write_text
from psst_core.plan.before import remove_partial
from psst_core.plan.ledger import OTHER_RUNS
from psst_core.results.summary import OWNER, PER_RUN, summarise
from psst_core.store.dataset import read_whole, write
from psst_core.store.folder import PARTIAL, TWINS, Folder, SweepFolder
from psst_core.store.made import marking, recipe, remove_made
from psst_core.store.provenance import CONVENTIONS, now, source
from psst_core.store.records import record_of, table_of
from psst_core.sweep.lists import padded

BLANK: dict[str, tuple[str, Any]] = {
    "status": ("i1", STATUS["not_planned"]),
    "seed": ("i8", -1),
    "run_id": ("U16", ""),
}


def gather(folder: Path, plan: str, partial: bool = False) -> Path:
    """Write `sweep.nc` into the folder of a sweep, from its chunks' summaries, and the plan's records beside it.

    Args:
        folder: `results/<name>`.
        plan: the digest of the claimed plan.
        partial: whether to take only what is finished so far; it is written into `results/<name>/partial`.

    Returns:
        The folder that was written.

    Raises:
        PsstError: when a summary is missing, unreadable, or holds another run than planned.
    """
    sweep = SweepFolder(folder)
    home = sweep.home
    records = home.records(plan)
    table, config = records["csv"], records["yaml"]
    record = record_of(config, home.record_file(plan, "yaml"))

    def finished(chunk: str) -> xr.Dataset | None:
        return _summary(chunk, record, home)

    rows = table_of(table, home.record_file(plan, "csv"))
    if not partial:
        _check_finished(sweep, rows["chunk"].drop_duplicates(), record["analysis_digest"])

    def required(chunk: str) -> xr.Dataset | None:
        return _load_summary(home.summary_file(chunk, record["analysis_digest"]), record)

    def failed(chunk: str) -> bool:
        return home.state(chunk)[0] == "failed"

    result = cube(record, rows, finished if partial else required, failed)
    target = sweep.partial if partial else sweep
    with marking(target.path, target.gathered, gather_recipe(plan)):
        write(result, target.cube)
        write_text(target.table, table)
        write_text(target.configuration, config)
    if not partial:
        remove_partial(folder)
        remove_made(folder, [sweep.explore, *([] if TWINS in records else sweep.estimated)])
    return target.path


def gather_recipe(plan: str) -> str:
    """Return the recipe of a plan's cube: the digest of all its inputs."""
    return recipe([plan, gather_digest()])


def gather_digest() -> str:
    """Return a digest that changes with the code that makes cubes."""
    return code_digest(("psst_core.results.gather", "psst_core.store.dataset", "psst_core.results.error_estimate"))


def word_axes(record: Mapping[str, Any]) -> set[str]:
    """Return the names of axes of words, from the record of their sweep."""
    return {axis["name"] for axis in record["axes"] if axis.get("words")}


def typed(column: pd.Series, words: bool = False) -> Array:
    """Return a column as whole numbers, as numbers or as words: the first of these that fits.

    Args:
        words: whether the values are words, even where they look like numbers.
    """
    texts = column.to_numpy(str)
    for kind in () if words else (int, float):
        try:
            return texts.astype(kind)
        except ValueError:
            continue
    return texts


def cube(
    record: dict[str, Any],
    table: pd.DataFrame,
    summary: Callable[[str], xr.Dataset | None],
    failed: Callable[[str], bool] = lambda chunk: False,
) -> xr.Dataset:
    """Return the measures of all runs, with dimensions ([run,] axes…, network, trial, …).

    The last dimensions are those of the measure, such as population.

    There is a dimension `run` if axes move together; these axes are coordinates along it. A point in no row of the
    table has the status not_planned. A run without a summary has not_run, or failed.

    Args:
        record: the sweep's `config.yaml`.
        table: the sweep's `plan.csv`.
        summary: gives the summary of a chunk, by its name; None where there is none yet.
        failed: says whether a chunk has no summary because its job failed.

    Raises:
        PsstError: when a summary holds another run than planned.
    """
    config, axes = Config(record["config"]), record["axes"]
    words = word_axes(record)
    together = [axis["name"] for axis in axes if axis["dimension"] == RUN]
    dimensions: dict[str, Any] = {axis["name"]: axis["values"] for axis in axes if axis["dimension"] == axis["name"]}
    dimensions |= {name: range(count) for name, count in config.sweep.replicates.items()}
    points = table.drop_duplicates(RUN).sort_values(RUN, key=typed) if together else table
    dimensions = ({RUN: range(len(points))} if together else {}) | dimensions
    places = tuple(
        pd.Index([str(value) for value in values]).get_indexer(pd.Index(table[name]))
        for name, values in dimensions.items()
    )
    populations = list(config.network.populations)
    filled = Filling(tuple(map(len, dimensions.values())), populations, record["measures"])
    filled.arrays["run_id"][places] = table["run_id"].to_numpy(str)
    sources: set[str] = set()
    finished, rows = set[str](), table.groupby("chunk", sort=False).indices
    for chunk, mine in rows.items():
        at = tuple(place[mine] for place in places)
        if (found := summary(str(chunk))) is None:
            filled.arrays["status"][at] = STATUS["failed" if failed(str(chunk)) else "not_run"]
            continue
        position = table["position"].to_numpy(str)[mine].astype(int)
        wanted, ids = table["run_id"].to_numpy(str)[mine], found["run_id"]
        if ids.dims != ("run",) or position.max() >= ids.size or (ids.values[position] != wanted).any():
            file = Folder(Path()).summary_file(str(chunk), record["analysis_digest"])
            raise PsstError(f"{file}: {OTHER_RUNS}")
        filled.put(at, found, position)
        finished |= set(wanted)
        sources.add(found.attrs.get("source", source({})))
    result = xr.Dataset(
        filled.variables(tuple(dimensions)),
        {name: (name, np.asarray(values)) for name, values in dimensions.items()}
        | {name: (RUN, typed(points[name], name in words)) for name in together}
        | filled.coordinates
        | {"population": np.asarray(populations)},
    )
    for axis in axes:
        result[axis["name"]].attrs = axis_attributes(axis)
        if "lists" in axis:
            result = _with_lists(result, axis)
    title = config.description or record["experiment"]
    runs = table["run_id"].nunique()
    part = {PARTIAL: f"{len(finished)} of {runs} runs"} if len(finished) < runs else {}
    result.attrs = {
        **CONVENTIONS,
        "title": f"{title} (partial: {part[PARTIAL]})" if part else title,
        **({"institution": config.institution} if config.institution else {}),
        "source": "; ".join(sorted(sources)) or source({}),
        "history": f"{now()} gathered from {len(rows)} chunks",
        "experiment": record["experiment"],
        "overrides": " ".join(record["overrides"]),
        "configuration": to_yaml(config),
        **part,
    }
    return result


class Filling:
    """The variables of a cube while they are filled, chunk by chunk.

    A dimension that belongs to a measure, and `cell`, is as long as the union of what the chunks have along it. Where a
    run has nothing, there is NaN.

    Attributes:
        arrays: by name, an array over the sweep's dimensions and those of the variable.
        coordinates: of the dimensions that belong to measures; and of cells their population, unless runs differ in it.
    """

    def __init__(
        self, shape: tuple[int, ...], populations: Sequence[str], measures: Mapping[str, Mapping[str, Any]]
    ) -> None:
        self.shape, self.measures = shape, measures
        self.dims: dict[str, list[str]] = {name: [] for name in PER_RUN}
        self.dims |= {name: list(about["dims"]) for name, about in measures.items()}
        self.along = {dim: pd.Index(populations) for dim in ("population", "other")}
        self.arrays: dict[str, Array] = {}
        self.coordinates: dict[str, xr.Variable] = {}
        self.owners: list[xr.Variable] = []
        self._add()

    def put(self, at: tuple[Array, ...], found: xr.Dataset, position: Array) -> None:
        """Put runs of a summary into the cube.

        Args:
            at: where, on each of the sweep's dimensions.
            position: where the runs are in the summary.
        """
        mine = {str(dim): found.indexes.get(dim, pd.RangeIndex(size)) for dim, size in found.sizes.items()}
        for dim in {dim for dims in self.dims.values() for dim in dims}:
            self._widen(dim, mine[dim])
            if dim in found.variables and dim != "population":
                self.coordinates[dim] = xr.Variable(dim, self.along[dim].to_numpy(), found[dim].attrs)
        if OWNER in found:
            self.owners = [*self.owners[:2], found[OWNER].variable]
            if all(np.array_equal(owner.values, self.owners[0].values) for owner in self.owners):
                self.coordinates[OWNER] = self.owners[0]
            else:
                self.coordinates.pop(OWNER, None)
        for name, array in self.arrays.items():
            own = [self.along[dim].get_indexer(mine[dim]) for dim in self.dims[name]]
            places = (*(place.reshape(-1, *[1] * len(own)) for place in at), *(np.ix_(*own) if own else ()))
            array[places] = found[name].values[position]

    def variables(self, dims: tuple[str, ...]) -> dict[str, tuple[tuple[str, ...], Array, dict[str, Any]]]:
        """Return the variables; those of which no run has the dimensions are left out."""
        about = {name: {k: v for k, v in self.measures.get(name, {}).items() if k != "dims"} for name in self.dims}
        return {
            name: ((*dims, *self.dims[name]), self.arrays[name], about[name])
            for name in self.dims
            if name in self.arrays
        }

    def _widen(self, dim: str, values: pd.Index) -> None:
        known = self.along.get(dim)
        if known is not None and values.isin(known).all():
            return
        self.along[dim] = values if known is None else known.union(values)
        for name in [name for name in self.arrays if dim in self.dims[name]]:
            old, axis = self.arrays.pop(name), len(self.shape) + self.dims[name].index(dim)
            self._add()
            places: list[Any] = [slice(None)] * old.ndim
            places[axis] = self.along[dim].get_indexer(known)  # type: ignore[arg-type]
            self.arrays[name][tuple(places)] = old
        self._add()

    def _add(self) -> None:
        """Add an array for each variable whose dimensions are known by now."""
        for name, dims in self.dims.items():
            if name not in self.arrays and all(dim in self.along for dim in dims):
                self.arrays[name] = _blank(name, (*self.shape, *(len(self.along[dim]) for dim in dims)))


def _check_finished(sweep: SweepFolder, names: Iterable[str], analysis: str) -> None:
    home = sweep.home
    found = {name: home.summary_file(name, analysis).exists() for name in names}
    if missing := [name for name, there in found.items() if not there]:
        raise PsstError(
            f"{sweep.path}: {len(missing)} of {len(found)} chunks are not finished, {missing[0]} among them; start the "
            f"sweep again, or gather what there is: psst gather {sweep.path.name} --partial"
        )


def _with_lists(data: xr.Dataset, axis: Mapping[str, Any]) -> xr.Dataset:
    """Add the lists of an axis as numbers beside their texts, if they are numbers; NaN fills a shorter list."""
    name, coordinate = axis["name"], data[axis["name"]]
    numbers = padded([axis["lists"][text] for text in coordinate.values.tolist()])
    if numbers is None:
        return data
    inner = [f"{name}_{part}" for part in ("item", "part")[: numbers.ndim - 1]]
    attributes = {"long_name": f"{coordinate.attrs['long_name']}, one by one"} | (
        {"units": file_units(axis["unit"])} if "unit" in axis else {}
    )
    return data.assign_coords({f"{name}_values": ((*coordinate.dims, *inner), numbers, attributes)})


def axis_attributes(axis: Mapping[str, Any]) -> dict[str, str]:
    """Return the attributes of an axis: long name (`network size` for network.size), key, and unit if it has one."""
    key, unit = axis["key"], None if "lists" in axis else axis.get("unit")
    match key.split("."):
        case ["network", "populations", name, "mechanisms", *rest]:
            parts = [name, *rest]
        case ["network", "populations" | "synapses" | "projections", *rest]:
            parts = rest
        case [*rest]:
            parts = rest[1:] if len(rest) > 2 else rest
    words = " ".join(parts).replace("_", " ")
    return {"long_name": words, "key": key} | ({"units": file_units(unit)} if unit else {})


def _summary(chunk: str, record: dict[str, Any], home: Folder) -> xr.Dataset | None:
    """Return the summary of a chunk, None where it is not finished; compute it if its job has not made it yet.

    Raises:
        PsstError: where a measure fails.
    """
    with contextlib.suppress(PsstError):
        return _load_summary(home.summary_file(chunk, record["analysis_digest"]), record)
    try:
        data = read_whole(home.chunk_file(chunk))
    except PsstError:
        return None
    plugins.load()
    with data:  # `cube` compares its runs with the plan's
        return summarise(data, Config(record["config"])).load()


def _load_summary(path: Path, record: Mapping[str, Any]) -> xr.Dataset:
    with read_whole(path) as data:
        found = data.load()
    if missing := {*record["measures"], *PER_RUN} - set(map(str, found.variables)):
        raise PsstError(f"{path}: holds no {', '.join(sorted(missing))}; it is of another version, run snakemake again")
    return found


def _blank(name: str, shape: tuple[int, ...]) -> Array:
    kind, value = BLANK.get(name, ("f8", np.nan))
    return np.full(shape, value, dtype=kind)
