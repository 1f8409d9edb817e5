"""One measure over two axes, a map for each value of one or two further axes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import xarray as xr

from psst_core.attributes import REPLICATES
from psst_core.configuration import Config
from psst_core.figures.shared.measures import OfMeasure
from psst_core.figures.shared.style import (
    PAGE,
    caption,
    empty,
    few,
    grey,
    heading,
    heat_map,
    lacking_axes,
    map_label,
    map_scale,
    numerals,
    numeric_axes,
    population_name,
    short,
    slices,
    unit_of,
    why_missing,
    wrapped,
)
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

COLUMNS, ROWS = 5, 4


@register("figure", "small_multiples")
@dataclass
class SmallMultiples(OfMeasure):
    """One measure over the two longest axes, a map for each value of one or two further axes."""

    caption = """
    The measure that the colour bar names over the two longest axes of the sweep, mean over networks and trials: a
    column for each value of a third axis and, if there is one, a row for each value of a fourth. All maps of a
    population have one scale of colours.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        few_axes = None if _further(axes) else "no third axis of the grid takes several values"
        return lacking_axes(axes, 2) or few_axes or super().lacking(axes, config)

    def draw(self, results: Results) -> Picture:
        """Draw for each population a row for each value of the fourth axis, and columns of the third."""
        import matplotlib.pyplot as plt

        axes = list(results.axes.values())
        x, y, *_ = numeric_axes(axes)
        across, *rest = _further(axes)
        down = rest[0] if rest else None
        shown = [name for name in (x, y, across, down) if name]
        whole = results.cube.sel(slices(results, shown))
        cube = whole.isel({across: few(whole.sizes[across], COLUMNS)})
        if down:
            cube = cube.isel({down: few(whole.sizes[down], ROWS)})
        values = cube[self.measure].mean(REPLICATES, keep_attrs=True)
        columns, rows = _named(cube[across]), _named(cube[down]) if down else [(None, "")]
        populations = list(results.config.network.populations)
        height = 1.0 + len(populations) * len(rows) * 1.45
        figure, grid = plt.subplots(
            len(populations) * len(rows), len(columns), figsize=(PAGE, height), sharex=True, sharey=True, squeeze=False
        )
        for number, population in enumerate(populations):
            block = grid[number * len(rows) : (number + 1) * len(rows)]
            scale = map_scale(values.sel(population=population))
            for line, (below, name) in zip(block, rows, strict=True):
                for panel, (beside, title) in zip(line, columns, strict=True):
                    at = {across: beside} | ({down: below} if down else {})
                    part = values.sel(at | {"population": population})
                    image = heat_map(panel, part, x, y, scale)
                    if part.isnull().all():
                        empty(panel, why_missing(cube["status"].sel(at)), scale=True)
                    if panel in grid[0]:
                        panel.set_title(title)
                words = [population_name(population)] + ([name] if name else [])
                line[0].set_ylabel("\n".join(words))
            figure.colorbar(image, ax=list(block.flat), label=heading(values), pad=0.01)
        figure.supxlabel(map_label(cube[x]), size=8)
        figure.supylabel(map_label(cube[y]), size=8)
        part_of = _part(cube, whole, [across, *rest[:1]])
        figure.suptitle(caption(results, shown, "mean") + part_of + grey(cube["status"], values), size=8)
        return figure


def _further(axes: Iterable[Axis]) -> list[str]:
    """Return the names of the grid's axes of several values beside the two longest of numbers, the longest first."""
    axes = list(axes)
    taken = numeric_axes(axes)[:2]
    found = [axis for axis in axes if axis.dimension == axis.name not in taken and len(axis.values) > 1]
    return [axis.name for axis in sorted(found, key=lambda axis: -len(axis.values))]


def _named(axis: xr.DataArray) -> list[tuple[Any, str]]:
    """Return the values of an axis, each with its name."""
    numbers = np.issubdtype(axis.dtype, np.number)
    texts = numerals(axis.values) if numbers else [short(value).replace("_", " ") for value in axis.values]
    unit = unit_of(axis)
    names = [f"{axis.name} {text} {unit}".replace("_", " ").strip() for text in texts]
    return [(value, wrapped(name)) for value, name in zip(axis.values, names, strict=True)]


def _part(cube: xr.Dataset, whole: xr.Dataset, names: Sequence[str]) -> str:
    """Say of which axes a few values are shown: `; 5 of 20 values of size`."""
    said = [f"{cube.sizes[name]} of {whole.sizes[name]} values of {name}" for name in names]
    said = [text for text, name in zip(said, names, strict=True) if cube.sizes[name] < whole.sizes[name]]
    return "".join(f"; {text}".replace("_", " ") for text in said)
