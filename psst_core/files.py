"""Files that are whole or not there: written beside their place, synced, then moved. Also plain data as YAML."""

import contextlib
import os
import secrets
import shutil
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from psst_core.errors import PsstError

CHECKOUT = Path(__file__).resolve().parents[1]  # the folder with the package, conf/ and workflow/
TEXT_BYTES = 1_000_000_000  # a larger text is not read; a plan of a million runs has 0.2 GB
YAML_BYTES = 100_000_000
YAML_NODES, YAML_DEPTH = 5_000_000, 100  # with aliases written out
BLOCK_BYTES = 1 << 16


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """Yield a path beside `target` to write to.

    The file takes the target's place when the block ends without an error.

    Raises:
        PsstError: when the system does not let it be written.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _sync(beside)
        beside.replace(target)
        with contextlib.suppress(OSError):  # some network disks cannot sync a folder
            _sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def remove_leftovers(target: Path) -> None:
    """Remove what killed jobs left beside a target. No other job may be writing it."""
    for file in target.parent.glob(f".{target.name}.*"):
        file.unlink(missing_ok=True)


def unwritable(target: Path, error: Exception) -> PsstError:
    folder = next(parent for parent in target.absolute().parents if parent.is_dir())
    return PsstError(
        f"{target}: cannot be written: {error} ({shutil.disk_usage(folder).free / 1e6:.0f} MB are free in {folder}); "
        "nothing that was there has changed; make room or get permission, then start again"
    )


def _sync(path: Path) -> None:
    """Wait until a file or the names in a folder are on the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def write_text(target: Path, text: str) -> None:
    with atomic(target) as beside:
        beside.write_text(text, encoding="utf-8")


def check_size(path: Path, most: int, remedy: str = "") -> None:
    """Raise unless the path is of a file of at most `most` bytes; `remedy` says what to do."""
    then = f"; {remedy}" if remedy else ""
    try:
        found = path.stat()
    except FileNotFoundError:
        raise PsstError(f"{path}: is missing{', it is a link to nothing' if path.is_symlink() else ''}{then}") from None
    except OSError as error:
        raise PsstError(f"{path}: cannot be read: {error.strerror}") from None
    if not stat.S_ISREG(found.st_mode):
        what = "a folder" if stat.S_ISDIR(found.st_mode) else "a device or pipe"
        raise PsstError(f"{path}: is {what} in place of a file{then}")
    if found.st_size > most:
        raise PsstError(f"{path}: has {found.st_size:,} bytes, more than the {most:,} of any such file{then}")


def read_text(path: Path, most: int = TEXT_BYTES, remedy: str = "") -> str:
    """Read the text of a file.

    Args:
        most: the largest size in bytes that it may have; a larger file is not read at all.
        remedy: what to do where it cannot be read.

    Raises:
        PsstError: when it is missing, no file, too large, or no text.
    """
    check_size(path, most, remedy)
    then = f"; {remedy}" if remedy else ""
    try:
        with open(path, "rb") as file:
            start = file.read(BLOCK_BYTES)
            if b"\0" in start:
                raise PsstError(f"{path}: holds no text, it is damaged or another kind of file{then}")
            return (start + file.read()).decode("utf-8")
    except UnicodeDecodeError as error:
        raise PsstError(f"{path}: holds no text in UTF-8 (byte {error.start:,}), it is damaged{then}") from None
    except OSError as error:
        raise PsstError(f"{path}: cannot be read: {error.strerror}") from None


class _Dumper(yaml.CSafeDumper):
    """Writes subclasses of dict as dict."""


_Dumper.add_multi_representer(dict, yaml.representer.SafeRepresenter.represent_dict)


def to_yaml(data: object) -> str:
    """Write plain data as YAML, its keys in their order."""
    return str(yaml.dump(data, Dumper=_Dumper, sort_keys=False, allow_unicode=True))


def from_yaml(text: str, source: object = "YAML") -> Any:
    """Read plain data from YAML, but no more of it than a sweep's record can hold.

    Args:
        source: the file that the text is from, for errors.

    Raises:
        PsstError: when it is no YAML, or when its aliases or its nesting would make too much of it.
    """
    try:
        _check_yaml(text, source)
        return yaml.load(text, Loader=yaml.CSafeLoader)
    except (yaml.YAMLError, ValueError, TypeError, RecursionError, OverflowError) as error:
        if isinstance(error, PsstError):
            raise
        mark = getattr(error, "problem_mark", None)
        where = f"line {mark.line + 1}" if mark else "one of its values"
        raise PsstError(f"{source}: is no YAML that can be read, see {where}; it is damaged or another file") from None


def _check_yaml(text: str, source: object) -> None:
    """Raise where a text's size, its nesting, or its aliases when written out, are beyond any file of PSST's."""
    if len(text) > YAML_BYTES:
        raise PsstError(
            f"{source}: has {len(text) / 1e6:,.0f} MB, more than the {YAML_BYTES / 1e6:,.0f} MB of any YAML"
        )
    sizes: dict[str | None, int] = {}
    open_nodes: list[tuple[str | None, int]] = [(None, 0)]  # anchor, and nodes so far
    for event in yaml.parse(text, Loader=yaml.CSafeLoader):
        match event:
            case yaml.CollectionStartEvent():
                open_nodes.append((event.anchor, 1))
                anchor, size = None, 0
            case yaml.CollectionEndEvent():
                anchor, size = open_nodes.pop()
            case yaml.ScalarEvent():
                anchor, size = event.anchor, 1
            case yaml.AliasEvent():
                anchor, size = None, sizes.get(event.anchor, YAML_NODES + 1)  # unknown: the alias is inside its anchor
            case _:
                continue
        if anchor:
            sizes[anchor] = size
        open_nodes[-1] = open_nodes[-1][0], open_nodes[-1][1] + size
        if len(open_nodes) > YAML_DEPTH or open_nodes[-1][1] > YAML_NODES:
            raise PsstError(
                f"{source}: holds lists in lists or aliases of aliases beyond any file of ours; it is not read"
            )
