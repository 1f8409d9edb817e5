"""The plan of a sweep: what its jobs do, where each run is found, and the records that are kept of it."""

import csv
import io
import re
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from psst_core.attributes import RUN
from psst_core.config.schema import units
from psst_core.configuration import Config
from psst_core.digest import LENGTH, digest
from psst_core.errors import PsstError
from psst_core.files import to_yaml, write_text
from psst_core.measures.chosen import analysis_digest, described
from psst_core.plan.before import place_of_earlier, set_aside
from psst_core.plan.ledger import Place
from psst_core.plan.machine import Machine
from psst_core.plan.packing import pack
from psst_core.store.folder import BEFORE, NO_SWEEPS, RESULTS, TWINS, Folder
from psst_core.store.manifest import Manifest
from psst_core.store.provenance import checkout, doubts
from psst_core.store.records import records_digest
from psst_core.sweep.expand import expand
from psst_core.sweep.requests import PAPER, split_overrides
from psst_core.sweep.runs import Axis, Sweep
from psst_core.sweep.twins import sweep_of, twins

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]{0,99}")
EXPERIMENT = "locust_coupling"  # the experiment where none is named
SHOWN = 20


@dataclass(frozen=True)
class Plan:
    """A named sweep, packed for a machine.

    Attributes:
        manifests: by chunk, what its job does.
        finished: the chunks that are made already.
        places: the place of each run of the sweep.
        twins: by the id of a run that is integrated once more at half the step, the id and the place of this twin.
        snapshot: the names of the ledger's files before the plan was made.
    """

    name: str
    sweep: Sweep
    machine: Machine
    manifests: dict[str, Manifest]
    finished: frozenset[str]
    places: tuple[Place, ...]
    twins: dict[str, tuple[str, Place]]
    snapshot: frozenset[str]

    @property
    def figures(self) -> list[str]:
        return list(dict.fromkeys([*self.config.figures, *(["error_estimate"] if self.twins else [])]))

    @property
    def axes(self) -> tuple[Axis, ...]:
        return self.sweep.axes

    @property
    def config(self) -> Config:
        return self.sweep.config

    @cached_property
    def analysis(self) -> str:
        """The digest of the analysis, by which its summaries are named."""
        return analysis_digest(self.config)

    @cached_property
    def digest(self) -> str:
        """The digest of the plan's records. It changes with any run, its place, the configuration or the analysis."""
        return records_digest(self.records)

    @cached_property
    def records(self) -> dict[str, str]:
        """The texts of the plan's records, by their ending."""
        twins = {TWINS: self.twin_table()} if self.twins else {}
        return {"csv": self.table(), "yaml": self.record()} | twins

    def table(self) -> str:
        """Write `plan.csv`: a row for each run."""
        columns = self.sweep.columns
        header = ["run_id", *columns, "network", "trial", "chunk", "position"]
        rows = (
            [run.id, *(run.point[column] for column in columns), run.network, run.trial, place.chunk, place.position]
            for run, place in zip(self.sweep.runs, self.places, strict=True)
        )
        return _csv(header, rows)

    def twin_table(self) -> str:
        """Write `twins.csv`: a row for each run that is integrated once more."""
        rows = ([run, twin, place.chunk, place.position] for run, (twin, place) in self.twins.items())
        return _csv(["run_id", "twin_id", "chunk", "position"], rows)

    def record(self) -> str:
        """Write `config.yaml`: what was asked for, the axes, and the resolved configuration of the first run."""
        content = {
            "experiment": self.sweep.experiment,
            "overrides": list(self.sweep.overrides),
            "analysis_digest": self.analysis,
            "measures": described(self.config),
            "plugins": {m: code for manifest in self.manifests.values() for m, code in manifest.plugins.items()},
            "axes": [_entry(axis, self.config) for axis in self.axes],
            "config": self.config,
        }
        return to_yaml(content)


