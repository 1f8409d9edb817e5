"""Fast excitation by nicotinic acetylcholine receptors."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.errors import PsstError
from psst_core.mechanisms import Cell, Clock, Relaxation, States, Synapse, Tensor, crossed, two_state
from psst_core.registry import parameter, register, setting


@register("synapse", "acetylcholine")
@dataclass
class Acetylcholine(Synapse):
    """Acetylcholine synapse: [O]' = α [T] (1 − [O]) − β [O], with a pulse of transmitter [T] at each spike.

    Destexhe, Mainen & Sejnowski 1994 (doi:10.1007/BF00961734). A spike is an upward crossing of `threshold`,
    seen once a step; the pulse is counted in steps:

    - `pulse: whole_steps`: [T] is on for the round(duration/dt) steps that follow the crossing.
    - `pulse: published`: [T] is on at the stages strictly inside (t_fire, t_fire + duration), with t_fire the start
      of the crossing step, as in Mohanta & Assisi 2019: its length then depends on dt. For reproduction only.
    """

    transmitter: ClassVar[str] = "ach"
    held: ClassVar[dict[str, float]] = {"pulse": 0.0}
    alpha: float = parameter(10.0, "1/(ms mM)", minimum=0)
    beta: float = parameter(0.2, "1/ms", minimum=0)
    reversal: float = parameter(0.0, "mV")
    concentration: float = parameter(0.5, "mM", minimum=0)
    duration: float = setting(0.3, "ms", minimum=0)
    threshold: float = setting(0.0, "mV")
    pulse: str = "whole_steps"

    def __post_init__(self) -> None:
        if self.pulse not in ("whole_steps", "published"):
            raise PsstError(f"pulse={self.pulse}: must be whole_steps or published")

    def check(self, dt: float) -> None:
        if self.duration / dt < 0.5:
            raise PsstError(
                f"duration={self.duration:g} ms: is less than half of run.dt={dt:g} ms; take a shorter step"
            )

    def kinetics(self, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        past = now.fraction if self.pulse == "published" else 0.0
        transmitter = tf.where(held["pulse"] > past, tf.ones_like(pre.v), tf.zeros_like(pre.v)) * self.concentration
        return {"open": two_state(self.alpha * transmitter, self.beta)}

    def after_step(self, held: States, before: Tensor, after: Tensor, dt: float) -> dict[str, Tensor]:
        """`pulse` counts the steps that are left of the pulse at the start of the next step."""
        steps = round(self.duration / dt, 9) - 1.0 if self.pulse == "published" else float(round(self.duration / dt))
        rest = tf.maximum(held["pulse"] - 1.0, tf.zeros_like(after))
        return {"pulse": tf.where(crossed(before, after, self.threshold), steps * tf.ones_like(after), rest)}
