"""The variables of a few cells over time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import (
    NO_TRACES,
    PAGE,
    VARIABLES,
    at,
    diverged,
    first_traced,
    no_traces,
    population_name,
    time_label,
)
from psst_core.measures.recordings import RunData
from psst_core.registry import register

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

CELLS = 5
WIDEST, THINNEST = 2.2, 0.8  # lines become thinner, so that one below another is seen


@register("figure", "traces")
@dataclass
class Traces(Figure):
    """The variables of a few cells over time."""

    caption = """
    Recorded variables of the first cells over time, of the first run that kept them. An open fraction belongs to
    the presynaptic cell: all its targets see the same one.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return None if any(config.recorder.variables.values()) else NO_TRACES

    def draw(self, results: Results) -> Picture:
        """Draw the first run that has traces: a row for each recorded variable, a line for each of the first cells."""
        run = first_traced(results, "traces")
        return no_traces(results) if run is None else draw_run(run, results.cube)


def draw_run(run: RunData, cube: xr.Dataset | None = None) -> Picture:
    """Draw a row for each variable whose traces the run has, a line for each of the first cells.

    Args:
        cube: that of its sweep, for the title.
    """
    import matplotlib.pyplot as plt

    names = [str(name) for name in run.traces.data_vars]
    figure, axes = plt.subplots(
        len(names), 1, figsize=(PAGE, 0.7 + 1.1 * len(names)), sharex=True, squeeze=False, layout="constrained"
    )
    for panel, name in zip(axes[:, 0], names, strict=True):
        trace = run.traces[name]
        population, _, variable = trace.attrs["variable"].partition(".")
        plain = run.config.network.populations[population].equations is not None
        cells = trace[trace.dims[0]].values[:CELLS]
        widths = np.linspace(WIDEST, THINNEST, len(cells)) if len(cells) > 1 else [THINNEST]
        for number, (cell, width) in enumerate(zip(cells, widths, strict=True)):
            line = trace.isel({trace.dims[0]: number})
            name = f"{'copy' if plain else 'cell'} {cell}"
            panel.plot(trace["time"], line, color=f"C{number}", lw=width, label=name)
        panel.set_ylabel(label("" if plain else population, variable, trace.attrs.get("units")))
    if len(axes[0, 0].lines) > 1:
        axes[0, 0].legend(loc="lower right", bbox_to_anchor=(1.0, 1.0), ncols=CELLS, borderaxespad=0.1)
    axes[-1, 0].set_xlabel(time_label(run.config))
    axes[-1, 0].set_xlim(0, run.config.run.duration)
    point = {name: value for name, value in run.point.items() if name not in REPLICATES}
    figure.suptitle((at(point, cube) + diverged(run)).removeprefix(", "), size=8)
    figure.align_ylabels(axes)
    return figure


def label(population: str, variable: str, unit: str | None) -> str:
    """Return a label such as `HH v (mV)` or `HH sodium m`; without a population, the variable alone."""
    name = VARIABLES.get(variable, variable.replace(".", "\n").replace("_", " "))
    return f"{population_name(population)} {name}".strip() + (f" ({unit})" if unit else "")
