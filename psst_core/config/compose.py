"""Configurations: composed by Hydra from the user's and PSST's `conf/`, completed with defaults, and resolved.

A resolved configuration is plain data: dicts, lists, numbers and text. It does not depend on the order of its keys or
on the way in which its numbers were written.
"""

import contextlib
import copy
import dataclasses
import difflib
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra._internal.config_search_path_impl import ConfigSearchPathImpl
from hydra._internal.hydra import Hydra
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.types import Quote, QuotedString
from hydra.errors import HydraException
from hydra.version import setbase
from omegaconf import DictConfig, OmegaConf, flag_override, open_dict
from omegaconf.errors import OmegaConfBaseException

from psst_core import (
    figures,  # noqa: F401
    measures,  # noqa: F401
    names,
    plugins,
    registry,
)
from psst_core.config import yaml_files
from psst_core.config.schema import CHOSEN, known_transmitters, network_schema
from psst_core.configuration import Config, NetworkConfig, PsstConfig, SweepConfig
from psst_core.errors import PsstError
from psst_core.files import CHECKOUT
from psst_core.host.flags import users_flags
from psst_core.integrate import solvers  # noqa: F401
from psst_core.keys import flatten, transmitters
from psst_core.model import channels, noise, pools, stimuli, synapses, systems  # noqa: F401
from psst_core.model.distributions import KEY
from psst_core.registry import lookup, parameters, suggestion
from psst_core.written import shown, typed

HEADER = "# @package _global_"
OPEN = {"recorder.variables": "pn=[v]", "recorder.runs": "trial=[0]"}  # begin empty; checks.py has what they take
ALIKE = 0.95  # the similarity of two keys from which on one is the other with a wrong letter
CONF = CHECKOUT / "conf"


def groups() -> dict[str, list[str]]:
    """Return each configuration group with its choices.

    Those in the user's own folder `conf/` come first, then those of PSST.

    Raises:
        PsstError: where both have a choice of the same name, which could then mean either.
    """
    own, known = _own(), {}
    for folder in sorted(path for path in CONF.iterdir() if path.is_dir()):
        shipped = sorted(file.stem for file in folder.glob("*.yaml"))
        mine = sorted(file.stem for file in (own / folder.name).glob("*.yaml")) if own else []
        for name in mine:
            if name in shipped:
                raise PsstError(
                    f"conf/{folder.name}/{name}.yaml: PSST has a choice of this name, {folder / name}.yaml; "
                    "give yours another name"
                )
        known[folder.name] = [*mine, *shipped]
    return known


def _read_sweep(path: str) -> Any:
    """Read a sweep file as the schema types it."""
    if not Path(path).is_file():
        raise PsstError(f"sweep={path}: no such file (paths are relative to the folder where you start)")
    try:
        content = yaml_files.read_fitted(Path(path), SweepConfig, "sweep")
    except (PsstError, OSError) as error:
        raise PsstError(f"sweep={error}") from error
    return OmegaConf.merge(OmegaConf.structured(SweepConfig), content)


def _own() -> Path | None:
    """Return the folder `conf/` where the user starts; None where there is none, or where it is PSST's."""
    own = Path("conf").resolve()
    return own if own.is_dir() and own != CONF else None


def _check_header(experiment: str) -> None:
    """Raise where an experiment's file does not begin with the line that lets it set keys of all groups in Hydra."""
    path = (_own() or CONF) / "experiment" / f"{experiment}.yaml"
    if path.is_file() and HEADER not in path.read_text(encoding="utf-8"):
        raise PsstError(f"{path}: must begin with the line `{HEADER}`, as it sets keys of all groups")


def is_file(group: str, choice: str) -> bool:
    """Return whether a choice is the path of the user's own file. Only a choice of `sweep` can be one."""
    return group == "sweep" and choice.endswith((".yaml", ".yml"))


def compose(choices: Mapping[str, str]) -> DictConfig:
    """Compose the typed configuration for these choices of groups (`experiment`, `solver`, …), with every default.

    The choice of `sweep` is a file in conf/sweep/ or the path of another one. It replaces all that the experiment says
    of the sweep.

    Raises:
        PsstError: for a group or a choice that does not exist, an unknown key, or a wrong type in a file.
    """
    return _compose(choices)[0]


