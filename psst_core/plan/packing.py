"""The packing of runs into batches and chunks.

A batch holds runs that one call of the compiled program integrates. They share everything but parameters and the
arrays that each run brings along. A chunk holds batches that share the compiled program. It is one job and one file.
"""

import itertools
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from psst_core.attributes import RUN
from psst_core.config.checks import data_files
from psst_core.configuration import Config
from psst_core.digest import code_digest, digest
from psst_core.errors import PsstError
from psst_core.keys import array_keys, connectivity_keys, connectivity_name, get, parameter_keys, put
from psst_core.model.network import share_out
from psst_core.plan.ledger import Key, Place, recording, reuse
from psst_core.plan.machine import Machine, portions
from psst_core.store.manifest import Manifest, PlannedRun
from psst_core.sweep.identity import deciding_modules, maker, plugin_modules
from psst_core.sweep.runs import Sweep, SweepRun

NOT_OF_RUNS = ("sweep", "figures", "figure_options", "analysis", "numerics")  # keys that no job reads
OWN_MATRIX_BYTES = 4_000_000


def pack(sweep: Sweep, machine: Machine, results: Path) -> tuple[dict[str, Manifest], tuple[Place, ...]]:
    """Pack the runs of a sweep into chunks.

    Rows that share a run share its place. A run that a chunk in `results` holds, or is claimed to hold, is taken from
    there. The other runs of one compiled program are put in the order of their networks, and each job takes a stretch
    of them. A batch takes all of a job's runs or, where a matrix for each run would be too large, those that share one
    network.

    Returns:
        The manifests by chunk, and the place of the run of each row.
    """
    _check_recorded_runs(sweep)
    traced = {run.id for run in sweep.runs if _traced(run, sweep)}
    keys = _keys(sweep, traced)
    places, manifests = reuse(results, set(keys), sweep.config.hardware)
    programs: dict[str, list[int]] = {}
    structures: dict[int, str] = {}
    for number in _firsts(keys):
        run = sweep.runs[number]
        if id(run.base) not in structures:
            structures[id(run.base)] = _structure(run.base)
        programs.setdefault(structures[id(run.base)], []).append(number)
    differing = {name: _differing([sweep.runs[number] for number in numbers]) for name, numbers in programs.items()}
    new = {name: [number for number in numbers if keys[number] not in places] for name, numbers in programs.items()}
    new = {name: numbers for name, numbers in new.items() if numbers}
    config = {name: _placed(sweep.runs[numbers[0]].config, len(numbers)) for name, numbers in new.items()}
    seconds = {name: machine.seconds(config[name], machine.batches(config[name], len(n))) for name, n in new.items()}
    for name, numbers in new.items():
        networks = _by_network(numbers, config[name], sweep, machine)
        ordered = [(number, group) for group, members in enumerate(networks) for number in members]
        jobs = machine.jobs(config[name], len(numbers), seconds[name] / sum(seconds.values()))
        for job in _split(ordered, portions(len(ordered), jobs)):
            batches = []
            for _, members in itertools.groupby(job, key=lambda pair: pair[1]):
                together = [number for number, _ in members]
                batches += _split(together, machine.batches(config[name], len(together)))
            manifest = _manifest(
                [[sweep.runs[number] for number in batch] for batch in batches],
                differing[name],
                config[name]["hardware"],
                traced,
            )
            manifests[manifest.chunk] = manifest
            for position, number in enumerate(number for batch in batches for number in batch):
                places[keys[number]] = Place(manifest.chunk, position)
    return manifests, tuple(places[key] for key in keys)


def _firsts(keys: Sequence[Key]) -> list[int]:
    """Return the number of the first row of each run."""
    found: dict[Key, int] = {}
    for number, key in enumerate(keys):
        found.setdefault(key, number)
    return list(found.values())


def _keys(sweep: Sweep, traced: Collection[str]) -> list[Key]:
    """Return the key of each row's run in the ledger. Rows of the same run have the same key."""
    kept: dict[tuple[int, bool], str] = {}
    keys = []
    for run in sweep.runs:
        kind = id(run.base), run.id in traced
        if kind not in kept:
            kept[kind] = recording(run.base.recorder, kind[1])
        keys.append((run.id, kept[kind]))
    return keys


def _placed(config: Config, runs: int) -> Config:
    """Put a program's configuration on the device that suits this number of runs. `auto` stays where that is a GPU."""
    hardware = config.hardware
    large = config.network.size * min(runs, hardware.gpu_lanes) >= hardware.gpu_from
    return config if large or hardware.device != "auto" else put(config, {"hardware.device": "cpu"})


