"""Slow excitation by NMDA receptors, which magnesium blocks."""

from dataclasses import dataclass

from psst_core.arrays import Tensor
from psst_core.model.kinetics import exponential
from psst_core.model.mechanisms import Cell, Clock, Relaxation, States, two_state
from psst_core.model.synapses.base import PulsedSynapse
from psst_core.registry import parameter, register, setting


@register("synapse", "nmda")
@dataclass
class NMDA(PulsedSynapse):
    """NMDA synapse: [O]' = α [T] (1 − [O]) − β [O], with a pulse of transmitter [T] at each spike.

    Magnesium leaves the share B(v) = 1/(1 + exp(−0.062 v) [Mg]/3.57) open, with the postsynaptic v in mV (Jahr &
    Stevens 1990, doi:10.1523/JNEUROSCI.10-09-03178.1990). Kinetics of Destexhe, Mainen & Sejnowski 1994
    (doi:10.1007/BF00961734).
    """

    concentration: float = parameter(1.0, "mM", minimum=0)
    duration: float = setting(1.0, "ms", minimum=0)
    alpha: float = parameter(0.072, "1/(ms mM)", minimum=0)
    beta: float = parameter(0.0066, "1/ms", minimum=0)
    magnesium: float = parameter(1.0, "mM", minimum=0)
    reversal: float = parameter(0.0, "mV")

    def kinetics(self, x: States, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        return {"open": two_state(self.alpha * self.transmitter_now(held, now), self.beta)}

    def block(self, v: Tensor) -> Tensor:
        return 1.0 / (1.0 + exponential(v, -1.0 / 0.062) * (self.magnesium / 3.57))
