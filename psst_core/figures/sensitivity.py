"""Strength and direction with which each parameter of a sweep moves each measure."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.scatter import BINS, IN_BIN, rank_correlation
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    PAGE,
    any_ok,
    caption,
    empty,
    heading,
    label,
    nothing,
    numeric_axes,
    numeric_names,
    numeric_parameters,
    population_name,
    why_missing,
    wrapped,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

RESAMPLES, MOST, SEED = 200, 2000, 1
PARAMETERS = 12


@register("figure", "sensitivity")
@dataclass
class Sensitivity(OfMeasures):
    """Strength and direction with which each parameter of a sweep moves each measure."""

    caption = """
    How strongly each parameter moves each measure, over all points of the sweep, each a mean over networks and trials.
    Blue: Spearman's rank correlation ρ, with its sign; lines are 95 % intervals of a bootstrap over points, where
    these are 8 to 2,000. Orange: the share η² of the measure's variance that the parameter explains alone. It is that
    of the means at each value of the parameter or, where each value has few points, in bins; black ticks mark what it
    is by chance. Over a whole grid it is Sobol's first index, of a sample an estimate of it. A ρ near 0 with a large
    η² is a maximum or minimum between the ends.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if not numeric_axes(axes) and not numeric_parameters(axes):
            return "no axis takes several numbers"
        return super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a row for each population and a column for each measure: two bars for each parameter."""
        import matplotlib.pyplot as plt

        if not any_ok(results):
            return nothing(results)
        rows = self.table(results)
        names = _strongest(rows)
        measures, populations = self.shown(results.cube), list(rows["population"].unique())
        size = (PAGE, 1.0 + len(populations) * max(1.25, 0.4 + 0.32 * len(names)))
        figure, axes = plt.subplots(
            len(populations), len(measures), figsize=size, sharex=True, sharey=True, squeeze=False
        )
        place = np.arange(len(names))
        for row, population in zip(axes, populations, strict=True):
            for panel, measure in zip(row, measures, strict=True):
                here = rows[(rows["population"] == population) & (rows["measure"] == measure)]
                here = here.set_index("parameter").loc[names]
                ends = [here["spearman"] - here["low"], here["high"] - here["spearman"]]
                panel.barh(place - 0.2, here["spearman"], 0.36, color="C0", label="rank correlation ρ")
                bars: dict[str, Any] = {"xerr": np.maximum(ends, 0.0), "ls": "", "color": "black", "elinewidth": 0.8}
                panel.errorbar(here["spearman"], place - 0.2, **bars)
                panel.barh(place + 0.2, here["share"], 0.36, color="C4", label="share of variance η²")
                panel.plot(here["by chance"], place + 0.2, "|", color="black", markersize=5, label="η² by chance")
                panel.axvline(0, color="0.4", lw=0.6)
                panel.set_xlim(-1.08, 1.08)
                panel.set_xticks([-1, 0, 1])
                if here["spearman"].isna().all() and here["share"].isna().all():
                    empty(panel, why_missing(results.cube["status"]), scale=True)
                if panel in axes[0]:
                    panel.set_title(re.sub(r"\s\([^)]*\)$", "", heading(results.cube[measure])))
            row[0].set_yticks(place, [wrapped(label(results.cube[name])) for name in names])
            row[0].set_ylabel(population_name(population))
        axes[0, 0].set_ylim(len(names) - 0.5, -0.5)
        handles, texts = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, texts, loc="outside lower center", ncols=3)
        total = rows["parameter"].nunique()
        part = f", {len(names)} of {total} parameters" if len(names) < total else ""
        means = caption(results, [str(dim) for dim in results.cube["status"].dims], "mean")
        figure.suptitle(f"{int(rows['points'].max()):,} points{part}, {means}", size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population, measure and parameter.

        `spearman` is the rank correlation over the points where the measure is defined, `low` and `high` are its 95 %
        interval. `share` is the variance of the means in `bins` over that of all points, `by chance` what it is on
        average for a parameter without effect.
        """
        names = [*numeric_parameters(results.axes.values()), *numeric_names(results)]
        columns = ["population", "measure", "parameter", "points", "spearman", "low", "high", "share", "bins"]
        rows = []
        cube = results.cube
        for measure in self.shown(cube) if any_ok(results) else ():
            mean = cube[measure].mean(REPLICATES)
            for population in mean["population"].values:
                part = mean.sel(population=population, drop=True)
                for name in names:
                    x, y = _points(cube[name], part)
                    low, high = interval(x, y)
                    found = (len(y), rank_correlation(x, y), low, high, *share(x, y))
                    rows.append((str(population), measure, name, *found))
        table = pd.DataFrame(rows, columns=columns)
        return table.assign(
            **{"by chance": ((table["bins"] - 1) / (table["points"] - 1)).where(table["share"].notna())}
        )


def _points(axis: xr.DataArray, values: xr.DataArray) -> tuple[Array, Array]:
    """Return a parameter and a measure at all points where the measure is defined."""
    along, over = xr.broadcast(axis, values)
    x, y = along.transpose(*over.dims).values.ravel(), over.values.ravel()
    return x[np.isfinite(y)].astype(float), y[np.isfinite(y)]


def share(x: Array, y: Array) -> tuple[float, int]:
    """Return the share of the variance of y that its means in bins of x have, and the number of bins.

    If x has few different values, or each of them many points, there is a bin for each value; else bins have equally
    many points. NaN where there are
    fewer than two bins, or y does not vary.
    """
    values, bin_of = np.unique(x, return_inverse=True)
    bins = len(values)
    if bins > max(BINS, len(x) // IN_BIN):
        bins = min(BINS, len(x) // IN_BIN)
        order = np.argsort(x, kind="stable")
        bin_of = np.empty(len(x), int)
        bin_of[order] = np.arange(len(x)) * bins // len(x)
    if bins < 2 or len(np.unique(y)) < 2:
        return float("nan"), bins
    count = np.bincount(bin_of, minlength=bins)
    mean = np.bincount(bin_of, y, minlength=bins) / count
    return float((count * (mean - y.mean()) ** 2).sum() / ((y - y.mean()) ** 2).sum()), bins


def interval(x: Array, y: Array) -> tuple[float, float]:
    """Return the 95 % interval of the rank correlation, by a bootstrap over points; NaN for very few or many points."""
    if not IN_BIN <= len(x) <= MOST or len(np.unique(x)) < 2 or len(np.unique(y)) < 2:
        return float("nan"), float("nan")
    drawn = np.random.default_rng(SEED).integers(0, len(x), (RESAMPLES, len(x)))
    a, b = (scipy.stats.rankdata(values[drawn], axis=1) for values in (x, y))
    a, b = a - a.mean(axis=1, keepdims=True), b - b.mean(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        found = (a * b).sum(axis=1) / np.sqrt((a**2).sum(axis=1) * (b**2).sum(axis=1))
    low, high = np.nanquantile(found, [0.025, 0.975])
    return float(low), float(high)


def _strongest(rows: pd.DataFrame) -> list[str]:
    """List the parameters in their order; of many, those that move some measure most."""
    strength = rows[["spearman", "share"]].abs().max(axis=1).groupby(rows["parameter"], sort=False).max()
    kept = strength.fillna(0.0).nlargest(PARAMETERS).index
    return [str(name) for name in strength.index if name in kept]
