"""A run in the forms of other libraries: Neo, for Elephant and many others, and pynapple."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import xarray as xr

from psst_core.errors import PsstError

if TYPE_CHECKING:
    from psst_core.measures.recordings import RunData

S = 1e-3  # of a ms


def to_neo(run: RunData) -> Any:
    """Return a run as a `neo.Block` with one segment.

    It holds a `SpikeTrain` for each cell (annotations `population` and `cell`), and an `AnalogSignal` for the mean
    potential of each population and for the traces of each variable, a channel for each cell.

    Raises:
        PsstError: when neo is missing.
    """
    neo, units = (_library(name, "to_neo") for name in ("neo", "quantities"))
    point = {name: getattr(value, "item", lambda value=value: value)() for name, value in run.point.items()}
    block, segment = neo.Block(name="PSST", **point), neo.Segment(name="run")
    block.segments.append(segment)
    for population in run.populations:
        for cell, train in enumerate(run.trains(population)):
            spikes = neo.SpikeTrain(train, units="ms", t_start=0.0, t_stop=run.config.run.duration)
            spikes.annotate(population=population, cell=cell)
            segment.spiketrains.append(spikes)
    for name, unit, samples in _signals(run):
        values = neo.AnalogSignal(
            samples.values.T,
            units=unit,
            t_start=float(samples["time"][0]) * units.ms,
            sampling_period=_interval(run) * units.ms,
            name=name,
        )
        segment.analogsignals.append(values)
    return block


def to_pynapple(run: RunData) -> dict[str, Any]:
    """Return a run as pynapple's objects, in seconds.

    `spikes` is a `TsGroup` of all cells with their `population` and `cell`; each mean potential and each traced
    variable is a `TsdFrame` under its name.

    Raises:
        PsstError: when pynapple is missing.
    """
    nap = _library("pynapple", "to_pynapple")
    whole = nap.IntervalSet(0.0, S * run.config.run.duration)
    trains = {cell: nap.Ts(S * train) for cell, train in enumerate(run.trains())}
    numbers = [(name, cell) for name, size in run.populations.items() for cell in range(size)]
    about = {"population": [name for name, _ in numbers], "cell": [cell for _, cell in numbers]}
    found: dict[str, Any] = {"spikes": nap.TsGroup(trains, time_support=whole, metadata=about)}
    for name, _, samples in _signals(run):
        found[name] = nap.TsdFrame(t=S * samples["time"].values, d=samples.values.T, time_support=whole)
    return found


def _interval(run: RunData) -> float:
    times = run.mean_potential["time"].values
    return float(times[1] - times[0]) if len(times) > 1 else run.config.recorder.interval


def _signals(run: RunData) -> Iterator[tuple[str, str, xr.DataArray]]:
    """Yield the name, the unit and the samples, [channel, time], of mean potentials and traces."""
    unit = str(run.mean_potential.attrs.get("units", "mV"))
    for name in run.populations:
        yield f"mean_{name}", _plain(unit), run.mean_potential.sel(population=[name])
    for key, trace in run.traces.data_vars.items():
        yield str(key), _plain(str(trace.attrs.get("units", "1"))), trace.transpose(..., "time")


def _plain(unit: str) -> str:
    """Write a unit as the library quantities reads it."""
    return "dimensionless" if unit == "1" else unit.replace("^", "**")


def _library(name: str, method: str) -> Any:
    """Import a library that PSST does without.

    Raises:
        PsstError: when it is missing.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise PsstError(
            f"{method} needs {name} ({error}): pip install {name}, or PSST with its extra: pip install -e '.[analysis]'"
        ) from None
