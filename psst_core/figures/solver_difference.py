"""The effect of the solver: paired differences of each measure, beside its spread between replicates."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasures
from psst_core.figures.shared.style import (
    PAGE,
    caption,
    empty,
    heading,
    label,
    lacking_axes,
    mean_and_band,
    numeric_names,
    population_name,
    scale_x,
    series,
    slices,
    why_missing,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

MARKERS = "os^D"


@register("figure", "solver_difference")
@dataclass
class SolverDifference(OfMeasures):
    """The effect of the solver: paired differences of each measure, beside its spread between replicates."""

    caption = """
    Does the solver matter? Each measure under one solver minus that under the first, on the same network and trial,
    mean and standard deviation over both. Grey: ± one standard deviation between replicates; a difference well
    inside is less than that between two trials.
    """

    usual = ("firing_rate", "band_power", "synchrony")

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        solvers = [axis for axis in axes if axis.key == axis.dimension == "solver"]
        if not solvers or len(solvers[0].values) < 2:
            return "solver is no axis of the grid with several values"
        return lacking_axes(axes) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw each further solver minus the first, on the same network and trial; grey, ± one s.d. of replicates."""
        import matplotlib.pyplot as plt

        x, *rest = numeric_names(results)
        lines = rest[0] if rest else None
        first, *others = results.axes["solver"].values
        shown = [name for name in (x, lines, "solver") if name]
        cube = results.cube.sel(slices(results, shown))
        populations, measures = list(results.config.network.populations), self.shown(cube)
        figure, axes = plt.subplots(
            len(populations), len(measures), figsize=(PAGE, 0.9 + 1.5 * len(populations)), sharex=True, squeeze=False
        )
        for row, population in zip(axes, populations, strict=True):
            for panel, measure in zip(row, measures, strict=True):
                values = cube[measure].sel(population=population)
                spread = mean_and_band(values.sel(solver=first))[1]
                if lines is not None:
                    spread = spread.mean(lines)
                panel.fill_between(cube[x], -spread, spread, color="0.85", linewidth=0, label="replicates, ±1 s.d.")
                panel.axhline(0, color="0.4", lw=0.6)
                for marker, other in zip(itertools.cycle(MARKERS), others, strict=False):
                    difference = values.sel(solver=other) - values.sel(solver=first)
                    for value, colour in series(cube, lines):
                        mean, band = mean_and_band(difference if lines is None else difference.sel({lines: value}))
                        parts = [other] if len(others) > 1 or lines is None else []
                        parts += [] if lines is None else [f"{label(cube[lines])} {value:.4g}"]
                        name = ", ".join(parts).replace("_", " ")
                        panel.errorbar(cube[x], mean, band, marker=marker, color=colour, lw=0.8, label=name)
                scale_x(panel, cube[x])
                if not (values.sel(solver=others) - values.sel(solver=first)).notnull().any():
                    empty(panel, why_missing(cube["status"]))
                if panel in axes[0]:
                    panel.set_title(f"Δ {heading(cube[measure])}")
            row[0].set_ylabel(population_name(population))
        for panel in axes[-1]:
            panel.set_xlabel(label(cube[x]))
        handles, labels = axes[0, 0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside lower center", ncols=4)
        pair = f"{' or '.join(others)} minus {first} on the same network and trial"
        figure.suptitle(f"{pair}: {caption(results, shown)}".replace("_", " "), size=8)
        return figure
