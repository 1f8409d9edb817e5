"""Measures over the two longest axes of the grid, with contours."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    GREY,
    PAGE,
    caption,
    empty,
    grey,
    heading,
    lacking_axes,
    map_label,
    numeric_names,
    population_name,
    slices,
    ticks_of,
    why_missing,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture
    from matplotlib.image import AxesImage

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

LEVELS, LEAST, ROUNDING = 5, 5, 1e-6


@register("figure", "phase_diagram")
@dataclass
class PhaseDiagram(OfMeasures):
    """Measures over the two longest axes of the grid, with contours."""

    caption = """
    Measures over the two longest axes of the sweep, means over networks and trials, each with a scale of its own.
    Cells have equal size, whatever the distance of their values; contours are interpolated linearly between their
    centres. Grey: undefined, or no result.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_axes(axes, 2) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a column for each measure, a row for each population: means over the replicates, grey without one."""
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        x, y, *_ = numeric_names(results)
        shown = [x, y]
        cube = results.cube.sel(slices(results, shown))
        measures = self.shown(cube)
        means = cube[measures].mean(REPLICATES, keep_attrs=True)
        populations = list(results.config.network.populations)
        size = (PAGE, 0.7 + 1.75 * len(populations))
        figure, axes = plt.subplots(
            len(populations), len(measures), figsize=size, sharex=True, sharey=True, squeeze=False
        )
        for row, population in zip(axes, populations, strict=True):
            for panel, measure in zip(row, measures, strict=True):
                values = means[measure].sel(population=population)
                image = _panel(panel, values, x, y)
                bar = figure.colorbar(image, ax=panel, location="top", aspect=12, pad=0.02)
                bar.ax.tick_params(labelsize=6)
                bar.ax.xaxis.set_major_locator(MaxNLocator(4))
                if values.isnull().all():
                    empty(panel, why_missing(cube["status"]), scale=True)
                    bar.set_ticks([])
                if panel in axes[0]:
                    bar.set_label(heading(cube[measure]))
            row[0].set_ylabel(population_name(population))
        figure.supxlabel(map_label(cube[x]), size=8)
        figure.supylabel(map_label(cube[y]), size=8)
        text = grey(cube["status"], *(means[measure] for measure in measures))
        figure.suptitle(caption(results, shown, "mean") + text, size=8)
        return figure


def _panel(axes: Axes, values: xr.DataArray, x: str, y: str) -> AxesImage:
    """Draw cells of equal size, one for each pair of values; from 5 x 5 on also contours between their centres."""
    from matplotlib.patheffects import withStroke

    grid = values.transpose(y, x).values
    axes.set_facecolor(GREY)
    image = axes.imshow(grid, origin="lower", aspect="auto", interpolation="nearest")
    if min(grid.shape) >= LEAST and _varies(grid):
        lines = axes.contour(grid, levels=LEVELS, colors="white", linewidths=0.7)
        lines.set_path_effects([withStroke(linewidth=1.4, foreground="0.2")])
    axes.set_xticks(*ticks_of(values[x].values, 12), rotation=60)
    axes.set_yticks(*ticks_of(values[y].values, 12))
    axes.tick_params(length=2)
    return image


def _varies(values: Array) -> bool:
    """Return whether values differ by more than rounding."""
    known = values[np.isfinite(values)]
    return bool(known.size and np.ptp(known) > ROUNDING * np.abs(known).max())
