"""Intervals between the spikes of a cell."""

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


@register("measure", "intervals")
@dataclass
class Intervals(Measure):
    """Number and variation of the intervals T between the spikes of a cell.

    The variation is CV = sd(T) / mean(T) of a cell, with n − 1 in the variance; its mean over those cells that have
    `least` intervals or more.
    """

    least: int = setting(3, minimum=2)
    variables: ClassVar[Mapping[str, Variable]] = {
        "isi_cv": Variable(
            "variation of intervals",
            low=0,
            comment="coefficient of variation of a cell's intervals, mean over cells with `least` or more",
        ),
        "isi_count": Variable("number of inter-spike intervals", low=0),
    }

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        intervals, owners = recordings.intervals(self.span)
        numbers, owner, lengths = np.unique(owners, return_inverse=True, return_counts=True)
        mean = np.bincount(owner, intervals, len(numbers)) / lengths
        deviation = np.bincount(owner, (intervals - mean[owner]) ** 2, len(numbers))
        long = (lengths >= self.least) & (mean > 0)
        variation = np.sqrt(deviation[long] / (lengths[long] - 1)) / mean[long]
        return {
            "isi_cv": recordings.mean(numbers[long], variation),
            "isi_count": recordings.total(owners).astype(float),
        }
