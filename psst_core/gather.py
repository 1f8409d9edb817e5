"""From summaries to the cube: one labelled data set for a sweep, with a dimension for each axis."""

import csv
import io
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from psst_core.analysis import MEASURES, PER_RUN
from psst_core.dataset import REPLICATES, read, write
from psst_core.errors import PsstError
from psst_core.files import from_yaml, to_yaml, write_text
from psst_core.ledger import CHUNKS, PLANS
from psst_core.schema import units

RECORDS = ("csv", "yaml")


def gather(folder: Path, plan: str) -> None:
    """Write `sweep.nc` into the folder of a sweep, from its chunks' summaries, and the plan's records beside it.

    Args:
        folder: `results/<name>`.
        plan: the digest of the claimed plan.
    """
    table, config = ((folder.parent / PLANS / f"{plan}.{ending}").read_text(encoding="utf-8") for ending in RECORDS)
    record = from_yaml(config)
    write(cube(record, list(csv.DictReader(io.StringIO(table))), folder.parent / CHUNKS), folder / "sweep.nc")
    write_text(folder / "plan.csv", table)
    write_text(folder / "config.yaml", config)


def summary_name(chunk: str, analysis: str) -> str:
    return f"{chunk}.{analysis}.summary.nc"


def cube(record: dict[str, Any], rows: list[dict[str, str]], chunks: Path) -> xr.Dataset:
    """The measures of all runs, with dimensions (axes…, network, trial[, population]).

    Args:
        record: the sweep's `config.yaml`.
        rows: the sweep's `plan.csv`.
        chunks: the folder of the chunks' files.

    Raises:
        PsstError: when a summary is missing, unreadable, or holds another run than planned.
    """
    axes = record["axes"]
    coordinates = {axis["name"]: axis["values"] for axis in axes}
    coordinates |= {name: range(record["config"]["sweep"][f"{name}s"]) for name in REPLICATES}
    places = {name: {str(value): i for i, value in enumerate(values)} for name, values in coordinates.items()}
    shape = tuple(len(values) for values in coordinates.values())
    opened: dict[str, xr.Dataset] = {}
    arrays: dict[str, Any] = {}
    for row in rows:
        chunk = row["chunk"]
        if chunk not in opened:
            with read(chunks / summary_name(chunk, record["analysis_digest"])) as file:
                opened[chunk] = file.load()
        summary, position = opened[chunk], int(row["position"])
        if summary["run_id"].values[position] != row["run_id"]:
            raise PsstError(f"chunk {chunk}: holds another run than {row['run_id']}; delete its files and run again")
        index = tuple(places[name][row[name]] for name in coordinates)
        for name in (*MEASURES, *PER_RUN):
            values = summary[name].values
            if name not in arrays:
                arrays[name] = np.full(shape + values.shape[1:], _missing(values.dtype), dtype=values.dtype)
            arrays[name][index] = values[position]
    dims = tuple(coordinates)
    data = {name: (dims + (("population",) if name in MEASURES else ()), array) for name, array in arrays.items()}
    labels = {name: (name, np.asarray(values)) for name, values in coordinates.items()}
    population = next(iter(opened.values()))["population"].values
    result = xr.Dataset(data, coords=labels | {"population": ("population", population)})
    for axis in axes:
        attributes = {"long_name": _label(axis["key"]), "key": axis["key"]}
        unit = units(record["config"], axis["key"])
        result[axis["name"]].attrs = attributes | ({"units": unit} if unit else {})
    result.attrs = {
        "Conventions": "CF-1.11",
        "title": record["config"]["description"] or record["experiment"],
        "history": f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ} gathered from {len(opened)} chunks",
        "experiment": record["experiment"],
        "overrides": " ".join(record["overrides"]),
        "configuration": to_yaml(record["config"]),
    }
    return result


def _label(key: str) -> str:
    """A key in words: `network size`, `pn sodium conductance`."""
    parts = [part for part in key.split(".") if part not in ("populations", "mechanisms", "synapses", "projections")]
    return " ".join(parts[1:] if len(parts) > 2 else parts).replace("_", " ")


def _missing(dtype: np.dtype[Any]) -> Any:
    return {"f": np.nan, "i": -1, "u": 0}.get(dtype.kind, "")
