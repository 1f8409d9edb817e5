"""Threshold and gain of the firing rate over a current."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures.base import Figure
from psst_core.figures.shared.measures import lacking_measures
from psst_core.figures.shared.style import (
    PAGE,
    caption,
    empty,
    heading,
    label,
    numerals,
    numeric_axes,
    population_name,
    scale_x,
    series,
    slices,
    why_missing,
)
from psst_core.registry import register, setting

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr
    from jaxtyping import Float
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

RATE = "firing_rate"


@register("figure", "gain")
@dataclass
class Gain(Figure):
    """The firing rate over a current: the threshold (rheobase), and the gain above it.

    The threshold is the smallest current of the axis at which the rate is `least` or more; the true one lies between
    it and the value before. The gain is the slope of the straight line through the rates from there on (least
    squares). Both are of the mean over networks and trials.

    Attributes:
        axis: the key of the axis of currents.
        least: the rate from which on a population counts as firing.
    """

    caption = """
    Firing rate over the current (left; dots: the threshold, the smallest current that makes a population fire), and
    over the second axis the threshold and the gain, which is the slope of the rate above it.
    """
    axis: str = "stimulus.amplitude"
    least: float = setting(1.0, "Hz", minimum=1e-9)

    def check(self, config: Config) -> None:
        if "." not in self.axis:
            raise PsstError(f"axis={self.axis}: must be the key of an axis, such as stimulus.amplitude")

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if not any(axis.key == self.axis and axis.name in numeric_axes(axes) for axis in axes):
            return f"no axis {self.axis} of several numbers"
        return lacking_measures([RATE], config)

    def draw(self, results: Results) -> Picture:
        """Draw a row for each population: rates, thresholds, gains; rates alone without a second axis."""
        import matplotlib.pyplot as plt

        x, second = self._axes(results)
        rate, numbers = self._rates(results), self.table(results)
        populations, status = [str(name) for name in rate["population"].values], results.cube["status"]
        wide = 3 if second else 1
        size = (PAGE if second else PAGE / 2, 0.7 + 1.6 * len(populations))
        figure, axes = plt.subplots(len(populations), wide, figsize=size, sharex="col", squeeze=False)
        for row, population in zip(axes, populations, strict=True):
            mine = numbers[numbers["population"] == population]
            for value, colour in series(results.cube, second):
                at = {"population": population} | ({} if second is None else {second: value})
                here, line = rate.sel(at), mine if second is None else mine[mine[second] == value]
                row[0].plot(here[x], here, color=colour, label=value)
                for start in line["threshold"].dropna():
                    row[0].plot(start, here.sel({x: start}), "o", color=colour)
            if not np.isfinite(rate.sel(population=population)).any():
                empty(row[0], why_missing(status))
            row[0].set_ylabel(f"{population_name(population)}\n{label(results.cube[RATE])}")
            for panel, name in zip(row[1:], ("threshold", "gain"), strict=False):
                panel.plot(mine[second], mine[name], "o-" if len(mine) <= 60 else "-", color="black")
                panel.set_ylabel(self._label(name, results.cube[x]))
                scale_x(panel, mine[second].to_numpy())
                if not mine[name].notna().any():
                    empty(panel, "no current makes it fire")
        for panel, along in zip(axes[-1], [x, second or x, second or x], strict=False):
            panel.set_xlabel(heading(results.cube[along]))
        if second:
            handles, names = axes[0, 0].get_legend_handles_labels()
            names = numerals(map(float, names))
            figure.legend(handles, names, title=heading(results.cube[second]), loc="outside right center")
        figure.suptitle(caption(results, [name for name in (x, second) if name], "mean"), size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population and value of the second axis: threshold, gain, number of rates above it."""
        import pandas as pd

        x, second = self._axes(results)
        rate, rows = self._rates(results), []
        for population in rate["population"].values:
            for value in [None] if second is None else rate[second].values:
                at = {"population": population} | ({} if second is None else {second: value})
                found = threshold_and_gain(rate[x].values, rate.sel(at).values, self.least)
                rows.append(at | dict(zip(("threshold", "gain", "rates above"), found, strict=True)))
        return pd.DataFrame(rows)

    def _axes(self, results: Results) -> tuple[str, str | None]:
        """Return the names of the axis of currents and of the longest other axis of numbers, if there is one."""
        names = {axis.key: axis.name for axis in results.axes.values()}
        others = [name for name in numeric_axes(results.axes.values()) if name != names[self.axis]]
        return names[self.axis], others[0] if others else None

    def _rates(self, results: Results) -> xr.DataArray:
        shown = [name for name in self._axes(results) if name]
        rate = results.cube.sel(slices(results, shown))[RATE].mean(REPLICATES, keep_attrs=True)
        return rate.sortby(shown[0])

    @staticmethod
    def _label(name: str, axis: xr.DataArray) -> str:
        current = label(axis)
        unit: Any = current.rpartition(" (")[2].rstrip(")") if current.endswith(")") else ""
        return f"threshold ({unit})" if name == "threshold" else f"gain (Hz per {unit})" if unit else "gain (Hz)"


def threshold_and_gain(
    current: Float[Array, " point"], rate: Float[Array, " point"], least: float
) -> tuple[float, float, int]:
    """Return the smallest current with `least` rate or more, the slope of the rate from there on, and its points.

    Args:
        current: in increasing order; places where the rate is NaN are left out.
    """
    known = np.isfinite(rate)
    current, rate = current[known], rate[known]
    above = np.flatnonzero(rate >= least)
    if not len(above):
        return float("nan"), float("nan"), 0
    first = above[0]
    points = len(current) - first
    gain = float(np.polyfit(current[first:], rate[first:], 1)[0]) if points > 1 else float("nan")
    return float(current[first]), gain, int(points)
