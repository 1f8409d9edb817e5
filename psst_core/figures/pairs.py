"""The parameters of a sample in pairs, in the colours of a measure; each parameter against this measure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from psst_core.attributes import RUN
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.figures.scatter import binned_median, means, scale_points, strongest_parameters
from psst_core.figures.shared.measures import OfMeasure
from psst_core.figures.shared.style import (
    MANY,
    PAGE,
    caption,
    heading,
    label,
    lacking_parameters,
    nothing,
    numeric_parameters,
    population_name,
    slices,
    why_missing,
    wrapped,
)
from psst_core.registry import register, suggestion

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

MOST = 5


@register("figure", "pairs")
@dataclass
class Pairs(OfMeasure):
    """The parameters of a sample in pairs, in the colours of a measure; each parameter against this measure.

    Attributes:
        population: the population whose measure is shown; by default the first.
    """

    caption = """
    Parameters that were sampled or move together, in pairs: each dot is a point along run, in the colour of the
    measure, mean over networks and trials; crosses are points where it is undefined. On the diagonal stands the measure
    against each parameter, with medians in bins and its scale to the right. The title names the population.
    """
    population: str | None = None

    def check(self, config: Config) -> None:
        super().check(config)
        known = list(config.network.populations)
        if self.population is not None and self.population not in known:
            raise PsstError(
                f"population={self.population}: the network has none of this name{suggestion(self.population, known)}; "
                f"it has: {', '.join(known)}"
            )

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_parameters(axes, 2) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw the pairs below the diagonal; of many parameters, those with the strongest correlations."""
        import matplotlib.pyplot as plt
        from matplotlib.ticker import MaxNLocator

        parameters = numeric_parameters(results.axes.values())
        population = self.population or next(iter(results.config.network.populations))
        values = means(results).sel(population=[population])
        shown = strongest_parameters(values[[self.measure]], parameters, MOST)
        values = values.sel(population=population)
        y = values[self.measure].values
        known = np.isfinite(y)
        if not known.any():
            return nothing(results, why=why_missing(results.cube["status"].sel(slices(results, [RUN]))))
        size = (PAGE, 0.8 + 1.35 * len(shown))
        figure, axes = plt.subplots(len(shown), len(shown), figsize=size, sharex="col", squeeze=False)
        dots: dict[str, Any] = {"s": np.clip(2000 / len(y), 1.0, 8.0), "lw": 0, "rasterized": len(y) > MANY}
        for row, below in enumerate(shown):
            for column, beside in enumerate(shown):
                panel = axes[row, column]
                x, up = values[beside].values, y if row == column else values[below].values
                if column > row:
                    panel.axis("off")
                    continue
                panel.plot(x[~known], up[~known], "x", color="0.6", ms=3, mew=0.6, zorder=0)
                image = panel.scatter(x[known], up[known], c=y[known], cmap="viridis", **dots)
                scale_points(panel, x)
                if row == column:
                    panel.plot(*binned_median(x, y), color="#D55E00")
                    panel.yaxis.tick_right()
                    panel.spines["right"].set_visible(True)
                    panel.spines["left"].set_visible(False)
                    panel.yaxis.set_major_locator(MaxNLocator(4))
                else:
                    scale_points(panel, up, "y")
                if row == len(shown) - 1:
                    panel.set_xlabel(wrapped(label(values[beside])))
                panel.tick_params(labelbottom=row == len(shown) - 1)
                if column == 0 and row:
                    panel.set_ylabel(wrapped(label(values[below]), 17))
        figure.colorbar(image, ax=list(axes[0, 1:]), label=heading(values[self.measure]), aspect=12)
        part = f", {len(shown)} of {len(parameters)} parameters" if len(shown) < len(parameters) else ""
        name = population_name(population).replace("\n", " ")
        figure.suptitle(f"{name}, {len(y):,} points{part}, {caption(results, [RUN], 'mean')}", size=8)
        return figure
