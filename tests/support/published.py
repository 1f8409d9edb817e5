"""The published program: its spike counts, and its network for PSST."""

import numpy as np

from psst_core.keys import put
from support.configurations import configuration
from support.paths import DATA

FI_COUNTS = [0, 0, 1, 6, 7, 9, 10, 11, 11, 12, 13, 13, 14, 14, 15, 15, 16, 16, 16, 17]


def locust(duration, stimulus, projections=None):
    """The network of the reference, its connectivity and start state from files."""
    config = configuration(
        run__duration=duration,
        recorder__interval=0.1,
        recorder__window=[0.0, duration],
        network__scaling="none",
        network__start_jitter=0.0,
        network__start_file=str(DATA / "locust_start.npz"),
        network__synapses__ach__pulse="published",
    )
    for name in config["network"]["projections"]:
        file = {"type": "file", "path": str(DATA / "locust_connectivity.npz"), "variable": name}
        config = put(config, {f"network.projections.{name}.connectivity": file})
    config["recorder"]["variables"] = {"pn": ["v"], "ln": ["v"]}
    return put(config, {"stimulus": stimulus} | (projections or {}))


def crossings(v, interval=0.1):
    """Times at which v crosses zero upward, by straight lines between samples."""
    before = np.flatnonzero((v[:-1] < 0) & (v[1:] >= 0))
    return interval * (before - v[before] / (v[before + 1] - v[before]))
