"""Maps of one measure: the shared part of the rate map and the power map."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from psst_core.attributes import REPLICATES
from psst_core.figures.style import (
    PAGE,
    ROWS,
    caption,
    empty,
    grey,
    heading,
    heat_map,
    label,
    numeric_names,
    population_name,
    slices,
    why_missing,
)
from psst_core.results.sweep_results import Results

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def draw_maps(results: Results, measure: str) -> Figure:
    """Draw a row for each population, with a colour scale of its own, and a column for each solver."""
    import matplotlib.pyplot as plt
    from matplotlib.colors import Normalize

    x, *rest = numeric_names(results)
    y = rest[0] if rest else None
    columns = results.cube["solver"].values if "solver" in results.cube.dims else [None]
    shown = [name for name in (x, y, "solver") if name]
    cube = results.cube.sel(slices(results, shown))
    values = cube[measure].mean(REPLICATES, keep_attrs=True)
    populations = list(results.config.network.populations)
    height = 0.6 + len(populations) * (0.95 + 0.22 * min(ROWS, cube.sizes[y] if y else 1))
    figure, axes = plt.subplots(
        len(populations), len(columns), figsize=(PAGE, height), sharex=True, sharey=True, squeeze=False
    )
    for row, population in zip(axes, populations, strict=True):
        here = values.sel(population=population)
        scale = Normalize(0.0, np.nanmax([*here.values[here.notnull()], 0.0]) or 1.0)
        for panel, solver in zip(row, columns, strict=True):
            mean, became = (part if solver is None else part.sel(solver=solver) for part in (here, cube["status"]))
            image = heat_map(panel, mean, x, y, scale)
            if mean.isnull().all():
                empty(panel, why_missing(became), scale=True)
            panel.set_title(f"{population_name(population)}{f', {solver}' if solver else ''}".replace("_", " "))
        figure.colorbar(image, ax=list(row), label=heading(cube[measure]), pad=0.01)
    figure.supxlabel(label(cube[x]), size=8)
    if y:
        figure.supylabel(label(cube[y]), size=8)
    figure.suptitle(caption(results, shown, "mean") + grey(cube["status"], values), size=8)
    return figure