class Compositions:
    """A memory of composed configurations: each is composed once, even when its choices are given in another way.

    The files of the configuration must not change meanwhile.
    """

    def __init__(self) -> None:
        self._made: list[tuple[dict[str, str], dict[str, str], DictConfig]] = []

    def compose(self, choices: Mapping[str, str]) -> DictConfig:
        """Return the typed configuration for these choices of groups, as a copy that the caller may change."""
        for asked, chosen, config in self._made:
            # A sweep that is asked for replaces the experiment's, even one of the same name.
            more = choices.keys() - asked.keys()
            if asked.items() <= choices.items() <= chosen.items() and "sweep" not in more:
                return copy.deepcopy(config)
        config, chosen = _compose(choices)
        self._made.append((dict(choices), chosen | dict(choices), config))
        return copy.deepcopy(config)


def _compose(choices: Mapping[str, str]) -> tuple[DictConfig, dict[str, str]]:
    """Compose the typed configuration.

    Returns:
        The configuration; and by group, the choice that it was composed of.
    """
    plugins.load()
    known = groups()
    files = {group: choice for group, choice in choices.items() if is_file(group, choice)}
    choices = {group: choice for group, choice in choices.items() if group not in files}
    for group, choice in choices.items():
        if choice not in known[group]:
            raise PsstError(
                f"{group}={choice}: no such {group}{suggestion(choice, known[group])}; "
                f"conf/{group}/ has: {', '.join(known[group])}"
            )
        names.check_choice(group, choice)
    _check_header(choices.get("experiment", ""))
    with _hydra(known):
        try:
            asked = [f"{group}={_quoted(choice)}" for group, choice in choices.items()]
            config = hydra_compose("config", asked, return_hydra_config=True)
            chosen = {str(group): str(choice) for group, choice in config.hydra.runtime.choices.items()}
            with flag_override(config, ["readonly", "struct"], False):
                del config["hydra"]
            if "sweep" in choices:
                own = f"sweep={_quoted(choices['sweep'])}"
                config.sweep = hydra_compose("config", ["~experiment", own]).sweep
        except (HydraException, OmegaConfBaseException, RecursionError) as error:
            raise _no_composition(choices, error) from error
    for group, path in files.items():
        config[group] = _read_sweep(path)
    try:
        _complete(config)
    except (OmegaConfBaseException, RecursionError) as error:
        raise _no_composition(choices, error) from error
    OmegaConf.set_struct(config, True)
    return config, chosen


@contextlib.contextmanager
def _hydra(known: Mapping[str, Sequence[str]]) -> Iterator[None]:
    """Set up Hydra, in this block, for PSST's and the user's configuration, both read by yaml_files.py."""
    ConfigStore.instance().store(name="schema", node=PsstConfig(network=network_schema(known_transmitters(), None)()))
    yaml_files.use(known)
    path = ConfigSearchPathImpl()
    path.append("hydra", "pkg://hydra.conf")
    path.append("main", f"{yaml_files.SCHEME}://{CONF}")
    if own := _own():
        path.append("own", f"{yaml_files.SCHEME}://{own}")
    path.append("schema", "structured://")
    setbase("1.3")
    GlobalHydra.instance().clear()
    Hydra.create_main_hydra2("psst", path)
    try:
        yield
    finally:
        GlobalHydra.instance().clear()


def _quoted(choice: str) -> str:
    """Quote a choice, so that Hydra does not take it for a number."""
    return QuotedString(choice, Quote.single).with_quotes()


