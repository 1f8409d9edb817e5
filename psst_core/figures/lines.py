"""A measure along a dimension of its own, such as a spectrum or a correlogram, for a few values of an axis."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from psst_core.attributes import REPLICATES
from psst_core.figures.shared.measures import LINE, PAIRS, Kind, OfMeasure, own_dims
from psst_core.figures.shared.style import (
    PAGE,
    any_ok,
    caption,
    empty,
    few_columns,
    hide_unused,
    label,
    logarithmic,
    named_series,
    nothing,
    numeric_names,
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


@register("figure", "lines")
@dataclass
class Lines(OfMeasure):
    """A measure along a dimension of its own, such as a spectrum, a line for each of a few values of the longest axis.

    Attributes:
        chance: the value that the measure has by chance, marked by a dashed line.
        logarithmic: whether the measure has a logarithmic scale; by default, where its values span decades.
    """

    caption = """
    A measure along a dimension of its own, mean over networks and trials: a panel for each population, or for each pair
    of them, a line for each of a few values of the longest axis of the sweep.
    """
    kind: ClassVar[Kind] = LINE
    chance: ClassVar[float | None] = None
    measure: str = "spectrum"
    logarithmic: bool | None = None

    def draw(self, results: Results) -> Picture:
        """Draw a panel for each population, or a row for each and a column for each other one; lines are means."""
        import matplotlib.pyplot as plt

        if self.measure not in results.cube or not any_ok(results):
            return nothing(results, f"no {self.measure.replace('_', ' ')} to show")
        lines = next(iter(numeric_names(results)), None)
        shown = [lines] if lines else []
        cube = results.cube.sel(slices(results, shown))
        mean = cube[self.measure].mean(REPLICATES, keep_attrs=True)
        (along,) = own_dims(set(mean.dims) - {*shown})
        panels = _panels(mean)
        rows, columns = (1 + max(places) for places in zip(*(place for place, *_ in panels), strict=True))
        size = (min(PAGE, 1.6 + 2.2 * columns), 1.0 + 1.5 * rows)
        figure, grid = plt.subplots(rows, columns, figsize=size, sharex=True, sharey="row", squeeze=False)
        hide_unused(grid, len(panels))
        spans = logarithmic(mean.values[np.isfinite(mean.values)]) if self.logarithmic is None else self.logarithmic
        for place, title, row_label, part in panels:
            panel = grid[place]
            _draw_lines(panel, part, along, cube, lines)
            if self.chance is not None:
                panel.axhline(self.chance, color="0.5", lw=0.7, ls="--", zorder=0)
            if not part.notnull().any():
                empty(panel, why_missing(cube["status"]), scale=True)
            elif spans:
                panel.set_yscale("log", nonpositive="mask")
            panel.set(title=title, ylabel=row_label)
        if not spans and mean.attrs.get("range", [None])[0] == 0:
            for row in grid:
                row[0].set_ylim(bottom=0)
        figure.supxlabel(label(mean[along]), size=8)
        figure.supylabel(wrapped(label(mean), 16 * rows + 14), size=8)
        mark = "" if self.chance is None else f"; dashed: chance, {self.chance:g}"
        figure.suptitle(caption(results, shown, "mean") + mark, size=8)
        if lines is not None:
            handles, names = grid[0, 0].get_legend_handles_labels()
            figure.legend(handles, names, title=wrapped(label(cube[lines])), loc="outside right center")
        return figure


@register("figure", "correlogram")
@dataclass
class Correlogram(Lines):
    """The correlogram of each pair of populations, a line for each of a few values of the longest axis."""

    caption = """
    Correlograms of pairs of populations, mean over networks and trials: a row for each population and a column for each
    other one, a line for each of a few values of the longest axis of the sweep. Positive lags: the other population
    fires later, by the lag. 1, dashed, is chance.
    """
    kind: ClassVar[Kind] = PAIRS
    chance: ClassVar[float | None] = 1.0
    measure: str = "cross_correlation"
    logarithmic: bool | None = False


def _draw_lines(axes: Axes, values: xr.DataArray, along: str, cube: xr.Dataset, lines: str | None) -> None:
    for value, colour, name in named_series(cube, lines):
        here = values if lines is None else values.sel({lines: value})
        axes.plot(here[along], here, color=colour, label=name, lw=1.0)


def _panels(mean: xr.DataArray) -> list[tuple[tuple[int, int], str, str, Any]]:
    """Return for each panel its place (row, column), its title, the label of its row, and its values."""
    names = [str(name) for name in mean["population"].values]
    if "other" not in mean.dims:
        _, columns = few_columns(len(names))
        return [
            (divmod(number, columns), population_name(name), "", mean.sel(population=name))
            for number, name in enumerate(names)
        ]
    return [
        (
            (row, column),
            "" if row else f"→ {population_name(other)}",
            "" if column else f"{population_name(one)} →",
            mean.sel(population=one, other=other),
        )
        for row, one in enumerate(names)
        for column, other in enumerate(mean["other"].values)
    ]
