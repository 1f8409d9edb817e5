"""Jobs and the workflow, killed at random moments and started again: the data end the same, and nothing half is taken
for done. `KILLS` says how many kills.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import netCDF4
import numpy as np
import pytest

from psst_core.plan.sweep_plan import claim, make_plan
from psst_core.store.dataset import checksum
from psst_core.store.folder import CHUNKS, Folder
from psst_core.store.manifest import read_claim
from support.commands import SNAKEMAKE
from support.sweeps import TINY

KILLS = int(os.environ.get("KILLS", "30"))
SWEEP = TINY.replace("run.duration=20 ", "") + "network.size=8 network.coupling=0,0.5 solver=rk4 "
SWEEP += "figures=[rate_map] hardware.lanes=2 hardware.jobs=1 hardware.job_minutes=1000 hardware.save_minutes=0.003"
JOB = """
import json, sys
from pathlib import Path
stage, given = sys.argv[1], json.loads(sys.argv[2])
source, target = Path(given["source"]), Path(given["target"])
if stage == "simulate":
    from psst_core.job.chunk import simulate_chunk
    from psst_core.store.manifest import read_claim
    simulate_chunk(read_claim(source), target, lambda line: print(line, flush=True))
elif stage == "summarise":
    from psst_core.configuration import Config
    from psst_core.results.summary import write_summary
    write_summary(source, target, Config(given["config"]))
else:
    from psst_core.results.gather import gather
    gather(target.parent, given["plan"])
