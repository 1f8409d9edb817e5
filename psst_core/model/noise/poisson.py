"""Bombardment by many independent inputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core import tf
from psst_core.arrays import Number, Tensor
from psst_core.errors import PsstError
from psst_core.model.kinetics import exp
from psst_core.model.mechanisms import Cell, Clock, Current, Event, Relaxation, States
from psst_core.model.noise.base import Sampled
from psst_core.registry import parameter, register

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


MOST = 10.0
TERMS = 56  # at the largest mean, more arrivals have a probability below the smallest random number


@register("mechanism", "poisson")
@dataclass
class Poisson(Sampled, Current):
    """Excitation g (v − E) by a Poisson train of spikes for each cell: g' = −g/τ, a spike adds `weight` to g.

    The number of spikes in each `interval` is Poisson with mean rate·interval. They arrive at the end of the interval,
    so that the train is the same at every dt and for every solver. After Stein 1965
    (doi:10.1016/S0006-3495(65)86709-1).
    """

    states: ClassVar[tuple[str, ...]] = ("conductance",)
    units: ClassVar[Mapping[str, str]] = {"conductance": "mS/cm2"}
    rate: float = parameter(1000.0, "Hz", minimum=0)
    weight: float = parameter(0.01, "mS/cm2", minimum=0)
    tau: float = parameter(5.0, "ms", minimum=1e-3)
    reversal: float = parameter(0.0, "mV")

    def check(self, dt: float) -> None:
        super().check(dt)
        if (expected := np.max(self.rate) * 1e-3 * self.interval) > MOST:
            longest = self.interval * MOST / expected
            steps = "" if longest >= dt else f", and run.dt={dt:g} ms with it"
            raise PsstError(
                f"rate={np.max(self.rate):g} Hz: brings more than {MOST:g} spikes in interval={self.interval:g} ms; "
                f"lower the interval to {longest:.3g} ms or less{steps}"
            )

    def draws(self) -> bool:
        return self.rate != 0 and self.weight != 0

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        return {"conductance": Relaxation(0.0, 1.0 / self.tau)}

    def membrane(self, x: States, held: States, v: Float[Tensor, "cell run"], now: Clock) -> tuple[Number, Number]:
        return x["conductance"], x["conductance"] * self.reversal

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Float[Tensor, "cell run"]]:
        g = x["conductance"]
        due, number = event.every(self.interval)

        def draw() -> Float[Tensor, "cell run"]:
            arrived = count(event.random.complement(number), self.rate * 1e-3 * self.interval)
            return g + self.weight * tf.cast(arrived, g.dtype)

        return {"conductance": tf.cond(due, draw, lambda: g)}


def count(complement: Float64[Tensor, "cell run"], mean: Number) -> Float64[Tensor, "cell run"]:
    """Return the Poisson count k for mean `mean` (at most 10): the smallest k with P(more than k) ≤ `complement`.

    The probabilities are in double precision, and summed from the smallest. So a rare spike has its probability.
    """
    mean = tf.cast(mean, tf.float64)
    terms = [exp(-mean)]
    for k in range(1, TERMS):
        terms.append(terms[-1] * mean / k)
    exceeded, total = tf.zeros_like(mean), tf.zeros_like(complement)
    for term in reversed(terms[1:]):
        exceeded = exceeded + term
        total = total + tf.cast(complement < exceeded, tf.float64)
    return total
