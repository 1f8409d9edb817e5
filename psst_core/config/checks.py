"""Checks of what types cannot say: ranges, references, times that fit the step. They come before any job starts."""

import dataclasses
import itertools
import math
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from psst_core import plugins
from psst_core.attributes import trace_name
from psst_core.config.schema import CHOSEN, SCHEMAS, class_of, kind_of
from psst_core.configuration import AnalysisConfig, Config, PopulationConfig, ProjectionConfig, RecorderConfig
from psst_core.datafiles import digest_file, undeclared
from psst_core.errors import PsstError, named
from psst_core.figures.chosen import check_figures
from psst_core.integrate import backends, solvers  # noqa: F401  (importing fills the registry)
from psst_core.integrate.backend import backend_of
from psst_core.integrate.solvers import Solver
from psst_core.keys import get, is_start, part_file_keys, start_values
from psst_core.measures.chosen import check_measures
from psst_core.model import stimuli  # noqa: F401  (importing fills the registry)
from psst_core.model.distributions import is_distribution, of
from psst_core.model.mechanisms import Mechanism
from psst_core.model.network import Network, draw_parameters, share_out, start_state
from psst_core.model.returned import asking
from psst_core.model.stimuli.base import Grid
from psst_core.registry import build, check_range, check_ranges, file_fields, lookup, suggestion

PRECISIONS = ("float64", "float32")
CHOICES = {
    "solver.precision": PRECISIONS,
    "recorder.precision": PRECISIONS,
    "numerics.check": ("none", "halve_dt"),
    "network.scaling": ("in_degree", "none"),
    "hardware.device": ("cpu", "gpu", "auto"),
    "scale": ("small", "paper"),
}
MOST_STEPS = 2**31
FORMATS = ("png", "svg", "pdf", "eps")
PHYSICS = ("network", "stimulus", "solver", "run")


def check(config: Config) -> None:
    """Raise a PsstError for the first value that cannot be simulated, naming the key, the value and the remedy."""
    for name in SCHEMAS:
        check_ranges(class_of(config, name), config[name], name)
    network, stimulus, run = config.network, config.stimulus, config.run
    for name, population in network.populations.items():
        _check_population(population, f"network.populations.{name}", run.dt)
    for name, settings in network.synapses.items():
        _check_part("synapse", settings, f"network.synapses.{name}")
    for name, projection in network.projections.items():
        key = f"network.projections.{name}"
        _check_fields(ProjectionConfig, vars(projection), key)
        _check_part("connectivity", projection.connectivity, f"{key}.connectivity")
    _check_part("stimulus", stimulus, "stimulus")
    _check_solver(config)
    backend_of(config).check(config)
    if config.hardware.same_maker and config.hardware.device == "auto":
        raise PsstError(
            "hardware.same_maker=true: with hardware.device=auto some programs run on a GPU and others on a processor; "
            "set hardware.device=cpu or hardware.device=gpu"
        )
    for key, known in CHOICES.items():
        _check_choice(get(config, key), known, key)
    for ending in config.formats:
        _check_choice(ending, FORMATS, "formats")
    _check_times(config)
    _check_chosen(config)
    built = Network.from_config(draw_parameters(config, 0).network)
    _check_steps(built, run.dt)
    with asking("stimulus", made := build("stimulus", stimulus, "stimulus"), "check"):
        made.check(built.sizes, Grid.of(config))
    if network.start_file:
        start_state(built, network, run.seed, 0, 0)
    _check_recorder(config.recorder, built)
    if run.duration / run.dt >= MOST_STEPS:
        raise PsstError(
            f"run.duration={run.duration:g} ms: more than {MOST_STEPS:,} steps of run.dt={run.dt:g} ms; "
            "take a longer step, or a shorter run"
        )


def _check_population(population: PopulationConfig, key: str, dt: float) -> None:
    _check_fields(PopulationConfig, vars(population), key)
    for variable, value in start_values(population.start).items():
        _check_number(value, {"unit": "1"}, f"{key}.start.{variable}")
    for mechanism, settings in population.mechanisms.items():
        _check_part("mechanism", settings, f"{key}.mechanisms.{mechanism}")
    if population.equations is not None:
        _check_part("system", population.equations, f"{key}.equations")
    if population.refractory:
        _check_multiple(population.refractory, f"{key}.refractory", dt, "run.dt")


