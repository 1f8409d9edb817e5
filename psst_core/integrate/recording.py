"""Records of runs beside their samples: times of spikes, the time when a run stopped being finite, the moments of v."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from psst_core.arrays import Array
from psst_core.integrate.backend import Segment
from psst_core.store.chunk_file import stored

if TYPE_CHECKING:
    from jaxtyping import Bool, Float


DECIMALS = 9  # of a time in ms; it removes the rounding of step·dt


def spike_times(segment: Segment, dt: float) -> Float[Array, " spike"]:
    """Return the ends of the steps in which cells fired, ms."""
    return np.round((segment.spike_step + 1) * dt, DECIMALS)


def sample_times(samples: int, interval: float) -> Float[Array, " {samples}"]:
    """Return the times of so many samples, ms."""
    return np.round(np.arange(samples) * interval, DECIMALS)


def note_divergence(diverged: Float[Array, " run"], segment: Segment, steps_per_sample: int, dt: float) -> None:
    """Write when a mean potential of each run was first not finite, ms, into `diverged`, where that is NaN."""
    broken = np.logical_or.reduce(np.isnan(stored(segment.mean_potential)))
    when = (segment.first_step + broken.argmax(axis=1) * steps_per_sample) * dt
    diverged[:] = np.where(broken.any(axis=1) & np.isnan(diverged), when, diverged)


def moments(
    means: Mapping[str, Float[Array, "moment _cell run"]], ok: Bool[Array, " run"]
) -> tuple[Float[Array, "run cell"], Float[Array, "run cell"]]:
    """Return mean [mV] and variance [mV²] of each cell's potential in the window.

    NaN where a run is not ok.

    Args:
        means: by population, the means of v and of v² of its cells.
        ok: whether each run is ok.
    """
    mean, square = (np.concatenate([values[i] for values in means.values()]).T for i in (0, 1))
    variance = np.subtract(square, mean**2, out=np.full_like(mean, np.nan), where=ok[:, None])
    return np.where(ok[:, None], mean, np.nan), variance
