"""The base class of synapses with a pulse of transmitter at each spike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.model.mechanisms import Clock, Event, KineticSynapse, States, in_steps
from psst_core.registry import parameter, setting

if TYPE_CHECKING:
    from jaxtyping import Float


@dataclass(kw_only=True)
class PulsedSynapse(KineticSynapse):
    """A synapse at which an arriving spike releases `concentration` of transmitter for `duration`.

    A later spike begins the pulse anew. The pulse begins with the step that follows the arrival. Where its end lies
    inside a step, [T] has its mean over that step. So the whole pulse is `concentration`·`duration` at every dt.
    """

    held: ClassVar[dict[str, float]] = {"pulse": 0.0}
    concentration: float = parameter(0.5, "mM", minimum=0)
    duration: float = setting(0.3, "ms", minimum=0)

    def steps(self, dt: float) -> float:
        """Return the length of the pulse in steps, whole or not."""
        return float(in_steps(self.duration, dt))

    def transmitter_now(self, held: States, now: Clock) -> Float[Tensor, "cell run"]:
        """Return [T], mM."""
        return self.concentration * tf.minimum(held["pulse"], tf.ones_like(held["pulse"]))

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Float[Tensor, "cell run"]]:
        """Return `pulse`, the number of steps that are left of the pulse at the start of the next step."""
        rest = tf.maximum(held["pulse"] - 1.0, tf.zeros_like(held["pulse"]))
        return {"pulse": tf.where(event.fired, self.steps(event.dt) * tf.ones_like(rest), rest)}
