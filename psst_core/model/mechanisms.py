"""What a network is made of: the base classes of channels, ion pools, currents, synapses and plain systems.

Most kinetics here are x' = source − decay·x with both free of x (gates, open fractions, calcium, the membrane
given its conductances). A mechanism then gives a `Relaxation`: explicit solvers take its field, exponential
ones its exact step with source and decay frozen.

What happens once a step and not inside a stage (jumps at spikes, pulses, noise) is an `Event` at the end of the step.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np

from psst_core import tf
from psst_core.errors import PsstError
from psst_core.registry import setting

Tensor = Any
States = Mapping[str, Tensor]
ROUNDING = 1e-14  # of a time: decimal times and steps are rounded when they are read, and again when divided


@dataclass(frozen=True)
class Relaxation:
    """x' = source − decay·x, with source [unit of x/ms] and decay [1/ms] free of x where the kinetics allow it.

    What fits no other form has the whole field as its source and no decay: explicit solvers lose nothing, exponential
    ones become the explicit methods of the same order.
    """

    source: Tensor
    decay: Tensor

    def field(self, x: Tensor) -> Tensor:
        return self.source - self.decay * x


def two_state(opening: Tensor, closing: Tensor) -> Relaxation:
    """x' = α (1 − x) − β x for the rates α, β [1/ms] of opening and closing."""
    return Relaxation(opening, opening + closing)


def towards(target: Tensor, rate: Tensor) -> Relaxation:
    """x' = (x∞ − x)·rate for the target x∞ and the rate 1/τ [1/ms]."""
    return Relaxation(target * rate, rate)


@dataclass(frozen=True)
class Cell:
    """What a mechanism sees of its cells, all [cell, run].

    Attributes:
        v: membrane potential, mV.
        concentration: by ion, mM.
        current: by ion, µA/cm², outward positive (known to ion pools only).
    """

    v: Tensor
    concentration: Mapping[str, Tensor] = field(default_factory=dict)
    current: Mapping[str, Tensor] = field(default_factory=dict)


@dataclass
class Asked:
    """What a clock was asked for: the times of `reached`, in steps, and whether the time itself."""

    edges: list[Tensor] = field(default_factory=list)
    time: bool = False


@dataclass(frozen=True)
class Clock:
    """The moment of a stage: `step` whole steps of `dt` ms and a `fraction` of the next.

    A step lies with all of its stages, the last one too, behind the edges at its start and before those at its end:
    else every edge costs a solver that looks there its order.

    Attributes:
        step: exact in its type, whatever the precision of the states.
        fraction: a scalar or [1, run], in the precision of what the clock is for.
        middle: of the stretch that the solver crosses with this stage, as a fraction of the step. What has been reached
            there holds for all of the stretch.
        whole: whether the times that `reached` is asked for must be whole steps, as for all but stimuli.
        asked: takes note of what it is asked for; None where no one wants to know.
    """

    step: Tensor
    fraction: Tensor
    dt: float
    middle: Tensor = 0.5
    whole: bool = False
    asked: Asked | None = None

    @property
    def steps(self) -> Tensor:
        """Steps since t = 0, in double precision."""
        if self.asked is not None:
            self.asked.time = True
        return cast(self.step, tf.float64) + cast(self.fraction, tf.float64)

    @property
    def t(self) -> Tensor:
        """Time in ms, counted in double precision and then rounded to that of `fraction`."""
        return cast(self.steps * self.dt, self.precision)

    @property
    def precision(self) -> Any:
        return tf.convert_to_tensor(self.fraction).dtype

    def reached(self, time: Tensor) -> Tensor:
        """Whether `time` (ms) is past.

        A stimulus may ask for any time, see `drive.py`.

        Raises:
            PsstError: where a mechanism asks for a time between steps.
        """
        edge = in_steps(time, self.dt)
        if self.whole and isinstance(edge, float):
            raise PsstError(
                f"now.reached({time:g}): {time:g} ms lies between steps of run.dt={self.dt:g} ms; take a multiple of "
                "it, or make it a stimulus, whose times may lie anywhere"
            )
        if self.asked is not None:
            self.asked.edges.append(edge)
        ahead = edge - cast(self.step, tf.float64)
        return cast(self.middle, self.precision) >= cast(ahead, self.precision)

    def within(self, precision: Any, **changes: Any) -> "Clock":
        """The same moment in another precision."""
        fraction, middle = cast(self.fraction, precision), cast(self.middle, precision)
        return replace(self, fraction=fraction, middle=middle, **changes)


