"""One run: its spikes, and the mean potential of each population."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psst_core.attributes import REPLICATES, STATUS
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import (
    PAGE,
    at,
    cell_ticks,
    diverged,
    empty,
    no_membranes,
    nothing,
    population_name,
)
from psst_core.measures.recordings import RunData
from psst_core.registry import register

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis


@register("figure", "raster")
@dataclass
class Raster(Figure):
    """One run: its spikes, and the mean potential of each population."""

    caption = """
    One run: spikes of every cell, and each population's mean potential. It is the first run at the point of the
    sweep where the last population's oscillation is strongest on average; the title says where.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return no_membranes(config)

    def draw(self, results: Results) -> Picture:
        """Draw a run at the point where the last population's oscillation is strongest on average."""
        run = strongest(results)
        return nothing(results) if run is None else draw_run(run, results.cube)


def draw_run(run: RunData, cube: xr.Dataset | None = None) -> Picture:
    """Draw a run: its spikes above, below them a row for the mean potential of each population.

    Args:
        cube: that of its sweep, for the title.
    """
    import matplotlib.pyplot as plt

    names = list(run.populations)
    figure, (top, *below) = plt.subplots(
        1 + len(names),
        1,
        figsize=(PAGE, 2.4 + 1.0 * len(names)),
        sharex=True,
        gridspec_kw={"height_ratios": [2.4] + [1.0] * len(names)},
    )
    first = 0
    for number, name in enumerate(names):
        cells = range(first, first + run.populations[name])
        mine = (run.spike_cell >= first) & (run.spike_cell < cells.stop)
        size = max(0.5, min(4.0, 150 / sum(run.populations.values())))
        top.plot(run.spike_time[mine], run.spike_cell[mine], "|", color=f"C{number}", markersize=size, rasterized=True)
        top.text(
            1.01,
            first + len(cells) / 2,
            population_name(name),
            color=f"C{number}",
            va="center",
            transform=top.get_yaxis_transform(),
        )
        panel = below[number]
        potential = run.mean_potential.sel(population=name)
        panel.plot(run.mean_potential["time"], potential, color=f"C{number}", lw=0.8)
        if not potential.notnull().any():
            empty(panel, run.status)
        panel.set_ylabel("mean\npotential\n(mV)")
        panel.text(1.01, 0.5, population_name(name), color=f"C{number}", va="center", transform=panel.transAxes)
        first = cells.stop
    stimulus = run.config.stimulus
    edge = first - 0.4
    if stimulus["type"] == "odour":
        edge += 0.04 * first
        top.plot([stimulus["onset"], stimulus["offset"]], [edge] * 2, color="0.3", lw=3, solid_capstyle="butt")
        top.annotate("odour", (stimulus["offset"], edge), (3, 0), textcoords="offset points", ha="left", va="center")
    top.set_ylim(-0.6, edge)
    top.set_ylabel("cell")
    top.set_yticks(cell_ticks(first))
    top.set_title((at(run.point, cube) + diverged(run)).removeprefix(", "))
    below[-1].set_xlabel("time (ms)")
    below[-1].set_xlim(0, run.config.run.duration)
    return figure


def strongest(results: Results) -> RunData | None:
    """Return the first run at the point where the last population's power in the band is largest on average.

    If no run has any power, return the first that is ok; if none is, the first that has diverged; else None.
    """
    found = strongest_id(results)
    return None if found is None else results.run(run_id=found)


def strongest_id(results: Results) -> str | None:
    """Return the id of the run of `strongest`."""
    cube, at = results.cube, {}
    power = cube["band_power"].isel(population=-1) if "band_power" in cube else cube["status"].where(False)
    mean = power.mean(REPLICATES)
    choices = [cube["status"] == STATUS[word] for word in ("ok", "diverged")]
    if mean.notnull().any():
        at = dict(zip(mean.dims, np.unravel_index(np.nanargmax(mean.values), mean.shape), strict=True))
        choices = [power.notnull()]
    found = (cube["run_id"].isel(at).values[choice.isel(at).values] for choice in choices)
    first = next((ids[0] for ids in found if len(ids)), None)
    return None if first is None else str(first)
