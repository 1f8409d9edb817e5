"""The description of a network: populations joined by projections, built from its part of a resolved configuration.

A parameter in it is a number. Inside the compiled program it may be a tensor: [1, run] where runs differ, [cell, run]
where cells differ.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from psst_core.arrays import Array, Tensor
from psst_core.configuration import Config, DescribedNetwork, NetworkConfig, ProjectionConfig
from psst_core.datafiles import InputFile, Variable, in_unit, read_variable, variable_names
from psst_core.errors import PsstError, named
from psst_core.keys import distribution_keys, get, put, start_values
from psst_core.model import channels, distributions, noise, pools, synapses, systems  # noqa: F401  (fills the registry)
from psst_core.model.connectivity import Connections, Connectivity
from psst_core.model.mechanisms import (
    Channel,
    Junction,
    KineticSynapse,
    LinearSynapse,
    Mechanism,
    Pool,
    Synapse,
    System,
)
from psst_core.model.returned import checked_start
from psst_core.registry import build, suggestion
from psst_core.seeds import generator

if TYPE_CHECKING:
    from jaxtyping import Float


BACK = ".back"
NO_CELLS = {"time", "run", "network", "trial"}  # dimensions of PSST's own files that do not count cells


@dataclass(frozen=True)
class Population:
    """Cells of one kind: membranes with mechanisms, or copies of a plain system.

    Attributes:
        capacitance: µF/cm².
        spike_threshold: mV; a spike is an upward crossing of it. These spikes are recorded and drive synapses.
        refractory: the shortest time between two spikes of a cell, ms.
        start: values at t = 0 that replace the mechanisms' own, by variable (`v`, `sodium.m`).
        system: the equations that replace a membrane, or None.
    """

    name: str
    size: int
    capacitance: float
    spike_threshold: float
    refractory: float
    start: dict[str, distributions.Given]
    mechanisms: dict[str, Mechanism]
    system: System | None

    @property
    def signal(self) -> str:
        """The variable whose mean is recorded."""
        return "v" if self.system is None else self.system.states[0]

    def channels(self) -> dict[str, Channel]:
        return {name: m for name, m in self.mechanisms.items() if isinstance(m, Channel)}

    def pools(self) -> dict[str, Pool]:
        return {name: m for name, m in self.mechanisms.items() if isinstance(m, Pool)}


@dataclass(frozen=True)
class Projection:
    """The synapses of one kind from one population onto another.

    Attributes:
        conductance: G with every factor on it (`network.coupling`, the transmitter's, in-degree scaling), mS/cm².
        weight: a factor on each connection: a number, or a distribution over the connections.
    """

    name: str
    pre: str
    post: str
    synapse: str
    conductance: float
    connectivity: Connectivity
    weight: distributions.Given = 1.0


@dataclass(frozen=True)
class Network:
    populations: dict[str, Population]
    synapses: dict[str, Synapse]
    projections: dict[str, Projection]

    @classmethod
    def from_config(cls, config: DescribedNetwork) -> Network:
        """Build the network that the resolved `network` part of a configuration describes.

        Sums run over mechanisms and projections in the order of their names. So the order of keys in a file changes no
        bit.

        Raises:
            PsstError: naming the key, when something that does not exist is named, or a size cannot be shared out.
        """
        sizes = share_out(config)
        populations: dict[str, Population] = {
            name: Population(
                name,
                sizes[name],
                part.capacitance,
                part.spike_threshold,
                part.refractory,
                start_values(part.start),
                {
                    mechanism: build("mechanism", settings, f"network.populations.{name}.mechanisms.{mechanism}")
                    for mechanism, settings in sorted(part.mechanisms.items())
                },
                build("system", part.equations, f"network.populations.{name}.equations")
                if part.equations is not None
                else None,
            )
            for name, part in config.populations.items()
        }
        kinds: dict[str, Synapse] = {
            name: build("synapse", settings, f"network.synapses.{name}")
            for name, settings in sorted(config.synapses.items())
        }
        projections = {}
        for name, part in sorted(config.projections.items()):
            key = f"network.projections.{name}"
            ends = part.pre, part.post
            for end, population in zip(("pre", "post"), ends, strict=True):
                _require(population, populations, f"{key}.{end}")
            _require(part.synapse, kinds, f"{key}.synapse")
            rule = build("connectivity", part.connectivity, f"{key}.connectivity")
            transmitter = kinds[part.synapse].transmitter
            factor = 1.0 if transmitter is None else config.factors[transmitter]
            strength = part.conductance * config.coupling * factor
            with named(key):
                strength *= _scaling(config, part, rule, sizes, isinstance(kinds[part.synapse], Junction))
            projections[name] = Projection(name, *ends, part.synapse, strength, rule, part.weight)
        network = cls(populations, kinds, projections)
        network.check()
        return network

    def with_conductances(self, conductances: Mapping[str, Float[Tensor, "1 run"]]) -> Network:
        """Return a copy with other conductances of its projections."""
        projections = {
            name: replace(projection, conductance=conductances[name]) for name, projection in self.projections.items()
        }
        return replace(self, projections=projections)

    @property
    def sizes(self) -> dict[str, int]:
        return {name: population.size for name, population in self.populations.items()}

    @property
    def places(self) -> dict[str, slice]:
        """The slice of each population when the cells of all populations are counted one after the other."""
        ends = np.cumsum(list(self.sizes.values())).tolist()
        return {name: slice(end - self.sizes[name], end) for name, end in zip(self.sizes, ends, strict=True)}

    def check(self) -> None:
        """Raise a PsstError if parts do not fit each other, or if a start value fits no variable."""
        for name in self.projections:
            self._check_projection(name)
        for name, population in self.populations.items():
            self._check_mechanisms(population, f"network.populations.{name}.mechanisms")
            known = self._own_starts(name)
            for variable in population.start:
                _require(variable, known, f"network.populations.{name}.start")

    def _check_projection(self, name: str) -> None:
        projection, key = self.projections[name], f"network.projections.{name}"
        pre, post = self.populations[projection.pre], self.populations[projection.post]
        with named(key):
            if self.couples(name):
                projection.connectivity.check_junctions(pre.size)
            else:
                projection.connectivity.check(pre.size, post.size, pre is post)
        for end, population in (("pre", pre), ("post", post)):
            if population.system is not None:
                raise PsstError(f"{key}.{end}={population.name}: is a plain system, without synapses")

    def _check_mechanisms(self, population: Population, key: str) -> None:
        name = population.name
        if population.system is not None and population.mechanisms:
            raise PsstError(f"{key}: {name} has `equations` of its own; leave out the mechanisms or the equations")
        for synapse in (*self.transmitting(name), *self.receiving(name)):
            if synapse in population.mechanisms:
                raise PsstError(f"{key}.{synapse}: is also the name of a synapse; rename one of them")
        ions = {pool.ion for pool in population.pools().values()}
        carried = {channel.ion for channel in population.channels().values()}
        for ion in ions - carried:
            raise PsstError(f"{key}: an ion pool of {ion} needs a channel that carries {ion}")
        for mechanism, part in population.mechanisms.items():
            for ion in set(part.reads) - ions:
                raise PsstError(f"{key}.{mechanism}: reads the concentration of {ion}; add an ion pool of {ion}")

    def couples(self, name: str) -> bool:
        """Return whether a projection is made of junctions between cells of one population."""
        projection = self.projections[name]
        return isinstance(self.synapses[projection.synapse], Junction) and projection.pre == projection.post

    def transmitting(self, name: str) -> dict[str, Synapse]:
        """Return the chemical synapses through which a population projects."""
        kinds = {p.synapse: self.synapses[p.synapse] for p in self.projections.values() if p.pre == name}
        return {kind: synapse for kind, synapse in kinds.items() if not isinstance(synapse, Junction)}

    def receiving(self, name: str) -> dict[str, LinearSynapse]:
        """Return the linear synapses onto a population; their states belong to its cells."""
        kinds = {p.synapse: self.synapses[p.synapse] for p in self.projections.values() if p.post == name}
        return {kind: synapse for kind, synapse in kinds.items() if isinstance(synapse, LinearSynapse)}

    def parts(self, name: str) -> dict[str, Mechanism]:
        """Return every part whose states belong to a population's cells."""
        kinetic = {k: s for k, s in self.transmitting(name).items() if isinstance(s, KineticSynapse)}
        return {**self.populations[name].mechanisms, **kinetic, **self.receiving(name)}

    def key(self, name: str, part: str) -> str:
        """Return the key of a population's part in the configuration."""
        room = (
            f"network.populations.{name}.mechanisms"
            if part in self.populations[name].mechanisms
            else "network.synapses"
        )
        return f"{room}.{part}"

    def ways(self, name: str) -> list[tuple[str, str, str]]:
        """Return the directions in which a projection acts, each as the name of its connections, post and pre."""
        projection = self.projections[name]
        there = (name, projection.post, projection.pre)
        both = isinstance(self.synapses[projection.synapse], Junction) and projection.pre != projection.post
        return [there, (name + BACK, projection.pre, projection.post)] if both else [there]

    def delay_steps(self, synapse: str, dt: float) -> int:
        return round(self.synapses[synapse].delay / dt)

    def is_delayed_potential(self, name: str, key: str) -> bool:
        """Return whether a part of a population is a synapse that earlier potentials drive."""
        synapse = self.transmitting(name).get(key)
        return synapse is not None and not synapse.spiking and synapse.delay > 0

    def start_values(self) -> dict[str, dict[str, distributions.Given]]:
        """Return the value at t = 0 of each integrated variable (`v`, `sodium.m`, `ach.open`), by population."""
        return {name: self._own_starts(name) | p.start for name, p in self.populations.items()}

    def start_units(self) -> dict[str, dict[str, str]]:
        """Return the unit of each integrated variable, by population; `1` where it has none."""
        found = {}
        for name, population in self.populations.items():
            own = {"v": "mV"} if population.system is None else dict(population.system.units)
            for key, part in self.parts(name).items():
                own |= {f"{key}.{state}": unit for state, unit in part.units.items()}
            found[name] = {variable: own.get(variable, "1") for variable in self._own_starts(name)}
        return found

    def _own_starts(self, name: str) -> dict[str, distributions.Given]:
        """Return the variables of a population, with the values at t = 0 that its mechanisms give."""
        population = self.populations[name]
        if population.system is not None:
            return checked_start(population.system, f"network.populations.{name}.equations")
        values: dict[str, distributions.Given] = {"v": -65.0}
        for key, part in self.parts(name).items():
            values |= {f"{key}.{state}": value for state, value in checked_start(part, self.key(name, key)).items()}
        return values

    def held_values(self) -> dict[str, dict[str, float]]:
        """Return the start of each value that a population's parts keep over a step, by population."""
        return {
            name: {
                f"{key}.{held}": value for key, part in self.parts(name).items() for held, value in part.held.items()
            }
            for name in self.populations
        }


def share_out(config: NetworkConfig) -> dict[str, int]:
    """Return the size of each population: `network.size` shared out as each `share` says."""
    shares = {name: part.share for name, part in config.populations.items()}
    if not shares:
        raise PsstError("network.populations: is empty; a network needs at least one population")
    whole = sum(shares.values()) // gcd(*shares.values())
    if config.size % whole:
        parts = ":".join(str(share) for share in shares.values())
        raise PsstError(
            f"network.size={config.size}: cannot be shared out {parts} between {', '.join(shares)}; "
            f"take a multiple of {whole}"
        )
    return {name: config.size * share // sum(shares.values()) for name, share in shares.items()}


def connect(network: Network, seed: int, number: int) -> dict[str, Connections]:
    """Draw the connections of each projection in network replicate `number`, both ways for junctions."""
    sizes = network.sizes
    drawn = {}
    for name, projection in network.projections.items():
        pre, post = projection.pre, projection.post
        random = generator(seed, f"connectivity:{name}", number)
        with named(f"network.projections.{name}"):
            if network.couples(name):
                links = projection.connectivity.couple(sizes[pre], random)
            else:
                links = projection.connectivity.connect(sizes[pre], sizes[post], pre == post, random)
        if projection.weight != 1.0:
            key = f"network.projections.{name}.weight"
            factors = distributions.values(projection.weight, key, len(links.post), generator(seed, key, number))
            links = links.scaled(factors)
        if network.couples(name):
            links = links.mirrored()
        elif isinstance(network.synapses[projection.synapse], Junction):
            drawn[name + BACK] = links.transposed()
        drawn[name] = links
    return drawn


def draw_parameters(config: Config, number: int) -> Config:
    """Return the configuration with an array [cell] in place of each parameter that is a distribution over cells."""
    if not (keys := distribution_keys(config)):
        return config
    sizes = share_out(config.network)
    return put(
        config,
        {
            key: distributions.of(get(config, key), key).draw(
                sizes[_carrier(config.network, key)], generator(config.run.seed, key, number)
            )
            for key in keys
        },
    )


def _carrier(network: NetworkConfig, key: str) -> str:
    """Return the population over whose cells a parameter is distributed.

    Raises:
        PsstError: for a synapse's parameter that belongs to the cells of several populations, or to both ends.
    """
    if key.startswith("stimulus"):
        raise PsstError(f"{key}: cannot be a distribution; stimulus.spread makes its strength differ between cells")
    _, room, name, *rest = key.split(".")
    if room == "populations":
        return name
    synapse = build("synapse", network.synapses[name], f"network.synapses.{name}")
    behind = isinstance(synapse, LinearSynapse)
    found = {part.post if behind else part.pre for part in network.projections.values() if part.synapse == name}
    if len(found) != 1 or (rest == ["reversal"] and not behind):
        raise PsstError(
            f"{key}: cannot be a distribution, as this number is not that of one population's cells; "
            "give each projection a synapse of its own, or the projection a distribution of `weight`"
        )
    return str(found.pop())


def start_state(
    network: Network, config: NetworkConfig, seed: int, number: int, trial: int
) -> dict[str, dict[str, Float[Array, " _cell"]]]:
    """Return the value of each cell at t = 0, by population and variable.

    A value comes from `network.start_file` where that holds a variable `population.variable`. Each value is multiplied
    by a Gaussian factor with mean 1 and standard deviation `network.start_jitter`.
    """
    given = _given_starts(network, config.start_file) if config.start_file else {}
    state: dict[str, dict[str, Float[Array, " _cell"]]] = {}
    for name, values in network.start_values().items():
        size, state[name] = network.sizes[name], {}
        for variable, value in values.items():
            drawing = generator(seed, f"start value:{name}.{variable}", number, trial)
            own = distributions.values(value, f"network.populations.{name}.start.{variable}", size, drawing)
            cells = given.get(f"{name}.{variable}", own)
            random = generator(seed, f"start:{name}.{variable}", number, trial)
            state[name][variable] = cells * (1.0 + config.start_jitter * random.standard_normal(size))
    return state


def _given_starts(network: Network, path: str) -> dict[str, Float[Array, " _cell"]]:
    """Read the start values in a file, by `population.variable`."""
    file, units, given = InputFile(path, "network.start_file"), network.start_units(), {}
    for key in variable_names(file, file.key):
        name, _, variable = key.partition(".")
        if variable not in units.get(name, {}):
            known = [f"{population}.{own}" for population, variables in units.items() for own in variables]
            raise PsstError(
                f"{file.key}={file}: {key!r}: the network has no such variable{suggestion(key, known)}; leave it out, "
                f"or name it population.variable; there are: {', '.join(known)}"
            )
        read = read_variable(file, key, file.key)
        cells = _of_cells(read, name, network.sizes)
        given[key] = in_unit(cells, read.unit, units[name][variable], read.where)
    return given


def _of_cells(read: Variable, name: str, sizes: Mapping[str, int]) -> Float[Array, " cell"]:
    """Return a number of a file for each cell of a population.

    The file holds one number for all cells, or one for each cell in its place.
    """
    if read.values.ndim == 0:
        return np.full(sizes[name], float(read.values))
    other = {*sizes} - {name} | NO_CELLS
    if read.dims and len(read.dims) == 1 and read.dims[0] in other:
        raise PsstError(
            f"{read.where} has the dimension {read.dims[0]}, which is not that of the cells of {name}; call it cell"
        )
    cells = read.along(*(read.dims or ("cell",))) if read.values.ndim == 1 else read.values
    if cells.shape != (sizes[name],):
        raise PsstError(f"{read.where} has the shape {cells.shape}; the population {name} has {sizes[name]} cells")
    return cells


def _scaling(
    config: NetworkConfig, part: ProjectionConfig, rule: Connectivity, sizes: Mapping[str, int], junctions: bool
) -> float:
    """Return K_ref / K, the factor that keeps the expected input of a cell when the network grows."""
    if config.scaling == "none" or part.reference_in_degree is None:
        return 1.0
    pre, post = part.pre, part.post
    expected = rule.degree(sizes[pre]) if junctions and pre == post else rule.in_degree(sizes[pre], sizes[post])
    return float(part.reference_in_degree / expected) if expected else 0.0


def _require(name: str, known: Mapping[str, object], key: str) -> None:
    if name not in known:
        what = {"pre": "population", "post": "population", "synapse": "synapse"}.get(key.rpartition(".")[2], "variable")
        near = suggestion(name, known) if name else ""
        raise PsstError(f"{key}={name}: there is no such {what}{near}; there are: {', '.join(known)}")
