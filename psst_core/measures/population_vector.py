"""The direction to which the cells of a ring point."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings

SOURCE = "Georgopoulos et al. 1986, doi:10.1126/science.3749885"


@register("measure", "population_vector")
@dataclass
class PopulationVector(Measure):
    """Length and angle of a population's vector Σ rₖ exp(2πik/N) / Σ rₖ, where rₖ is the rate of cell k = 0 … N − 1.

    Each cell stands for a direction, its place on a ring, and votes for it with its rate. The length is 1 if one cell
    alone fires, and 0 if all fire alike; the angle is that of the bump of activity, 0 at cell 0 and π at cell N/2. Both
    are undefined in a silent population; at a length near 0 the angle says nothing. Georgopoulos et al. 1986
    (doi:10.1126/science.3749885).
    """

    variables: ClassVar[Mapping[str, Variable]] = {
        "vector_length": Variable(
            "length of the population vector",
            low=0,
            high=1,
            comment="1 if one cell of the ring fires alone, 0 if all fire alike",
            references=SOURCE,
        ),
        "vector_angle": Variable(
            "angle of the population vector",
            "rad",
            low=-np.pi,
            high=np.pi,
            comment="place on the ring of a population's cells, 0 at its first cell",
            references=SOURCE,
        ),
    }

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        train = recordings.trains(self.span)[1]
        angle = 2 * np.pi * np.concatenate([np.arange(size) / size for size in recordings.sizes])
        direction = np.exp(1j * angle)[train % len(angle)]
        mean = recordings.mean(train, direction.real) + 1j * recordings.mean(train, direction.imag)
        return {"vector_length": np.abs(mean), "vector_angle": np.angle(mean)}
