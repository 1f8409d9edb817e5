"""Calcium-dependent potassium current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Number, Tensor
from psst_core.model.kinetics import q10
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, two_state
from psst_core.registry import parameter, register


@register("mechanism", "calcium_potassium")
@dataclass
class CalciumPotassium(Channel):
    """Calcium-dependent potassium current g φ m (v − E) of locust local interneurons.

    Bazhenov et al. 2001 (doi:10.1016/S0896-6273(01)00284-7). With φ = 2.3^((celsius − 23)/10) and [Ca] in mM:
    α = 0.01 [Ca], β = 0.02 (1/ms), τ = 1/((α + β) φ), m∞ = α/(α + β).
    """

    states: ClassVar[tuple[str, ...]] = ("m",)
    reads: ClassVar[tuple[str, ...]] = ("calcium",)
    conductance: float = parameter(0.3, "mS/cm2", minimum=0)
    reversal: float = parameter(-90.0, "mV")
    celsius: float = parameter(26.0, "degC", minimum=-50, maximum=100)

    def phi(self) -> Number:
        return q10(2.3, self.celsius, 23.0)

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        opening = 0.01 * self.phi() * cell.concentration["calcium"]
        return {"m": two_state(opening, 0.02 * self.phi())}

    def gating(self, x: States, v: Tensor) -> Tensor:
        return self.phi() * x["m"]
