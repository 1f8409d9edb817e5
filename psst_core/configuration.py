"""A configuration: every key with its type, default, unit and range."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, TypeVar

from psst_core.registry import data_file, setting

T = TypeVar("T")
MOST = 1_000_000
USUAL = ("rates", "intervals", "synchrony", "oscillation")  # the measures of every sweep that leaves none of them out
Settings = Mapping[str, Any]  # of a part with a registered class: the name of the class, and values of its fields


@dataclass
class RunConfig:
    """The times and the seed of a run."""

    duration: float = setting(1000.0, "ms", minimum=1e-9)
    dt: float = setting(0.01, "ms", minimum=1e-9)
    seed: int = setting(1, minimum=0, maximum=2**53)

    def steps(self, time: float) -> int:
        """Return the number of steps in a time in ms, which is a multiple of dt."""
        return round(time / self.dt)


@dataclass
class SolverConfig:
    """The solver, its precision and its tolerances.

    Only adaptive solvers have tolerances; they bound the error within dt.
    """

    name: str = "rk4"
    precision: str = "float64"
    relative_tolerance: float | None = setting(None, minimum=1e-14)
    absolute_tolerance: float | None = setting(None, minimum=1e-300)


@dataclass
class PopulationConfig:
    """A population of cells: membranes with `mechanisms`, or copies of the plain system in `equations`.

    Attributes:
        share: how many of the network's cells it has, in proportion to the shares of the other populations.
        spike_threshold: a cell spikes when its v crosses this potential upward.
        refractory: the shortest time between two spikes of a cell.
        start: the start value of each variable, a number or a distribution.
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
    """The connections from one population to another, made with one of the network's synapses.

    Attributes:
        conductance: of one connection, at the reference in-degree.
        weight: a factor on each connection: a number, or a distribution over the connections.
        reference_in_degree: the in-degree at which a connection has `conductance`, with `network.scaling=in_degree`.
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
    """The network: its populations, synapses and projections.

    `coupling` is a factor on every synapse. Each transmitter of the network's synapses has a key with a factor of its
    own: `network.ach` where a synapse releases ach, and so on. This factor is 1 where nothing else is written, and at
    least 0. A network without a synapse of that transmitter has no such key.

    Attributes:
        size: the number of cells of all populations together.
        scaling: in_degree keeps the expected input of a cell the same at any size; none does not.
        start_jitter: the standard deviation of a Gaussian factor on each start value; its mean is 1.
        start_file: NetCDF or npz, with start values as variables such as `pn.v`, one number for each cell or one for
            all.
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
    """The recorder: it always keeps spikes and the mean potential of each population, and traces on request.

    Attributes:
        interval: the time between two samples.
        window: the stretch of time in which rates and synchrony are measured.
        variables: by population, the variables of which traces are kept.
        cells: the cells of which traces are kept, counted from 0 in each population; none named: all.
        runs: the runs of which traces are kept, as lists of values by axis, `network` or `trial`; none named: all.
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
    """The analysis: which measures are taken of each run, and what several of them share.

    Attributes:
        measures: by name, the `type` of a measure and its parameters. A file in psst_core/measures/ is a type, or one
            of a plugin. Without a type, the name is the type; `null` leaves a measure out.
        spectrum: the stretch of time of which the spectrum is taken.
        band: the frequencies at which the oscillation is looked for. A file in conf/network/ may give them. Without a
            band it is looked for from the frequency with two periods in that stretch up to `background`. A spectrum
            that is largest at an end of the band has no dominant frequency.
        background: the highest frequency of the background, which is the spectrum outside the band. An oscillation is
            compared with it, but only where a band is given.
    """

    measures: dict[str, Any] = field(default_factory=lambda: {name: {"type": name} for name in USUAL})
    spectrum: list[float] = setting([200.0, 600.0], "ms", minimum=0)
    band: list[float] | None = setting(None, "Hz", minimum=0)
    background: float = setting(200.0, "Hz", minimum=0)


@dataclass
class HardwareConfig:
    """The hardware: where and how batches run. No key changes what a run computes, except some flags in `xla_flags`.

    Attributes:
        backend: the way in which the equations are integrated; a file in psst_core/integrate/backends/, or a plugin.
        same_maker: whether all runs of a sweep must come from one backend on one sort of device. If not, finished runs
            count wherever they were made, as long as the code of their backend is today's. Bits agree only between runs
            of one backend and device.
        device: cpu, gpu, or auto: a GPU for each program of which a batch holds `gpu_from` cells or more, counted over
            its runs.
        devices: the number of devices that a process has: GPUs, or logical processors with a core each. Each runs one
            batch at a time.
        workers: the number of processes that make a job together, here or on the nodes of a cluster.
        lanes, gpu_lanes: the largest number of runs in a batch, on a processor and on a GPU.
        jobs: how many jobs run at once; a sweep is divided into that many or more. 0: as many as this machine has
            cores for.
        job_minutes: the longest time that a job may be expected to take.
        save_minutes: how often a job saves its state, from which it goes on when it is started again; 0: never.
        vector_width: bits of the processor's vectors that XLA may use; 0: the widest that the processor has.
        xla_flags: more flags for XLA.
        mem_mb, runtime: the memory and the time that a job asks a cluster for; none: what the plan expects it to need,
            and a margin.
    """

    backend: str = "tensorflow"
    same_maker: bool = False
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

    @property
    def side_by_side(self) -> int:
        """The number of batches that a job integrates at once: one on each device of each of its workers."""
        return self.devices * self.workers

    @property
    def cores(self) -> int:
        """The number of cores that a job keeps busy: one a logical processor, or one a process that waits for GPUs."""
        return self.side_by_side if self.device == "cpu" else self.workers


@dataclass
class SampleConfig:
    """The sample, in which all axes that are intervals are drawn together.

    Attributes:
        method: sobol, latin_hypercube, or random (independent draws). A larger Sobol or random sample begins with the
            points of a smaller one.
    """

    method: str = "sobol"
    points: int = setting(64, minimum=1, maximum=MOST)
    seed: int = setting(1, minimum=0, maximum=2**53)


@dataclass
class SweepConfig:
    """The runs of a sweep: the product of all axes, of the sample and of the table, where every constraint holds.

    Attributes:
        axes: by key, its values, in the grammar of psst_core/sweep/grammar.py.
        zip: lists of keys of axes that move together.
        sample: how the axes that are intervals are drawn.
        table: a CSV file with a column for each key and a row for each point.
        where: comparisons of axes, such as `network.ach > network.gaba`.
        networks, trials: replicates of each point: its networks, and the trials on each network.
    """

    axes: dict[str, Any] = field(default_factory=dict)
    zip: list[Any] = field(default_factory=list)
    sample: SampleConfig = field(default_factory=SampleConfig)
    table: str | None = None
    where: list[str] = field(default_factory=list)
    networks: int = setting(1, minimum=1, maximum=100000)
    trials: int = setting(1, minimum=1, maximum=100000)

    @property
    def replicates(self) -> dict[str, int]:
        """The number of replicates of each sort."""
        return {"network": self.networks, "trial": self.trials}


@dataclass
class NumericsConfig:
    """The error estimate, made on demand.

    Attributes:
        check: none, or halve_dt: some runs are integrated once more at half the step, and compared.
        share: the part of the runs that is integrated once more.
    """

    check: str = "none"
    share: float = setting(0.1, minimum=0, maximum=1)


@dataclass
class PsstConfig:
    """The whole configuration.

    Attributes:
        figures: the figures to draw; one is left out where the sweep does not have what it shows.
        figure_options: by the name of a figure, the `type` of figure and its options. A file in psst_core/figures/ is
            a type, or one of a plugin. Without a type, the name is the type. A name of its own makes another figure
            of that type, which `figures` may name too.
        formats: formats of the figures, such as pdf, beside PNG and SVG.
        style: a style of matplotlib's or the path of a style file, laid over PSST's own style.
        scale: small, or paper. With paper the overrides in `paper` are applied, except where the command line has the
            same key.
        paper: by key, the value that differs at the size of a publication.
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
    figure_options: dict[str, Any] = field(default_factory=dict)
    formats: list[str] = field(default_factory=list)
    style: str = ""
    scale: str = "small"
    paper: dict[str, Any] = field(default_factory=dict)


