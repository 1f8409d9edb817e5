"""The distance over time of two copies of a plain system that start close to each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.shared.style import COLUMN, NO_TRACES, diverged, first_traced, no_traces, time_label
from psst_core.measures.recordings import RunData
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

FITTED = (10.0, 0.1)


@register("figure", "separation")
@dataclass
class Separation(Figure):
    """The distance over time of two copies of a plain system that start close to each other."""

    caption = """
    Two copies of the same equations that start close to each other: their Euclidean distance over time on a
    logarithmic scale. The dashed line is fitted from when the distance stays above ten times the first one to when
    it reaches a tenth of the largest. Its slope is a finite-time estimate for this start, not the largest Lyapunov
    exponent (0.906 for Lorenz's parameters: Sprott 2003, Chaos and Time-Series Analysis).
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        kept, populations = config.recorder.variables, config.network.populations
        if len(populations) > 1 or any(part.equations is None for part in populations.values()):
            return "the network is no single plain system"
        if config.network.size < 2:
            return "network.size=1 leaves no second copy"
        return None if all(kept.get(name) for name in populations) else NO_TRACES

    def draw(self, results: Results) -> Picture:
        """Draw the distance of the first two copies over time, and the exponential fitted to its growth."""
        import matplotlib.pyplot as plt

        run = first_traced(results, "separation")
        if run is None:
            return no_traces(results)
        time, apart = run.traces["time"].values, distance(run)
        rate, offset, fitted = growth(time, apart)
        figure, axes = plt.subplots(figsize=(COLUMN, 2.4))
        axes.plot(time, np.where(apart > 0, apart, np.nan), lw=0.8, label="first two copies")
        if fitted.any():
            line = np.exp(offset + rate * time[fitted])
            axes.plot(time[fitted], line, "--", color="C1", label=f"exp({rate:.2f} t), fitted")
        axes.set(xlabel=time_label(run.config), ylabel="distance", yscale="log" if (apart > 0).any() else "linear")
        axes.legend(loc="lower right")
        figure.suptitle(diverged(run).removeprefix(", "), size=8)
        return figure

    def table(self, results: Results) -> pd.DataFrame:
        """Return the distance at the first and the last sample, and the fitted rate of its growth."""
        columns = ["first distance", "last distance", "growth (1/ms)"]
        run = first_traced(results, "separation")
        if run is None or run.status != "ok":
            return pd.DataFrame(columns=columns)
        apart = distance(run)
        return pd.DataFrame([(apart[0], apart[-1], growth(run.traces["time"].values, apart)[0])], columns=columns)


def distance(run: RunData) -> Array:
    """Return the Euclidean distance of the first two copies over all recorded variables, [time]."""
    pairs = np.stack([trace.values[:2].astype(float) for trace in run.traces.data_vars.values()])
    return np.asarray(np.sqrt(((pairs[:, 0] - pairs[:, 1]) ** 2).sum(axis=0)))


def growth(time: Array, apart: Array) -> tuple[float, float, Array]:
    """Return slope and offset of log distance over time, and where they are fitted, [time].

    The fit begins when the distance stays above ten times its first value. It ends when the distance first reaches a
    tenth of its largest value.
    """
    few, most = apart[0] * FITTED[0], np.nanmax(apart) * FITTED[1]
    stop = int(np.argmax(apart >= most))
    near = np.flatnonzero(apart[:stop] <= few)
    place = np.arange(len(apart))
    fitted = (place > (near[-1] if near.size else 0)) & (place < stop) & (apart > 0)
    if fitted.sum() < 3:
        return float("nan"), float("nan"), np.zeros_like(fitted)
    slope, offset = np.polyfit(time[fitted], np.log(apart[fitted]), 1)
    return float(slope), float(offset), fitted
