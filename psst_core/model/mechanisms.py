"""The base classes of the parts of a network: channels, ion pools, currents, synapses and plain systems.

Most kinetics here have the form x' = source − decay·x, with source and decay free of x. Examples are gates, open
fractions, calcium, and the membrane when its conductances are given. A mechanism then gives a `Relaxation`. Explicit
solvers use x' itself. Exponential solvers freeze source and decay over a step and solve the step exactly.

Some things happen once a step and not inside a stage: jumps at spikes, pulses, noise. A mechanism handles these at the
end of the step, where it receives an `Event`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from psst_core import tf
from psst_core.arrays import Array, DType, Number, Tensor
from psst_core.errors import PsstError
from psst_core.registry import base, setting

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Real, Shaped


States = Mapping[str, "Float[Tensor, 'cell run']"]
ROUNDING = 1e-14  # relative: decimal times and steps are rounded when they are read, and again when divided


@dataclass(frozen=True)
class Relaxation:
    """The equation x' = source − decay·x, with source [unit of x/ms] and decay [1/ms].

    Both are free of x where the kinetics allow it. Kinetics of any other form give all of x' as the source and no
    decay. Explicit solvers lose nothing by that, and exponential ones become the explicit methods of the same order.
    """

    source: Number
    decay: Number

    def field(self, x: Float[Tensor, "cell run"]) -> Float[Tensor, "cell run"]:
        return self.source - self.decay * x


def two_state(opening: Number, closing: Number) -> Relaxation:
    """Return x' = α (1 − x) − β x for the rates α of opening and β of closing [1/ms]."""
    return Relaxation(opening, opening + closing)


def towards(target: Number, rate: Number) -> Relaxation:
    """Return x' = (x∞ − x)·rate for the target x∞ and the rate 1/τ [1/ms]."""
    return Relaxation(target * rate, rate)


@dataclass(frozen=True)
class Cell:
    """The variables of its cells that a mechanism may read.

    Attributes:
        v: membrane potential, mV.
        concentration: by ion, mM.
        current: by ion, µA/cm², outward positive (known to ion pools only).
    """

    v: Float[Tensor, "cell run"]
    concentration: States = field(default_factory=dict)
    current: States = field(default_factory=dict)


@dataclass
class ClockUse:
    """A note of what a mechanism asked a clock for.

    Attributes:
        edges: the times given to `reached`, in steps.
        time: whether the time itself was asked for.
    """

    edges: list[float | Float[Tensor, "..."]] = field(default_factory=list)
    time: bool = False


@dataclass(frozen=True)
class Clock:
    """The moment of a stage: `step` whole steps of `dt` ms and a `fraction` of the next.

    A step belongs with all of its stages, the last one too, to the time after an edge at its start and before an edge
    at its end. Otherwise every edge would lower the order of a solver that has a stage there.

    Attributes:
        step: the number of whole steps, exact in its type, whatever the precision of the states.
        fraction: in the precision of the part that reads the clock.
        middle: the middle of the stretch that the solver crosses with this stage, as a fraction of the step. `reached`
            compares times with it, so that its answer holds for the whole stretch.
        whole: whether the times given to `reached` must be whole steps. They must for all parts but stimuli.
        use: takes note of what the clock is asked for; None where no one wants to know.
    """

    step: Real[Tensor, ""] | float
    fraction: Float[Tensor, "1 #run"] | Float[Tensor, ""] | float
    dt: float
    middle: Float[Tensor, "1 #run"] | Float[Tensor, ""] | float = 0.5
    whole: bool = False
    use: ClockUse | None = None

    @property
    def steps(self) -> Float[Tensor, "1 #run"] | Float[Tensor, ""]:
        """The number of steps since t = 0, in double precision."""
        if self.use is not None:
            self.use.time = True
        return cast(self.step, tf.float64) + cast(self.fraction, tf.float64)

    @property
    def t(self) -> Float[Tensor, "1 #run"] | Float[Tensor, ""]:
        """The time in ms, counted in double precision and then rounded to the precision of `fraction`."""
        return cast(self.steps * self.dt, self.precision)

    @property
    def precision(self) -> DType:
        return tf.convert_to_tensor(self.fraction).dtype

    def reached(self, time: Number) -> Bool[Tensor, "..."]:
        """Return whether `time` (ms) is past.

        A stimulus may ask for any time, see `drive.py`.

        Raises:
            PsstError: when a mechanism asks for a time between steps.
        """
        edge = in_steps(time, self.dt)
        if self.whole and isinstance(edge, float):
            raise PsstError(
                f"now.reached({time:g}): {time:g} ms lies between steps of run.dt={self.dt:g} ms; take a multiple of "
                "it, or make it a stimulus, whose times may lie anywhere"
            )
        if self.use is not None:
            self.use.edges.append(edge)
        ahead = edge - cast(self.step, tf.float64)
        return cast(self.middle, self.precision) >= cast(ahead, self.precision)

    def within(self, precision: DType, **changes: Any) -> Clock:
        """Return the same moment in another precision."""
        fraction, middle = cast(self.fraction, precision), cast(self.middle, precision)
        return replace(self, fraction=fraction, middle=middle, **changes)


