"""Configurations: a typed schema, composed by Hydra from conf/, completed with every default, and checked.

A resolved configuration is plain data (dicts, lists, numbers, text), the same whatever the order of its keys or the
way in which its numbers were written.
"""

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from hydra import compose as hydra_compose
from hydra import initialize_config_dir
from hydra.core.config_store import ConfigStore
from hydra.core.global_hydra import GlobalHydra
from hydra.errors import HydraException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from psst_core import solvers, stimuli  # noqa: F401  (importing fills the registry)
from psst_core.datafiles import digest_file
from psst_core.errors import PsstError
from psst_core.keys import Config, get, start_values
from psst_core.network import Network
from psst_core.registry import build, check_range, check_ranges, lookup, setting, suggestion

CONF = Path(__file__).resolve().parent.parent / "conf"
PRECISIONS = ("float64", "float32")
SCALINGS = ("in_degree", "none")
DEVICES = ("cpu", "gpu")


@dataclass
class RunConfig:
    """How long, in which steps, from which seed."""

    duration: float = setting(1000.0, "ms", minimum=1e-9)
    dt: float = setting(0.01, "ms", minimum=1e-9)
    seed: int = setting(1, minimum=0)


@dataclass
class SolverConfig:
    name: str = "rk4"
    precision: str = "float64"


@dataclass
class PopulationConfig:
    share: int = setting(1, minimum=1)
    capacitance: float = setting(1.0, "uF/cm2", minimum=1e-9)
    spike_threshold: float = setting(0.0, "mV")
    start: dict[str, Any] = field(default_factory=dict)
    mechanisms: dict[str, Any] = field(default_factory=dict)


@dataclass
class ProjectionConfig:
    pre: str = ""
    post: str = ""
    synapse: str = ""
    conductance: float = setting(0.0, "mS/cm2", minimum=0)
    reference_in_degree: float | None = setting(None, minimum=0)
    connectivity: Any = None


@dataclass
class NetworkConfig:
    """`coupling` scales every synapse, `ach` and `gaba` those of that transmitter."""

    size: int = setting(1, minimum=1)
    coupling: float = setting(1.0, minimum=0)
    ach: float = setting(1.0, minimum=0)
    gaba: float = setting(1.0, minimum=0)
    scaling: str = "in_degree"
    start_jitter: float = setting(0.0, minimum=0)
    start_file: str | None = None
    populations: dict[str, PopulationConfig] = field(default_factory=dict)
    synapses: dict[str, Any] = field(default_factory=dict)
    projections: dict[str, ProjectionConfig] = field(default_factory=dict)


@dataclass
class RecorderConfig:
    """Spikes and each population's mean potential always; traces of `variables` (by population) on request.

    Attributes:
        interval: between samples.
        window: where rates and synchrony are measured.
        cells: of which traces are kept, counted in each population (none named: all).
        runs: of which traces are kept, as lists of values by axis, `network` or `trial` (none named: all).
    """

    interval: float = setting(0.5, "ms", minimum=1e-9)
    window: list[float] = setting([100.0, 600.0], "ms", minimum=0)
    variables: dict[str, list[str]] = field(default_factory=dict)
    cells: list[int] = setting([], minimum=0)
    runs: dict[str, list[Any]] = field(default_factory=dict)


@dataclass
class AnalysisConfig:
    """Of the spectrum of each population's mean potential: the stretch of time, the band, the background's end."""

    spectrum: list[float] = setting([200.0, 600.0], "ms", minimum=0)
    band: list[float] = setting([10.0, 60.0], "Hz", minimum=0)
    background: float = setting(200.0, "Hz", minimum=0)


@dataclass
class HardwareConfig:
    """Where and how batches run; none of it changes what is computed.

    Attributes:
        lanes: the largest number of runs in a batch.
        batches: the largest number of batches in a chunk, which is one job and one file.
        vector_width: bits of the processor's vectors that XLA may use; 0 takes the widest it has.
        xla_flags: more flags for XLA.
    """

    device: str = "cpu"
    lanes: int = setting(64, minimum=1, maximum=65536)
    batches: int = setting(1, minimum=1, maximum=4096)
    vector_width: int = setting(0, "bit", minimum=0, maximum=1024)
    xla_flags: str = ""
    mem_mb: int = setting(1500, "MB", minimum=100)
    runtime: int = setting(60, "min", minimum=1)


@dataclass
class SweepConfig:
    """`axes`: by key, values in Hydra's sweep grammar. `networks` × `trials`: replicates."""

    axes: dict[str, Any] = field(default_factory=dict)
    networks: int = setting(1, minimum=1, maximum=100000)
    trials: int = setting(1, minimum=1, maximum=100000)


