"""Fast excitation by nicotinic acetylcholine receptors."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.errors import PsstError
from psst_core.model.mechanisms import Cell, Clock, Relaxation, States, two_state
from psst_core.model.synapses.base import PulsedSynapse
from psst_core.registry import parameter, register


@register("synapse", "acetylcholine")
@dataclass
class Acetylcholine(PulsedSynapse):
    """Acetylcholine synapse: [O]' = α [T] (1 − [O]) − β [O], with a pulse of transmitter [T] at each spike.

    Destexhe, Mainen & Sejnowski 1994 (doi:10.1007/BF00961734). The setting `pulse` says when [T] is on:

    - `pulse: whole_steps`: [T] is on for `duration` from the end of the step in which the potential crosses.
    - `pulse: published`: [T] is on at the stages strictly inside (t_fire, t_fire + duration), with t_fire the start
      of the crossing step, as in Mohanta & Assisi 2019: its length then depends on dt. For reproduction only.
    """

    transmitter: ClassVar[str | None] = "ach"
    alpha: float = parameter(10.0, "1/(ms mM)", minimum=0)
    beta: float = parameter(0.2, "1/ms", minimum=0)
    reversal: float = parameter(0.0, "mV")
    pulse: str = "whole_steps"

    def __post_init__(self) -> None:
        if self.pulse not in ("whole_steps", "published"):
            raise PsstError(f"pulse={self.pulse}: must be whole_steps or published")

    def steps(self, dt: float) -> float:
        return round(self.duration / dt, 9) - 1.0 if self.pulse == "published" else super().steps(dt)

    def transmitter_now(self, held: States, now: Clock) -> Tensor:
        if self.pulse != "published":
            return super().transmitter_now(held, now)
        return tf.where(held["pulse"] > now.fraction, self.concentration * tf.ones_like(held["pulse"]), 0.0)

    def kinetics(self, x: States, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        return {"open": two_state(self.alpha * self.transmitter_now(held, now), self.beta)}
