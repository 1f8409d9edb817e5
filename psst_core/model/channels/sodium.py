"""Fast sodium current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential, linoid, power, q10, sigmoid
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, two_state
from psst_core.registry import parameter, register


@register("mechanism", "sodium")
@dataclass
class Sodium(Channel):
    """Fast sodium current g m³h (v − E), after Traub & Miles (1991, doi:10.1017/CBO9780511895401).

    With u = v − shift and φ = 3^((celsius − 36)/10), in 1/ms:
    α_m = 0.32 φ (13 − u)/(exp((13 − u)/4) − 1), β_m = 0.28 φ (u − 40)/(exp((u − 40)/5) − 1),
    α_h = 0.128 φ exp((17 − u)/18), β_h = 4 φ/(exp((40 − u)/5) + 1).
    """

    states: ClassVar[tuple[str, ...]] = ("m", "h")
    conductance: float = parameter(100.0, "mS/cm2", minimum=0)
    reversal: float = parameter(50.0, "mV")
    shift: float = parameter(-50.0, "mV")
    celsius: float = parameter(22.0, "degC", minimum=-50, maximum=100)

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        u, phi = cell.v - self.shift, q10(3.0, self.celsius, 36.0)
        return {
            "m": two_state(0.32 * phi * linoid(13.0 - u, 4.0), 0.28 * phi * linoid(u - 40.0, 5.0)),
            "h": two_state(0.128 * phi * exponential(17.0 - u, 18.0), 4.0 * phi * sigmoid(u - 40.0, 5.0)),
        }

    def gating(self, x: States, v: Tensor) -> Tensor:
        return power(x["m"], 3) * x["h"]
