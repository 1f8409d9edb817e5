"""Files that are whole or not there: written beside their place, synced, then moved; and plain data as YAML."""

import contextlib
import os
import secrets
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml


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


def to_yaml(data: Any) -> str:
    """Plain data as YAML, its keys in their order."""
    return str(yaml.dump(data, Dumper=yaml.CSafeDumper, sort_keys=False, allow_unicode=True))


def from_yaml(text: str) -> Any:
    return yaml.load(text, Loader=yaml.CSafeLoader)