def _by_network(numbers: Sequence[int], config: Config, sweep: Sweep, machine: Machine) -> list[list[int]]:
    """Group the runs that may share a batch: all where a matrix for each run is small, else those of one network."""
    sizes = share_out(config.network)
    pairs = sum(sizes[part.pre] * sizes[part.post] for part in config.network.projections.values())
    if pairs * max(machine.widths(config)) <= OWN_MATRIX_BYTES:
        return [list(numbers)]
    groups: dict[str, list[int]] = {}
    names: dict[tuple[int, int, int], str] = {}
    for number in numbers:
        run = sweep.runs[number]
        key = id(run.base), run.drawn[0], run.value("run.seed")
        if key not in names:
            names[key] = connectivity_name(run.config, run.drawn[0])
        groups.setdefault(names[key], []).append(number)
    return list(groups.values())


def _split(items: Sequence[object], sizes: Sequence[int]) -> list[list[Any]]:
    """Split the items into stretches of these sizes."""
    ends = list(itertools.accumulate(sizes))
    return [list(items[end - size : end]) for end, size in zip(ends, sizes, strict=True)]


def _manifest(
    batches: Sequence[Sequence[SweepRun]],
    differing: Sequence[str],
    hardware: Mapping[str, object],
    traced: Collection[str],
) -> Manifest:
    """Make the manifest of a chunk.

    Args:
        differing: the keys in which the runs of its program differ.
        traced: the ids of the runs of which traces are kept.
    """
    first = batches[0][0]
    parameters = set(parameter_keys(first.config))
    config = Config(
        {key: value for key, value in first.config.items() if key not in NOT_OF_RUNS} | {"hardware": dict(hardware)}
    )
    planned = tuple(
        tuple(
            PlannedRun(run.id, *run.drawn, {key: run.value(key) for key in differing}, run.id in traced)
            for run in batch
        )
        for batch in batches
    )
    return Manifest(
        config=config,
        varying=tuple(key for key in differing if key in parameters),
        lanes=max(map(len, batches)),
        batches=planned,
        code=code_digest(deciding_modules(config)),
        maker=maker(config.hardware),
        files=data_files(config, [run.values for batch in planned for run in batch]),
        plugins=plugin_modules(config),
    )


def _traced(run: SweepRun, sweep: Sweep) -> bool:
    """Return whether traces of this row's run are kept."""
    recorder = run.base.recorder
    if not recorder.variables:
        return False
    place = run.point | {"network": run.network, "trial": run.trial}
    place |= {axis.key: run.point[axis.name] for axis in sweep.axes}
    return all(place[key] in values for key, values in recorder.runs.items())


def _check_recorded_runs(sweep: Sweep) -> None:
    """Raise where `recorder.runs` names an axis, or a value of one, that the sweep does not have."""
    known = {name: set(range(count)) for name, count in sweep.config.sweep.replicates.items()}
    known |= {name: set(axis.values) for axis in sweep.axes for name in (axis.name, axis.key)}
    known |= {axis.dimension: set(range(len(axis.values))) for axis in sweep.axes if axis.dimension == RUN}
    for key, values in sweep.config.recorder.runs.items():
        if key not in known:
            raise PsstError(f"recorder.runs.{key}: no such axis; there are: {', '.join(known)}")
        if not set(values) <= known[key]:
            raise PsstError(f"recorder.runs.{key}={values}: must be among {sorted(known[key])}")


def _free_keys(config: Config) -> list[str]:
    """Return the keys in which runs of one compiled program may differ."""
    return [*parameter_keys(config), *array_keys(config), *connectivity_keys(config)]


def _structure(config: Config) -> str:
    """Return the digest of what all runs of one compiled program share."""
    shared = {name: config[name] for name in ("network", "stimulus", "solver", "recorder", "run")}
    return digest(put(shared, dict.fromkeys(_free_keys(config))))


def _differing(runs: Sequence[SweepRun]) -> list[str]:
    """Return the keys in which runs of one program differ, by an axis over the key or over its whole group."""
    values = runs[0].values
    swept = {key for key in values if len({run.values[key] for run in runs}) > 1}
    bases = {id(run.base): run.base for run in runs}.values()
    apart = (key for key in _free_keys(runs[0].base) if key not in values)
    swept |= {key for key in apart if len({repr(get(base, key)) for base in bases}) > 1}
    return [key for key in _free_keys(runs[0].base) if key in swept]
