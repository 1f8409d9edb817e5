"""Files that are whole or not there: written beside their place, synced, then moved; and plain data as YAML."""

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

from psst_core.errors import PsstError


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to; it takes the target's place when the block ends well.

    Raises:
        PsstError: when the system does not let it be written.
    """
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}{target.suffix}")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        yield beside
        _sync(beside)
        beside.replace(target)
        with contextlib.suppress(OSError):  # some network disks know no such thing
            _sync(target.parent)
    except OSError as error:
        raise unwritable(target, error) from error
    finally:
        with contextlib.suppress(OSError):
            beside.unlink()


def remove_leftovers(target: Path) -> None:
    """What killed jobs left beside a target, when no other job is at it."""
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


def to_yaml(data: Any) -> str:
    """Plain data as YAML, its keys in their order."""
    return str(yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))


def from_yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)
