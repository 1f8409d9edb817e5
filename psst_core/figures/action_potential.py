"""The potential of one cell, its gates, and the current through each of its channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING

import numpy as np

from psst_core.arrays import Array
from psst_core.attributes import trace_name
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import COLUMN, diverged, first_traced, no_traces, population_name
from psst_core.measures.recordings import RunData
from psst_core.model.network import Network, Population
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis


@register("figure", "action_potential")
@dataclass
class ActionPotential(Figure):
    """The potential of one cell, its gates, and the current through each of its channels."""

    caption = """
    One cell under a constant current. Top, its membrane potential; middle, its gates; bottom, the current through
    each channel, g·a·(v − E), computed from the recorded gates, outward positive. Inward sodium current starts the
    spike and outward potassium current ends it.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if _population(config) is None:
            return "recorder.variables keeps no population's v and all of its gates"
        return None

    def draw(self, results: Results) -> Picture:
        """Draw potential, gates and currents, one below the other, of the first cell of the first run with traces."""
        import matplotlib.pyplot as plt

        run = first_traced(results, "action_potential")
        population = None if run is None else _population(run.config)
        if run is None or population is None or not run.traces:
            return no_traces(results)
        figure, (potential, gates, flows) = plt.subplots(
            3, 1, figsize=(COLUMN, 4.4), sharex=True, gridspec_kw={"height_ratios": [1, 1, 1.3]}
        )
        time, v = run.traces["time"].values, _trace(run, population, "v")
        potential.plot(time, v, color="black")
        potential.set_ylabel(f"{population_name(population.name)} v (mV)")
        flowing = currents(run, population)
        for number, (name, channel) in enumerate(population.channels().items()):
            shown = {"color": f"C{number}"}
            for state, style in zip(channel.states, cycle(("-", "--", ":")), strict=False):
                gates.plot(time, _trace(run, population, f"{name}.{state}"), style, **shown, label=f"{name} {state}")
            flows.plot(time, flowing[name], **shown, label=name.replace("_", " "))
        gates.set(ylabel="gate", ylim=(-0.03, 1.03))
        flows.axhline(0, color="0.4", lw=0.6, zorder=0)
        flows.set(ylabel="current, outward\npositive (µA/cm²)", xlabel="time (ms)", xlim=(time[0], time[-1]))
        for panel in (gates, flows):
            panel.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
        figure.suptitle(diverged(run).removeprefix(", "), size=8)
        figure.align_ylabels()
        return figure


def currents(run: RunData, population: Population) -> dict[str, Array]:
    """Return g·a·(v − E) of the first cell at the samples, µA/cm², by channel, from the traces of its gates."""
    v = _trace(run, population, "v")
    found = {}
    for name, channel in population.channels().items():
        gates = {state: _trace(run, population, f"{name}.{state}") for state in channel.states}
        found[name] = channel.conductance * np.asarray(channel.gating(gates, v)) * (v - channel.reversal)
    return found


def _trace(run: RunData, population: Population, variable: str) -> Array:
    return np.asarray(run.traces[trace_name(f"{population.name}.{variable}")].values[0], dtype=float)


def _population(config: Config) -> Population | None:
    """Return the first population whose potential and gates are all recorded, or None."""
    for name, population in Network.from_config(config.network).populations.items():
        channels = population.channels()
        wanted = {"v", *(f"{channel}.{state}" for channel, part in channels.items() for state in part.states)}
        if channels and wanted <= set(config.recorder.variables.get(name, ())):
            return population
    return None
