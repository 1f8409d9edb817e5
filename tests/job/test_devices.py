"""How many devices a job has changes no bit of its file."""

import contextlib
import json
import subprocess
import sys
from dataclasses import replace

import pytest

from psst_core.errors import PsstError
from psst_core.files import write_text
from psst_core.job.chunk import write_chunk
from psst_core.plan.sweep_plan import make_plan
from psst_core.store.dataset import atomic_netcdf, checksum
from psst_core.store.folder import CHUNKS, SAVED
from support.configurations import changed
from support.integrating import program
from support.stopped import Impatient

pytestmark = pytest.mark.usefixtures("no_results")

ONE_JOB = "run.duration=40 recorder.window=[0,40] recorder.interval=0.1 sweep.networks=1 sweep.trials=9 figures=[] "
ONE_JOB += "hardware.jobs=1 hardware.job_minutes=1000 hardware.lanes=2 numerics.check=none "
SWEEPS = {
    "lobe": (
        "locust_coupling",
        ONE_JOB + "stimulus.onset=0 stimulus.share=1 stimulus.amplitude=30 stimulus.rise=1 network.size=8 "
        "network.coupling=0.5 solver=exponential_euler network.synapses.gaba.delay=2",
    ),
    "noise": ("noisy_cells", ONE_JOB + "analysis.spectrum=[0,40] network.populations.hh.mechanisms.noise.sigma=1"),
}
JOB = """
import sys
from dataclasses import replace
from dataclasses import replace
from pathlib import Path
from psst_core.job.workers import simulate
simulate(Path(sys.argv[1]), Path(sys.argv[2]), lambda line: print(line, flush=True))
"""


def manifest_of(name, precision="float64", **hardware):
    """A chunk of five batches, two runs in each but one, on that hardware."""
    experiment, overrides = SWEEPS[name]
    (manifest,) = make_plan(experiment, f"{overrides} solver.precision={precision}").manifests.values()
    runs = manifest.runs
    if name == "lobe":
        manifest = changed(manifest, {"recorder.variables": {"pn": ["v"]}})
        runs = [replace(run, traced=run.trial % 2 == 0) for run in runs]
    batches = (runs[:1], *(runs[i : i + 2] for i in range(1, 9, 2)))
    values = {f"hardware.{key}": value for key, value in hardware.items()}
    return changed(manifest, values, lanes=2, batches=tuple(map(tuple, batches)))


def job(folder, manifest):
    """The command of the job that makes this chunk, in a process of its own."""
    claim = folder / CHUNKS / f"{manifest.chunk}.json"
    write_text(claim, manifest.text())
    return [sys.executable, "-c", JOB, str(claim), str(folder / CHUNKS / "chunk.nc")]


def made_by_a_job(folder, manifest):
    done = subprocess.run(job(folder, manifest), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return checksum(folder / CHUNKS / "chunk.nc")


def made_here(folder, manifest, segments=10**9):
    """The same by this process, which has one device; all of a round's batches take turns on it."""
    checkpoint = Impatient(folder / SAVED / "chunk.zip", manifest, segments)
    with contextlib.suppress(SystemExit), atomic_netcdf(folder / CHUNKS / "chunk.nc") as beside:
        write_chunk(manifest, beside, lambda line: None, checkpoint)
    return checkpoint.lines


@pytest.fixture(autouse=True)
def _compiled_once(monkeypatch):
    monkeypatch.setattr(
        "psst_core.integrate.backends.tensorflow.Program", lambda *arguments: program(json.dumps(arguments))
    )


@pytest.mark.parametrize("name", SWEEPS)
def test_batches_side_by_side_make_the_same_file(tmp_path, name):
    manifest = manifest_of(name)
    made_here(tmp_path / "1", manifest)
    made_here(tmp_path / "3", changed(manifest, {"hardware.devices": 3}))
    one, three = (checksum(tmp_path / folder / CHUNKS / "chunk.nc") for folder in ("1", "3"))
    assert one == three


def test_batches_side_by_side_go_on_where_they_were_stopped(tmp_path):
    manifest = manifest_of("lobe", devices=3)
    made_here(tmp_path / "whole", manifest)
    for segments in (1, 2):
        lines = made_here(tmp_path / "pieces", manifest, segments)
        assert "stopped by SIGTERM: its state is saved in" in lines[-1]
        if segments == 1:
            stopped_by_others = Impatient(
                tmp_path / "pieces" / SAVED / "chunk.zip", changed(manifest, {"hardware.devices": 2}), 9
            )
            assert stopped_by_others.restore(tmp_path / "half.nc") is None
            assert "begins anew" in stopped_by_others.lines[0]
    made_here(tmp_path / "pieces", manifest)
    whole, pieces = (checksum(tmp_path / folder / CHUNKS / "chunk.nc") for folder in ("whole", "pieces"))
    assert whole == pieces


def test_a_job_on_two_devices_writes_what_one_writes(tmp_path):
    made_here(tmp_path, manifest_of("noise"))
    assert made_by_a_job(tmp_path / "2", manifest_of("noise", devices=2)) == checksum(tmp_path / CHUNKS / "chunk.nc")


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["float64", "float32"])
@pytest.mark.parametrize("name", SWEEPS)
@pytest.mark.parametrize("devices", [2, 4])
def test_a_job_on_several_devices_writes_what_one_writes(tmp_path, name, precision, devices):
    made_here(tmp_path, manifest_of(name, precision))
    manifest = manifest_of(name, precision, devices=devices)
    assert made_by_a_job(tmp_path / "several", manifest) == checksum(tmp_path / CHUNKS / "chunk.nc")


SIDE_BY_SIDE = """
import os, statistics, threading, time
from pathlib import Path
from psst_core.integrate.batch import Run
from psst_core.config.compose import compose, resolve
from psst_core.configuration import HardwareConfig
from psst_core.integrate.backends.tensorflow import Devices, device_names
from psst_core.host.hardware import prepare
from psst_core.integrate.program import Program
hardware = HardwareConfig(devices=2)
prepare(hardware)
config = resolve(compose({"experiment": "locust_coupling"}))
program = Program(config, [], 16)
rounds = [Devices(program, [[Run(config)] * 16], [device]) for device in device_names(hardware)]
[each.compile() for each in rounds]
threads = [threading.Thread(target=each.advance, args=(5000,)) for each in rounds]

def state(task):
    return (task / "stat").read_text().rpartition(")")[2].split()[0]

def computing():
    own = str(threading.get_native_id())
    return sum(state(task) == "R" for task in Path("/proc/self/task").iterdir() if task.name != own)

[thread.start() for thread in threads]
seen = []
while all(thread.is_alive() for thread in threads):
    seen.append(computing())
    time.sleep(0.01)
[thread.join() for thread in threads]
print(len(rounds), statistics.median(seen))
"""


def test_logical_devices_do_not_wait_for_each_other():
    """Two threads of the process compute, or would if a core were free."""
    done = subprocess.run([sys.executable, "-c", SIDE_BY_SIDE], capture_output=True, text=True, check=True)
    devices, computing = done.stdout.split()
    assert devices == "2"
    assert float(computing) >= 2


@pytest.mark.parametrize("key", ["devices", "workers"])
def test_no_device_is_an_error_before_any_job(key):
    with pytest.raises(PsstError, match=rf"hardware\.{key}=0: must be between 1 and "):
        make_plan("locust_coupling", f"hardware.{key}=0")