def update(config: DictConfig, key: str, value: object) -> None:
    """Set one key to a value, converted to the key's type.

    Raises:
        PsstError: naming the key and the value, when there is no such key or the value is of another type.
    """
    if _update_open(config, key, value):
        return
    *path, last = key.split(".")
    if _update_chosen(config, path, last, value):
        return
    if last == "type":
        raise PsstError(f"{key}={shown(value)}: a type cannot be overridden; choose another file in conf/ or write one")
    node: Any = config
    for depth, part in enumerate(path):
        if not isinstance(node, DictConfig) or part not in node:
            raise unknown(config, node, ".".join(path[: depth + 1]), part, key)
        node = node[part]
    if path == ["network"] and last not in node and last in known_transmitters():
        remedy = "; network.coupling scales them all" if node.synapses else ""
        raise PsstError(f"{key}={value}: {_no_transmitter(node, last)}{remedy}")
    if not isinstance(node, DictConfig) or last not in node:
        raise unknown(config, node, key, last, key)
    if isinstance(node[last], DictConfig):
        raise PsstError(
            f"{key}={shown(value)}: is a group of keys ({', '.join(map(str, node[last])) or 'empty'}); name one of them"
        )
    _set(node, last, value, key)


def _update_open(config: DictConfig, key: str, value: object) -> bool:
    """Add an entry to a group that begins empty; return whether that was asked for."""
    if key in OPEN:
        raise PsstError(f"{key}={shown(value)}: name what it is for, such as {key}.{OPEN[key]}")
    for name in OPEN:
        if key.startswith(f"{name}."):
            value = typed(value, list[str] if name == "recorder.variables" else list[Any], key)
            with _messages(f"{key}={shown(value)}"), open_dict(config):
                OmegaConf.select(config, name)[key.removeprefix(f"{name}.")] = value
            return True
    return False


def _update_chosen(config: DictConfig, path: list[str], last: str, value: object) -> bool:
    """Add a measure or the options of a figure, or take one out, by `null`; return whether there is nothing else to do.

    One is added by its type, or by a field where its name is a type.

    Raises:
        PsstError: for a field of one that is not there.
    """
    for room, kind in CHOSEN.items():
        chosen, above = OmegaConf.select(config, room), room.split(".")
        if path == above and last in chosen and value is None:
            with open_dict(config):
                del chosen[last]
            return True
        if path == above and last not in chosen and value is not None:
            raise PsstError(
                f"{room}.{last}={shown(value)}: write {room}.{last}.type={shown(value)}, or name a parameter"
            )
        if path[:-1] == above and (name := path[-1]) not in chosen and (last == "type" or name in registry.names(kind)):
            names.check_part(name, kind, room)
            made = _typed(kind, OmegaConf.create({"type": str(value) if last == "type" else name}), ".".join(path))
            with open_dict(config):
                chosen[name] = made
            return last == "type"
        if path[:-1] == above and name not in chosen:
            known = {*map(str, chosen), *registry.names(kind)}
            raise PsstError(
                f"{room}.{name}: no such key{suggestion(name, known)}; a {kind} of another name is given by its type, "
                f"such as {room}.{name}.type={min(registry.names(kind))}"
            )
    return False


def _set(node: DictConfig, name: str, value: object, key: str) -> None:
    """Set one entry of a node to a value, converted to the entry's type."""
    entry = node._get_node(name)
    hint, optional = entry._metadata.ref_type, entry._metadata.optional  # type: ignore[union-attr]
    if hint is Any and isinstance(node[name], float):
        hint = float
    value = typed(value, hint, key, optional)
    with _messages(f"{key}={shown(value)}"):
        node[name] = value


def entry(config: DictConfig, key: str) -> Any:
    """Return the node of a dotted key, with its type; None where there is no such key. `key` may be any text."""
    node: Any = config
    for part in key.split("."):
        if not isinstance(node, DictConfig) or part not in node:
            return None
        node = node._get_node(part)
    return node


def resolve(config: DictConfig) -> Config:
    """Return a configuration as plain data, with the flags for XLA from the environment among its own.

    Raises:
        PsstError: for an interpolation, which would make one key's meaning depend on another.
    """
    plain = Config(OmegaConf.to_container(config, resolve=False))  # type: ignore[arg-type]
    for key, value in flatten(plain):
        if isinstance(value, str) and "${" in value:
            raise PsstError(f"{key}={value}: interpolations are not supported; write the value itself")
    plain["hardware"]["xla_flags"] = users_flags(plain["hardware"]["xla_flags"])
    return plain


