"""The oscillation of a population's mean potential."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy

from psst_core.arrays import Array
from psst_core.measures.base import Measure, Variable, ratio
from psst_core.registry import register, shared

if TYPE_CHECKING:
    from jaxtyping import Bool, Float

    from psst_core.measures.recordings import Recordings

POWER_FLOOR = 1e-9
ROUNDING = 1e-9


@register("measure", "oscillation")
@dataclass
class Oscillation(Measure):
    """Frequency and strength of the oscillation in a band, and its ratio to the background.

    The spectrum has a Hann window, after removal of the linear trend. Power is the integral of the density over the
    band. The ratio is the mean density in the band over the mean density outside it up to `background`, zero excluded.

    All three are undefined if the window does not cover two periods of the band's lowest frequency. The dominant
    frequency is undefined also where the density is largest at an end of the band, as for any slope. The ratio is
    undefined also without a band, as the band then covers the whole background. Without power, only the power is
    defined.

    Attributes:
        window: the stretch of time of which the spectrum is taken.
        band: where the oscillation is looked for. Without a band it is looked for from the frequency with two periods
            in the window up to `background`.
        background: the highest frequency of the background.
    """

    window: list[float] | None = shared("analysis.spectrum", "ms")
    band: list[float] | None = shared("analysis.band", "Hz")
    background: float | None = shared("analysis.background", "Hz")
    variables: ClassVar[Mapping[str, Variable]] = {
        "dominant_frequency": Variable(
            "dominant frequency",
            "Hz",
            low=0,
            comment="where the spectrum of the population's mean potential is largest in the band; NaN at an end of it",
        ),
        "band_power": Variable(
            "oscillation power", "mV2", low=0, comment="power of the population's mean potential in the band"
        ),
        "band_ratio": Variable(
            "oscillation over background",
            low=0,
            comment="mean spectral density in the band over that outside it, up to analysis.background",
        ),
    }

    @property
    def highest(self) -> float:
        """The highest frequency of the background, Hz."""
        assert self.background is not None
        return self.background

    def described(self, interval: float) -> dict[str, Variable]:
        low, high = self.limits(interval)
        if low >= high:
            return dict(self.variables)
        text = f", {low:.4g}–{high:.4g} Hz"
        return {
            name: replace(variable, long_name=variable.long_name + text, more={"band": [low, high]})
            for name, variable in self.variables.items()
        }

    def limits(self, interval: float) -> tuple[float, float]:
        """Return the lowest and the highest frequency in which an oscillation is looked for, Hz.

        If the window is too short, the first is not below the second.

        Args:
            interval: between two samples, ms.
        """
        if self.band:
            return self.band[0], self.band[1]
        first, last = (round(time / interval) for time in self.span)
        return 2e3 / (interval * max(last - first, 1)), self.highest

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        return self.of_potential(recordings.potential, recordings.interval)

    def of_potential(
        self, potential: Float[Array, "*groups time"], interval: float
    ) -> dict[str, Float[Array, "*groups"]]:
        """Measure potentials that are sampled every `interval` ms, [..., time]."""
        frequency, density = spectrum(potential, interval, self.span)
        low, high = self.limits(interval)
        inside = within(frequency, low, high)
        if not inside.any() or frequency[1] > low / 2 * (1 + ROUNDING):
            return dict.fromkeys(self.variables, np.full(potential.shape[:-1], np.nan))
        outside = ~inside & (frequency > 0) & (frequency <= self.highest)
        power = density[..., inside].sum(axis=-1) * frequency[1]
        noise = density[..., outside].mean(axis=-1) if self.band and outside.any() else np.zeros_like(power)
        strong = power > POWER_FLOOR
        return {
            "dominant_frequency": np.where(strong, peak(frequency[inside], density[..., inside]), np.nan),
            "band_power": power,
            "band_ratio": ratio(density[..., inside].mean(axis=-1), noise, strong & (noise > 0)),
        }


def within(frequency: Float[Array, " frequency"], low: float, high: float) -> Bool[Array, " frequency"]:
    """Return which frequencies lie in a band, its ends included."""
    found: Array = (frequency >= low * (1 - ROUNDING)) & (frequency <= high * (1 + ROUNDING))
    return found


def peak(frequency: Float[Array, " frequency"], density: Float[Array, "*groups frequency"]) -> Float[Array, "*groups"]:
    """Return the frequency of the largest density; NaN where that is the first or the last one."""
    at = density.argmax(axis=-1)
    return np.where((at > 0) & (at < len(frequency) - 1), frequency[at], np.nan)


def spectrum(
    potential: Float[Array, "*groups time"], interval: float, stretch: Sequence[float]
) -> tuple[Float[Array, " frequency"], Float[Array, "*groups frequency"] | Float[Array, " frequency"]]:
    """Return frequencies [Hz] and power spectral density [mV²/Hz] of a stretch [ms] of a potential.

    Both are empty if the stretch ends after the potential.
    """
    first, last = (round(time / interval) for time in stretch)
    part = potential[..., first:last]
    if last > potential.shape[-1] or part.shape[-1] < 3:
        return np.zeros(0), np.zeros(0)
    frequency, density = scipy.signal.periodogram(
        scipy.signal.detrend(part, axis=-1), fs=1e3 / interval, window="hann", detrend=False, axis=-1
    )
    return frequency, density
