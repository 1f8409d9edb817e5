"""Firing rate of each cell over the current that it gets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import COLUMN, LINES, nothing, short
from psst_core.registry import build, register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis


@register("figure", "f_i_curve")
@dataclass
class FICurve(Figure):
    """Firing rate of each cell over the current that it gets."""

    caption = """
    Firing rate over constant current, a point for each cell. Rates are counts over the recorder's window, so that
    they come in steps of one spike over its length.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if config.stimulus["type"] != "per_cell":
            return "the stimulus has not a current of its own for each cell: stimulus.type is no per_cell"
        return None if len(config.network.populations) == 1 else "the network has several populations"

    def draw(self, results: Results) -> Picture:
        """Draw a line for each of the first few points of the sweep, from its first network and trial."""
        import matplotlib.pyplot as plt

        values = self.table(results)
        if values.empty:
            return nothing(results)
        figure, axes = plt.subplots(figsize=(COLUMN, 2.4))
        for number, (point, line) in enumerate(values.groupby("point", sort=False)):
            axes.plot(line["current (µA/cm²)"], line["rate (Hz)"], "o-", color=f"C{number}", label=point)
        axes.set(xlabel="current (µA/cm²)", ylabel="firing rate (Hz)")
        if len(axes.lines) > 1:
            axes.legend()
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each cell: its current, its spikes in the window, its rate."""
        first = results.ok.drop_duplicates(list(results.axes) or "network")
        parts = [pd.DataFrame(columns=["point", "cell", "current (µA/cm²)", "spikes", "rate (Hz)"])]
        for run_id in first["run_id"].iloc[:LINES]:
            run = results.run(run_id=run_id)
            cells, (start, stop) = sum(run.populations.values()), run.config.recorder.window
            stop = min(stop, run.config.run.duration)
            inside = (run.spike_time > start) & (run.spike_time <= stop)
            spikes = np.bincount(run.spike_cell[inside], minlength=cells)
            stimulus = build("stimulus", run.config.stimulus, "stimulus")
            current = run.config.stimulus["amplitude"] * stimulus.amplitudes(cells)
            point = ", ".join(f"{name} {short(value)}" for name, value in run.point.items() if name not in REPLICATES)
            columns = {"point": point, "cell": range(cells), "current (µA/cm²)": current, "spikes": spikes}
            parts.append(pd.DataFrame(columns | {"rate (Hz)": spikes / (1e-3 * (stop - start))}))
        return pd.concat(parts[1:] or parts, ignore_index=True)
