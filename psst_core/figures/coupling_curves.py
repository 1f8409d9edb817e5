"""Measures along the longest axis, with bands over networks and trials."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from psst_core.figures.shared.curves import Curves
from psst_core.figures.shared.style import mean_and_band
from psst_core.registry import register

if TYPE_CHECKING:
    import xarray as xr


@register("figure", "coupling_curves")
@dataclass
class CouplingCurves(Curves):
    """Measures along the longest axis, with bands over networks and trials."""

    caption = """
    Measures along the longest axis of the sweep, a row for each population, a line for each value of the second axis.
    Bands are ± one standard deviation over networks and trials: they describe the spread of single runs, not the error
    of the mean.
    """
    what = "mean ± s.d."

    def band(self, values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
        return mean_and_band(values)