def make_plan(experiment: str, overrides: object = "", name: object = None, results: Path = RESULTS) -> Plan:
    """Plan a sweep as the command line gives it.

    Args:
        experiment: a file in conf/experiment/, without its ending.
        overrides: `key=value` texts, separated by spaces.
        name: the folder in results/; by default the experiment's, with a digest behind it where there are overrides.
        results: the folder in which finished and claimed chunks are looked for.
    """
    if not isinstance(experiment, str):
        raise PsstError(
            f"experiment={experiment}: is a number, which Snakemake would write in another way; give the file a name "
            "that begins with a letter"
        )
    texts = split_overrides(overrides)
    if name is not None:
        check_name(name)
    sweep, ledger = expand(experiment, texts), Folder(results).snapshot()
    name = check_name(_default_name(experiment, texts) if name is None else name)
    machine = Machine.here(results)
    manifests, places = pack(sweep, machine, results)
    own = dict(zip((run.id for run in sweep.runs), places, strict=True))
    again = twins(sweep)
    others = {run: twin for run, twin in again.items() if twin.id not in own}
    more, twin_places = pack(sweep_of(sweep, others), machine, results)
    own |= dict(zip((twin.id for twin in others.values()), twin_places, strict=True))
    manifests |= more
    finished = frozenset(chunk for chunk in manifests if Folder(results).chunk_file(chunk).exists())
    institution = {"institution": sweep.config.institution} if sweep.config.institution else {}
    origin = checkout() | institution | {"command": _command(experiment, texts, name)}
    manifests |= {chunk: replace(manifests[chunk], provenance=origin) for chunk in manifests.keys() - finished}
    found = {run: (twin.id, own[twin.id]) for run, twin in again.items()}
    return Plan(name, sweep, machine, manifests, finished, places, found, ledger)


def _command(experiment: str, overrides: Sequence[str], name: str) -> str:
    return shlex.join(["psst", "run", f"experiment={experiment}", f"name={name}", *overrides])


def _entry(axis: Axis, config: Config) -> dict[str, Any]:
    """Return an axis as it stands in the plan's record, with its unit where it has one.

    Values along `run` are not in it, as they stand in the plan's table.
    """
    entry: dict[str, Any] = {"key": axis.key, "name": axis.name, "dimension": axis.dimension, "words": axis.words}
    unit = units(config, axis.key)
    entry |= {"unit": unit} if unit else {}
    entry |= {"lists": dict(axis.lists)} if axis.lists else {}
    return entry | ({"values": list(axis.values)} if axis.dimension == axis.name else {})


