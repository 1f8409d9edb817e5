"""Dotted keys into a resolved configuration. Some of its numbers may differ between the runs of one program.

There are three kinds of such keys, and none of them needs another compilation. Parameters are tensors [1, run] in the
compiled program. Other keys only decide each run's own arrays: targets of the stimulus, start values, conductances of
projections. The last ones decide the connectivity, which is an argument of the program.
"""

import copy
from collections.abc import Iterator, Mapping
from typing import Any

from psst_core.configuration import Config, Settings
from psst_core.registry import file_fields, lookup, parameters, run_settings

NAMING = {"distribution": "distribution", "solver": "name"}  # names the class of such a part; else it is `type`


def get(config: Mapping[str, object], key: str) -> Any:
    value: Any = config
    for part in key.split("."):
        value = value[part]
    return value


def put(config: Mapping[str, object], values: Mapping[str, object]) -> Config:
    """Return a copy of the configuration with these values. It shares the parts that they do not touch."""
    result = Config(config)
    for key, value in values.items():
        *path, last = key.split(".")
        node: Any = result
        for part in path:
            node[part] = copy.copy(node[part])
            node = node[part]
        node[last] = value
    return result


def flatten(node: object, key: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every single value with its dotted key; in lists the key counts the items from 0."""
    if isinstance(node, dict):
        items: Any = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    else:
        yield key, node
        return
    for name, value in items:
        yield from flatten(value, f"{key}.{name}" if key else str(name))


def parts(config: Config) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Yield every part that has a registered class.

    Yields:
        Its kind, its key, and its settings with the name of the class among them.
    """
    network = config.network
    yield "stimulus", "stimulus", config.stimulus
    yield "solver", "solver", config["solver"]
    for name, settings in network.synapses.items():
        yield "synapse", f"network.synapses.{name}", settings
    for name, projection in network.projections.items():
        yield "connectivity", f"network.projections.{name}.connectivity", projection.connectivity
    for name, population in network.populations.items():
        for mechanism, settings in population.mechanisms.items():
            yield "mechanism", f"network.populations.{name}.mechanisms.{mechanism}", settings
        if population.equations is not None:
            yield "system", f"network.populations.{name}.equations", population.equations
    for key, _ in flatten(config["network"], "network"):
        part, _, last = key.rpartition(".")
        if last == NAMING["distribution"]:
            yield "distribution", part, get(config, part)


def class_of_part(kind: str, settings: Mapping[str, object], key: str) -> type:
    naming = NAMING.get(kind, "type")
    return lookup(kind, settings[naming], f"{key}.{naming}")


def part_file_keys(config: Config) -> list[str]:
    """Return the keys of those fields of parts that are paths of files."""
    return [
        f"{key}.{name}"
        for kind, key, settings in parts(config)
        if kind != "solver"  # a solver's settings are only its tolerances
        for name in file_fields(class_of_part(kind, settings, key))
    ]


def parameter_keys(config: Config) -> list[str]:
    """Return the keys of the numbers that enter the compiled equations."""
    return [key for key in _equation_keys(config) if not isinstance(get(config, key), Mapping)]


def distribution_keys(config: Config) -> list[str]:
    """Return the keys that would be parameters, but have a distribution over cells."""
    return [key for key in _equation_keys(config) if isinstance(get(config, key), Mapping)]


def _equation_keys(config: Config) -> Iterator[str]:
    network = config.network
    for name, population in network.populations.items():
        key = f"network.populations.{name}"
        yield f"{key}.capacitance"
        if population.equations is not None:
            yield from _fields("system", population.equations, f"{key}.equations")
        for mechanism, settings in population.mechanisms.items():
            yield from _fields("mechanism", settings, f"{key}.mechanisms.{mechanism}")
    for name, settings in network.synapses.items():
        yield from _fields("synapse", settings, f"network.synapses.{name}")
    yield from _fields("stimulus", config.stimulus, "stimulus")


def array_keys(config: Config) -> Iterator[str]:
    """Yield the keys that decide a run's own arrays: start values, the stimulus's weights, conductances.

    Paths of files are not among them, as files count by their content.
    """
    network, files = config.network, set(part_file_keys(config))
    yield from ("run.seed", "network.start_jitter", "network.coupling")
    yield from (f"network.{name}" for name in transmitters(network.synapses))
    for key in distribution_keys(config):
        yield from (f"{key}.{field}" for field in get(config, key) if f"{key}.{field}" not in files)
    for name, population in network.populations.items():
        start = flatten(population.start, f"network.populations.{name}.start")
        yield from (key for key, _ in start if key not in files)
    for name in network.projections:
        yield from (f"network.projections.{name}.{field}" for field in ("conductance", "reference_in_degree"))
    cls = lookup("stimulus", config.stimulus["type"], "stimulus.type")
    yield from (f"stimulus.{name}" for name in run_settings(cls))


def connectivity_keys(config: Config) -> Iterator[str]:
    """Yield the keys that decide which cell projects to which."""
    yield "network.scaling"
    for name, projection in config.network.projections.items():
        yield from (f"network.projections.{name}.connectivity.{field}" for field in projection.connectivity)
        yield from (key for key, _ in flatten(projection.weight, f"network.projections.{name}.weight"))


def connectivity_name(config: Config, network: int) -> str:
    """Return a text that is the same for all runs with the same connections.

    Args:
        network: the number of the replicate.
    """
    return repr([network, config.run.seed, [get(config, key) for key in connectivity_keys(config)]])


def transmitters(synapses: Mapping[str, Settings]) -> dict[str, list[str]]:
    """Return, by transmitter, the names of a network's synapses that release it.

    `network.TRANSMITTER` is a factor on these synapses.
    """
    found: dict[str, list[str]] = {}
    for name, settings in synapses.items():
        transmitter = lookup("synapse", settings["type"], f"network.synapses.{name}.type").transmitter  # type: ignore[attr-defined]
        if transmitter is not None:
            found.setdefault(transmitter, []).append(name)
    return found


def is_start(key: str) -> bool:
    """Return whether a key is of a population's start values, or of one of them."""
    return key.split(".")[:2] == ["network", "populations"] and key.split(".")[3:4] == ["start"]


def start_values(start: Mapping[str, object]) -> dict[str, Any]:
    """Flatten start values: `{v: …, sodium: {m: …}}` becomes `{v: …, sodium.m: …}`, each a number or a distribution."""
    values: dict[str, Any] = {}
    for name, value in start.items():
        if isinstance(value, Mapping) and "distribution" not in value:
            values |= {f"{name}.{state}": number for state, number in value.items()}
        else:
            values[name] = value
    return values


def _fields(kind: str, settings: Mapping[str, object], key: str) -> Iterator[str]:
    cls = lookup(kind, settings["type"], f"{key}.type")
    yield from (f"{key}.{name}" for name in parameters(cls) if name in settings)
