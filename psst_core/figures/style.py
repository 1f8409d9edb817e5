"""What the figures have in common: widths, labels, and which axis goes where."""

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator, NullLocator

from psst_core.dataset import REPLICATES
from psst_core.keys import Config
from psst_core.results import Results
from psst_core.sweep import Axis

COLUMN, PAGE = 3.4, 7.0
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


def has_membranes(config: Config) -> bool:
    """Whether some population is one of cells, not of plain systems."""
    return any(part["equations"] is None for part in config["network"]["populations"].values())


def axis_names(results: Results) -> dict[str, str]:
    """By key, the name of each axis in the cube."""
    return {axis["key"]: axis["name"] for axis in results.record["axes"]}


def numeric_names(results: Results) -> list[str]:
    axes = (axis for axis in results.record["axes"] if "values" in axis)
    return numeric_axes([Axis(a["key"], a["name"], tuple(a["values"]), a["dimension"]) for a in axes])


def mean_and_band(variable: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
    """Mean and standard deviation over networks and trials.

    Trials on one network are not independent of each other, so the band describes and does not infer.
    """
    band = variable.std(REPLICATES, ddof=1) if variable.sizes["network"] * variable.sizes["trial"] > 1 else None
    return variable.mean(REPLICATES), xr.zeros_like(variable.mean(REPLICATES)) if band is None else band


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


def caption(results: Results, shown: Sequence[str], what: str = "mean ± s.d.") -> str:
    """What a figure averages over, and where it stands on the axes that it does not show."""
    count = " × ".join(f"{results.cube.sizes[name]} {name}{'s'[: results.cube.sizes[name] > 1]}" for name in REPLICATES)
    place = slices(results, [*shown, *(name for name, values in results.axes.items() if len(values) == 1)])
    fixed = "".join(f", {name} {value}" for name, value in place.items())
    return f"{what} over {count}{fixed}".replace("_", " ")


def cell_ticks(cells: int) -> list[int]:
    """A few whole numbers among the cells, counted from 0."""
    ticks = MaxNLocator(integer=True).tick_values(0, cells - 1)
    return [int(tick) for tick in ticks if 0 <= tick < cells and tick == int(tick)]


def undefined(axes: Axes) -> None:
    """Say that there is nothing to show, where a measure is undefined everywhere."""
    axes.text(0.5, 0.5, "undefined", transform=axes.transAxes, ha="center", va="center", color="0.5")


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
    if not np.isfinite(grid).any():
        undefined(axes)
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
