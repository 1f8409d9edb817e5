"""Latency of a cell's first spike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings


@register("measure", "latency")
@dataclass
class Latency(Measure):
    """Time from `onset` to the first spike of a cell: the mean over a population's cells, and the shortest.

    A spike counts if it comes after `onset` and no later than the window's end; cells without one are left out of the
    mean. Both are undefined if no cell fires then. At `onset` a cell may be firing already: the first spike after it is
    then no answer to it. VanRullen et al. 2005 (doi:10.1016/j.tins.2004.10.010).

    Attributes:
        onset: when the stimulus begins, for example; without it, the window's begin.
    """

    onset: float | None = setting(None, "ms", minimum=0)
    variables: ClassVar[Mapping[str, Variable]] = {
        "latency": Variable(
            "latency of a cell's first spike",
            "ms",
            low=0,
            comment="mean over a population's cells that fire after the onset",
            references="VanRullen et al. 2005, doi:10.1016/j.tins.2004.10.010",
        ),
        "shortest_latency": Variable(
            "latency of the first spike of all",
            "ms",
            low=0,
            comment="from the onset to the first spike of any cell of a population",
            references="VanRullen et al. 2005, doi:10.1016/j.tins.2004.10.010",
        ),
    }

    @property
    def begin(self) -> float:
        """The onset, ms."""
        return self.span[0] if self.onset is None else self.onset

    def check(self, config: Config) -> None:
        if self.begin >= self.span[1]:
            raise PsstError(f"onset={self.begin:g} ms: must lie before the window's end, at {self.span[1]:g} ms")

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        time, train = recordings.trains((self.begin, self.span[1]))
        train, first = np.unique(train, return_index=True)
        latency = time[first] - self.begin
        shortest = np.full(len(recordings) * len(recordings.sizes), np.inf)
        np.minimum.at(shortest, recordings.groups(train), latency)
        shortest[np.isinf(shortest)] = np.nan
        return {
            "latency": recordings.mean(train, latency),
            "shortest_latency": shortest.reshape(len(recordings), len(recordings.sizes)),
        }
