"""Measures along the longest axis, with 95 % confidence bands of the mean over networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from psst_core.configuration import Config
from psst_core.figures.curves import draw_curves
from psst_core.figures.style import mean_and_confidence, numeric_axes
from psst_core.results.sweep_results import Results
from psst_core.sweep.runs import Axis

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def applies(axes: Sequence[Axis], config: Config) -> bool:
    return bool(numeric_axes(axes)) and config.sweep.networks > 1


def draw(results: Results) -> Figure:
    """Draw a column for each measure, a row for each population, a line for each value of the second axis."""
    return draw_curves(results, mean_and_confidence, "mean and 95 % confidence")
