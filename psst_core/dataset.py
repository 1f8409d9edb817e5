"""Numbers in files: every variable with its dimensions, unit and long name; every file whole or not there.

The files follow CF-1.11 but where it speaks of the earth. Words along a dimension, such as populations, have the
dimension's name, by which xarray selects; to CF they are labels. Time has no standard name, which would need a date
that it counts from. Spikes lie as in CF's indexed ragged arrays, but do not claim to be one: its feature types need
longitudes.
"""

import contextlib
import functools
import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import numpy.typing as npt
import xarray as xr

from psst_core.errors import PsstError
from psst_core.files import atomic, unwritable

Array = npt.NDArray[Any]
REPLICATES = ("network", "trial")
STATUS = {"ok": 0, "diverged": 1, "not_run": 2, "not_planned": 3, "failed": 4}
COMPRESSION = {"zlib": True, "complevel": 4, "shuffle": True}
# What a checksum leaves out: where, when and how fast a file was made.
CIRCUMSTANCES = {"wall_time", "job_seconds", "start_seconds", "compile_seconds", "peak_memory", "processor", "host"}
CIRCUMSTANCES |= {"versions", "xla_flags", "history", "checksum", "created", "job_id", "command", "source"}
CIRCUMSTANCES |= {"git_commit", "git_dirty", "institution", "hardware", "partition", "gpus", "accelerator", "driver"}
BLOCK_BYTES = 16_000_000
RENEW = "delete it and start the sweep again: snakemake with the same words"
IN_MEMORY = 2**28  # bytes of a file

ATTRIBUTES: dict[str, dict[str, Any]] = {
    "firing_rate": {"long_name": "firing rate", "units": "Hz"},
    "active_share": {"long_name": "share of cells that fire", "units": "1"},
    "isi_cv": {
        "long_name": "variation of intervals",
        "units": "1",
        "comment": "coefficient of variation of a cell's intervals, mean over cells with 3 or more; NaN without any",
    },
    "isi_count": {"long_name": "number of inter-spike intervals", "units": "1"},
    "synchrony": {
        "long_name": "synchrony χ",
        "units": "1",
        "comment": "Golomb's measure of the membrane potential: 1 when all cells move as one",
        "references": "Golomb & Rinzel 1993, doi:10.1103/PhysRevE.48.4810",
    },
    "dominant_frequency": {
        "long_name": "dominant frequency",
        "units": "Hz",
        "comment": "where the spectrum of the population's mean potential is largest in the band; NaN at an end of it",
    },
    "band_power": {
        "long_name": "oscillation power",
        "units": "mV^2",
        "comment": "power of the population's mean potential in the band",
    },
    "band_ratio": {
        "long_name": "oscillation over background",
        "units": "1",
        "comment": "mean spectral density in the band over that outside it, up to analysis.background",
    },
    "status": {
        "long_name": "what became of the run",
        "units": "1",
        "flag_values": np.array(list(STATUS.values()), dtype="i1"),
        "flag_meanings": " ".join(STATUS),
    },
    "diverged_time": {"long_name": "time at which the run was first seen not finite", "units": "ms"},
    "wall_time": {"long_name": "share of the job's wall time", "units": "s"},
    "run_id": {"long_name": "digest of what the run computes"},
    "run": {"long_name": "point of the axes that move together", "units": "1"},
    "seed": {"long_name": "base seed, run.seed; with network and trial it gives every random number", "units": "1"},
    "network": {"long_name": "network replicate", "units": "1"},
    "trial": {"long_name": "trial on one network", "units": "1"},
    "population": {"long_name": "population"},
    "population_size": {"long_name": "number of cells", "units": "1"},
    "cell_population": {"long_name": "population of the cell, counted from 0", "units": "1"},
    "time": {"long_name": "time", "units": "ms"},
    "mean_potential": {"long_name": "mean membrane potential of the population", "units": "mV"},
    "potential_mean": {"long_name": "mean membrane potential of the cell in the window", "units": "mV"},
    "potential_variance": {
        "long_name": "variance of the membrane potential of the cell in the window",
        "units": "mV^2",
    },
    "spike_time": {"long_name": "end of the step in which v crossed the threshold upward", "units": "ms"},
    "spike_cell": {"long_name": "cell that fired, counted through all populations", "units": "1"},
    "spike_run": {"long_name": "run of the spike, counted from 0 along run", "units": "1"},
    "traced_run": {"long_name": "run of which traces are kept, counted from 0 along run", "units": "1"},
}

LABELS = {"run": "run_id network trial", "cell": "cell_population", "spike": "spike_run spike_cell"}

PLAIN = {
    "mean_potential": {"long_name": "mean of the first variable over the population", "units": "1"},
    "potential_mean": {"long_name": "mean of the cell's first variable in the window", "units": "1"},
    "potential_variance": {"long_name": "variance of the cell's first variable in the window", "units": "1"},
}


def status_word(number: Any) -> str:
    """For people, what became of a run: `not run`."""
    return next(word for word, value in STATUS.items() if value == number).replace("_", " ")


