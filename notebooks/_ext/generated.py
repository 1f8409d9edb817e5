"""Directives whose text is made from the code at build time: configuration, registry, command line, modules."""

import dataclasses
import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Iterable, Iterator
from typing import Any, get_type_hints

from docutils import nodes
from docutils.statemachine import StringList
from sphinx.application import Sphinx
from sphinx.util.docutils import SphinxDirective

from psst_core import plugins, registry
from psst_core.commands.cli import parser
from psst_core.config.compose import CONF
from psst_core.configuration import PsstConfig
from psst_core.files import from_yaml
from psst_core.measures.chosen import variable_name

DOI = re.compile(r"doi:(10\.\d+/(?:\([^()]*\)|[^\s(),;]|;(?=\d))*[^\s(),;.])")
NAMES = {"float": "number", "int": "whole number", "str": "word", "bool": "true or false", "Any": ""}


class Generated(SphinxDirective):
    """Markdown from `lines`, headings too."""

    def lines(self) -> Iterator[str]:
        raise NotImplementedError

    def run(self) -> list[nodes.Node]:
        node = nodes.Element()
        text = "\n".join(self.lines()).split("\n")
        self.state.nested_parse(StringList(text, "generated"), self.content_offset, node, match_titles=True)
        return node.children


class Configuration(Generated):
    """Every key of the schema, a section for each group."""

    def lines(self) -> Iterator[str]:
        yield from group(PsstConfig)


class Choices(Generated):
    """The files of each group in `conf/`, and the experiments with their descriptions."""

    def lines(self) -> Iterator[str]:
        rows = [
            (f"`{folder.name}`", ", ".join(f"`{file.stem}`" for file in sorted(folder.glob("*.yaml"))))
            for folder in sorted(CONF.iterdir())
            if folder.is_dir() and folder.name != "experiment"
        ]
        yield from table(("group", "files"), rows)
        experiments = sorted((CONF / "experiment").glob("*.yaml"))
        rows = [(f"`{file.stem}`", from_yaml(file.read_text(encoding="utf-8"))["description"]) for file in experiments]
        yield from table(("experiment", "what"), rows)


class Registry(Generated):
    """The classes of a kind, optionally those of one package: what each is and its parameters."""

    required_arguments = 1
    optional_arguments = 1

    def lines(self) -> Iterator[str]:
        kind, *package = self.arguments
        for name in registry.names(kind):
            cls = registry.lookup(kind, name, kind)
            if package and not cls.__module__.startswith(f"psst_core.model.{package[0]}."):
                continue
            about, _ = described(cls)
            notes = {name: text for base in reversed(cls.__mro__) for name, text in described(base)[1].items()}
            yield from (f"### {name}", "", about, "")
            if kind == "solver":
                yield from (f"Order {cls.order}, {cls.stages} evaluations a step.", "")
            if dataclasses.is_dataclass(cls) and dataclasses.fields(cls):
                yield from keys(cls, notes)


class Measures(Generated):
    """The measures: what each means, its variables and its parameters."""

    def lines(self) -> Iterator[str]:
        for name in registry.names("measure"):
            cls = registry.lookup("measure", name, "measure")
            about, notes = described(cls)
            yield from (f"## {name}", "", about, "")
            rows = [
                (
                    f"`{variable_name(own, name, name)}`",
                    variable.long_name,
                    "" if variable.unit == "1" else variable.unit,
                    " × ".join(variable.dims),
                    bounds(variable.low, variable.high),
                    variable.comment,
                )
                for own, variable in cls.variables.items()
            ]
            yield from table(("variable", "what", "unit", "for each", "range", "note"), rows)
            yield from ("Parameters:", "", *keys(cls, notes))


class Commands(Generated):
    """What `psst --help` and the help of each of its commands say."""

    def lines(self) -> Iterator[str]:
        whole = parser()
        commands = next(action.choices for action in whole._actions if isinstance(action.choices, dict))
        for title, one in {"psst": whole, **{f"psst {name}": one for name, one in commands.items()}}.items():
            yield from (f"## {title}", "", "```text", one.format_help().rstrip(), "```", "")


class Modules(Generated):
    """All modules of a room of `psst_core`, a section each; without a room, those in none, and plugins."""

    optional_arguments = 1

    def lines(self) -> Iterator[str]:
        room = importlib.import_module(".".join(["psst_core", *self.arguments]))
        if self.arguments:
            inner = pkgutil.walk_packages(room.__path__, f"{room.__name__}.")
            names = [room.__name__, *(one.name for one in inner)]
        else:
            modules = pkgutil.iter_modules(room.__path__, f"{room.__name__}.")
            names = [one.name for one in modules if not one.ispkg or one.name == plugins.__name__]
        for name in names:
            yield from (f"## {name}", "", "```{eval-rst}", f".. automodule:: {name}", "```", "")


