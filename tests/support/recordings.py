"""Recordings whose spikes and potentials are known, as measures read them."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from psst_core.attributes import STATUS, measures_of
from psst_core.configuration import Config
from psst_core.keys import put
from psst_core.measures.base import Measure
from psst_core.measures.recordings import RunData
from psst_core.results.summary import PER_RUN, summarise
from psst_core.store.manifest import Maker, Manifest, PlannedRun
from support.configurations import small_locust

locust = functools.cache(small_locust)
Trains = Sequence[Sequence[float]]  # the spikes of each cell


def run_of(populations: Mapping[str, Trains], duration: float = 1000.0, interval: float = 0.5) -> RunData:
    """A run with these spikes, and flat potentials."""
    trains = [np.asarray(train, float) for cells in populations.values() for train in cells]
    cell = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    times = np.arange(round(duration / interval)) * interval
    shape = (len(populations), len(times))
    return RunData(
        {"network": 0, "trial": 0},
        {name: len(cells) for name, cells in populations.items()},
        np.concatenate([*trains, np.zeros(0)]),
        cell,
        xr.DataArray(np.zeros(shape), {"population": list(populations), "time": times}, ("population", "time")),
        xr.Dataset(),
        put(locust(), {"run.duration": float(duration)}),
    )


def chunk_of(runs: Sequence[RunData], variance: float = 1.0) -> xr.Dataset:
    """The content of a chunk's file with these runs."""
    first, sizes = runs[0], runs[0].populations
    cells, label = sum(sizes.values()), np.arange(len(runs))
    planned = tuple(PlannedRun(f"{number:016x}", 0, number, {}, False) for number in range(len(runs)))
    manifest = Manifest(locust(), (), len(runs), (planned,), "", Maker("", "", ""), {}, {})
    return xr.Dataset(
        {
            "population_size": ("population", np.array(list(sizes.values()))),
            "spike_time": ("spike", np.concatenate([run.spike_time for run in runs])),
            "spike_cell": ("spike", np.concatenate([run.spike_cell for run in runs]).astype(int)),
            "spike_run": ("spike", np.repeat(label, [len(run.spike_time) for run in runs])),
            "mean_potential": (("run", "population", "time"), np.stack([run.mean_potential.values for run in runs])),
            "potential_variance": (("run", "cell"), np.full((len(runs), cells), variance)),
            "status": ("run", np.array([STATUS[run.status] for run in runs], "i1")),
            "run_id": ("run", np.array([run.id for run in planned])),
            "network": ("run", np.zeros(len(runs), int)),
            "trial": ("run", label),
        }
        | {name: ("run", label) for name in PER_RUN if name not in ("status", "run_id")},
        {"time": first.mean_potential["time"].values, "population": list(sizes)},
        {"manifest": json.dumps(manifest.planned())},
    )


def analysed(measures: Mapping[str, Mapping[str, Any] | None], duration: float = 1000.0, **settings: Any) -> Config:
    """A configuration that chooses these measures; `window` is the recorder's, other settings are the analysis'."""
    values: dict[str, Any] = {"run.duration": duration, "analysis.measures": {}}
    values["recorder.window"] = list(settings.pop("window", (0.0, duration)))
    values |= {f"analysis.{name}": value for name, value in settings.items()}
    config = put(locust(), values)
    config["analysis"]["measures"] = {
        name: {"type": name} | dict(parameters or {}) for name, parameters in measures.items()
    }
    return config


def measured(measure: Measure, run: RunData) -> dict[str, Any]:
    """Each variable of a measure for one run, as `of_run` gives it."""
    return dict(measure.named(measure.of_run(run)))


def summary_of(measures: Mapping[str, Mapping[str, Any] | None], runs: Sequence[RunData]) -> xr.Dataset:
    """The numbers that measures give for some runs of one length, through the summary of their chunk."""
    times = runs[0].mean_potential["time"].values
    duration = len(times) * float(times[1] - times[0])
    return summarise(chunk_of(runs), analysed(measures, duration))


def value_of(name: str, populations: Mapping[str, Trains], duration: float = 1000.0, **parameters: Any) -> Any:
    """The only variable of a measure in one run, or, where there are several, each by its name."""
    found = summary_of({name: parameters}, [run_of(populations, duration)]).isel(run=0)
    values = {str(each): found[each].values for each in measures_of(found)}
    return next(iter(values.values())) if len(values) == 1 else values
