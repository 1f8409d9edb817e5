"""The registry of classes: every mechanism, stimulus, connectivity rule and solver, also a plugin's, by its name.

A registered class is a dataclass whose fields are its parameters. A field made by `parameter` is a number with a unit
that enters the equations. It may differ between the runs of one compiled program. Every other field (a list, a file, a
number that decides shapes or step counts) is the same for all of them.
"""

import dataclasses
import difflib
import importlib
import math
import pkgutil
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar

from psst_core import plugins
from psst_core.datafiles import InputFile, digest_file
from psst_core.errors import PsstError

T = TypeVar("T")
KINDS = (
    *("mechanism", "synapse", "system", "stimulus", "connectivity", "distribution", "solver", "backend"),
    *("measure", "figure"),
)
PLAIN = ("solver", "backend")  # their classes need not be dataclasses
_CLASSES: dict[str, dict[str, type]] = {kind: {} for kind in KINDS}
_BASES: dict[str, type] = {}


def parameter(default: float, unit: str = "1", *, minimum: float = -math.inf, maximum: float = math.inf) -> Any:
    """Declare a field that is a number of the equations: its default, unit and closed interval."""
    metadata = {"parameter": True, "unit": unit, "minimum": minimum, "maximum": maximum}
    return dataclasses.field(default=default, metadata=metadata)


def setting(
    default: object, unit: str = "1", *, minimum: float = -math.inf, maximum: float = math.inf, per_run: bool = False
) -> Any:
    """Declare a field that is a number or list outside the equations.

    Args:
        per_run: whether it only decides arrays that each run brings along.
    """
    metadata = {"unit": unit, "minimum": minimum, "maximum": maximum, "per_run": per_run}
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def shared(key: str, unit: str = "1") -> Any:
    """Declare a field of a measure that takes the value of another key, such as recorder.window, unless it is given."""
    return dataclasses.field(default=None, metadata={"shared": key, "unit": unit, "minimum": 0})


def data_file(default: str | list[str] | None = "") -> Any:
    """Declare a field that is the path of a file, or a list of paths, for `datafiles.read_variable`.

    The content of the files decides the ids of runs.
    """
    if isinstance(default, list):
        return dataclasses.field(default_factory=lambda: list(default), metadata={"file": True})
    return dataclasses.field(default=default, metadata={"file": True})


def register(kind: str, name: str) -> Callable[[type[T]], type[T]]:
    """Decorate a dataclass, so that it is `name` among the classes of its `kind`, one of `KINDS`.

    Raises:
        PsstError: where the class is no dataclass (a solver or a backend need not be one), or where another class has
            the name already. The same class may be defined anew, as in a notebook.
    """
    if kind not in KINDS:
        raise PsstError(f"register({kind!r}, {name!r}): no such kind{suggestion(kind, KINDS)}; use {', '.join(KINDS)}")

    def add(cls: type[T]) -> type[T]:
        if kind not in PLAIN and "__dataclass_fields__" not in vars(cls):
            raise PsstError(f"{cls.__qualname__} is no dataclass; write @dataclass below @register({kind!r}, {name!r})")
        other = _CLASSES[kind].setdefault(name, cls)
        if (other.__module__, other.__qualname__) != (cls.__module__, cls.__qualname__):
            raise PsstError(
                f"{cls.__module__} registers the {kind} {name}, which {other.__module__} has already; "
                "give it another name"
            )
        _CLASSES[kind][name] = cls
        return cls

    return add


def base(kind: str) -> Callable[[type[T]], type[T]]:
    """Decorate the class from which every class of a kind derives."""

    def note(cls: type[T]) -> type[T]:
        _BASES[kind] = cls
        return cls

    return note


def import_all(package: str, path: Iterable[str]) -> None:
    """Import every module of a package, so that a new file is a new entry."""
    for module in pkgutil.iter_modules(path):
        importlib.import_module(f"{package}.{module.name}")


class NeedsPluginError(PsstError):
    """An unknown class, while no plugins are imported: it may be a plugin's.

    What only looks at results imports no plugins.
    """


def names(kind: str) -> list[str]:
    """List the names of the classes of a kind: PSST's, and those of plugins where these are imported."""
    return sorted(_CLASSES[kind])


