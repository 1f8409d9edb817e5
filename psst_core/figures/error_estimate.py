"""Runs beside their twins at half the step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import xarray as xr

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import PAGE, no_membranes, nothing, population_name
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

COUNTS = ("isi_count", "active_share")  # they say what other measures rest on


@register("figure", "error_estimate")
@dataclass
class ErrorEstimate(Figure):
    """Runs beside their twins at half the step."""

    caption = """
    A share of the runs was integrated once more at half the step, with the same noise. Left, the runs whose spikes
    have not shifted by more than 1 ms yet; right, how far each measure moves, in standard deviations between
    trials: what lies in the grey band is less than the difference between two trials.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return "numerics.check=none makes no run twice" if config.numerics.check == "none" else no_membranes(config)

    def draw(self, results: Results) -> Picture:
        """Draw the share of runs without a shifted spike over time (left), and the differences of measures (right)."""
        import matplotlib.pyplot as plt

        data, lost = compared(results)
        if not data.sizes["run"]:
            return nothing(results, "no pair of runs to compare", "diverged")
        shown = shown_of(data)
        figure, (left, right) = plt.subplots(1, 2, figsize=(PAGE, 3.0), gridspec_kw={"width_ratios": [1, 1.5]})
        populations = [str(name) for name in data["population"].values]
        for i, name in enumerate(populations):
            _survival(left, data["first_shift"].sel(population=name).values, float(data.attrs["duration"]), i, name)
            offset = (i - (len(populations) - 1) / 2) * 0.3
            for row, measure in enumerate(shown):
                ratio = relative(data.sel(population=name), measure)
                right.plot(ratio, np.full(len(ratio), row + offset), "|", color=f"C{i}", markersize=6)
        left.set(
            xlabel="time (ms)", ylabel="share of runs without a spike\nshifted by more than 1 ms", ylim=(-0.03, 1.03)
        )
        left.legend()
        names = [str(data[f"delta_{measure}"].attrs["long_name"]).partition(" at dt/2")[0] for measure in shown]
        right.set_yticks(range(len(shown)), names)
        right.invert_yaxis()
        right.axvspan(-1, 1, color="0.9", linewidth=0)
        right.axvline(0, color="0.4", lw=0.6)
        right.set_xlabel("at dt/2 minus at dt, in s.d. between trials")
        if not np.isfinite([relative(data, measure) for measure in shown]).any():
            right.text(0.5, 0.5, "no spread: take sweep.trials=2 or more", transform=right.transAxes, ha="center")
        text = f"{data.sizes['run']} of {len(results.plan)} runs integrated once more at half the step"
        figure.suptitle(text + (f"; {lost} more diverged" if lost else ""), size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population: when spikes first shift, and the r.m.s. of relative differences."""
        data, lost = compared(results)
        rows = []
        for name in data["population"].values:
            here = data.sel(population=name)
            shift = here["first_shift"].values
            row: dict[str, Any] = {"population": name, "runs": len(shift), "diverged": lost}
            row |= {"shifted": int(np.isfinite(shift).sum())}
            row |= {"earliest shift (ms)": _finite(np.min, shift), "median shift (ms)": _finite(np.median, shift)}
            rows.append(
                row | {f"{measure} (s.d.)": _finite(_rms, relative(here, measure)) for measure in shown_of(data)}
            )
        return pd.DataFrame(rows)


def shown_of(data: xr.Dataset) -> list[str]:
    """List the measures whose differences are shown."""
    measures = [str(name).removeprefix("delta_") for name in data.data_vars if str(name).startswith("delta_")]
    return [name for name in measures if name not in COUNTS]


def compared(results: Results) -> tuple[xr.Dataset, int]:
    """Return the runs that are ok and whose twins are ok, and the number of other runs."""
    data = results.error_estimate
    lost = data["diverged"].values != 0
    return data.isel(run=~lost), int(lost.sum())


def relative(data: Any, measure: str) -> Array:
    """Return the difference of a measure over its spread between trials; NaN where there is no spread."""
    delta, spread = data[f"delta_{measure}"].values, data[f"spread_{measure}"].values
    ratio: Array = np.divide(delta, spread, out=np.full_like(delta, np.nan), where=spread > 0)
    return ratio


def _survival(axes: Axes, shift: Array, duration: float, colour: int, name: str) -> None:
    times = np.sort(shift[np.isfinite(shift)])
    left = 1.0 - np.arange(len(times) + 1) / len(shift)
    axes.step([0.0, *times, duration], [*left, left[-1]], where="post", color=f"C{colour}", label=population_name(name))


def _rms(values: Array) -> float:
    return float(np.sqrt(np.mean(values**2)))


def _finite(function: Any, values: Array) -> float:
    values = values[np.isfinite(values)]
    return float(function(values)) if len(values) else float("nan")