def group(cls: type, key: str = "") -> Iterator[str]:
    """A group of the configuration and those within it; without a key, the whole."""
    about, notes = described(cls)
    yield from (f"## {key or 'Keys without a group'}", "", about if key else "", "", *keys(cls, notes))
    for name, inside in get_type_hints(cls).items():
        entries = re.fullmatch(r"dict\[str, (.*)\]", str(inside)) and inside.__args__[1]
        if dataclasses.is_dataclass(inside):
            yield from group(inside, f"{key}.{name}" if key else name)
        elif dataclasses.is_dataclass(entries):
            yield from group(entries, f"{key}.{name}.NAME")


def keys(cls: type, notes: dict[str, str]) -> list[str]:
    """A table of the fields of a dataclass that are not groups themselves."""
    hints, rows = get_type_hints(cls), []
    for field in dataclasses.fields(cls):
        if dataclasses.is_dataclass(hints[field.name]):
            continue
        unit = field.metadata.get("unit", "1")
        row = (f"`{field.name}`", kind_of(hints[field.name]), default(field), "" if unit == "1" else unit)
        rows.append((*row, interval(field), notes.get(field.name, "")))
    header = ("key", "value", "default", "unit", "range", "what")
    filled = [column for column in range(len(header)) if column < 3 or any(row[column] for row in rows)]
    return table([header[column] for column in filled], [[row[column] for column in filled] for row in rows])


def kind_of(hint: Any) -> str:
    """What a value may be, in words."""
    text = re.sub(r"typing\.|psst_core\.[\w.]+\.|<class '|'>", "", str(hint))
    if " | " in text:
        return " or ".join(map(kind_of, text.split(" | ")))
    if found := re.fullmatch(r"(dict|list|tuple)\[(.*)\]", text):
        if found[1] == "dict":
            return "by name"
        inner = kind_of(found[2].partition(",")[0])
        return f"list of {inner}s" if inner and not inner.startswith("list") else "list"
    return "none" if text == "None" else NAMES.get(text, text)


def default(field: dataclasses.Field[Any]) -> str:
    if field.default is not dataclasses.MISSING:
        value = field.default
        if shared := field.metadata.get("shared"):
            return f"that of `{shared}`"
    elif field.default_factory is not dataclasses.MISSING:
        value = field.default_factory()
    else:
        return "must be given"
    return "" if value in ("", None, [], {}) else f"`{value}`"


def interval(field: dataclasses.Field[Any]) -> str:
    return bounds(field.metadata.get("minimum", -math.inf), field.metadata.get("maximum", math.inf))


def bounds(low: float, high: float) -> str:
    """An interval, in signs."""
    if math.isinf(low) and math.isinf(high):
        return ""
    if math.isinf(high):
        return f"≥\N{NO-BREAK SPACE}{low:,}"
    return f"≤\N{NO-BREAK SPACE}{high:,}" if math.isinf(low) else f"{low:,} to {high:,}"


def described(cls: type) -> tuple[str, dict[str, str]]:
    """A docstring's text, and what its `Attributes:` say, by name."""
    text, _, attributes = (inspect.getdoc(cls) or "").partition("Attributes:\n")
    joined = re.sub(r"\n {5,}", " ", inspect.cleandoc(attributes) and attributes)
    entries = re.findall(r"^ +([\w, ]+): (.*)$", joined, re.MULTILINE)
    linked = DOI.sub(r"[doi:\1](https://doi.org/\1)", text.strip())
    return linked, {name: about for names, about in entries for name in names.split(", ")}


def table(header: Iterable[str], rows: Iterable[Iterable[str]]) -> list[str]:
    """A table in Markdown."""
    lines = [[cell.replace("|", "\\|") for cell in row] for row in (header, *rows)]
    lines.insert(1, ["---"] * len(lines[0]))
    return ["| " + " | ".join(line) + " |" for line in lines] + [""]


def readable(app: Sphinx, what: str, name: str, obj: Any, options: Any, given: str | None, returned: str | None) -> Any:
    """A signature whose defaults are Python: what a dataclass makes anew for each instance is `...`."""
    return given and given.replace("<factory>", "..."), returned


def setup(app: Sphinx) -> dict[str, bool]:
    for name, directive in {
        "configuration": Configuration,
        "choices": Choices,
        "registry": Registry,
        "measures": Measures,
        "commands": Commands,
        "modules": Modules,
    }.items():
        app.add_directive(f"psst-{name}", directive)
    app.connect("autodoc-process-signature", readable)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
