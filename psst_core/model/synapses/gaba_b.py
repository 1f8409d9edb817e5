"""Slow inhibition by GABA_B receptors."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Tensor
from psst_core.model.kinetics import power
from psst_core.model.mechanisms import Cell, Clock, Relaxation, States, two_state
from psst_core.model.synapses.base import PulsedSynapse
from psst_core.registry import parameter, register


@register("synapse", "gaba_b")
@dataclass
class GabaB(PulsedSynapse):
    """GABA_B synapse: receptors R activate G proteins, four of which open a potassium channel.

    [R]' = K1 [T] (1 − [R]) − K2 [R], [G]' = K3 [R] − K4 [G], conducting fraction [G]⁴/([G]⁴ + K_D), with a pulse of
    transmitter [T] at each spike. Destexhe, Mainen & Sejnowski 1994 (doi:10.1007/BF00961734); [G] in µM.
    """

    transmitter: ClassVar[str | None] = "gaba"
    states: ClassVar[tuple[str, ...]] = ("receptor", "g_protein")
    k1: float = parameter(0.52, "1/(ms mM)", minimum=0)
    k2: float = parameter(0.0013, "1/ms", minimum=0)
    k3: float = parameter(0.098, "uM/ms", minimum=0)
    k4: float = parameter(0.033, "1/ms", minimum=0)
    dissociation: float = parameter(100.0, "uM4", minimum=1e-9)
    reversal: float = parameter(-95.0, "mV")

    def kinetics(self, x: States, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        return {
            "receptor": two_state(self.k1 * self.transmitter_now(held, now), self.k2),
            "g_protein": Relaxation(self.k3 * x["receptor"], self.k4),
        }

    def conducting(self, x: States) -> Tensor:
        bound = power(x["g_protein"], 4)
        return bound / (bound + self.dissociation)
