"""A stimulus as solvers see it: right in charge wherever its edges lie.

The edges of a waveform are the times that it asks `now.reached` of. In a step inside which one lies, every stage of a
solver of fixed steps sees the mean of the current over the step, so that the charge is right under any method that is
consistent; an adaptive solver ends a step of its own at each edge. All of it is in double precision, and times are
differences to the step, so that neither the precision of the states nor a late time costs charge.
"""

import functools
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from psst_core import tf
from psst_core.integrate.solvers import Solver
from psst_core.model.mechanisms import Asked, Clock, Tensor, cast
from psst_core.model.returned import asking, checked_waveform
from psst_core.model.stimuli.base import Stimulus

GAUSS = [((1 + x) / 2, weight / 2) for x, weight in zip(*map(list, np.polynomial.legendre.leggauss(4)), strict=True)]


class Drive:
    """The current of a stimulus before its weights: a scalar, [1, run], or [cell, 1], [cell, run] for all cells.

    Args:
        table: that the waveform looks up.
        dt: ms.
        shape: the numbers of cells and of runs.
    """

    def __init__(self, stimulus: Stimulus, table: Tensor, solver: Solver, dt: float, shape: tuple[int, int]) -> None:
        self.stimulus, self.table, self.solver, self.dt, self.whole = stimulus, table, solver, dt, shape
        asked = Asked()
        start = tf.zeros([], tf.float64)
        self.shape = self._waveform(Clock(start, start, dt, asked=asked)).shape
        self.edges = _between_steps(asked.edges)

    def during(self, step: Tensor) -> Callable[[Clock], Tensor]:
        """The current at each stage of the step of that number."""
        if self.edges is None or self.solver.adaptive:
            return self._at
        ahead = self.edges - step
        mixed = tf.reduce_any((ahead > 0.0) & (ahead < 1.0), axis=0)
        shape = tf.broadcast_static_shape(self.shape, mixed.shape)
        mean = tf.cond(tf.reduce_any(mixed), lambda: self._mean(step, shape), lambda: tf.zeros(shape, tf.float64))
        return lambda now: tf.where(mixed, mean, self._at(now))

    def until(self, step: Tensor, moment: Tensor) -> Tensor:
        """The next edge in a step after a moment in it, and else the step's end, as shares of the step."""
        if self.edges is None:
            return tf.ones_like(moment)
        edges = self.edges if self.edges.shape.rank == moment.shape.rank + 1 else self.edges[:, None, None]
        ahead = cast(edges - step, moment.dtype)
        ahead = cast(tf.where((ahead > moment) & (ahead < 1.0), ahead, tf.ones_like(ahead)), tf.float64)
        nearest = tf.reduce_min(ahead, axis=0)
        if nearest.shape.rank and nearest.shape[0] != moment.shape[0]:
            nearest = tf.reduce_min(nearest, axis=0, keepdims=True)
        return cast(nearest, moment.dtype)

    def _mean(self, step: Tensor, shape: Any) -> Tensor:
        """The mean of the current over a step, from edge to edge by Gauss's quadrature of order 8."""

        def piece(begin: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
            end = self.until(step, begin)
            width, middle = end - begin, 0.5 * (begin + end)

            def node(i: Tensor, total: Tensor) -> tuple[Tensor, Tensor]:
                share, weight = tf.gather(gauss, i)[0], tf.gather(gauss, i)[1]
                return i + 1, total + weight * width * self._at(Clock(step, begin + share * width, self.dt, middle))

            _, total = tf.while_loop(lambda i, _: i < len(GAUSS), node, (0, total), maximum_iterations=len(GAUSS))
            return end, total

        gauss = tf.constant(GAUSS, tf.float64)
        start = tf.zeros(self.edges.shape[1:], tf.float64), tf.zeros(shape, tf.float64)
        return tf.while_loop(lambda begin, _: tf.reduce_any(begin < 1.0), piece, start)[1]

    def _at(self, now: Clock) -> Tensor:
        now = now.within(tf.float64)
        if self.stimulus.straight and self.solver.order == 1:
            now = replace(now, fraction=tf.constant(0.5, tf.float64))
        return self._waveform(now)

    def _waveform(self, now: Clock) -> Tensor:
        with asking("stimulus", self.stimulus, "waveform"):
            found = self.stimulus.waveform(now, self.table)
        return checked_waveform(found, *self.whole, "stimulus", self.stimulus)


def _between_steps(asked: list[Tensor]) -> Tensor:
    """Those edges, in steps, that may lie between steps, [edge, 1, run] or of scalars [edge]; None where none may.

    A number says where it lies when the program is made, a parameter in which the runs differ only when it runs.
    """
    edges = []
    for edge in asked:
        if not tf.is_tensor(edge):
            edges += [] if isinstance(edge, int) else [tf.constant(edge, tf.float64)]
        elif (known := tf.get_static_value(edge)) is None or np.any(known != np.round(known)):
            edges += tf.unstack(edge) if edge.shape.rank in (1, 3) else [edge]
    if not edges:
        return None
    shape = functools.reduce(tf.broadcast_static_shape, [edge.shape for edge in edges])
    return tf.stack([tf.broadcast_to(edge, shape) for edge in edges])
