"""Random numbers inside the compiled program, from counters: functions of the run's key, the cell and an index alone.

The same on every device, at every width of the batch and in any company, in single and double precision to rounding.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core import tf
from psst_core.seeds import generator

Tensor = Any
_ROTATIONS = ((13, 15, 26, 6), (17, 29, 16, 24))
_PARITY = 0x1BD11BDA


def key(seed: int, purpose: str, *numbers: int) -> npt.NDArray[np.uint32]:
    """The two words that make a stream its own, uint32 [2]."""
    return generator(seed, purpose, *numbers).integers(2**32, size=2, dtype=np.uint32)


@dataclass(frozen=True)
class Stream:
    """One mechanism's random numbers, a stream for each run of a batch.

    Attributes:
        keys: uint32 [2, run].
        cells: how many cells draw from it.
        dtype: of the numbers.
    """

    keys: Tensor
    cells: int
    dtype: Any

    def uniform(self, index: Tensor) -> Tensor:
        """The numbers of that index (int32), uniform in (0, 1), [cell, run]."""
        bits, _ = self._words(index)
        # 23 bits and a half, which single precision holds exactly: both precisions see the same numbers.
        high = tf.cast(tf.bitwise.right_shift(bits, _word(9)), tf.int32)
        return (tf.cast(high, self.dtype) + 0.5) * tf.constant(2.0**-23, self.dtype)

    def complement(self, index: Tensor) -> Tensor:
        """1 − u of the same numbers with 64 bits, in double precision in every program, [cell, run].

        What is rare is seen here: a probability of 1e-15 as exactly as one of a half.
        """
        high, low = (tf.cast(tf.bitwise.invert(word), tf.float64) for word in self._words(index))
        return (high + (low + 0.5) * 2.0**-32) * 2.0**-32

    def normal(self, index: Tensor) -> Tensor:
        """The numbers of that index, normal with mean 0 and variance 1, within 5.3 standard deviations, [cell, run]."""
        return tf.math.ndtri(self.uniform(index))

    def _words(self, index: Tensor) -> tuple[Tensor, Tensor]:
        """Two words of random bits of that index, uint32 [cell, run]."""
        cell = tf.cast(tf.range(self.cells)[:, None], tf.uint32) + tf.zeros_like(self.keys[0])
        return threefry(self.keys, cell, tf.cast(index, tf.uint32) + tf.zeros_like(cell))


def threefry(keys: Tensor, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Threefry-2x32 with 20 rounds: two random words of two counter words, all uint32.

    Salmon et al. 2011 (doi:10.1145/2063384.2063405). `keys` is [2, …]; the words broadcast against its rest.
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


def _word(number: int) -> Tensor:
    return tf.constant(number, tf.uint32)
