"""The keys that a configuration reads, as its parts declare them. A key that is not read decides nothing.

Only declarations count, never results. These are the synapses, rules, stimuli and solvers, what they declare as
unread, and which numbers are 0 or 1. A key that is said to be unread is certainly unread. Any other key may be read.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from psst_core.configuration import Config
from psst_core.datafiles import InputFile, variable_names
from psst_core.integrate import solvers  # noqa: F401  (fills the registry)
from psst_core.keys import distribution_keys, get, start_values, transmitters
from psst_core.model import channels, noise, pools, stimuli, synapses, systems  # noqa: F401  (fills the registry)
from psst_core.model.distributions import is_distribution, of
from psst_core.model.network import share_out
from psst_core.registry import build, lookup

TOLERANCES = ("relative_tolerance", "absolute_tolerance")
NOTHING_DRAWN = (
    "nothing is drawn at random: no connections, distributions, noise, start jitter, nor which cells the stimulus "
    "reaches"
)
SAME_TRIALS = (
    "trials on one network differ in noise, start jitter, distributions of start values and the stimulus's share and "
    "spread, none of which is random here"
)


@dataclass(frozen=True)
class Reads:
    """The keys of a configuration that decide nothing.

    Attributes:
        unread: by the key of a value, or of a group with all below it, why it decides nothing.
        same: by `network` and `trial`, why replicates of that sort are identical; no entry where they differ.
    """

    unread: Mapping[str, str]
    same: Mapping[str, str]

    def why_not(self, key: str) -> str | None:
        """Say why a key decides nothing; None where it is read."""
        parts = key.split(".")
        prefixes = (".".join(parts[:length]) for length in range(len(parts), 0, -1))
        return next((self.unread[prefix] for prefix in prefixes if prefix in self.unread), None)


def reads(config: Config) -> Reads:
    """Find the keys that a resolved configuration does not read. It need not be checked yet.

    Some numbers may differ between runs of one program. Of these it matters only whether they are 0 or 1.

    Raises:
        PsstError: where a part of the configuration cannot be made.
    """
    unread = dict([*_of_populations(config), *_of_synapses(config), *_of_stimulus(config), *_of_solver(config)])
    trials, networks = _trials_differ(config), _networks_differ(config)
    same = {} if trials else {"trial": SAME_TRIALS if networks else NOTHING_DRAWN}
    if not (trials or networks):
        same["network"] = unread["run.seed"] = NOTHING_DRAWN
    return Reads(unread, same)


def sort_of(value: object) -> Any:
    """Return all that `reads` may look at in a value that differs between runs of one program.

    Returns:
        The value itself where it is 0, 1 or no number, else `number`.
    """
    return value if not isinstance(value, float | int) or value in (0, 1) else "number"


def _of_populations(config: Config) -> Iterator[tuple[str, str]]:
    network = config.network
    file = InputFile(network.start_file or "", "network.start_file")
    given = variable_names(file, file.key) if file else []
    for name, population in network.populations.items():
        key = f"network.populations.{name}"
        if len(network.populations) == 1:
            yield f"{key}.share", f"{name} is the only population"
        if population.equations is not None:
            for field in ("capacitance", "spike_threshold", "refractory"):
                yield f"{key}.{field}", f"{name} has equations of its own, without a membrane"
        for variable in start_values(population.start):
            if f"{name}.{variable}" in given:
                yield f"{key}.start.{variable}", f"network.start_file holds {name}.{variable}"
        for mechanism, settings in population.mechanisms.items():
            part = f"{key}.mechanisms.{mechanism}"
            for field, why in build("mechanism", settings, part).unread().items():
                yield f"{part}.{field}", f"{part}.{why}"


def _of_synapses(config: Config) -> Iterator[tuple[str, str]]:
    """Yield unread keys with the reason: synapses without a projection, and factors that act on no conductance."""
    network = config.network
    projections, declared = network.projections, transmitters(network.synapses)
    used = {part.synapse for part in projections.values()}
    for name in network.synapses.keys() - used:
        yield f"network.synapses.{name}", f"no projection has the synapse {name}"
    referring = [part for part in projections.values() if part.reference_in_degree is not None]
    if not referring:
        yield "network.scaling", "no projection has a reference_in_degree"
    factors = {name: _factors(config, name, declared) for name in projections}
    nobody = {"network.coupling": "the network has no projections"}
    nobody |= {f"network.{name}": f"no projection has a synapse that releases {name}" for name in declared}
    acting: set[str] = set()
    for name, part in projections.items():
        key = f"network.projections.{name}"
        if network.scaling == "none":
            yield f"{key}.reference_in_degree", "network.scaling=none"
        rule = build("connectivity", part.connectivity, f"{key}.connectivity")
        for field, why in rule.unread(part.pre == part.post).items():
            yield f"{key}.connectivity.{field}", f"{name} {why}"
        why = f"{key}.connectivity makes no connections" if _expects_none(config, name) else ""
        zero = next((factor for factor, value in factors[name].items() if value == 0), None)
        if zero is not None and not why:
            why = f"{zero}=0"
            acting.add(zero)
        if not why:
            acting |= factors[name].keys()
        nobody |= dict.fromkeys(factors[name], why)
    yield from ((factor, why) for factor, why in nobody.items() if factor not in acting)


def _factors(config: Config, name: str, declared: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return, by key, the factors whose product is the conductance of a projection."""
    network = config.network
    part = network.projections[name]
    found = {"network.coupling": network.coupling}
    found |= {f"network.{t}": network.factors[t] for t, synapses_of in declared.items() if part.synapse in synapses_of}
    found[f"network.projections.{name}.conductance"] = part.conductance
    if network.scaling != "none" and part.reference_in_degree is not None:
        found[f"network.projections.{name}.reference_in_degree"] = part.reference_in_degree
    return found


