"""What a membrane is made of: the base classes of channels, ion pools and synapses.

Most kinetics here are x' = source − decay·x with both free of x (gates, open fractions, calcium, the membrane
given its conductances). A mechanism then gives a `Relaxation`: explicit solvers take its field, exponential
ones its exact step with source and decay frozen.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar

Tensor = Any
States = Mapping[str, Tensor]


@dataclass(frozen=True)
class Relaxation:
    """x' = source − decay·x, with source [unit of x/ms] and decay [1/ms] free of x."""

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


@dataclass(frozen=True)
class Clock:
    """The moment of a stage: `step` whole steps of `dt` ms and a `fraction` of the next.

    Times are compared as counts of steps, never as sums of floats.
    """

    step: Tensor
    fraction: Tensor
    dt: float

    @property
    def steps(self) -> Tensor:
        return self.step + self.fraction

    @property
    def t(self) -> Tensor:
        """Time in ms."""
        return self.steps * self.dt

    def reached(self, time: Tensor) -> Tensor:
        """Whether `time` (ms) is now or past.

        Stages lie half a step apart or more, so a tenth of a step forgives the rounding of time/dt in single precision.
        """
        return self.steps >= time / self.dt - 0.1


class Mechanism:
    """A part of a population with states of its own; subclasses are dataclasses of parameters.

    Attributes:
        states: the names of its states.
        reads: the ions whose concentration it reads.
    """

    states: ClassVar[tuple[str, ...]] = ()
    reads: ClassVar[tuple[str, ...]] = ()

    def start(self) -> dict[str, float]:
        """The value of each state at t = 0."""
        return dict.fromkeys(self.states, 0.0)

    def relaxations(self, x: States, cell: Cell) -> dict[str, Relaxation]:
        """x' of each state, given the states `x` and the cell."""
        return {}


class Channel(Mechanism):
    """An ionic current g·a·(v − E): conductance g [mS/cm²], gating factor a, reversal potential E [mV]."""

    ion: ClassVar[str | None] = None
    conductance: float
    reversal: float

    def gating(self, x: States) -> Tensor:
        """The factor a on the conductance."""
        return 1.0


class Pool(Mechanism):
    """The concentration of one ion, fed by the current that its channels carry."""

    ion: ClassVar[str]
    states: ClassVar[tuple[str, ...]] = ("concentration",)


class Synapse(Mechanism):
    """Transmission whose kinetics depend on the presynaptic cell alone: one state per presynaptic cell.

    The current onto a postsynaptic cell is g·(Σ open over its inputs)·(v − E).

    Attributes:
        transmitter: the kind that a network-wide factor scales (`network.ach`, `network.gaba`).
        held: values kept over a step and renewed after it, with their start.
    """

    transmitter: ClassVar[str]
    states: ClassVar[tuple[str, ...]] = ("open",)
    held: ClassVar[dict[str, float]] = {}
    reversal: float

    def kinetics(self, pre: Cell, held: States, now: Clock) -> dict[str, Relaxation]:
        """x' of each state, given the presynaptic cell."""
        raise NotImplementedError

    def check(self, dt: float) -> None:
        """Raise a PsstError where the step is too long for the synapse."""

    def after_step(self, held: States, before: Tensor, after: Tensor, dt: float) -> dict[str, Tensor]:
        """The held values of the next step, given the presynaptic v at both ends of this one."""
        return {}


def crossed(before: Tensor, after: Tensor, threshold: float) -> Tensor:
    """Whether v passed the threshold upward within the step."""
    return (before < threshold) & (after >= threshold)
