"""The file of a chunk while it is written."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import netCDF4
import numpy as np
import numpy.typing as npt

from psst_core.arrays import Array
from psst_core.attributes import ATTRIBUTES, LABELS, PLAIN, trace_name

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Shaped


COMPRESSION = {"zlib": True, "complevel": 4, "shuffle": True}


def stored(values: Float[Array, "*axes"], kind: npt.DTypeLike = np.float32) -> Float[Array, "*axes"]:
    """Convert values to the precision of the file. What is not finite, or beyond its range, becomes NaN."""
    with np.errstate(over="ignore"):
        narrow = values.astype(kind)
    return np.where(np.isfinite(narrow), narrow, narrow.dtype.type(np.nan))


class ChunkFile:
    """The file of a chunk while it is written: segment after segment, batch after batch.

    Args:
        path: where to write.
        runs: number of runs in all batches.
        sizes: cells by population.
        times: the sampling times, ms.
        traced: by `population.variable`, the cells of which traces are kept.
        traced_runs: the runs of which traces are kept, counted in the chunk.
        precision: of samples, float32 or float64.
        shape: (runs, samples) that are written at once.
        plain: whether the cells are plain systems instead of membranes.
    """

    def __init__(
        self,
        path: Path,
        runs: int,
        sizes: Mapping[str, int],
        times: Float[Array, " time"],
        traced: Mapping[str, list[int]],
        traced_runs: list[int],
        precision: str,
        shape: tuple[int, int],
        attributes: Mapping[str, object],
        plain: bool = False,
    ) -> None:
        self.path, self.file = path, netCDF4.Dataset(path, "w", format="NETCDF4")
        self.describe(attributes)
        self.traced_runs = np.asarray(traced_runs, dtype=int)
        cells = sum(sizes.values())
        for name, length in (("run", runs), ("population", len(sizes)), ("cell", cells), ("time", len(times))):
            self.file.createDimension(name, length)
        self.file.createDimension("spike", None)
        self._create("population", str, ("population",))[:] = np.array(list(sizes), dtype=object)
        self._create("population_size", "i4", ("population",))[:] = list(sizes.values())
        populations = np.arange(len(sizes), dtype="i2")
        variable = self._create("cell_population", "i2", ("cell",))
        variable[:] = np.repeat(populations, list(sizes.values()))
        variable.setncatts({"flag_values": populations, "flag_meanings": " ".join(sizes)})
        self._create("time", "f8", ("time",))[:] = times
        for name, kind in (("run_id", str), ("network", "i4"), ("trial", "i4"), ("seed", "i8"), ("status", "i1")):
            self._create(name, kind, ("run",))
        for name in ("diverged_time", "wall_time"):
            self._create(name, "f8", ("run",))
        for name in ("potential_mean", "potential_variance"):
            self._create(name, "f8", ("run", "cell"))
        sample = np.dtype(precision).str[1:]
        self._create("mean_potential", sample, ("run", "population", "time"), (shape[0], len(sizes), shape[1]))
        for name, attributes in PLAIN.items() if plain else ():
            self.file.variables[name].setncatts(attributes)
        for name, kind in (("spike_time", "f8"), ("spike_cell", "i4"), ("spike_run", "i4")):
            self._create(name, kind, ("spike",), (16384,))
        if traced:
            self.file.createDimension("traced_run", len(traced_runs))
            self._create("traced_run", "i4", ("traced_run",))[:] = traced_runs
        for key, of_cells in traced.items():
            population = key.partition(".")[0]
            dimension = f"cell_of_{population}"
            if dimension not in self.file.dimensions:
                self.file.createDimension(dimension, len(of_cells))
                numbers = self._create(dimension, "i4", (dimension,))
                numbers[:] = of_cells
                numbers.setncatts({"long_name": f"cell of {population}, counted from 0", "units": "1"})
            dims, chunks = ("traced_run", dimension, "time"), (1, len(of_cells), shape[1])
            variable = self._create(trace_name(key), sample, dims, chunks)
            variable.setncatts({"long_name": f"{key} of chosen cells", "variable": key})
            variable.setncatts({"units": "mV"} if key.endswith(".v") else {})

    @classmethod
    def resume(cls, path: Path) -> "ChunkFile":
        """Open a chunk's file in which something is still missing."""
        self = cls.__new__(cls)
        self.path, self.file = path, netCDF4.Dataset(path, "a")
        kept = self.file.variables.get("traced_run")
        self.traced_runs = np.asarray([] if kept is None else kept[:], dtype=int)
        return self

    @contextlib.contextmanager
    def closed(self) -> Iterator[Path]:
        """Close the file in this block, and open it again behind it. Yield its path."""
        self.file.close()
        yield self.path
        self.file = netCDF4.Dataset(self.path, "a")

    def write_runs(self, first: int, columns: Mapping[str, Shaped[Array, "run ..."]]) -> None:
        """Write columns of the runs from `first` on."""
        for name, values in columns.items():
            stop = first + len(values)
            self.file.variables[name][first:stop] = np.asarray(values, dtype=object) if name == "run_id" else values

    def write_samples(
        self,
        first_run: int,
        first_sample: int,
        mean: Float[Array, "population run sample"],
        traces: Mapping[str, Float[Array, "run _traced sample"]],
    ) -> None:
        """Write mean potentials and traces of a segment."""
        runs = slice(first_run, first_run + mean.shape[1])
        times = slice(first_sample, first_sample + mean.shape[2])
        potential = self.file.variables["mean_potential"]
        potential[runs, :, times] = stored(mean, potential.dtype).transpose(1, 0, 2)
        inside = (self.traced_runs >= runs.start) & (self.traced_runs < runs.stop)
        for key, trace in traces.items():
            for row in np.flatnonzero(inside):
                variable = self.file.variables[trace_name(key)]
                variable[row, :, times] = stored(trace[self.traced_runs[row] - first_run], variable.dtype)

    def write_spikes(self, time: Float[Array, " spike"], cell: Int[Array, " spike"], run: Int[Array, " spike"]) -> None:
        first = len(self.file.dimensions["spike"])
        for name, values in (("spike_time", time), ("spike_cell", cell), ("spike_run", run)):
            self.file.variables[name][first : first + len(values)] = values

    def order_spikes(self, batch: Int[Array, " run"]) -> None:
        """Put the spikes in the order of their batches. Batches that were integrated side by side wrote theirs mixed.

        Args:
            batch: for each run of the chunk, the number of its batch.
        """
        order = np.argsort(batch[self.file.variables["spike_run"][:].data], kind="stable")
        if (order[1:] < order[:-1]).any():
            for name in ("spike_time", "spike_cell", "spike_run"):
                self.file.variables[name][:] = self.file.variables[name][:].data[order]

    def describe(self, attributes: Mapping[str, object]) -> None:
        """Write global attributes, beside those that are there."""
        self.file.setncatts(dict(attributes))

    def close(self) -> None:
        if self.file.isopen():
            self.file.close()

    def _create(self, name: str, kind: Any, dims: tuple[str, ...], chunks: tuple[int, ...] | None = None) -> Any:
        compression: dict[str, Any] = {} if kind is str else dict(COMPRESSION)
        if chunks and kind is not str:
            lengths = [len(self.file.dimensions[dim]) or chunk for dim, chunk in zip(dims, chunks, strict=True)]
            compression["chunksizes"] = tuple(max(1, min(pair)) for pair in zip(chunks, lengths, strict=True))
        fill = np.nan if isinstance(kind, str) and kind.startswith("f") and (name,) != dims else None
        variable = self.file.createVariable(name, kind, dims, fill_value=fill, **compression)
        variable.setncatts(ATTRIBUTES.get(name, {}))
        labels = " ".join(LABELS[dim] for dim in dims if dim in LABELS)
        if labels and name not in labels.split():
            variable.setncatts({"coordinates": labels})
        return variable
