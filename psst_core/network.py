"""Populations joined by projections: what a network's description means in equations.

    C v' = I(t) − Σ_channels g a (v − E) − Σ_projections G (Σ_pre w O_pre) (v − E)

A network is built from its part of a resolved configuration. A parameter there is a number, or, inside the compiled
program, a tensor [1, run] where the runs differ.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import Any

import numpy as np
import numpy.typing as npt

from psst_core import channels, pools, synapses  # noqa: F401  (importing fills the registry)
from psst_core.connectivity import Connections, Connectivity
from psst_core.datafiles import read_arrays
from psst_core.errors import PsstError
from psst_core.keys import start_values
from psst_core.mechanisms import Cell, Channel, Clock, Mechanism, Pool, Relaxation, Synapse, Tensor
from psst_core.registry import build
from psst_core.seeds import generator
from psst_core.wiring import synaptic_sum

Array = npt.NDArray[np.float64]
PerPopulation = dict[str, dict[str, Any]]


@dataclass(frozen=True)
class Population:
    """Cells of one kind.

    Attributes:
        capacitance: µF/cm².
        spike_threshold: a recorded spike is an upward crossing of it, mV.
        start: values at t = 0 that differ from the mechanisms' own, by variable (`v`, `sodium.m`).
    """

    name: str
    size: int
    capacitance: float
    spike_threshold: float
    start: dict[str, float]
    mechanisms: dict[str, Mechanism]

    def channels(self) -> dict[str, Channel]:
        return {name: m for name, m in self.mechanisms.items() if isinstance(m, Channel)}

    def pools(self) -> dict[str, Pool]:
        return {name: m for name, m in self.mechanisms.items() if isinstance(m, Pool)}


@dataclass(frozen=True)
class Projection:
    """One population's synapses of one kind onto another.

    Attributes:
        conductance: G, with every factor (`network.coupling`, the transmitter's, in-degree scaling), mS/cm².
    """

    name: str
    pre: str
    post: str
    synapse: str
    conductance: float
    connectivity: Connectivity


@dataclass(frozen=True)
class Network:
    populations: dict[str, Population]
    synapses: dict[str, Synapse]
    projections: dict[str, Projection]

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "Network":
        """The network that the resolved `network` part of a configuration describes.

        Sums run over mechanisms and projections in the order of their names, so that the order of keys changes no bit.

        Raises:
            PsstError: naming the key, for references to what does not exist and sizes that cannot be shared out.
        """
        sizes = share_out(config)
        populations = {
            name: Population(
                name,
                sizes[name],
                part["capacitance"],
                part["spike_threshold"],
                start_values(part["start"]),
                {
                    mechanism: build("mechanism", settings, f"network.populations.{name}.mechanisms.{mechanism}")
                    for mechanism, settings in sorted(part["mechanisms"].items())
                },
            )
            for name, part in config["populations"].items()
        }
        kinds: dict[str, Synapse] = {
            name: build("synapse", settings, f"network.synapses.{name}")
            for name, settings in sorted(config["synapses"].items())
        }
        projections = {}
        for name, part in sorted(config["projections"].items()):
            key = f"network.projections.{name}"
            for end in ("pre", "post"):
                _require(part[end], populations, f"{key}.{end}")
            _require(part["synapse"], kinds, f"{key}.synapse")
            rule = build("connectivity", part["connectivity"], f"{key}.connectivity")
            strength = part["conductance"] * config["coupling"] * config.get(kinds[part["synapse"]].transmitter, 1.0)
            strength *= _scaling(config, part, rule, sizes)
            projections[name] = Projection(name, part["pre"], part["post"], part["synapse"], strength, rule)
        network = cls(populations, kinds, projections)
        network.check()
        return network

    def with_conductances(self, conductances: Mapping[str, Tensor]) -> "Network":
        """The same network with other conductances of its projections, each broadcastable to [cell, run]."""
        projections = {
            name: replace(projection, conductance=conductances[name]) for name, projection in self.projections.items()
        }
        return replace(self, projections=projections)

    @property
    def sizes(self) -> dict[str, int]:
        return {name: population.size for name, population in self.populations.items()}

    @property
    def places(self) -> dict[str, slice]:
        """Where each population's cells lie when all cells are counted through."""
        ends = np.cumsum(list(self.sizes.values())).tolist()
        return {name: slice(end - self.sizes[name], end) for name, end in zip(self.sizes, ends, strict=True)}

    def check(self) -> None:
        """Raise where a mechanism reads what its population does not have, or a start value fits no variable."""
        for projection in self.projections.values():
            pre, post = self.populations[projection.pre], self.populations[projection.post]
            projection.connectivity.check(pre.size, post.size, pre is post)
        for name, population in self.populations.items():
            ions = {pool.ion for pool in population.pools().values()}
            carried = {channel.ion for channel in population.channels().values()}
            key = f"network.populations.{name}.mechanisms"
            for ion in ions - carried:
                raise PsstError(f"{key}: an ion pool of {ion} needs a channel that carries {ion}")
            for mechanism, part in population.mechanisms.items():
                for ion in set(part.reads) - ions:
                    raise PsstError(f"{key}.{mechanism}: reads the concentration of {ion}; add an ion pool of {ion}")
            known = self._mechanism_starts(name)
            for variable in population.start:
                _require(variable, known, f"network.populations.{name}.start")

    def transmitting(self) -> dict[str, list[str]]:
        """By population, the synapses through which it projects."""
        kinds: dict[str, list[str]] = {name: [] for name in self.populations}
        for projection in self.projections.values():
            if projection.synapse not in kinds[projection.pre]:
                kinds[projection.pre].append(projection.synapse)
        return kinds

    def start_values(self) -> dict[str, dict[str, float]]:
        """By population, each integrated variable (`v`, `sodium.m`, `ach.open`) and its value at t = 0."""
        return {name: self._mechanism_starts(name) | p.start for name, p in self.populations.items()}

    def _mechanism_starts(self, name: str) -> dict[str, float]:
        """The variables of a population and their mechanisms' own values at t = 0."""
        values = {"v": -65.0}
        kinds = {kind: self.synapses[kind] for kind in self.transmitting()[name]}
        for key, mechanism in (self.populations[name].mechanisms | kinds).items():
            values |= _prefix(key, mechanism.start())
        return values

    def held_values(self) -> dict[str, dict[str, float]]:
        """By population, each value that is kept over a step, and its start."""
        return {
            name: {
                f"{kind}.{held}": value
                for kind in self.transmitting()[name]
                for held, value in self.synapses[kind].held.items()
            }
            for name in self.populations
        }

    def relaxations(
        self, state: PerPopulation, held: PerPopulation, drive: dict[str, Tensor], wiring: Any, now: Clock
    ) -> dict[str, dict[str, Relaxation]]:
        """x' = source − decay·x for every variable.

        Args:
            state, held: by population and variable, tensors [cell, run].
            drive: by population, the injected current, broadcastable to [cell, run], µA/cm².
            wiring: by projection, the arrays of its connections.
            now: the moment of the stage.
        """
        result: dict[str, dict[str, Relaxation]] = {}
        inputs = self._synaptic_input(state, wiring)
        for name, population in self.populations.items():
            x = state[name]
            conductance, source = inputs[name]
            source = source + drive[name]
            current: dict[str, Tensor] = {}
            for key, channel in population.channels().items():
                g = channel.conductance * channel.gating(_part(x, key))
                conductance, source = conductance + g, source + g * channel.reversal
                if channel.ion is not None:
                    own = g * (x["v"] - channel.reversal)
                    current[channel.ion] = current[channel.ion] + own if channel.ion in current else own
            concentration = {pool.ion: x[f"{key}.concentration"] for key, pool in population.pools().items()}
            cell = Cell(x["v"], concentration, current)
            own_relaxations = {"v": Relaxation(source / population.capacitance, conductance / population.capacitance)}
            for key, mechanism in population.mechanisms.items():
                own_relaxations |= _prefix(key, mechanism.relaxations(_part(x, key), cell))
            for key in self.transmitting()[name]:
                own_relaxations |= _prefix(key, self.synapses[key].kinetics(cell, _part(held[name], key), now))
            result[name] = own_relaxations
        return result

    def after_step(self, before: PerPopulation, after: PerPopulation, held: PerPopulation, dt: float) -> PerPopulation:
        """The held values of the next step."""
        renewed: PerPopulation = {}
        for name, kinds in self.transmitting().items():
            renewed[name] = {}
            for key in kinds:
                values = self.synapses[key].after_step(_part(held[name], key), before[name]["v"], after[name]["v"], dt)
                renewed[name] |= _prefix(key, values)
        return renewed

    def _synaptic_input(self, state: PerPopulation, wiring: Any) -> dict[str, tuple[Tensor, Tensor]]:
        """By population, Σ g and Σ g E over its synapses, [cell, run]."""
        total: dict[str, tuple[Tensor, Tensor]] = dict.fromkeys(self.populations, (0.0, 0.0))
        for name, projection in self.projections.items():
            open_fraction = state[projection.pre][f"{projection.synapse}.open"]
            g = projection.conductance * synaptic_sum(wiring[name], open_fraction)
            conductance, source = total[projection.post]
            total[projection.post] = conductance + g, source + g * self.synapses[projection.synapse].reversal
        return total


def share_out(config: Mapping[str, Any]) -> dict[str, int]:
    """The size of each population: `network.size` shared out as their `share`s say."""
    shares = {name: part["share"] for name, part in config["populations"].items()}
    if not shares:
        raise PsstError("network.populations: is empty; a network needs at least one population")
    whole = sum(shares.values()) // gcd(*shares.values())
    if config["size"] % whole:
        parts = ":".join(str(share) for share in shares.values())
        raise PsstError(
            f"network.size={config['size']}: cannot be shared out {parts} between {', '.join(shares)}; "
            f"take a multiple of {whole}"
        )
    return {name: config["size"] * share // sum(shares.values()) for name, share in shares.items()}


def connect(network: Network, seed: int, number: int) -> dict[str, Connections]:
    """The connections of each projection in the network replicate of that number."""
    sizes = network.sizes
    return {
        name: projection.connectivity.connect(
            sizes[projection.pre],
            sizes[projection.post],
            projection.pre == projection.post,
            generator(seed, f"connectivity:{name}", number),
        )
        for name, projection in network.projections.items()
    }


def start_state(
    network: Network, config: Mapping[str, Any], seed: int, number: int, trial: int
) -> dict[str, dict[str, Array]]:
    """By population and variable, the value of each cell at t = 0, shape [cell].

    From `network.start_file` where it holds a variable `population.variable`; all jittered by a Gaussian factor.
    """
    given = read_arrays(config["start_file"], "network.start_file") if config["start_file"] else {}
    state: dict[str, dict[str, Array]] = {}
    for name, values in network.start_values().items():
        size, state[name] = network.sizes[name], {}
        for variable, value in values.items():
            cells = given.pop(f"{name}.{variable}", np.full(size, value))
            if cells.shape != (size,):
                raise PsstError(
                    f"network.start_file={config['start_file']}: {name}.{variable} has the shape {cells.shape}; "
                    f"the population has {size} cells"
                )
            random = generator(seed, f"start:{name}.{variable}", number, trial)
            state[name][variable] = cells * (1.0 + config["start_jitter"] * random.standard_normal(size))
    if given:
        raise PsstError(
            f"network.start_file={config['start_file']}: {', '.join(sorted(given))}: no such variables; "
            "name them population.variable, like pn.v"
        )
    return state


def _scaling(config: Mapping[str, Any], part: Mapping[str, Any], rule: Connectivity, sizes: Mapping[str, int]) -> float:
    """K_ref / K: what keeps the expected input of a cell when the network grows."""
    if config["scaling"] == "none" or part["reference_in_degree"] is None:
        return 1.0
    expected = rule.in_degree(sizes[part["pre"]], sizes[part["post"]])
    return float(part["reference_in_degree"] / expected) if expected else 0.0


def _require(name: str, known: Mapping[str, Any], key: str) -> None:
    if name not in known:
        raise PsstError(f"{key}={name}: there is no such entry; there are: {', '.join(known)}")


def _part(values: Mapping[str, Any], key: str) -> dict[str, Any]:
    """The entries `key.name`, by name."""
    return {name[len(key) + 1 :]: value for name, value in values.items() if name.startswith(f"{key}.")}


def _prefix(key: str, values: Mapping[str, Any]) -> dict[str, Any]:
    return {f"{key}.{name}": value for name, value in values.items()}
