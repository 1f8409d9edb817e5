"""Files that are whole or not there: written beside their place, synced, then moved."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def atomic(target: Path) -> Iterator[Path]:
    """A path beside `target` to write to; it takes the target's place when the block ends well."""
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(f".{target.name}.{secrets.token_hex(4)}{target.suffix}")
    try:
        yield beside
        with open(beside, "rb+") as file:
            os.fsync(file.fileno())
        beside.replace(target)
    finally:
        beside.unlink(missing_ok=True)


def write_text(target: Path, text: str) -> None:
    with atomic(target) as beside:
        beside.write_text(text, encoding="utf-8")
