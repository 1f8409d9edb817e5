"""From a sweep to jobs: runs are packed into batches and chunks, and each chunk has a manifest.

A batch holds runs that one call of the compiled program integrates: they share everything but parameters and what
each brings along. A chunk holds batches that share the compiled program; it is one job and one file. Its manifest
(`results/chunks/<chunk>.json`) is all that the job reads, and is never changed once the chunk is made.
"""

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from psst_core.checks import data_files
from psst_core.dataset import REPLICATES
from psst_core.digest import code_digest, digest
from psst_core.errors import PsstError
from psst_core.files import to_yaml, write_text
from psst_core.identity import deciding_modules
from psst_core.keys import Config, array_keys, connectivity_keys, connectivity_name, get, parameter_keys, put
from psst_core.network import share_out
from psst_core.packing import Machine, portions
from psst_core.sweep import Axis, Sweep, SweepRun, expand, split_overrides
from psst_core.twins import sweep_of, twins

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
CHUNKS, PLANS, LOGS, COMPILED = "chunks", "plans", "logs", "compiled"
FOLDERS = (CHUNKS, PLANS, LOGS, COMPILED, "benchmark", "references")
OWN_MATRIX_BYTES = 4_000_000
SHOWN = 20


@dataclass(frozen=True)
class Place:
    """Where a run is found: its chunk, and its position among all runs of the chunk."""

    chunk: str
    position: int


@dataclass(frozen=True)
class Plan:
    """A named sweep, packed for a machine.

    Attributes:
        manifests: by chunk, what its job does.
        places: of each run of the sweep.
        twins: by the id of a run that is integrated once more at half the step, the other's id and place.
    """

    name: str
    sweep: Sweep
    machine: Machine
    manifests: dict[str, dict[str, Any]]
    places: tuple[Place, ...]
    twins: dict[str, tuple[str, Place]]

    @property
    def figures(self) -> list[str]:
        return [*self.config["figures"], *(["error_estimate"] if self.twins else [])]

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.sweep.axes

    @property
    def config(self) -> Config:
        return self.sweep.config

    @cached_property
    def analysis(self) -> str:
        """The digest that names this analysis's summaries."""
        window = self.config["recorder"]["window"]
        return digest([self.config["analysis"], window, code_digest(("psst_core.analysis",))])

    @cached_property
    def digest(self) -> str:
        """Changes with any run, its place, the configuration, the analysis, or how cubes are gathered."""
        code = code_digest(("psst_core.gather", "psst_core.dataset", "psst_core.error_estimate"))
        return digest([self.table(), self.twin_table(), self.record(), code])

    def table(self) -> str:
        """`plan.csv`: a row a run."""
        columns = [axis.name for axis in self.axes]
        header = ["run_id", *columns, "network", "trial", "chunk", "position"]
        rows = (
            [run.id, *(run.point[column] for column in columns), run.network, run.trial, place.chunk, place.position]
            for run, place in zip(self.sweep.runs, self.places, strict=True)
        )
        return _csv(header, rows)

    def twin_table(self) -> str:
        """`twins.csv`: a row for each run that is integrated once more."""
        rows = ([run, twin, place.chunk, place.position] for run, (twin, place) in self.twins.items())
        return _csv(["run_id", "twin_id", "chunk", "position"], rows)

    def record(self) -> str:
        """`config.yaml`: what was asked for, the axes, and the resolved configuration of the first run."""
        content = {
            "experiment": self.sweep.experiment,
            "overrides": list(self.sweep.overrides),
            "analysis_digest": self.analysis,
            "axes": [{"key": axis.key, "name": axis.name, "values": list(axis.values)} for axis in self.axes],
            "config": self.config,
        }
        return to_yaml(content)


def make_plan(experiment: str, overrides: Any = "", name: Any = None, results: Path = Path("results")) -> Plan:
    """Plan a sweep as the command line gives it.

    Args:
        experiment: a file in conf/experiment/, without its ending.
        overrides: `key=value` texts, separated by spaces.
        name: the folder in results/; by default the experiment's, with a digest behind it where there are overrides.
        results: where the same sweep was planned before; it is then divided as it was, whatever machine this is.
    """
    texts = split_overrides(overrides)
    sweep = expand(str(experiment), texts)
    default = f"{experiment}-{digest(sorted(texts))[:8]}" if texts else experiment
    earlier = results / PLANS / f"{sweep.digest}.machine.json"
    machine = Machine.read(earlier) if earlier.exists() else Machine.here(results)
    manifests, places = pack(sweep, machine)
    again = twins(sweep)
    more, twin_places = pack(sweep_of(sweep, again), machine)
    found = {run: (twin.id, place) for (run, twin), place in zip(again.items(), twin_places, strict=True)}
    return Plan(check_name(str(name) if name is not None else default), sweep, machine, manifests | more, places, found)


