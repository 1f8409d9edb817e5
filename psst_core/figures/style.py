"""What the figures have in common: widths, labels, and which axis goes where."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import NullLocator
from scipy import stats

from psst_core.dataset import REPLICATES
from psst_core.results import Results
from psst_core.sweep import Axis

COLUMN, PAGE = 3.4, 7.0
CONFIDENCE = 0.95
UNITS = {"mV2": "mV²", "uA/cm2": "µA/cm²", "mS/cm2": "mS/cm²", "1": ""}
NAMES = {"pn": "PN", "ln": "LN", "hh": "HH"}


def label(variable: xr.DataArray) -> str:
    """Its long name, with its unit in brackets."""
    unit = variable.attrs.get("units", "1")
    unit = UNITS.get(unit, unit)
    name = str(variable.attrs.get("long_name", variable.name))
    return f"{name} ({unit})" if unit else name


def population_name(population: Any) -> str:
    return NAMES.get(str(population), str(population))


def numeric_axes(axes: Sequence[Axis]) -> list[str]:
    """The names of the axes of several numbers, the longest first."""
    found = [axis for axis in axes if axis.numeric and len(axis.values) > 1]
    return [axis.name for axis in sorted(found, key=lambda axis: -len(axis.values))]


def numeric_names(results: Results) -> list[str]:
    return numeric_axes([Axis(a["key"], a["name"], tuple(a["values"])) for a in results.record["axes"]])


def mean_and_band(variable: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean over the replicates and half the width of its 95 % confidence interval (Student's t)."""
    count = variable.count(REPLICATES)
    error = variable.std(REPLICATES, ddof=1) / np.sqrt(count)
    quantile = xr.apply_ufunc(lambda n: stats.t.ppf(0.5 + CONFIDENCE / 2, np.maximum(n - 1, 1)), count)
    return variable.mean(REPLICATES), (error * quantile).where(count > 1, 0.0)


def series(results: Results, x: str, lines: str | None) -> list[tuple[Any, Any]]:
    """The values of the axis `lines` and their colours, from dark to bright."""
    if lines is None:
        return [(None, "C0")]
    values = results.axes[lines]
    colours = plt.get_cmap("viridis")(np.linspace(0.0, 0.8, len(values)))
    return [(value, tuple(colour)) for value, colour in zip(values, colours, strict=True)]


def slices(results: Results, shown: Sequence[str]) -> dict[str, Any]:
    """A selection of the first value on each axis that a figure does not show."""
    return {name: values[0] for name, values in results.axes.items() if name not in shown}


def scale_x(axes: Axes, values: Sequence[float]) -> None:
    """A (symmetric) logarithmic axis where the values span decades; ticks at values that stand well apart."""
    positive = [value for value in values if value > 0]
    if min(values) >= 0 and positive and max(positive) / min(positive) >= 20:
        if min(values) == 0:
            axes.set_xscale("symlog", linthresh=min(positive), linscale=0.5)
        else:
            axes.set_xscale("log")
    low, high = axes.transLimits.transform(axes.transScale.transform([[x, 0.0] for x in (min(values), max(values))]))[
        :, 0
    ]
    ticks: list[float] = []
    last = -np.inf
    for value in sorted(values):
        place = axes.transLimits.transform(axes.transScale.transform([[value, 0.0]]))[0, 0]
        if place - last > 0.09 * (high - low):
            ticks.append(value)
            last = place
    axes.set_xticks(ticks, [f"{value:g}" for value in ticks], rotation=60)
    axes.xaxis.set_minor_locator(NullLocator())


def heat_map(axes: Axes, values: xr.DataArray, x: str, y: str | None, norm: Any) -> Any:
    """Cells of equal size, one for each value of the axes, with the numbers written in them."""
    grid = values.transpose(y, x).values if y else values.values[None]
    image = axes.imshow(grid, norm=norm, origin="lower", aspect="auto")
    axes.set_xticks(range(grid.shape[1]), [f"{value:g}" for value in values[x].values], rotation=45)
    axes.set_yticks(range(grid.shape[0]), [f"{value:g}" for value in values[y].values] if y else [""])
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.tick_params(length=0)
    if grid.size <= 120:
        for (row, column), value in np.ndenumerate(grid):
            if np.isfinite(value):
                dark = norm(value) < 0.6
                text = f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"
                axes.text(column, row, text, ha="center", va="center", size=5.5, color="white" if dark else "black")
    return image
