"""Correlogram of the spikes of two populations."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.measures.base import Dimension, Measure, Variable, ratio, whole
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings, RunData


@register("measure", "cross_correlation")
@dataclass
class CrossCorrelation(Measure):
    """Correlogram g(lag) of two populations: pairs of spikes at this lag, over those that chance gives. 1 is chance.

    Spikes are counted in K bins of the window. A pair is a spike of a cell of `population` and one of a cell of
    `other`, so many bins later; before it where the lag is negative. Pairs of one cell with itself are left out, and
    those of all different cells are added up, so cells that fire more weigh more. If the cells were independent, with
    the same numbers of spikes anywhere in the window, there would be Σ n₁ n₂ (K − abs(lag)) / K² pairs on average, with
    the sum over the pairs of cells. The factor K − abs(lag) corrects for the ends of the window. g is undefined without
    a pair of different cells that both fire, and at lags as long as the window. A rate that changes in the window
    raises g at all lags. Perkel et al. 1967 (doi:10.1016/S0006-3495(67)86597-4), Brody 1999
    (doi:10.1162/089976699300016133).

    Attributes:
        bin: the length of a bin, and the step between lags.
        longest: the longest lag to either side; it fits into the window.
    """

    bin: float = setting(1.0, "ms", minimum=1e-9)
    longest: float = setting(50.0, "ms", minimum=0)
    variables: ClassVar[Mapping[str, Variable]] = {
        "cross_correlation": Variable(
            "pairs of spikes over those by chance",
            dims=("population", "other", "lag"),
            low=0,
            comment="cross-correlogram of all pairs of different cells over that of independent cells with the same "
            "rates; at positive lags the other population fires later",
            references="Perkel et al. 1967, doi:10.1016/S0006-3495(67)86597-4",
        )
    }

    def check(self, config: Config) -> None:
        self.check_fits("longest")
        self.check_fits("bin")

    def coordinates(self, recordings: Recordings) -> dict[str, Dimension]:
        most = whole(self.longest, self.bin)
        return {"lag": Dimension(np.arange(-most, most + 1) * self.bin, "how much later the other fires", "ms")}

    def of_run(self, run: RunData) -> Array:
        counts = run.counts(self.span, self.bin).astype(float)
        together, bins, most = run.sums(counts), counts.shape[1], whole(self.longest, self.bin)
        number = together.sum(axis=1)
        pairs = np.outer(number, number) - np.diag(run.sums(counts.sum(axis=1) ** 2))
        found = np.full((len(number), len(number), 2 * most + 1), np.nan)
        for lag in range(min(most, bins - 1) + 1):
            early, late = slice(0, bins - lag), slice(lag, bins)
            same = run.sums(np.einsum("ct,ct->c", counts[:, early], counts[:, late]))
            here = together[:, early] @ together[:, late].T - np.diag(same)
            found[..., most + lag] = ratio(here, pairs * (bins - lag) / bins**2, pairs > 0)
            found[..., most - lag] = found[..., most + lag].T
        return found
