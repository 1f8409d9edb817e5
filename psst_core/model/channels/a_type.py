"""A-type potassium current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential, power, q10, sigmoid
from psst_core.model.mechanisms import Cell, Channel, Relaxation, States, towards
from psst_core.registry import parameter, register


@register("mechanism", "a_type")
@dataclass
class AType(Channel):
    """Transient (A-type) potassium current g m⁴h (v − E) of locust projection neurons.

    Bazhenov et al. 2001 (doi:10.1016/S0896-6273(01)00284-7). With φ = 3^((celsius − 23.5)/10), in mV and ms:
    m∞ = 1/(1 + exp(−(v + 60)/8.5)), 1/τ_m = φ (exp((v + 35.82)/19.69) + exp(−(v + 79.69)/12.7) + 0.37),
    h∞ = 1/(1 + exp((v + 78)/6)), 1/τ_h = φ (exp((v + 46.05)/5) + exp(−(v + 238.4)/37.45)) below −63 mV, else φ/19.
    """

    states: ClassVar[tuple[str, ...]] = ("m", "h")
    conductance: float = parameter(10.0, "mS/cm2", minimum=0)
    reversal: float = parameter(-95.0, "mV")
    celsius: float = parameter(36.0, "degC", minimum=-50, maximum=100)

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        v, phi = cell.v, q10(3.0, self.celsius, 23.5)
        activation = exponential(v + 35.82, 19.69) + exponential(v + 79.69, -12.7) + 0.37
        inactivation = tf.where(
            v < -63.0, exponential(v + 46.05, 5.0) + exponential(v + 238.4, -37.45), tf.ones_like(v) / 19.0
        )
        return {
            "m": towards(sigmoid(v + 60.0, 8.5), phi * activation),
            "h": towards(sigmoid(v + 78.0, -6.0), phi * inactivation),
        }

    def gating(self, x: States, v: Tensor) -> Tensor:
        return power(x["m"], 4) * x["h"]
