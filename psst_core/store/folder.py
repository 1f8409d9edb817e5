"""A results folder: the path of each of its files, its lock, and the states of its jobs.

No other module, rule or script knows the names of these files::

    results/
        machine.json                        what a step takes on this machine
        chunks/CHUNK.json, .nc              what a job has to do, and what it made
        chunks/CHUNK.ANALYSIS.summary.nc    the measures of its runs
        plans/PLAN.csv, .yaml, .twins.csv   the records of a plan
        saved/CHUNK.zip                     the state of a job that was stopped
        compiled/                           programs that jobs share
        logs/STAGE/NAME.log
        benchmark/, references/             PSST beside other programs, a Comparison
        NAME/                               a sweep, in a SweepFolder
            planned                         the note that names its plan
            sweep.nc, plan.csv, config.yaml, error_estimate.nc, twins.csv, about.html, explore.html
            figures/, tables/
            partial/                        what was finished of it when it was gathered
            before/PLAN/                    a sweep that had the name before
            .made/                          a mark for each file
"""

import contextlib
import errno
import fcntl
import itertools
import os
import platform
import re
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from psst_core.digest import LENGTH
from psst_core.errors import PsstError
from psst_core.files import read_text, unwritable
from psst_core.logs import STOPPED
from psst_core.store.records import AGAIN, ID, records_digest

RESULTS = Path("results")
CHUNKS, PLANS, LOGS, COMPILED, SAVED = "chunks", "plans", "logs", "compiled", "saved"
BENCHMARK, REFERENCES, MACHINE, LOCK = "benchmark", "references", "machine.json", ".lock"
NO_SWEEPS = (CHUNKS, PLANS, LOGS, COMPILED, SAVED, BENCHMARK, REFERENCES, MACHINE)
PLANNED, BEFORE, PARTIAL, MARKS, EDITED = "planned", "before", "partial", ".made", "edited"
FIGURES, TABLES, KEPT = "figures", "tables", "kept"
CUBE, TABLE, CONFIGURATION, TWINS = "sweep.nc", "plan.csv", "config.yaml", "twins.csv"
ERROR_ESTIMATE, ABOUT, EXPLORE = "error_estimate.nc", "about.html", "explore.html"
RECORDS = ("csv", "yaml", TWINS)  # the endings of a plan's records; the last one where runs have twins
MANIFEST, CHUNK, SUMMARY, SAVED_STATE, LOG = ".json", ".nc", ".summary.nc", ".zip", ".log"

STATES = ("finished", "running", "failed", "interrupted", "waiting")
PLAN_BYTES = 1000
SILENT = 60.0  # seconds; a job that writes nothing for so long is taken for dead
UNKNOWN = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)  # some network disks have no locks; Snakemake's still works

HEX = "[0-9a-f]" * LENGTH
_ID = f"[0-9a-f]{{{LENGTH}}}"
# By folder, the names of PSST's files there. The digests in groups tell whether a sweep uses the file.
OURS = {
    CHUNKS: re.compile(rf"({_ID})\.(?:nc|json|({_ID})\.summary\.nc)"),
    SAVED: re.compile(rf"({_ID})\.zip"),
    PLANS: re.compile(rf"({_ID})\.(?:csv|yaml|twins\.csv)"),
    f"{LOGS}/simulate": re.compile(rf"({_ID})\.log"),
    f"{LOGS}/summarise": re.compile(rf"({_ID})\.{_ID}\.log"),
}


