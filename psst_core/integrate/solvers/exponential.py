"""Exponential integrators."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.integrate.solvers.base import Relaxations, Solver, State, precision_of, zip_states
from psst_core.model.kinetics import exprel
from psst_core.model.mechanisms import Clock, Relaxation
from psst_core.registry import register

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


def relaxed(relaxation: Relaxation, x: Float[Tensor, "cell run"], dt: float) -> Float[Tensor, "cell run"]:
    """Return x after dt with source and decay frozen.

    That is x + dt φ₁(−decay·dt) (source − decay·x) with φ₁(z) = (exp z − 1)/z.
    """
    decay = relaxation.decay * tf.ones_like(x)
    return x + dt * exprel(-dt * decay) * relaxation.field(x)


@register("solver", "exponential_euler")
class ExponentialEuler(Solver):
    """The exact solution of each variable with its source and decay frozen over the step.

    Rush & Larsen 1978 (doi:10.1109/TBME.1978.326270) for the gates; here for every variable.
    """

    order = 1
    stages = 1

    def step(self, relaxations: Relaxations, state: State, step: Float64[Tensor, ""], dt: float) -> State:
        now = Clock(step, tf.zeros([], precision_of(state)), dt)
        return zip_states(lambda r, x: relaxed(r, x, dt), relaxations(state, now), state)