def in_steps(time: Any, dt: float) -> Any:
    """A time in steps of `dt`, whole where it is but for the rounding of decimal numbers.

    Of a number an int or, between steps, a float; of an array or a tensor the same in float64.
    """
    if isinstance(time, int | float):
        steps = time / dt
        return round(steps) if abs(steps - round(steps)) <= ROUNDING * abs(steps) else steps
    if isinstance(time, np.ndarray):
        return np.where(np.abs(time / dt - np.round(time / dt)) <= ROUNDING * time / dt, np.round(time / dt), time / dt)
    steps = cast(time, tf.float64) / dt
    whole = tf.round(steps)
    return tf.where(tf.abs(steps - whole) <= ROUNDING * tf.abs(steps), whole, steps)


def cast(value: Tensor, precision: Any) -> Tensor:
    """A number or tensor in that precision; `tf.cast` alone takes numbers through single precision."""
    return tf.cast(value, precision) if tf.is_tensor(value) else tf.convert_to_tensor(value, precision)


@dataclass(frozen=True)
class Event:
    """The end of a step, as a mechanism sees it.

    Attributes:
        step: how many steps are done, int32.
        dt: ms.
        fired: whether a cell's spike arrives at the synapse now, [cell, run]; for a mechanism of a population, whether
            its cell fired.
        arrived: Σ G w over the spikes that arrive at a postsynaptic cell now, [cell, run] (linear synapses only).
        random: the mechanism's own `Stream` of random numbers, where it draws any.
    """

    step: Tensor
    dt: float
    fired: Tensor = None
    arrived: Tensor = None
    random: Any = None

    def every(self, interval: float) -> tuple[Tensor, Tensor]:
        """Whether a multiple of `interval` ms is reached, and which: the clock of what must not depend on dt."""
        steps = round(interval / self.dt)
        return self.step % steps == 0, self.step // steps


class Mechanism:
    """A part of a population with states of its own; subclasses are dataclasses of parameters.

    Attributes:
        states: the names of its states, which solvers integrate.
        held: values kept over a step and renewed by events, with their start.
        reads: the ions whose concentration it reads.
        random: whether it draws random numbers.
        units: of the states that have one.
    """

    states: ClassVar[tuple[str, ...]] = ()
    units: ClassVar[Mapping[str, str]] = {}
    held: ClassVar[dict[str, float]] = {}
    reads: ClassVar[tuple[str, ...]] = ()
    random: ClassVar[bool] = False

    def draws(self) -> bool:
        """Whether its random numbers decide anything; it may look at whether parameters are 0, no more."""
        return self.random

    def unread(self) -> dict[str, str]:
        """By field, why it decides nothing beside the others; it may look at whether parameters are 0, no more."""
        return {}

    def start(self) -> dict[str, float]:
        """The value of each state at t = 0."""
        return dict.fromkeys(self.states, 0.0)

    def check(self, dt: float) -> None:
        """Raise a PsstError where the step does not suit the mechanism."""

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        """x' of each state, given the states `x` and the cell."""
        return {}

    def after_step(self, x: States, held: States, event: Event) -> dict[str, Tensor]:
        """What changes at the end of a step: held values, and states that jump."""
        return {}


