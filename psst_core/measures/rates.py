"""Firing rates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings


@register("measure", "rates")
@dataclass
class Rates(Measure):
    """Spikes of a population over its cells and the window's length, and the share of its cells that fire at all."""

    variables: ClassVar[Mapping[str, Variable]] = {
        "firing_rate": Variable("firing rate", "Hz", low=0),
        "active_share": Variable("share of cells that fire", low=0, high=1),
    }

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        begin, end = self.span
        _, cell, run = recordings.spikes((begin, end))
        train = run.astype(np.int64) * int(recordings.sizes.sum()) + cell
        return {
            "firing_rate": recordings.total(train) / recordings.sizes / (1e-3 * (end - begin)),
            "active_share": recordings.total(np.unique(train)) / recordings.sizes,
        }
