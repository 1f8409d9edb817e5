"""The compiled loop: a batch of runs as one TensorFlow/XLA program, advanced a segment at a time.

The state is a tensor for each variable of each population. Time is an integer count of steps. The program
returns its records after each segment. So memory does not grow with the simulated time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from psst_core import tf
from psst_core.arrays import Tensor, TensorArray
from psst_core.configuration import Config, SolverConfig
from psst_core.integrate import solvers  # noqa: F401  (importing fills the registry)
from psst_core.integrate.backend import Records
from psst_core.integrate.drive import Drive
from psst_core.integrate.dynamics import Axons, ByPopulation, Equations
from psst_core.integrate.solvers import Solver
from psst_core.integrate.solvers.base import Memory, State
from psst_core.keys import put
from psst_core.model.mechanisms import Clock, Relaxation
from psst_core.model.network import Network
from psst_core.model.returned import asking, checked_step
from psst_core.registry import build, lookup

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Float64, Int, Shaped


T = TypeVar("T")
Sums = dict[str, "Float64[Tensor, 'moment _cell run']"]  # of v and of v², by population
Signals = dict[str, dict[str, "Shaped[Tensor, '_step _cell run']"]]  # on their way, by population and synapse
Kept = tuple[ByPopulation, Axons, Memory]  # held values, signals on their way, memory of the solver
Carry = tuple[State, tuple[ByPopulation, Signals, Memory], Sums]
Traces = dict[str, "Float[Tensor, 'sample _traced run']"]  # by population and variable
Recorded = tuple["Float[Tensor, 'sample population run']", Traces, dict[str, "Bool[Tensor, 'step _cell run']"]]


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
        self.records = Records.of(config, self.network, lanes)
        self.advance = tf.function(self._advance, jit_compile=True, autograph=False)

    def _advance(
        self, carry: Carry, inputs: Mapping[str, Any], first_step: Int[Tensor, ""], samples: Int[Tensor, ""]
    ) -> tuple[Carry, Recorded]:
        """Integrate `samples` sampling intervals from `first_step`; return the new carry and the records."""
        step, record, per_sample = _Step(self, inputs), _Recording(self), self.records.steps_per_sample

        def interval(
            i: Int[Tensor, ""],
            state: State,
            kept: Kept,
            sums: Sums,
            means: TensorArray,
            traces: dict[str, TensorArray],
            spikes: dict[str, TensorArray],
        ) -> tuple[Any, ...]:
            start = first_step + i * per_sample
            means, traces = record.sample(i, state, means, traces)
            sums = record.accumulate(sums, state, start)

            def body(
                j: Int[Tensor, ""], state: State, kept: Kept, spikes: dict[str, TensorArray]
            ) -> tuple[Int[Tensor, ""], State, Kept, dict[str, TensorArray]]:
                state, kept, fired = step(start + j, state, kept)
                return j + 1, state, kept, record.write_spikes(i * per_sample + j, fired, spikes)

            _, state, kept, spikes = tf.while_loop(
                lambda j, *_: j < per_sample,
                body,
                (0, state, kept, spikes),
                maximum_iterations=per_sample,
            )
            return i + 1, state, kept, sums, means, traces, spikes

        state, (held, axons, memory), sums = carry
        axons = _each(axons, lambda axon: tf.TensorArray(axon.dtype, axon.shape[0]).unstack(axon))
        _, state, (held, axons, memory), sums, *arrays = tf.while_loop(
            lambda i, *_: i < samples,
            interval,
            (0, state, (held, axons, memory), sums, *record.arrays()),
            maximum_iterations=self.records.samples,
        )
        kept = held, _each(axons, lambda axon: axon.stack()), memory
        return (state, kept, sums), record.stacked(*arrays)


class _Step:
    """One step of all runs of a batch: stimulus, stages of the solver, events."""

    def __init__(self, program: Program, inputs: Mapping[str, Any]) -> None:
        config = put(program.config, inputs["parameters"])
        network = Network.from_config(config.network).with_conductances(inputs["conductance"])
        self.dt, self.dtype, self.solver, self.network = program.dt, program.dtype, program.solver, network
        self.weights = inputs["weights"]
        self.equations = Equations(network, inputs["wiring"], inputs["streams"], self.dt, self.dtype)
        stimulus = build("stimulus", config.stimulus, "stimulus")
        shape = sum(network.sizes.values()), program.lanes
        self.drive = Drive(stimulus, inputs["table"], self.solver, self.dt, shape)

    def __call__(
        self, step: Int[Tensor, ""], state: State, kept: Kept
    ) -> tuple[State, Kept, dict[str, Bool[Tensor, "_cell run"]]]:
        """Return the state and the kept values at the end of step `step`, and by population who fired in it."""
        held, axons, memory = kept
        number = tf.cast(step, tf.float64)
        current = self.drive.during(number)

        def relaxations(x: State, now: Clock) -> dict[str, dict[str, Relaxation]]:
            within = now.within(self.dtype, whole=True)
            return self.equations.relaxations(x, held, self._by_population(current(now)), within)

        with asking("solver", self.solver, "advance"):
            found = self.solver.advance(
                relaxations, state, memory, number, self.dt, lambda moment: self.drive.until(number, moment)
            )
        after, memory = checked_step(found, state, self.solver)
        state, held, axons, fired = self.equations.after_step(state, after, held, axons, step + 1)
        return state, (held, axons, memory), fired

    def _by_population(self, current: Float64[Tensor, "..."]) -> dict[str, Float[Tensor, "_cell run"]]:
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
        self.program, self.network, self.records = program, program.network, program.records

    def arrays(self) -> tuple[TensorArray, dict[str, TensorArray], dict[str, TensorArray]]:
        """Return empty arrays for a segment.

        Returns:
            Means [sample, population, run], traces [sample, cell, run] and spikes [step, cell, run].
        """
        program, sizes, longest = self.program, self.network.sizes, self.records.samples
        means = tf.TensorArray(program.dtype, longest, element_shape=[len(sizes), program.lanes])
        traces = {
            key: tf.TensorArray(program.dtype, longest, element_shape=[len(trace.cells), program.lanes])
            for key, trace in self.records.traced.items()
        }
        spikes = {
            name: tf.TensorArray(tf.bool, longest * self.records.steps_per_sample, element_shape=[size, program.lanes])
            for name, size in sizes.items()
            if self.network.populations[name].system is None
        }
        return means, traces, spikes

    def sample(
        self, i: Int[Tensor, ""], state: State, means: TensorArray, traces: Mapping[str, TensorArray]
    ) -> tuple[TensorArray, dict[str, TensorArray]]:
        """Write the means and traces of sample `i`."""
        means = means.write(i, tf.stack([_mean(signal) for signal in self._signals(state).values()]))
        return means, {
            key: traces[key].write(i, tf.gather(state[trace.population][trace.variable], trace.cells))
            for key, trace in self.records.traced.items()
        }

    def accumulate(self, sums: Sums, state: State, step: Int[Tensor, ""]) -> Sums:
        """Add v and v² of each cell to their sums, if the step lies inside the window."""
        first, last = self.records.window
        inside = tf.cast((step >= first) & (step < last), tf.float64)
        moments = {name: tf.cast(signal, tf.float64) for name, signal in self._signals(state).items()}
        return {name: sums[name] + inside * tf.stack([v, v * v]) for name, v in moments.items()}

    @staticmethod
    def write_spikes(
        place: Int[Tensor, ""], fired: Mapping[str, Bool[Tensor, "_cell run"]], spikes: Mapping[str, TensorArray]
    ) -> dict[str, TensorArray]:
        """Write who fired in step `place` of the segment."""
        return {name: spikes[name].write(place, fired[name]) for name in spikes}

    @staticmethod
    def stacked(means: TensorArray, traces: Mapping[str, TensorArray], spikes: Mapping[str, TensorArray]) -> Recorded:
        """Return the arrays as tensors."""
        return means.stack(), {k: a.stack() for k, a in traces.items()}, {k: a.stack() for k, a in spikes.items()}

    def _signals(self, state: State) -> dict[str, Float[Tensor, "_cell run"]]:
        return {name: state[name][population.signal] for name, population in self.network.populations.items()}


def _mean(signal: Float[Tensor, "cell run"]) -> Float[Tensor, " run"]:
    """Return the mean over the cells.

    It is computed in double precision, as XLA's own sum of many single-precision numbers fails in a loop.
    """
    return tf.cast(tf.reduce_mean(tf.cast(signal, tf.float64), axis=0), signal.dtype)


def _each(nested: Mapping[str, Mapping[str, object]], function: Callable[[Any], T]) -> dict[str, dict[str, T]]:
    return {name: {key: function(value) for key, value in values.items()} for name, values in nested.items()}


def solver_of(settings: SolverConfig) -> Solver:
    """Return the solver of the `solver` part of a configuration."""
    cls: type[Solver] = lookup("solver", settings.name, "solver.name")
    return cls(**{name: getattr(settings, name) for name in cls.tolerances})
