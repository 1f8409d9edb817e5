"""The base class of solvers, and the family of explicit Runge–Kutta methods: one function over their tableaus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core import tf
from psst_core.arrays import DType, Tensor
from psst_core.model.mechanisms import Clock, Relaxation
from psst_core.registry import base

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int


State = dict[str, dict[str, "Float[Tensor, '_cell run']"]]  # by population and variable
Memory = dict[str, "Float[Tensor, '1 run']"]
Relaxations = Callable[[State, Clock], dict[str, dict[str, Relaxation]]]
Until = Callable[["Float[Tensor, '1 run']"], "Float[Tensor, '1 run']"]


def zip_states(function: Callable[..., Tensor], *states: Mapping[str, Mapping[str, Tensor | Relaxation]]) -> State:
    """Return `function` of each population's variables in turn, over states of one structure."""
    return {
        population: {name: function(*(state[population][name] for state in states)) for name in states[0][population]}
        for population in states[0]
    }


def precision_of(state: State) -> DType:
    """Return the precision of all variables."""
    return next(x.dtype for variables in state.values() for x in variables.values())


@base("solver")
class Solver:
    """A method of integration.

    Attributes:
        order: the global error on smooth problems is O(dt^order).
        stages: how often a step evaluates the network.
        adaptive: whether the solver chooses steps of its own within dt; events still happen once a dt, at its end.
        tolerances: the settings in `solver` that the method takes.
    """

    order: ClassVar[int]
    stages: ClassVar[int]
    adaptive: ClassVar[bool] = False
    tolerances: ClassVar[tuple[str, ...]] = ()

    def step(self, relaxations: Relaxations, state: State, step: Float64[Tensor, ""], dt: float) -> State:
        """Return the state after one step of `dt` ms from `step`·dt."""
        raise NotImplementedError

    def memory(self, lanes: int, dtype: DType) -> Memory:
        """Return the start of the values that the solver remembers from step to step."""
        return {}

    def advance(
        self,
        relaxations: Relaxations,
        state: State,
        memory: Memory,
        step: Float64[Tensor, ""],
        dt: float,
        until: Until,
    ) -> tuple[State, Memory]:
        """Return the state after one step, and the memory.

        Args:
            until: a function of a moment in the step. It returns the next edge of the stimulus, or the step's
                end. Both are shares of the step. A solver of fixed steps does not need it: in a step with an edge it
                receives the mean of the current.
        """
        return self.step(relaxations, state, step, dt), memory


@dataclass(frozen=True)
class Tableau:
    """An explicit Runge–Kutta method whose stages each build on the one before (Butcher 1963).

        k_i = f(t + c_i dt, x + c_i dt k_{i−1}),    x ← x + dt Σ b_i k_i

    Attributes:
        c: the place of each stage in the step; c_i is also the only coefficient in its row of the tableau.
        b: the weight of each stage.
    """

    c: tuple[float, ...]
    b: tuple[float, ...]


class RungeKutta(Solver):
    """The methods of a tableau with c_2, …, c_s not 0, as a loop over the stages.

    With the stage states x_{i+1} = x + c_{i+1} dt k_i, the step is a sum of states and uses each slope once:

        x ← (1 − Σ b_i/c_{i+1}) x + Σ (b_i/c_{i+1}) x_{i+1} + b_s dt k_s,    i < s
    """

    tableau: ClassVar[Tableau]

    def step(self, relaxations: Relaxations, state: State, step: Float64[Tensor, ""], dt: float) -> State:
        dtype = precision_of(state)
        c, b = self.tableau.c, self.tableau.b

        def slopes(x: State, fraction: Float[Tensor, ""]) -> State:
            return zip_states(lambda r, v: r.field(v), relaxations(x, Clock(step, fraction, dt)), x)

        if len(c) == 1:
            slope = slopes(state, tf.constant(c[0], dtype))
            return zip_states(lambda x, k: x + dt * b[0] * k, state, slope)

        fractions = tf.constant(c, dtype)
        reach = tf.constant([*c[1:], b[-1]], dtype)
        share = tf.constant([*(b[i] / c[i + 1] for i in range(len(c) - 1)), 0.0], dtype)
        own = 1.0 - sum(b[i] / c[i + 1] for i in range(len(c) - 1))

        def stage(i: Int[Tensor, ""], x: State, total: State) -> tuple[Int[Tensor, ""], State, State]:
            slope = slopes(x, fractions[i])
            last = i == len(c) - 1
            following = zip_states(lambda y, t, k: tf.where(last, t, y) + dt * reach[i] * k, state, total, slope)
            total = zip_states(lambda t, x: t + share[i] * x, total, following)
            return i + 1, following, total

        total = zip_states(lambda y: own * y, state)
        after: State
        _, after, _ = tf.while_loop(lambda i, *_: i < len(c), stage, (0, state, total), maximum_iterations=len(c))
        return after
