"""Firing rate of each cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings


@register("measure", "cell_rates")
@dataclass
class CellRates(Measure):
    """Spikes of each cell over the window's length. A silent cell has 0.

    Together they are the network's state in this run as one vector, such as is compared between odours. Cells are
    counted through all populations. In a sweep over `network.size` the smaller networks have no such cells, and NaN.
    Stopfer et al. 2003 (doi:10.1016/j.neuron.2003.08.011).
    """

    variables: ClassVar[Mapping[str, Variable]] = {
        "cell_rate": Variable("firing rate of the cell", "Hz", dims=("cell",), low=0)
    }

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        begin, end = self.span
        return {"cell_rate": recordings.counts((begin, end)) / (1e-3 * (end - begin))}
