"""The compiled loop: a batch of runs as one TensorFlow/XLA program, advanced a segment at a time.

The state is a tensor [cell, run] for each variable of each population. Time is an integer count of steps. The program
returns its records after each segment. So memory does not grow with the simulated time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core import tf
from psst_core.configuration import Config, RecorderConfig, SolverConfig
from psst_core.integrate import solvers  # noqa: F401  (importing fills the registry)
from psst_core.integrate.batch import Batch, Run
from psst_core.integrate.drive import Drive
from psst_core.integrate.dynamics import Equations, axons_at_start, held_at_start
from psst_core.integrate.solvers import Solver
from psst_core.keys import put
from psst_core.model.mechanisms import Clock, Tensor
from psst_core.model.network import Network
from psst_core.model.returned import asking, checked_step
from psst_core.registry import build, lookup

Array = npt.NDArray[Any]
SEGMENT_BYTES = 16_000_000
SEGMENT_SAMPLES = 200
VECTOR = {"float64": 8, "float32": 16}


@dataclass(frozen=True)
class Segment:
    """The records of a stretch of time; `run` counts within the batch.

    Attributes:
        first_step, steps: the first step of the segment, and the number of its steps.
        spike_step, spike_cell, spike_run: one entry a spike; the cell counts through all populations.
        mean_potential: [population, run, sample], mV.
        traces: by `population.variable`, [run, cell, sample] of the chosen cells.
    """

    first_step: int
    steps: int
    spike_step: Array
    spike_cell: Array
    spike_run: Array
    mean_potential: Array
    traces: dict[str, Array]


def padded(runs: int, precision: str) -> int:
    """Return the number of lanes for so many runs.

    A single run is laid along its cells; several runs fill whole vectors of 512 bits.
    """
    vector = VECTOR[precision]
    return 1 if runs == 1 else -(-runs // vector) * vector


class Program:
    """The program of a network, a stimulus, a solver and a recorder, compiled at its first use.

    Args:
        config: a resolved configuration; it gives every number that `varying` does not name.
        varying: keys of the parameters in which the runs may differ; they become arguments [1, run].
        lanes: the width of the batch.
    """

    def __init__(self, config: Config, varying: Sequence[str], lanes: int) -> None:
        self.config, self.varying, self.lanes = config, tuple(varying), lanes
        self.dt = float(config.run.dt)
        self.network = Network.from_config(config.network)
        self.solver: Solver = solver_of(config.solver)
        self.dtype = tf.as_dtype(config.solver.precision)
        recorder = config.recorder
        self.steps_per_sample = config.run.steps(recorder.interval)
        self.window = tuple(config.run.steps(time) for time in recorder.window)
        self.traced = traced_cells(self.network, recorder)
        spikes = sum(self.network.sizes.values()) * self.steps_per_sample
        traces = sum(len(cells) for _, _, cells in self.traced.values()) * self.dtype.size
        fitting = SEGMENT_BYTES // (lanes * (spikes + traces))
        self.samples_per_segment = int(np.clip(fitting, 1, SEGMENT_SAMPLES))
        self.advance = tf.function(self._advance, jit_compile=True, autograph=False)

    def _advance(self, carry: Any, inputs: Any, first_step: Tensor, samples: Tensor) -> Any:
        """Integrate `samples` sampling intervals from `first_step`; return the new carry and the records."""
        step, record = _Step(self, inputs), _Recording(self)

        def interval(i: Tensor, state: Any, kept: Any, sums: Any, means: Any, traces: Any, spikes: Any) -> Any:
            start = first_step + i * self.steps_per_sample
            means, traces = record.sample(i, state, means, traces)
            sums = record.accumulate(sums, state, start)

            def body(j: Tensor, state: Any, kept: Any, spikes: Any) -> Any:
                state, kept, fired = step(start + j, state, kept)
                return j + 1, state, kept, record.write_spikes(i * self.steps_per_sample + j, fired, spikes)

            _, state, kept, spikes = tf.while_loop(
                lambda j, *_: j < self.steps_per_sample,
                body,
                (0, state, kept, spikes),
                maximum_iterations=self.steps_per_sample,
            )
            return i + 1, state, kept, sums, means, traces, spikes

        state, (held, axons, memory), sums = carry
        axons = _each(axons, lambda axon: tf.TensorArray(axon.dtype, axon.shape[0]).unstack(axon))
        _, state, (held, axons, memory), sums, *arrays = tf.while_loop(
            lambda i, *_: i < samples,
            interval,
            (0, state, (held, axons, memory), sums, *record.arrays()),
            maximum_iterations=self.samples_per_segment,
        )
        kept = held, _each(axons, lambda axon: axon.stack()), memory
        return (state, kept, sums), record.stacked(*arrays)


class _Step:
    """One step of all runs of a batch: stimulus, stages of the solver, events."""

    def __init__(self, program: Program, inputs: Any) -> None:
        config = put(program.config, inputs["parameters"])
        network = Network.from_config(config.network).with_conductances(inputs["conductance"])
        self.dt, self.dtype, self.solver, self.network = program.dt, program.dtype, program.solver, network
        self.weights = inputs["weights"]
        self.equations = Equations(network, inputs["wiring"], inputs["streams"], self.dt, self.dtype)
        stimulus = build("stimulus", config.stimulus, "stimulus")
        shape = sum(network.sizes.values()), program.lanes
        self.drive = Drive(stimulus, inputs["table"], self.solver, self.dt, shape)

    def __call__(self, step: Tensor, state: Any, kept: Any) -> tuple[Any, Any, dict[str, Tensor]]:
        """Return the state and the kept values at the end of step `step`, and by population who fired in it."""
        held, axons, memory = kept
        number = tf.cast(step, tf.float64)
        current = self.drive.during(number)

        def relaxations(x: Any, now: Clock) -> Any:
            within = now.within(self.dtype, whole=True)
            return self.equations.relaxations(x, held, self._by_population(current(now)), within)

        with asking("solver", self.solver, "advance"):
            found = self.solver.advance(
                relaxations, state, memory, number, self.dt, lambda moment: self.drive.until(number, moment)
            )
        after, memory = checked_step(found, state, self.solver)
        state, held, axons, fired = self.equations.after_step(state, after, held, axons, step + 1)
        return state, (held, axons, memory), fired

    def _by_population(self, current: Tensor) -> dict[str, Tensor]:
        """Return the stimulus's current in the cells of each population, µA/cm²."""
        current = tf.cast(current, self.dtype)
        per_cell = current.shape.rank == 2 and current.shape[0] != 1
        return {
            name: (current[places] if per_cell else current) * self.weights[name]
            for name, places in self.network.places.items()
        }