class Current(Mechanism):
    """What flows through the membrane: g·v − s, outward positive, µA/cm²."""

    def membrane(self, x: States, held: States, v: Tensor, now: Clock) -> tuple[Tensor, Tensor]:
        """The conductance g [mS/cm²] and the source s [µA/cm²], each [cell, run] or broadcastable to it."""
        raise NotImplementedError


class Channel(Current):
    """An ionic current g·a·(v − E): conductance g [mS/cm²], gating factor a, reversal potential E [mV]."""

    ion: ClassVar[str | None] = None
    conductance: float
    reversal: float

    def gating(self, x: States, v: Tensor) -> Tensor:
        """The factor a on the conductance, of the gates `x` and, where a gate follows at once, of v."""
        return 1.0

    def membrane(self, x: States, held: States, v: Tensor, now: Clock) -> tuple[Tensor, Tensor]:
        g = self.conductance * self.gating(x, v)
        return g, g * self.reversal


class Pool(Mechanism):
    """The concentration of one ion, fed by the current that its channels carry."""

    ion: ClassVar[str]
    states: ClassVar[tuple[str, ...]] = ("concentration",)
    units: ClassVar[Mapping[str, str]] = {"concentration": "mM"}


class System(Mechanism):
    """Equations of their own in place of a membrane; the first state is what is recorded by default.

    Time counts in ms like everywhere: one ms is one unit of the system's time.
    """

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        """x' of each state."""
        raise NotImplementedError

    def exact(self, start: Mapping[str, Any], t: Any) -> dict[str, Any] | None:
        """The solution in closed form at the times `t` (NumPy arrays), where there is one."""
        return None


@dataclass(kw_only=True)
class Synapse(Mechanism):
    """Transmission from one cell to another, after an axonal delay.

    Attributes:
        transmitter: a name, by which a factor scales all its synapses: `network.ach`, `network.gaba`, one of your own.
        spiking: whether spikes drive it; if not, the presynaptic potential does.
        delay: from a spike, or a potential, to its effect.
    """

    transmitter: ClassVar[str | None] = None
    spiking: ClassVar[bool] = True
    delay: float = setting(0.0, "ms", minimum=0)

    def block(self, v: Tensor) -> Tensor:
        """The factor that the postsynaptic potential puts on the conductance."""
        return 1.0

    def check(self, dt: float) -> None:
        steps = self.delay / dt
        if abs(steps - round(steps)) > 1e-6:
            raise PsstError(f"delay={self.delay:g} ms: must be a multiple of run.dt={dt:g} ms")


class KineticSynapse(Synapse):
    """Receptors whose open fraction depends on the presynaptic cell alone, so that its states are that cell's.

    The current onto a postsynaptic cell is G·(Σ w·s over its inputs)·block(v)·(v − E), with s the conducting fraction.
    That is exact, as the weights w enter linearly.
    """

    states: ClassVar[tuple[str, ...]] = ("open",)
    reversal: float

    def kinetics(self, x: States, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        """x' of each state, given the presynaptic cell (as it was `delay` ago where potentials drive it)."""
        raise NotImplementedError

    def conducting(self, x: States) -> Tensor:
        """The conducting fraction s."""
        return x["open"]


class LinearSynapse(Synapse):
    """Conductances to which each spike adds the same course, so that their sum is a state of the postsynaptic cell.

    The current is g·block(v)·(v − E) with g the state `conductance` [mS/cm²]. It is exact, as the equations are linear.
    """

    states: ClassVar[tuple[str, ...]] = ("conductance",)
    units: ClassVar[Mapping[str, str]] = {"conductance": "mS/cm2"}
    reversal: float


class Junction(Synapse):
    """An electrical synapse: G w (v − v_other) into either cell, at once."""

    spiking: ClassVar[bool] = False

    def check(self, dt: float) -> None:
        if self.delay:
            raise PsstError(f"delay={self.delay:g} ms: a junction acts at once; leave it out")


def crossed(before: Tensor, after: Tensor, threshold: float) -> Tensor:
    """Whether v passed the threshold upward within the step."""
    return (before < threshold) & (after >= threshold)
