"""A conductance that jumps and decays."""

from dataclasses import dataclass

from psst_core.arrays import Tensor
from psst_core.model.mechanisms import Cell, Event, LinearSynapse, Relaxation, States
from psst_core.registry import parameter, register


@register("synapse", "exponential")
@dataclass
class Exponential(LinearSynapse):
    """g' = −g/τ; a spike adds G w to g (Brette et al. 2007, doi:10.1007/s10827-007-0038-6)."""

    tau: float = parameter(5.0, "ms", minimum=1e-3)
    reversal: float = parameter(0.0, "mV")

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        return {"conductance": Relaxation(0.0, 1.0 / self.tau)}

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Tensor]:
        return {"conductance": x["conductance"] + event.arrived}
