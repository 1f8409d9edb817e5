"""Measures along the longest axis of the grid: the shared part of the figures of curves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    MANY,
    PAGE,
    caption,
    empty,
    heading,
    label,
    lacking_axes,
    named_series,
    numeric_names,
    population_name,
    scale_x,
    slices,
    why_missing,
    within,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

MARKED = 60


@dataclass
class Curves(OfMeasures):
    """Measures along the longest axis: a mean over the replicates, and a band.

    Attributes:
        what: names the mean and the band in the title.
    """

    what: ClassVar[str]

    def band(self, values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
        """Return the mean of a measure over the replicates, and half the width of its band."""
        raise NotImplementedError

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_axes(axes) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a column for each measure, a row for each population, a line for each value of the second axis."""
        import matplotlib.pyplot as plt

        x, *rest = numeric_names(results)
        lines = rest[0] if rest else None
        cube = results.cube.sel(slices(results, [name for name in (x, lines) if name]))
        marker, neighbours = "o" if cube.sizes[x] <= MARKED else "", -(-cube.sizes[x] // MANY)
        populations, measures = list(results.config.network.populations), self.shown(cube)
        size = (PAGE, 0.7 + 1.5 * len(populations))
        figure, axes = plt.subplots(len(populations), len(measures), figsize=size, sharex=True, squeeze=False)
        for row, population in zip(axes, populations, strict=True):
            for panel, measure in zip(row, measures, strict=True):
                for value, colour, name in named_series(cube, lines):
                    chosen = cube[measure].sel(population=population)
                    found = self.band(chosen if lines is None else chosen.sel({lines: value}))
                    mean, band = (line.coarsen({x: neighbours}, boundary="pad").mean() for line in found)
                    panel.plot(mean[x], mean, color=colour, label=name, marker=marker)
                    low, high = within(cube[measure], mean - band, mean + band)
                    panel.fill_between(mean[x], low, high, color=colour, alpha=0.2, lw=0)
                if not cube[measure].sel(population=population).notnull().any():
                    empty(panel, why_missing(cube["status"]))
                scale_x(panel, cube[x])
                if cube[measure].attrs.get("range", [None])[0] == 0 and not measure.endswith("frequency"):
                    highest = float(panel.dataLim.ymax)
                    panel.set_ylim(0, 1.05 * highest if np.isfinite(highest) and highest > 0 else None)
                if panel in axes[0]:
                    panel.set_title(heading(cube[measure]))
            row[0].set_ylabel(population_name(population))
        figure.supxlabel(label(cube[x]), size=8)
        smooth = f", each of {neighbours} neighbours" if neighbours > 1 else ""
        figure.suptitle(caption(results, [name for name in (x, lines) if name], self.what) + smooth, size=8)
        if lines is not None:
            handles, labels = axes[0, 0].get_legend_handles_labels()
            figure.legend(handles, labels, title=label(cube[lines]), loc="outside right center")
        return figure