class _Recording:
    """The records of a segment: means of v and traces at each sample, spikes at each step, moments in the window."""

    def __init__(self, program: Program) -> None:
        self.program, self.network = program, program.network

    def arrays(self) -> tuple[Any, dict[str, Any], dict[str, Any]]:
        """Return empty arrays for a segment.

        Returns:
            Means [sample, population, run], traces [sample, cell, run] and spikes [step, cell, run].
        """
        program, sizes, longest = self.program, self.network.sizes, self.program.samples_per_segment
        means = tf.TensorArray(program.dtype, longest, element_shape=[len(sizes), program.lanes])
        traces = {
            key: tf.TensorArray(program.dtype, longest, element_shape=[len(cells), program.lanes])
            for key, (_, _, cells) in program.traced.items()
        }
        spikes = {
            name: tf.TensorArray(tf.bool, longest * program.steps_per_sample, element_shape=[size, program.lanes])
            for name, size in sizes.items()
            if self.network.populations[name].system is None
        }
        return means, traces, spikes

    def sample(self, i: Tensor, state: Any, means: Any, traces: Mapping[str, Any]) -> tuple[Any, dict[str, Any]]:
        """Write the means and traces of sample `i`."""
        means = means.write(i, tf.stack([_mean(signal) for signal in self._signals(state).values()]))
        return means, {
            key: traces[key].write(i, tf.gather(state[population][variable], cells))
            for key, (population, variable, cells) in self.program.traced.items()
        }

    def accumulate(self, sums: Mapping[str, Tensor], state: Any, step: Tensor) -> dict[str, Tensor]:
        """Add v and v² of each cell to their sums, if the step lies inside the window; by population [2, cell, run]."""
        first, last = self.program.window
        inside = tf.cast((step >= first) & (step < last), tf.float64)
        moments = {name: tf.cast(signal, tf.float64) for name, signal in self._signals(state).items()}
        return {name: sums[name] + inside * tf.stack([v, v * v]) for name, v in moments.items()}

    @staticmethod
    def write_spikes(place: Tensor, fired: Mapping[str, Tensor], spikes: Mapping[str, Any]) -> dict[str, Any]:
        """Write who fired in step `place` of the segment."""
        return {name: spikes[name].write(place, fired[name]) for name in spikes}

    @staticmethod
    def stacked(means: Any, traces: Mapping[str, Any], spikes: Mapping[str, Any]) -> Any:
        """Return the arrays as tensors."""
        return means.stack(), {k: a.stack() for k, a in traces.items()}, {k: a.stack() for k, a in spikes.items()}

    def _signals(self, state: Any) -> dict[str, Tensor]:
        return {name: state[name][population.signal] for name, population in self.network.populations.items()}


