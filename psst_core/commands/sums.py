"""A list of the SHA-256 of each file of a sweep, in the format of `sha256sum -c`, to be kept elsewhere than the sweep.

A file's own checksum, and the digests in names, do not help against a person who changes a file and computes them
again. A list that lies elsewhere does.
"""

import hashlib
import re
from collections.abc import Iterator
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.files import read_text, write_text
from psst_core.store.folder import RECORDS, Folder
from psst_core.store.provenance import now
from psst_core.store.records import read_record, read_table

SUMS = "SHA256SUMS"
LINE = re.compile(r"([0-9a-f]{64}) [ *](.+)")


def listed_files(results: Path, name: str) -> list[Path]:
    """Return the files in a list: the records, manifests, chunks, summaries, cube, figures and tables of a sweep."""
    folder = Folder(results)
    plan, sweep = folder.planned(name), folder.sweep(name)
    records = [folder.record_file(plan, ending) for ending in RECORDS]
    analysis = read_record(records[1])["analysis_digest"]
    chunks = sorted({chunk for table in (records[0], records[2]) if table.is_file() for chunk in _chunks(table)})
    files = [sweep.note, *records, *sweep.files, *sweep.figure_files(), *sweep.table_files()]
    for chunk in chunks:
        files += [folder.manifest_file(chunk), folder.chunk_file(chunk), folder.summary_file(chunk, analysis)]
    return [file for file in files if file.is_file() and "\n" not in str(file) and "\\" not in str(file)]


def write_list(results: Path, name: str, target: Path) -> int:
    """Write the list, with paths relative to the current folder; return the number of its files."""
    files = listed_files(results, name)
    head = f"# {name}, {now()}: its records, manifests, chunks, summaries, cube, figures and tables; not its logs\n"
    write_text(target, head + "".join(f"{_sum(file)}  {file}\n" for file in files))
    return len(files)


def list_faults(results: Path, name: str, source: Path) -> Iterator[str]:
    """Yield a line for each file that is not as in a list, and for each file of the sweep that is not in it."""
    known = {}
    for number, line in enumerate(read_text(source).splitlines(), 1):
        if line.startswith("#") or not line.strip():
            continue
        if not (parts := LINE.fullmatch(line)):
            raise PsstError(f"{source}, line {number}: is no line of a checksum list, SHA-256 and path")
        known[Path(parts[2])] = parts[1]
    for file, written in known.items():
        if not file.is_file():
            yield f"{file}: missing, {source} has it"
        elif _sum(file) != written:
            yield f"{file}: another file than {source} has, even if its own checksum fits"
    for file in listed_files(results, name):
        if file not in known:
            yield f"{file}: is not in {source}; made since, or put there"


def _chunks(table: Path) -> list[str]:
    return list(read_table(table)["chunk"])


def _sum(file: Path) -> str:
    with open(file, "rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()
