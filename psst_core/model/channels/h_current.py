"""Hyperpolarisation-activated cation current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential, sigmoid
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, towards
from psst_core.registry import parameter, register


@register("mechanism", "h_current")
@dataclass
class HCurrent(Channel):
    """Mixed-cation current g r (v − E), which opens when the cell is hyperpolarised.

    McCormick & Pape 1990 (doi:10.1113/jphysiol.1990.sp018331), as in Huguenard & McCormick 1992
    (doi:10.1152/jn.1992.68.4.1373), in mV and ms: r∞ = 1/(1 + exp((v + 75)/5.5)),
    τ_r = 1/(exp(−14.59 − 0.086 v) + exp(−1.87 + 0.0701 v)).
    """

    states: ClassVar[tuple[str, ...]] = ("r",)
    conductance: float = parameter(0.05, "mS/cm2", minimum=0)
    reversal: float = parameter(-43.0, "mV")

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        rate = exponential(-(cell.v + 14.59 / 0.086), 1.0 / 0.086) + exponential(cell.v - 1.87 / 0.0701, 1.0 / 0.0701)
        return {"r": towards(sigmoid(-(cell.v + 75.0), 5.5), rate)}

    def gating(self, x: States, v: Tensor) -> Tensor:
        return x["r"]
