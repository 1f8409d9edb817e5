"""A measure over two dimensions of its own, such as frequency and time, at the point of the raster's run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import xarray as xr

from psst_core.attributes import REPLICATES
from psst_core.figures.raster import strongest_id
from psst_core.figures.shared.measures import SURFACE, Kind, OfMeasure, own_dims
from psst_core.figures.shared.style import (
    GREY,
    PAGE,
    any_ok,
    caption,
    empty,
    label,
    nothing,
    population_name,
    why_missing,
    wrapped,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results

LOWEST = 0.05  # of the values above 0: what lies below this quantile has the darkest colour


@register("figure", "spectrogram")
@dataclass
class Spectrogram(OfMeasure):
    """A measure over two dimensions of its own, such as frequency and time, at the point of the raster's run."""

    caption = """
    The spectrogram of each population, mean over networks and trials, at the point of the sweep where the last
    population's oscillation is strongest on average; the title says where. Colours are logarithmic where no value is
    below 0; the darkest one also stands for the lowest twentieth of the values. Each population has a scale of its own.
    """
    kind: ClassVar[Kind] = SURFACE
    measure: str = "spectrogram"

    def draw(self, results: Results) -> Picture:
        """Draw a row for each population, with a colour scale of its own: means over the replicates at one point."""
        import matplotlib.pyplot as plt

        if self.measure not in results.cube or not any_ok(results):
            return nothing(results, f"no {self.measure.replace('_', ' ')} to show")
        cube, place = results.cube, _place(results)
        here = cube.isel(place)
        mean = here[self.measure].mean(REPLICATES, keep_attrs=True)
        y, x = own_dims(mean.dims)
        populations = list(mean["population"].values)
        figure, axes = plt.subplots(
            len(populations),
            1,
            figsize=(PAGE * 0.75, 0.9 + 1.6 * len(populations)),
            sharex=True,
            sharey=True,
            squeeze=False,
        )
        for panel, population in zip(axes[:, 0], populations, strict=True):
            part = mean.sel(population=population).transpose(y, x)
            panel.set_facecolor(GREY)
            panel.set_title(population_name(population))
            if not part.notnull().any() or not part.size:
                empty(panel, why_missing(here["status"]))
                continue
            image = panel.pcolormesh(
                part[x], part[y], part.values, norm=_scale(part), shading="nearest", rasterized=True
            )
            figure.colorbar(image, ax=panel, label=wrapped(label(mean), 26), pad=0.01)
        figure.supxlabel(label(mean[x]), size=8)
        figure.supylabel(label(mean[y]), size=8)
        point = {str(dim): cube[dim].values[number] for dim, number in place.items()}
        figure.suptitle(caption(results, [], "mean", point), size=8)
        return figure


def _place(results: Results) -> dict[Any, int]:
    """Return the position of the raster's run on each dimension of the sweep but the replicates."""
    ids = results.cube["run_id"]
    position = np.argwhere(ids.values == strongest_id(results))[0]
    return {dim: int(at) for dim, at in zip(ids.dims, position, strict=True) if dim not in REPLICATES}


def _scale(part: xr.DataArray) -> Any:
    """Return a logarithmic scale of colours; an even one where values are negative, or do not differ."""
    from matplotlib.colors import LogNorm, Normalize

    values = part.values[np.isfinite(part.values)]
    positive = values[values > 0]
    if len(positive) and values.min() >= 0 and (low := float(np.quantile(positive, LOWEST))) < positive.max():
        return LogNorm(low, float(positive.max()), clip=True)
    return Normalize(values.min(), values.max())