def _mean(signal: Tensor) -> Tensor:
    """Return the mean over the cells, [run].

    It is computed in double precision, as XLA's own sum of many single-precision numbers fails in a loop.
    """
    return tf.cast(tf.reduce_mean(tf.cast(signal, tf.float64), axis=0), signal.dtype)


class Integration:
    """A batch of runs during its integration: iterate over its segments, then read what remains.

    Args:
        program: compiled for this structure.
        runs: at most as many as the program has lanes; on one network or on several.
    """

    def __init__(self, program: Program, runs: Sequence[Run]) -> None:
        self.program, self.runs = program, list(runs)
        batch = Batch(runs, program.lanes, program.dtype)
        state, network = batch.state(), program.network
        kept = (
            held_at_start(network, state),
            axons_at_start(network, state, program.dt),
            program.solver.memory(program.lanes, program.dtype),
        )
        sums = {name: tf.zeros([2, size, program.lanes], tf.float64) for name, size in network.sizes.items()}
        self.carry, self.step = (state, kept, sums), 0
        self.inputs = batch.inputs(program.varying)

    def segments(self, end: int) -> Iterator[Segment]:
        """Integrate up to the step `end`, a whole number of sampling intervals away."""
        program, interval = self.program, self.program.steps_per_sample
        while self.step < end:
            samples = min(program.samples_per_segment, (end - self.step) // interval)
            self.carry, recorded = program.advance(
                self.carry, self.inputs, tf.constant(self.step, tf.int32), tf.constant(samples, tf.int32)
            )
            segment = self._segment(recorded, samples)
            self.step += samples * interval
            yield segment

    def finite(self) -> Array:
        """Return whether each run's state is finite, [run]."""
        state = self.carry[0]
        ok = [np.isfinite(x.numpy()).all(axis=0) for variables in state.values() for x in variables.values()]
        finite: Array = np.logical_and.reduce(ok)[: len(self.runs)]
        return finite

    def potential_moments(self) -> dict[str, Array]:
        """Return the mean of v and of v² over the window's samples, by population [2, cell, run]."""
        first, last = self.program.window
        count = (min(last, self.step) - first) // self.program.steps_per_sample
        return {name: sums.numpy()[..., : len(self.runs)] / count for name, sums in self.carry[2].items()}

    def _segment(self, recorded: Any, samples: int) -> Segment:
        means, traces, spikes = recorded
        program, runs = self.program, len(self.runs)
        steps = samples * program.steps_per_sample
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


def solver_of(settings: SolverConfig) -> Solver:
    """Return the solver of the `solver` part of a configuration."""
    cls: type[Solver] = lookup("solver", settings.name, "solver.name")
    return cls(**{name: getattr(settings, name) for name in cls.tolerances})


def traced_cells(network: Network, recorder: RecorderConfig) -> dict[str, tuple[str, str, list[int]]]:
    """Return, by `population.variable`, the population, the variable and the cells of which traces are kept."""
    traced = {}
    for name, variables in recorder.variables.items():
        cells = recorder.cells or range(network.sizes[name])
        for variable in variables:
            traced[f"{name}.{variable}"] = (name, variable, list(cells))
    return traced


def _each(nested: Mapping[str, Mapping[str, Any]], function: Any) -> dict[str, dict[str, Any]]:
    return {name: {key: function(value) for key, value in values.items()} for name, values in nested.items()}