def in_steps(time: float | Array | Tensor, dt: float) -> Any:
    """Convert a time to steps of `dt`; take it as whole where only the rounding of decimal numbers keeps it from that.

    Returns:
        For a number, an int or, between steps, a float. For an array or a tensor, the same in float64.
    """
    if isinstance(time, int | float):
        steps = time / dt
        return round(steps) if abs(steps - round(steps)) <= ROUNDING * abs(steps) else steps
    if isinstance(time, np.ndarray):
        return np.where(np.abs(time / dt - np.round(time / dt)) <= ROUNDING * time / dt, np.round(time / dt), time / dt)
    steps = cast(time, tf.float64) / dt
    whole = tf.round(steps)
    return tf.where(tf.abs(steps - whole) <= ROUNDING * tf.abs(steps), whole, steps)


def cast(value: float | Shaped[Tensor, "..."], precision: DType) -> Shaped[Tensor, "..."]:
    """Convert a number or tensor to a precision; `tf.cast` alone takes numbers through single precision."""
    return tf.cast(value, precision) if tf.is_tensor(value) else tf.convert_to_tensor(value, precision)


@dataclass(frozen=True)
class Event:
    """The end of a step, as a mechanism sees it.

    Attributes:
        step: the number of steps done.
        dt: ms.
        fired: for a synapse, whether a presynaptic cell's spike arrives now; for a mechanism of a population, whether
            the cell fired in this step. For a synapse that earlier potentials drive, the two potentials between which
            the next step lies.
        arrived: Σ G w over the spikes that arrive at a postsynaptic cell now (linear synapses only).
        random: the mechanism's own `Stream` of random numbers, if it draws any.
    """

    step: Int[Tensor, ""] | int
    dt: float
    fired: Bool[Tensor, "cell run"] | tuple[Float[Tensor, "cell run"], Float[Tensor, "cell run"]] | None = None
    arrived: Float[Tensor, "cell run"] | None = None
    random: Any = None

    def every(self, interval: float) -> tuple[Bool[Tensor, ""], Int[Tensor, ""]]:
        """Return whether a multiple of `interval` ms is reached, and the number of that multiple.

        Parts that must not depend on dt take their time from it.
        """
        steps = round(interval / self.dt)
        return self.step % steps == 0, self.step // steps


@base("mechanism")
class Mechanism:
    """A part of a population with states of its own; subclasses are dataclasses of parameters.

    Attributes:
        states: the names of the states, which solvers integrate.
        held: the values that stay the same within a step and that `after_step` renews, with their start.
        reads: the ions whose concentration the mechanism reads.
        random: whether the mechanism draws random numbers.
        units: the units of the states that have one.
    """

    states: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[Mapping[str, str]] = {}
    held: ClassVar[dict[str, float]] = {}
    reads: ClassVar[tuple[str, ...]] = ()
    random: ClassVar[bool] = False

    def draws(self) -> bool:
        """Return whether the random numbers can change a result; read no more than whether parameters are 0."""
        return self.random

    def unread(self) -> dict[str, str]:
        """Return, for each field that changes nothing beside the others, the reason.

        Read no more than whether parameters are 0.
        """
        return {}

    def start(self) -> dict[str, float]:
        """Return the value of each state at t = 0."""
        return dict.fromkeys(self.states, 0.0)

    def check(self, dt: float) -> None:
        """Raise a PsstError if the step `dt` (ms) does not suit the mechanism."""

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        """Return x' of each state, given the states `x` and the cell."""
        return {}

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Float[Tensor, "cell run"]]:
        """Return the new values of those held values and states that change at the end of a step."""
        return {}


