"""Views of one measure over axes that a reader picks, for the browser of results.

A place is a position, counted from 0, on each dimension of the cube. It says at which value a view stands on the
dimensions that it neither shows nor averages. The view marks the place.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.colors import Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from psst_core.attributes import REPLICATES, RUN, scalar_measures
from psst_core.figures.shared.style import (
    PAGE,
    caption,
    empty,
    grey,
    heat_map,
    label,
    map_label,
    mean_and_band,
    scale_x,
    series,
    short,
    why_missing,
    within,
)

if TYPE_CHECKING:
    from psst_core.results.sweep_results import Results

MARKED = 60  # with more values along x, none is marked
NAMED = 30  # with more runs, none has its name
HERE = "#D55E00"
HEIGHT = 3.2
Place = Mapping[str, int]


def measures(cube: xr.Dataset) -> dict[str, str]:
    """Return the names of the measures that a view may show, by their labels."""
    return {label(cube[name]): name for name in (*scalar_measures(cube), "wall_time")}


def draw_map(results: Results, measure: str, x: str, y: str, place: Place) -> Figure:
    """Draw a measure's mean over the replicates, over two numeric dimensions; frame the place."""
    values, became, text = _over(results, measure, [x, y], place, "mean")
    mean = values.mean(REPLICATES, keep_attrs=True)
    figure, axes = plt.subplots(figsize=(PAGE, HEIGHT))
    finite = mean.values[np.isfinite(mean.values)]
    scale = Normalize(finite.min(), finite.max()) if finite.size else Normalize(0.0, 1.0)
    image = heat_map(axes, mean, x, y, scale)
    if not finite.size:
        empty(axes, why_missing(became), scale=True)
    if max(mean.sizes.values()) > MARKED:
        axes.plot(place[x], place[y], "o", color=HERE, markersize=9, fillstyle="none", markeredgewidth=1.5)
    else:
        corner = place[x] - 0.5, place[y] - 0.5
        axes.add_patch(Rectangle(corner, 1, 1, edgecolor=HERE, facecolor="none", linewidth=1.5, clip_on=False))
    axes.set(xlabel=map_label(results.cube[x]), ylabel=map_label(results.cube[y]))
    figure.colorbar(image, label=label(values), pad=0.01)
    figure.suptitle(text + grey(became, mean), size=8)
    return figure


def draw_curves(results: Results, measure: str, x: str, lines: str | None, place: Place) -> Figure:
    """Draw a measure's mean ± standard deviation over the replicates along a dimension; mark the place with a line."""
    values, became, text = _over(results, measure, [name for name in (x, lines) if name], place, "mean ± s.d.")
    figure, axes = plt.subplots(figsize=(PAGE, HEIGHT))
    numbers = np.issubdtype(values[x].dtype, np.number)
    along = values[x].values if numbers else np.arange(values.sizes[x])
    shown = series(results.cube, lines, place[lines] if lines else 0)
    for value, colour in shown:
        mean, band = mean_and_band(values if lines is None else values.sel({lines: value}))
        here = lines is not None and value == results.cube[lines].values[place[lines]]
        look: dict[str, Any] = {"color": colour, "label": _word(value), "lw": 2.2 if here else 1.0}
        if values.sizes[x] <= MARKED:
            low, high = within(values, mean - band, mean + band)
            axes.errorbar(
                along,
                mean,
                [(mean - low).clip(0), (high - mean).clip(0)],
                capsize=2,
                marker="o",
                elinewidth=1.0,
                **look,
            )
        else:
            axes.plot(along, mean, **look)
            axes.fill_between(along, *within(values, mean - band, mean + band), color=colour, alpha=0.2, lw=0)
    if numbers:
        scale_x(axes, along)
    else:
        axes.set_xticks(along, [str(_word(value)) for value in values[x].values])
        axes.margins(x=0.2)
    if not values.notnull().any():
        empty(axes, why_missing(became))
    axes.axvline(along[place[x]], color="0.6", lw=0.8, ls=":", zorder=0)
    axes.set(xlabel=label(results.cube[x]), ylabel=label(values))
    if lines is not None:
        figure.legend(title=label(results.cube[lines]), loc="outside right center")
        if len(shown) < values.sizes[lines]:
            text += f"; {len(shown)} of {values.sizes[lines]} lines"
    figure.suptitle(text, size=8)
    return figure


def draw_points(results: Results, measure: str, x: str, colour: str | None, place: Place) -> Figure:
    """Draw a measure's mean over the replicates against a parameter along `run`, a point for each; ring the place."""
    values, became, text = _over(results, measure, [RUN], place, "mean")
    mean = values.mean(REPLICATES, keep_attrs=True)
    figure, axes = plt.subplots(figsize=(PAGE, HEIGHT))
    size = float(np.clip(4000 / mean.sizes[RUN], 0.5, 16.0))
    shade: dict[str, Any] = {"c": mean[colour], "cmap": "viridis"} if colour else {"color": "C0"}
    dots = axes.scatter(mean[x], mean, s=size, lw=0, rasterized=True, **shade)
    here = mean.isel({RUN: place[RUN]})
    axes.plot(here[x], here, "o", color=HERE, markersize=9, fillstyle="none", markeredgewidth=1.5)
    if not mean.notnull().any():
        empty(axes, why_missing(became))
    axes.set(xlabel=label(mean[x]), ylabel=label(mean))
    if x == RUN and mean.sizes[RUN] <= NAMED:
        along = [axis.name for axis in results.axes.values() if axis.dimension == RUN]
        names = [", ".join(short(mean[name].values[place]) for name in along) for place in range(mean.sizes[RUN])]
        axes.set_xticks(mean[RUN], names, rotation=45, ha="right")
    if colour:
        figure.colorbar(dots, label=label(mean[colour]), pad=0.01)
    figure.suptitle(f"{mean.sizes[RUN]:,} points, {text}", size=8)
    return figure


def _over(
    results: Results, measure: str, shown: list[str], place: Place, what: str
) -> tuple[xr.DataArray, xr.DataArray, str]:
    """Return a measure over the shown dimensions and the replicates, the status of its runs, and the title."""
    values = results.cube[measure]
    rest = {dim: place[dim] for dim in map(str, values.dims) if dim not in (*shown, *REPLICATES)}
    at = {dim: values[dim].values[i] for dim, i in rest.items()}
    population = str(at.pop("population")) if "population" in at else ""
    text = caption(results, shown, what, at)
    values = values.isel(rest)
    became = results.cube["status"].isel({dim: i for dim, i in rest.items() if dim != "population"})
    missing = values.isnull()
    if count := int(missing.sum()):
        text += f"; {count:,} of {values.size:,} values missing: {why_missing(became.where(missing))}"
    return values, became, f"{population}, {text}" if population else text


def _word(value: object) -> str | None:
    return None if value is None else short(value).replace("_", " ")
