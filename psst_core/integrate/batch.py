"""The inputs of the runs of a batch: start state, parameters that differ, connections, stimulus, noise."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core import tf
from psst_core.configuration import Config
from psst_core.integrate import solvers  # noqa: F401  (importing fills the registry)
from psst_core.integrate.wiring import wire
from psst_core.keys import connectivity_name, distribution_keys, get
from psst_core.model import stimuli  # noqa: F401  (importing fills the registry)
from psst_core.model.connectivity import Connections
from psst_core.model.mechanisms import Junction, LinearSynapse, Tensor
from psst_core.model.network import Network, connect, draw_parameters, start_state
from psst_core.model.stimuli.base import Grid
from psst_core.model.streams import key
from psst_core.registry import build
from psst_core.seeds import generator

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Run:
    """A run, as far as its numbers depend on it: its resolved configuration and its two replicate numbers."""

    config: Config
    network: int = 0
    trial: int = 0


class Batch:
    """Runs of one structure, side by side in the lanes of a compiled program.

    Args:
        runs: at most as many as there are lanes; the last run fills the spare lanes.
        lanes: the width of the program.
        dtype: the type of all numbers but those of the stimulus, which are in double precision.
    """

    def __init__(self, runs: Sequence[Run], lanes: int, dtype: Any) -> None:
        self.runs, self.lanes, self.dtype = list(runs), lanes, dtype
        self.configs = [draw_parameters(run.config, run.network) for run in runs]
        self.networks = [Network.from_config(config.network) for config in self.configs]

    def state(self) -> dict[str, dict[str, Tensor]]:
        """Return every variable at t = 0, [cell, lane]."""
        states = [
            start_state(network, config.network, config.run.seed, run.network, run.trial)
            for network, config, run in zip(self.networks, self.configs, self.runs, strict=True)
        ]
        return {
            name: {variable: self.lay([s[name][variable] for s in states]) for variable in states[0][name]}
            for name in states[0]
        }

    def inputs(self, varying: Sequence[str]) -> dict[str, Any]:
        """Return the inputs of the compiled program beside the state."""
        network, config = self.networks[0], self.configs[0]
        sizes = network.sizes
        weights = [stimulus_weights(run, sizes) for run in self.runs]
        stimulus = build("stimulus", config.stimulus, "stimulus")
        differing = [*varying, *distribution_keys(self.runs[0].config)]
        return {
            "parameters": {
                name: self.lay(
                    [get(config, name) for config in self.configs],
                    tf.float64 if name.startswith("stimulus.") else self.dtype,
                )
                for name in differing
            },
            "conductance": {
                name: self.lay([network.projections[name].conductance for network in self.networks])
                for name in network.projections
            },
            "wiring": self._wiring(),
            "streams": self._streams(),
            "weights": {name: self.lay([w[cells] for w in weights]) for name, cells in network.places.items()},
            "table": tf.constant(stimulus.table(sum(sizes.values()), Grid.of(config)), tf.float64),
        }

    def lay(self, arrays: Sequence[Any], dtype: Any = None) -> Tensor:
        """Put one array [cell] or one number for each run into a tensor [cell, lane]."""
        columns = [np.atleast_1d(np.asarray(array, dtype=np.float64)) for array in arrays]
        return tf.constant(np.stack(self._fill(columns), axis=-1), dtype or self.dtype)

    def _fill(self, items: list[Any]) -> list[Any]:
        """Return an item for each lane; the last item fills the spare lanes."""
        return items + items[-1:] * (self.lanes - len(items))

    def _wiring(self) -> dict[str, dict[str, Tensor]]:
        network, drawn = self.networks[0], self._connections()
        wiring = {}
        for projection in network.projections.values():
            synapse = network.synapses[projection.synapse]
            for name, post, pre in network.ways(projection.name):
                lanes, sizes = [d[name] for d in drawn], (network.sizes[post], network.sizes[pre])
                arrays = wire(lanes, *sizes, spikes=isinstance(synapse, LinearSynapse))
                if isinstance(synapse, Junction):
                    arrays["total"] = arrays["weight"].sum(axis=0, dtype=np.float64)
                wiring[name] = {
                    part: tf.constant(array, self.dtype if array.dtype == np.float64 else None)
                    for part, array in arrays.items()
                }
        return wiring

    def _connections(self) -> list[dict[str, Connections]]:
        """Return the connections of each lane; runs of one network share one object."""
        drawn: dict[str, dict[str, Connections]] = {}
        names = []
        for network, run in zip(self.networks, self.runs, strict=True):
            names.append(connectivity_name(run.config, run.network))
            if names[-1] not in drawn:
                drawn[names[-1]] = connect(network, run.config.run.seed, run.network)
        return [drawn[name] for name in self._fill(names)]

    def _streams(self) -> dict[str, dict[str, Tensor]]:
        """Return the keys of random numbers, [2, lane], by population and mechanism."""
        network = self.networks[0]
        return {
            name: {
                part: tf.constant(
                    np.stack(self._fill([self._key(run, f"{name}.{part}") for run in self.runs]), axis=-1)
                )
                for part, mechanism in network.parts(name).items()
                if mechanism.random
            }
            for name in network.populations
        }

    @staticmethod
    def _key(run: Run, purpose: str) -> Array:
        return key(run.config.run.seed, f"noise:{purpose}", run.network, run.trial)


def stimulus_weights(run: Run, sizes: Mapping[str, int]) -> Array:
    """Return the stimulus's factor on each cell in a run, [cell]."""
    seed, numbers = run.config.run.seed, (run.network, run.trial)
    stimulus = build("stimulus", run.config.stimulus, "stimulus")
    weights: Array = stimulus.weights(
        dict(sizes), generator(seed, "stimulus targets", *numbers), generator(seed, "stimulus spread", *numbers)
    )
    return weights
