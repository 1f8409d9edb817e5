"""Distance of spike trains at a time scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from jaxtyping import Float

    from psst_core.measures.recordings import RunData


@register("measure", "van_rossum")
@dataclass
class VanRossum(Measure):
    """Van Rossum's distance of two spike trains at the time scale `tau`; its mean over pairs of a population's cells.

    Each spike becomes a step up by 1 that decays with exp(−t/tau). The distance D of two trains is the root of
    (2/tau) ∫ (f₁(t) − f₂(t))² dt, from the window's begin to the end of all decay, so that one spike more is a distance
    of 1. In the original, D² is half of this. Two spikes of the trains that are much closer than tau cancel, and at a
    long tau D is the difference in the number of spikes. The mean is undefined for one cell, and in a silent
    population. It keeps a number for each pair of cells in memory. Van Rossum 2001 (doi:10.1162/089976601300014321),
    Houghton & Kreuz 2012 (doi:10.3109/0954898X.2012.673048).

    Attributes:
        tau: the time in which a spike decays to 1/e.
    """

    tau: float = setting(10.0, "ms", minimum=1e-9)
    variables: ClassVar[Mapping[str, Variable]] = {
        "van_rossum": Variable(
            "van Rossum distance",
            low=0,
            comment="mean over pairs of cells; a spike that the other train lacks is a distance of 1",
            references="van Rossum 2001, doi:10.1162/089976601300014321",
        )
    }

    def of_population(self, run: RunData, population: str) -> float:
        trains = run.trains(population, self.span)
        if len(trains) < 2 or not any(map(len, trains)):
            return np.nan
        product = products(trains, self.tau)
        length = np.diag(product)
        squares = length[:, None] + length - 2 * product
        pairs = np.triu_indices(len(trains), 1)
        return float(np.sqrt(squares[pairs].clip(0)).mean())


def products(trains: Sequence[Float[Array, " _spike"]], tau: float) -> Float[Array, "cell cell"]:
    """Return Σ exp(−abs(t − t′)/tau) over the spikes t of one train and t′ of the other, for each two trains."""
    time = np.concatenate(trains)
    cell = np.repeat(np.arange(len(trains)), [len(train) for train in trains])
    order = np.argsort(time, kind="stable")
    cell, decay = cell[order], np.exp(-np.diff(time[order], prepend=time.min()) / tau)
    before, trace = np.zeros((len(trains), len(trains))), np.zeros(len(trains))
    for now, factor in zip(cell.tolist(), decay.tolist(), strict=True):
        trace *= factor
        before[now] += trace
        trace[now] += 1
    return before + before.T + np.diag([len(train) for train in trains])
