"""Coloured current noise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core import tf
from psst_core.arrays import Number, Tensor
from psst_core.model.kinetics import exp
from psst_core.model.mechanisms import Clock, Current, Event, States
from psst_core.model.noise.base import Sampled
from psst_core.registry import parameter, register

if TYPE_CHECKING:
    from jaxtyping import Float


@register("mechanism", "ornstein_uhlenbeck")
@dataclass
class OrnsteinUhlenbeck(Sampled, Current):
    """Injected current I with mean μ, standard deviation σ and autocorrelation σ² exp(−|t|/τ), for each cell its own.

    The process is drawn exactly at multiples of `interval` and joined by straight lines. So its path is part of the
    model: it is the same at every dt and for every solver, and solvers keep their order. It begins at μ and is
    stationary after two intervals. Uhlenbeck & Ornstein 1930 (doi:10.1103/PhysRev.36.823); Gillespie 1996
    (doi:10.1103/PhysRevE.54.2084).
    """

    held: ClassVar[dict[str, float]] = {"past": 0.0, "coming": 0.0, "share": 0.0}
    mean: float = parameter(0.0, "uA/cm2")
    sigma: float = parameter(1.0, "uA/cm2", minimum=0)
    tau: float = parameter(5.0, "ms", minimum=1e-3)

    def draws(self) -> bool:
        return self.sigma != 0

    def unread(self) -> dict[str, str]:
        return {} if self.draws() else dict.fromkeys(("tau", "interval"), "sigma=0")

    def membrane(self, x: States, held: States, v: Float[Tensor, "cell run"], now: Clock) -> tuple[Number, Number]:
        share = held["share"] + now.fraction * (now.dt / self.interval)
        return 0.0, self.mean + self.sigma * (held["past"] + share * (held["coming"] - held["past"]))

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Float[Tensor, "cell run"]]:
        due, number = event.every(self.interval)

        def draw() -> tuple[Float[Tensor, "cell run"], Float[Tensor, "cell run"]]:
            keep = exp(tf.convert_to_tensor(-self.interval / self.tau, held["past"].dtype) * tf.ones_like(held["past"]))
            fresh = event.random.normal(number)
            following = tf.where(number == 1, fresh, keep * held["coming"] + tf.sqrt(1.0 - keep * keep) * fresh)
            return held["coming"], following

        past, coming = tf.cond(due, draw, lambda: (held["past"], held["coming"]))
        share = tf.where(due, tf.zeros_like(past), held["share"] + event.dt / self.interval)
        return {"past": past, "coming": coming, "share": share}
