"""A conductance that rises and falls."""

import math
from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.mechanisms import Cell, Event, LinearSynapse, Relaxation, States
from psst_core.registry import parameter, register


@register("synapse", "alpha")
@dataclass
class Alpha(LinearSynapse):
    """Conductance g' = (e r − g)/τ, r' = −r/τ; a spike adds G w to r.

    A single spike thus adds G w (t/τ) exp(1 − t/τ) to g, which peaks at τ. Rall 1967 (doi:10.1152/jn.1967.30.5.1138).
    """

    states: ClassVar[tuple[str, ...]] = ("conductance", "rise")
    tau: float = parameter(2.0, "ms", minimum=1e-3)
    reversal: float = parameter(0.0, "mV")

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        rate = 1.0 / self.tau
        return {"conductance": Relaxation(math.e * rate * x["rise"], rate), "rise": Relaxation(0.0, rate)}

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Tensor]:
        return {"rise": x["rise"] + event.arrived}