def check_part(config: Config, part: str) -> None:
    """Check the numbers of one part alone, such as `stimulus` or `network.populations.hh.mechanisms.sodium`.

    Raises:
        PsstError: for the first value that cannot be simulated.
    """
    settings = get(config, part)
    if is_distribution(settings):
        owner, _, name = part.rpartition(".")
        fields = () if is_start(part) else dataclasses.fields(class_of(config, owner))
        metadata: Mapping[str, Any] = next((f.metadata for f in fields if f.name == name), {"unit": "1"})
        _check_number(settings, metadata, part)
    elif is_start(part):
        for name, value in start_values(settings).items():
            _check_number(value, {"unit": "1"}, f"{part}.{name}")
    elif "type" in settings:
        kind = kind_of(part)
        _check_part(kind, settings, part)
        made = build(kind, settings, part)
        if isinstance(made, Mechanism):
            with named(part):
                made.check(config.run.dt)
        elif kind == "stimulus":
            made.check(share_out(config.network), Grid.of(config))
    else:
        _check_fields(class_of(config, part), settings, part)


def file_keys(config: Config) -> list[str]:
    """Return the keys whose values are paths of files that a run reads, as the fields of the classes declare them."""
    own = [f"{name}.{field}" for name in PHYSICS if name in SCHEMAS for field in file_fields(SCHEMAS[name])]
    return own + part_file_keys(config)


def data_files(config: Config, runs: Iterable[Mapping[str, object]] = ({},)) -> dict[str, dict[str, str]]:
    """Digest the files that runs read.

    Args:
        runs: for each run, by key, the values that take the place of the configuration's.

    Returns:
        By key and path, the SHA-256 of the content.
    """
    keys, paths = file_keys(config), set[tuple[str, str]]()
    for values in runs:
        paths |= {(key, path) for key in keys for path in _listed(values.get(key, get(config, key)))}
    found: dict[str, dict[str, str]] = {}
    for key, path in sorted(paths):
        found.setdefault(key, {})[path] = digest_file(path, key)
    return found


def _listed(paths: Any) -> list[str]:
    """List the files that a field names: none, one or several."""
    return [path for path in (paths if isinstance(paths, list) else [paths]) if path]


def _check_part(kind: str, settings: Mapping[str, object], key: str) -> None:
    cls = lookup(kind, settings["type"], f"{key}.type")
    _check_fields(cls, settings, key)
    _check_no_hidden_file(cls, settings, key)
    with named(key):
        build(kind, settings, key)


def _check_no_hidden_file(cls: type, settings: Mapping[str, object], key: str) -> None:
    """Raise where the path of a file or a folder stands in a field that is not declared as one.

    In PSST's own fields a word without a dot or slash is no path. A plugin may open whatever its fields name.
    """
    theirs = {name for c in cls.__mro__ if plugins.owns(c.__module__) for name in vars(c).get("__annotations__", ())}
    for name, value in settings.items():
        for text in _texts(value) if name not in file_fields(cls) else ():
            looks = name in theirs or "/" in text or "." in text
            # Path(text) would raise for a text that cannot be a path.
            if looks and (os.path.isfile(text) or ("/" in text and os.path.isdir(text))):  # noqa: PTH112, PTH113
                raise undeclared(text, f"{key}.{name}", several=isinstance(value, list))


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in a value, also those in lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _check_fields(cls: type, settings: Mapping[str, object], key: str) -> None:
    """Check the ranges of a class's fields, for numbers and for what distributions may draw."""
    check_ranges(cls, settings, key)
    for field in dataclasses.fields(cls):
        if is_distribution(settings.get(field.name)):
            _check_number(settings[field.name], field.metadata, f"{key}.{field.name}")


def _check_number(value: Any, metadata: Mapping[str, Any], key: str) -> None:
    if not is_distribution(value):
        check_range(value, metadata, key)
        return
    made = of(value, key)
    check_ranges(type(made), value, key)
    _check_no_hidden_file(type(made), value, key)
    with named(key):
        made.check()
    low, high = metadata.get("minimum", -math.inf), metadata.get("maximum", math.inf)
    smallest, largest = made.support()
    if smallest < low:
        raise PsstError(f"{key}: may draw {smallest:g}, but must be at least {low:g}; add low: {low:g}")
    if largest > high:
        raise PsstError(f"{key}: may draw {largest:g}, but must be at most {high:g}; add high: {high:g}")