def _expects_none(config: Config, name: str) -> bool:
    """Return whether a projection is expected to make no connection at all."""
    part, sizes = config.network.projections[name], share_out(config.network)
    if not {part.pre, part.post} <= sizes.keys():
        return False
    rule = build("connectivity", part.connectivity, f"network.projections.{name}.connectivity")
    return bool(rule.in_degree(sizes[part.pre], sizes[part.post]) == 0)


def _of_stimulus(config: Config) -> Iterator[tuple[str, str]]:
    if not _has_membranes(config):
        yield "stimulus", "no population has a membrane for a current"
        return
    for field, why in build("stimulus", config.stimulus, "stimulus").unread().items():
        yield f"stimulus.{field}", f"stimulus.{why}"


def _of_solver(config: Config) -> Iterator[tuple[str, str]]:
    name = config.solver.name
    taken = lookup("solver", name, "solver.name").tolerances  # type: ignore[attr-defined]
    for tolerance in TOLERANCES:
        if tolerance not in taken:
            yield f"solver.{tolerance}", f"solver={name} has no tolerance of that name"


def _has_membranes(config: Config) -> bool:
    return any(part.equations is None for part in config.network.populations.values())


def _trials_differ(config: Config) -> bool:
    network = config.network
    if network.start_jitter or (_has_membranes(config) and build("stimulus", config.stimulus, "stimulus").draws()):
        return True
    for name, population in network.populations.items():
        key = f"network.populations.{name}"
        if any(_is_random(value, f"{key}.start.{v}") for v, value in start_values(population.start).items()):
            return True
        mechanisms = population.mechanisms.items()
        if any(build("mechanism", settings, f"{key}.mechanisms.{part}").draws() for part, settings in mechanisms):
            return True
    synapses_of = network.synapses.items()
    return any(build("synapse", settings, f"network.synapses.{name}").draws() for name, settings in synapses_of)


def _networks_differ(config: Config) -> bool:
    """Return whether networks differ in more than their trials do."""
    if any(_is_random(get(config, key), key) for key in distribution_keys(config)):
        return True
    sizes = share_out(config.network)
    for name, part in config.network.projections.items():
        key = f"network.projections.{name}"
        rule = build("connectivity", part.connectivity, f"{key}.connectivity")
        ends = sizes.get(part.pre, 0), sizes.get(part.post, 0)
        if _is_random(part.weight, f"{key}.weight") or rule.draws(*ends, part.pre == part.post):
            return True
    return False


def _is_random(value: object, key: str) -> bool:
    """Return whether a value is a distribution that draws random numbers."""
    return is_distribution(value) and of(value, key).draws()