def status_counts(data: xr.Dataset) -> dict[str, int]:
    """By what became of them, how many runs; places that share a run count once, places without one each."""
    ids, numbers = data["run_id"].values.ravel(), data["status"].values.ravel()
    planned = ids != ""
    once = np.unique(ids[planned], return_index=True)[1]
    numbers, counts = np.unique(np.append(numbers[planned][once], numbers[~planned]), return_counts=True)
    return {status_word(number): int(count) for number, count in zip(numbers, counts, strict=True)}


@contextlib.contextmanager
def atomic_netcdf(target: Path, sizes: Mapping[Any, int] | None = None) -> Iterator[Path]:
    """As `atomic`; before it takes its place the file is opened and read again, and given its checksum.

    Args:
        sizes: dimensions that it must have.

    Raises:
        PsstError: when it cannot be written, or is not what was written.
    """
    with atomic(target) as beside:
        try:
            yield beside
            with netCDF4.Dataset(beside, "a") as file:
                found = {name: len(dimension) for name, dimension in file.dimensions.items()}
                if found != found | dict(sizes or {}):
                    raise PsstError(f"{target}: was written with dimensions {found} in place of {dict(sizes or {})}")
                file.checksum = _checksum(file)
        except RuntimeError as error:
            if not str(error).startswith("NetCDF"):
                raise
            raise unwritable(target, error) from error


def checksum(path: Path) -> str:
    """SHA-256 of a file's content: two that agree hold the same data, whenever, wherever and in what pieces made."""
    with _opened(path) as file:
        return _checksum(file)


def _opened(path: Path) -> Any:
    """A file that may be open in this process already: from memory, as NetCDF crashes where text is read twice."""
    small = path.stat().st_size <= IN_MEMORY
    return netCDF4.Dataset("in memory", memory=path.read_bytes()) if small else netCDF4.Dataset(path)