@dataclass
class PsstConfig:
    description: str = ""
    run: RunConfig = field(default_factory=RunConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    stimulus: Any = None
    solver: SolverConfig = field(default_factory=SolverConfig)
    recorder: RecorderConfig = field(default_factory=RecorderConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    figures: list[str] = field(default_factory=list)


def groups() -> dict[str, list[str]]:
    """Each configuration group and its choices."""
    return {
        folder.name: sorted(file.stem for file in folder.glob("*.yaml"))
        for folder in sorted(CONF.iterdir())
        if folder.is_dir()
    }


def compose(choices: Mapping[str, str]) -> DictConfig:
    """The typed configuration for these choices of groups (`experiment`, `solver`, …), every default filled in.

    Raises:
        PsstError: for a group or a choice that does not exist, an unknown key, or a wrong type in a file.
    """
    known = groups()
    for group, choice in choices.items():
        if choice not in known[group]:
            raise PsstError(
                f"{group}={choice}: no such {group}{suggestion(choice, known[group])}; "
                f"conf/{group}/ has: {', '.join(known[group])}"
            )
    ConfigStore.instance().store(name="schema", node=PsstConfig)
    GlobalHydra.instance().clear()
    try:
        with initialize_config_dir(str(CONF), version_base="1.3"):
            config = hydra_compose("config", [f"{group}={choice}" for group, choice in choices.items()])
    except (HydraException, OmegaConfBaseException) as error:
        raise PsstError(f"the configuration does not compose: {_first_lines(error)}") from error
    _complete(config)
    OmegaConf.set_struct(config, True)
    return config


def update(config: DictConfig, key: str, value: Any) -> None:
    """Set one key, as its type demands.

    Raises:
        PsstError: naming the key and the value, when there is no such key or the value is of another type.
    """
    *path, last = key.split(".")
    node: Any = config
    for depth, part in enumerate(path):
        if not isinstance(node, DictConfig) or part not in node:
            raise _unknown(node, ".".join(path[: depth + 1]), part)
        node = node[part]
    if not isinstance(node, DictConfig) or last not in node:
        raise _unknown(node, key, last)
    if isinstance(node[last], DictConfig):
        raise PsstError(f"{key}={value}: is a group of keys ({', '.join(map(str, node[last]))}); name one of them")
    with _messages(f"{key}={value}"):
        node[last] = value


def resolve(config: DictConfig) -> Config:
    """Plain data; refuses interpolations, which would make one key's meaning depend on another."""
    plain: Config = OmegaConf.to_container(config, resolve=False)  # type: ignore[assignment]
    for key, value in flatten(plain):
        if isinstance(value, str) and "${" in value:
            raise PsstError(f"{key}={value}: interpolations are not supported; write the value itself")
    return plain


def flatten(node: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """Every leaf with its dotted key; lists count their items."""
    if isinstance(node, dict):
        items: Any = node.items()
    elif isinstance(node, list):
        items = enumerate(node)
    else:
        yield key, node
        return
    for name, value in items:
        yield from flatten(value, f"{key}.{name}" if key else str(name))


def check(config: Config) -> None:
    """Raise a PsstError for the first value that cannot be simulated, naming the key, the value and the remedy."""
    for name, schema in _SCHEMAS.items():
        check_ranges(schema, config[name], name)
    network, stimulus, solver, run = (config[name] for name in ("network", "stimulus", "solver", "run"))
    for name, population in network["populations"].items():
        key = f"network.populations.{name}"
        check_ranges(PopulationConfig, population, key)
        for variable, value in start_values(population["start"]).items():
            check_range(value, {"unit": "1"}, f"{key}.start.{variable}")
        for mechanism, settings in population["mechanisms"].items():
            _check_part("mechanism", settings, f"{key}.mechanisms.{mechanism}")
    for name, settings in network["synapses"].items():
        _check_part("synapse", settings, f"network.synapses.{name}")
    for name, projection in network["projections"].items():
        check_ranges(ProjectionConfig, projection, f"network.projections.{name}")
        _check_part("connectivity", projection["connectivity"], f"network.projections.{name}.connectivity")
    _check_part("stimulus", stimulus, "stimulus")
    lookup("solver", solver["name"], "solver.name")
    _check_choice(solver["precision"], PRECISIONS, "solver.precision")
    _check_choice(network["scaling"], SCALINGS, "network.scaling")
    _check_choice(config["hardware"]["device"], DEVICES, "hardware.device")
    _check_times(config)
    built = Network.from_config(network)
    build("stimulus", stimulus, "stimulus").check(built.sizes)
    _check_recorder(config["recorder"], built)
    if run["duration"] / run["dt"] >= 2**31:
        raise PsstError(f"run.duration={run['duration']:g} ms: more than 2^31 steps of run.dt={run['dt']:g} ms")


def data_files(config: Config) -> dict[str, str]:
    """The files that a run reads: by key, the SHA-256 of their content."""
    found = {}
    for key, value in flatten({name: config[name] for name in ("network", "stimulus")}):
        if key.rpartition(".")[2] in ("path", "start_file") and value:
            found[key] = digest_file(value, key)
    return found


def units(config: Config, key: str) -> str | None:
    """The unit of a number, by its dotted key; None for a word or a group."""
    parent, _, name = key.rpartition(".")
    if not parent:
        return None
    settings, folder = get(config, parent), parent.split(".")[-2:]
    kinds = {"mechanisms": "mechanism", "synapses": "synapse"}
    if "type" in settings:
        kind = kinds.get(folder[0], folder[-1])
        cls = lookup(kind, settings["type"], f"{parent}.type")
    else:
        cls = {"populations": PopulationConfig, "projections": ProjectionConfig}.get(folder[0]) or _SCHEMAS[folder[-1]]
    fields = {f.name: f.metadata for f in dataclasses.fields(cls)}
    return fields[name].get("unit") if name in fields else None


_SCHEMAS: dict[str, type] = {
    f.name: f.type
    for f in dataclasses.fields(PsstConfig)
    if isinstance(f.type, type) and dataclasses.is_dataclass(f.type)
}


def _check_part(kind: str, settings: Mapping[str, Any], key: str) -> None:
    check_ranges(lookup(kind, settings["type"], f"{key}.type"), settings, key)
    try:
        build(kind, settings, key)
    except PsstError as error:
        raise PsstError(f"{key}: {error}") from error


def _check_choice(value: str, known: Sequence[str], key: str) -> None:
    if value not in known:
        raise PsstError(f"{key}={value}: must be {' or '.join(known)}{suggestion(value, known)}")


def _check_times(config: Config) -> None:
    run, recorder = config["run"], config["recorder"]
    _check_multiple(run["duration"], "run.duration", run["dt"], "run.dt")
    _check_multiple(recorder["interval"], "recorder.interval", run["dt"], "run.dt")
    _check_multiple(run["duration"], "run.duration", recorder["interval"], "recorder.interval")
    for key in ("recorder.window", "analysis.spectrum", "analysis.band"):
        part, name = key.split(".")
        values = config[part][name]
        if len(values) != 2 or values[0] >= values[1]:
            raise PsstError(f"{key}={values}: must be two numbers, the first below the second")


def _check_multiple(value: float, key: str, unit: float, unit_key: str) -> None:
    count = value / unit
    if abs(count - round(count)) > 1e-6 or round(count) < 1:
        below, above = int(count) * unit, (int(count) + 1) * unit
        near = f"{below:g} or {above:g}" if below > 0 else f"{above:g}"
        raise PsstError(f"{key}={value:g} ms: must be a multiple of {unit_key}={unit:g} ms, such as {near}")


def _check_recorder(recorder: Mapping[str, Any], network: Network) -> None:
    known = network.start_values()
    for name, variables in recorder["variables"].items():
        _check_choice(name, list(known), "recorder.variables")
        for variable in variables:
            _check_choice(variable, list(known[name]), f"recorder.variables.{name}")
        for cell in recorder["cells"]:
            if cell >= network.sizes[name]:
                raise PsstError(f"recorder.cells={cell}: population {name} has cells 0 to {network.sizes[name] - 1}")


def _complete(config: DictConfig) -> None:
    """Give every mechanism, synapse, connectivity and stimulus its class's fields, types and defaults."""
    for name, population in config.network.populations.items():
        for mechanism, settings in population.mechanisms.items():
            key = f"network.populations.{name}.mechanisms.{mechanism}"
            population.mechanisms[mechanism] = _typed("mechanism", settings, key)
    for name, settings in config.network.synapses.items():
        config.network.synapses[name] = _typed("synapse", settings, f"network.synapses.{name}")
    for name, projection in config.network.projections.items():
        key = f"network.projections.{name}.connectivity"
        projection.connectivity = _typed("connectivity", projection.connectivity, key)
    config.stimulus = _typed("stimulus", config.stimulus, "stimulus")


def _typed(kind: str, settings: Any, key: str) -> DictConfig:
    if not isinstance(settings, DictConfig) or "type" not in settings:
        raise PsstError(f"{key}={settings}: needs a `type`")
    cls = lookup(kind, settings.type, f"{key}.type")
    schema = dataclasses.make_dataclass(cls.__name__, [("type", str, settings.type)], bases=(cls,), kw_only=True)
    typed = OmegaConf.structured(schema)
    for name, value in settings.items():
        name = str(name)
        if name not in typed:
            raise PsstError(f"{key}.{name}: no such key{suggestion(name, typed)}; there are: {', '.join(typed)}")
        with _messages(f"{key}.{name}"):
            typed[name] = value
    return typed  # type: ignore[no-any-return]


def _unknown(node: Any, key: str, name: str) -> PsstError:
    if not isinstance(node, DictConfig):
        return PsstError(f"{key}: no such key; {key.rpartition('.')[0]} is a single value")
    known = [str(entry) for entry in node]
    return PsstError(f"{key}: no such key{suggestion(name, known)}; there are: {', '.join(known)}")


@contextlib.contextmanager
def _messages(key: str) -> Iterator[None]:
    try:
        yield
    except OmegaConfBaseException as error:
        raise PsstError(f"{key}: {_first_lines(error)}") from error


def _first_lines(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    return "; ".join(line for line in lines if not line.startswith(("object_type", "reference_type", "full_key: ]")))
