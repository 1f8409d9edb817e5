"""The equations of a network, and the changes at the end of a step.

C v' = I(t) − Σ_channels g a (v − E) − Σ_projections G (Σ_pre w s_pre) B(v) (v − E) − Σ_junctions G Σ w (v − v_other)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

from psst_core import tf
from psst_core.arrays import DType, Number, Tensor, TensorArray
from psst_core.integrate.wiring import synaptic_sum
from psst_core.model.mechanisms import (
    Cell,
    Channel,
    Clock,
    ClockUse,
    Current,
    Event,
    Junction,
    KineticSynapse,
    LinearSynapse,
    Relaxation,
    States,
    Synapse,
    System,
    cast,
    crossed,
)
from psst_core.model.network import Network, Population
from psst_core.model.returned import asking, checked_changes, checked_number, checked_pair, checked_relaxations
from psst_core.model.streams import Stream

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int, Num, Shaped, UInt32


T = TypeVar("T")
ByPopulation = dict[str, dict[str, "Float[Tensor, '_cell run']"]]
Axons = dict[str, dict[str, TensorArray]]
# Of an axon: who fired, or the potentials at both ends of the next step.
Signal: TypeAlias = "Bool[Tensor, '_cell run'] | tuple[Float[Tensor, '_cell run'], Float[Tensor, '_cell run']]"
PAST, COMING, REFRACTORY = "past", "coming", "refractory"


@dataclass(frozen=True)
class Equations:
    """A network with every input of its equations beside the state.

    Attributes:
        wiring: by projection, the arrays of its connections.
        streams: by population and mechanism, the keys of its random numbers.
        dt: ms.
        dtype: of all states.
    """

    network: Network
    wiring: Mapping[str, Mapping[str, Num[Tensor, "..."]]]
    streams: Mapping[str, Mapping[str, UInt32[Tensor, "word run"]]]
    dt: float
    dtype: DType

    def relaxations(
        self, state: ByPopulation, held: ByPopulation, drive: Mapping[str, Float[Tensor, " _cell #run"]], now: Clock
    ) -> dict[str, dict[str, Relaxation]]:
        """Return x' = source − decay·x for every variable.

        Args:
            state, held: by population and variable.
            drive: by population, the injected current, µA/cm².
            now: the moment of the stage.
        """
        inputs = self._synaptic_input(state)
        result = {}
        for name, population in self.network.populations.items():
            if population.system is not None:
                result[name] = self._field(population, state[name], now)
            else:
                result[name] = self._membrane(population, state[name], held[name], drive[name], inputs[name], now)
        return result

    def after_step(
        self, before: ByPopulation, after: ByPopulation, held: ByPopulation, axons: Axons, step: Int[Tensor, ""]
    ) -> tuple[ByPopulation, ByPopulation, Axons, dict[str, Bool[Tensor, "_cell run"]]]:
        """Return state, held values and axons at the start of the next step, and by population who fired in this one.

        Args:
            before, after: the state at both ends of the step.
            axons: by population and synapse, the signals on their way: a TensorArray over delay + 1 steps.
            step: the number of the next step.
        """
        network, dt = self.network, self.dt
        state = {name: dict(variables) for name, variables in after.items()}
        renewed: ByPopulation = {name: dict(held[name]) for name in network.populations}
        fired: dict[str, Bool[Tensor, "_cell run"]] = {}
        arriving: dict[str, dict[str, Signal]] = {}
        for name, population in network.populations.items():
            fired[name], rest = _spikes(population, before[name], after[name], held[name], dt)
            renewed[name] |= rest
            arriving[name], axons[name] = self._arriving(name, after[name], fired[name], axons[name], step)
        for name in network.populations:
            for key, part in network.parts(name).items():
                arrives: Any = arriving[name].get(key, fired[name])
                if network.is_delayed_potential(name, key):
                    renewed[name] |= {f"{key}.{PAST}": arrives[0], f"{key}.{COMING}": arrives[1]}
                event = Event(step, dt, arrives, self._arrived(name, key, arriving), self._stream(name, key))
                own, kept = _part(state[name], key), _part(held[name], key)
                with asking(at := network.key(name, key), part, "after_step"):
                    changes = part.after_step(own, kept, event)
                changes = checked_changes(changes, own | kept, at, part)
                for variable, value in changes.items():
                    into = state if variable in part.states else renewed
                    into[name][f"{key}.{variable}"] = value
        return state, renewed, axons, fired

    def _field(self, population: Population, x: States, now: Clock) -> dict[str, Relaxation]:
        """Return x' of a plain system.

        Where x' depends on time, it is computed in double precision, as single precision cannot tell late steps apart.
        """
        key, system = f"network.populations.{population.name}.equations", population.system
        assert system is not None
        use, single, double = ClockUse(), now.precision, tf.float64

        def checked(of: System, x: States, now: Clock) -> dict[str, Relaxation]:
            with asking(key, of, "field"):
                found = of.field(x, now)
            return checked_relaxations(found, of.states, x[population.signal], key, of, "field")

        found = checked(system, x, replace(now, use=use))
        if single == double or not use.time:
            return found
        numbers = {f.name: getattr(system, f.name) for f in fields(system)}  # type: ignore[arg-type]
        tensors = {name: cast(number, double) for name, number in numbers.items() if tf.is_tensor(number)}
        wide: System = replace(system, **tensors)  # type: ignore[type-var]
        found = checked(wide, {name: cast(value, double) for name, value in x.items()}, now.within(double))
        return {
            name: Relaxation(*(cast(cast(part, double), single) for part in (relaxation.source, relaxation.decay)))
            for name, relaxation in found.items()
        }

    def _membrane(
        self,
        population: Population,
        x: States,
        held: States,
        drive: Float[Tensor, "#cell #run"],
        inputs: tuple[Number, Number],
        now: Clock,
    ) -> dict[str, Relaxation]:
        """Return x' of the variables of a population of membranes."""
        conductance, source = inputs
        source = source + drive
        current: dict[str, Float[Tensor, "cell run"]] = {}
        for key, part in population.mechanisms.items():
            if not isinstance(part, Current):
                continue
            with asking(at := self.network.key(population.name, key), part, "membrane"):
                flow = part.membrane(_part(x, key), _part(held, key), x["v"], now)
            g, own_source = checked_pair(flow, x["v"], at, part, "membrane")
            conductance, source = conductance + g, source + own_source
            if isinstance(part, Channel) and part.ion is not None:
                own = g * (x["v"] - part.reversal)
                current[part.ion] = current[part.ion] + own if part.ion in current else own
        concentration = {pool.ion: x[f"{key}.concentration"] for key, pool in population.pools().items()}
        cell = Cell(x["v"], concentration, current)
        result = {"v": Relaxation(source / population.capacitance, conductance / population.capacitance)}
        for key, part in self.network.parts(population.name).items():
            own_x, method = _part(x, key), "kinetics" if isinstance(part, KineticSynapse) else "relaxations"
            with asking(at := self.network.key(population.name, key), part, method):
                if isinstance(part, KineticSynapse):
                    own_held, pre = _part(held, key), cell
                    if PAST in own_held:
                        past, coming = own_held[PAST], own_held[COMING]
                        pre = Cell(past + now.fraction * (coming - past))
                    found = part.kinetics(own_x, pre, own_held, now)
                else:
                    found = part.relaxations(own_x, cell)
            result |= _prefix(key, checked_relaxations(found, part.states, x["v"], at, part, method))
        return result

    def _synaptic_input(self, state: ByPopulation) -> dict[str, tuple[Number, Number]]:
        """Return Σ g and Σ g E over the synapses onto each population."""
        network = self.network
        total: dict[str, tuple[Number, Number]] = dict.fromkeys(network.populations, (0.0, 0.0))

        def add(population: str, g: Number, source: Number) -> None:
            total[population] = total[population][0] + g, total[population][1] + source

        for name, projection in network.projections.items():
            synapse = network.synapses[projection.synapse]
            if isinstance(synapse, KineticSynapse):
                before, behind = state[projection.pre]["v"], state[projection.post]["v"]
                with asking(at := f"network.synapses.{projection.synapse}", synapse, "conducting"):
                    conducting = synapse.conducting(_part(state[projection.pre], projection.synapse))
                conducting = checked_number(conducting, before, at, synapse, "conducting", whole=True)
                g = projection.conductance * synaptic_sum(self.wiring[name], conducting)
                g = g * _block(synapse, behind, at)
                add(projection.post, g, g * synapse.reversal)
            elif isinstance(synapse, Junction):
                for key, post, pre in network.ways(name):
                    wiring = self.wiring[key]
                    others = synaptic_sum(wiring, state[pre]["v"])
                    total_weight = tf.cast(wiring["total"], others.dtype)
                    add(post, projection.conductance * total_weight, projection.conductance * others)
        for name in network.populations:
            for key, synapse in network.receiving(name).items():
                g = state[name][f"{key}.conductance"] * _block(synapse, state[name]["v"], f"network.synapses.{key}")
                add(name, g, g * synapse.reversal)
        return total

    def _arriving(
        self,
        name: str,
        after: States,
        fired: Bool[Tensor, "cell run"],
        axons: Mapping[str, TensorArray],
        step: Int[Tensor, ""],
    ) -> tuple[dict[str, Signal], dict[str, TensorArray]]:
        """Return the signals that arrive at the ends of a population's axons now, by synapse, and the axons afterwards.

        A signal is a spike (or none). Where potentials drive the synapse, it is the two potentials between which the
        next step lies.
        """
        arriving, kept = {}, {}
        for key, synapse in self.network.transmitting(name).items():
            if key not in axons:
                arriving[key] = fired
                continue
            length = self.network.delay_steps(key, self.dt) + 1
            signal = fired if synapse.spiking else after["v"]
            axon = kept[key] = axons[key].write(step % length, signal)
            oldest = axon.read((step + 1) % length)
            arriving[key] = oldest if synapse.spiking else (oldest, axon.read((step + 2) % length))
        return arriving, kept

    def _arrived(
        self, name: str, key: str, arriving: Mapping[str, Mapping[str, Signal]]
    ) -> Float[Tensor, "cell run"] | None:
        """Return Σ G w over the spikes that arrive at a population through a linear synapse.

        None for other parts.
        """
        if not isinstance(self.network.synapses.get(key), LinearSynapse):
            return None
        total = 0.0
        for projection_name, projection in self.network.projections.items():
            if projection.synapse == key and projection.post == name:
                spikes = tf.cast(arriving[projection.pre][key], self.dtype)
                total = total + projection.conductance * synaptic_sum(self.wiring[projection_name], spikes)
        return total

    def _stream(self, name: str, key: str) -> Stream | None:
        if key not in self.streams[name]:
            return None
        return Stream(self.streams[name][key], self.network.sizes[name], self.dtype)