def _complete(config: DictConfig) -> None:
    """Give every mechanism, synapse, connectivity and stimulus the fields of its class, with types and defaults."""
    _check_names(config.network)
    for name, settings in config.network.synapses.items():
        config.network.synapses[name] = _typed("synapse", settings, f"network.synapses.{name}")
    _complete_factors(config)
    for name, population in config.network.populations.items():
        _complete_start(population.start, f"network.populations.{name}.start")
        population.capacitance = _number_or_distribution(
            population.capacitance, f"network.populations.{name}.capacitance"
        )
        if population.equations is not None:
            key = f"network.populations.{name}.equations"
            population.equations = _typed("system", population.equations, key)
        for mechanism, settings in population.mechanisms.items():
            key = f"network.populations.{name}.mechanisms.{mechanism}"
            population.mechanisms[mechanism] = _typed("mechanism", settings, key)
    for name, projection in config.network.projections.items():
        key = f"network.projections.{name}.connectivity"
        projection.connectivity = _typed("connectivity", projection.connectivity, key)
        projection.weight = _number_or_distribution(projection.weight, f"network.projections.{name}.weight")
    config.stimulus = _typed("stimulus", config.stimulus, "stimulus")
    for room, kind in CHOSEN.items():
        _complete_chosen(OmegaConf.select(config, room), room, kind)


def _complete_chosen(chosen: DictConfig, room: str, kind: str) -> None:
    """Give every part of a room the fields of its class. One without a type has that of its name; `null` takes it out.

    Args:
        room: the key of the room.
        kind: the kind of its parts.
    """
    for name in list(map(str, chosen)):
        key, settings = f"{room}.{name}", chosen[name]
        names.check_part(name, kind, room)
        if settings is None:
            with open_dict(chosen):
                del chosen[name]
        elif not isinstance(settings, DictConfig):
            what = f"a {kind}'s type and parameters"
            raise PsstError(f"{key}={shown(settings)}: must be {what}, {{type: …}}, or null")
        else:
            chosen[name] = _typed(kind, OmegaConf.merge({"type": name}, settings), key)


def _complete_factors(config: DictConfig) -> None:
    """Give the network a factor for each transmitter of its synapses, and for no other."""
    network, declared = config.network, transmitters(config.network.synapses)
    given = {str(name): network[name] for name in known_transmitters() if network[name] is not None}
    for name in given.keys() - declared.keys():
        raise PsstError(f"network.{name}={given[name]}: {_no_transmitter(network, name)}; leave it out")
    own = {field.name: network._get_node(field.name) for field in dataclasses.fields(NetworkConfig)}
    config.network = OmegaConf.merge(OmegaConf.structured(network_schema(declared)), own, given)


def _no_transmitter(network: DictConfig, name: str) -> str:
    """Say why a network has no factor of that name."""
    found = transmitters(network.synapses)
    others = [str(synapse) for synapse in network.synapses if all(synapse not in of for of in found.values())]
    having = [f"{', '.join(of)} {'has' if len(of) == 1 else 'have'} {other}" for other, of in found.items()]
    having += [f"{', '.join(others)} {'has' if len(others) == 1 else 'have'} none"] if others else []
    return f"no synapse of this network has the transmitter {name}; " + ("; ".join(having) or "it has no synapses")


def _check_names(network: DictConfig) -> None:
    """Raise for the first part of a network whose name could not be used in all keys, files and tables."""
    rooms = {f"network.{room}": network[room] for room in ("populations", "synapses", "projections")}
    rooms |= {f"network.populations.{name}.mechanisms": part.mechanisms for name, part in network.populations.items()}
    for key, parts in rooms.items():
        for name in parts:
            names.check_part(str(name), key.rpartition(".")[2].removesuffix("s"), key)


def _complete_start(start: DictConfig, key: str) -> None:
    """Make start values floats or distributions, and write `sodium.m: 0.1` as `sodium: {m: 0.1}`."""
    for name, value in list(start.items()):
        name = str(name)
        if isinstance(value, DictConfig) and KEY not in value:
            _complete_start(value, f"{key}.{name}")
            continue
        part, _, state = name.partition(".")
        node, last = (start, part) if not state else (start.setdefault(part, {}), state)
        if state:
            del start[name]
        node[last] = _number_or_distribution(value, f"{key}.{name}")


