"""The current of a stimulus as solvers receive it: with the correct charge wherever its edges lie.

The edges of a waveform are the times that it gives to `now.reached`. If an edge lies inside a step, every stage of a
solver of fixed steps receives the mean of the current over that step. So the charge is correct under every consistent
method. An adaptive solver ends a step of its own at each edge. All of it is in double precision, and times are
differences to the step. So neither the precision of the states nor a late time costs charge.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.integrate.solvers import Solver
from psst_core.model.mechanisms import Clock, ClockUse, cast
from psst_core.model.returned import asking, checked_waveform
from psst_core.model.stimuli.base import Stimulus

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int


GAUSS = [((1 + x) / 2, weight / 2) for x, weight in zip(*map(list, np.polynomial.legendre.leggauss(4)), strict=True)]


class Drive:
    """The current of a stimulus before its weights: a number, or one for each run, each cell of the network, or both.

    Args:
        table: the numbers that the waveform looks up.
        dt: ms.
        shape: the numbers of cells and of runs.
    """

    def __init__(
        self,
        stimulus: Stimulus,
        table: Float64[Tensor, "row column"],
        solver: Solver,
        dt: float,
        shape: tuple[int, int],
    ) -> None:
        self.stimulus, self.table, self.solver, self.dt, self.whole = stimulus, table, solver, dt, shape
        use = ClockUse()
        start = tf.zeros([], tf.float64)
        self.shape = self._waveform(Clock(start, start, dt, use=use)).shape
        self.edges: Tensor = _between_steps(use.edges)

    def during(self, step: Float64[Tensor, ""]) -> Callable[[Clock], Float64[Tensor, "..."]]:
        """Return a function that gives the current at each stage of step `step`."""
        if self.edges is None or self.solver.adaptive:
            return self._at
        ahead = self.edges - step
        mixed = tf.reduce_any((ahead > 0.0) & (ahead < 1.0), axis=0)
        shape = tf.broadcast_static_shape(self.shape, mixed.shape)
        mean = tf.cond(tf.reduce_any(mixed), lambda: self._mean(step, shape), lambda: tf.zeros(shape, tf.float64))
        return lambda now: tf.where(mixed, mean, self._at(now))

    def until(self, step: Float64[Tensor, ""], moment: Float[Tensor, "*moments"]) -> Float[Tensor, "*moments"]:
        """Return the next edge after a moment in a step, or else the step's end, as a share of the step."""
        if self.edges is None:
            return tf.ones_like(moment)
        edges = self.edges if self.edges.shape.rank == moment.shape.rank + 1 else self.edges[:, None, None]
        ahead = cast(edges - step, moment.dtype)
        ahead = cast(tf.where((ahead > moment) & (ahead < 1.0), ahead, tf.ones_like(ahead)), tf.float64)
        nearest = tf.reduce_min(ahead, axis=0)
        if nearest.shape.rank and nearest.shape[0] != moment.shape[0]:
            nearest = tf.reduce_min(nearest, axis=0, keepdims=True)
        return cast(nearest, moment.dtype)

    def _mean(self, step: Float64[Tensor, ""], shape: Sequence[int]) -> Float64[Tensor, "..."]:
        """Return the mean of the current over a step, from edge to edge by Gauss's quadrature of order 8."""

        def piece(
            begin: Float64[Tensor, "*moments"], total: Float64[Tensor, "*current"]
        ) -> tuple[Float64[Tensor, "*moments"], Float64[Tensor, "*current"]]:
            end = self.until(step, begin)
            width, middle = end - begin, 0.5 * (begin + end)

            def node(
                i: Int[Tensor, ""], total: Float64[Tensor, "*current"]
            ) -> tuple[Int[Tensor, ""], Float64[Tensor, "*current"]]:
                share, weight = tf.gather(gauss, i)[0], tf.gather(gauss, i)[1]
                return i + 1, total + weight * width * self._at(Clock(step, begin + share * width, self.dt, middle))

            _, total = tf.while_loop(lambda i, _: i < len(GAUSS), node, (0, total), maximum_iterations=len(GAUSS))
            return end, total

        gauss = tf.constant(GAUSS, tf.float64)
        start = tf.zeros(self.edges.shape[1:], tf.float64), tf.zeros(shape, tf.float64)
        return tf.while_loop(lambda begin, _: tf.reduce_any(begin < 1.0), piece, start)[1]

    def _at(self, now: Clock) -> Float64[Tensor, "..."]:
        now = now.within(tf.float64)
        if self.stimulus.straight and self.solver.order == 1:
            now = replace(now, fraction=tf.constant(0.5, tf.float64))
        return self._waveform(now)

    def _waveform(self, now: Clock) -> Float64[Tensor, "..."]:
        with asking("stimulus", self.stimulus, "waveform"):
            found = self.stimulus.waveform(now, self.table)
        return checked_waveform(found, *self.whole, "stimulus", self.stimulus)


def _between_steps(
    times: list[Tensor],
) -> Float64[Tensor, "edge 1 run"] | Float64[Tensor, " edge"] | None:
    """Return those edges that may lie between steps, in steps; None for none.

    The place of a plain number is known when the program is built. A parameter in which runs differ is known only when
    the program runs.
    """
    edges = []
    for edge in times:
        if not tf.is_tensor(edge):
            edges += [] if isinstance(edge, int) else [tf.constant(edge, tf.float64)]
        elif (known := tf.get_static_value(edge)) is None or np.any(known != np.round(known)):
            edges += tf.unstack(edge) if edge.shape.rank in (1, 3) else [edge]
    if not edges:
        return None
    shape = functools.reduce(tf.broadcast_static_shape, [edge.shape for edge in edges])
    return tf.stack([tf.broadcast_to(edge, shape) for edge in edges])
