"""Slow (M-type) potassium current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential, sigmoid
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, towards
from psst_core.registry import parameter, register


@register("mechanism", "m_type")
@dataclass
class MType(Channel):
    """Slow potassium current g p (v − E), which makes the firing rate adapt.

    Yamada, Koch & Adams 1989, as in Pospischil et al. 2008 (doi:10.1007/s00422-008-0263-8), in mV and ms:
    p∞ = 1/(1 + exp(−(v + 35)/10)), τ_p = slowest / (3.3 exp((v + 35)/20) + exp(−(v + 35)/20)).
    """

    states: ClassVar[tuple[str, ...]] = ("p",)
    conductance: float = parameter(0.07, "mS/cm2", minimum=0)
    reversal: float = parameter(-95.0, "mV")
    slowest: float = parameter(1000.0, "ms", minimum=1e-3)

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        u = cell.v + 35.0
        rate = (3.3 * exponential(u, 20.0) + exponential(u, -20.0)) / self.slowest
        return {"p": towards(sigmoid(u, 10.0), rate)}

    def gating(self, x: States, v: Tensor) -> Tensor:
        return x["p"]