def _number_or_distribution(value: object, key: str) -> Any:
    return _typed(KEY, value, key, naming=KEY) if isinstance(value, DictConfig) else _number(value, key)


def _number(value: object, key: str) -> float:
    found: float = typed(value, float, key)
    return found


def _typed(kind: str, settings: object, key: str, naming: str = "type") -> DictConfig:
    """Complete settings with every field of the class that `settings[naming]` names, and give each its type.

    Distributions among the settings are completed in the same way.
    """
    if not isinstance(settings, DictConfig) or naming not in settings:
        raise PsstError(f"{key}={settings}: needs a `{naming}`")
    cls = lookup(kind, settings[naming], f"{key}.{naming}")
    spread = [name for name in parameters(cls) if isinstance(settings.get(name), DictConfig)]
    fields = [(naming, str, settings[naming]), *((name, Any, None) for name in spread)]
    made = OmegaConf.structured(dataclasses.make_dataclass(cls.__name__, fields, bases=(cls,), kw_only=True))
    for name, value in settings.items():
        name = str(name)
        if name not in made:
            raise PsstError(
                f"{key}.{name}: no such key of the {naming} {settings[naming]}{suggestion(name, made)}; there are: "
                f"{', '.join(made)}; to change a {naming}, copy the whole file in conf/ and change it there"
            )
        if name in spread:
            made[name] = _number_or_distribution(value, f"{key}.{name}")
        else:
            _set(made, name, OmegaConf.to_container(value) if OmegaConf.is_config(value) else value, f"{key}.{name}")
    return made  # type: ignore[no-any-return]


def unknown(config: Any, node: Any, key: str, name: str, asked: str) -> PsstError:
    """Return the error for a key that does not exist, with the key that may be meant.

    Args:
        node: where the key's last part, `name`, was looked for.
        asked: the whole key that was asked for.
    """
    if not isinstance(node, DictConfig):
        return PsstError(f"{key}: no such key; {key.rpartition('.')[0]} is a single value")
    known = [str(entry) for entry in node]
    return PsstError(f"{key}: no such key{_meant(config, name, known, asked)}; there are: {', '.join(known)}")


def _meant(config: DictConfig, name: str, near: Sequence[str], asked: str) -> str:
    """Name the keys that may be meant.

    These are keys that end in the one asked for. Without any it is a similar key in the same group, or else a similar
    key anywhere.
    """
    plain = OmegaConf.to_container(config, resolve=False)
    keys = [key for key, _ in flatten(plain) if not key.startswith(yaml_files.AS_WRITTEN)]
    keys = sorted((re.sub(r"(\.\d+)+$", "", key) for key in keys), key=lambda key: (key.count("."), key))
    last = {key.rpartition(".")[2]: key for key in reversed(keys)}

    def ending(in_: str) -> list[str]:
        return list(dict.fromkeys(key for key in keys if key.endswith(f".{in_}")))[:3]

    if not (found := ending(asked)):
        if beside := suggestion(name, near):
            return beside
        found = difflib.get_close_matches(asked, keys, n=1, cutoff=ALIKE) or ending(asked.rpartition(".")[2])
    if found:
        return f" (did you mean {' or '.join(found)}?)"
    found = [last[word] for word in difflib.get_close_matches(asked.rpartition(".")[2], last, n=1)]
    return f" (did you mean {found[0]}?)" if found else ""


@contextlib.contextmanager
def _messages(key: str) -> Iterator[None]:
    try:
        yield
    except OmegaConfBaseException as error:
        raise PsstError(f"{key}: takes no such value") from error


def _no_composition(choices: Mapping[str, str], error: Exception) -> PsstError:
    key = getattr(error, "full_key", None) or getattr(error.__cause__, "full_key", None)
    at = f" at {key}" if key else ""
    files = " and ".join(f"conf/{group}/{choice}.yaml" for group, choice in choices.items())
    return PsstError(f"the configuration does not compose{at}; look there in {files}, and in what their defaults name")
