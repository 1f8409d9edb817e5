"""Fast inhibition by GABA_A receptors."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.model.kinetics import sigmoid
from psst_core.model.mechanisms import Cell, Clock, KineticSynapse, Relaxation, States, two_state
from psst_core.registry import parameter, register


@register("synapse", "gaba_a")
@dataclass
class GabaA(KineticSynapse):
    """Graded GABA_A synapse: [O]' = α [T] (1 − [O]) − β [O] with [T] = 1/(1 + exp(−(v_pre − v_half)/slope)).

    Destexhe, Mainen & Sejnowski 1994 (doi:10.1007/BF00961734). With a delay, v_pre within a step is the straight line
    between its values at both ends. That is correct to second order in dt.
    """

    transmitter: ClassVar[str | None] = "gaba"
    spiking: ClassVar[bool] = False
    alpha: float = parameter(10.0, "1/(ms mM)", minimum=0)
    beta: float = parameter(0.16, "1/ms", minimum=0)
    reversal: float = parameter(-70.0, "mV")
    half: float = parameter(-20.0, "mV")
    slope: float = parameter(1.5, "mV", minimum=1e-3)

    def kinetics(self, x: States, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        return {"open": two_state(self.alpha * sigmoid(pre.v - self.half, self.slope), self.beta)}
