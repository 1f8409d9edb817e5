"""The connections of the first network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from psst_core.configuration import Config
from psst_core.figures.base import Figure
from psst_core.figures.raster import strongest
from psst_core.figures.shared.style import COLUMN, cell_ticks, no_membranes, nothing, population_name
from psst_core.registry import register

if TYPE_CHECKING:
    from matplotlib.figure import Figure as Picture

    from psst_core.results.sweep_results import Results
    from psst_core.sweep.runs import Axis

LONG = 8  # characters of a name that is written aslant
COLOURS = {"ach": "#0072B2", "gaba": "#D55E00"}
LABELS = {"ach": "acetylcholine", "gaba": "GABA"}


@register("figure", "connectivity")
@dataclass
class Connectivity(Figure):
    """The connections of the first network."""

    caption = """
    Who projects to whom in the network of the run that the raster shows: rows are postsynaptic, columns presynaptic
    cells, colours transmitters, with the number of synapses of each.
    """

    def lacking(self, axes: Sequence[Axis], config: Config) -> str | None:
        return no_membranes(config)

    def draw(self, results: Results) -> Picture:
        """Draw the matrix [postsynaptic, presynaptic] of the network in the raster's run, coloured by synapse."""
        import matplotlib.pyplot as plt
        from matplotlib.colors import ListedColormap
        from matplotlib.patches import Patch

        run = strongest(results)
        if run is None:
            return nothing(results)
        network, weights = run.config.network, run.connections()
        sizes = run.populations
        offsets = dict(zip(sizes, np.cumsum([0, *sizes.values()]), strict=False))
        cells = sum(sizes.values())
        kinds = list(dict.fromkeys(part.synapse for part in network.projections.values()))
        matrix = np.zeros((cells, cells))
        for name, part in network.projections.items():
            post, pre = offsets[part.post], offsets[part.pre]
            block = matrix[post : post + sizes[part.post], pre : pre + sizes[part.pre]]
            block[weights[name] != 0] = 1 + kinds.index(part.synapse)
        figure, axes = plt.subplots(figsize=(COLUMN, COLUMN + 0.3))
        colours = ["white", *(COLOURS.get(kind, f"C{2 + i}") for i, kind in enumerate(kinds))]
        axes.imshow(matrix, cmap=ListedColormap(colours), vmin=0, vmax=len(kinds), interpolation="nearest")
        long = any(len(name) > LONG for name in offsets)
        slant: dict[str, Any] = {"rotation": 30, "ha": "left"} if long else {"ha": "center"}
        for name, offset in offsets.items():
            middle = offset + sizes[name] / 2 - 0.5
            if offset:
                axes.axhline(offset - 0.5, color="0.4", lw=0.6)
                axes.axvline(offset - 0.5, color="0.4", lw=0.6)
            axes.text(middle, -0.02 * cells - 0.5, population_name(name), va="bottom", **slant)
            axes.text(cells * 1.02 - 0.5, middle, population_name(name), ha="left", va="center")
        for spine in axes.spines.values():
            spine.set_visible(True)
        axes.set_xticks(cell_ticks(cells))
        axes.set_yticks(cell_ticks(cells))
        axes.set_xlabel("presynaptic cell")
        axes.set_ylabel("postsynaptic cell")
        handles = [
            Patch(color=colour, label=f"{LABELS.get(kind, kind)} (n = {np.count_nonzero(matrix == 1 + i)})")
            for i, (kind, colour) in enumerate(zip(kinds, colours[1:], strict=True))
        ]
        figure.legend(handles=handles, loc="outside lower center", ncols=len(handles))
        return figure
