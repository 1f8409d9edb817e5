"""Firing rate over two axes of the sweep."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psst_core.configuration import Config
from psst_core.figures.maps import draw_maps
from psst_core.figures.style import numeric_axes
from psst_core.results.sweep_results import Results
from psst_core.sweep.runs import Axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def applies(axes: Sequence[Axis], config: Config) -> bool:
    return bool(numeric_axes(axes))


def draw(results: Results) -> Figure:
    """Draw a map for each population and solver, of means over networks and trials."""
    return draw_maps(results, "firing_rate")
