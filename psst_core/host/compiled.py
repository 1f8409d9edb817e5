"""The compiled programs that jobs share. TensorFlow may read one only once its bytes match their SHA-256."""

import contextlib
import hashlib
import os
import time
from pathlib import Path

from psst_core.errors import PsstError
from psst_core.files import write_text

ENDING, SUM, BESIDE = ".pb", ".sha256", ".tmp"
OLD = 3_600.0  # seconds; after that no job is still writing a program beside its place


class Programs:
    """The programs in a folder, which has a folder for each kind of processor, set of flags and version of TensorFlow.

    TensorFlow writes a program beside its place and then moves it, so several jobs may write at once. A program
    without the right sum is removed and compiled anew. It may be damaged or empty, or its job was killed.
    """

    def __init__(self, folder: Path) -> None:
        self.top = self.folder = folder.resolve()
        self.whole: set[str] = set()

    def open(self, kind: str) -> str:
        """Remove all programs of a kind that are not whole.

        Returns:
            TensorFlow's flags for the others; empty where the folder cannot be used.
        """
        self.folder = self.top / kind
        with contextlib.suppress(OSError):
            self.folder.mkdir(parents=True, exist_ok=True)
        for file in [*self.folder.glob(f"*{ENDING}"), *self.folder.glob(f"*{BESIDE}")]:
            with contextlib.suppress(OSError):
                if file.suffix == BESIDE and time.time() - file.stat().st_mtime < OLD:
                    continue
                if file.suffix == ENDING and _written(file) == _sum(file):
                    self.whole.add(file.name)
                    continue
                file.unlink()
        damaged = {file.name for file in self.folder.glob(f"*{ENDING}")} - self.whole
        if damaged or not self.folder.is_dir():  # the folder may not be changed
            return ""
        flags = f"--tf_xla_persistent_cache_directory='{self.folder}' --tf_xla_persistent_cache_device_types=CPU"
        return flags if os.access(self.folder, os.W_OK) else f"{flags} --tf_xla_persistent_cache_read_only=true"

    def seal(self) -> None:
        """Write the sums of the programs that were compiled since `open`."""
        for file in self.folder.glob(f"*{ENDING}"):
            if file.name not in self.whole:
                with contextlib.suppress(OSError, PsstError):
                    write_text(file.with_name(file.name + SUM), f"{_sum(file)}  {file.name}\n")


def _sum(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()


def _written(file: Path) -> str:
    """Read the sum that was written beside a program; empty where there is none."""
    try:
        return file.with_name(file.name + SUM).read_text(encoding="ascii").partition(" ")[0]
    except (OSError, ValueError):
        return ""
