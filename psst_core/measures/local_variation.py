"""Variation from one interval to the next."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings


@register("measure", "local_variation")
@dataclass
class LocalVariation(Measure):
    """CV₂ and L_V of a cell's spikes, from each of its intervals I to the next one I′; their means over cells.

    CV₂ = ⟨2 abs(I′ − I) / (I′ + I)⟩ and L_V = ⟨3 ((I′ − I) / (I′ + I))²⟩ are averages over the intervals of a cell. A
    clock has 0, a Poisson process 1 on average. Unlike the coefficient of variation, they hardly see a slow
    change of the rate. They are undefined for a cell with fewer than `least` intervals, and for a population without a
    cell that has so many. Holt et al. 1996 (doi:10.1152/jn.1996.75.5.1806), Shinomoto et al. 2003
    (doi:10.1162/089976603322518759).

    Attributes:
        least: so many intervals a cell has at least.
    """

    least: int = setting(3, minimum=2)
    variables: ClassVar[Mapping[str, Variable]] = {
        "cv2": Variable(
            "variation between successive intervals CV2",
            low=0,
            high=2,
            comment="mean of 2 abs(I'-I)/(I'+I) over a cell's successive intervals, mean over cells; NaN without any",
            references="Holt et al. 1996, doi:10.1152/jn.1996.75.5.1806",
        ),
        "lv": Variable(
            "local variation of intervals LV",
            low=0,
            high=3,
            comment="mean of 3((I'-I)/(I'+I))^2 over a cell's successive intervals, mean over cells; NaN without any",
            references="Shinomoto et al. 2003, doi:10.1162/089976603322518759",
        ),
    }

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        interval, train = recordings.intervals(self.span)
        follows = np.diff(train) == 0
        both = (interval[1:] + interval[:-1])[follows]
        change = np.divide(np.diff(interval)[follows], both, out=np.zeros_like(both), where=both > 0)
        cells, owner, number = np.unique(train[1:][follows], return_inverse=True, return_counts=True)
        long = number + 1 >= self.least

        def mean(values: Array) -> Array:
            return recordings.mean(cells[long], (np.bincount(owner, values, len(cells)) / number)[long])

        return {"cv2": mean(2 * np.abs(change)), "lv": mean(3 * change**2)}
