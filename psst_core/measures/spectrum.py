"""Spectrum of a population's mean potential."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.measures.base import ROUNDING, Dimension, Measure, Variable
from psst_core.registry import register, setting, shared

if TYPE_CHECKING:
    from jaxtyping import Float

    from psst_core.measures.recordings import Recordings

LEAST = 4  # samples of a segment
SOURCE = "Welch 1967, doi:10.1109/TAU.1967.1161901"


@register("measure", "spectrum")
@dataclass
class Spectrum(Measure):
    """Power spectral density of the mean potential by Welch's method: the mean over segments that overlap by half.

    Each segment loses its linear trend, and has a Hann window. Frequencies are 1/segment apart; a longer segment tells
    nearer ones apart, more segments make the density less noisy. What follows the last whole segment is left out. The
    sum of the density times the step between frequencies is the variance of the potential. Welch 1967
    (doi:10.1109/TAU.1967.1161901).

    Attributes:
        window: the stretch of time of which the spectrum is taken.
        segment: the length of a segment; it fits into the window.
        background: the highest frequency that is kept.
    """

    window: list[float] | None = shared("analysis.spectrum", "ms")
    segment: float = setting(200.0, "ms", minimum=1e-9)
    background: float | None = shared("analysis.background", "Hz")
    variables: ClassVar[Mapping[str, Variable]] = {
        "spectrum": Variable(
            "power spectral density of the mean potential",
            "mV2/Hz",
            dims=("population", "frequency"),
            low=0,
            comment="Welch's method with Hann windows that overlap by half",
            references=SOURCE,
        )
    }

    def check(self, config: Config) -> None:
        self.check_fits("segment")
        interval = config.recorder.interval
        samples = self.segment / interval
        if samples < LEAST or abs(samples - round(samples)) > 1e-6:
            raise PsstError(
                f"segment={self.segment:g} ms: must be a multiple of recorder.interval={interval:g} ms, with {LEAST} "
                "samples or more"
            )

    def coordinates(self, recordings: Recordings) -> dict[str, Dimension]:
        return {"frequency": Dimension(self.frequencies(recordings.interval), "frequency", "Hz")}

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        density = self.densities(recordings.potential, recordings.interval)
        return {"spectrum": density.mean(axis=-1)} if density.shape[-1] else {}

    def samples(self, interval: float) -> tuple[int, int]:
        """Return how many samples a segment has, and how many lie between the begins of two."""
        length = max(round(self.segment / interval), 2)
        return length, length - length // 2

    def frequencies(self, interval: float) -> Float[Array, " frequency"]:
        """Return the frequencies that are kept, Hz."""
        assert self.background is not None
        found: Array = np.fft.rfftfreq(self.samples(interval)[0], 1e-3 * interval)
        return found[found <= self.background * (1 + ROUNDING)]

    def densities(
        self, potential: Float[Array, "*groups time"], interval: float
    ) -> Float[Array, "*groups frequency segment"]:
        """Return the power spectral density of each segment of potentials, mV²/Hz.

        Args:
            interval: between two samples, ms.
        """
        length, step = self.samples(interval)
        first, last = (round(time / interval) for time in self.span)
        part = potential[..., first:last]
        kept = len(self.frequencies(interval))
        if part.shape[-1] < length:
            return np.zeros((*part.shape[:-1], kept, 0))
        segments = np.lib.stride_tricks.sliding_window_view(part, length, axis=-1)[..., ::step, :]
        _, density = scipy.signal.periodogram(scipy.signal.detrend(segments), 1e3 / interval, "hann", detrend=False)
        return np.swapaxes(density[..., :kept], -1, -2)
