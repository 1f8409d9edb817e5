"""YAML files that people write: their values are read as they look, checked against the schema and given to Hydra."""

import dataclasses
import typing
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args, get_origin

import yaml
from hydra._internal.core_plugins.file_config_source import FileConfigSource
from hydra.core.plugins import Plugins
from hydra.plugins.config_source import ConfigResult, ConfigSource
from omegaconf import OmegaConf

from psst_core.config.schema import config_schema
from psst_core.errors import PsstError
from psst_core.registry import suggestion
from psst_core.written import Plain, shown, typed

SCHEME = "psst"
GLOBAL = "_global_"
DEFAULTS = "defaults"
MERGE = "<<"
EXPERIMENT = "experiment"
RUNS = "recorder.runs"
AS_WRITTEN = ("sweep.axes", RUNS, "paper")  # typed when it is known what they are for
MOST_NODES = 100_000
TAGS = "tag:yaml.org,2002:"
TEXT, MAP, LIST = (f"{TAGS}{name}" for name in ("str", "map", "seq"))


def read_yaml(path: Path) -> Any:
    """Read the content of a file: dictionaries, lists and texts. Texts without quotes are `Plain`.

    Raises:
        PsstError: naming the file and the line, for what is no YAML or does not mean what it seems to.
    """
    try:
        root = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.CBaseLoader)
    except UnicodeDecodeError as error:
        raise PsstError(f"{path}: is no text (UTF-8)") from error
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise PsstError(
            f"{path}: line {line} cannot be read; look there for a colon, comma, bracket or quote that is missing or "
            "too many, a tab, and an indentation that differs"
        ) from error
    except yaml.YAMLError as error:
        raise PsstError(f"{path}: is no text that YAML allows; write it anew") from error
    except RecursionError as error:
        raise PsstError(f"{path}: is nested too deeply") from error
    return None if root is None else _Reader(path).read(root, ())


