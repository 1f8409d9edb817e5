"""Random numbers inside the compiled program, from counters: functions of the run's key, the cell and an index alone.

They are the same on every device, at every width of the batch, and whatever other runs the batch holds. Single and
double precision agree to rounding.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psst_core import tf
from psst_core.arrays import Array, DType, Tensor
from psst_core.seeds import generator

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int, UInt32


_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def key(seed: int, purpose: str, *numbers: int) -> UInt32[Array, " word"]:
    """Return the two words that make a stream different from all others."""
    return generator(seed, purpose, *numbers).integers(2**32, size=2, dtype=np.uint32)


@dataclass(frozen=True)
class Stream:
    """The random numbers of one mechanism, a stream for each run of a batch.

    Attributes:
        keys: the two words that make each run's stream different from all others.
        cells: the number of cells that draw from it.
        dtype: of the numbers.
    """

    keys: UInt32[Tensor, "word run"]
    cells: int
    dtype: DType

    def uniform(self, index: Int[Tensor, ""]) -> Float[Tensor, "cell run"]:
        """Return the numbers of index `index`, uniform in (0, 1)."""
        bits, _ = self._words(index)
        # 23 bits and a half: single precision holds them exactly, so both precisions get the same numbers.
        high = tf.cast(tf.bitwise.right_shift(bits, _word(9)), tf.int32)
        return (tf.cast(high, self.dtype) + 0.5) * tf.constant(2.0**-23, self.dtype)

    def complement(self, index: Int[Tensor, ""]) -> Float64[Tensor, "cell run"]:
        """Return 1 − u of the numbers of index `index`, with 64 bits, in double precision in every program.

        Rare events need this: a probability of 1e-15 is as exact as one of a half.
        """
        high, low = (tf.cast(tf.bitwise.invert(word), tf.float64) for word in self._words(index))
        return (high + (low + 0.5) * 2.0**-32) * 2.0**-32

    def normal(self, index: Int[Tensor, ""]) -> Float[Tensor, "cell run"]:
        """Return the numbers of index `index`, normal with mean 0 and variance 1.

        None lies farther than 5.3 standard deviations from 0.
        """
        return tf.math.ndtri(self.uniform(index))

    def _words(self, index: Int[Tensor, ""]) -> tuple[UInt32[Tensor, "cell run"], UInt32[Tensor, "cell run"]]:
        """Return two words of random bits for an index."""
        cell = tf.cast(tf.range(self.cells)[:, None], tf.uint32) + tf.zeros_like(self.keys[0])
        return threefry(self.keys, cell, tf.cast(index, tf.uint32) + tf.zeros_like(cell))


def threefry(
    keys: UInt32[Tensor, "word ..."], first: UInt32[Tensor, "#*counter"], second: UInt32[Tensor, "#*counter"]
) -> tuple[UInt32[Tensor, "*counter"], UInt32[Tensor, "*counter"]]:
    """Return two random words for two counter words: Threefry-2x32 with 20 rounds.

    Salmon et al. 2011 (doi:10.1145/2063384.2063405). The counter words broadcast against the other axes of `keys`.
    """
    schedule = (keys[0], keys[1], tf.bitwise.bitwise_xor(tf.bitwise.bitwise_xor(keys[0], keys[1]), _word(_PARITY)))
    first, second = first + schedule[0], second + schedule[1]
    for block in range(5):
        for rotation in _ROTATIONS[block % 2]:
            first = first + second
            left, right = _word(rotation), _word(32 - rotation)
            second = tf.bitwise.bitwise_or(tf.bitwise.left_shift(second, left), tf.bitwise.right_shift(second, right))
            second = tf.bitwise.bitwise_xor(second, first)
        first = first + schedule[(block + 1) % 3]
        second = second + schedule[(block + 2) % 3] + _word(block + 1)
    return first, second


def _word(number: int) -> UInt32[Tensor, ""]:
    return tf.constant(number, tf.uint32)
