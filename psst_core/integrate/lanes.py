"""Lanes: the columns of a compiled program, which the runs of a batch fill."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from psst_core import tf
from psst_core.arrays import Array, DType, Tensor

if TYPE_CHECKING:
    from jaxtyping import Num


VECTOR = {"float64": 8, "float32": 16}  # numbers in 512 bits


def padded(runs: int, precision: str) -> int:
    """Return the number of lanes for so many runs.

    A single run is laid along its cells; several runs fill whole vectors of 512 bits.
    """
    vector = VECTOR[precision]
    return 1 if runs == 1 else -(-runs // vector) * vector


def laid(array: Num[Array, "*axes run"], lanes: int, dtype: DType | None = None) -> Num[Tensor, "*axes {lanes}"]:
    """Return a tensor whose last axis counts the lanes; the last run fills the spare ones."""
    return tf.constant(array[..., np.minimum(np.arange(lanes), array.shape[-1] - 1)], dtype)