@dataclass(frozen=True)
class Folder:
    """A results folder, whether it exists or not."""

    path: Path

    @classmethod
    def of_chunk(cls, file: Path) -> "Folder":
        """Return the results folder in which a chunk's file, or its manifest, lies."""
        return cls(file.parent.parent)

    @property
    def chunks(self) -> Path:
        """The folder of manifests, chunks and summaries."""
        return self.path / CHUNKS

    def manifest_file(self, chunk: str) -> Path:
        """The path of a chunk's manifest, which says what its job has to do."""
        return self.chunks / f"{chunk}{MANIFEST}"

    def chunk_file(self, chunk: str) -> Path:
        """The path of a chunk's file, which its job writes."""
        return self.chunks / f"{chunk}{CHUNK}"

    def summary_file(self, chunk: str, analysis: str) -> Path:
        """The path of a chunk's summary: the measures of its runs.

        Args:
            analysis: the digest of the analysis, which names the summary.
        """
        return self.chunks / f"{chunk}.{analysis}{SUMMARY}"

    def summary_files(self, chunk: str) -> list[Path]:
        """List the summaries of a chunk, one for each analysis, in the order of their names."""
        return sorted(self.chunks.glob(f"{chunk}.{HEX}{SUMMARY}"))

    def manifest_files(self) -> list[Path]:
        """List all manifests, in the order of their names."""
        return sorted(self.chunks.glob(f"{HEX}{MANIFEST}"))

    def chunk_files(self) -> list[Path]:
        """List the files of all finished chunks, in the order of their names."""
        return sorted(file for file in self.chunks.glob(f"{HEX}{CHUNK}") if file.is_file())

    def record_file(self, plan: str, ending: str) -> Path:
        """The path of one of the records of a plan.

        Args:
            plan: its digest.
            ending: one of `RECORDS`, or `*` for all of them.
        """
        return self.path / PLANS / f"{plan}.{ending}"

    def saved_state(self, chunk: str) -> Path:
        """The path of the state that a chunk's job saved when it was stopped."""
        return self.path / SAVED / f"{chunk}{SAVED_STATE}"

    @property
    def compiled(self) -> Path:
        """The folder of compiled programs that jobs share."""
        return self.path / COMPILED

    @property
    def machine_file(self) -> Path:
        """The path of the costs of a step on this machine; a file is there once they were measured."""
        return self.path / MACHINE

    @property
    def lock_file(self) -> Path:
        return self.path / LOCK

    def logs(self, stage: str) -> Path:
        """The folder of the logs of a stage's jobs."""
        return self.path / LOGS / stage

    def log(self, stage: str, *names: str) -> Path:
        """The path of the log of a job.

        Args:
            stage: such as simulate.
            names: of what the job makes, such as a chunk, or a sweep and a figure.
        """
        return self.logs(stage) / f"{'.'.join(names)}{LOG}"

    @property
    def slurm(self) -> Path:
        """The folder of the logs that Snakemake keeps of Slurm's simulate jobs. It has a folder for each chunk."""
        return self.logs("slurm") / "rule_simulate"

    def slurm_logs(self, chunk: str) -> list[Path]:
        """List the logs of a chunk's Slurm jobs, the first job first."""
        return sorted((self.slurm / chunk).glob(f"[0-9]*{LOG}"), key=lambda log: int(log.stem))

    @property
    def benchmark(self) -> "Comparison":
        """The results of `experiment=benchmark`."""
        return Comparison(self.path / BENCHMARK)

    @property
    def references(self) -> "Comparison":
        """The results of `experiment=references`."""
        return Comparison(self.path / REFERENCES)

    def sweep(self, name: str) -> "SweepFolder":
        """The folder of the sweep NAME, or of a sweep that had the name before, NAME/before/PLAN."""
        return SweepFolder(self.path / name)

    def sweeps(self) -> list["SweepFolder"]:
        """List the folders of all sweeps.

        Those that had a name before are among them, and those that lost the note of their plan.
        """
        folders = (file for place in ("*", f"*/{BEFORE}/*") for file in self.path.glob(place) if file.is_dir())
        return [sweep for sweep in map(SweepFolder, sorted(folders)) if sweep.is_one]

    def gathered(self) -> list["SweepFolder"]:
        """List the folders of the sweeps that have a cube, in the order of their names."""
        return [SweepFolder(file.parent) for file in sorted(self.path.glob(f"*/{CUBE}"))]

    def planned(self, name: str) -> str:
        """Read the digest of the plan that a sweep was last claimed by.

        Raises:
            PsstError: when no sweep of that name was claimed, or its note names no plan.
        """
        file = self.sweep(name).note
        if not file.exists():
            known = ", ".join(sorted(other.parent.name for other in self.path.glob(f"*/{PLANNED}")))
            raise PsstError(
                f"{name}: no sweep of this name in {self.path}/; there are: {known or 'none'}; where {file} "
                f"was deleted, {AGAIN}"
            )
        plan = read_text(file, PLAN_BYTES, AGAIN).strip()
        if not ID.fullmatch(plan):
            raise PsstError(f"{file}: is not as it was written, it names no plan; {AGAIN}")
        return plan

    def records(self, plan: str) -> dict[str, str]:
        """Read the records of a plan, by their ending.

        Raises:
            PsstError: when one is missing, or was changed since it was written.
        """
        files = {ending: self.record_file(plan, ending) for ending in RECORDS}
        there = {ending: file for ending, file in files.items() if file.exists() or file.is_symlink()}
        found = {ending: read_text(file, remedy=AGAIN) for ending, file in there.items()}
        for ending in RECORDS[:2]:
            if ending not in found:
                raise PsstError(f"{files[ending]}: is missing; {AGAIN}")
        if records_digest(found) != plan:
            raise PsstError(
                f"{self.record_file(plan, '*')}: changed since they were written, their digest is not their name; "
                f"{AGAIN}, which writes them anew"
            )
        return found

    def state(self, chunk: str) -> tuple[str, str]:
        """Tell the state of a chunk's job, from its files.

        Returns:
            One of `STATES`; and the last line that the job wrote, empty where it is finished or waits.
        """
        log = self.log("simulate", chunk)
        if self.chunk_file(chunk).exists():
            return "finished", ""
        try:
            lines, written = read_text(log).splitlines(), log.stat().st_mtime
        except (OSError, PsstError):
            return "waiting", ""
        last = lines[-1] if lines else ""
        if any(line.startswith("Traceback") for line in lines):
            return "failed", last
        stopped = STOPPED in last or time.time() - written >= SILENT
        return "interrupted" if stopped else "running", last

    def snapshot(self) -> frozenset[str]:
        """Return the names of the manifests and of the files of finished chunks."""
        names = (file.name for file in self.chunks.glob("*.*"))
        return frozenset(name for name in names if name.count(".") == 1)

    def lock(self) -> IO[str]:
        """Keep other processes from claiming and cleaning in this folder.

        The lock lasts until the file is closed or the process ends. On a disk that has no locks no process is kept
        out.

        Returns:
            The open file that holds the lock.

        Raises:
            PsstError: when another process has the lock, or the file cannot be written.
        """
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            file = open(self.lock_file, "a+", encoding="utf-8")  # noqa: SIM115  (held open by the caller)
        except OSError as error:
            raise unwritable(self.lock_file, error) from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            with file:
                file.seek(0)
                owner = file.read().strip() or "another process"
            raise PsstError(f"{self.path}: is in use by {owner}; wait until that has ended") from None
        except OSError as error:
            if error.errno not in UNKNOWN:
                file.close()
                raise unwritable(self.lock_file, error) from error
        file.truncate(0)
        file.write(f"process {os.getpid()} on {platform.node()}")
        file.flush()
        return file

    @contextlib.contextmanager
    def scratch(self) -> Iterator[Path]:
        """Make a folder inside this one that is gone when the block ends, and yield its path."""
        with tempfile.TemporaryDirectory(prefix=".again-", dir=self.path) as folder:
            yield Path(folder)


