"""Bursts of spikes of a cell."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import ROUNDING, Measure, Variable, ratio
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings

SOURCE = "Cotterill et al. 2016, doi:10.1152/jn.00093.2016"


@register("measure", "bursts")
@dataclass
class Bursts(Measure):
    """Bursts of a cell: `least` or more of its spikes, each no later than `gap` after the one before.

    A burst is as long as it can be: the intervals before and after it are longer than `gap`. The rate of bursts is
    that of a cell, averaged over all cells of the population. Spikes in a burst and duration (from its first spike to
    its last one) are means over all bursts of the population, and undefined without any. The share of spikes in bursts
    is undefined without spikes. A burst that the window cuts is what lies inside. This is the method of maximal
    intervals with one interval for begin, inside and end. Cotterill et al. 2016 (doi:10.1152/jn.00093.2016).

    Attributes:
        gap: the longest interval in a burst.
        least: the fewest spikes of a burst.
    """

    gap: float = setting(10.0, "ms", minimum=0)
    least: int = setting(3, minimum=2)
    variables: ClassVar[Mapping[str, Variable]] = {
        "burst_rate": Variable(
            "bursts of a cell", "Hz", low=0, comment="mean over all cells of a population", references=SOURCE
        ),
        "burst_spikes": Variable(
            "spikes in a burst", low=2, comment="mean over all bursts of a population", references=SOURCE
        ),
        "burst_duration": Variable(
            "duration of a burst",
            "ms",
            low=0,
            comment="from its first spike to its last one, mean over all bursts of a population",
            references=SOURCE,
        ),
        "burst_share": Variable("share of spikes in bursts", low=0, high=1, references=SOURCE),
    }

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        time, train = recordings.trains(self.span)
        apart = (np.diff(train) > 0) | (np.diff(time) > self.gap * (1 + ROUNDING))
        first = np.flatnonzero(np.concatenate([np.ones(min(len(time), 1), bool), apart]))
        number = np.diff(np.append(first, len(time)))
        first, number = first[number >= self.least], number[number >= self.least]
        bursts, inside = recordings.total(train[first]), recordings.total(train[first], number)
        spikes = recordings.total(train)
        return {
            "burst_rate": bursts / recordings.sizes / (1e-3 * (self.span[1] - self.span[0])),
            "burst_spikes": ratio(inside, bursts, bursts > 0),
            "burst_duration": recordings.mean(train[first], time[first + number - 1] - time[first]),
            "burst_share": ratio(inside, spikes, spikes > 0),
        }
