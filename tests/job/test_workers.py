"""Several worker processes make a chunk together: the same bits, and no harm when one of them is killed."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from psst_core.files import write_text
from psst_core.plan.sweep_plan import make_plan
from psst_core.store.dataset import checksum
from psst_core.store.folder import CHUNKS, Folder
from support.configurations import changed

pytestmark = pytest.mark.usefixtures("no_results")

SWEEP = "run.duration=40 recorder.window=[0,40] analysis.spectrum=[0,40] recorder.interval=0.1 "
SWEEP += "sweep.networks=1 sweep.trials=5 figures=[] hardware.jobs=1 hardware.job_minutes=1000 hardware.lanes=1 "
SWEEP += "numerics.check=none network.populations.hh.mechanisms.noise.sigma=1"
JOB = """
import sys
from pathlib import Path
from psst_core.logs import logged
from psst_core.job.workers import simulate
with logged(sys.argv[3], aloud=True) as report:
    simulate(Path(sys.argv[1]), Path(sys.argv[2]), report)
"""


def manifest_of(duration=40, precision="float64", **hardware):
    """A chunk of five batches."""
    words = SWEEP.replace("=40", f"={duration}").replace("[0,40]", f"[0,{duration}]")
    (manifest,) = make_plan("noisy_cells", f"{words} solver.precision={precision}").manifests.values()
    assert len(manifest.batches) == 5
    return changed(manifest, {f"hardware.{key}": value for key, value in hardware.items()})


class Job:
    """The job of a chunk, as Snakemake starts it."""

    def __init__(self, folder, manifest):
        claim = folder / CHUNKS / f"{manifest.chunk}.json"
        write_text(claim, manifest.text())
        self.chunk, self.log = folder / CHUNKS / "chunk.nc", folder / "job.log"
        self.saved = Folder(folder).saved_state(manifest.chunk)
        command = [sys.executable, "-c", JOB, str(claim), str(self.chunk), str(self.log)]
        self.process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)

    def workers(self):
        """By their rank, the processes of the workers that run."""
        found = {}
        for place in Path("/proc").glob("[0-9]*/environ"):
            with contextlib.suppress(OSError):
                variables = dict(entry.partition("=")[::2] for entry in place.read_text().split("\0"))
                parent = int((place.parent / "stat").read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and "TF_CONFIG" in variables:
                    found[json.loads(variables["TF_CONFIG"])["task"]["index"]] = int(place.parent.name)
        return found

    def wait_until(self, condition, seconds=100):
        ended = time.monotonic() + seconds
        while not condition():
            assert time.monotonic() < ended and self.process.poll() is None, self.process.stderr.read()
            time.sleep(0.05)

    def end(self, seconds=100):
        """What it says, and its exit code."""
        _, said = self.process.communicate(timeout=seconds)
        return said, self.process.returncode


def alone(pid):
    """Whether no such process runs any more."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except OSError:
        return True


def made(folder, manifest):
    job = Job(folder, manifest)
    said, code = job.end()
    assert code == 0, said
    assert not job.log.exists() and not job.saved.exists()
    return checksum(job.chunk)


def test_two_workers_write_what_one_process_writes(tmp_path):
    assert made(tmp_path / "1", manifest_of()) == made(tmp_path / "2", manifest_of(workers=2))


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_two_workers_of_two_devices_write_what_one_process_writes(tmp_path, precision):
    manifest = manifest_of(precision=precision)
    several = changed(manifest, {"hardware.workers": 2, "hardware.devices": 2})
    assert made(tmp_path / "1", manifest) == made(tmp_path / "4", several)


@pytest.mark.slow
@pytest.mark.parametrize("rank", [0, 1])
def test_a_killed_worker_is_named_and_the_job_goes_on_from_its_saved_state(tmp_path, rank):
    manifest = manifest_of(400, workers=2, save_minutes=1e-9)
    job = Job(tmp_path, manifest)
    job.wait_until(job.saved.exists)
    workers = job.workers()
    os.kill(workers[rank], signal.SIGKILL)
    said, code = job.end()
    assert code == 1
    assert f"worker {rank} of 2 (process {workers[rank]} on " in said
    assert "was ended by SIGKILL; all others were ended; start again, it goes on from the last saved state" in said
    assert "Traceback" in job.log.read_text()
    assert len(workers) == 2 and all(map(alone, workers.values()))
    assert job.saved.exists() and not job.chunk.exists()
    again = Job(tmp_path, manifest)
    said, code = again.end()
    assert code == 0 and "chunk.zip" not in said and f"{job.saved}: goes on at batch" in said
    assert checksum(job.chunk) == made(tmp_path / "whole", changed(manifest, {"hardware.workers": 1}))


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_job_that_is_asked_to_stop_saves_first(tmp_path, number):
    manifest = manifest_of(400, workers=2)
    job = Job(tmp_path, manifest)
    job.wait_until(lambda: any((tmp_path / CHUNKS).glob(".chunk.nc.*")))
    workers = job.workers()
    job.process.send_signal(number)
    said, code = job.end()
    assert code == 128 + number
    assert "stopped by SIGTERM: its state is saved in" in said
    assert len(workers) == 2 and all(map(alone, workers.values()))
    again = Job(tmp_path, manifest)
    said, code = again.end()
    assert code == 0 and "goes on at batch" in said
    assert checksum(job.chunk) == made(tmp_path / "whole", changed(manifest, {"hardware.workers": 1}))


@pytest.mark.slow
def test_no_worker_outlives_a_job_that_is_killed(tmp_path):
    job = Job(tmp_path, manifest_of(4000, workers=2))
    job.wait_until(lambda: any((tmp_path / CHUNKS).glob(".chunk.nc.*")))
    workers = job.workers()
    job.process.kill()
    job.end()
    ended = time.monotonic() + 60
    while not all(map(alone, workers.values())):
        assert time.monotonic() < ended
        time.sleep(0.1)


def test_what_a_worker_says_of_its_error_is_said_by_the_job(tmp_path):
    job = Job(tmp_path, replace(manifest_of(workers=2), code=16 * "0"))
    said, code = job.end()
    assert code == 1
    assert "ended with 1: the code of PSST or of a plugin has changed since the sweep was planned" in said
