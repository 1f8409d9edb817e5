"""NetCDF files. Every variable has its dimensions, unit and long name, and every file is whole or not there."""

import contextlib
import functools
import hashlib
import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import netCDF4
import numpy as np
import xarray as xr

from psst_core.attributes import ATTRIBUTES, status_word
from psst_core.errors import PsstError
from psst_core.files import atomic, unwritable
from psst_core.store.chunk_file import COMPRESSION

# The variables and attributes that a checksum leaves out: where, when and how fast a file was made.
CIRCUMSTANCES = {"wall_time", "job_seconds", "start_seconds", "compile_seconds", "peak_memory", "processor", "host"}
CIRCUMSTANCES |= {"versions", "xla_flags", "history", "checksum", "created", "job_id", "command", "source"}
CIRCUMSTANCES |= {"git_commit", "git_dirty", "institution", "hardware", "partition", "gpus", "accelerator", "driver"}
BLOCK_BYTES = 16_000_000
HDF5 = b"\x89HDF\r\n\x1a\n"
END = {0: 40, 1: 44, 2: 28, 3: 28}  # by the version of its first block, where that says how long the file is
RENEW = "delete it and start the sweep again: snakemake with the same words"
IN_MEMORY = 2**28  # bytes; a file up to this size is opened from memory


def status_counts(data: xr.Dataset) -> dict[str, int]:
    """Count the runs by what became of them.

    Places that share a run count once; places without a run count once each.
    """
    ids, numbers = data["run_id"].values.ravel(), data["status"].values.ravel()
    planned = ids != ""
    once = np.unique(ids[planned], return_index=True)[1]
    numbers, counts = np.unique(np.append(numbers[planned][once], numbers[~planned]), return_counts=True)
    return {status_word(number): int(count) for number, count in zip(numbers, counts, strict=True)}


@contextlib.contextmanager
def atomic_netcdf(target: Path, sizes: Mapping[Any, int] | None = None) -> Iterator[Path]:
    """Yield a path to write to, as `atomic` does.

    Before the file takes its place it is opened, checked and given a checksum.

    Args:
        sizes: dimensions that it must have, with their lengths.

    Raises:
        PsstError: when it cannot be written, or its dimensions are others.
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
    """Compute the SHA-256 of a file's content. Files with the same data have the same one, however they were made."""
    with _opened(path) as file:
        return _checksum(file)


def _opened(path: Path) -> Any:
    """Open a file, from memory where it is small.

    It may be open in this process already, and NetCDF crashes where text is read twice.
    """
    small = path.stat().st_size <= IN_MEMORY
    return netCDF4.Dataset("in memory", memory=path.read_bytes()) if small else netCDF4.Dataset(path)


def _checksum(file: Any) -> str:
    file.set_auto_maskandscale(False)
    found = hashlib.sha256()

    def add(*entries: object) -> None:
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
    """Open one of PSST's files lazily.

    Args:
        chunks: for dask, by dimension; the variables are then computed only when asked for.

    Raises:
        PsstError: when it is missing or cannot be read.
    """
    with _naming_errors(path):
        return xr.open_dataset(path, engine="netcdf4", decode_timedelta=False, chunks=chunks)


@contextlib.contextmanager
def _naming_errors(path: Path) -> Iterator[None]:
    """Turn what is raised in this block, where a file cannot be read, into PSST's words."""
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
    """Open a file as `read` does, once its content is known to be what was written.

    Raises:
        PsstError: when it is missing or damaged, or its checksum is another.
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
    """Call `damage`, once as long as the file's times and size stay."""
    return damage(path)


def damage(path: Path) -> str | None:
    """Say what is wrong with the content of one of PSST's files; None where it is as it was written."""
    try:
        if path.stat().st_size > _end(path):
            return "changed since it was written, it goes on behind its end"
        with _opened(path) as file:
            written = getattr(file, "checksum", None)
            if written is None:
                return "foreign or damaged, it has no checksum of ours"
            return None if _checksum(file) == written else "changed since it was written, its checksum is another"
    except PermissionError as error:
        return f"cannot be read: {error.strerror}"
    except Exception:  # a damaged file makes NetCDF raise almost anything
        return "damaged, it cannot be read"


def _end(path: Path) -> float:
    """Return where an HDF5 file says that it ends, bytes; what goes on behind that is not read, but copied."""
    with path.open("rb") as file:
        head = file.read(64)
    place = END.get(head[8]) if head[:8] == HDF5 else None
    return math.inf if place is None else int.from_bytes(head[place : place + 8], "little")


def read_cube(path: Path) -> xr.Dataset:
    """Read a cube into memory.

    It must not stay open: netCDF ends the process where an open file is opened again and its text is read.

    Raises:
        PsstError: when it is missing or damaged, or no cube.
    """
    with _naming_errors(path), read(path) as file:
        found = file.load()
    runs = [name for name in ("status", "run_id") if name not in found]
    if runs or found["status"].dtype.kind != "i" or found["status"].dims != found["run_id"].dims:
        what = f"no {runs[0]}" if runs else "no status"
        raise PsstError(f"{path}: holds {what} of runs; it is no cube that psst gather made, gather the sweep again")
    return found