@dataclass(frozen=True)
class SweepFolder:
    """The folder of a sweep, whether it exists or not: results/NAME, NAME/before/PLAN, or `partial/` in one of them."""

    path: Path

    @property
    def home(self) -> Folder:
        """The results folder that this folder lies in."""
        above = [Folder(parent) for parent in self.path.absolute().parents]
        return next((one for one in above[:4] if one.chunks.is_dir() or (one.path / PLANS).is_dir()), above[0])

    @property
    def note(self) -> Path:
        """The path of the note that names the plan of the sweep's last claim."""
        return self.path / PLANNED

    @property
    def cube(self) -> Path:
        """The path of the cube: the measures of all runs."""
        return self.path / CUBE

    @property
    def table(self) -> Path:
        """The path of the plan's table: a row for each run."""
        return self.path / TABLE

    @property
    def configuration(self) -> Path:
        """The path of the record: what was asked for, the axes, and the resolved configuration."""
        return self.path / CONFIGURATION

    @property
    def error_estimate(self) -> Path:
        """The path of the error estimate: runs beside their twins at half the step."""
        return self.path / ERROR_ESTIMATE

    @property
    def twins(self) -> Path:
        """The path of the table of twins: a row for each run that was integrated once more at half the step."""
        return self.path / TWINS

    @property
    def about(self) -> Path:
        """The path of the page that says where the sweep comes from."""
        return self.path / ABOUT

    @property
    def explore(self) -> Path:
        """The page in which its measures are seen over any axes."""
        return self.path / EXPLORE

    @property
    def gathered(self) -> list[Path]:
        """The paths of the cube and of its plan's records."""
        return [self.cube, self.table, self.configuration]

    @property
    def estimated(self) -> list[Path]:
        """The paths of the error estimate and of the table of twins."""
        return [self.error_estimate, self.twins]

    @property
    def records(self) -> dict[str, Path]:
        """The paths of the copies of a plan's records that lie beside the cube, by the records' endings."""
        return dict(zip(RECORDS, (self.table, self.configuration, self.twins), strict=True))

    @property
    def files(self) -> list[Path]:
        """The paths of all files but the note, figures and tables."""
        return [*self.records.values(), self.cube, self.error_estimate, self.about, self.explore]

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / FIGURES

    def figure(self, name: str, ending: str) -> Path:
        """The path of a figure in one of its formats."""
        return self.figures / f"{name}.{ending}"

    def table_of(self, figure: str) -> Path:
        """The path of the table with a figure's numbers."""
        return self.path / TABLES / f"{figure}.csv"

    def figure_files(self, ending: str = "*") -> list[Path]:
        """List the figures that are there, whoever made them."""
        return sorted(self.figures.glob(f"*.{ending}"))

    def table_files(self) -> list[Path]:
        """List the tables of figures that are there, whoever made them."""
        return sorted((self.path / TABLES).glob("*.*"))

    def kept(self, figure: str) -> Path:
        """The path of the copy of a figure that can be shown in the report, but not drawn again."""
        return self.path / KEPT / f"{figure}.png"

    @property
    def partial(self) -> "SweepFolder":
        """The folder in which the finished part of the sweep is gathered before all is finished."""
        return SweepFolder(self.path / PARTIAL)

    @property
    def is_partial(self) -> bool:
        return self.path.name == PARTIAL

    @property
    def whole(self) -> "SweepFolder":
        """The folder of the sweep itself, also when this is its folder `partial/`."""
        return SweepFolder(self.path.parent) if self.is_partial else self

    @property
    def parts(self) -> tuple["SweepFolder", "SweepFolder"]:
        """The folder of the sweep, and its folder `partial/`."""
        return self, self.partial

    def before(self, plan: str) -> "SweepFolder":
        """The folder of a sweep of that plan, which had the name before."""
        return SweepFolder(self.path / BEFORE / plan)

    @property
    def is_before(self) -> bool:
        return self.path.parent.name == BEFORE

    @property
    def is_one(self) -> bool:
        """True where there is a sweep: its note, a cube, a mark, or the records of its plan."""
        return (
            self.note.is_file()
            or any(part.cube.is_file() or part.marked() for part in self.parts)
            or (self.table.is_file() and self.configuration.is_file())
        )

    def mark(self, file: Path) -> Path:
        """The path of the mark of a file in this folder. It says from which recipe the file was made."""
        return self.path / MARKS / file.relative_to(self.path)

    def marked(self) -> list[Path]:
        """List the files that have a mark, whether they are there or not."""
        marks = self.path / MARKS
        found = (file for file in marks.rglob("*") if file.is_file() and not file.name.startswith("."))
        return sorted(self.path / file.relative_to(marks) for file in found)

    def ours(self) -> list[Path]:
        """List the files that PSST makes here, whether they are there or not, without the note."""
        return sorted({*self.files, *self.marked()})


