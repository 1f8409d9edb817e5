"""Cases of tests/data/measures.json, which have the numbers of other programs, and what PSST gives for them."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from psst_core.measures.recordings import RunData
from psst_core.results.summary import summarise
from support.recordings import analysed, chunk_of, run_of

NAMES = {"cell_rates": {"cell_rates": "cell_rate"}}  # of a variable, where an oracle's function has another


def run_in(case: Mapping[str, Any]) -> RunData:
    """The run of a case."""
    run = run_of(case["populations"], case["duration"], case["interval"])
    return replace(run, mean_potential=run.mean_potential.copy(data=np.array(case["potential"])))


def summary_in(case: Mapping[str, Any], measure: str, copies: int = 1) -> xr.Dataset:
    """PSST's summary of a case by one of its measures, for so many equal runs."""
    parameters = {"window": case["window"]} | case["measures"].get(measure, {})
    return summarise(chunk_of([run_in(case)] * copies), analysed({measure: parameters}, case["duration"]))


def difference(found: xr.Dataset, measure: str, numbers: Mapping[str, Any]) -> float:
    """The largest difference to an oracle's numbers, over the largest of these; infinite where one alone is NaN."""
    largest = 0.0
    for name, values in numbers.items():
        ours = found[NAMES.get(measure, {}).get(name, name)].values[0]
        theirs = np.array(values, float)
        if ours.shape != theirs.shape or (np.isnan(ours) != np.isnan(theirs)).any():
            return np.inf
        apart = np.nanmax(np.abs(ours - theirs), initial=0) / max(np.nanmax(np.abs(theirs), initial=0), 1e-300)
        largest = max(largest, float(apart))
    return largest
