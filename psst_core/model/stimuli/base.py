"""The base class of stimuli."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from psst_core.arrays import Array, Number, Tensor
from psst_core.configuration import Config
from psst_core.errors import PsstError
from psst_core.model.mechanisms import Clock
from psst_core.registry import base, lookup, setting

if TYPE_CHECKING:
    from jaxtyping import Float, Int


@dataclass(frozen=True)
class Grid:
    """The steps in which a run is integrated.

    Attributes:
        dt: ms.
        duration: ms.
        adaptive: whether the solver takes steps of its own within dt.
    """

    dt: float
    duration: float
    adaptive: bool = False

    @classmethod
    def of(cls, config: Config) -> Grid:
        """Return the grid of a resolved configuration."""
        solver: Any = lookup("solver", config.solver.name, "solver.name")
        return cls(config.run.dt, config.run.duration, solver.adaptive)


@base("stimulus")
@dataclass(kw_only=True)
class Stimulus:
    """An injected current [µA/cm²]: a waveform of time, times a weight for each cell.

    Attributes:
        straight: whether the waveform is a straight line within every step. A solver of first order then takes the
            current in the middle of the step, which carries the charge of the step.
        populations: the populations that may receive it (none named: all of them).
        cells: the cells of these populations that receive it, counted through all of these populations in order (none
            named: a random share).
        share: the share of the cells of these populations that receives it, drawn at random, rounded down.
        spread: coefficient of variation of a log-normal factor of mean 1 on each cell's weight.
        scaled: whether `amplitude` is a factor on all of the current.
    """

    straight: ClassVar[bool] = False
    populations: list[str] = setting([], per_run=True)
    cells: list[int] = setting([], per_run=True)
    share: float = setting(1.0, minimum=0, maximum=1, per_run=True)
    spread: float = setting(0.0, minimum=0, per_run=True)

    scaled: ClassVar[bool] = False

    def draws(self) -> bool:
        """Return whether the weights are random.

        A class with `weights` of its own counts as random unless it overrides this.
        """
        if self.scaled and getattr(self, "amplitude", 1.0) == 0:
            return False
        own = type(self).weights is not Stimulus.weights
        return bool(own or self.spread or (not self.cells and 0 < self.share < 1))

    def unread(self) -> dict[str, str]:
        """Return, for each field that changes nothing beside the others, the reason.

        Of numbers, read no more than whether they are 0 or 1.
        """
        if self.scaled and getattr(self, "amplitude", 1.0) == 0:
            return {f.name: "amplitude=0" for f in dataclasses.fields(self) if f.name != "amplitude"}
        if self.cells and type(self).weights is Stimulus.weights:
            return {"share": "cells names the cells"}
        return {}

    def waveform(self, now: Clock, table: Float[Tensor, "row column"]) -> Number:
        """Return the current at a moment, without weights, in float64.

        Use `now.reached(time)` for the time of a jump or a kink, wherever in a step it lies. Then the charge is correct
        under every solver. It is wrong where a waveform compares `now.t` with a time.

        Returns:
            µA/cm²: one number, one for each run, or one for each cell of the network.
        """
        raise NotImplementedError

    def table(self, n_cells: int, grid: Grid) -> Float[Array, "row column"]:
        """Return the numbers that the waveform looks up, one row a sample; most stimuli need none."""
        return np.zeros((1, 1))

    def amplitudes(self, n_targets: int) -> Float[Array, " target"]:
        """Return a factor for each cell that receives the stimulus."""
        return np.ones(n_targets)

    def weights(
        self, sizes: dict[str, int], targets: np.random.Generator, spread: np.random.Generator
    ) -> Float[Array, " cell"]:
        """Return the factor of each cell of the network, populations one after the other."""
        chosen, cells = self._eligible(sizes), sum(sizes.values())
        if self.cells:
            chosen = chosen[self.cells]
        elif self.share < 1:
            chosen = np.sort(targets.choice(chosen, self._count(len(chosen)), replace=False))
        weights = np.zeros(cells)
        weights[chosen] = self.amplitudes(len(chosen))
        if self.spread:
            sigma = np.sqrt(np.log1p(self.spread**2))
            weights *= np.exp(sigma * spread.standard_normal(cells) - 0.5 * sigma**2)
        return weights

    def check(self, sizes: dict[str, int], grid: Grid) -> None:
        """Raise a PsstError if the targets do not fit the network, or the times do not fit the run."""
        for name in self.populations:
            if name not in sizes:
                raise PsstError(f"stimulus.populations holds {name}: the network has {', '.join(sizes)}")
        eligible = len(self._eligible(sizes))
        for cell in self.cells:
            if not 0 <= cell < eligible:
                raise PsstError(f"stimulus.cells holds {cell}: must lie between 0 and {eligible - 1}")
        if len(set(self.cells)) < len(self.cells):
            raise PsstError(f"stimulus.cells={self.cells}: names a cell twice")
        self.amplitudes(self._count(eligible))
        self.table(sum(sizes.values()), grid)

    def _count(self, eligible: int) -> int:
        """Return how many of `eligible` cells receive the stimulus."""
        return len(self.cells) or int(np.floor(self.share * eligible + 1e-9))

    def _eligible(self, sizes: dict[str, int]) -> Int[Array, " target"]:
        """Return the cells of the populations that may receive the stimulus, counted through the network."""
        offsets = np.cumsum([0, *sizes.values()])
        ranges = [
            np.arange(offsets[i], offsets[i + 1])
            for i, name in enumerate(sizes)
            if not self.populations or name in self.populations
        ]
        return np.concatenate(ranges)
