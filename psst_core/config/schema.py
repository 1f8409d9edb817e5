"""The typed schema of a configuration: every key with its type, default, unit and range."""

import dataclasses
import functools
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, get_args, get_origin, get_type_hints

from psst_core.errors import PsstError
from psst_core.keys import Config, get, is_start, transmitters
from psst_core.model.distributions import KEY
from psst_core.registry import data_file, lookup, names, setting

MOST = 1_000_000
WORD = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass
class RunConfig:
    """How long, in which steps, from which seed."""

    duration: float = setting(1000.0, "ms", minimum=1e-9)
    dt: float = setting(0.01, "ms", minimum=1e-9)
    seed: int = setting(1, minimum=0, maximum=2**53)


@dataclass
class SolverConfig:
    """The tolerances, of the error within dt, are those of adaptive solvers; the others have none."""

    name: str = "rk4"
    precision: str = "float64"
    relative_tolerance: float | None = setting(None, minimum=1e-14)
    absolute_tolerance: float | None = setting(None, minimum=1e-300)


@dataclass
class PopulationConfig:
    """Membranes with `mechanisms`, or copies of the plain system in `equations`.

    Attributes:
        share: of the network's cells, beside the shares of the other populations.
        spike_threshold: that v crosses upward.
        refractory: the shortest time between two spikes of a cell.
        start: by variable, a number or a distribution.
    """

    share: int = setting(1, minimum=1)
    capacitance: Any = setting(1.0, "uF/cm2", minimum=1e-9)
    spike_threshold: float = setting(0.0, "mV")
    refractory: float = setting(0.0, "ms", minimum=0)
    start: dict[str, Any] = field(default_factory=dict)
    mechanisms: dict[str, Any] = field(default_factory=dict)
    equations: Any = None


@dataclass
class ProjectionConfig:
    """From one population to another, by one of the network's synapses.

    Attributes:
        conductance: of one connection, at the reference in-degree.
        weight: a factor on each connection: a number, or a distribution over the connections.
        reference_in_degree: where the conductance is as given, with `network.scaling=in_degree`.
    """

    pre: str = ""
    post: str = ""
    synapse: str = ""
    conductance: float = setting(0.0, "mS/cm2", minimum=0)
    weight: Any = setting(1.0, minimum=0)
    reference_in_degree: float | None = setting(None, minimum=0)
    connectivity: Any = None


