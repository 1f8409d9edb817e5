"""Intracellular calcium."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.model.mechanisms import Cell, Pool, Relaxation, States
from psst_core.registry import parameter, register


@register("mechanism", "calcium_pool")
@dataclass
class CalciumPool(Pool):
    """Calcium below the membrane: [Ca]' = −influx·I_Ca − ([Ca] − rest)/τ.

    Bazhenov et al. 2001 (doi:10.1016/S0896-6273(01)00284-7); [Ca] in mM, I_Ca in µA/cm², times in ms.
    """

    ion: ClassVar[str] = "calcium"
    influx: float = parameter(2e-4, "mM cm2/(ms uA)", minimum=0)
    rest: float = parameter(2.4e-4, "mM", minimum=0)
    tau: float = parameter(150.0, "ms", minimum=1e-6)

    def start(self) -> dict[str, float]:
        return {"concentration": self.rest}

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        decay = 1.0 / self.tau
        return {"concentration": Relaxation(self.rest * decay - self.influx * cell.current[self.ion], decay)}
