"""The measures that a configuration chooses in `analysis.measures`, what they give, and their digests."""

from dataclasses import fields, replace
from typing import Any

from psst_core import plugins
from psst_core.attributes import ATTRIBUTES
from psst_core.configuration import Config
from psst_core.digest import code_digest, digest, imported
from psst_core.errors import PsstError, named
from psst_core.keys import get
from psst_core.measures.base import SHARED_DIMS, Measure, Variable
from psst_core.names import check_part
from psst_core.quantities import factor
from psst_core.registry import build, contents

KEY = "analysis.measures"
# They read the recordings for all measures, and make the files in which measures stand.
FRAME = ("psst_core.attributes", "psst_core.measures.recordings", "psst_core.results.summary")


def measures_of(config: Config) -> dict[str, Measure]:
    """Make the measures that a configuration chooses, by their names; fields that are not given are filled in."""
    made: dict[str, Measure] = {}
    for name, settings in config.analysis.measures.items():
        measure: Measure = build("measure", settings, f"{KEY}.{name}")
        for field in fields(measure):
            if (key := field.metadata.get("shared")) and getattr(measure, field.name) is None:
                setattr(measure, field.name, get(config, key))
        made[name] = measure
    return made


def check_measures(config: Config) -> None:
    """Raise a PsstError where a measure has no meaning in a configuration, or two give a variable of one name."""
    for name, measure in measures_of(config).items():
        with named(f"{KEY}.{name}"):
            _check_class(type(measure))
            measure.check(config)
    variables(config)


def _check_class(cls: type[Measure]) -> None:
    """Raise a PsstError where the class of a measure lacks a method, or variables with names and units for files."""
    methods = ("of_population", "of_run", "of_runs")
    if all(getattr(cls, method) is getattr(Measure, method) for method in methods):
        raise PsstError(f"type: {cls.__qualname__} has none of the methods {', '.join(methods)}; write one")
    if not cls.variables:
        raise PsstError(f'type: {cls.__qualname__} has no variables; write variables = {{"NAME": Variable("…")}}')
    for name, variable in cls.variables.items() if plugins.owns(cls.__module__) else ():
        check_part(name, "variable", "variables")
        try:
            factor(variable.unit, variable.unit, name)
        except PsstError as error:
            raise PsstError(
                f"variables.{name}: the unit {variable.unit!r} cannot be read; write Hz, mV, 1, …"
            ) from error


def variables(config: Config) -> dict[str, tuple[str, list[str], Variable]]:
    """Return the variables of a configuration's measures.

    Returns:
        By what it is called in files: the measure, the dimensions beside those of the sweep, and the variable.

    Raises:
        PsstError: where two variables have one name, or one that means something else.
    """
    found: dict[str, tuple[str, list[str], Variable]] = {}
    for name, measure in measures_of(config).items():
        kind = config.analysis.measures[name]["type"]
        for own, variable in measure.described(config.recorder.interval).items():
            full = variable_name(own, name, kind)
            if full in found or full in ATTRIBUTES:
                other = f"{KEY}.{found[full][0]} gives" if full in found else "PSST has"
                raise PsstError(f"{KEY}.{name}: {other} a variable {full} already; give the measure another name")
            if name != kind:
                variable = replace(variable, long_name=f"{variable.long_name}, {name.replace('_', ' ')}")
            found[full] = name, [dimension(dim, name) for dim in variable.dims], variable
    return found


def described(config: Config) -> dict[str, dict[str, Any]]:
    """Describe the variables of a configuration's measures, as they stand in the record of a sweep.

    Returns:
        By variable: `dims` of its own, the `measure` that gives it, the `digest` of this measure, and its attributes.
    """
    made = measures_of(config)
    digests = {name: measure_digest(name, config, measure) for name, measure in made.items()}
    return {
        full: {
            "measure": name,
            "digest": digests[name],
            "dims": dims,
            "window": list(made[name].span),
            **variable.attributes,
        }
        for full, (name, dims, variable) in variables(config).items()
    }


def names_taken(config: Config) -> set[str]:
    """Return the names of variables and dimensions that a configuration's measures give."""
    found = variables(config)
    return {*found, *(dim for _, dims, _ in found.values() for dim in dims)}


def variable_name(own: str, name: str, kind: str) -> str:
    """Return what a variable is called in files: `firing_rate`; `late_firing_rate` of a measure `late` of type rates.

    A variable that has the name of the type has that of the measure: `kappa`; `fine` of a measure `fine` of type kappa.
    """
    if name == kind:
        return own
    return name if own == kind else f"{name}_{own}"


def dimension(own: str, name: str) -> str:
    """Return what a dimension is called in files: one that belongs to a measure has the measure's name before it."""
    return own if own in SHARED_DIMS else f"{name}_{own}"


def measure_digest(name: str, config: Config, measure: Measure) -> str:
    """Return the digest of a measure: of its name, its parameters, the files that it reads, and its code."""
    settings = contents(measure, f"{KEY}.{name}")
    return digest([name, config.analysis.measures[name]["type"], settings, _code(type(measure).__module__)])


def _code(module: str) -> str:
    """Return the digest of a measure's code: its module, what this imports from measures and plugins, and `FRAME`."""
    return code_digest([*FRAME, *(other for other in imported({module}) - {*FRAME} if _counts(other))])


def _counts(module: str) -> bool:
    return plugins.owns(module) or module.startswith(f"{__name__.rpartition('.')[0]}.")


def analysis_digest(config: Config) -> str:
    """Return the digest of all measures of a configuration, by which its summaries are named."""
    return digest({name: part["digest"] for name, part in described(config).items()})
