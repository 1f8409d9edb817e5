"""Delayed rectifier potassium current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential, linoid, power, q10
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, two_state
from psst_core.registry import parameter, register


@register("mechanism", "delayed_rectifier")
@dataclass
class DelayedRectifier(Channel):
    """Delayed rectifier potassium current g n⁴ (v − E), after Traub & Miles (1991, doi:10.1017/CBO9780511895401).

    With u = v − shift and φ = 3^((celsius − 36)/10), in 1/ms:
    α_n = r φ (15 − u)/(exp((15 − u)/5) − 1) with r the opening rate per mV, β_n = 0.5 φ exp((10 − u)/40).
    """

    states: ClassVar[tuple[str, ...]] = ("n",)
    conductance: float = parameter(10.0, "mS/cm2", minimum=0)
    reversal: float = parameter(-95.0, "mV")
    shift: float = parameter(-50.0, "mV")
    celsius: float = parameter(22.0, "degC", minimum=-50, maximum=100)
    opening_rate: float = parameter(0.02, "1/(ms mV)", minimum=0)

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        u, phi = cell.v - self.shift, q10(3.0, self.celsius, 36.0)
        opening = self.opening_rate * phi * linoid(15.0 - u, 5.0)
        return {"n": two_state(opening, 0.5 * phi * exponential(10.0 - u, 40.0))}

    def gating(self, x: States, v: Tensor) -> Tensor:
        return power(x["n"], 4)
