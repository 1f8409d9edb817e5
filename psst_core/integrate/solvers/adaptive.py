"""Embedded pairs of methods that choose their own steps."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from psst_core import tf
from psst_core.arrays import DType, Tensor
from psst_core.integrate.solvers.base import Memory, Relaxations, Solver, State, Until, zip_states
from psst_core.model.mechanisms import Clock
from psst_core.registry import register

if TYPE_CHECKING:
    from jaxtyping import Float, Float64


SAFETY, LEAST, MOST = 0.9, 0.2, 5.0
SHORTEST = 1e-7


@register("solver", "dormand_prince")
@dataclass
class DormandPrince(Solver):
    """The fifth-order method of a pair 5(4), with error control for each run by itself.

    Dormand & Prince 1980 (doi:10.1016/0771-050X(80)90013-3). A step is accepted if, for every variable, the two methods
    differ by at most absolute_tolerance + `relative_tolerance·|x|`. The next step is 0.9 error^(−1/5) times as long,
    between 0.2 and 5 times, and ends at the stimulus's next edge or with dt at the latest. If a step falls below
    1e-7 dt, the run becomes NaN: it has diverged. Spikes and samples are seen once a dt, at its end.
    """

    order = 5
    stages = 7
    adaptive = True
    tolerances = ("relative_tolerance", "absolute_tolerance")
    c: ClassVar[tuple[float, ...]] = (0.0, 1 / 5, 3 / 10, 4 / 5, 8 / 9, 1.0, 1.0)
    a: ClassVar[tuple[tuple[float, ...], ...]] = (
        (),
        (1 / 5,),
        (3 / 40, 9 / 40),
        (44 / 45, -56 / 15, 32 / 9),
        (19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729),
        (9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656),
        (35 / 384, 0.0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84),
    )
    e: ClassVar[tuple[float, ...]] = (71 / 57600, 0.0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40)
    relative_tolerance: float = 1e-6
    absolute_tolerance: float = 1e-9

    def memory(self, lanes: int, dtype: DType) -> Memory:
        return {"length": tf.ones([1, lanes], dtype)}

    def advance(
        self,
        relaxations: Relaxations,
        state: State,
        memory: Memory,
        step: Float64[Tensor, ""],
        dt: float,
        until: Until,
    ) -> tuple[State, Memory]:
        """Return the state after one dt, and the length of the next step.

        Steps are counted in shares of dt: `done` so far, `length` the next one.
        """

        def attempt(
            x: State, done: Float[Tensor, "1 run"], length: Float[Tensor, "1 run"]
        ) -> tuple[State, Float[Tensor, "1 run"], Float[Tensor, "1 run"]]:
            end = until(done)
            share = tf.minimum(length, end - done)
            following, error = self._pair(relaxations, x, step, done, share, dt)
            good = error <= 1.0
            growth = tf.clip_by_value(SAFETY * tf.maximum(error, 1e-10) ** -0.2, LEAST, MOST)
            growth = tf.where(tf.math.is_finite(growth), growth, LEAST)
            lost = ~good & (share < SHORTEST) & (done < 1.0)
            x = zip_states(lambda new, old: tf.where(good, new, tf.where(lost, old * NAN, old)), following, x)
            last = share >= end - done
            done = tf.where(lost, tf.ones_like(done), tf.where(good, tf.where(last, end, done + share), done))
            return x, done, tf.where(good & last & (share < length), length, growth * share)

        start = state, tf.zeros_like(memory["length"]), memory["length"]
        state, _, length = tf.while_loop(lambda x, done, length: tf.reduce_any(done < 1.0), attempt, start)
        return state, {"length": length}

    def _pair(
        self,
        relaxations: Relaxations,
        x: State,
        step: Float64[Tensor, ""],
        done: Float[Tensor, "1 run"],
        share: Float[Tensor, "1 run"],
        dt: float,
    ) -> tuple[State, Float[Tensor, "1 run"]]:
        """Return the state after a step, and its error over the tolerance."""
        slopes: list[State] = []
        following = x
        for c, row in zip(self.c, self.a, strict=True):
            following = self._weighted(row, slopes, lambda total, old: old + dt * share * total, x)
            now = Clock(step, done + c * share, dt, done + 0.5 * share)
            slopes.append(zip_states(lambda r, v: r.field(v), relaxations(following, now), following))
        difference = self._weighted(self.e, slopes, lambda total, old: dt * share * total, x)
        relative, absolute = self.relative_tolerance, self.absolute_tolerance
        errors = zip_states(
            lambda e, old, new: _largest(tf.abs(e) / (absolute + relative * tf.maximum(tf.abs(old), tf.abs(new)))),
            difference,
            x,
            following,
        )
        largest = [error for variables in errors.values() for error in variables.values()]
        total = largest[0]
        for error in largest[1:]:
            total = tf.maximum(total, error)
        return following, tf.where(tf.math.is_finite(total), total, tf.ones_like(total) * HUGE)

    @staticmethod
    def _weighted(weights: tuple[float, ...], slopes: list[State], finish: Callable[..., Tensor], x: State) -> State:
        """Return `finish` of Σ weight·slope and the state."""
        terms = [(w, k) for w, k in zip(weights, slopes, strict=True) if w]
        if not terms:
            return x
        return zip_states(
            lambda old, *ks: finish(sum(w * k for (w, _), k in zip(terms, ks, strict=True)), old),
            x,
            *(k for _, k in terms),
        )


def _largest(errors: Float[Tensor, "cell run"]) -> Float[Tensor, "1 run"]:
    """Return the largest error over the cells.

    It is computed in double precision, as XLA's own maximum of many single-precision numbers fails in a loop.
    """
    return tf.cast(tf.reduce_max(tf.cast(errors, tf.float64), axis=0, keepdims=True), errors.dtype)


NAN, HUGE = float("nan"), 1e10
