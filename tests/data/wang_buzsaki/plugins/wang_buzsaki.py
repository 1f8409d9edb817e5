from dataclasses import dataclass

from psst_core.model.kinetics import exponential, linoid, power, sigmoid
from psst_core.model.mechanisms import Channel, two_state
from psst_core.registry import parameter, register


@register("mechanism", "wb_sodium")
@dataclass
class WBSodium(Channel):
    """g m_inf(v)^3 h (v - E), Wang & Buzsáki 1996 (doi:10.1523/JNEUROSCI.16-20-06402.1996)."""

    states = ("h",)
    conductance: float = parameter(35.0, "mS/cm2", minimum=0)
    reversal: float = parameter(55.0, "mV")
    phi: float = parameter(5.0, "1", minimum=0)

    def relaxations(self, x, cell):
        v = cell.v
        return {"h": two_state(0.07 * self.phi * exponential(v + 58.0, -20.0), self.phi * sigmoid(v + 28.0, 10.0))}

    def gating(self, x, v):
        opening = 0.1 * linoid(-(v + 35.0), 10.0)
        closing = 4.0 * exponential(v + 60.0, -18.0)
        return power(opening / (opening + closing), 3) * x["h"]


@register("mechanism", "wb_potassium")
@dataclass
class WBPotassium(Channel):
    """g n^4 (v - E), Wang & Buzsáki 1996 (doi:10.1523/JNEUROSCI.16-20-06402.1996)."""

    states = ("n",)
    conductance: float = parameter(9.0, "mS/cm2", minimum=0)
    reversal: float = parameter(-90.0, "mV")
    phi: float = parameter(5.0, "1", minimum=0)

    def relaxations(self, x, cell):
        v = cell.v
        return {
            "n": two_state(0.01 * self.phi * linoid(-(v + 34.0), 10.0), 0.125 * self.phi * exponential(v + 44.0, -80.0))
        }

    def gating(self, x, v):
        return power(x["n"], 4)
