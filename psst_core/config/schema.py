"""The classes that type the parts of a configuration, with those of registered classes: fields, units, transmitters."""

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import field
from typing import get_args, get_origin, get_type_hints

from psst_core.configuration import Config, NetworkConfig, PopulationConfig, ProjectionConfig, PsstConfig
from psst_core.errors import PsstError
from psst_core.keys import get, is_start, transmitters
from psst_core.model.distributions import KEY
from psst_core.registry import lookup, names, setting

CHOSEN = {"analysis.measures": "measure", "figure_options": "figure"}  # rooms whose parts have names of the user's
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


SCHEMAS: dict[str, type] = {
    f.name: f.type
    for f in dataclasses.fields(PsstConfig)
    if isinstance(f.type, type) and dataclasses.is_dataclass(f.type)
}


@functools.cache
def text_keys() -> frozenset[str]:
    """Return the dotted keys that take words, or lists of words, even where these look like numbers."""
    return frozenset(_text_keys(PsstConfig, ""))


def _text_keys(schema: type, above: str) -> Iterator[str]:
    for name, hint in get_type_hints(schema).items():
        parts = get_args(hint)
        if hint is str or (str in parts and get_origin(hint) is not dict):
            yield f"{above}{name}"
        elif dataclasses.is_dataclass(hint):
            yield from _text_keys(hint, f"{above}{name}.")  # type: ignore[arg-type]


def network_schema(transmitters: Iterable[str], default: float | None = 1.0) -> type:
    """Return the schema of a network with a factor for each of these transmitters.

    Args:
        default: of the factors; None makes room for those that a file may give.
    """
    kind = float if default is not None else float | None
    factors = [(name, kind, setting(default, minimum=0)) for name in sorted(transmitters)]
    return dataclasses.make_dataclass("NetworkConfig", factors, bases=(NetworkConfig,))


def config_schema() -> type:
    """Return the schema of the whole configuration, as a file may write it.

    Its network has room for a factor of every transmitter that a registered synapse declares.
    """
    network = network_schema(known_transmitters(), default=None)
    return dataclasses.make_dataclass(
        "PsstConfig", [("network", network, field(default_factory=network))], bases=(PsstConfig,)
    )


def known_transmitters() -> dict[str, type]:
    """Return every transmitter that a registered synapse declares, with the first class that declares it.

    Raises:
        PsstError: for a transmitter that cannot be a key of `network`, or whose name another key of `network` has.
    """
    found: dict[str, type] = {}
    taken = {field.name for field in dataclasses.fields(NetworkConfig)}
    for synapse in names("synapse"):
        cls = lookup("synapse", synapse, "synapse")
        name = getattr(cls, "transmitter", None)
        if any(field.name == "transmitter" for field in dataclasses.fields(cls)):
            raise PsstError(
                f"synapse {synapse}: its transmitter is a parameter, but must belong to the class; "
                f"write transmitter: ClassVar[str | None] = {name!r}"
            )
        if name is None:
            continue
        if not isinstance(name, str) or not WORD.fullmatch(name):
            raise PsstError(
                f"synapse {synapse}: transmitter={name!r} names the key network.{name}; "
                "it must be letters, digits and underscores, the first a letter"
            )
        if name in taken:
            raise PsstError(
                f"synapse {synapse}: transmitter={name!r}: network.{name} means something else; "
                f"give the transmitter another name, such as {name}_transmitter"
            )
        found.setdefault(name, cls)
    return found


def class_of(config: Config, part: str) -> type:
    """Return the class that types a part of a configuration, by the part's dotted key."""
    if part == "network":
        return network_schema(transmitters(config.network.synapses))
    settings, path = get(config, part), part.split(".")
    if KEY in settings:
        return lookup(KEY, settings[KEY], f"{part}.{KEY}")
    if "type" in settings:
        return lookup(kind_of(part), settings["type"], f"{part}.type")
    if path[0] == "network" and len(path) == 3:
        return {"populations": PopulationConfig, "projections": ProjectionConfig}[path[1]]
    return SCHEMAS[part]


def kind_of(part: str) -> str:
    """Return the kind of a part that has a `type`: mechanism, synapse, … It follows from the part's dotted key.

    Raises:
        KeyError: for a key of no such part.
    """
    match part.split("."):
        case ["network", "populations", _, "mechanisms", _]:
            return "mechanism"
        case ["network", "populations", _, "equations"]:
            return "system"
        case ["network", "synapses", _]:
            return "synapse"
        case [*_, _] if (room := part.rpartition(".")[0]) in CHOSEN:
            return CHOSEN[room]
        case [*_, name]:
            return name
    raise KeyError(part)


def units(config: Config, key: str) -> str | None:
    """Return the unit of a number, by its dotted key; None for a word or a group."""
    part, _, name = key.rpartition(".")
    if not part:
        return None
    if KEY in get(config, part):
        return units(config, part) if name in ("mean", "sd", "low", "high") else "1"
    if is_start(key):
        return "mV" if key.endswith(".start.v") else None
    schema = NetworkConfig if part == "network" else class_of(config, part)
    fields = {f.name: f.metadata for f in dataclasses.fields(schema)}
    if part == "network" and name not in fields:
        return "1"  # the factor of a transmitter
    return fields[name].get("unit") if name in fields else None
