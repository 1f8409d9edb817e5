"""The membrane potential of every recorded cell over time, a heat map for each population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psst_core.attributes import REPLICATES, trace_name
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import PAGE, at, cell_ticks, diverged, first_traced, no_traces, population_name
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

TALLEST, BRIGHTEST = 2.2, 0.995


@register("figure", "potentials")
@dataclass
class Potentials(Figure):
    """The membrane potential of every recorded cell over time, a heat map for each population."""

    caption = """
    The membrane potential of every recorded cell over time, a heat map for each population, one colour scale for
    all. The scale ends at the brightest half per cent, so that what happens between spikes is seen.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        kept = any("v" in variables for variables in config.recorder.variables.values())
        return None if kept else "recorder.variables keeps the v of no population"

    def draw(self, results: Results) -> Picture:
        """Draw the first run that has traces; one colour scale for all populations ends below the rare peaks."""
        import matplotlib.pyplot as plt
        from matplotlib.colors import Normalize

        run = first_traced(results, "potentials")
        if run is None:
            return no_traces(results)
        traces = {name: run.traces[key] for name in run.populations if (key := trace_name(f"{name}.v")) in run.traces}
        cells = np.array([len(trace) for trace in traces.values()])
        heights = np.maximum(TALLEST * cells / cells.max(), 0.7)
        every = np.concatenate([trace.values.ravel() for trace in traces.values()])
        scale = (
            Normalize(*np.nanquantile(every, (0.0, BRIGHTEST))) if np.isfinite(every).any() else Normalize(-100.0, 50.0)
        )
        figure, axes = plt.subplots(
            len(traces),
            1,
            figsize=(PAGE, 0.6 + heights.sum()),
            sharex=True,
            squeeze=False,
            gridspec_kw={"height_ratios": heights},
        )
        duration = run.config.run.duration
        for panel, height, (name, trace) in zip(axes[:, 0], heights, traces.items(), strict=True):
            extent = (0.0, duration, -0.5, len(trace) - 0.5)
            image = panel.imshow(
                trace, norm=scale, origin="lower", extent=extent, aspect="auto", interpolation="nearest"
            )
            panel.set_ylabel(f"{population_name(name)} cell")
            ticks = cell_ticks(len(trace))
            ticks = ticks[:: 1 + len(ticks) // round(8 * height)]
            panel.set_yticks(ticks, [str(trace[trace.dims[0]].values[tick]) for tick in ticks])
        axes[-1, 0].set_xlabel("time (ms)")
        figure.colorbar(image, ax=list(axes[:, 0]), label="membrane potential (mV)", pad=0.01, aspect=30, extend="max")
        point = {name: value for name, value in run.point.items() if name not in REPLICATES}
        figure.suptitle((at(point, results.cube) + diverged(run)).removeprefix(", "), size=8)
        return figure