class _Reader:
    """A reader of the nodes of one file."""

    def __init__(self, path: Path) -> None:
        self.path, self.count = path, 0

    def read(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> Any:
        line = node.start_mark.line + 1
        self.count += 1
        if any(node is other for other in above):
            raise PsstError(f"{self.path}: line {line} holds itself")
        if self.count > MOST_NODES:
            raise PsstError(f"{self.path}: has more than {MOST_NODES:,} values")
        if node.tag not in (TEXT, MAP, LIST):
            raise PsstError(
                f"{self.path}: line {line} has the tag {node.tag.replace(TAGS, '!!')}; write the value without it"
            )
        above = (*above, node)
        match node:
            case yaml.ScalarNode() if not node.style:  # without quotes: the loader gives None or ""
                return Plain(node.value, line)
            case yaml.ScalarNode():
                return str(node.value)
            case yaml.SequenceNode():
                return [self.read(item, above) for item in node.value]
        return self.read_mapping(node, above)

    def read_mapping(self, node: yaml.Node, above: tuple[yaml.Node, ...]) -> dict[str, Any]:
        """Read keys and values; `<<` brings those of another mapping, which the mapping's own take the place of."""
        merged: dict[str, Any] = {}
        found: dict[str, Any] = {}
        for name, item in node.value:
            self.check_key(node, name, item)
            at = f"{self.path}: line {name.start_mark.line + 1}"
            if name.value in found or (name.value == MERGE and merged):
                raise PsstError(f"{at} has the duplicate key {name.value}; leave one of them")
            value = self.read(item, above)
            if name.value != MERGE:
                found[name.value] = value
            elif isinstance(value, dict):
                merged = value
            else:
                raise PsstError(f"{at} merges what has no keys; write <<: *NAME of one with keys")
        return merged | found

    def check_key(self, node: yaml.Node, name: yaml.Node, item: yaml.Node) -> None:
        """Raise unless a key is a word, and has a value where the mapping is written in braces."""
        at = f"{self.path}: line {name.start_mark.line + 1}"
        if not isinstance(name, yaml.ScalarNode) or not name.value:
            raise PsstError(f"{at} has a key that is no word")
        in_braces = isinstance(node, yaml.MappingNode) and node.flow_style
        if in_braces and name.end_mark.index == item.start_mark.index == item.end_mark.index:
            why = "in braces a comma ends a value: write quotes around one with commas in it, decimals with a point"
            why = "write a space behind the colon" if ":" in name.value else why
            raise PsstError(f"{at} has {name.value} without a value; {why}")


def fitted(content: object, hint: object, key: str = "") -> Any:
    """Convert a file's content to the types of the schema, and refuse keys that the schema does not name.

    Args:
        hint: a dataclass of the schema, a type, or Any.
        key: where the content belongs in the configuration.
    """
    if key in AS_WRITTEN:
        for name, value in _checked_group(content, dict[str, Any], key).items():
            if key == RUNS and not isinstance(value, list):
                raise PsstError(f"{key}.{name}={value}: must be a list, such as {key}.{name}=[{value}]")
        return _texts(content)
    if dataclasses.is_dataclass(hint) or get_origin(hint) is dict:
        return _fitted_group(content, hint, key)
    return typed(content, hint, key)


def _checked_group(content: object, hint: object, key: str) -> Mapping[str, Any]:
    """Return the content if it is a group of keys, and raise if it is not."""
    if not isinstance(content, Mapping):
        example = next(iter(typing.get_type_hints(hint)), "a") if dataclasses.is_dataclass(hint) else "name"
        raise PsstError(f"{f'{key}={shown(content)}: ' if key else ''}needs keys with values, such as {{{example}: …}}")
    return content


def _fitted_group(content: object, hint: object, key: str) -> Any:
    found = {}
    types = typing.get_type_hints(hint) if dataclasses.is_dataclass(hint) else {}
    for name, value in _checked_group(content, hint, key).items():
        inner = f"{key}.{name}" if key else name
        if not types:
            found[name] = fitted(value, get_args(hint)[1], inner)
            continue
        first, _, rest = name.partition(".")
        if name not in types:
            remedy = _as_axis(name, types) if key == "sweep" else _nested(first, rest, types)
            raise PsstError(f"{inner}: no such key{remedy}; there are: {', '.join(types)}")
        found[name] = fitted(value, types[name], inner)
    return found


def _nested(first: str, rest: str, types: Mapping[str, object]) -> str:
    """Say what to write in place of an unknown key. A file has groups of keys, not keys with dots."""
    if rest and first in types:
        return f" in a file; write {{{first}: {{{rest}: …}}}}"
    return suggestion(first, types)


def _as_axis(name: str, types: Mapping[str, object]) -> str:
    """Say what to write in place of an unknown key of `sweep`. An axis belongs in `sweep.axes`."""
    near = suggestion(name, types)
    return near if near and "." not in name else f" of a sweep; an axis is written {{axes: {{{name}: …}}}}"


def _texts(content: object) -> Any:
    """Return content as text, since its type is known only later. `null` and nothing become None, but not in a list."""
    if isinstance(content, dict):
        return {name: _texts(value) for name, value in content.items()}
    if isinstance(content, list):
        return [str(value) if isinstance(value, Plain) else _texts(value) for value in content]
    return None if isinstance(content, Plain) and content.lower() in ("", "~", "null") else content


def read_fitted(path: Path, hint: object, key: str = "") -> Any:
    """Read a file's content and convert it to the types of the schema.

    Raises:
        PsstError: naming the file and the key.
    """
    content = read_yaml(path)
    try:
        return {} if content is None else plain(fitted(content, hint, key))
    except PsstError as error:
        raise PsstError(f"{path}: {error}") from error


def plain(content: object) -> Any:
    """Return content in which every text is a plain `str`."""
    if isinstance(content, dict):
        return {name: plain(value) for name, value in content.items()}
    if isinstance(content, list):
        return [plain(value) for value in content]
    return str(content) if isinstance(content, str) else content


def check_defaults(entries: object, group: str, groups: Mapping[str, Sequence[str]]) -> None:
    """Raise for an entry of a file's list `defaults` that names no existing choice, or names it in a wrong form.

    Args:
        group: the group of the file.
        groups: by group, its choices.
    """
    if not isinstance(entries, list):
        raise PsstError(f"{DEFAULTS}={entries}: must be a list, such as {DEFAULTS}: [override /network: locust_al]")
    for entry in entries:
        if isinstance(entry, dict) and len(entry) == 1:
            ((key, choice),) = entry.items()
            word = str(key).split()[-1]
            named = word.removeprefix("/")
            if named not in groups:
                raise PsstError(f"{DEFAULTS}: {key}: no such group{suggestion(named, groups)}; use {', '.join(groups)}")
            _check_choice(choice, named, groups)
            if group != "." and (not word.startswith("/") or (group == EXPERIMENT and word == key)):
                raise PsstError(f"{DEFAULTS}: {key}: {choice}: write `override /{named}: {choice}`")
        elif group in groups and entry != "_self_":
            _check_choice(entry, group, groups)


def _check_choice(choice: object, group: str, groups: Mapping[str, Sequence[str]]) -> None:
    if choice is not None and choice not in groups[group]:
        near, known = suggestion(choice, groups[group]), ", ".join(groups[group])
        raise PsstError(f"{DEFAULTS}: {group}={choice}: no such {group}{near}; conf/{group}/ has: {known}")


class PsstFiles(FileConfigSource):
    """Hydra's source of configuration files, which reads them with this module.

    Attributes:
        groups: by group, its choices.
    """

    groups: ClassVar[Mapping[str, Sequence[str]]] = {}

    @staticmethod
    def scheme() -> str:
        return SCHEME

    def load_config(self, config_path: str) -> ConfigResult:
        path = Path(self.path) / self._normalize_file_name(config_path)
        with open(path, encoding="utf-8", errors="replace") as file:
            header = ConfigSource._get_header_dict(file.read(512))
        content = read_yaml(path)
        content = {} if content is None else content
        group = Path(config_path).parent.as_posix()
        try:
            if not isinstance(content, dict):
                raise PsstError("needs keys with values")
            defaults = {DEFAULTS: _texts(content.pop(DEFAULTS))} if DEFAULTS in content else {}
            check_defaults(defaults.get(DEFAULTS, []), group, self.groups)
            if header.get("package") not in (None, GLOBAL, group):
                raise PsstError(f"begins with @package {header['package']}; only @package {GLOBAL} is read")
            everywhere = header.get("package") == GLOBAL or group == "."
            schema = config_schema()
            types = typing.get_type_hints(schema)
            hint, key = (schema, "") if everywhere else (types.get(group, Any), group)
            content = plain(defaults | fitted(content, hint, key))
        except PsstError as error:
            raise PsstError(f"{path}: {error}") from error
        return ConfigResult(self.provider, f"{SCHEME}://{self.path}", OmegaConf.create(content), header)


def use(groups: Mapping[str, Sequence[str]]) -> None:
    """Make Hydra read its files with this module."""
    PsstFiles.groups = groups
    Plugins.instance().register(PsstFiles)