def _csv(header: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([header, *rows])
    return text.getvalue()


def _default_name(experiment: str, texts: Sequence[str]) -> str:
    """Return the experiment's name, with a digest of the overrides and of the files that they name."""
    if texts == [PAPER]:
        return f"{experiment}-paper"
    paths = (Path(text.partition("=")[2]) for text in texts if text.startswith(("sweep=", "sweep.table=")))
    contents = [path.read_text(encoding="utf-8", errors="replace") for path in paths if path.is_file()]
    return f"{experiment}-{digest([sorted(texts), contents])[:8]}" if texts else experiment


def check_name(name: object) -> str:
    """Return the name if a sweep may have it.

    Raises:
        PsstError: for any other name, also for one that Snakemake takes for a number and would write in another way.
    """
    if name is None or isinstance(name, list | dict):
        raise PsstError(f"name={name}: is no word; write name=NAME, or leave it out for a name of its own")
    if _is_number(name):
        raise PsstError(f"name={name}: is a number, which Snakemake would write in another way; begin it with a letter")
    if not NAME.fullmatch(str(name)) or name in NO_SWEEPS:
        raise PsstError(
            f"name={name}: must be letters, digits, dots, dashes and underscores, beginning with a letter or digit, "
            f"and none of {', '.join(NO_SWEEPS)}; it names a folder in results/"
        )
    return str(name)


def sweep_name(name: str) -> str:
    """Return the name of a sweep in a results folder: NAME, or for one that had the name before, NAME/before/DIGEST.

    Raises:
        PsstError: for a text that is neither.
    """
    if earlier_one := re.fullmatch(f"([^/]+)/{BEFORE}/[0-9a-f]{{{LENGTH}}}", name):
        check_name(earlier_one[1])
        return name
    return check_name(name)


def _is_number(name: Any) -> bool:
    try:
        return float(name) is not None
    except (TypeError, ValueError):
        return False


def unclaimed(plan: Plan, results: Path) -> bool:
    """Return whether anything that `claim` writes is missing, or is another plan's."""
    folder = Folder(results)
    texts = {folder.record_file(plan.digest, ending): text for ending, text in plan.records.items()}
    texts[folder.sweep(plan.name).note] = plan.digest + "\n"
    manifests = map(folder.manifest_file, plan.manifests)
    return any(not file.is_file() for file in manifests) or any(not _holds(file, text) for file, text in texts.items())


def claim(plan: Plan, results: Path) -> list[str]:
    """Claim a sweep: write the manifests of chunks that are not made yet, the plan's records, and the name's note.

    The note says which plan the name belongs to. Where the name had runs that this plan does not hold, what was made
    of them is moved first.

    Returns:
        A line for a person, where something moved.

    Raises:
        PsstError: when chunks were claimed or made since the plan was.
    """
    folder = Folder(results)
    if {Path(name).stem for name in folder.snapshot() ^ plan.snapshot} - plan.manifests.keys():
        raise PsstError(f"{folder.chunks}: changed while the sweep was planned; start again")
    for chunk, manifest in plan.manifests.items():
        target, text = folder.manifest_file(chunk), manifest.text()
        there = target.exists() and (chunk in plan.finished or target.read_text(encoding="utf-8") == text)
        if not there:
            write_text(target, text)
    for ending, text in plan.records.items():
        record = folder.record_file(plan.digest, ending)
        if not _holds(record, text):
            write_text(record, text)
    if place := earlier(plan, results):
        set_aside(folder.sweep(plan.name).path, place)
    write_text(folder.sweep(plan.name).note, plan.digest + "\n")
    return [f"{plan.name}: had other runs before; what was made of them is in {place}/ now"] if place else []


def earlier(plan: Plan, results: Path) -> Path | None:
    """Return the folder to which `claim` moves what was made under the name; None where it stays."""
    return place_of_earlier(results, plan.name, [run.id for run in plan.sweep.runs])


def _holds(file: Path, text: str) -> bool:
    return file.is_file() and file.read_bytes() == text.encode()


def work(manifest: Manifest) -> int:
    """Return the size of a chunk, in cells × runs × steps."""
    config = manifest.config
    return int(config.network.size * len(manifest.runs) * config.run.duration / config.run.dt)


def axis_lines(plan: Plan) -> list[str]:
    """Describe what is swept: a line for each axis, then constraints, replicates, twins, notes and warnings."""
    sweep = plan.config.sweep
    together = [axis for axis in plan.axes if axis.dimension == RUN]
    lines = [f"  {axis.key}: {_listed(axis.values)}" for axis in plan.axes if axis not in together]
    if together:
        lines.append(f"  {counted(len(together[0].values), 'point')} along {RUN}, of")
        lines += [f"    {axis.key}: {_spanned(axis)}" for axis in together]
    lines += [f"  where {text}" for text in sweep.where]
    lines.append(f"  {counted(sweep.networks, 'network')} x {counted(sweep.trials, 'trial')}")
    lines += [f"  {counted(len(plan.twins), 'run')} once more at half the step"] if plan.twins else []
    lines += [f"  note: {note}" for note in [*plan.sweep.notes, *_mixture(plan)]]
    origins = (manifest.provenance for chunk, manifest in plan.manifests.items() if chunk not in plan.finished)
    return lines + [f"  warning: {text}" for text in doubts(origins)]


def _mixture(plan: Plan) -> list[str]:
    """Say which backends make the runs, where there are several."""
    runs = Counter(str(plan.manifests[place.chunk].maker) for place in set(plan.places))
    if len(runs) < 2:
        return []
    shares = "; ".join(f"{counted(number, 'run')} by {maker}" for maker, number in runs.items())
    return [f"{shares}; they agree to rounding alone, hardware.same_maker=true makes all of them in one way"]


def _spanned(axis: Axis) -> str:
    """Write the values of an axis along `run`, or where they are many numbers, the least and the greatest."""
    if axis.numeric and len(axis.values) > SHOWN:
        return f"{min(axis.values):g} to {max(axis.values):g}"
    return _listed(axis.values)


def _listed(values: Sequence[object]) -> str:
    if len(values) <= SHOWN:
        return ", ".join(map(str, values))
    return f"{', '.join(map(str, values[:3]))}, …, {values[-1]} ({len(values)} values)"


def counted(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'' if number == 1 else 's'}"
