"""The compiled loop: a batch of runs as one TensorFlow/XLA program, advanced a segment at a time.

The state is a tensor [cell, run] for each variable of each population. Time is an integer count of steps. A segment
returns what was recorded in it, so that memory does not grow with the simulated time.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core import solvers, tf  # noqa: F401  (importing fills the registry)
from psst_core.batch import Batch, Run
from psst_core.drive import Drive
from psst_core.dynamics import Equations, axons_at_start, held_at_start
from psst_core.keys import Config, put
from psst_core.mechanisms import Tensor
from psst_core.network import Network
from psst_core.registry import build, lookup
from psst_core.returned import asking, checked_step
from psst_core.solvers import Solver

Array = npt.NDArray[Any]
SEGMENT_BYTES = 16_000_000
SEGMENT_SAMPLES = 200
VECTOR = {"float64": 8, "float32": 16}


@dataclass(frozen=True)
class Segment:
    """What a stretch of time left behind; `run` counts within the batch.

    Attributes:
        first_step, steps: where the segment lies.
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
    """The number of lanes for that many runs: one run goes along its cells, several fill whole vectors of 512 bits."""
    vector = VECTOR[precision]
    return 1 if runs == 1 else -(-runs // vector) * vector


def step_count(time: float, dt: float) -> int:
    return round(time / dt)


class Program:
    """The program of a network, a stimulus, a solver and a recorder, compiled at its first use.

    Args:
        config: a resolved configuration; it gives every number that `varying` does not name.
        varying: keys of the parameters in which the runs may differ; they become arguments [1, run].
        lanes: the width of the batch.
    """

    def __init__(self, config: Config, varying: Sequence[str], lanes: int) -> None:
        self.config, self.varying, self.lanes = config, tuple(varying), lanes
        self.dt = float(config["run"]["dt"])
        self.network = Network.from_config(config["network"])
        self.solver: Solver = solver_of(config["solver"])
        self.dtype = tf.as_dtype(config["solver"]["precision"])
        recorder = config["recorder"]
        self.steps_per_sample = step_count(recorder["interval"], self.dt)
        self.window = tuple(step_count(time, self.dt) for time in recorder["window"])
        self.traced = traced_cells(self.network, recorder)
        spikes = sum(self.network.sizes.values()) * self.steps_per_sample
        traces = sum(len(cells) for _, _, cells in self.traced.values()) * self.dtype.size
        fitting = SEGMENT_BYTES // (lanes * (spikes + traces))
        self.samples_per_segment = int(np.clip(fitting, 1, SEGMENT_SAMPLES))
        self.advance = tf.function(self._advance, jit_compile=True, autograph=False)

    def _advance(self, carry: Any, inputs: Any, first_step: Tensor, samples: Tensor) -> Any:
        """`samples` sampling intervals from `first_step`: the new carry and what was recorded."""
        config = put(self.config, inputs["parameters"])
        network = Network.from_config(config["network"]).with_conductances(inputs["conductance"])
        equations = Equations(network, inputs["wiring"], inputs["streams"], self.dt, self.dtype)
        stimulus = build("stimulus", config["stimulus"], "stimulus")
        drive = Drive(stimulus, inputs["table"], self.solver, self.dt, (sum(network.sizes.values()), self.lanes))

        def to_populations(current: Tensor) -> dict[str, Tensor]:
            current = tf.cast(current, self.dtype)
            per_cell = current.shape.rank == 2 and current.shape[0] != 1
            return {
                name: (current[places] if per_cell else current) * inputs["weights"][name]
                for name, places in network.places.items()
            }

        def one_step(step: Tensor, state: Any, kept: Any) -> tuple[Any, Any, dict[str, Tensor]]:
            held, axons, memory = kept
            number = tf.cast(step, tf.float64)
            current = drive.during(number)
            with asking("solver", self.solver, "advance"):
                found = self.solver.advance(
                    lambda x, now: equations.relaxations(
                        x, held, to_populations(current(now)), now.within(self.dtype, whole=True)
                    ),
                    state,
                    memory,
                    number,
                    self.dt,
                    lambda moment: drive.until(number, moment),
                )
            after, memory = checked_step(found, state, self.solver)
            state, held, axons, fired = equations.after_step(state, after, held, axons, step + 1)
            return state, (held, axons, memory), fired

        def interval(i: Tensor, state: Any, kept: Any, sums: Any, means: Any, traces: Any, spikes: Any) -> Any:
            start = first_step + i * self.steps_per_sample
            signals = {name: state[name][population.signal] for name, population in network.populations.items()}
            means = means.write(i, tf.stack([self._mean(signal) for signal in signals.values()]))
            traces = {
                key: traces[key].write(i, tf.gather(state[population][variable], cells))
                for key, (population, variable, cells) in self.traced.items()
            }
            inside = tf.cast((start >= self.window[0]) & (start < self.window[1]), tf.float64)
            sums = {name: self._accumulate(sums[name], signals[name], inside) for name in signals}

            def body(j: Tensor, state: Any, kept: Any, spikes: Any) -> Any:
                state, kept, fired = one_step(start + j, state, kept)
                place = i * self.steps_per_sample + j
                return j + 1, state, kept, {name: spikes[name].write(place, fired[name]) for name in spikes}

            _, state, kept, spikes = tf.while_loop(
                lambda j, *_: j < self.steps_per_sample,
                body,
                (0, state, kept, spikes),
                maximum_iterations=self.steps_per_sample,
            )
            return i + 1, state, kept, sums, means, traces, spikes

        state, (held, axons, memory), sums = carry
        axons = _each(axons, lambda axon: tf.TensorArray(axon.dtype, axon.shape[0]).unstack(axon))
        carry = state, (held, axons, memory), sums
        longest, sizes = self.samples_per_segment, network.sizes
        means = tf.TensorArray(self.dtype, longest, element_shape=[len(sizes), self.lanes])
        traces = {
            key: tf.TensorArray(self.dtype, longest, element_shape=[len(cells), self.lanes])
            for key, (_, _, cells) in self.traced.items()
        }
        spikes = {
            name: tf.TensorArray(tf.bool, longest * self.steps_per_sample, element_shape=[size, self.lanes])
            for name, size in sizes.items()
            if network.populations[name].system is None
        }
        _, state, (held, axons, memory), sums, means, traces, spikes = tf.while_loop(
            lambda i, *_: i < samples, interval, (0, *carry, means, traces, spikes), maximum_iterations=longest
        )
        recorded = means.stack(), {k: a.stack() for k, a in traces.items()}, {k: a.stack() for k, a in spikes.items()}
        return (state, (held, _each(axons, lambda axon: axon.stack()), memory), sums), recorded

    @staticmethod
    def _mean(signal: Tensor) -> Tensor:
        """Over the cells, [run]; in double precision, as XLA's own sum of many single numbers fails in a loop."""
        return tf.cast(tf.reduce_mean(tf.cast(signal, tf.float64), axis=0), signal.dtype)

    @staticmethod
    def _accumulate(sums: Tensor, v: Tensor, inside: Tensor) -> Tensor:
        """Σ v and Σ v² of each cell over the samples inside the window, [2, cell, run]."""
        v = tf.cast(v, tf.float64)
        return sums + inside * tf.stack([v, v * v])


class Integration:
    """A batch of runs on its way: iterate over it for its segments, then read what remains.

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
        """Whether each run's state is finite, [run]."""
        state = self.carry[0]
        ok = [np.isfinite(x.numpy()).all(axis=0) for variables in state.values() for x in variables.values()]
        finite: Array = np.logical_and.reduce(ok)[: len(self.runs)]
        return finite

    def potential_moments(self) -> dict[str, Array]:
        """By population, the mean of v and of v² over the window's samples, [2, cell, run]."""
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


def solver_of(settings: Mapping[str, Any]) -> Solver:
    """The solver of that part of a configuration."""
    cls: type[Solver] = lookup("solver", settings["name"], "solver.name")
    return cls(**{name: settings[name] for name in cls.tolerances})


def traced_cells(network: Network, recorder: Mapping[str, Any]) -> dict[str, tuple[str, str, list[int]]]:
    """By `population.variable`: the population, the variable and the cells of which traces are kept."""
    traced = {}
    for name, variables in recorder["variables"].items():
        cells = recorder["cells"] or range(network.sizes[name])
        for variable in variables:
            traced[f"{name}.{variable}"] = (name, variable, list(cells))
    return traced


def _each(nested: Mapping[str, Mapping[str, Any]], function: Any) -> dict[str, dict[str, Any]]:
    return {name: {key: function(value) for key, value in values.items()} for name, values in nested.items()}
