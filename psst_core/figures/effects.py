"""The effect of each axis on each measure, and whether it depends on the solver or its step."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import scipy
import xarray as xr

from psst_core.attributes import RUN, STATUS
from psst_core.configuration import Config
from psst_core.figures.scatter import rank_correlation
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    PAGE,
    empty,
    heading,
    label,
    nothing,
    numeric_axes,
    population_name,
    short,
    why_missing,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

METHODS = ("solver", "run.dt", "solver.precision")
MARKERS = "os^Dv<>"


@register("figure", "effects")
@dataclass
class Effects(OfMeasures):
    """The effect of each axis on each measure, and whether it depends on the solver or its step."""

    caption = """
    What depends on what. Each point is Spearman's rank correlation between a measure (column) and an axis of the
    sweep (row), over all points and trials of one network, then the mean over networks; bars are its 95 %
    confidence interval (Student's t over networks). Colours are solvers and steps, each with the same networks,
    trials and random numbers: where their points agree, the conclusion does not depend on how the equations were
    integrated. A rank correlation sees trends, not maxima; the table beside this figure adds the value of the axis
    where the measure is largest, and whether all methods agree on the sign and on whether zero lies inside the
    interval.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if not _causes(axes):
            return "no axis of the grid but the method takes several numbers"
        others = [axis.key for axis in axes if axis.dimension == RUN and axis.key not in METHODS]
        return f"{', '.join(others)} move together along run" if others else super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a panel for each population and measure: rank correlations with 95 % confidence, by axis and method."""
        import matplotlib.pyplot as plt

        rows = self.table(results)
        if rows.empty:
            return nothing(results)
        causes, ways = list(rows["axis"].unique()), list(rows["method"].unique())
        populations = list(rows["population"].unique())
        size = (PAGE, 0.9 + len(populations) * (0.45 + 0.11 * len(causes) * (1 + len(ways))))
        measures = self.shown(results.cube)
        figure, axes = plt.subplots(
            len(populations), len(measures), figsize=size, sharex=True, sharey=True, squeeze=False
        )
        for row, population in zip(axes, populations, strict=True):
            for panel, measure in zip(row, measures, strict=True):
                here = rows[(rows["population"] == population) & (rows["measure"] == measure)]
                panel.axvline(0, color="0.4", lw=0.6)
                for number, method in enumerate(ways):
                    mine = here[here["method"] == method].set_index("axis").loc[causes]
                    offset = (number - (len(ways) - 1) / 2) * 0.7 / len(ways)
                    width = mine["half width"].fillna(0.0)
                    style = {"color": f"C{number}", "marker": MARKERS[number % 7], "ls": "", "elinewidth": 0.9}
                    panel.errorbar(
                        mine["correlation"], np.arange(len(causes)) + offset, xerr=width, label=method, **style
                    )
                if here["correlation"].isna().all():
                    empty(panel, why_missing(results.cube["status"]), scale=True)
                panel.set_xlim(-1.08, 1.08)
                if panel in axes[0]:
                    panel.set_title(re.sub(r"\s\([^)]*\)$", "", heading(results.cube[measure])))
            names = [label(results.cube[cause]).replace(" (", "\n(") for cause in causes]
            row[0].set_yticks(range(len(causes)), names)
            row[0].set_ylabel(population_name(population))
        axes[0, 0].invert_yaxis()
        for panel in axes[-1]:
            panel.set_xlabel("rank correlation")
        if len(ways) > 1:
            handles, names = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, names, loc="outside lower center", ncols=len(ways))
        count = results.cube.sizes["network"]
        figure.suptitle(f"mean and 95 % confidence over {count} network{'s'[: count > 1]}", size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each population, measure, axis and method.

        `correlation` is Spearman's, between the measure and the axis, over all other axes and trials of one network,
        then averaged over networks. `half width` is that of its 95 % confidence interval (t). `largest at` is the value
        of the axis where the mean over all else is largest. `same` says whether every method agrees on the sign, and on
        whether zero lies inside the interval.
        """
        causes = [results.axes[name] for name in _causes(results.axes.values())]
        columns = [
            "population",
            "measure",
            "axis",
            "method",
            "networks",
            "correlation",
            "half width",
            "largest at",
            "same",
        ]
        rows = []
        for population in results.cube["population"].values if (results.cube["status"] == STATUS["ok"]).any() else ():
            for measure in self.shown(results.cube):
                values = results.cube[measure].sel(population=population)
                for axis in causes:
                    found = [_effect(part, axis.name) for _, part in methods(results, values)]
                    verdicts = {_verdict(rho, width) for _, rho, width, _ in found}
                    for (method, _), row in zip(methods(results, values), found, strict=True):
                        rows.append((str(population), measure, axis.name, method, *row, len(verdicts) == 1))
        return pd.DataFrame(rows, columns=columns)


def methods(results: Results, values: xr.DataArray) -> list[tuple[str, xr.DataArray]]:
    """Return the values under each solver, step and precision, with a name for each."""
    names = [axis.name for axis in results.axes.values() if axis.key in METHODS and len(axis.values) > 1]
    dims = list(dict.fromkeys(results.axes[name].dimension for name in names))
    if not dims:
        return [("as swept", values)]
    found = []
    for place in np.ndindex(*(values.sizes[dim] for dim in dims)):
        part = values.isel(dict(zip(dims, place, strict=True)))
        point = {name: short(part[name].item()) for name in names}
        text = ", ".join(value if name == "solver" else f"{name} {value}" for name, value in point.items())
        found.append((text.replace("_", " "), part))
    return found


def _causes(axes: Any) -> list[str]:
    keys = {axis.name: axis.key for axis in axes}
    return [name for name in numeric_axes(axes) if keys[name] not in METHODS]


def _effect(values: xr.DataArray, name: str) -> tuple[int, float, float, float]:
    """Return the number of networks, mean correlation, half width of its interval, and where the mean is largest."""
    x = xr.broadcast(values[name], values)[0].transpose(*values.dims)
    pairs = zip(x.transpose("network", ...).values, values.transpose("network", ...).values, strict=True)
    found = np.array([rank_correlation(a.ravel(), b.ravel()) for a, b in pairs])
    found = found[np.isfinite(found)]
    along = values.mean([dim for dim in values.dims if dim != name])
    best = float(along.idxmax(name))
    if not len(found):
        return 0, float("nan"), float("nan"), best
    width = float("nan")
    if len(found) > 1:
        width = float(scipy.stats.t.ppf(0.975, len(found) - 1) * found.std(ddof=1) / np.sqrt(len(found)))
    return len(found), float(found.mean()), width, best


def _verdict(correlation: float, width: float) -> int:
    """Return the sign if the interval does not hold zero; 0 if it does, or if there is no interval."""
    return int(np.sign(correlation)) if np.isfinite(width) and abs(correlation) > width else 0
