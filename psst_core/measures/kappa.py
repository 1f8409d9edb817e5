"""Coherence of spikes between the cells of a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.configuration import Config
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import RunData


@register("measure", "kappa")
@dataclass
class Kappa(Measure):
    """Coherence κ(τ): how often two cells fire in the same bin of length τ; its mean over pairs of cells.

    X is 1 in bins in which a cell fires at least once, and 0 in the others. Then κ₁₂ = Σ X₁ X₂ / √(Σ X₁ Σ X₂), with
    sums over bins. It is 1 for cells that fire in the same bins, and near τ times the rate for independent ones. Cells
    that do not fire are left out; κ is undefined for a population in which fewer than two do. What follows the last
    whole bin of the window is left out. Wang & Buzsáki 1996 (doi:10.1523/JNEUROSCI.16-20-06402.1996).

    Attributes:
        share: the length of a bin as a share of the population's mean period in this run, which is the inverse of the
            mean rate of its cells that fire.
        bin: the length of a bin; without it that by `share`.
    """

    share: float = setting(0.1, minimum=1e-4, maximum=10)
    bin: float | None = setting(None, "ms", minimum=1e-9)
    variables: ClassVar[Mapping[str, Variable]] = {
        "kappa": Variable(
            "coherence κ",
            low=0,
            high=1,
            comment="share of bins in which two cells fire together, mean over pairs of cells that fire",
            references="Wang & Buzsaki 1996, doi:10.1523/JNEUROSCI.16-20-06402.1996",
        )
    }

    def check(self, config: Config) -> None:
        self.check_fits("bin")

    def of_population(self, run: RunData, population: str) -> float:
        numbers = np.array([len(train) for train in run.trains(population, self.span)])
        if np.count_nonzero(numbers) < 2:
            return np.nan
        period = (self.span[1] - self.span[0]) / numbers[numbers > 0].mean()
        fires = run.counts(self.span, self.bin or self.share * period, population) > 0
        fires = fires[fires.any(axis=1)]
        cells = len(fires)
        if cells < 2:
            return np.nan
        # Each κ is the product of two rows of length 1, so their sum is that of the rows with itself.
        together = (fires / np.sqrt(fires.sum(axis=1, keepdims=True))).sum(axis=0)
        return float((together @ together - cells) / (cells * (cells - 1)))
