"""The values of measures in all networks and trials, for each value of the longest axis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    MANY,
    PAGE,
    caption,
    empty,
    few,
    heading,
    label,
    lacking_axes,
    numerals,
    numeric_names,
    population_name,
    slices,
    why_missing,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

PLACES, TICKS = 16, 6
BOXED = 8  # with fewer values a box says less than its dots
SEED = 1


@register("figure", "distributions")
@dataclass
class Distributions(OfMeasures):
    """The values of measures in all networks and trials, for each value of the longest axis."""

    caption = """
    How measures differ between networks and trials, along the longest axis of the sweep. Each dot is one run, moved
    aside at random so that dots do not cover each other. Boxes hold the middle half of the values, their line is the
    median, whiskers end at the last value within 1.5 lengths of the box; of fewer than eight values there are dots
    alone. Distances along the axis are not to scale.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if config.sweep.networks * config.sweep.trials < 2:
            return "sweep.networks=1 and sweep.trials=1 leave one run at each point"
        return lacking_axes(axes) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a column for each measure and a row for each population: dots, and boxes where there are enough."""
        import matplotlib.pyplot as plt

        x = numeric_names(results)[0]
        whole = results.cube.sel(slices(results, [x]))
        cube = whole.isel({x: few(whole.sizes[x], PLACES)})
        populations, measures = list(results.config.network.populations), self.shown(cube)
        size = (PAGE, 0.8 + 1.5 * len(populations))
        figure, axes = plt.subplots(len(populations), len(measures), figsize=size, sharex=True, squeeze=False)
        for number, (row, population) in enumerate(zip(axes, populations, strict=True)):
            for panel, measure in zip(row, measures, strict=True):
                values = cube[measure].sel(population=population)
                _spread(panel, _by_place(values, x), f"C{number}")
                if not values.notnull().any():
                    empty(panel, why_missing(whole["status"]))
                if panel in axes[0]:
                    panel.set_title(heading(cube[measure]))
            row[0].set_ylabel(population_name(population))
        shown = few(cube.sizes[x], TICKS if len(measures) > 2 else PLACES)
        axes[0, 0].set_xticks(shown, numerals(cube[x].values[shown]), rotation=45)
        axes[0, 0].set_xlim(-0.6, cube.sizes[x] - 0.4)
        figure.supxlabel(label(cube[x]), size=8)
        part = f", {cube.sizes[x]} of {whole.sizes[x]} values" if cube.sizes[x] < whole.sizes[x] else ""
        figure.suptitle(caption(results, [x], "single runs") + part, size=8)
        return figure


def _by_place(values: xr.DataArray, x: str) -> list[Array]:
    """Return the values of all networks and trials that are defined, for each value of an axis."""
    rows = values.transpose(x, *REPLICATES).values.reshape(values.sizes[x], -1)
    return [row[np.isfinite(row)] for row in rows]


def _spread(axes: Axes, groups: Sequence[Array], colour: str) -> None:
    boxed = [place for place, group in enumerate(groups) if len(group) >= BOXED]
    if boxed:
        thin: dict[str, Any] = {name: {"color": "0.2", "lw": 0.7} for name in ("boxprops", "whiskerprops", "capprops")}
        thin |= {"medianprops": {"color": "black", "lw": 1.4}, "showfliers": False, "widths": 0.65, "zorder": 3}
        axes.boxplot([groups[place] for place in boxed], positions=boxed, manage_ticks=False, **thin)
    aside = np.random.default_rng(SEED)
    places = [place + aside.uniform(-0.2, 0.2, len(group)) for place, group in enumerate(groups)]
    dots: dict[str, Any] = {"color": colour, "ms": 2.5, "mew": 0, "alpha": 0.6}
    many = sum(map(len, groups)) > MANY
    axes.plot(np.concatenate(places), np.concatenate(groups), "o", rasterized=many, **dots)