def held_at_start(network: Network, state: ByPopulation) -> ByPopulation:
    """Return every value that is kept over a step, at t = 0."""
    held: ByPopulation = {}
    for name, values in network.held_values().items():
        signal = state[name][network.populations[name].signal]
        held[name] = {key: tf.fill(signal.shape, tf.constant(value, signal.dtype)) for key, value in values.items()}
        for key in network.transmitting(name):
            if network.is_delayed_potential(name, key):
                held[name] |= {f"{key}.{PAST}": signal, f"{key}.{COMING}": signal}
        if network.populations[name].refractory:
            held[name][REFRACTORY] = tf.zeros_like(signal)
    return held


def axons_at_start(
    network: Network, state: ByPopulation, dt: float
) -> dict[str, dict[str, Shaped[Tensor, "_step _cell run"]]]:
    """Return the signals on their way at t = 0, by population and synapse with a delay, for its steps and one more.

    There is no spike; potentials are as at the start.
    """
    axons: dict[str, dict[str, Shaped[Tensor, "_step _cell run"]]] = {}
    for name in network.populations:
        axons[name] = {}
        for key, synapse in network.transmitting(name).items():
            if steps := network.delay_steps(key, dt):
                now = tf.zeros_like(state[name]["v"], dtype=tf.bool) if synapse.spiking else state[name]["v"]
                axons[name][key] = tf.repeat(now[None], steps + 1, axis=0)
    return axons


