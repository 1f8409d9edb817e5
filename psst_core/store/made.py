"""Marks: they say from what each file of a sweep was made, and which bytes were written.

A mark names two things. One is the recipe: a digest of the settings, of the code and of the content of what was read.
The other is the file's own content. A file is what a plan and its code make if its mark names both. Neither clocks nor
Snakemake's memory count.
"""

import contextlib
import functools
import hashlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from psst_core.digest import LENGTH, digest
from psst_core.errors import PsstError
from psst_core.files import write_text
from psst_core.store.folder import SweepFolder, edited


def recipe(settings: object, *read: Path) -> str:
    """Return the digest of what a file is made from.

    Args:
        settings: plain data, the digest of the deciding code in it.
        read: files that are read.
    """
    return digest([settings, [[file.name, _known(file)] for file in read]])


@contextlib.contextmanager
def marking(folder: Path, files: Sequence[Path], made_from: str) -> Iterator[None]:
    """Mark the files of a sweep's folder that are written in this block.

    What a person edited in them is kept beside them.
    """
    keep_edited(folder, files)
    for file in files:
        SweepFolder(folder).mark(file).unlink(missing_ok=True)
    yield
    for file in files:
        write_text(SweepFolder(folder).mark(file), f"{made_from} {_content(file)}\n")


def is_made(folder: Path, file: Path, made_from: str) -> bool:
    """Return whether a file was made by this recipe and has not changed since."""
    marked = _marked(folder, file)
    return len(marked) == 2 and marked[0] == made_from and _holds(file, marked[1])


def check_unchanged(folder: Path, file: Path) -> None:
    """Raise when a file has a mark and its bytes are not those that the mark was written for."""
    marked = _marked(folder, file)
    if marked and file.is_file() and not _holds(file, marked[-1]):
        raise PsstError(f"{file}: was changed since it was written; start the sweep again, or psst gather NAME")


def keep_edited(folder: Path, files: Iterable[Path]) -> list[Path]:
    """Move away files that were changed since they were written, and are not empty, to `NAME.edited.ENDING`.

    Returns:
        Where they are now.
    """
    kept = []
    for file in files:
        marked = _marked(folder, file)
        if marked and file.is_file() and file.stat().st_size and not _holds(file, marked[-1]):
            kept.append(file.replace(edited(file)))
    return kept


def remove_made(folder: Path, files: Iterable[Path]) -> None:
    """Remove files with their marks, and the folders that are then empty."""
    for file in files:
        for one in (file, SweepFolder(folder).mark(file)):
            one.unlink(missing_ok=True)
            remove_empty(one.parent, folder)


def move_made(folder: Path, target: Path, files: Iterable[Path]) -> None:
    """Move files with their marks to another folder, and remove the folders that are then empty."""
    for file in files:
        moved = target / file.relative_to(folder)
        for one, there in ((file, moved), (SweepFolder(folder).mark(file), SweepFolder(target).mark(moved))):
            if one.is_file():
                there.parent.mkdir(parents=True, exist_ok=True)
                one.replace(there)
                remove_empty(one.parent, folder)


def remove_empty(folder: Path, top: Path) -> None:
    """Remove a folder below `top` that is empty, and those above it that are empty then."""
    with contextlib.suppress(OSError):
        while folder != top:
            folder.rmdir()
            folder = folder.parent


def _marked(folder: Path, file: Path) -> list[str]:
    """Return the recipe and the content that a mark names; empty where there is no mark to read."""
    try:
        return SweepFolder(folder).mark(file).read_text(encoding="ascii").split()
    except (OSError, ValueError):
        return []


def _known(file: Path) -> str | None:
    """Return the content of a file as `_content` does; only the size where it is not the one in the file's mark."""
    marked = _marked(file.parent, file)
    if marked and file.is_file() and (size := str(file.stat().st_size)) != marked[-1].partition(":")[0]:
        return size
    return _content(file)


def _content(file: Path) -> str | None:
    """Return the size of a file and the digest of its bytes, as one text; None where there is no file to read."""
    try:
        stat = file.stat()
        return f"{stat.st_size}:{_digest(file, stat.st_ino, stat.st_size, stat.st_mtime_ns)}"
    except OSError:
        return None


def _holds(file: Path, content: str) -> bool:
    """Return whether a file has this content. A file of another size is not read."""
    try:
        return content.partition(":")[0] == str(file.stat().st_size) and content == _content(file)
    except OSError:
        return False


@functools.lru_cache(maxsize=1024)
def _digest(file: Path, *_: int) -> str:
    """Return the digest of a file's bytes. They are read once as long as the file's times and size stay."""
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()[:LENGTH]
