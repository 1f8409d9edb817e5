"""Lanes: the columns of a compiled program, which the runs of a batch fill."""

from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core import tf
from psst_core.arrays import Tensor

VECTOR = {"float64": 8, "float32": 16}  # numbers in 512 bits


def padded(runs: int, precision: str) -> int:
    """Return the number of lanes for so many runs.

    A single run is laid along its cells; several runs fill whole vectors of 512 bits.
    """
    vector = VECTOR[precision]
    return 1 if runs == 1 else -(-runs // vector) * vector


def laid(array: npt.NDArray[Any], lanes: int, dtype: Any = None) -> Tensor:
    """Return a tensor [..., lane] of an array [..., run]; the last run fills the spare lanes."""
    return tf.constant(array[..., np.minimum(np.arange(lanes), array.shape[-1] - 1)], dtype)
