"""The inputs of the runs of a batch: start state, parameters that differ, connections, stimulus, noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from psst_core.arrays import Array
from psst_core.configuration import Config
from psst_core.integrate import solvers  # noqa: F401  (importing fills the registry)
from psst_core.keys import connectivity_name, distribution_keys, get
from psst_core.model import stimuli  # noqa: F401  (importing fills the registry)
from psst_core.model.connectivity import Connections
from psst_core.model.network import Network, connect, draw_parameters, start_state
from psst_core.model.stimuli.base import Grid
from psst_core.model.streams import key
from psst_core.registry import build
from psst_core.seeds import generator

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, UInt32


@dataclass(frozen=True)
class Run:
    """A run, as far as its numbers depend on it: its resolved configuration and its two replicate numbers."""

    config: Config
    network: int = 0
    trial: int = 0


class Batch:
    """The inputs of runs of one structure, as named NumPy arrays; the last axis of an array counts the runs.

    Args:
        runs: of one structure; they may differ in parameters, start values, connections and noise.

    Attributes:
        network: the description of the first run's network; the other runs differ from it in numbers alone.
    """

    def __init__(self, runs: Sequence[Run]) -> None:
        self.runs = list(runs)
        self.configs = [draw_parameters(run.config, run.network) for run in runs]
        self.networks = [Network.from_config(config.network) for config in self.configs]
        self.network = self.networks[0]

    def start(self) -> dict[str, dict[str, Float[Array, "_cell run"]]]:
        """Return every variable at t = 0, by population."""
        states = [
            start_state(network, config.network, config.run.seed, run.network, run.trial)
            for network, config, run in zip(self.networks, self.configs, self.runs, strict=True)
        ]
        return {
            name: {variable: _columns([state[name][variable] for state in states]) for variable in variables}
            for name, variables in states[0].items()
        }

    def parameters(self, varying: Sequence[str]) -> dict[str, Float[Array, "_cell run"]]:
        """Return the numbers of these keys, one row, and those that are distributed over cells, a row for each cell."""
        keys = [*varying, *distribution_keys(self.runs[0].config)]
        return {name: _columns([get(config, name) for config in self.configs]) for name in keys}

    def conductances(self) -> dict[str, Float[Array, "1 run"]]:
        """Return the conductance of each projection, mS/cm²."""
        return {
            name: _columns([network.projections[name].conductance for network in self.networks])
            for name in self.network.projections
        }

    def connections(self) -> list[dict[str, Connections]]:
        """Return the connections of each run, by projection; runs of one network share one object."""
        drawn: dict[str, dict[str, Connections]] = {}
        names = [connectivity_name(run.config, run.network) for run in self.runs]
        for name, network, run in zip(names, self.networks, self.runs, strict=True):
            if name not in drawn:
                drawn[name] = connect(network, run.config.run.seed, run.network)
        return [drawn[name] for name in names]

    def streams(self) -> dict[str, dict[str, UInt32[Array, "word run"]]]:
        """Return the keys of random numbers, by population and mechanism."""
        return {
            name: {
                part: np.stack([_key(run, f"{name}.{part}") for run in self.runs], axis=-1)
                for part, mechanism in self.network.parts(name).items()
                if mechanism.random
            }
            for name in self.network.populations
        }

    def stimulus_weights(self) -> dict[str, Float[Array, "_cell run"]]:
        """Return the stimulus's factor on each cell, by population."""
        weights = _columns([stimulus_weights(run, self.network.sizes) for run in self.runs])
        return {name: weights[cells] for name, cells in self.network.places.items()}

    def table(self) -> Float[Array, "row column"]:
        """Return the numbers that the stimulus looks up; they are the same in all runs."""
        config = self.configs[0]
        stimulus = build("stimulus", config.stimulus, "stimulus")
        table: Array = np.asarray(stimulus.table(sum(self.network.sizes.values()), Grid.of(config)))
        return table


def stimulus_weights(run: Run, sizes: Mapping[str, int]) -> Float[Array, " cell"]:
    """Return the stimulus's factor on each cell in a run."""
    seed, numbers = run.config.run.seed, (run.network, run.trial)
    stimulus = build("stimulus", run.config.stimulus, "stimulus")
    weights: Array = stimulus.weights(
        dict(sizes), generator(seed, "stimulus targets", *numbers), generator(seed, "stimulus spread", *numbers)
    )
    return weights


def _columns(values: Sequence[float | Float[Array, " cell"]]) -> Float64[Array, "#cell run"]:
    """Put a number, or the numbers of cells, of each run side by side; one number makes one row."""
    return np.stack([np.atleast_1d(np.asarray(value, dtype=np.float64)) for value in values], axis=-1)


def _key(run: Run, purpose: str) -> UInt32[Array, " word"]:
    return key(run.config.run.seed, f"noise:{purpose}", run.network, run.trial)