def lookup(kind: str, name: object, key: str) -> type:
    """Return the class of a kind that has this name.

    Args:
        key: where the configuration names it.

    Raises:
        NeedsPluginError: when there is no such class, and plugins have not been imported.
        PsstError: when there is no such class, or it does not derive from the base class of its kind.
    """
    known = _CLASSES[kind]
    if name not in known:
        if not plugins.loaded():
            raise NeedsPluginError(
                f"{key}={name}: PSST has no such {kind}, and plugins, which may have it, are not imported to look at "
                "results; in Python psst_core.plugins.load() imports those of the folder where you start"
            )
        raise PsstError(
            f"{key}={name}: no such {kind}{suggestion(name, known)}; there are: {', '.join(sorted(known))}; "
            f"one of your own is a file in {plugins.FOLDER}/ where you start"
        )
    cls, wanted = known[name], _BASES.get(kind, object)
    if not issubclass(cls, wanted):
        own, other, place = cls.__qualname__, wanted.__qualname__, cls.__module__.removeprefix("psst_core.")
        raise PsstError(
            f"{key}={name}: {own} of {place} does not derive from {other}; write class {own}({other}), with "
            f"from {wanted.__module__} import {other}"
        )
    return cls


def suggestion(word: object, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(str(word), list(known), n=1)
    return f" (did you mean {close[0]}?)" if close else ""


def parameters(cls: type) -> dict[str, dataclasses.Field[Any]]:
    """Return the fields that may differ between the runs of one compiled program, by name."""
    return {f.name: f for f in dataclasses.fields(cls) if f.metadata.get("parameter")}


def run_settings(cls: type) -> list[str]:
    """List the settings that may differ between the runs of one compiled program, as they only decide arrays."""
    return [f.name for f in dataclasses.fields(cls) if f.metadata.get("per_run")]


def file_fields(cls: type) -> list[str]:
    """List the fields that are paths of files."""
    return [f.name for f in dataclasses.fields(cls) if f.metadata.get("file")]


def build(kind: str, settings: Mapping[str, object], key: str, naming: str = "type") -> Any:
    """Make an instance of the class that `settings[naming]` names, with the other settings as its fields."""
    cls = lookup(kind, settings[naming], f"{key}.{naming}")
    values = {name: value for name, value in settings.items() if name != naming}
    for name in file_fields(cls):
        values |= {name: _declared(values[name], f"{key}.{name}")} if values.get(name) else {}
    return cls(**values)


def contents(made: Any, key: str) -> dict[str, Any]:
    """Return the fields of an instance by name, as plain data; files by the digests of their contents.

    Args:
        key: where the configuration has these fields.
    """
    found = dict(vars(made))
    for name in file_fields(type(made)):
        paths = found[name] if isinstance(found[name], list) else [found[name]]
        found[name] = [digest_file(str(path), f"{key}.{name}") for path in paths if path]
    return found


def _declared(paths: Any, key: str) -> Any:
    """Return paths of files as `InputFile`, which knows the key that names them."""
    return [InputFile(path, key) for path in paths] if isinstance(paths, list) else InputFile(paths, key)


def check_ranges(cls: type, settings: Mapping[str, object], key: str) -> None:
    """Raise for the first number that is not finite, or outside the interval of its field."""
    for field in dataclasses.fields(cls):
        value = settings.get(field.name)
        numbers = value if isinstance(value, list) else [value]
        for number in numbers:
            if isinstance(number, int | float) and not isinstance(number, bool):
                check_range(number, field.metadata, f"{key}.{field.name}")


def check_range(number: float, metadata: Mapping[str, Any], key: str) -> None:
    """Raise unless the number is finite and inside [minimum, maximum]."""
    low, high = metadata.get("minimum", -math.inf), metadata.get("maximum", math.inf)
    if math.isfinite(number) and low <= number <= high:
        return
    unit = metadata.get("unit", "1")
    unit = "" if unit == "1" else f" {unit}"
    if not math.isfinite(number):
        wanted = "a finite number"
    elif math.isinf(high):
        wanted = f"at least {low:g}{unit}"
    elif math.isinf(low):
        wanted = f"at most {high:g}{unit}"
    else:
        wanted = f"between {low:,} and {high:,}{unit}"
    shown = number if isinstance(number, int) else f"{number:g}"
    raise PsstError(f"{key}={shown}{unit}: must be {wanted}")
