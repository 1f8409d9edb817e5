"""A job that is stopped and started again writes what an undisturbed one writes."""

import os
import signal
import subprocess
import sys
import threading
import time
from dataclasses import replace

import netCDF4
import numpy as np
import pytest

from psst_core.commands.clean import unused
from psst_core.files import write_text
from psst_core.job.checkpoint import Checkpoint
from psst_core.job.chunk import write_chunk
from psst_core.plan.sweep_plan import claim, make_plan
from psst_core.store.dataset import atomic_netcdf, checksum
from psst_core.store.folder import CHUNKS, SAVED
from support.configurations import changed
from support.stopped import SWEEPS, Impatient, made, manifest_of
from support.sweeps import TINY

pytestmark = pytest.mark.usefixtures("compiled_once", "no_results")


def content(folder):
    """The checksum of the chunk, which its file carries."""
    path = folder / CHUNKS / "chunk.nc"
    with netCDF4.Dataset(path) as file:
        assert file.checksum == checksum(path)
    return checksum(path)


@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", SWEEPS)
def test_a_stopped_job_goes_on_to_the_same_bits(tmp_path, name, precision):
    manifest = manifest_of(name, precision)
    whole = made(tmp_path / "whole", manifest).done
    assert whole >= 4 or len(manifest.batches) == 1
    pieces = tmp_path / "pieces"
    starts = []
    while not (pieces / CHUNKS / "chunk.nc").exists():
        starts.append(made(pieces, manifest, segments=1 + len(starts) % 2))
        assert len(starts) <= whole + 1
    assert sum(start.done for start in starts) == whole and len(starts) > 1
    assert all("stopped by SIGTERM: its state is saved in" in start.lines[-1] for start in starts[:-1])
    assert content(pieces) == content(tmp_path / "whole")
    assert [file.name for file in pieces.rglob("*") if file.is_file()] == ["chunk.nc"]


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", ["graded synapses, delayed", "spikes, delayed", "noise"])
def test_a_second_in_two_pieces_is_a_second_to_the_bit(tmp_path, name, precision):
    manifest = changed(manifest_of(name, precision), {"run.duration": 1000.0, "recorder.window": [0.0, 1000.0]})
    whole = made(tmp_path / "whole", manifest).done
    pieces = tmp_path / "pieces"
    assert made(pieces, manifest, segments=whole // 2).done == whole // 2
    assert not (pieces / CHUNKS / "chunk.nc").exists()
    assert made(pieces, manifest).done == whole - whole // 2
    assert content(pieces) == content(tmp_path / "whole")


def test_a_state_is_saved_at_intervals_and_each_one_leads_to_the_same_end(tmp_path, monkeypatch):
    manifest = manifest_of("noise", save_minutes=1e-9)
    saved, save = [], Checkpoint.save

    def keep(self, data, state):
        save(self, data, state)
        saved.append(self.path.read_bytes())

    with monkeypatch.context() as patch:
        patch.setattr(Checkpoint, "save", keep)
        whole = made(tmp_path / "whole", manifest).done
    assert len(saved) == whole
    for number, archive in enumerate(saved, 1):
        folder = tmp_path / str(number)
        (folder / SAVED).mkdir(parents=True)
        (folder / SAVED / "chunk.zip").write_bytes(archive)
        assert made(folder, manifest).done == whole - number
        assert content(folder) == content(tmp_path / "whole")
    never = made(tmp_path / "never", changed(manifest, {"hardware.save_minutes": 0.0}))
    assert never.interval == float("inf") and never.lines == []


def test_the_seconds_of_all_starts_are_counted(tmp_path, monkeypatch):
    now, manifest = [0.0], manifest_of("noise")
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Slow(Impatient):
        def due(self):
            now[0] += 10.0
            return super().due()

    monkeypatch.setattr("support.stopped.Impatient", Slow)
    for segments in (2, 2, 100):
        made(tmp_path, manifest, segments)
    with netCDF4.Dataset(tmp_path / CHUNKS / "chunk.nc") as file:
        assert file.job_seconds == pytest.approx(10.0 * 2 * len(manifest.batches))
        assert np.sum(file["wall_time"][:]) == pytest.approx(file.job_seconds)


OTHERS = {
    "code": lambda manifest, patch: replace(manifest, code=16 * "0"),
    "precision": lambda manifest, patch: manifest_of("noise", "float32"),
    "file": lambda manifest, patch: replace(manifest, files={"network.start_file": {"other": ""}}),
    "processor": lambda manifest, patch: patch.setattr("psst_core.job.checkpoint.processor", lambda: "Z80") or manifest,
    "flags": lambda manifest, patch: patch.setenv("XLA_FLAGS", "--xla_cpu_enable_fast_math=true") or manifest,
    "version": lambda manifest, patch: (
        patch.setattr("psst_core.job.checkpoint.versions", lambda: {"numpy": "1.0"}) or manifest
    ),
}


@pytest.mark.parametrize("what", OTHERS)
def test_a_state_that_was_saved_by_something_else_is_not_taken(tmp_path, monkeypatch, what):
    manifest = manifest_of("noise")
    made(tmp_path, manifest, segments=3)
    other = OTHERS[what](manifest, monkeypatch)
    checkpoint = Impatient(tmp_path / SAVED / "chunk.zip", other)
    assert checkpoint.restore(tmp_path / "half.nc") is None
    assert len(checkpoint.lines) == 1 and "begins anew" in checkpoint.lines[0]


def test_a_job_with_other_memory_time_or_commit_goes_on(tmp_path):
    manifest = manifest_of("noise")
    made(tmp_path, manifest, segments=3)
    again = changed(manifest, {"hardware.mem_mb": 9000, "hardware.runtime": 600}, provenance={"a": "b"})
    assert made(tmp_path, again).done == 2 * len(manifest.batches) - 3


def test_a_damaged_state_is_not_taken(tmp_path):
    manifest = manifest_of("noise")
    undisturbed = made(tmp_path / "whole", manifest).done
    made(tmp_path, manifest, segments=3)
    saved = tmp_path / SAVED / "chunk.zip"
    archive, random = saved.read_bytes(), np.random.default_rng(1)
    damaged = [archive[:length] for length in (0, 10, len(archive) // 2, len(archive) - 1)]
    for place in random.integers(0, len(archive), 200):
        damaged.append(archive[:place] + bytes([archive[place] ^ 0xFF]) + archive[place + 1 :])
    good = Impatient(saved, manifest).restore(tmp_path / "good.nc")
    expected = [array.tobytes() for array in good.arrays], checksum(tmp_path / "good.nc")
    refused = 0
    for damage in damaged:
        saved.write_bytes(damage)
        checkpoint = Impatient(saved, manifest)
        state = checkpoint.restore(tmp_path / "half.nc")
        refused += state is None
        if state is None:
            assert "damaged" in checkpoint.lines[0] or "begins anew" in checkpoint.lines[0]
        else:  # a byte that means nothing, such as a time
            assert ([array.tobytes() for array in state.arrays], checksum(tmp_path / "half.nc")) == expected
    assert refused > 190
    saved.write_bytes(damaged[2])
    assert made(tmp_path, manifest).done == undisturbed
    assert content(tmp_path) == content(tmp_path / "whole")


def test_a_signal_is_heard_and_the_handlers_return(tmp_path):
    checkpoint = Checkpoint(tmp_path / "x.zip", manifest_of("noise", save_minutes=0.0), lambda line: None)
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
    with checkpoint.listening():
        assert not checkpoint.due()
        os.kill(os.getpid(), signal.SIGTERM)
        ended = time.monotonic() + 60
        while not checkpoint.due() and time.monotonic() < ended:
            time.sleep(0.01)
        assert checkpoint.due()
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)] == before
    assert threading.active_count() < 10


BUSY = """
import time
from dataclasses import replace
from dataclasses import replace
from pathlib import Path
from psst_core.job.checkpoint import Checkpoint
import psst_core.job.checkpoint, ctypes
psst_core.job.checkpoint.Checkpoint.__init__ = lambda self: setattr(self, "signal", 0)
with Checkpoint().listening():
    print("ready", flush=True)
    ctypes.CDLL(None).sleep(60)
    ctypes.CDLL(None).sleep(60)
    ctypes.PyDLL(None).sleep(0)
    time.sleep(60)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_second_signal_ends_at_once(number):
    job = subprocess.Popen([sys.executable, "-c", BUSY], stdout=subprocess.PIPE, text=True)
    assert job.stdout.readline() == "ready\n"
    job.send_signal(number)
    with pytest.raises(subprocess.TimeoutExpired):
        job.wait(timeout=1)
    job.send_signal(number)
    assert job.wait(timeout=50) == 128 + number
    job.stdout.close()


def test_a_state_that_cannot_be_saved_stops_no_job(tmp_path):
    manifest = manifest_of("jumps", save_minutes=1e-9)
    made(tmp_path / "whole", manifest)
    (tmp_path / SAVED).write_text("a file in place of a folder")
    checkpoint = Impatient(tmp_path / SAVED / "chunk.zip", manifest)
    with atomic_netcdf(tmp_path / CHUNKS / "chunk.nc") as beside:
        write_chunk(manifest, beside, lambda line: None, checkpoint)
    assert checkpoint.lines and all("its state was not saved" in line for line in checkpoint.lines)
    assert content(tmp_path) == content(tmp_path / "whole")


def test_states_that_no_unfinished_chunk_uses_are_cleaned(tmp_path):
    plan = make_plan("locust_coupling", TINY + "network.size=8 network.coupling=0,1 solver=rk4,euler", "x", tmp_path)
    claim(plan, tmp_path)
    finished, unfinished, *_ = plan.manifests
    write_text(tmp_path / CHUNKS / f"{finished}.nc", "")
    for chunk in (finished, unfinished, 16 * "0"):
        write_text(tmp_path / SAVED / f"{chunk}.zip", "")
    assert unused(tmp_path) == sorted(tmp_path / SAVED / f"{chunk}.zip" for chunk in (finished, 16 * "0"))