"""


class Jobs:
    """The stages of a claimed sweep of one chunk as commands, in the order of their files."""

    def __init__(self, folder, duration=10000):
        self.folder = folder
        self.plan = make_plan("locust_coupling", f"{SWEEP} run.duration={duration}", "sweep", folder)
        claim(self.plan, folder)
        (chunk,) = self.plan.manifests
        chunks = folder / CHUNKS
        manifest, data = chunks / f"{chunk}.json", chunks / f"{chunk}.nc"
        summary, cube = Folder(self.folder).summary_file(chunk, self.plan.analysis), folder / "sweep" / "sweep.nc"
        settings = {"config": self.plan.config, "plan": self.plan.digest}
        ends = {"simulate": (manifest, data), "summarise": (data, summary), "gather": (summary, cube)}
        self.files = {stage: target for stage, (_, target) in ends.items()}
        self.commands = {
            stage: [sys.executable, "-c", JOB, stage, json.dumps({"source": str(s), "target": str(t)} | settings)]
            for stage, (s, t) in ends.items()
        }

    def check(self):
        whole(self.folder)
        assert {Path(name).stem for name in Folder(self.folder).snapshot()} == self.plan.manifests.keys()


def seen(results):
    """The files of a folder but hidden ones, and marks, which are named like what they mark."""
    for file in results.rglob("*"):
        if file.is_file() and not any(part.startswith(".") for part in file.relative_to(results).parts):
            yield file


def whole(results):
    """Whatever stands at its place is all there: data, saved states and manifests."""
    for file in seen(results):
        if file.suffix == ".nc":
            with netCDF4.Dataset(file) as data:
                carried = data.checksum
            assert carried == checksum(file), file
        elif file.suffix == ".zip":
            with zipfile.ZipFile(file) as archive:
                assert archive.testzip() is None, file
        elif file.suffix == ".json":
            assert read_claim(file).chunk == file.stem


def run(command, log, moment=None):
    """Whether the command ended by itself and well, or was killed at that moment, with all its processes."""
    with log.open("a") as said:
        job = subprocess.Popen(command, start_new_session=True, stdout=said, stderr=said)
        try:
            assert job.wait(timeout=600 if moment is None else moment) == 0, log.read_text()
            return True
        except subprocess.TimeoutExpired:
            os.killpg(job.pid, signal.SIGKILL)
            job.wait()
            return False


def killed(command, log, moments, check, done):
    """Start the command again and again, killed at these moments, until it is left alone and ends.

    Args:
        check: called after each kill.
        done: called after each good end; it compares, and clears the way for the next start.
    """
    for moment in moments:
        if run(command, log, moment):
            done()
        else:
            check()
    run(command, log)
    done()


def test_a_killed_job_goes_on_from_its_saved_state(tmp_path):
    jobs, log = Jobs(tmp_path, duration=2000), tmp_path / "said.log"
    assert run(jobs.commands["simulate"], log)
    data = jobs.files["simulate"]
    expected = checksum(data)
    data.unlink()
    saved = Folder(tmp_path).saved_state(data.stem)
    for _ in range(2):
        before = saved.read_bytes() if saved.exists() else b""
        with log.open("a") as said:
            job = subprocess.Popen(jobs.commands["simulate"], start_new_session=True, stdout=said, stderr=said)
            while job.poll() is None and not (saved.exists() and saved.read_bytes() != before):
                time.sleep(0.01)
            os.killpg(job.pid, signal.SIGKILL)
            assert job.wait() == -signal.SIGKILL
        jobs.check()
        assert not data.exists()
    assert run(jobs.commands["simulate"], log)
    jobs.check()
    assert checksum(data) == expected
    assert log.read_text().count("goes on at batch") == 2
    assert not list(saved.parent.iterdir()) and not list((tmp_path / CHUNKS).glob(".*"))


@pytest.mark.chaos
def test_jobs_killed_at_random_moments(tmp_path):
    """Three of five kills hit the simulation, the others what follows."""
    jobs, log, random = Jobs(tmp_path), tmp_path / "said.log", np.random.default_rng(20261124)
    seconds, expected = {}, {}
    for stage, command in jobs.commands.items():
        began = time.perf_counter()
        assert run(command, log)
        seconds[stage], expected[stage] = time.perf_counter() - began, checksum(jobs.files[stage])
    jobs.check()
    ends = dict.fromkeys(jobs.files, 0)
    log.unlink()
    for stage, command in jobs.commands.items():

        def again(stage=stage):
            jobs.files[stage].unlink()
            shutil.rmtree(Folder(tmp_path).compiled, ignore_errors=True)

        def done(stage=stage, again=again):
            jobs.check()
            assert checksum(jobs.files[stage]) == expected[stage]
            ends[stage] += 1
            again()

        kills = KILLS * (3 if stage == "simulate" else 1) // 5
        jobs.files[stage].unlink()
        killed(command, log, random.uniform(0, seconds[stage], kills), jobs.check, done)
        assert run(command, log)
    jobs.check()
    resumed = log.read_text().count("goes on at batch")
    print(f"\n{KILLS} kills: ends {ends}, {resumed} starts from a saved state, undisturbed {seconds}")
    assert resumed >= KILLS // 20
    assert "damaged" not in log.read_text() and "anew" not in log.read_text()


@pytest.mark.chaos
def test_bits_flipped_in_random_files(tmp_path):
    """A flip for each kill of the others, of any file of a finished job's: it is named, or it changes nothing.

    What a stage makes of the flipped file has the undisturbed content, or the stage fails and names a file.
    """
    jobs, log, random = Jobs(tmp_path, duration=100), tmp_path / "said.log", np.random.default_rng(20261127)
    expected = {}
    for stage, command in jobs.commands.items():
        assert run(command, log)
        expected[stage] = checksum(jobs.files[stage])
    whole_files = {file: file.read_bytes() for file in tmp_path.rglob("*") if file.is_file() and file != log}
    ends = {"named": 0, "no change": 0}
    stages = {"simulate": ("json", "pb", "sha256"), "summarise": ("nc", "json"), "gather": ("nc", "csv", "yaml")}
    for number in range(KILLS):
        stage = list(stages)[number % 3]
        targets = [file for file in whole_files if file.name.rpartition(".")[2] in stages[stage]]
        target = targets[random.integers(len(targets))]
        content = bytearray(whole_files[target])
        content[random.integers(len(content))] ^= 1 << random.integers(8)
        target.write_bytes(content)
        if target != jobs.files[stage]:
            jobs.files[stage].unlink()
        log.unlink()
        with log.open("w") as said:
            code = subprocess.run(jobs.commands[stage], stdout=said, stderr=said, check=False).returncode
        if code == 0:
            assert checksum(jobs.files[stage]) == expected[stage], target
        else:
            last = log.read_text().strip().splitlines()[-1]
            assert code > 0 and "PsstError" in last and "start the sweep again" in last, (target, last)
        ends["no change" if code == 0 else "named"] += 1
        for file, content in whole_files.items():
            file.write_bytes(content)
    print(f"\n{KILLS} bits: {ends}")


@pytest.mark.chaos
def test_the_workflow_killed_at_random_moments(tmp_path):
    """One kill for ten of the others; after each `snakemake --unlock`, as README says, or with its memory lost."""
    given = ["--config", "experiment=locust_coupling", f"overrides={SWEEP} run.duration=2000", "name=sweep"]

    def command(name, *more):
        return [*SNAKEMAKE, "--directory", str(tmp_path / name), *more, *given]

    (tmp_path / "undisturbed").mkdir()
    (tmp_path / "killed").mkdir()
    log, random, began = tmp_path / "said.log", np.random.default_rng(11), time.perf_counter()
    assert run(command("undisturbed"), log)
    seconds, results = time.perf_counter() - began, tmp_path / "killed" / "results"

    def data(name):
        folder = tmp_path / name / "results"
        return {str(file.relative_to(folder)): checksum(file) for file in seen(folder) if file.suffix == ".nc"}

    def check():
        whole(results)
        assert data("killed").items() <= data("undisturbed").items()
        if random.integers(2):
            shutil.rmtree(tmp_path / "killed" / ".snakemake", ignore_errors=True)
        else:
            assert run(command("killed", "--unlock"), log)

    def done():
        whole(results)
        assert data("killed") == data("undisturbed")
        drawn = {file.name for file in (results / "sweep" / "figures").iterdir()}
        assert drawn == {"rate_map.png", "rate_map.svg"}
        shutil.rmtree(results)

    killed(command("killed"), log, random.uniform(0, seconds, max(1, KILLS // 10)), check, done)
    print(f"\n{max(1, KILLS // 10)} kills of the workflow, undisturbed {seconds:.1f} s")
