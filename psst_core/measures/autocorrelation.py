"""Repetition in time of a population's activity."""

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

FLOOR = 1e-9  # with a smaller sum of squares, all bins have the same number


@register("measure", "autocorrelation")
@dataclass
class Autocorrelation(Measure):
    """Autocorrelation a(lag) of the number x of a population's spikes in successive bins.

    a(lag) = Σ (x(t) − x̄)(x(t + lag) − x̄) / Σ (x(t) − x̄)², where the sum above has only those bins of the window for
    which t + lag also lies in it, and so becomes smaller at long lags. a(0) is 1, and a rhythm gives peaks at multiples
    of its period. It is undefined where all bins have the same number, as in a silent population, and at lags as long
    as the window. What follows the last whole bin of the window is left out. Box et al. 2008
    (doi:10.1002/9781118619193).

    Attributes:
        bin: the length of a bin, and the step between lags.
        longest: the longest lag; it fits into the window.
    """

    bin: float = setting(1.0, "ms", minimum=1e-9)
    longest: float = setting(100.0, "ms", minimum=0)
    variables: ClassVar[Mapping[str, Variable]] = {
        "autocorrelation": Variable(
            "autocorrelation of the population's spike count",
            dims=("population", "lag"),
            low=-1,
            high=1,
            comment="autocovariance of the number of a population's spikes in bins over its value at lag 0",
            references="Box et al. 2008, doi:10.1002/9781118619193",
        )
    }

    def check(self, config: Config) -> None:
        self.check_fits("longest")
        self.check_fits("bin", 2)

    def coordinates(self, recordings: Recordings) -> dict[str, Dimension]:
        return {"lag": Dimension(np.arange(whole(self.longest, self.bin) + 1) * self.bin, "lag", "ms")}

    def of_run(self, run: RunData) -> Array:
        counts = run.sums(run.counts(self.span, self.bin)).astype(float)
        bins, most = counts.shape[1], whole(self.longest, self.bin)
        found = np.full((len(counts), most + 1), np.nan)
        if bins:
            counts -= counts.mean(axis=1, keepdims=True)
        for lag in range(min(most, bins - 1) + 1):
            found[:, lag] = (counts[:, : bins - lag] * counts[:, lag:]).sum(axis=1)
        power = np.broadcast_to(found[:, :1], found.shape)
        return ratio(found, power, power > FLOOR)
