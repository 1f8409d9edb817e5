"""Synchrony of the membrane potentials of a population."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.measures.base import Measure, Variable, ratio
from psst_core.registry import register

if TYPE_CHECKING:
    from jaxtyping import Float

    from psst_core.measures.recordings import Recordings

FLOOR = 1e-6  # mV²; with a smaller variance, no potential varies


@register("measure", "synchrony")
@dataclass
class Synchrony(Measure):
    """Golomb's χ = √(Var_t(mean of v) / mean of Var_t(v)): 1 in perfect synchrony, about 1/√cells without any.

    It is undefined where no cell's potential varies. Golomb & Rinzel 1993 (doi:10.1103/PhysRevE.48.4810).
    """

    variables: ClassVar[Mapping[str, Variable]] = {
        "synchrony": Variable(
            "synchrony χ",
            low=0,
            comment="Golomb's measure of the membrane potential: 1 when all cells move as one",
            references="Golomb & Rinzel 1993, doi:10.1103/PhysRevE.48.4810",
        )
    }

    def check(self, config: Config) -> None:
        if self.window != config.recorder.window:
            raise PsstError(
                f"window={self.window}: χ needs each cell's variance, which the recorder keeps for recorder.window="
                f"{config.recorder.window} alone; leave it out"
            )

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        sampled = recordings.samples(self.span)
        return {"synchrony": synchrony(recordings.potential[..., sampled], recordings.cell_variance)}


def synchrony(
    mean_potential: Float[Array, "*groups time"], cell_variance: Float[Array, "*groups"]
) -> Float[Array, "*groups"]:
    """Return χ; NaN where no cell's potential varies.

    Args:
        mean_potential: the population's mean at the window's samples, mV.
        cell_variance: the variance over the same samples, averaged over the population's cells, mV².
    """
    if mean_potential.shape[-1] < 2:
        return np.full_like(cell_variance, np.nan)
    return np.sqrt(ratio(np.var(mean_potential, axis=-1), cell_variance, cell_variance > FLOOR))
