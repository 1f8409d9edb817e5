"""Measures of a run: Dataset in, Dataset out."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import xarray as xr
from scipy import signal

from psst_core.dataset import REPLICATES, STATUS

Array = npt.NDArray[Any]
MEASURES = (
    "firing_rate",
    "active_share",
    "isi_cv",
    "isi_count",
    "synchrony",
    "dominant_frequency",
    "band_power",
    "band_ratio",
)
PER_RUN = ("status", "diverged_time", "wall_time", "seed", "run_id")
MIN_INTERVALS = 3
SYNCHRONY_FLOOR = 1e-6
POWER_FLOOR = 1e-9


def summarise(chunk: xr.Dataset, window: tuple[float, float], analysis: Mapping[str, Any]) -> xr.Dataset:
    """The measures of each run and population of a chunk, with dimensions (run, population).

    Args:
        chunk: a chunk's file.
        window: of rates, intervals and synchrony, ms; what lies beyond the end of the run is cut off.
        analysis: the `analysis` part of a configuration.
    """
    sizes = chunk["population_size"].values
    edges = np.cumsum([0, *sizes])
    interval = float(chunk["time"][1] - chunk["time"][0]) if chunk.sizes["time"] > 1 else 1.0
    duration = chunk.sizes["time"] * interval
    window = (window[0], min(window[1], duration))
    shape = (chunk.sizes["run"], chunk.sizes["population"])
    values: dict[str, Array] = {name: np.full(shape, np.nan) for name in MEASURES}
    time, cell, run = (chunk[name].values for name in ("spike_time", "spike_cell", "spike_run"))
    inside = (time > window[0]) & (time <= window[1])
    time, cell, run = time[inside], cell[inside], run[inside]
    potential = chunk["mean_potential"].transpose("run", "population", "time").values
    sampled = (chunk["time"].values >= window[0]) & (chunk["time"].values < window[1])
    for i, j in np.ndindex(shape):
        if chunk["status"].values[i] != STATUS["ok"]:
            continue
        chosen = (run == i) & (cell >= edges[j]) & (cell < edges[j + 1])
        cells = slice(edges[j], edges[j + 1])
        found = spike_measures(time[chosen], cell[chosen], int(sizes[j]), window[1] - window[0])
        found["synchrony"] = synchrony(potential[i, j, sampled], chunk["potential_variance"].values[i, cells])
        found |= spectral_measures(potential[i, j], interval, analysis)
        for name, value in found.items():
            values[name][i, j] = value
    kept = chunk[[*PER_RUN, *REPLICATES]].drop_encoding()
    return kept.assign({name: (("run", "population"), array) for name, array in values.items()}).assign_coords(
        population=chunk["population"]
    )


def spike_measures(time: Array, cell: Array, cells: int, duration: float) -> dict[str, float]:
    """Firing rate [Hz], share of active cells, number of inter-spike intervals and their variation.

    The variation is each cell's coefficient of variation, averaged over the cells with three intervals or more.

    Args:
        time, cell: one entry a spike, ms and index.
        cells: how many cells there are.
        duration: of the window, ms.
    """
    if duration <= 0:
        return {}
    order = np.lexsort((time, cell))
    time, cell = time[order], cell[order]
    same = np.diff(cell) == 0
    intervals, owner = np.diff(time)[same], cell[1:][same]
    trains = [intervals[owner == number] for number in np.unique(owner)]
    variations = [np.std(train, ddof=1) / np.mean(train) for train in trains if len(train) >= MIN_INTERVALS]
    return {
        "firing_rate": len(time) / cells / (1e-3 * duration),
        "active_share": len(np.unique(cell)) / cells,
        "isi_count": len(intervals),
        "isi_cv": float(np.mean(variations)) if variations else np.nan,
    }


def synchrony(mean_potential: Array, cell_variance: Array) -> float:
    """Golomb's χ = √(Var_t(mean of v) / mean of Var_t(v)): 1 in perfect synchrony, about 1/√cells without any.

    Golomb & Rinzel 1993 (doi:10.1103/PhysRevE.48.4810). NaN where no cell's potential varies.

    Args:
        mean_potential: the population's mean at the window's samples, mV.
        cell_variance: of each cell over the same samples, mV².
    """
    if len(mean_potential) < 2 or not np.mean(cell_variance) > SYNCHRONY_FLOOR:
        return np.nan
    return float(np.sqrt(np.var(mean_potential.astype(float)) / np.mean(cell_variance)))


def spectral_measures(potential: Array, interval: float, analysis: Mapping[str, Any]) -> dict[str, float]:
    """Where the mean potential oscillates in the band, how strongly, and how far above the background.

    Hann window after removal of the linear trend. Power is the integral of the density over the band [mV²]; the ratio
    is the mean density in the band over that outside it up to `background` Hz, zero excluded. Nothing (undefined)
    when the run does not cover two periods of the band's lowest frequency.

    Args:
        potential: sampled every `interval` ms.
    """
    frequency, density = spectrum(potential, interval, analysis["spectrum"])
    low, high = analysis["band"]
    if len(frequency) < 3 or frequency[1] > low / 2:
        return {}
    band = (frequency >= low) & (frequency <= high)
    background = ~band & (frequency > 0) & (frequency <= analysis["background"])
    if not band.any():
        return {}
    power = float(density[band].sum() * frequency[1])
    if power <= POWER_FLOOR:
        return {"band_power": power}
    noise = density[background].mean() if background.any() else 0.0
    return {
        "dominant_frequency": float(frequency[band][density[band].argmax()]),
        "band_power": power,
        "band_ratio": float(density[band].mean() / noise) if noise > 0 else np.nan,
    }


def spectrum(potential: Array, interval: float, stretch: tuple[float, float]) -> tuple[Array, Array]:
    """Frequencies [Hz] and power spectral density [mV²/Hz] of a stretch [ms] of a potential."""
    first, last = (round(time / interval) for time in stretch)
    part = potential[first:last].astype(float)
    if len(part) < 3:
        return np.zeros(0), np.zeros(0)
    frequency, density = signal.periodogram(signal.detrend(part), fs=1e3 / interval, window="hann", detrend=False)
    return frequency, density
