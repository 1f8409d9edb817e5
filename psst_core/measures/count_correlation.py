"""Correlation between the spike counts of two cells."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.measures.base import Measure, Variable, ratio
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import RunData


@register("measure", "count_correlation")
@dataclass
class CountCorrelation(Measure):
    """Pearson correlation of the spike counts n of two cells in the same bins; its mean over pairs of cells.

    ρ = Cov(n₁, n₂) / (sd(n₁) sd(n₂)) is averaged over all pairs of different cells within a population, and over all
    pairs of a cell here and a cell there between two. Independent cells have 0 on average. Cells whose count is the
    same in every bin, such as silent ones, have no ρ and are left out; without a pair that has one the mean is
    undefined. What follows the last whole bin of the window is left out. de la Rocha et al. 2007
    (doi:10.1038/nature06028), Cohen & Kohn 2011 (doi:10.1038/nn.2842).

    Attributes:
        bin: the length of a bin. It fits twice into the window at least; the longer it is, the larger ρ usually gets.
    """

    bin: float = setting(20.0, "ms", minimum=1e-9)
    variables: ClassVar[Mapping[str, Variable]] = {
        "count_correlation": Variable(
            "correlation of spike counts",
            dims=("population", "other"),
            low=-1,
            high=1,
            comment="Pearson correlation of two cells' spike counts in bins, mean over pairs of different cells",
            references="Cohen & Kohn 2011, doi:10.1038/nn.2842",
        )
    }

    def check(self, config: Config) -> None:
        self.check_fits("bin", 2)

    def of_run(self, run: RunData) -> Array:
        counts = run.counts(self.span, self.bin)
        varies = np.ptp(counts, axis=1) > 0 if counts.shape[1] else np.zeros(len(counts), bool)
        deviation = counts - counts.mean(axis=1, keepdims=True) if varies.any() else np.zeros(counts.shape)
        deviation[varies] /= np.linalg.norm(deviation[varies], axis=1, keepdims=True)
        # ρ is the product of two deviations of length 1, so sums over pairs are products of sums over cells.
        together, cells = run.sums(deviation), run.sums(varies.astype(int))
        pairs = np.outer(cells, cells) - np.diag(cells)
        return ratio(together @ together.T - np.diag(cells), pairs, pairs > 0)
