"""The names and attributes of the variables of files: units, long names and flags, as in CF-1.11.

CF is followed, except where it speaks of the earth. Words along a dimension, such as populations, have the dimension's
name, by which xarray selects; to CF they are labels. Time has no standard name, since that would need a date to count
from. Spikes lie as in CF's indexed ragged arrays, but do not claim to be one: its feature types need longitudes.
"""

import re
from typing import Any

import numpy as np

REPLICATES = ("network", "trial")
RUN = "run"  # the dimension along which axes lie that move together
STATUS = {"ok": 0, "diverged": 1, "not_run": 2, "not_planned": 3, "failed": 4}

ATTRIBUTES: dict[str, dict[str, Any]] = {
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
    "other": {"long_name": "other population"},
    "cell": {"long_name": "cell, counted through all populations", "units": "1"},
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


def status_word(number: object) -> str:
    """Say, for people, what became of a run: `not run`."""
    return next(word for word, value in STATUS.items() if value == number).replace("_", " ")


def file_units(text: str) -> str:
    """Write a unit so that UDUNITS and Pint both read it: cm^2 for cm2, and mol/L for M, which UDUNITS lacks."""
    return re.sub(r"([A-Za-z)])(\d)", r"\1^\2", re.sub(r"\b([a-z]?)M(?![A-Za-z])", r"(\1mol/L)", text))


def trace_name(key: str) -> str:
    """Return the name that the traces of `population.variable` have in a file."""
    return f"trace_{key.replace('.', '_')}"


def measures_of(data: Any) -> list[str]:
    """List the variables of a cube or a summary that are measures."""
    return [str(name) for name, variable in data.data_vars.items() if "measure" in variable.attrs]


def scalar_measures(data: Any) -> list[str]:
    """List the measures of a cube or a summary that are one number for each population."""
    own = ("population",)
    places = data["status"].dims
    return [name for name in measures_of(data) if tuple(d for d in data[name].dims if d not in places) == own]
