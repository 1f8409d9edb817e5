"""Distance of spike trains that needs no time scale."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register

if TYPE_CHECKING:
    from jaxtyping import Float, Int

    from psst_core.measures.recordings import RunData

APART = 8  # windows from one pair of trains to the next; a pair with its added spikes takes three


@register("measure", "spike_distance")
@dataclass
class SpikeDistance(Measure):
    """SPIKE-distance of two spike trains, which needs no time scale; its mean over pairs of a population's cells.

    A spike's own distance is that to the nearest spike of the other train. Between two spikes of a train, S₁(t) runs in
    a straight line from the distance of the one to that of the other. With the intervals I₁ and I₂ between the spikes
    around t, S(t) = (S₁ I₂ + S₂ I₁) / (2 ((I₁ + I₂)/2)²). The SPIKE-distance is the mean of S over the window: 0 for
    equal trains, about 0.3 for two Poisson trains of one rate. Before the first spike and after the last one, a train
    goes on as in PySpike: to one more spike, as far away as the interval beside it, or at the window's end if that is
    farther, with the distance of the spike beside it; a silent train has a spike at either end of the window. The mean
    is undefined for one cell, and in a silent population. Its cost grows with the square of the number of cells. Kreuz
    et al. 2013 (doi:10.1152/jn.00873.2012), Mulansky & Kreuz 2016 (doi:10.1016/j.softx.2016.07.006).
    """

    variables: ClassVar[Mapping[str, Variable]] = {
        "spike_distance": Variable(
            "SPIKE-distance",
            low=0,
            high=1,
            comment="mean over the window and over pairs of cells; 0 for equal trains",
            references="Kreuz et al. 2013, doi:10.1152/jn.00873.2012",
        )
    }

    def of_population(self, run: RunData, population: str) -> float:
        begin, end = self.span
        trains = run.trains(population, self.span)
        if len(trains) < 2 or not any(map(len, trains)):
            return np.nan
        longer = [with_ends(np.unique(train) - begin, end - begin) for train in trains]
        total = sum(distances(train, longer[number:], end - begin) for number, train in enumerate(longer[:-1], start=1))
        return total / (len(trains) * (len(trains) - 1) / 2)


def with_ends(train: Float[Array, " spike"], length: float) -> Float[Array, " _spike"]:
    """Return a train with one more spike before it and one after it; times begin with the window, of this length."""
    if not len(train):
        train = np.array([0.0, length])
    first, last = (train[1] - train[0], train[-1] - train[-2]) if len(train) > 1 else (0.0, 0.0)
    return np.concatenate([[min(0.0, train[0] - first)], train, [max(length, train[-1] + last)]])


def distances(train: Float[Array, " spike"], others: Sequence[Float[Array, " _spike"]], length: float) -> float:
    """Return the sum of the SPIKE-distances between one train and each of some others, all of them `with_ends`."""
    # Each pair has its own place on one axis, so that NumPy takes all pairs at once.
    place = APART * length * np.arange(len(others))
    sizes, other_sizes = np.full(len(others), len(train)), np.array([len(other) for other in others])
    ours, theirs = np.tile(train, len(others)), np.concatenate(others)
    shift, other_shift = np.repeat(place, sizes), np.repeat(place, other_sizes)
    time = np.concatenate([ours.clip(0, length) + shift, theirs.clip(0, length) + other_shift])
    time.sort()
    width, middle = np.diff(time), (time[1:] + time[:-1]) / 2
    inside = (width > 0) & (width < 2 * length)
    width, middle = width[inside], middle[inside]
    ours, theirs = ours + shift, theirs + other_shift
    distance, interval = around(middle, ours, theirs, sizes)
    other_distance, other_interval = around(middle, theirs, ours, other_sizes)
    # S is a straight line between two events, so its mean there is its value in the middle.
    profile = 2 * (distance * other_interval + other_distance * interval) / (interval + other_interval) ** 2
    return float(width @ profile) / length


def around(
    time: Float[Array, " time"],
    trains: Float[Array, " spike"],
    others: Float[Array, " _spike"],
    sizes: Int[Array, " pair"],
) -> tuple[Float[Array, " time"], Float[Array, " time"]]:
    """Return the distance of each train to the other one of its pair, and its interval, at some times.

    Args:
        sizes: spikes of each train; the first and the last of them are those that `with_ends` added.
    """
    after = np.searchsorted(others, trains).clip(1, len(others) - 1)
    nearest = np.minimum(np.abs(trains - others[after - 1]), np.abs(others[after] - trains))
    last = np.cumsum(sizes) - 1
    first = last - sizes + 1
    nearest[first], nearest[last] = nearest[first + 1], nearest[last - 1]
    right = np.searchsorted(trains, time)
    return np.interp(time, trains, nearest), trains[right] - trains[right - 1]
