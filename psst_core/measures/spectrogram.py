"""Spectrum of a population's mean potential over time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.measures.base import Dimension, Variable
from psst_core.measures.spectrum import Spectrum
from psst_core.registry import register, setting

if TYPE_CHECKING:
    from psst_core.measures.recordings import Recordings


@register("measure", "spectrogram")
@dataclass
class Spectrogram(Spectrum):
    """Power spectral density of the mean potential over time: of segments that overlap by half, each at its middle.

    Its mean over time is the measure `spectrum` at the same parameters. A shorter segment tells nearer times apart, a
    longer one nearer frequencies, which are 1/segment apart. Welch 1967 (doi:10.1109/TAU.1967.1161901).

    Attributes:
        window: the stretch of time of which the spectrogram is taken.
        segment: the length of a segment; it fits into the window.
        background: the highest frequency that is kept.
    """

    segment: float = setting(100.0, "ms", minimum=1e-9)
    variables: ClassVar[Mapping[str, Variable]] = {
        "spectrogram": Variable(
            "power spectral density of the mean potential over time",
            "mV2/Hz",
            dims=("population", "frequency", "time"),
            low=0,
            comment="of segments with Hann windows that overlap by half",
            references="Welch 1967, doi:10.1109/TAU.1967.1161901",
        )
    }

    def coordinates(self, recordings: Recordings) -> dict[str, Dimension]:
        interval = recordings.interval
        length, step = self.samples(interval)
        first, last = (round(time / interval) for time in self.span)
        middles = first + length / 2 + step * np.arange(max((last - first - length) // step + 1, 0))
        time = {"time": Dimension(middles * interval, "middle of the segment", "ms")}
        return super().coordinates(recordings) | time

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        return {"spectrogram": self.densities(recordings.potential, recordings.interval)}
