"""The page of a sweep: one HTML file that needs no other, in which any measure is seen over any axes.

Plotly draws in the page. All numbers stand in it, so it asks nothing of a server.
"""

import base64
import json
from collections.abc import Iterator
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES, RUN, STATUS, measures_of
from psst_core.digest import code_digest
from psst_core.errors import PsstError
from psst_core.figures.shared.style import has_membranes, label, population_name, short, shortfall
from psst_core.files import to_yaml, write_text
from psst_core.measures.recordings import RunData
from psst_core.results.about import facts
from psst_core.results.sweep_results import Results
from psst_core.store.dataset import status_counts
from psst_core.store.folder import PARTIAL
from psst_core.store.made import marking, recipe

HERE = Path(__file__).parent
RUNS = 24  # in a page, unless other words are given
MOST_SPIKES = 40_000  # of a run; of more, every second, third, … one is left out
MOST_SAMPLES = 1_500  # of a line
MOST_CELLS = 3  # whose traces are shown


def write_page(results: Results, target: Path, runs: int = RUNS) -> None:
    """Write the page of a gathered sweep.

    Args:
        target: an HTML file.
        runs: how many of its runs are put into the page with spikes and potentials, spread over the sweep.
    """
    text = page(results, runs)
    if target.is_relative_to(results.folder):
        made_from = recipe([runs, code_digest((__name__,))], *results.files.gathered)
        with marking(results.folder, [target], made_from):
            write_text(target, text)
    else:
        write_text(target, text)


def page(results: Results, runs: int = RUNS) -> str:
    """Return the page as HTML."""
    import plotly.offline

    data = json.dumps(content(results, runs), ensure_ascii=False, allow_nan=False).replace("<", "\\u003c")
    return Template((HERE / "page.html").read_text(encoding="utf-8")).substitute(
        title=escape(str(results.cube.attrs["title"])),
        style=(HERE / "page.css").read_text(encoding="utf-8"),
        script=(HERE / "page.js").read_text(encoding="utf-8"),
        library=plotly.offline.get_plotlyjs(),
        data=data,
    )


def content(results: Results, runs: int = RUNS) -> dict[str, Any]:
    """Return all that the page shows, as plain data; arrays are base64 of their bytes.

    Raises:
        PsstError: where the cube has no measures.
    """
    cube = results.cube
    dims = [str(dim) for dim in cube["status"].dims]
    measures = measures_of(cube)
    if not measures:
        raise PsstError(f"{results.file}: holds no measures; choose some in analysis.measures")
    counts = ", ".join(f"{count:,} {word}" for word, count in status_counts(cube).items())
    part = f"partial: {cube.attrs[PARTIAL]}; " if PARTIAL in cube.attrs else ""
    return {
        "state": f"{part}{counts}",
        "shortfall": shortfall(cube),
        "dims": [dimension(results, name) for name in dims],
        "parameters": [parameter(cube[axis.name]) for axis in results.axes.values() if axis.dimension == RUN],
        "measures": [measure(results, name, dims) for name in [*measures, "wall_time"]],
        "planned": int((cube["run_id"].values != "").sum()),
        "runs": [] if results.alone else list(some_runs(results, dims, runs)),
        "potential": "mean potential (mV)" if has_membranes(results.config) else "mean of the first variable",
        "facts": facts(results),
        "configuration": to_yaml(results.config),
    }


def dimension(results: Results, name: str) -> dict[str, Any]:
    """Describe a dimension of the cube, with the values along it."""
    return parameter(results.cube[name]) | {"replicate": name in REPLICATES}


def parameter(variable: xr.DataArray) -> dict[str, Any]:
    """Describe a coordinate, with its values."""
    numeric = variable.dtype.kind in "iuf"
    values = [population_name(value) for value in variable.values] if variable.name == "population" else variable.values
    return {
        "name": str(variable.name),
        "label": label(variable),
        "values": [value if value == value else None for value in np.asarray(values).tolist()],
        "numeric": numeric,
    }