class Current(Mechanism):
    """A current through the membrane: g·v − s, outward positive, µA/cm²."""

    def membrane(self, x: States, held: States, v: Float[Tensor, "cell run"], now: Clock) -> tuple[Number, Number]:
        """Return the conductance g [mS/cm²] and the source s [µA/cm²]."""
        raise NotImplementedError


class Channel(Current):
    """An ionic current g·a·(v − E): conductance g [mS/cm²], gating factor a, reversal potential E [mV]."""

    ion: ClassVar[str | None] = None
    conductance: float
    reversal: float

    def gating(self, x: States, v: Float[Tensor, "cell run"]) -> Number:
        """Return the factor a on the conductance, from the gates `x` and, if a gate follows v without delay, from v."""
        return 1.0

    def membrane(self, x: States, held: States, v: Float[Tensor, "cell run"], now: Clock) -> tuple[Number, Number]:
        g = self.conductance * self.gating(x, v)
        return g, g * self.reversal


class Pool(Mechanism):
    """The concentration of one ion, fed by the current that its channels carry."""

    ion: ClassVar[str]
    states: ClassVar[tuple[str, ...]] = ("concentration",)
    units: ClassVar[Mapping[str, str]] = {"concentration": "mM"}


@base("system")
class System(Mechanism):
    """Equations that replace those of a membrane; the first state is recorded by default.

    Time counts in ms as everywhere: one ms is one unit of the system's time.
    """

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        """Return x' of each state."""
        raise NotImplementedError

    def exact(self, start: Mapping[str, float], t: Float[Array, " time"]) -> dict[str, Float[Array, " time"]] | None:
        """Return the solution in closed form at the times `t`, or None where there is none."""
        return None


@base("synapse")
@dataclass(kw_only=True)
class Synapse(Mechanism):
    """Transmission from one cell to another, after an axonal delay.

    Attributes:
        transmitter: a name. A factor of this name scales all its synapses: `network.ach`, `network.gaba`, or one of
            your own.
        spiking: whether spikes drive the synapse; if not, the presynaptic potential does.
        delay: the time from a spike, or a potential, to its effect.
    """

    transmitter: ClassVar[str | None] = None
    spiking: ClassVar[bool] = True
    delay: float = setting(0.0, "ms", minimum=0)

    def block(self, v: Float[Tensor, "cell run"]) -> Number:
        """Return the factor that the postsynaptic potential puts on the conductance."""
        return 1.0

    def check(self, dt: float) -> None:
        steps = self.delay / dt
        if abs(steps - round(steps)) > 1e-6:
            raise PsstError(f"delay={self.delay:g} ms: must be a multiple of run.dt={dt:g} ms")


class KineticSynapse(Synapse):
    """Receptors whose open fraction depends on the presynaptic cell alone, so that their states belong to that cell.

    The current onto a postsynaptic cell is G·(Σ w·s over its inputs)·block(v)·(v − E), with s the conducting fraction.
    That is exact, as the weights w enter linearly.
    """

    states: ClassVar[tuple[str, ...]] = ("open",)
    reversal: float

    def kinetics(self, x: States, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        """Return x' of each state, given the presynaptic cell.

        Where potentials drive the synapse, `pre` is the cell as it was `delay` ago.
        """
        raise NotImplementedError

    def conducting(self, x: States) -> Float[Tensor, "cell run"]:
        """Return the conducting fraction s."""
        return x["open"]


class LinearSynapse(Synapse):
    """Conductances that change in the same way after each spike; their sum is one state of the postsynaptic cell.

    The current is g·block(v)·(v − E), with g the state `conductance` [mS/cm²]. It is exact, as the equations are
    linear.
    """

    states: ClassVar[tuple[str, ...]] = ("conductance",)
    units: ClassVar[Mapping[str, str]] = {"conductance": "mS/cm2"}
    reversal: float


class Junction(Synapse):
    """An electrical synapse: the current G w (v − v_other) out of each of both cells, at once."""

    spiking: ClassVar[bool] = False

    def check(self, dt: float) -> None:
        if self.delay:
            raise PsstError(f"delay={self.delay:g} ms: a junction acts at once; leave it out")


def crossed(
    before: Float[Tensor, "cell run"], after: Float[Tensor, "cell run"], threshold: float
) -> Bool[Tensor, "cell run"]:
    """Return whether v passed the threshold upward within the step."""
    return (before < threshold) & (after >= threshold)