def _checksum(file: Any) -> str:
    file.set_auto_maskandscale(False)
    found = hashlib.sha256()

    def add(*entries: Any) -> None:
        found.update(json.dumps(entries, ensure_ascii=False).encode() + b"\n")

    def attributes(of: Any) -> list[Any]:
        values = {name: np.asarray(of.getncattr(name)) for name in sorted(of.ncattrs()) if name not in CIRCUMSTANCES}
        return [[name, value.dtype.str, value.tolist()] for name, value in values.items()]

    add(sorted((name, len(dimension)) for name, dimension in file.dimensions.items()))
    for name in sorted(file.variables.keys() - CIRCUMSTANCES):
        variable = file.variables[name]
        text = variable.dtype is str
        add(name, "str" if text else variable.dtype.str, variable.dimensions, attributes(variable))
        rows = variable.shape[0] if variable.shape else 1
        step = rows if text else max(1, BLOCK_BYTES * rows // max(1, variable.size * variable.dtype.itemsize))
        for first in range(0, rows, max(1, step)):
            block = variable[first : first + step] if variable.shape else variable[...]
            if text:
                add(np.asarray(block).tolist())
            else:
                found.update(block.tobytes())
    add(attributes(file))
    return found.hexdigest()


def write(dataset: xr.Dataset, target: Path) -> None:
    """Write a data set whole or not at all, with the attributes of its variables."""
    for name, variable in dataset.variables.items():
        variable.attrs = ATTRIBUTES.get(str(name), {}) | variable.attrs
    encoding: dict[Any, dict[str, Any]] = {name: {"_FillValue": None} for name in dataset.coords}
    encoding |= {name: COMPRESSION for name, v in dataset.data_vars.items() if v.dtype.kind in "iuf" and v.ndim}
    with atomic_netcdf(target, dataset.sizes) as beside:
        dataset.to_netcdf(beside, engine="netcdf4", encoding=encoding)


def read(path: Path, chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """Open a file of ours lazily.

    Args:
        chunks: for dask, by dimension; its variables are then computed only when asked for.

    Raises:
        PsstError: when it is missing or cannot be read.
    """
    with _told(path):
        return xr.open_dataset(path, engine="netcdf4", decode_timedelta=False, chunks=chunks)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Say in our words that a file cannot be read."""
    try:
        yield
    except PsstError:
        raise
    except FileNotFoundError as error:
        raise PsstError(f"{path}: is missing; start the sweep again: snakemake with the same words") from error
    except PermissionError as error:
        raise PsstError(f"{path}: cannot be read: {error.strerror}") from error
    except (OSError, ValueError, RuntimeError, LookupError, AttributeError, TypeError) as error:
        raise PsstError(f"{path}: cannot be read, it is damaged or no NetCDF file; {RENEW}") from error


def read_whole(path: Path, chunks: Mapping[str, int] | None = None) -> xr.Dataset:
    """As `read`, where the file's content is what was written.

    Raises:
        PsstError: also when it is damaged, or its checksum is another.
    """
    if path.is_file():
        check_whole(path)
    return read(path, chunks)


def check_whole(path: Path) -> None:
    """Raise when the content of a file is not what was written."""
    stat = path.stat()
    if (why := _damage(path, stat.st_mtime_ns, stat.st_size, stat.st_ino)) is not None:
        raise PsstError(f"{path}: {why}; {RENEW}")


@functools.lru_cache(maxsize=4096)
def _damage(path: Path, *_: int) -> str | None:
    """The same, asked once while the times and the size of the file stay."""
    return damage(path)


def damage(path: Path) -> str | None:
    """What is wrong with the content of a file of ours; None where it is as it was written."""
    try:
        with _opened(path) as file:
            written = getattr(file, "checksum", None)
            if written is None:
                return "foreign or damaged, it has no checksum of ours"
            return None if _checksum(file) == written else "changed since it was written, its checksum is another"
    except PermissionError as error:
        return f"cannot be read: {error.strerror}"
    except Exception:  # a damaged file makes NetCDF raise almost anything
        return "damaged, it cannot be read"


def read_cube(path: Path) -> xr.Dataset:
    """A cube, in memory: netCDF ends the process where a file that is open is opened once more and its words are read.

    Raises:
        PsstError: also when it is another kind of file.
    """
    with _told(path), read(path) as file:
        found = file.load()
    runs = [name for name in ("status", "run_id", "undefined") if name not in found]
    if runs or found["status"].dtype.kind != "i" or found["status"].dims != found["run_id"].dims:
        what = f"no {runs[0]}" if runs else "no status"
        raise PsstError(f"{path}: holds {what} of runs; it is no cube that psst gather made, gather the sweep again")
    return found


def stored(values: Array, kind: Any = np.float32) -> Array:
    """In the precision of the file; what is not finite or beyond its range is NaN."""
    with np.errstate(over="ignore"):
        narrow = values.astype(kind)
    return np.where(np.isfinite(narrow), narrow, narrow.dtype.type(np.nan))


def file_units(text: str) -> str:
    """A unit as UDUNITS and Pint both read it: cm^2 for cm2, and mol/L for M, which UDUNITS lacks."""
    return re.sub(r"([A-Za-z)])(\d)", r"\1^\2", re.sub(r"\b([a-z]?)M(?![A-Za-z])", r"(\1mol/L)", text))


def trace_name(key: str) -> str:
    """Of the traces of `population.variable` in a file."""
    return f"trace_{key.replace('.', '_')}"


class ChunkFile:
    """The file of a chunk while it is written: segment by segment, batch after batch.

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
        times: Array,
        traced: Mapping[str, list[int]],
        traced_runs: list[int],
        precision: str,
        shape: tuple[int, int],
        attributes: Mapping[str, Any],
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
        """A file of ours in which something is still missing."""
        self = cls.__new__(cls)
        self.path, self.file = path, netCDF4.Dataset(path, "a")
        kept = self.file.variables.get("traced_run")
        self.traced_runs = np.asarray([] if kept is None else kept[:], dtype=int)
        return self

    @contextlib.contextmanager
    def closed(self) -> Iterator[Path]:
        """The path of the file, which is closed meanwhile."""
        self.file.close()
        yield self.path
        self.file = netCDF4.Dataset(self.path, "a")

    def write_runs(self, first: int, columns: Mapping[str, Array]) -> None:
        """Columns of the runs from `first` on."""
        for name, values in columns.items():
            stop = first + len(values)
            self.file.variables[name][first:stop] = np.asarray(values, dtype=object) if name == "run_id" else values

    def write_samples(self, first_run: int, first_sample: int, mean: Array, traces: Mapping[str, Array]) -> None:
        """Mean potentials [population, run, sample] and traces [run, cell, sample] of a segment."""
        runs = slice(first_run, first_run + mean.shape[1])
        times = slice(first_sample, first_sample + mean.shape[2])
        potential = self.file.variables["mean_potential"]
        potential[runs, :, times] = stored(mean, potential.dtype).transpose(1, 0, 2)
        inside = (self.traced_runs >= runs.start) & (self.traced_runs < runs.stop)
        for key, trace in traces.items():
            for row in np.flatnonzero(inside):
                variable = self.file.variables[trace_name(key)]
                variable[row, :, times] = stored(trace[self.traced_runs[row] - first_run], variable.dtype)

    def write_spikes(self, time: Array, cell: Array, run: Array) -> None:
        first = len(self.file.dimensions["spike"])
        for name, values in (("spike_time", time), ("spike_cell", cell), ("spike_run", run)):
            self.file.variables[name][first : first + len(values)] = values

    def order_spikes(self, batch: Array) -> None:
        """Put the spikes of batches that were integrated side by side one batch after the other.

        Args:
            batch: of each run, its batch.
        """
        order = np.argsort(batch[self.file.variables["spike_run"][:].data], kind="stable")
        if (order[1:] < order[:-1]).any():
            for name in ("spike_time", "spike_cell", "spike_run"):
                self.file.variables[name][:] = self.file.variables[name][:].data[order]

    def describe(self, attributes: Mapping[str, Any]) -> None:
        """Global attributes, beside those given before."""
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
