"""One measure over one or two axes of the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasure
from psst_core.figures.shared.style import (
    PAGE,
    ROWS,
    caption,
    empty,
    grey,
    heading,
    heat_map,
    lacking_axes,
    map_label,
    map_scale,
    numeric_names,
    population_name,
    slices,
    why_missing,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis


@register("figure", "map")
@dataclass
class Map(OfMeasure):
    """One measure over one or two axes of the sweep."""

    caption = """
    The measure that the colour bar names, of each population over one or two axes of the sweep: mean over networks and
    trials, a column for each solver.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_axes(axes) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a row for each population, with a colour scale of its own, and a column for each solver."""
        import matplotlib.pyplot as plt

        x, *rest = numeric_names(results)
        y = rest[0] if rest else None
        columns = results.cube["solver"].values if "solver" in results.cube.dims else [None]
        shown = [name for name in (x, y, "solver") if name]
        cube = results.cube.sel(slices(results, shown))
        values = cube[self.measure].mean(REPLICATES, keep_attrs=True)
        populations = list(results.config.network.populations)
        height = 0.6 + len(populations) * (0.95 + 0.22 * min(ROWS, cube.sizes[y] if y else 1))
        figure, axes = plt.subplots(
            len(populations), len(columns), figsize=(PAGE, height), sharex=True, sharey=True, squeeze=False
        )
        for row, population in zip(axes, populations, strict=True):
            here = values.sel(population=population)
            scale = map_scale(here)
            for panel, solver in zip(row, columns, strict=True):
                mean, became = (part if solver is None else part.sel(solver=solver) for part in (here, cube["status"]))
                image = heat_map(panel, mean, x, y, scale)
                if mean.isnull().all():
                    empty(panel, why_missing(became), scale=True)
                panel.set_title(population_name(f"{population}, {solver}" if solver else population))
            figure.colorbar(image, ax=list(row), label=heading(values), pad=0.01)
        figure.supxlabel(map_label(cube[x]), size=8)
        if y:
            figure.supylabel(map_label(cube[y]), size=8)
        figure.suptitle(caption(results, shown, "mean") + grey(cube["status"], values), size=8)
        return figure


@register("figure", "rate_map")
@dataclass
class RateMap(Map):
    """The firing rate over one or two axes of the sweep."""


@register("figure", "power_map")
@dataclass
class PowerMap(Map):
    """The power of the oscillation, in the band that its label names, over one or two axes of the sweep."""

    measure: str = "band_power"


@register("figure", "synchrony_map")
@dataclass
class SynchronyMap(Map):
    """Synchrony over one or two axes of the sweep."""

    measure: str = "synchrony"
