"""Measures along the longest axis, with 95 % confidence bands of the mean over networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psst_core.configuration import Config
from psst_core.figures.shared.curves import Curves
from psst_core.figures.shared.style import mean_and_confidence
from psst_core.registry import register

if TYPE_CHECKING:
    import xarray as xr

    from psst_core.sweep.runs import Axis


@register("figure", "confidence_curves")
@dataclass
class ConfidenceCurves(Curves):
    """Measures along the longest axis, with 95 % confidence bands of the mean over networks."""

    caption = """
    Measures along the longest axis of the sweep, a row for each population, a line for each value of the second axis.
    Bands are 95 % confidence intervals of the mean over networks: Student's t with the number of networks less one
    degrees of freedom, of the means over each network's trials. Networks are drawn independently; trials on one network
    are not, so they do not count as evidence of their own. Where the oscillation is weak, the dominant frequency is
    that of noise.
    """
    what = "mean and 95 % confidence"

    def band(self, values: xr.DataArray) -> tuple[xr.DataArray, xr.DataArray]:
        return mean_and_confidence(values)

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        few = "sweep.networks=1 leaves no second network" if config.sweep.networks < 2 else None
        return few or super().lacking(axes, config)