def _csv(header: Sequence[str], rows: Iterable[Sequence[Any]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue()


def check_name(name: str) -> str:
    if not NAME.fullmatch(name) or name in FOLDERS:
        raise PsstError(
            f"name={name}: must be letters, digits, dots, dashes and underscores, beginning with a letter or digit, "
            f"and none of {', '.join(FOLDERS)}; it names a folder in results/"
        )
    return name


def pack(sweep: Sweep, machine: Machine) -> tuple[dict[str, dict[str, Any]], tuple[Place, ...]]:
    """The manifests by chunk, and the place of each run.

    Runs of one compiled program are put in the order of their networks. A job takes a stretch of them, and a batch all
    of that or, where a matrix for each run would be too large, what shares one network.
    """
    _check_recorded_runs(sweep)
    programs: dict[str, list[int]] = {}
    structures: dict[int, str] = {}
    for number, run in enumerate(sweep.runs):
        if id(run.base) not in structures:
            structures[id(run.base)] = _structure(run.base)
        programs.setdefault(structures[id(run.base)], []).append(number)
    config = {name: sweep.runs[numbers[0]].config for name, numbers in programs.items()}
    seconds = {
        name: machine.seconds(config[name], machine.batches(config[name], len(n))) for name, n in programs.items()
    }
    manifests: dict[str, dict[str, Any]] = {}
    places: dict[int, Place] = {}
    for name, numbers in programs.items():
        differing = _differing([sweep.runs[number] for number in numbers])
        networks = _by_network(numbers, sweep, machine)
        ordered = [(number, group) for group, members in enumerate(networks) for number in members]
        jobs = machine.jobs(config[name], len(numbers), seconds[name] / sum(seconds.values()))
        for job in _split(ordered, portions(len(ordered), jobs)):
            batches = []
            for _, members in itertools.groupby(job, key=lambda pair: pair[1]):
                together = [number for number, _ in members]
                batches += _split(together, machine.batches(config[name], len(together)))
            manifest = _manifest([[sweep.runs[number] for number in batch] for batch in batches], differing, sweep)
            manifests[manifest["chunk"]] = manifest
            for position, number in enumerate(number for batch in batches for number in batch):
                places[number] = Place(manifest["chunk"], position)
    return manifests, tuple(places[number] for number in range(len(sweep.runs)))


def _by_network(numbers: Sequence[int], sweep: Sweep, machine: Machine) -> list[list[int]]:
    """Runs that may share a batch: all, while a matrix for each is small, else those of one network."""
    config = sweep.runs[numbers[0]].config
    sizes = share_out(config["network"])
    pairs = sum(sizes[part["pre"]] * sizes[part["post"]] for part in config["network"]["projections"].values())
    if pairs * max(machine.widths(config)) <= OWN_MATRIX_BYTES:
        return [list(numbers)]
    groups: dict[str, list[int]] = {}
    names: dict[tuple[int, int, int], str] = {}
    for number in numbers:
        run = sweep.runs[number]
        key = id(run.base), run.network, run.value("run.seed")
        if key not in names:
            names[key] = connectivity_name(run.config, run.network)
        groups.setdefault(names[key], []).append(number)
    return list(groups.values())


def _split(items: Sequence[Any], sizes: Sequence[int]) -> list[list[Any]]:
    """The items in stretches of those sizes."""
    ends = list(itertools.accumulate(sizes))
    return [list(items[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def claim(plan: Plan, results: Path) -> None:
    """Write the manifests of chunks that are not made yet, and the plan's records by their digest."""
    for chunk, manifest in plan.manifests.items():
        target, text = results / CHUNKS / f"{chunk}.json", json.dumps(manifest, indent=1)
        made = target.with_suffix(".nc").exists() and target.exists()
        if not made and not (target.exists() and target.read_text(encoding="utf-8") == text):
            write_text(target, text)
    records = {
        f"{plan.digest}.csv": plan.table(),
        f"{plan.digest}.yaml": plan.record(),
        f"{plan.sweep.digest}.machine.json": plan.machine.text(),
    }
    if plan.twins:
        records[f"{plan.digest}.twins.csv"] = plan.twin_table()
    for name, text in records.items():
        target = results / PLANS / name
        if not target.exists():
            write_text(target, text)


def read_manifest(path: Path) -> dict[str, Any]:
    manifest: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return manifest


def _manifest(batches: Sequence[Sequence[SweepRun]], differing: Sequence[str], sweep: Sweep) -> dict[str, Any]:
    """What a chunk's job reads; `differing` are the keys in which the runs of its program differ."""
    first = batches[0][0]
    parameters = set(parameter_keys(first.config))
    config = {
        key: value for key, value in first.config.items() if key not in ("sweep", "figures", "analysis", "numerics")
    }
    content = {
        "varying": [key for key in differing if key in parameters],
        "lanes": max(len(batch) for batch in batches),
        "recorder": config["recorder"],
        "batches": [
            [
                {
                    "id": run.id,
                    "network": run.network,
                    "trial": run.trial,
                    "values": {key: run.value(key) for key in differing},
                    "traced": _traced(run, sweep),
                }
                for run in batch
            ]
            for batch in batches
        ],
    }
    code = code_digest(deciding_modules(config))
    return content | {"chunk": digest(content), "config": config, "code": code, "files": data_files(config)}


def _traced(run: SweepRun, sweep: Sweep) -> bool:
    """Whether traces of this run are kept."""
    recorder = run.base["recorder"]
    if not recorder["variables"]:
        return False
    place = run.point | {"network": run.network, "trial": run.trial}
    place |= {axis.key: run.point[axis.name] for axis in sweep.axes}
    return all(place[key] in values for key, values in recorder["runs"].items())


def _check_recorded_runs(sweep: Sweep) -> None:
    """Raise where `recorder.runs` names what the sweep does not have."""
    known = {name: set(range(sweep.config["sweep"][f"{name}s"])) for name in REPLICATES}
    known |= {name: set(axis.values) for axis in sweep.axes for name in (axis.name, axis.key)}
    for key, values in sweep.config["recorder"]["runs"].items():
        if key not in known:
            raise PsstError(f"recorder.runs.{key}: no such axis; there are: {', '.join(known)}")
        if not set(values) <= known[key]:
            raise PsstError(f"recorder.runs.{key}={values}: must be among {sorted(known[key])}")


def _free_keys(config: Config) -> list[str]:
    """The keys in which runs of one compiled program may differ."""
    return [*parameter_keys(config), *array_keys(config), *connectivity_keys(config)]


def _structure(config: Config) -> str:
    """What runs of one compiled program share."""
    shared = {name: config[name] for name in ("network", "stimulus", "solver", "recorder", "run")}
    return digest(put(shared, dict.fromkeys(_free_keys(config))))


def _differing(runs: Sequence[SweepRun]) -> list[str]:
    """The keys in which runs of one program differ, by an axis over them or over a whole group."""
    values = runs[0].values
    swept = {key for key in values if len({run.values[key] for run in runs}) > 1}
    bases = {id(run.base): run.base for run in runs}.values()
    apart = (key for key in _free_keys(runs[0].base) if key not in values)
    swept |= {key for key in apart if len({repr(get(base, key)) for base in bases}) > 1}
    return [key for key in _free_keys(runs[0].base) if key in swept]


def work(manifest: Mapping[str, Any]) -> int:
    """How large a chunk is, in cells × runs × steps."""
    config = manifest["config"]
    runs = sum(len(batch) for batch in manifest["batches"])
    return int(config["network"]["size"] * runs * config["run"]["duration"] / config["run"]["dt"])


def describe(plan: Plan) -> str:
    """The sweep in a few lines, for people."""
    axes = [f"  {axis.key}: {_listed(axis.values)}" for axis in plan.axes]
    sweep = plan.config["sweep"]
    return "\n".join(
        [
            f"{plan.name}: {_count(len(plan.sweep.runs), 'run')} in {_count(len(plan.manifests), 'chunk')}",
            *axes,
            f"  {_count(sweep['networks'], 'network')} x {_count(sweep['trials'], 'trial')}",
            *([f"  {_count(len(plan.twins), 'run')} once more at half the step"] if plan.twins else []),
        ]
    )


def _listed(values: Sequence[Any]) -> str:
    if len(values) <= SHOWN:
        return ", ".join(map(str, values))
    return f"{', '.join(map(str, values[:3]))}, …, {values[-1]} ({len(values)} values)"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"
