"""A batch of runs during its integration by a compiled program."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from psst_core import tf
from psst_core.arrays import Tensor
from psst_core.integrate.backend import Ending, Segment
from psst_core.integrate.batch import Batch, Run
from psst_core.integrate.dynamics import axons_at_start, held_at_start
from psst_core.integrate.lanes import laid
from psst_core.integrate.program import Program, Recorded
from psst_core.integrate.wiring import wire
from psst_core.model.mechanisms import Junction, LinearSynapse

if TYPE_CHECKING:
    from jaxtyping import Num


class Integration:
    """A batch of runs during its integration: iterate over its segments, then read what remains.

    Args:
        program: compiled for this structure.
        runs: at most as many as the program has lanes; on one network or on several.

    Attributes:
        inputs: the arguments of the program that stay the same.
        carry: its state: the variables, what is kept over a step, and the sums of v and v².
        step: the next step.
    """

    def __init__(self, program: Program, runs: Sequence[Run]) -> None:
        self.program, self.runs, self.step = program, list(runs), 0
        batch = Batch(runs)
        self.inputs = inputs(batch, program)
        state = {
            name: {variable: laid(array, program.lanes, program.dtype) for variable, array in variables.items()}
            for name, variables in batch.start().items()
        }
        kept = (
            held_at_start(program.network, state),
            axons_at_start(program.network, state, program.dt),
            program.solver.memory(program.lanes, program.dtype),
        )
        sizes = program.network.sizes.items()
        self.carry = state, kept, {name: tf.zeros([2, size, program.lanes], tf.float64) for name, size in sizes}

    def segments(self, end: int) -> Iterator[Segment]:
        """Integrate up to the step `end`, a whole number of sampling intervals away."""
        while self.step < end:
            yield self.advance(end)

    def advance(self, end: int) -> Segment:
        """Integrate a segment, at most up to the step `end`."""
        records = self.program.records
        samples = min(records.samples, (end - self.step) // records.steps_per_sample)
        self.carry, recorded = self.program.advance(
            self.carry, self.inputs, tf.constant(self.step, tf.int32), tf.constant(samples, tf.int32)
        )
        segment = self._segment(recorded, samples)
        self.step += segment.steps
        return segment

    def ending(self) -> Ending:
        """Return which runs are finite, and the moments of v over the window's samples."""
        state, _, sums = self.carry
        ok = [np.isfinite(x.numpy()).all(axis=0) for variables in state.values() for x in variables.values()]
        records, runs = self.program.records, len(self.runs)
        first, last = records.window
        count = (min(last, self.step) - first) // records.steps_per_sample
        return Ending(
            np.logical_and.reduce(ok)[:runs], {name: total.numpy()[..., :runs] / count for name, total in sums.items()}
        )

    def _segment(self, recorded: Recorded, samples: int) -> Segment:
        means, traces, spikes = recorded
        program, runs = self.program, len(self.runs)
        steps = samples * program.records.steps_per_sample
        found = [np.empty((3, 0), dtype=int)]
        for name, cells in program.network.places.items():
            if name not in spikes:
                continue
            fired = spikes[name].numpy()[:steps]
            step, cell, run = np.unravel_index(np.flatnonzero(fired), fired.shape)
            found.append(np.stack([step, cells.start + cell, run]))
        events = np.concatenate(found, axis=1)
        events = events[:, events[2] < runs]
        events = events[:, np.lexsort((events[1], events[0], events[2]))]
        return Segment(
            self.step,
            steps,
            self.step + events[0],
            events[1],
            events[2],
            means.numpy()[:samples, :, :runs].transpose(1, 2, 0),
            {key: trace.numpy()[:samples, :, :runs].transpose(2, 1, 0) for key, trace in traces.items()},
        )


def inputs(batch: Batch, program: Program) -> dict[str, Any]:
    """Lay the named arrays of a batch in the lanes of a program.

    All numbers have the program's type but those of the stimulus, which are in double precision.
    """
    lanes, dtype = program.lanes, program.dtype
    parameters = batch.parameters(program.varying).items()
    return {
        "parameters": {
            name: laid(array, lanes, tf.float64 if name.startswith("stimulus.") else dtype)
            for name, array in parameters
        },
        "conductance": {name: laid(array, lanes, dtype) for name, array in batch.conductances().items()},
        "wiring": _wiring(batch, program),
        "streams": {
            name: {part: laid(array, lanes) for part, array in parts.items()} for name, parts in batch.streams().items()
        },
        "weights": {name: laid(array, lanes, dtype) for name, array in batch.stimulus_weights().items()},
        "table": tf.constant(batch.table(), tf.float64),
    }


def _wiring(batch: Batch, program: Program) -> dict[str, dict[str, Num[Tensor, "..."]]]:
    """Return the arrays that `synaptic_sum` takes, by the name of the connections."""
    network, drawn = batch.network, batch.connections()
    drawn += drawn[-1:] * (program.lanes - len(drawn))
    wiring = {}
    for projection in network.projections.values():
        synapse = network.synapses[projection.synapse]
        for name, post, pre in network.ways(projection.name):
            lanes, sizes = [d[name] for d in drawn], (network.sizes[post], network.sizes[pre])
            arrays = wire(lanes, *sizes, spikes=isinstance(synapse, LinearSynapse))
            if isinstance(synapse, Junction):
                arrays["total"] = arrays["weight"].sum(axis=0, dtype=np.float64)
            wiring[name] = {
                part: tf.constant(array, program.dtype if array.dtype == np.float64 else None)
                for part, array in arrays.items()
            }
    return wiring