@dataclass(frozen=True)
class Comparison:
    """The folder of a comparison of PSST with other programs: results/benchmark or results/references."""

    path: Path

    def data(self, name: str) -> Path:
        """The path of the numbers of a case, or of all cases."""
        return self.path / f"{name}{CHUNK}"

    @property
    def measured(self) -> Path:
        """The path of the benchmark's measurements."""
        return self.data(BENCHMARK)

    @property
    def table(self) -> Path:
        """The path of the benchmark's table, for people."""
        return self.path / "table.md"

    @property
    def differences(self) -> Path:
        """The path of the table of how far the references are from PSST."""
        return self.path / "references.csv"

    @property
    def figures(self) -> Path:
        """The folder of the figures."""
        return self.path / FIGURES

    def figure(self, name: str, ending: str) -> Path:
        """The path of a figure in one of its formats."""
        return self.figures / f"{name}.{ending}"

    def problem(self, name: str) -> Path:
        """The path of the arrays that each program of the benchmark is given."""
        return self.path / "problems" / f"{name}.npz"

    def log(self, name: str) -> Path:
        """The path of the log of a job, or of a program of the benchmark."""
        return self.path / LOGS / f"{name}{LOG}"

    @property
    def peers(self) -> Path:
        """The folder of the environment in which the other programs are installed."""
        return self.path / "peers"

    @property
    def peers_ready(self) -> Path:
        """The path of an empty file that is there once this environment is complete."""
        return self.peers / "ready"

    @property
    def peers_python(self) -> Path:
        return self.peers / "bin" / "python"


def cubes(folder: Path) -> list[Path]:
    """List the cubes in the folder of a sweep, or of all sweeps in a results folder.

    Those of unfinished sweeps come last.
    """
    patterns = (CUBE, f"[!.]*/{CUBE}", f"[!.]*/{PARTIAL}/{CUBE}")  # leaves out the marks
    found = (file for pattern in patterns for file in folder.glob(pattern))
    return sorted(found, key=lambda file: (SweepFolder(file.parent).is_partial, file))


def edited(file: Path) -> Path:
    """Return a free path beside a file for a version that a person changed: `NAME.edited.ENDING`, `NAME.edited2…`."""
    names = (f".{EDITED}{number if number > 1 else ''}{file.suffix}" for number in itertools.count(1))
    return next(place for place in map(file.with_suffix, names) if not place.exists())
