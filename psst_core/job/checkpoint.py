"""The saved state of a simulate job: one file, whole or not there, from which a restarted job goes on.

It is a zip archive, of which each part has a checksum. The parts are the chunk's file so far, the state of the
integration, and the place at which it stands.
"""

import contextlib
import json
import math
import os
import shutil
import signal
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from psst_core import tf
from psst_core.arrays import Array
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.files import atomic
from psst_core.host.hardware import compiled_for, processor
from psst_core.integrate.backend import Round
from psst_core.logs import STOPPED, Report
from psst_core.store.manifest import Manifest
from psst_core.store.provenance import versions

DATA, PLACE = "chunk.nc", "place.json"
SIGNALS = (signal.SIGTERM, signal.SIGINT)
ECHO = 0.5  # s; signals within this time count as one, as Slurm may signal a job, its steps and their tasks


@dataclass(frozen=True)
class State:
    """The state of a chunk that is partly made.

    Attributes:
        batch, step: the first of the batches that are being integrated side by side, and the next step of these
            batches.
        seconds: the time that the job took, without the start of its process and the compilation.
        batch_seconds: the part of `seconds` that these batches took.
        diverged: when each run of these batches stopped being finite, ms.
        arrays: the state of the round, as many arrays for each batch, batch after batch.
    """

    batch: int
    step: int
    seconds: float
    batch_seconds: float
    diverged: Array
    arrays: list[Array]

    @classmethod
    def of(cls, integration: Round, batch: int, seconds: float, batch_seconds: float, diverged: Array) -> "State":
        return cls(batch, integration.step, seconds, batch_seconds, diverged, integration.state())


class Checkpoint:
    """The place of a job's saved state, and the times for saving: at intervals, and when the job is asked to stop.

    Args:
        path: the archive.
        manifest: the chunk's. A saved state is refused if it was saved for another manifest (the digest of the code is
            part of it), on another kind of processor, for another number of devices or with other versions.
        report: takes a line when there is something to say.
    """

    def __init__(self, path: Path, manifest: Manifest, report: Report) -> None:
        hardware = manifest.config.hardware
        self.path, self.report, self.signal = path, report, 0
        self.interval = 60.0 * hardware.save_minutes or math.inf
        self.last = time.perf_counter()
        gpus = [tf.config.experimental.get_device_details(gpu) for gpu in tf.config.list_physical_devices("GPU")]
        numbers = [manifest.planned(), hardware.device, hardware.side_by_side]
        self.identity = digest([numbers, compiled_for(), processor(), gpus, versions()])

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Let SIGTERM and SIGINT ask the job to stop within this block; a second, later signal ends it at once."""
        reading, writing = os.pipe()
        os.set_blocking(writing, False)

        def listen() -> None:
            first = math.inf
            for number in iter(lambda: os.read(reading, 1), b""):
                if time.monotonic() > first + ECHO:
                    os._exit(128 + self.signal)
                if not self.signal:
                    self.signal, first = number[0], time.monotonic()
            os.close(reading)

        # Python runs handlers only after the compiled program returns. It writes a signal's number to the pipe at once.
        threading.Thread(target=listen, daemon=True).start()
        before = signal.set_wakeup_fd(writing)
        handlers = {number: signal.signal(number, lambda *_: None) for number in SIGNALS}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(before)
            os.close(writing)

    def due(self) -> bool:
        return bool(self.signal) or time.perf_counter() - self.last >= self.interval

    def save(self, data: Path, state: State) -> None:
        """Save the state, with the chunk's file so far.

        Raises:
            SystemExit: when the job was asked to stop.
        """
        place = {"batch": state.batch, "step": state.step, "arrays": len(state.arrays), "identity": self.identity}
        place |= {"seconds": state.seconds, "batch_seconds": state.batch_seconds}
        outcome = f"its state is saved in {self.path}, the next start goes on from there"
        try:
            with atomic(self.path) as beside, zipfile.ZipFile(beside, "w") as archive:
                archive.write(data, DATA)
                archive.writestr(PLACE, json.dumps(place))
                for number, array in enumerate([state.diverged, *state.arrays]):
                    with archive.open(f"{number}.npy", "w", force_zip64=True) as part:
                        np.lib.format.write_array(part, array, allow_pickle=False)
        except PsstError as error:
            outcome = f"its state was not saved: {error}"
            self.report(outcome)
        self.last = time.perf_counter()
        if self.signal:
            self.report(f"{STOPPED} {signal.Signals(self.signal).name}: {outcome}")
            raise SystemExit(128 + self.signal)

    def restore(self, data: Path) -> State | None:
        """Return the saved state, and copy the chunk's file of that time to `data`.

        Return None if there is no fitting state.
        """
        if not self.path.exists():
            return None
        try:
            with zipfile.ZipFile(self.path) as archive:
                place = json.loads(archive.read(PLACE))
                if place.pop("identity") != self.identity:
                    self.report(f"{self.path}: saved by other code, settings or versions, or elsewhere; begins anew")
                    return None
                diverged, *arrays = (_array(archive, number) for number in range(1 + place.pop("arrays")))
                with archive.open(DATA) as saved, data.open("wb") as file:
                    shutil.copyfileobj(saved, file, 1 << 20)
            self.report(f"{self.path}: goes on at batch {place['batch']}, step {place['step']}")
            return State(**place, diverged=diverged, arrays=arrays)
        except Exception as error:
            self.report(f"{self.path}: is damaged ({error}); begins anew")
            return None

    def remove(self) -> None:
        self.path.unlink(missing_ok=True)


def saved_arrays(path: Path, own: range, batches: int) -> list[Array]:
    """Read the arrays of some of the batches in a saved state, of which there are as many for each batch."""
    with zipfile.ZipFile(path) as archive:
        each = json.loads(archive.read(PLACE))["arrays"] // batches
        return [_array(archive, 1 + number) for number in range(each * own.start, each * own.stop)]


def _array(archive: zipfile.ZipFile, number: int) -> Array:
    with archive.open(f"{number}.npy") as part:
        array: Array = np.lib.format.read_array(part, allow_pickle=False)
        return array
