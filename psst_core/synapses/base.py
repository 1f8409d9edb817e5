"""What synapses with a pulse of transmitter at each spike have in common."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.errors import PsstError
from psst_core.mechanisms import Clock, Event, KineticSynapse, States, Tensor
from psst_core.registry import parameter, setting


@dataclass(kw_only=True)
class PulsedSynapse(KineticSynapse):
    """A spike that arrives releases `concentration` of transmitter for `duration`; a later one begins the pulse anew.

    The pulse is counted in steps: it covers the round(duration/dt) steps that follow the arrival.
    """

    held: ClassVar[dict[str, float]] = {"pulse": 0.0}
    concentration: float = parameter(0.5, "mM", minimum=0)
    duration: float = setting(0.3, "ms", minimum=0)

    def check(self, dt: float) -> None:
        super().check(dt)
        if self.duration / dt < 0.5:
            raise PsstError(
                f"duration={self.duration:g} ms: is less than half of run.dt={dt:g} ms; take a shorter step"
            )

    def steps(self, dt: float) -> float:
        """The length of the pulse in steps."""
        return float(round(self.duration / dt))

    def transmitter_now(self, held: States, now: Clock) -> Tensor:
        """[T], mM."""
        return tf.where(held["pulse"] > 0.0, self.concentration * tf.ones_like(held["pulse"]), 0.0)

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Tensor]:
        """`pulse` counts the steps that are left of the pulse at the start of the next step."""
        rest = tf.maximum(held["pulse"] - 1.0, tf.zeros_like(held["pulse"]))
        return {"pulse": tf.where(event.fired, self.steps(event.dt) * tf.ones_like(rest), rest)}
