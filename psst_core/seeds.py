"""Random numbers without a state: each purpose has its own generator, whatever the chunk, the device or the order."""

import hashlib

import numpy as np


def generator(seed: int, purpose: str, *numbers: int) -> np.random.Generator:
    """Return the generator for one purpose, such as ("connectivity:pn_ln", network) or ("spread", network, trial)."""
    key = hashlib.sha256(":".join([str(seed), purpose, *map(str, numbers)]).encode()).digest()
    return np.random.default_rng(int.from_bytes(key[:16], "little"))