@dataclass
class DescribedNetwork(NetworkConfig):
    """The network part of a resolved configuration; `factors` by transmitter, each a factor on its synapses."""

    factors: dict[str, float] = field(default_factory=dict)


class Config(dict[str, Any]):
    """A resolved configuration: plain data, as it is written, with a typed view of each group of keys.

    A view is made anew at each use. Change a configuration with `keys.put`, not by its views.
    """

    def __or__(self, other: Mapping[str, object]) -> "Config":  # type: ignore[override]
        return Config({**self, **other})

    @property
    def run(self) -> RunConfig:
        return _view(RunConfig, self["run"])

    @property
    def network(self) -> DescribedNetwork:
        """The network, with its populations and projections typed, and the factor of each transmitter."""
        data = self["network"]
        network = _view(DescribedNetwork, data)
        network.populations = {name: _view(PopulationConfig, part) for name, part in data["populations"].items()}
        network.projections = {name: _view(ProjectionConfig, part) for name, part in data["projections"].items()}
        network.factors = {name: value for name, value in data.items() if name not in _names(NetworkConfig)}
        return network

    @property
    def stimulus(self) -> Settings:
        found: Settings = self["stimulus"]
        return found

    @property
    def solver(self) -> SolverConfig:
        return _view(SolverConfig, self["solver"])

    @property
    def recorder(self) -> RecorderConfig:
        return _view(RecorderConfig, self["recorder"])

    @property
    def analysis(self) -> AnalysisConfig:
        return _view(AnalysisConfig, self["analysis"])

    @property
    def hardware(self) -> HardwareConfig:
        return _view(HardwareConfig, self["hardware"])

    @property
    def sweep(self) -> SweepConfig:
        sweep = _view(SweepConfig, self["sweep"])
        sweep.sample = _view(SampleConfig, self["sweep"]["sample"])
        return sweep

    @property
    def numerics(self) -> NumericsConfig:
        return _view(NumericsConfig, self["numerics"])

    @property
    def figures(self) -> list[str]:
        return list(self["figures"])

    @property
    def figure_options(self) -> dict[str, Settings]:
        return dict(self.get("figure_options", {}))

    @property
    def formats(self) -> list[str]:
        return list(self.get("formats", ()))

    @property
    def style(self) -> str:
        return str(self.get("style", ""))

    @property
    def description(self) -> str:
        return str(self["description"])

    @property
    def institution(self) -> str:
        return str(self.get("institution", ""))


def _names(schema: type) -> frozenset[str]:
    return frozenset(field.name for field in fields(schema))


def _view(schema: type[T], data: Mapping[str, object]) -> T:
    """Make a typed view of a group of keys. A key that the schema does not know is left out."""
    known = _names(schema)
    return schema(**{name: value for name, value in data.items() if name in known})
