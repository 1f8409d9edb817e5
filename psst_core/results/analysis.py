"""Measures of runs, computed from chunks: Dataset in, Dataset out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import scipy
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import ATTRIBUTES, REPLICATES, STATUS
from psst_core.configuration import AnalysisConfig
from psst_core.store.provenance import derived

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Num


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
MASKS = np.left_shift(1, np.arange(len(MEASURES))).astype(np.int16)
UNDEFINED = {
    "long_name": "measures that mean nothing in this run, such as the intervals of cells that are silent",
    "flag_masks": MASKS,
    "flag_meanings": " ".join(MEASURES),
}
OF_THE_BAND = ("dominant_frequency", "band_power", "band_ratio")
MIN_INTERVALS = 3
SYNCHRONY_FLOOR = 1e-6
POWER_FLOOR = 1e-9
ROUNDING = 1e-9
BLOCK = 2**21


def summarise(chunk: xr.Dataset, window: Sequence[float], analysis: AnalysisConfig) -> xr.Dataset:
    """Return the measures of each run and population of a chunk, with dimensions (run, population).

    A measure is NaN where the run is not ok, or where its bit in `undefined` is set.

    Args:
        chunk: a chunk's file.
        window: the window of rates, intervals and synchrony, ms; all of these are undefined if it ends after the run.
        analysis: the `analysis` part of a configuration.
    """
    sizes, times = chunk["population_size"].values, chunk["time"].values
    interval = float(times[1] - times[0]) if len(times) > 1 else 1.0
    covered = window[1] <= len(times) * interval + 1e-6 * interval
    time, cell, run = (chunk[name].values for name in ("spike_time", "spike_cell", "spike_run"))
    inside = (time > window[0]) & (time <= window[1])
    values = spike_measures(
        time[inside], cell[inside], run[inside], sizes, chunk.sizes["run"], covered * (window[1] - window[0])
    )
    variance = np.add.reduceat(chunk["potential_variance"].values, _firsts(sizes), axis=1) / sizes
    sampled = covered & (times >= window[0]) & (times < window[1])
    ok = chunk["status"].values == STATUS["ok"]
    for runs, potential in _mean_potentials(chunk["mean_potential"]):
        potential[~ok[runs]] = 0.0
        found = {"synchrony": synchrony(potential[..., sampled], variance[runs])}
        for name, array in (found | spectral_measures(potential, interval, analysis)).items():
            values.setdefault(name, np.full(variance.shape, np.nan))[runs] = array
    undefined = np.zeros(variance.shape, np.int16)
    for name, mask in zip(MEASURES, MASKS, strict=True):
        values[name] = np.where(ok[:, None], values[name], np.nan)
        undefined |= np.where(ok[:, None] & np.isnan(values[name]), mask, 0).astype(np.int16)
    dims = ("run", "population")
    kept = chunk[[*PER_RUN, *REPLICATES]].drop_encoding().assign(undefined=(dims, undefined, UNDEFINED))
    kept.attrs = derived(chunk.attrs, "Measures of the runs of a PSST chunk", "summarised")
    about = band_attributes(analysis, interval)
    measures = {name: (dims, values[name], about.get(name, {})) for name in MEASURES}
    return kept.assign(measures).assign_coords(population=chunk["population"])


def spike_measures(
    time: Float[Array, " spike"],
    cell: Int[Array, " spike"],
    run: Int[Array, " spike"],
    sizes: Int[Array, " population"],
    runs: int,
    duration: float,
) -> dict[str, Float[Array, "{runs} population"]]:
    """Return firing rate [Hz], share of active cells, number and variation of inter-spike intervals.

    The variation is each cell's coefficient of variation, averaged over the cells with three intervals or more.

    Args:
        time, cell, run: one entry a spike: ms, index through all populations, and index.
        sizes: cells of each population.
        duration: the length of the window, ms; unless it is positive, all measures are NaN.
    """
    shape = (runs, len(sizes))
    if duration <= 0:
        return {name: np.full(shape, np.nan) for name in ("firing_rate", "active_share", "isi_count", "isi_cv")}
    cells = int(sum(sizes))
    place = np.arange(runs)[:, None] * len(sizes) + np.repeat(np.arange(len(sizes)), sizes)

    def total(
        trains: Int[Array, " train"], weights: Float[Array, " train"] | None = None
    ) -> Num[Array, "run population"]:
        """Sum over the cells of each population; `trains` count the cells of all runs."""
        found: Array = np.bincount(place.ravel()[trains], weights, runs * len(sizes)).reshape(shape)
        return found

    train = run.astype(np.int64) * cells + cell
    order = np.lexsort((time, train))
    time, train = time[order], train[order]
    same = np.diff(train) == 0
    intervals, owners = np.diff(time)[same], train[1:][same]
    numbers, owner, lengths = np.unique(owners, return_inverse=True, return_counts=True)
    mean = np.bincount(owner, intervals, len(numbers)) / lengths
    deviation = np.bincount(owner, (intervals - mean[owner]) ** 2, len(numbers))
    long = lengths >= MIN_INTERVALS
    variation = np.sqrt(deviation[long] / (lengths[long] - 1)) / mean[long]
    of_cells = total(numbers[long])
    return {
        "firing_rate": total(train) / sizes / (1e-3 * duration),
        "active_share": total(np.unique(train)) / sizes,
        "isi_count": total(owners).astype(float),
        "isi_cv": _ratio(total(numbers[long], variation), of_cells, of_cells > 0),
    }


def synchrony(
    mean_potential: Float[Array, "*groups time"], cell_variance: Float[Array, "*groups"]
) -> Float[Array, "*groups"]:
    """Return Golomb's χ = √(Var_t(mean of v) / mean of Var_t(v)): 1 in perfect synchrony, about 1/√cells without any.

    Golomb & Rinzel 1993 (doi:10.1103/PhysRevE.48.4810). It is NaN where no cell's potential varies.

    Args:
        mean_potential: the population's mean at the window's samples, mV.
        cell_variance: the variance over the same samples, averaged over the population's cells, mV².
    """
    if mean_potential.shape[-1] < 2:
        return np.full_like(cell_variance, np.nan)
    return np.sqrt(_ratio(np.var(mean_potential, axis=-1), cell_variance, cell_variance > SYNCHRONY_FLOOR))


def spectral_measures(
    potential: Float[Array, "*groups time"], interval: float, analysis: AnalysisConfig
) -> dict[str, Float[Array, "*groups"]]:
    """Return frequency and strength of the oscillation in the band, and its ratio to the background.

    The spectrum has a Hann window, after removal of the linear trend. Power is the integral of the density over the
    band [mV²]. The ratio is the mean density in the band over the mean density outside it up to `background` Hz, zero
    excluded.

    NaN means undefined. All measures are NaN if the stretch does not cover two periods of the band's lowest frequency.
    The dominant frequency is NaN also where the density is largest at an end of the band, as for any slope. The ratio
    is NaN also where there is no `analysis.band`, as the band then covers the whole background. Without power, only the
    power is defined.

    Args:
        potential: sampled every `interval` ms, [..., time].
    """
    undefined = np.full(potential.shape[:-1], np.nan)
    frequency, density = spectrum(potential, interval, analysis.spectrum)
    low, high = band(analysis, interval)
    inside = within(frequency, low, high)
    if not inside.any() or frequency[1] > low / 2 * (1 + ROUNDING):
        return dict.fromkeys(OF_THE_BAND, undefined)
    outside = ~inside & (frequency > 0) & (frequency <= analysis.background)
    power = density[..., inside].sum(axis=-1) * frequency[1]
    noise = density[..., outside].mean(axis=-1) if analysis.band and outside.any() else np.zeros_like(power)
    strong = power > POWER_FLOOR
    return {
        "dominant_frequency": np.where(strong, peak(frequency[inside], density[..., inside]), np.nan),
        "band_power": power,
        "band_ratio": _ratio(density[..., inside].mean(axis=-1), noise, strong & (noise > 0)),
    }


def band(analysis: AnalysisConfig, interval: float) -> tuple[float, float]:
    """Return the lowest and the highest frequency in which an oscillation is looked for, Hz.

    These are `analysis.band`. Without it they are the frequency with two periods in the spectrum's stretch, and the
    background's end. If the stretch is too short, the first is not below the second.
    """
    if analysis.band:
        return analysis.band[0], analysis.band[1]
    first, last = (round(time / interval) for time in analysis.spectrum)
    return 2e3 / (interval * max(last - first, 1)), analysis.background


def band_attributes(analysis: AnalysisConfig, interval: float) -> dict[str, dict[str, Any]]:
    """Return attributes that name the band, for each measure that looks at it."""
    low, high = band(analysis, interval)
    if low >= high:
        return {name: {} for name in OF_THE_BAND}
    text = f", {low:.4g}–{high:.4g} Hz"
    return {
        name: {"long_name": ATTRIBUTES[name]["long_name"] + text, "band": np.array([low, high])} for name in OF_THE_BAND
    }


def within(frequency: Float[Array, " frequency"], low: float, high: float) -> Bool[Array, " frequency"]:
    """Return which frequencies lie in a band, its ends included."""
    found: Array = (frequency >= low * (1 - ROUNDING)) & (frequency <= high * (1 + ROUNDING))
    return found


def peak(frequency: Float[Array, " frequency"], density: Float[Array, "*groups frequency"]) -> Float[Array, "*groups"]:
    """Return the frequency of the largest density; NaN where that is the first or the last one."""
    at = density.argmax(axis=-1)
    return np.where((at > 0) & (at < len(frequency) - 1), frequency[at], np.nan)


def spectrum(
    potential: Float[Array, "*groups time"], interval: float, stretch: Sequence[float]
) -> tuple[Float[Array, " frequency"], Float[Array, "*groups frequency"] | Float[Array, " frequency"]]:
    """Return frequencies [Hz] and power spectral density [mV²/Hz] of a stretch [ms] of a potential.

    Both are empty if the stretch ends after the potential.
    """
    first, last = (round(time / interval) for time in stretch)
    part = potential[..., first:last]
    if last > potential.shape[-1] or part.shape[-1] < 3:
        return np.zeros(0), np.zeros(0)
    frequency, density = scipy.signal.periodogram(
        scipy.signal.detrend(part, axis=-1), fs=1e3 / interval, window="hann", detrend=False, axis=-1
    )
    return frequency, density


def _mean_potentials(variable: xr.DataArray) -> Iterator[tuple[slice, Float[Array, "run population time"]]]:
    """Yield a few runs at a time, with their potentials; each part of the file is read once."""
    potential = variable.transpose("run", "population", "time")
    runs, *rest = potential.shape
    few = max(1, BLOCK // max(1, int(np.prod(rest))))
    stored = (variable.encoding.get("chunksizes") or (1,))[0]
    at_once = stored * max(1, few // stored)
    for first in range(0, runs, at_once):
        read = potential[first : first + at_once].values
        for start in range(0, len(read), few):
            part = read[start : start + few].astype(float)
            yield slice(first + start, first + start + len(part)), part


def _firsts(sizes: Int[Array, " population"]) -> Int[Array, " population"]:
    """Return the first cell of each population."""
    return np.cumsum([0, *sizes[:-1]])


def _ratio(
    numerator: Num[Array, "*groups"], denominator: Num[Array, "*groups"], where: Bool[Array, "*groups"]
) -> Float[Array, "*groups"]:
    """Return numerator/denominator where `where` holds, NaN elsewhere."""
    result: Array = np.divide(numerator, denominator, out=np.full(np.shape(numerator), np.nan), where=where)
    return result
