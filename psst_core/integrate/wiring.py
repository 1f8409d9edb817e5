"""The sum Σ_pre w·open onto each postsynaptic cell, added in the order of the presynaptic cells.

That order is the same in every layout and at every width of the batch, and absent connections add exactly zero. So no
bit of a sum depends on the layout, on the number of runs in the batch, or on whether they share a network.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np

from psst_core import tf
from psst_core.arrays import Array, Tensor
from psst_core.model.connectivity import Connections

if TYPE_CHECKING:
    from jaxtyping import Float, Int, Num


UNROLLED = 5
GATHERED_COST = 4
ROWS_BYTES = 64_000_000


def wire(drawn: Sequence[Connections], n_post: int, n_pre: int, spikes: bool = False) -> dict[str, Num[Array, "..."]]:
    """Return the arrays that `synaptic_sum` takes, for the connections of each run of a batch.

    Runs that share one network object share the arrays. These are dense, or, if that is much shorter, lists of each
    cell's inputs, whose memory is linear in the synapses. Otherwise each run has a dense matrix of its own. Where
    spikes are summed, most cells are silent in a step. Then only the rows of the cells that fire are read, run by run.

    Args:
        spikes: whether spikes are to be summed, or else open fractions.

    Returns:
        `weight` [pre, post, 1] or [pre, post, run], or `weight` [input, post, 1] with `pre` [input, post], each with a
        first axis that is padded with zero weights; for spikes `row` [pre, post] or [run, pre, post].
    """
    first = drawn[0]
    if any(other is not first for other in drawn):
        each = {id(connections): _narrow(connections.matrix(n_post, n_pre).T) for connections in drawn}
        lanes = [each[id(connections)] for connections in drawn]
        if spikes:
            return {"row": np.stack(lanes)}
        return {"weight": _padded(np.stack(lanes, axis=-1), _strides(n_pre))}
    if spikes and n_post * n_pre <= ROWS_BYTES:
        return {"row": _narrow(first.matrix(n_post, n_pre).T.copy())}
    inputs = np.bincount(first.post, minlength=n_post)
    most = int(inputs.max(initial=0))
    if GATHERED_COST * most > n_pre:
        return {"weight": _narrow(_padded(first.matrix(n_post, n_pre).T[:, :, None], _strides(n_pre)))}
    place = np.arange(len(first.post)) - np.repeat(np.cumsum(inputs) - inputs, inputs)
    weight, pre = np.zeros((most, n_post, 1)), np.zeros((most, n_post), dtype=np.int32)
    weight[place, first.post, 0], pre[place, first.post] = first.weight, first.pre
    step = 2 ** max(0, _strides(most).bit_length() - 3)  # networks that differ a little share a compiled program
    strides = step * -(-_strides(most) // step)
    return {"weight": _narrow(_padded(weight, strides)), "pre": _padded(pre, strides)}


def synaptic_sum(
    wiring: Mapping[str, Num[Tensor, "..."]], open_fraction: Float[Tensor, "pre run"]
) -> Float[Tensor, "post run"]:
    """Return Σ_pre w·open for the open fractions (or spikes, or potentials)."""
    if "row" in wiring:
        return _sum_of_active(wiring["row"], open_fraction)
    weight, last = wiring["weight"], open_fraction.shape[0] - 1

    def add(k: Int[Tensor, ""], total: Float[Tensor, "post run"]) -> tuple[Int[Tensor, ""], Float[Tensor, "post run"]]:
        for row in range(UNROLLED):
            source = wiring["pre"][k + row] if "pre" in wiring else tf.minimum(k + row, last)
            total = total + tf.cast(weight[k + row], total.dtype) * tf.gather(open_fraction, source)
        return k + UNROLLED, total

    rows, n_post = weight.shape[:2]
    nothing = tf.zeros([n_post, open_fraction.shape[1]], open_fraction.dtype)
    _, total = tf.while_loop(lambda k, _: k < rows, add, (0, nothing), maximum_iterations=rows // UNROLLED)
    return total


def _sum_of_active(
    row: Num[Tensor, "pre post"] | Num[Tensor, "run pre post"], spikes: Float[Tensor, "pre run"]
) -> Float[Tensor, "post run"]:
    """Return the same sum, but visit only the cells that are not at zero: run by run, row by row of the matrix."""
    (n_pre, runs), n_post = spikes.shape, row.shape[-1]
    number, spikes = tf.range(n_pre), tf.transpose(spikes)

    def of_run(run: Int[Tensor, ""]) -> Float[Tensor, " post"]:
        active = tf.where(spikes[run] != 0.0, number, n_pre)

        def following(k: Int[Tensor, ""] | int) -> Int[Tensor, ""]:
            return tf.reduce_min(tf.where(number > k, active, n_pre))

        def add(k: Int[Tensor, ""], total: Float[Tensor, " post"]) -> tuple[Int[Tensor, ""], Float[Tensor, " post"]]:
            weight = row[k] if row.shape.rank == 2 else row[run, k]
            return following(k), total + tf.cast(weight, total.dtype) * spikes[run, k]

        nothing = tf.zeros([n_post], spikes.dtype)
        return tf.while_loop(lambda k, _: k < n_pre, add, (following(-1), nothing), maximum_iterations=n_pre)[1]

    totals = tf.TensorArray(spikes.dtype, runs, element_shape=[n_post])
    _, totals = tf.while_loop(
        lambda run, _: run < runs,
        lambda run, totals: (run + 1, totals.write(run, of_run(run))),
        (0, totals),
        maximum_iterations=runs,
    )
    return tf.transpose(totals.stack())


def _strides(rows: int) -> int:
    """Return how often the loop goes round for so many rows; at least once."""
    return max(1, -(-rows // UNROLLED))


def _padded(rows: Num[Array, " row *cells"], strides: int) -> Num[Array, " padded *cells"]:
    """Add rows of zeros up to so many strides of the loop."""
    return np.pad(rows, [(0, strides * UNROLLED - len(rows))] + [(0, 0)] * (rows.ndim - 1))


def _narrow(weight: Num[Array, "*axes"]) -> Num[Array, "*axes"]:
    """Return the weights as bytes if these hold every weight exactly, as where each connection has weight 1."""
    small = weight.astype(np.int8)
    return small if np.array_equal(small, weight) else weight