def _check_solver(config: Config) -> None:
    """Check the tolerances of the solver. Check also that an adaptive one has no events or noise at steps of run.dt."""
    solver = config.solver
    cls: type[Solver] = lookup("solver", solver.name, "solver.name")
    tolerances = {"relative_tolerance": solver.relative_tolerance, "absolute_tolerance": solver.absolute_tolerance}
    for name, value in tolerances.items():
        if (value is None) == (name in cls.tolerances):
            remedy = "give one" if name in cls.tolerances else f"{solver.name} has none; leave it out"
            raise PsstError(f"solver.{name}={value}: {remedy}")
    if not cls.adaptive:
        return
    if (way := config.numerics.check) != "none":
        raise PsstError(f"numerics.check={way}: solver={solver.name} takes its own steps; tighten its tolerances")
    remedy = "its own steps; choose a solver of fixed steps, such as solver=rk4"
    for name, settings in config.network.synapses.items():
        synapse = build("synapse", settings, f"network.synapses.{name}")
        if synapse.spiking or synapse.delay > 0:
            raise PsstError(f"solver={solver.name}: network.synapses.{name} acts at steps of run.dt, it takes {remedy}")
    for name, population in config.network.populations.items():
        for mechanism, settings in population.mechanisms.items():
            key = f"network.populations.{name}.mechanisms.{mechanism}"
            part: Mechanism = build("mechanism", settings, key)
            if part.random:
                raise PsstError(f"solver={solver.name}: {key} is noise in steps of run.dt, it takes {remedy}")


def _check_steps(network: Network, dt: float) -> None:
    """Check that pulses, delays and noise fit the step `dt`, in ms."""
    rooms = {"network.synapses": network.synapses} | {
        f"network.populations.{name}.mechanisms": population.mechanisms
        for name, population in network.populations.items()
    }
    for room, parts in rooms.items():
        for name, part in parts.items():
            with named(f"{room}.{name}"):
                part.check(dt)


def _check_choice(value: str, known: Sequence[str], key: str) -> None:
    if value not in known:
        raise PsstError(f"{key}={value}: must be {' or '.join(known)}{suggestion(value, known)}")


def _check_times(config: Config) -> None:
    run, recorder, analysis = config.run, config.recorder, config.analysis
    _check_multiple(run.duration, "run.duration", run.dt, "run.dt")
    _check_multiple(recorder.interval, "recorder.interval", run.dt, "run.dt")
    _check_multiple(run.duration, "run.duration", recorder.interval, "recorder.interval")
    _check_stretch(recorder.window, "recorder.window", config)
    if analysis.spectrum != AnalysisConfig().spectrum:
        _check_stretch(analysis.spectrum, "analysis.spectrum", config)
    SHARED["analysis.band"](analysis.band, "analysis.band", config)
    SHARED["analysis.background"](analysis.background, "analysis.background", config)


def _check_chosen(config: Config) -> None:
    """Check measures and figures: their fields, windows that fit the run, bands that samples can show, and names."""
    for room, kind in CHOSEN.items():
        for name, settings in get(config, room).items():
            key = f"{room}.{name}"
            _check_part(kind, settings, key)
            for field in dataclasses.fields(lookup(kind, settings["type"], f"{key}.type")):
                if (of := field.metadata.get("shared")) and settings.get(field.name) is not None:
                    SHARED[of](settings[field.name], f"{key}.{field.name}", config)
    check_measures(config)
    check_figures(config)


def _check_stretch(stretch: Sequence[float], key: str, config: Config) -> None:
    """Raise unless a stretch of time lies within the run, and begins and ends with samples."""
    _check_pair(stretch, key)
    interval = config.recorder.interval
    for time in filter(None, stretch):
        _check_multiple(time, key, interval, "recorder.interval")
    _check_within(stretch, key, config.run.duration)


def _check_pair(values: Sequence[float], key: str) -> None:
    if len(values) != 2 or values[0] >= values[1]:
        raise PsstError(f"{key}={values}: must be two numbers, the first below the second")


