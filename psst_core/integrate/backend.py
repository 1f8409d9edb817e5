"""Backends: ways to integrate batches of runs. A backend knows nothing of jobs, files or other processes.

A backend is a class in `backends/`, or in a plugin, with `@register("backend", NAME)`; `hardware.backend=NAME` chooses
it. It makes what `Backend` and `Round` describe out of a network's description and named arrays (see batch.py).
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.integrate.batch import Run
from psst_core.model.network import Network
from psst_core.registry import lookup

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int


SEGMENT_BYTES = 16_000_000
SEGMENT_SAMPLES = 200


@dataclass(frozen=True)
class Task:
    """The description that all batches of a job share.

    Attributes:
        config: a resolved configuration; it gives every number that `varying` does not name.
        varying: keys of the parameters in which the runs may differ.
        lanes: the number of runs in the widest batch.
        plugins: the modules of plugins that the runs use.
    """

    config: Config
    varying: Sequence[str]
    lanes: int
    plugins: Sequence[str] = ()


@dataclass(frozen=True)
class Segment:
    """The records of a stretch of time; `run` counts through the batches of a round.

    Attributes:
        first_step, steps: the first step of the segment, and the number of its steps.
        spike_step, spike_cell, spike_run: one entry a spike; the cell counts through all populations.
        mean_potential: mV.
        traces: by `population.variable`, of the chosen cells.
    """

    first_step: int
    steps: int
    spike_step: Int[Array, " spike"]
    spike_cell: Int[Array, " spike"]
    spike_run: Int[Array, " spike"]
    mean_potential: Float[Array, "population run sample"]
    traces: dict[str, Float[Array, "run _traced sample"]]


@dataclass(frozen=True)
class Ending:
    """The results of a round that are known at its end.

    Attributes:
        finite: whether each run's state is finite.
        moments: by population, the means of v and of v² over the window's samples.
    """

    finite: Bool[Array, " run"]
    moments: dict[str, Float[Array, "moment _cell run"]]


class Round(Protocol):
    """Batches that are integrated side by side, used like one wide batch.

    A batch is integrated as it would be alone: other batches beside it change no bit of it.

    Attributes:
        step: the next step.
    """

    step: int

    def compile(self) -> None:
        """Make everything ready, so that the time of this call is not the time of a step."""

    def advance(self, end: int) -> Segment:
        """Integrate a stretch, at most up to the step `end`, a whole number of sampling intervals away."""

    def ending(self) -> Ending:
        """Return what is known of all runs at the end."""

    def state(self) -> list[Array]:
        """Return arrays from which the integration can go on, as many for each batch, batch after batch."""

    def restore(self, step: int, state: Sequence[Array]) -> None:
        """Put a round that has not begun at `step`, with the arrays of a saved state."""


class Backend(Protocol):
    """A way to integrate the batches of a job.

    Its code, with what it imports from `integrate/` and from its own package, is named in each chunk as its maker.

    Attributes:
        records: what is kept of each run.
    """

    records: "Records"

    def __init__(self, task: Task) -> None: ...

    @classmethod
    def check(cls, config: Config) -> None:
        """Raise a PsstError for a configuration that this backend cannot integrate; called before any job starts."""

    def begin(self, batches: Sequence[Sequence[Run]]) -> Round:
        """Begin batches that are integrated side by side, one on each device."""


@dataclass(frozen=True)
class Trace:
    """A variable of a population of which traces are kept, and its cells."""

    population: str
    variable: str
    cells: list[int]


@dataclass(frozen=True)
class Records:
    """The records of each run: what a configuration's recorder keeps, in steps.

    Attributes:
        sizes: the number of cells of each population.
        steps_per_sample: the number of steps in a sampling interval.
        window: the first step in which moments are taken, and the step behind the last.
        traced: by `population.variable`, the traces.
        samples: the most samples in a segment, so that the records of its batch fit into memory.
    """

    sizes: Mapping[str, int]
    steps_per_sample: int
    window: tuple[int, int]
    traced: Mapping[str, Trace]
    samples: int

    @classmethod
    def of(cls, config: Config, network: Network, lanes: int) -> "Records":
        """Return the records of a batch of `lanes` runs."""
        recorder, run = config.recorder, config.run
        traced = {
            f"{name}.{variable}": Trace(name, variable, list(recorder.cells or range(network.sizes[name])))
            for name, variables in recorder.variables.items()
            for variable in variables
        }
        steps_per_sample = run.steps(recorder.interval)
        spikes = sum(network.sizes.values()) * steps_per_sample
        traces = sum(len(trace.cells) for trace in traced.values()) * np.dtype(config.solver.precision).itemsize
        samples = int(np.clip(SEGMENT_BYTES // (lanes * (spikes + traces)), 1, SEGMENT_SAMPLES))
        first, last = (run.steps(time) for time in recorder.window)
        return cls(network.sizes, steps_per_sample, (first, last), traced, samples)


def backend_of(config: Config) -> type[Backend]:
    """Return the class of a configuration's backend.

    Raises:
        PsstError: when there is no backend of that name.
    """
    return lookup("backend", config.hardware.backend, "hardware.backend")


def joined(segments: Sequence[Segment]) -> Segment:
    """Join the segments of batches that were integrated side by side; `run` counts through all of them."""
    counts = [segment.mean_potential.shape[1] for segment in segments]
    firsts = itertools.accumulate(counts[:-1], initial=0)
    first = segments[0]
    return Segment(
        first.first_step,
        first.steps,
        np.concatenate([segment.spike_step for segment in segments]),
        np.concatenate([segment.spike_cell for segment in segments]),
        np.concatenate([segment.spike_run + before for segment, before in zip(segments, firsts, strict=True)]),
        np.concatenate([segment.mean_potential for segment in segments], axis=1),
        {key: np.concatenate([segment.traces[key] for segment in segments]) for key in first.traces},
    )


def joined_endings(endings: Sequence[Ending]) -> Ending:
    """Join the endings of batches that were integrated side by side."""
    return Ending(
        np.concatenate([ending.finite for ending in endings]),
        {name: np.concatenate([ending.moments[name] for ending in endings], axis=-1) for name in endings[0].moments},
    )
