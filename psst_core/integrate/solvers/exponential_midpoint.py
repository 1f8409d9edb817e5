"""A second-order exponential integrator."""

from __future__ import annotations

from typing import TYPE_CHECKING

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.integrate.solvers.base import Relaxations, Solver, State, precision_of, zip_states
from psst_core.integrate.solvers.exponential import relaxed
from psst_core.model.mechanisms import Clock
from psst_core.registry import register

if TYPE_CHECKING:
    from jaxtyping import Float64


@register("solver", "exponential_midpoint")
class ExponentialMidpoint(Solver):
    """Half a step of exponential Euler, then a whole step with source and decay as they are in the middle.

    Börgers & Nectow 2013 (doi:10.1137/120883657).
    """

    order = 2
    stages = 2

    def step(self, relaxations: Relaxations, state: State, step: Float64[Tensor, ""], dt: float) -> State:
        start, middle = (Clock(step, tf.constant(fraction, precision_of(state)), dt) for fraction in (0.0, 0.5))
        half = zip_states(lambda r, x: relaxed(r, x, dt / 2), relaxations(state, start), state)
        return zip_states(lambda r, x: relaxed(r, x, dt), relaxations(half, middle), state)
