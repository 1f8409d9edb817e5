"""A current from a file."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from psst_core import tf
from psst_core.arrays import Array, Number, Tensor
from psst_core.datafiles import Variable, in_unit, read_variable, variable_names
from psst_core.errors import PsstError
from psst_core.model.mechanisms import Clock, cast, in_steps
from psst_core.model.stimuli.base import Grid, Stimulus
from psst_core.registry import data_file, parameter, register, setting

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, Int


WAYS = ("held", "linear")
PATH, TIME, CELL = "stimulus.path", "time", "cell"
SHORTEST = 1e-7  # in steps: an adaptive solver does not divide a step further
AGREEMENT = 1e-6  # in intervals: times of a file may differ by this from those that stimulus.interval gives


@register("stimulus", "file")
@dataclass
class FromFile(Stimulus):
    """I(t) = amplitude · (samples of a file, each held until the next, or joined by straight lines).

    The variable has the dimension time, or time and cell with a place for each cell of the network, in any order. Times
    are the file's coordinate `time`, or come every `interval`. They begin at 0 and reach to the end of the run. Where
    samples are held, the last one lasts as long as the one before it. Without a unit, samples are in µA/cm² and times
    in ms.

    A sample may come at any time, and several may come in one step. In a step inside which a sample comes, the current
    is its mean over the step; in every other step it is a straight line. An adaptive solver takes samples at steps
    only.

    Attributes:
        between: held or linear; a file does not say which.
        interval: the time between samples, for a file without times.
    """

    scaled: ClassVar[bool] = True
    straight: ClassVar[bool] = True
    amplitude: float = parameter(1.0, "1")
    path: str = data_file()
    variable: str = "current"
    between: str = ""
    interval: float | None = setting(None, "ms", minimum=1e-9)

    def __post_init__(self) -> None:
        if self.between not in WAYS:
            given = f"={self.between}" if self.between else ""
            raise PsstError(
                f"stimulus.between{given}: must be held (each sample lasts until the next) or linear (straight "
                "lines join them)"
            )

    def table(self, n_cells: int, grid: Grid) -> Float[Array, "stretch column"]:
        """Return the stretches of steps in which the current is one straight line, a row each.

        Returns:
            1 + 2 cells columns: the first step of the stretch, each cell's current there, and the growth of each
            current in a step.
        """
        times, samples = self._read(n_cells)
        self._check_reach(times, grid)
        steps = round(grid.duration / grid.dt)
        edges = in_steps(times, grid.dt)
        count = int(np.searchsorted(edges, steps)) + 1
        edges, samples = edges[:count], samples[:count]
        if grid.adaptive:  # its steps are not shorter than SHORTEST; so times with rounding errors count as whole steps
            on_steps = np.where(np.abs(edges - np.round(edges)) <= SHORTEST, np.round(edges), edges)
            edges = on_steps if np.all(np.diff(on_steps) > 0) else edges
        whole = np.floor(edges)
        if grid.adaptive and np.any(late := (edges != whole) & (edges < steps)):
            raise PsstError(
                f"{PATH}={self.path}: has a sample at {times[np.argmax(late)]:.12g} ms, which is no multiple of "
                f"run.dt={grid.dt:g} ms, as an adaptive solver needs; choose another run.dt, or a solver of fixed "
                "steps such as solver=rk4"
            )
        rises = np.zeros_like(samples)
        if self.between == "linear":
            rises[:-1] = np.diff(samples, axis=0) / np.diff(edges)[:, None]
        mixed = np.unique(whole[edges != whole])
        first = np.unique(np.concatenate([mixed, np.ceil(edges)]))
        first = first[first < steps]
        at = np.searchsorted(edges, first, side="right") - 1
        values = samples[at] + rises[at] * (first - edges[at])[:, None]
        growing = rises[at]
        is_mixed = np.isin(first, mixed)
        values[is_mixed], growing[is_mixed] = _means(edges, samples, rises, first[is_mixed]), 0.0
        return np.concatenate([first[:, None], values, growing], axis=1)

    def waveform(self, now: Clock, table: Float[Tensor, "row column"]) -> Number:
        row = tf.gather(table, _last_until(table[:, 0], cast(now.step, tf.float64)))
        value, growing = tf.split(row[1:], 2)
        return self.amplitude * (value[:, None] + (now.steps - row[0]) * growing[:, None])

    def _read(self, n_cells: int) -> tuple[Float[Array, " time"], Float[Array, " time #cell"]]:
        """Return the times of the samples, ms, and the samples, µA/cm², for one cell or all."""
        found = read_variable(self.path, self.variable, PATH)
        by_cell = replace(found, coordinates={dim: c for dim, c in found.coordinates.items() if dim != TIME})
        samples = by_cell.along(TIME, CELL) if found.values.ndim == 2 else by_cell.along(TIME)[:, None]
        if samples.shape[0] < 2 or samples.shape[1] not in (1, n_cells):
            raise PsstError(
                f"{found.where} has {samples.shape[0]:,} times and {samples.shape[1]:,} cells; must have at least two "
                f"times, and one cell or the {n_cells:,} of the network"
            )
        return self._times(found, len(samples)), in_unit(samples, found.unit, "uA/cm2", found.where)

    def _times(self, found: Variable, count: int) -> Float[Array, " time"]:
        """Return the times of the samples, ms."""
        given = self._given(found)
        if given is None:
            if self.interval is None:
                raise PsstError(
                    f"{found.where} has no times; add the coordinate {TIME} to the file, or say how far apart its "
                    "samples are, such as stimulus.interval=1 (ms)"
                )
            return np.arange(count, dtype=np.float64) * self.interval
        if len(given) != count:
            raise PsstError(f"{found.where} has {count:,} samples, but {TIME} has {len(given):,} values; write as many")
        if not np.all(increasing := np.diff(given) > 0):
            place = int(np.argmin(increasing))
            raise PsstError(
                f"{found.where}: its times must increase, but {given[place + 1]:g} ms follows {given[place]:g} ms; "
                "sort the samples, each time once"
            )
        if given[0] != 0:
            raise PsstError(
                f"{found.where}: its times begin at {given[0]:g} ms, the run at 0 ms; give it a first sample at 0 ms"
            )
        if self.interval is not None and np.abs(np.diff(given) - self.interval).max() > AGREEMENT * self.interval:
            raise PsstError(
                f"stimulus.interval={self.interval:g} ms: {found.where} has times of its own, which are others; leave "
                "stimulus.interval out"
            )
        return given

    def _given(self, found: Variable) -> Float[Array, " time"] | None:
        """Return the times that the file holds, ms, or None."""
        if found.dims is None:
            known = TIME in variable_names(self.path, PATH)
            return read_variable(self.path, TIME, PATH, decimal=True).along(TIME) if known else None
        if TIME not in found.coordinates:
            return None
        time = found.coordinates[TIME]
        return in_unit(time.values, time.unit, "ms", f"{found.where}: its coordinate {TIME}")

    def _check_reach(self, times: Float[Array, " time"], grid: Grid) -> None:
        """Raise a PsstError unless the samples reach to the end of the run."""
        held = self.between == "held"
        end = times[-1] + (times[-1] - times[-2] if held else 0.0)
        if end < grid.duration * (1 - 1e-9):
            raise PsstError(
                f"{PATH}={self.path}: {self.variable!r} ends at {end:g} ms{' with its last sample' if held else ''}, "
                f"before run.duration={grid.duration:g} ms; add a sample at {grid.duration:g} ms, such as the last one "
                "again, or shorten the run"
            )


def _means(
    edges: Float[Array, " time"],
    samples: Float[Array, "time cell"],
    rises: Float[Array, "time cell"],
    steps: Float[Array, " step"],
) -> Float[Array, "step cell"]:
    """Return the mean of the current over each of these steps."""
    cuts = np.unique(np.concatenate([edges, steps, steps + 1]))
    left, right = cuts[:-1], cuts[1:]
    inside = np.isin(np.floor(left), steps)
    left, right = left[inside], right[inside]
    at = np.searchsorted(edges, left, side="right") - 1
    middle = 0.5 * (left - edges[at] + (right - edges[at]))
    means = np.zeros((len(steps), samples.shape[1]))
    parts = (right - left)[:, None] * (samples[at] + rises[at] * middle[:, None])
    np.add.at(means, np.searchsorted(steps, np.floor(left)), parts)
    return means


def _last_until(steps: Float64[Tensor, " stretch"], step: Float64[Tensor, ""]) -> Int[Tensor, ""]:
    """Return the index of the last of `steps`, which rise from 0, that is not after `step`."""
    place, last = tf.constant(0), steps.shape[0] - 1
    for reach in [2**i for i in reversed(range(last.bit_length()))]:
        further = tf.minimum(place + reach, last)
        place = tf.where(tf.gather(steps, further) <= step, further, place)
    return place