@dataclass
class NetworkConfig:
    """`coupling` scales every synapse; each transmitter of the network's synapses has a key and a factor of its own.

    That is `network.ach` where a synapse releases ach, and so on: 1 where nothing else is written, and at least 0. A
    network without a synapse of that transmitter has no such key.

    Attributes:
        size: cells, of all populations together.
        scaling: in_degree keeps a cell's expected input at any size; or none.
        start_jitter: the standard deviation of a Gaussian factor on each start value, around 1.
        start_file: NetCDF or npz, with start values as variables such as `pn.v`, one number a cell or one for all.
    """

    size: int = setting(1, minimum=1, maximum=10_000_000)
    coupling: float = setting(1.0, minimum=0)
    scaling: str = "in_degree"
    start_jitter: float = setting(0.0, minimum=0)
    start_file: str | None = data_file(None)
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
        precision: of samples in files, float32 or float64.
    """

    interval: float = setting(0.5, "ms", minimum=1e-9)
    window: list[float] = setting([100.0, 600.0], "ms", minimum=0)
    variables: dict[str, list[str]] = field(default_factory=dict)
    cells: list[int] = setting([], minimum=0)
    runs: dict[str, list[Any]] = field(default_factory=dict)
    precision: str = "float32"


@dataclass
class AnalysisConfig:
    """Of the spectrum of each population's mean potential.

    Attributes:
        spectrum: the stretch of time.
        band: where the oscillation is looked for, which a file in conf/network/ may say; none: from two periods in that
            stretch up to `background`. A spectrum that is largest at an end of it has no dominant frequency.
        background: up to where the spectrum outside the band is what an oscillation stands above; none stands above
            it where no band is given.
    """

    spectrum: list[float] = setting([200.0, 600.0], "ms", minimum=0)
    band: list[float] | None = setting(None, "Hz", minimum=0)
    background: float = setting(200.0, "Hz", minimum=0)


@dataclass
class HardwareConfig:
    """Where and how batches run; none of it changes what is asked for, and all but flags that do so, its numbers.

    Attributes:
        device: cpu, gpu, or auto: a GPU for each program of which a batch holds `gpu_from` cells or more, counted over
            its runs.
        devices: that a process has: so many GPUs, or logical processors of a core each; a batch on each at a time.
        workers: that make a job together: so many processes, here or over a cluster's nodes.
        lanes, gpu_lanes: the largest number of runs in a batch, on a processor and on a GPU.
        jobs: how many jobs run at once; a sweep is divided into that many or more. 0: this machine's cores.
        job_minutes: how long a job may be expected to take.
        save_minutes: how often a job saves its state, to go on from there when it is started again; 0: never.
        vector_width: bits of the processor's vectors that XLA may use; 0 takes the widest it has.
        xla_flags: more flags for XLA.
        mem_mb, runtime: that a job asks a cluster for; none: what the plan expects it to need, and a margin.
    """

    device: str = "cpu"
    devices: int = setting(1, minimum=1, maximum=64)
    workers: int = setting(1, minimum=1, maximum=1024)
    lanes: int = setting(64, minimum=1, maximum=65536)
    gpu_lanes: int = setting(1024, minimum=1, maximum=65536)
    gpu_from: int = setting(50_000, minimum=1, maximum=10_000_000_000)
    jobs: int = setting(0, minimum=0, maximum=100000)
    job_minutes: float = setting(10.0, "min", minimum=0.1)
    save_minutes: float = setting(10.0, "min", minimum=0)
    vector_width: int = setting(0, "bit", minimum=0, maximum=1024)
    xla_flags: str = ""
    mem_mb: int | None = setting(None, "MB", minimum=100)
    runtime: int | None = setting(None, "min", minimum=1)


@dataclass
class SampleConfig:
    """How the axes that are intervals are drawn, all together.

    Attributes:
        method: sobol, latin_hypercube, or random (independent draws). More points of a Sobol or random sample begin
            with the same ones.
    """

    method: str = "sobol"
    points: int = setting(64, minimum=1, maximum=MOST)
    seed: int = setting(1, minimum=0, maximum=2**53)


@dataclass
class SweepConfig:
    """Which runs there are: the product of all axes, of the sample and of the table, where every constraint holds.

    Attributes:
        axes: by key, values in the grammar of grammar.py.
        zip: lists of keys of axes that move together.
        sample: of the axes that are intervals.
        table: a CSV file with a column for each key and a row for each point.
        where: comparisons of axes, such as `network.ach > network.gaba`.
        networks, trials: replicates of each point, trials on each network.
    """

    axes: dict[str, Any] = field(default_factory=dict)
    zip: list[Any] = field(default_factory=list)
    sample: SampleConfig = field(default_factory=SampleConfig)
    table: str | None = None
    where: list[str] = field(default_factory=list)
    networks: int = setting(1, minimum=1, maximum=100000)
    trials: int = setting(1, minimum=1, maximum=100000)


@dataclass
class NumericsConfig:
    """An error estimate on demand.

    Attributes:
        check: none, or halve_dt: some runs are integrated once more at half the step, and compared.
        share: of the runs, how many are.
    """

    check: str = "none"
    share: float = setting(0.1, minimum=0, maximum=1)


@dataclass
class PsstConfig:
    """All of it.

    Attributes:
        figures: what is drawn, as far as the sweep fills it.
        formats: of figures, beside PNG and SVG, such as pdf.
        style: over that of PSST, one of matplotlib's or the path of a file.
        scale: small, or paper: with the overrides in `paper`, those of the command line before them.
        paper: by key, what differs at the size of a publication.
    """

    description: str = ""
    institution: str = ""
    run: RunConfig = field(default_factory=RunConfig)
    network: NetworkConfig = field(default_factory=NetworkConfig)
    stimulus: Any = None
    solver: SolverConfig = field(default_factory=SolverConfig)
    recorder: RecorderConfig = field(default_factory=RecorderConfig)
    analysis: AnalysisConfig = field(default_factory=AnalysisConfig)
    hardware: HardwareConfig = field(default_factory=HardwareConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    numerics: NumericsConfig = field(default_factory=NumericsConfig)
    figures: list[str] = field(default_factory=list)
    formats: list[str] = field(default_factory=list)
    style: str = ""
    scale: str = "small"
    paper: dict[str, Any] = field(default_factory=dict)


SCHEMAS: dict[str, type] = {
    f.name: f.type
    for f in dataclasses.fields(PsstConfig)
    if isinstance(f.type, type) and dataclasses.is_dataclass(f.type)
}


@functools.cache
def text_keys() -> frozenset[str]:
    """The dotted keys that take words, or lists of words, even where these look like numbers."""
    return frozenset(_text_keys(PsstConfig, ""))


def _text_keys(schema: type, above: str) -> Iterator[str]:
    for name, hint in get_type_hints(schema).items():
        parts = get_args(hint)
        if hint is str or (str in parts and get_origin(hint) is not dict):
            yield f"{above}{name}"
        elif dataclasses.is_dataclass(hint):
            yield from _text_keys(hint, f"{above}{name}.")  # type: ignore[arg-type]


def network_schema(transmitters: Iterable[str], default: float | None = 1.0) -> type:
    """The schema of a network with a factor for each of these transmitters.

    Args:
        default: of the factors; None makes room for those that a file may give.
    """
    kind = float if default is not None else float | None
    factors = [(name, kind, setting(default, minimum=0)) for name in sorted(transmitters)]
    return dataclasses.make_dataclass("NetworkConfig", factors, bases=(NetworkConfig,))


def config_schema() -> type:
    """All of it, with room for the factors that files may give: of every transmitter of a registered synapse."""
    network = network_schema(known_transmitters(), default=None)
    return dataclasses.make_dataclass(
        "PsstConfig", [("network", network, field(default_factory=network))], bases=(PsstConfig,)
    )


def known_transmitters() -> dict[str, type]:
    """Every transmitter that a registered synapse declares, and the first class that does.

    Raises:
        PsstError: for one that cannot be a key of `network`, or that another key has.
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
    """The class that types a part of a configuration, by its dotted key."""
    if part == "network":
        return network_schema(transmitters(config["network"]))
    settings, path = get(config, part), part.split(".")
    if KEY in settings:
        return lookup(KEY, settings[KEY], f"{part}.{KEY}")
    if "type" in settings:
        return lookup(kind_of(part), settings["type"], f"{part}.type")
    if path[0] == "network" and len(path) == 3:
        return {"populations": PopulationConfig, "projections": ProjectionConfig}[path[1]]
    return SCHEMAS[part]


def kind_of(part: str) -> str:
    """What a part with a `type` is: a mechanism, a synapse, …"""
    match part.split("."):
        case ["network", "populations", _, "mechanisms", _]:
            return "mechanism"
        case ["network", "populations", _, "equations"]:
            return "system"
        case ["network", "synapses", _]:
            return "synapse"
        case [*_, name]:
            return name
    raise KeyError(part)


def units(config: Config, key: str) -> str | None:
    """The unit of a number, by its dotted key; None for a word or a group."""
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
