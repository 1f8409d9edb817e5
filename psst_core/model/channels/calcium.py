"""High-threshold calcium current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential, power, sigmoid
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, towards
from psst_core.registry import parameter, register


@register("mechanism", "calcium")
@dataclass
class Calcium(Channel):
    """Calcium current g m²h (v − E) of locust local interneurons.

    Bazhenov et al. 2001 (doi:10.1016/S0896-6273(01)00284-7), in mV and ms:
    m∞ = 1/(1 + exp(−(v + 20)/6.5)), τ_m = 1.5,
    h∞ = 1/(1 + exp((v + 25)/12)), τ_h = 0.3 exp((v − 40)/13) + 0.002 exp((60 − v)/29).
    """

    ion: ClassVar[str | None] = "calcium"
    states: ClassVar[tuple[str, ...]] = ("m", "h")
    conductance: float = parameter(3.0, "mS/cm2", minimum=0)
    reversal: float = parameter(140.0, "mV")

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        v = cell.v
        tau_h = 0.3 * exponential(v - 40.0, 13.0) + 0.002 * exponential(60.0 - v, 29.0)
        return {
            "m": towards(sigmoid(v + 20.0, 6.5), 1.0 / 1.5),
            "h": towards(sigmoid(v + 25.0, -12.0), 1.0 / tau_h),
        }

    def gating(self, x: States, v: Tensor) -> Tensor:
        return power(x["m"], 2) * x["h"]
