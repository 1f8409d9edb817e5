"""Two variables of a plain system against each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from psst_core.attributes import STATUS
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import (
    COLUMN,
    LINES,
    PAGE,
    VARIABLES,
    axis_names,
    diverged,
    empty,
    first_traced,
    why_missing,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

COLUMNS = 3


@register("figure", "phase_plane")
@dataclass
class PhasePlane(Figure):
    """Two variables of a plain system against each other."""

    caption = """
    Two variables of a plain system against each other, from the start (dot); a panel for each solver, a line for
    each copy.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        plain = {name for name, part in config.network.populations.items() if part.equations is not None}
        if not plain:
            return "no population is a plain system"
        kept = config.recorder.variables
        several = any(len(kept.get(name, ())) > 1 for name in plain)
        return None if several else "recorder.variables keeps no two variables of a plain system"

    def draw(self, results: Results) -> Picture:
        """Draw a panel for each solver: the first recorded variable across, the last one up, a line for each cell."""
        import matplotlib.pyplot as plt

        solver = axis_names(results).get("solver")
        shown: list[dict[str, Any]] = (
            [{solver: value} for value in dict.fromkeys(results.axes[solver].values)] if solver else [{}]
        )
        columns = min(COLUMNS, len(shown))
        rows = -(-len(shown) // columns)
        size = (PAGE, 0.4 + 2.2 * rows) if len(shown) > 1 else (COLUMN, COLUMN)
        figure, axes = plt.subplots(rows, columns, figsize=size, sharey=True, squeeze=False)
        for panel in axes.flat[len(shown) :]:
            panel.axis("off")
        for panel, point in zip(axes.flat, shown, strict=False):
            title = str(next(iter(point.values()), "")).replace("_", " ")
            panel.set_title(title)
            run = first_traced(results, "phase_plane", **point)
            if run is None:
                became = results.cube["status"].sel(point)
                empty(panel, why_missing(became.where(became >= STATUS["not_run"])))
                continue
            panel.set_title((title + diverged(run)).removeprefix(", "))
            names = [str(name) for name in run.traces.data_vars]
            x, y = run.traces[names[0]], run.traces[names[-1]]
            numbers = x[x.dims[0]].values
            for cell in range(x.shape[0]):
                panel.plot(x[cell], y[cell], color=f"C{cell}", lw=0.6, label=f"copy {numbers[cell]}")
                panel.plot(x[cell, :1], y[cell, :1], "o", color=f"C{cell}")
            across, up = (line.attrs["variable"].rpartition(".")[2] for line in (x, y))
            panel.set_xlabel(VARIABLES.get(across, across))
            if panel in axes[:, 0]:
                panel.set_ylabel(VARIABLES.get(up, up))
        keys = [panel.get_legend_handles_labels() for panel in axes.flat]
        handles, labels = max(keys, key=lambda key: len(key[1]))
        if 1 < len(labels) <= LINES:
            figure.legend(handles, labels, loc="outside lower center", ncols=len(labels))
        return figure
