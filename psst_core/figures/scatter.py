"""Measures against parameters that are sampled, or that move together: a point for each place along `run`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES, RUN, scalar_measures
from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    MANY,
    PAGE,
    caption,
    empty,
    heading,
    label,
    lacking_parameters,
    logarithmic,
    numeric_parameters,
    population_name,
    slices,
    why_missing,
    wrapped,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

COLUMNS = 4
BINS, IN_BIN = 12, 8


@register("figure", "scatter")
@dataclass
class Scatter(OfMeasures):
    """Measures against parameters that are sampled, or that move together: a point for each place along `run`."""

    caption = """
    Measures against the parameters that were sampled or move together: a point for each place along run, lines are
    medians in bins. The table holds Spearman's rank correlations.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_parameters(axes) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a row for each measure and a column for each parameter; of many, those with the strongest correlations.

        Colours are populations or, if there is one, values of the next parameter; lines are medians in bins.
        """
        import matplotlib.pyplot as plt
        from matplotlib.patheffects import withStroke

        values, parameters = means(results), numeric_parameters(results.axes.values())
        became = results.cube["status"].sel(slices(results, [RUN]))
        wanted = self.shown(results.cube)
        shown = strongest_parameters(values[wanted], parameters, COLUMNS)
        measures = [name for name in wanted if np.isfinite(values[name]).any()] or wanted
        populations = [str(name) for name in values["population"].values]
        graded = len(populations) == 1 and len(shown) > 1
        width = PAGE if len(shown) > 2 else PAGE * (0.35 + 0.25 * len(shown))
        figure, axes = plt.subplots(
            len(measures),
            len(shown),
            figsize=(width, 0.9 + 1.35 * len(measures)),
            sharex="col",
            sharey="row",
            squeeze=False,
        )
        dots: dict[str, Any] = {"s": np.clip(2000 / values.sizes[RUN], 0.5, 8.0), "lw": 0}
        dots |= {"rasterized": values.sizes[RUN] > MANY}
        halo = [withStroke(linewidth=2.5, foreground="white")]
        for row, measure in zip(axes, measures, strict=True):
            for panel, parameter, following in zip(row, shown, [*shown[1:], shown[0]], strict=True):
                x = values[parameter].values
                for number, population in enumerate(populations):
                    y, colour = values[measure].sel(population=population).values, "black" if graded else f"C{number}"
                    if graded:
                        image = panel.scatter(x, y, c=values[following], cmap="viridis", **dots)
                    else:
                        panel.scatter(x, y, color=colour, alpha=np.clip(1500 / len(x), 0.05, 0.4), **dots)
                    panel.plot(*binned_median(x, y), color=colour, label=population_name(population), path_effects=halo)
                if not np.isfinite(values[measure]).any():
                    empty(panel, why_missing(became))
                if graded and panel in axes[0]:
                    figure.colorbar(
                        image,
                        ax=axes[:, shown.index(parameter)],
                        location="top",
                        label=_named(values[following]),
                    )
                if panel in axes[-1]:
                    panel.set_xlabel(_named(values[parameter]))
                scale_points(panel, x)
            row[0].set_ylabel(heading(values[measure]))
        if len(populations) > 1:
            handles, names = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside right upper")
        part = f", {len(shown)} of {len(parameters)} parameters" if len(shown) < len(parameters) else ""
        figure.suptitle(f"{values.sizes[RUN]:,} points{part}, {caption(results, [RUN], 'mean')}", size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population, measure and parameter: Spearman's rank correlation and number of points."""
        values = means(results)
        rows = []
        for population in values["population"].values:
            for measure in map(str, values.data_vars):
                for parameter in numeric_parameters(results.axes.values()):
                    y = values[measure].sel(population=population).values
                    row = {"population": population, "measure": measure, "parameter": parameter}
                    rows.append(
                        row | {"points": np.isfinite(y).sum(), "spearman": rank_correlation(values[parameter], y)}
                    )
        return pd.DataFrame(rows)


def strongest_parameters(values: xr.Dataset, parameters: Sequence[str], most: int) -> list[str]:
    """Return the parameters in their order; of many, those with the strongest rank correlations with some measure."""
    found = sorted(parameters, key=lambda name: -_strength(values, name))[:most]
    return [name for name in parameters if name in found]


def means(results: Results) -> xr.Dataset:
    """Return the means of measures over networks and trials, at one value of each other axis, [run, population]."""
    cube = results.cube.sel(slices(results, [RUN]))
    return cube[scalar_measures(cube)].mean(REPLICATES, keep_attrs=True)


def rank_correlation(x: Array | xr.DataArray, y: Array) -> float:
    """Return Spearman's correlation over the points where y is defined; NaN if x or y does not vary."""
    x, y = np.asarray(x)[np.isfinite(y)], y[np.isfinite(y)]
    if len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return float("nan")
    return float(scipy.stats.spearmanr(x, y).statistic)


def binned_median(x: Array, y: Array) -> tuple[Array, Array]:
    """Return medians of x and y in bins of equally many points; none for a few points.

    If x has few different values, there is a bin for each.
    """
    points = pd.DataFrame({"x": x, "y": y}).dropna().sort_values("x", ignore_index=True)
    bins = min(BINS, len(points) // IN_BIN)
    if bins < 3:
        return np.zeros(0), np.zeros(0)
    distinct = points["x"].nunique() <= BINS
    found = points.groupby(points["x"].to_numpy() if distinct else points.index * bins // len(points)).median()
    return found["x"].to_numpy(), found["y"].to_numpy()


def _named(variable: xr.DataArray) -> str:
    return wrapped(label(variable))


def _strength(values: xr.Dataset, parameter: str) -> float:
    found = [
        abs(rank_correlation(values[parameter], y))
        for variable in values.data_vars.values()
        for y in variable.transpose("population", RUN).values
    ]
    return max(0.0 if np.isnan(value) else value for value in found)


def scale_points(axes: Axes, values: Array, direction: str = "x") -> None:
    """Make an axis hold all values of a parameter, and logarithmic if they suit it.

    Args:
        direction: the axis, `x` or `y`.
    """
    from matplotlib.ticker import MaxNLocator

    ends = np.array([values.min(), values.max()])
    other = np.zeros(2)
    along = direction == "x"
    axes.update_datalim(np.column_stack([ends, other] if along else [other, ends]), updatex=along, updatey=not along)
    line = axes.xaxis if along else axes.yaxis
    if values.min() > 0 and logarithmic(values):
        (axes.set_xscale if along else axes.set_yscale)("log")
    else:
        line.set_major_locator(MaxNLocator(4))
    axes.autoscale_view(scalex=along, scaley=not along)
