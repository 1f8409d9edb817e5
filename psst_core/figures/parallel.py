"""Parameters that are sampled, or that move together, and measures as parallel axes: a line for each point."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from psst_core.arrays import Array
from psst_core.attributes import RUN
from psst_core.configuration import Config
from psst_core.figures.scatter import means, strongest_parameters
from psst_core.figures.shared.measures import OfMeasures, check_measure
from psst_core.figures.shared.style import (
    MANY,
    PAGE,
    caption,
    empty,
    few,
    heading,
    label,
    lacking_parameters,
    logarithmic,
    numerals,
    numeric_parameters,
    population_name,
    slices,
    why_missing,
    wrapped,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

MOST = 10


@register("figure", "parallel")
@dataclass
class Parallel(OfMeasures):
    """Parameters that are sampled, or that move together, and measures as parallel axes: a line for each point.

    Attributes:
        colour: the measure that gives lines their colours; by default the first of those that are shown.
    """

    caption = """
    Parallel coordinates: each upright axis is a parameter or a measure, from its smallest value below to its largest
    above; each line is one point along run, mean over networks and trials, in the colour of the measure that the colour
    bar names. Points where this measure is undefined are left out.
    """
    colour: str | None = None

    def check(self, config: Config) -> None:
        super().check(config)
        if self.colour is not None:
            check_measure(self.colour, "colour", config)

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return lacking_parameters(axes) or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw a row for each population; of many points, as many as can be seen, spread evenly along `run`."""
        import matplotlib.pyplot as plt
        from matplotlib.collections import LineCollection
        from matplotlib.colors import Normalize

        values = means(results)
        shown = self.shown(results.cube)
        measures = [name for name in shown if np.isfinite(values[name]).any()] or shown  # one without values cuts lines
        every = numeric_parameters(results.axes.values())
        parameters = strongest_parameters(values[measures], every, max(MOST - len(measures), 2))
        names = [*parameters, *measures]
        colour = self.colour or measures[0]
        became = results.cube["status"].sel(slices(results, [RUN]))
        populations = [str(name) for name in values["population"].values]
        size = (max(PAGE, 0.9 * len(names)), 1.0 + 2.1 * len(populations))
        figure, axes = plt.subplots(len(populations), 1, figsize=size, squeeze=False)
        count = 0
        for panel, population in zip(axes[:, 0], populations, strict=True):
            here = values.sel(population=population)
            known = here.isel({RUN: np.flatnonzero(np.isfinite(here[colour].values))})
            known = known.isel({RUN: few(known.sizes[RUN], MANY)})
            count = max(count, known.sizes[RUN])
            _draw_axes(panel, here, names)
            panel.set_title(population_name(population), pad=16)
            if not known.sizes[RUN]:
                empty(panel, why_missing(became))
                continue
            y = np.column_stack([_place(known[name], here[name]) for name in names])
            lines = np.stack([np.broadcast_to(np.arange(len(names)), y.shape), y], axis=-1)
            shade, finite = known[colour].values, here[colour].values[np.isfinite(here[colour].values)]
            order = np.argsort(shade, kind="stable")
            scale = Normalize(finite.min(), finite.max())
            width = float(np.clip(100 / len(y), 0.3, 1.0))
            drawn = LineCollection(
                list(lines[order]), array=shade[order], norm=scale, linewidths=width, alpha=0.8, rasterized=True
            )
            panel.add_collection(drawn)
            figure.colorbar(drawn, ax=panel, label=heading(values[colour]), pad=0.02)
        part = f"{count:,} of {values.sizes[RUN]:,} points" if count < values.sizes[RUN] else f"{count:,} points"
        if len(parameters) < len(every):
            part += f", {len(parameters)} of {len(every)} parameters"
        figure.suptitle(f"{part}, {caption(results, [RUN], 'mean')}", size=8)
        return figure


def _place(values: xr.DataArray, whole: xr.DataArray) -> Array:
    """Return values as heights from 0 to 1 between the ends of all values; logarithms where these span decades."""
    change: Any = np.log if _in_logarithm(whole) else np.asarray
    low, high = (change(end) for end in _ends(whole))
    found: Array = (change(values.values.astype(float)) - low) / (high - low) if high > low else values.values * 0 + 0.5
    return found


def _in_logarithm(whole: xr.DataArray) -> bool:
    low, _ = _ends(whole)
    return low > 0 and logarithmic(whole.values[np.isfinite(whole.values)])


def _ends(whole: xr.DataArray) -> tuple[float, float]:
    values = whole.values[np.isfinite(whole.values)]
    return (float(values.min()), float(values.max())) if values.size else (np.nan, np.nan)


def _draw_axes(axes: Axes, values: xr.Dataset, names: Sequence[str]) -> None:
    """Draw an upright axis for each name, with its ends."""
    for place, name in enumerate(names):
        axes.axvline(place, color="0.3", lw=0.7, zorder=3)
        ends = _ends(values[name])
        if not np.isfinite(ends[0]):
            continue
        box: dict[str, Any] = {"ha": "center", "size": 6.5, "clip_on": False}
        low, high = numerals(ends)
        axes.text(place, -0.03, low, va="top", **box)
        if ends[1] > ends[0]:
            axes.text(place, 1.03, high, va="bottom", **box)
    axes.set(xlim=(-0.3, len(names) - 0.7), ylim=(0, 1), yticks=[])
    logs = ["\n(logarithmic)" if _in_logarithm(values[name]) else "" for name in names]
    labels = [wrapped(label(values[name]), 15) + log for name, log in zip(names, logs, strict=True)]
    axes.set_xticks(range(len(names)), labels)
    axes.tick_params(axis="x", length=0, pad=12)
    for spine in axes.spines.values():
        spine.set_visible(False)