def measure(results: Results, name: str, dims: list[str]) -> dict[str, Any]:
    """Describe a measure, with its values over the dimensions of the sweep and its own."""
    variable = results.cube[name]
    own = [str(dim) for dim in variable.dims if dim not in dims]
    ordered = variable.transpose(*dims, *own)
    bounds = [float(bound) if np.isfinite(bound) else None for bound in variable.attrs.get("range", ())]
    return {
        "name": name,
        "label": label(variable),
        "long_name": str(variable.attrs["long_name"]),
        "comment": str(variable.attrs.get("comment", "")),
        "references": str(variable.attrs.get("references", "")),
        "range": bounds or None,
        "dims": [parameter(ordered[dim]) | {"replicate": False} for dim in own],
        "data": encoded(ordered.values, np.float32),
    }


def some_runs(results: Results, dims: list[str], most: int) -> Iterator[dict[str, Any]]:
    """Yield what is seen of a few finished runs, spread over the points of the sweep."""
    cube = results.cube
    done = cube["status"].values < STATUS["not_run"]
    first = done & np.isin(cube["run_id"].values, first_of_points(results))
    places = np.argwhere(first)
    chosen = places[np.unique(np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int))]
    for place in chosen:
        run = results.run(run_id=str(cube["run_id"].values[tuple(place)]))
        yield {"place": place.tolist(), **seen(run)}


def first_of_points(results: Results) -> Array:
    """Return the id of the first finished run at each point."""
    names = [str(name) for name in results.finished if str(name) in (RUN, *results.axes)]
    found = results.finished.drop_duplicates(names) if names else results.finished.iloc[:1]
    return found["run_id"].to_numpy(str)


def seen(run: RunData) -> dict[str, Any]:
    """Return what the page shows of a run: its point, its spikes, its mean potentials or its traces."""
    thin = -(-len(run.spike_time) // MOST_SPIKES) or 1
    point = ", ".join(f"{name} {short(value)}" for name, value in run.point.items()).replace("_", " ")
    return {
        "label": f"{point}{f', every {thin}th spike' if thin > 1 else ''}",
        "status": run.status,
        "duration": float(run.config.run.duration),
        "populations": {population_name(name): cells for name, cells in run.populations.items()},
        "spike_time": encoded(run.spike_time[::thin], np.float32),
        "spike_cell": encoded(run.spike_cell[::thin], np.int32),
        "lines": list(lines_of(run)),
    }


def lines_of(run: RunData) -> Iterator[dict[str, Any]]:
    """Yield the mean potential of each population and, where they were kept, the potentials of a few cells."""
    potential = run.mean_potential
    for name in potential["population"].values:
        yield line(f"mean of {population_name(name)}", potential.sel(population=name))
    for key, trace in run.traces.data_vars.items():
        cells = [dim for dim in trace.dims if dim != "time"]
        if not str(key).endswith("_v") or len(cells) != 1:
            continue
        for place in range(min(MOST_CELLS, trace.sizes[cells[0]])):
            yield line(
                f"{str(key).removeprefix('trace_')} of cell {int(trace[cells[0]][place])}", trace[{cells[0]: place}]
            )


def line(name: str, values: xr.DataArray) -> dict[str, Any]:
    """Return samples of a line, with the time between two of them, ms."""
    times = values["time"].values
    thin = -(-len(times) // MOST_SAMPLES) or 1
    interval = float(times[1] - times[0]) if len(times) > 1 else 1.0
    return {"name": name, "interval": interval * thin, "data": encoded(values.values[::thin], np.float32)}


def encoded(values: Array, kind: Any) -> str:
    """Return the bytes of an array, in its order, as base64."""
    return base64.b64encode(np.ascontiguousarray(values, np.dtype(kind).newbyteorder("<")).tobytes()).decode()
