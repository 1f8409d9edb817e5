"""Steady state and time constant of every gate over the potential, measured under voltage clamp."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import NO_TRACES, PAGE, axis_names, no_traces
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

POTENTIAL = re.compile(r"network\.populations\.[^.]+\.start\.v")
SAMPLES = 3
CHANNELS = {"a_type": "A-type", "m_type": "M-type"}


@register("figure", "rate_functions")
@dataclass
class RateFunctions(Figure):
    """Steady state and time constant of every gate over the potential, measured under voltage clamp."""

    caption = """
    Steady state and time constant of every gate over the membrane potential, measured in the simulator under
    voltage clamp: from three samples of x' = (x∞ − x)/τ follow both, as their steps shrink by exp(−h/τ). Calcium-
    dependent potassium is left out, for its rates do not depend on the potential. The step in the A-type current's
    time constant at −63 mV is in the published equations.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        if not any(config.recorder.variables.values()):
            return NO_TRACES
        clamped = [axis for axis in axes if POTENTIAL.fullmatch(axis.key) and len(axis.values) > 1]
        alone = bool(clamped) and len(axes) == 1
        return None if alone else "the start value of a population's v is not the only axis"

    def draw(self, results: Results) -> Picture:
        """Draw a column for each channel: steady states above, time constants below, a line for each gate."""
        import matplotlib.pyplot as plt

        values = self.table(results)
        if values.empty:
            return no_traces(results)
        channels = list(values.groupby("channel", sort=False))
        figure, axes = plt.subplots(
            2, len(channels), figsize=(PAGE, 3.2), sharex=True, sharey="row", squeeze=False, layout="constrained"
        )
        for (above, below), (channel, rows) in zip(axes.T, channels, strict=True):
            for number, (gate, line) in enumerate(rows.groupby("gate", sort=False)):
                style = {"color": f"C{number}", "linestyle": "-" if number == 0 else "--"}
                above.plot(line["v (mV)"], line["steady state"], **style, label=gate)
                below.plot(line["v (mV)"], line["time constant (ms)"], **style)
            above.set_title(CHANNELS.get(str(channel), str(channel).replace("_", " ")))
            above.legend(loc="center right", handlelength=1.2)
            below.set_yscale("log")
        axes[0, 0].set_ylabel("steady state")
        axes[1, 0].set_ylabel("time constant (ms)")
        figure.supxlabel("membrane potential (mV)", size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return a row for each gate and potential."""
        columns = ["channel", "gate", "v (mV)", "steady state", "time constant (ms)"]
        if results.ok.empty:
            return pd.DataFrame(columns=columns)
        data = results.traces()
        data = data.isel(run=np.isin(data["run_id"].values, results.ok["run_id"]))
        (name,) = axis_names(results).values()
        interval = float(data["time"][1] - data["time"][0])
        rows = []
        for variable in (str(name) for name in data.data_vars):
            _, channel, gate = data[variable].attrs["variable"].split(".")
            samples = data[variable].isel(time=slice(0, SAMPLES)).values[:, 0]
            found = zip(data[name].values, *relaxation(samples, interval), strict=True)
            rows += [(channel, gate, *line) for line in sorted(found)]
        return pd.DataFrame(rows, columns=columns)


def relaxation(samples: Array, interval: float) -> tuple[Array, Array]:
    """Return x∞ and τ [ms] of x' = (x∞ − x)/τ from three samples [..., time].

    The difference between successive samples shrinks by the factor exp(−interval/τ).
    """
    first, second, third = np.moveaxis(samples, -1, 0)
    shrink = (third - second) / (second - first)
    return first + (second - first) / (1.0 - shrink), -interval / np.log(shrink)
