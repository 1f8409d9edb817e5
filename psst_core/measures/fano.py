"""Variability of spike counts."""

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


@register("measure", "fano")
@dataclass
class Fano(Measure):
    """Fano factor F = Var(n) / mean(n) of the numbers n of a cell's spikes in successive bins; its mean over cells.

    A Poisson process has 1 on average, at any bin; a clock has less, the less the longer the bin is. The variance is
    divided by the number of bins − 1. What follows the last whole bin of the window is left out. F is undefined for a
    cell without spikes in the bins, and for a population in which no cell has any. Fano 1947
    (doi:10.1103/PhysRev.72.26).

    Attributes:
        bin: the length of a bin. It fits twice into the window at least.
    """

    bin: float = setting(50.0, "ms", minimum=1e-9)
    variables: ClassVar[Mapping[str, Variable]] = {
        "fano": Variable(
            "Fano factor",
            low=0,
            comment="variance of a cell's spike count in bins over its mean, mean over cells that fire",
            references="Fano 1947, doi:10.1103/PhysRev.72.26",
        )
    }

    def check(self, config: Config) -> None:
        self.check_fits("bin", 2)

    def of_population(self, run: RunData, population: str) -> float:
        counts = run.counts(self.span, self.bin, population)
        counts = counts[counts.any(axis=1)]
        if not len(counts) or counts.shape[1] < 2:
            return np.nan
        return float((counts.var(axis=1, ddof=1) / counts.mean(axis=1)).mean())
