"""The summary of a chunk: the measures of its runs."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from psst_core import plugins
from psst_core.arrays import Array
from psst_core.attributes import ATTRIBUTES, REPLICATES
from psst_core.configuration import Config
from psst_core.errors import PsstError, named
from psst_core.measures.base import Dimension, Measure
from psst_core.measures.chosen import KEY, analysis_digest, described, dimension, measures_of, variable_name
from psst_core.measures.recordings import Recordings, recordings
from psst_core.store.dataset import read_whole, write
from psst_core.store.folder import Folder
from psst_core.store.manifest import read_claim
from psst_core.store.provenance import derived
from psst_core.store.records import AGAIN

OWNER = "cell_population"
PER_RUN = ("status", "diverged_time", "wall_time", "seed", "run_id")
ROUNDING = 1e-6  # of the width of a range: how far a number may lie outside it


def summarise(chunk: xr.Dataset, config: Config, before: Iterable[xr.Dataset] = ()) -> xr.Dataset:
    """Return the measures of each run of a chunk, with dimensions (run, …).

    A measure is NaN where the run is not ok, and where it means nothing in this run, such as the intervals of cells
    that are silent. It is undefined then.

    Args:
        chunk: a chunk's file.
        config: its `analysis` says which measures.
        before: earlier summaries of the chunk; what measures with the same digest gave is taken from there.

    Raises:
        PsstError: where a measure gives what it may not, or its code fails.
    """
    measures, variables = measures_of(config), described(config)
    found = chunk[[*PER_RUN, *REPLICATES]].drop_encoding().load()
    found = found.assign(_taken(variables, found, before))
    missing = {name: measure for name, measure in measures.items() if not _has(found, name, variables)}
    for name, (dims, values, coordinates) in _computed(chunk, config, missing).items():
        variable = xr.Variable(("run", *dims), values, variables[name])
        found = found.assign_coords(coordinates).assign({name: variable})
    for name, about in variables.items():
        found[name].attrs = {key: value for key, value in about.items() if key != "dims"}
    found = found[[*PER_RUN, *REPLICATES, *variables]]
    found.attrs = derived(chunk.attrs, "Measures of the runs of a PSST chunk", "summarised")
    labels = {
        dim: (dim, chunk["population"].values, ATTRIBUTES[dim]) for dim in ("population", "other") if dim in found.dims
    }
    if "cell" in found.dims and OWNER in chunk:
        labels[OWNER] = ("cell", chunk[OWNER].values, chunk[OWNER].attrs)
    return found.assign_coords(labels)


def _has(found: xr.Dataset, measure: str, variables: Mapping[str, Mapping[str, Any]]) -> bool:
    return all(name in found for name, about in variables.items() if about["measure"] == measure)


def _taken(
    variables: Mapping[str, Mapping[str, Any]], chunk: xr.Dataset, before: Iterable[xr.Dataset]
) -> dict[str, xr.DataArray]:
    """Return what measures with the same digests gave before for the same runs."""
    taken: dict[str, xr.DataArray] = {}
    for summary in before:
        if len(taken) == len(variables) or not summary["run_id"].equals(chunk["run_id"]):
            continue
        for name, about in variables.items():
            if name not in taken and name in summary and summary[name].attrs.get("digest") == about["digest"]:
                taken[name] = summary[name].load()
    return taken


def _computed(
    chunk: xr.Dataset, config: Config, measures: Mapping[str, Measure]
) -> dict[str, tuple[tuple[str, ...], Array, dict[str, xr.Variable]]]:
    """Compute measures; return dimensions, values [run, …] and coordinates of each variable."""
    if not measures:
        return {}
    parts: dict[str, list[tuple[Array, Sequence[str], dict[str, xr.Variable]]]] = {}
    interval = config.recorder.interval
    for block in recordings(chunk):
        for name, measure in measures.items():
            kind = config.analysis.measures[name]["type"]
            with named(f"{KEY}.{name}"):
                for own, values, dims, along in _measured(measure, block, interval):
                    coordinates = {
                        dimension(dim, name): xr.Variable(dimension(dim, name), found.values, found.attributes)
                        for dim, found in along.items()
                    }
                    full = variable_name(own, name, kind)
                    parts.setdefault(full, []).append((values, [dimension(dim, name) for dim in dims], coordinates))
    return {
        name: (tuple(of[0][1]), np.concatenate([values for values, *_ in of]), of[0][2]) for name, of in parts.items()
    }


def _measured(
    measure: Measure, block: Recordings, interval: float
) -> Iterator[tuple[str, Array, tuple[str, ...], dict[str, Dimension]]]:
    """Yield name, values, dimensions and coordinates of each variable of a measure, for some runs."""
    own = measure.coordinates(block)
    for dim, coordinate in own.items():
        if np.asarray(coordinate.values).dtype.kind == "f" and not np.isfinite(coordinate.values).all():
            raise PsstError(f"coordinates: those of {dim} must be finite numbers")
    lengths = {"population": len(block.sizes), "other": len(block.sizes), "cell": int(block.sizes.sum())}
    lengths |= {dim: len(coordinate.values) for dim, coordinate in own.items()}
    found = measure.of_runs(block) if block.covers(measure.span) else {}
    for name, variable in measure.described(interval).items():
        for dim in variable.dims:
            if dim not in lengths:
                raise PsstError(f"{name} has the dimension {dim}, of which `coordinates` of the measure says nothing")
        shape = (len(block), *(lengths[dim] for dim in variable.dims))
        given = np.asarray(found[name] if found else np.full(shape, np.nan))
        if given.dtype.kind not in "biuf":
            raise PsstError(f"{name} came as {given.dtype.name}; it must be real numbers")
        values = given.astype(float)
        if values.shape != shape:
            wanted = f"[{', '.join(('run', *variable.dims))}] = {list(shape)}"
            raise PsstError(f"{name} came with the shape {list(values.shape)}; it must be {wanted}")
        values = np.where(block.ok.reshape(-1, *[1] * (values.ndim - 1)), values, np.nan)
        slack = ROUNDING * (variable.high - variable.low if np.isfinite([variable.low, variable.high]).all() else 1.0)
        wrong = np.isinf(values) | (values < variable.low - slack) | (values > variable.high + slack)
        if wrong.any():
            run = block.chunk["run_id"].values[block.runs][np.argwhere(wrong)[0][0]]
            raise PsstError(
                f"{name} is {values[wrong][0]:g} in run {run}, outside its range from {variable.low:g} to "
                f"{variable.high:g}; return NaN where it means nothing"
            )
        yield name, values, variable.dims, {dim: own[dim] for dim in variable.dims if dim in own}


def write_summary(chunk: Path, target: Path, config: Config) -> None:
    """Write the measures of a chunk's runs, if its file holds the runs of its manifest, as they were written.

    What stands in earlier summaries of the chunk is taken from there.

    Raises:
        PsstError: when the file does not, or when the code of a measure is another than when the sweep was planned.
    """
    plugins.load()
    home = Folder.of_chunk(chunk)
    if target.is_relative_to(home.path) and target != home.summary_file(chunk.stem, analysis_digest(config)):
        raise PsstError(f"{target}: a measure has changed since the sweep was planned; {AGAIN}")
    with contextlib.ExitStack() as files, read_chunk(chunk) as data:
        write(summarise(data, config, _earlier(home, chunk.stem, target, files)), target)


def _earlier(home: Folder, chunk: str, target: Path, files: contextlib.ExitStack) -> Iterator[xr.Dataset]:
    """Yield the earlier summaries of a chunk that are whole, the last one first."""
    others = [file for file in home.summary_files(chunk) if file != target]
    for file in sorted(others, key=lambda file: -file.stat().st_mtime_ns):
        with contextlib.suppress(PsstError):
            yield files.enter_context(read_whole(file))


def read_chunk(path: Path) -> xr.Dataset:
    """Open a chunk's file, if it is whole and belongs to its manifest.

    Raises:
        PsstError: when it is not, or does not.
    """
    data = read_whole(path)
    claim = Folder.of_chunk(path).manifest_file(path.stem)
    runs = [run.id for run in read_claim(claim).runs]
    if data.attrs.get("chunk") != path.stem or data["run_id"].values.tolist() != runs:
        data.close()
        raise PsstError(f"{path}: is not the file of this chunk, its runs are others; delete it and {AGAIN}")
    return data
