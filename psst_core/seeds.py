"""Stateless randomness: a generator for each purpose, whatever the chunk, the device or the order."""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """The random numbers of one purpose, such as ("connectivity:pn_ln", network) or ("spread", network, trial)."""
    key = hashlib.sha256(":".join([str(seed), purpose, *map(str, numbers)]).encode()).digest()
    return np.random.default_rng(int.from_bytes(key[:16], "little"))