def _check_band(band: Sequence[float] | None, key: str, config: Config) -> None:
    """Raise unless a band lies within the frequencies that samples show."""
    if band is None:
        return
    _check_pair(band, key)
    nyquist, shown = _highest(config)
    if not 0 < band[0] < band[1] <= nyquist:
        raise PsstError(f"{key}={band}: must lie above 0 and within the {shown}")


def _check_background(highest: float, key: str, config: Config) -> None:
    nyquist, shown = _highest(config)
    if highest > nyquist:
        raise PsstError(f"{key}={highest:g} Hz: must lie within the {shown}; set {key}={nyquist:g}")


def _highest(config: Config) -> tuple[float, str]:
    """Return the highest frequency that samples show, Hz, and say so."""
    nyquist, interval = 500.0 / config.recorder.interval, config.recorder.interval
    return nyquist, f"{nyquist:g} Hz that samples every recorder.interval={interval:g} ms can show"


# By the key that a measure's field stands in for, the check of its value.
SHARED: dict[str, Callable[[Any, str, Config], None]] = {
    "recorder.window": _check_stretch,
    "analysis.spectrum": _check_stretch,
    "analysis.band": _check_band,
    "analysis.background": _check_background,
}


def unmeasured(config: Config) -> str | None:
    """Say what is not measured in the runs of a checked configuration; None where all is.

    The default of `analysis.spectrum` may end after the run. Then frequency and power stay undefined.
    """
    analysis, duration = config.analysis, config.run.duration
    stretch, band = analysis.spectrum, analysis.band
    if stretch[1] <= duration:
        return None
    longest = band[0] if band else analysis.background
    remedy = f"it is too short to measure them, with less than two periods of {longest:g} Hz"
    for part in ((0.0, duration), _inside(stretch, duration)):
        periods = longest * 1e-3 * (part[1] - part[0])
        if periods > 2 or (band and periods == 2):
            remedy = f"to measure them, set analysis.spectrum={_written(part)}"
    return (
        f"analysis.spectrum={_written(stretch)}, the default, ends after the run, at {duration:g} ms: frequency and "
        f"power of its oscillation stay undefined; {remedy}"
    )


def _check_within(stretch: Sequence[float], key: str, duration: float) -> None:
    """Raise unless a stretch of time, in ms, ends before the run does or with it."""
    if stretch[1] > duration:
        how = "begins when the run is over" if stretch[0] >= duration else "ends when the run is over"
        raise PsstError(
            f"{key}={list(stretch)}: {how}, at {duration:g} ms; set {key}={_written(_inside(stretch, duration))} "
            "or a longer run.duration"
        )


def _inside(stretch: Sequence[float], duration: float) -> tuple[float, float]:
    """Return the part of a stretch of time that the run covers, or the whole run where there is none."""
    return (stretch[0] if stretch[0] < duration else 0.0), duration


def _written(numbers: Sequence[float]) -> str:
    """Write numbers as a list in an override."""
    return f"[{','.join(f'{number:.12g}' for number in numbers)}]"


def _check_multiple(value: float, key: str, unit: float, unit_key: str) -> None:
    count = value / unit
    if abs(count - round(count)) > 1e-6 or round(count) < 1:
        below, above = int(count) * unit, (int(count) + 1) * unit
        near = f"{below:g} or {above:g}" if below > 0 else f"{above:g}"
        raise PsstError(f"{key}={value:g} ms: must be a multiple of {unit_key}={unit:g} ms, such as {near}")


def _check_recorder(recorder: RecorderConfig, network: Network) -> None:
    known = network.start_values()
    keys = [f"{name}.{variable}" for name, variables in recorder.variables.items() for variable in variables]
    for one, other in itertools.combinations(keys, 2):
        if trace_name(one) == trace_name(other):
            raise PsstError(f"recorder.variables: {one} and {other} have one name in files, {trace_name(one)}")
    for name, variables in recorder.variables.items():
        _check_choice(name, list(known), "recorder.variables")
        for variable in variables:
            _check_choice(variable, list(known[name]), f"recorder.variables.{name}")
        for cell in recorder.cells:
            if cell >= network.sizes[name]:
                raise PsstError(f"recorder.cells={cell}: population {name} has cells 0 to {network.sizes[name] - 1}")