def _spikes(
    population: Population, before: States, after: States, held: States, dt: float
) -> tuple[Bool[Tensor, "cell run"], dict[str, Float[Tensor, "cell run"]]]:
    """Return who fired in the step, and for how many steps each cell cannot fire again."""
    if population.system is not None:
        return tf.zeros_like(after[population.signal], dtype=tf.bool), {}
    fired = crossed(before["v"], after["v"], population.spike_threshold)
    if not population.refractory:
        return fired, {}
    rest = tf.maximum(held[REFRACTORY] - 1.0, tf.zeros_like(held[REFRACTORY]))
    fired = fired & (rest <= 0.0)
    return fired, {REFRACTORY: tf.where(fired, round(population.refractory / dt) * tf.ones_like(rest), rest)}


def _block(synapse: Synapse, v: Float[Tensor, "cell run"], key: str) -> Number:
    """Return the factor that the potential puts on a synapse's conductance, checked."""
    with asking(key, synapse, "block"):
        found = synapse.block(v)
    return checked_number(found, v, key, synapse, "block")


def _part(values: States, key: str) -> dict[str, Float[Tensor, "cell run"]]:
    """Return the entries `key.name`, by name."""
    return {name[len(key) + 1 :]: value for name, value in values.items() if name.startswith(f"{key}.")}


def _prefix(key: str, values: Mapping[str, T]) -> dict[str, T]:
    return {f"{key}.{name}": value for name, value in values.items()}
