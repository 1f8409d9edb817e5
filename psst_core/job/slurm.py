"""Slurm's reports on a sweep's jobs: how failed jobs ended, and which jobs are still queued or running."""

import re
import shutil
import subprocess
from collections.abc import Collection
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.store.folder import Folder

SAID = re.compile(r"^slurmstepd\S*: error: (?:\*\*\* )?(.+?)(?: \*\*\*)?$", re.MULTILINE)
REASON = re.compile(r"DUE TO|memory|oom", re.IGNORECASE)
OF_CHUNK = re.compile(r"rule_simulate_wildcards_([0-9a-f]{16})")
ANSWER_SECONDS = 20


def endings(results: Path, chunk: str) -> list[str]:
    """Return how each failed job of a chunk ended, the first one first; Slurm keeps no log of other jobs."""
    found = []
    for log in Folder(results).slurm_logs(chunk):
        text = log.read_text(encoding="utf-8", errors="replace")
        said = SAID.findall(text)
        if said:
            found.append(f"Slurm job {log.stem}: {next(filter(REASON.search, said), said[-1])}")
        elif "Error in rule" in text:
            found.append(f"Slurm job {log.stem}: failed, see {log}")
    return found


def refuse_while_at_work(results: Path, chunks: Collection[str]) -> None:
    """Raise a PsstError if jobs of an earlier workflow still make some of these chunks."""
    left = sorted((number for chunk, number in at_work(results).items() if chunk in chunks), key=int)
    if left:
        raise PsstError(
            f"Slurm jobs {', '.join(left)} of an earlier start still work at this sweep; wait until they have ended "
            f"(squeue --me), what they make is used; or end them, their state is saved: scancel {' '.join(left)}"
        )


def at_work(results: Path) -> dict[str, str]:
    """Return the queued or running job of each chunk of this folder; none if no job was ever submitted from here."""
    if not Folder(results).slurm.is_dir() or not shutil.which("squeue"):
        return {}
    ask = ["squeue", "--me", "--noheader", "--format=%A|%Z|%k"]
    try:
        lines = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS).stdout
    except (OSError, subprocess.SubprocessError):
        return {}
    here = results.resolve().parent
    found = {}
    for line in lines.splitlines():
        number, folder, comment = line.split("|", 2)
        chunk = OF_CHUNK.search(comment)
        if chunk and Path(folder) == here:
            found[chunk[1]] = number
    return found
