"""Locking of spikes to the phase of an oscillation."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import scipy

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.measures.base import Measure, Variable
from psst_core.registry import register, setting, shared

if TYPE_CHECKING:
    from jaxtyping import Complex, Float, Int

    from psst_core.measures.recordings import Recordings

POWER_FLOOR = 1e-9  # mV²; with less power in the band, a potential does not oscillate


@register("measure", "phase_locking")
@dataclass
class PhaseLocking(Measure):
    """Vector strength R and mean phase of a population's spikes: R exp(iφ) = ⟨exp(iθ)⟩, where θ is a spike's phase.

    R is 1 if all spikes come at one phase, and 0 if they come at any phase alike; n independent spikes have about
    1/√n. With a `frequency` f, θ = 2πft, and 0 is the phase at the begin of the run. Without one, θ is the phase of the
    population's own mean potential in `band`, and 0 where this is highest: the potential of the whole run, without its
    linear trend, loses all other frequencies, and θ is the phase of its analytic signal (Hilbert transform), on a
    straight line between two samples. Near the ends of a run this phase is not to be trusted. R and φ are undefined
    without spikes, and where the potential does not oscillate in the band at all. Goldberg & Brown 1969
    (doi:10.1152/jn.1969.32.4.613).

    Attributes:
        frequency: of the phase; without it, that of the mean potential is taken.
        band: the frequencies of the mean potential that make up its phase.
    """

    frequency: float | None = setting(None, "Hz", minimum=1e-9)
    band: list[float] | None = shared("analysis.band", "Hz")
    variables: ClassVar[Mapping[str, Variable]] = {
        "vector_strength": Variable(
            "vector strength",
            low=0,
            high=1,
            comment="length of the mean of exp(i phase) over a population's spikes",
            references="Goldberg & Brown 1969, doi:10.1152/jn.1969.32.4.613",
        ),
        "mean_phase": Variable(
            "mean phase of spikes",
            "rad",
            low=-np.pi,
            high=np.pi,
            comment="angle of the mean of exp(i phase) over a population's spikes",
            references="Goldberg & Brown 1969, doi:10.1152/jn.1969.32.4.613",
        ),
    }

    def check(self, config: Config) -> None:
        if self.frequency is None and self.band is None:
            raise PsstError(
                "frequency=null: must be a number; or else give band, that of the mean potential, such as [10,60]"
            )

    def of_runs(self, recordings: Recordings) -> dict[str, Array]:
        time, train = recordings.trains(self.span)
        if self.frequency is not None:
            direction = np.exp(2e-3j * np.pi * self.frequency * time)
        else:
            signal = analytic(recordings.potential, recordings.interval, self.band or [np.inf, np.inf])
            direction = at(signal, recordings.groups(train), time / recordings.interval)
        mean = recordings.mean(train, direction.real) + 1j * recordings.mean(train, direction.imag)
        return {"vector_strength": np.abs(mean), "mean_phase": np.angle(mean)}


def analytic(
    potential: Float[Array, "*groups time"], interval: float, band: list[float]
) -> Complex[Array, "*groups time"]:
    """Return the analytic signal of potentials in a band [Hz]; NaN where they have no power there.

    Args:
        interval: between two samples, ms.
    """
    length = potential.shape[-1]
    frequency = np.fft.fftfreq(length, 1e-3 * interval)
    spectrum = scipy.fft.fft(scipy.signal.detrend(potential, axis=-1), axis=-1)
    found = scipy.fft.ifft(2 * spectrum * ((frequency >= band[0]) & (frequency <= band[1])), axis=-1)
    power = (np.abs(found) ** 2).mean(axis=-1, keepdims=True) / 2
    return np.where(power > POWER_FLOOR, found, np.nan)


def at(
    signal: Complex[Array, "*groups time"], group: Int[Array, " spike"], place: Float[Array, " spike"]
) -> Complex[Array, " spike"]:
    """Return the direction, of length 1, of a signal of each spike's group between two samples."""
    flat = signal.reshape(-1, signal.shape[-1])
    before = place.astype(int).clip(0, flat.shape[1] - 2)
    first, second = flat[group, before], flat[group, before + 1]
    direction: Array = np.exp(1j * np.angle(first + (second - first) * (place - before).clip(0, 1)))
    return direction
