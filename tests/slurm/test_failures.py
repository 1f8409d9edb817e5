"""What may befall a job or its workflow on a cluster: in the end the data are those of an undisturbed run."""

import os
import re
import signal

import pytest

pytestmark = pytest.mark.slurm

# One job of some ten seconds that saves its state at every second.
ONE = "run.duration={} run.dt=0.001 recorder.window=[0,{}] hardware.jobs=1 hardware.save_minutes=0.02 figures=[] "


def words(milliseconds=10_000, hardware=""):
    overrides = ONE.format(milliseconds, milliseconds) + hardware
    return ["experiment=chain_of_three", "name=one", f"overrides={overrides.strip()}"]


def at_work(clone, cluster):
    """The Slurm job that has saved its state."""
    clone.eventually(lambda: list(clone.folder.glob("results/saved/*.zip")), "a saved state")
    (job,) = cluster.jobs("RUNNING")
    return job["id"]


def granted(cluster, jobs):
    """The memory and time of each job."""
    return [tuple(cluster.describe(job)[name] for name in ("MinMemoryNode", "TimeLimit")) for job in jobs]


def endings(clone):
    """By Slurm job, how it ended, as `psst status` tells it."""
    text = clone.psst("status", "one")
    assert "1 finished" in text
    return dict(re.findall(r"Slurm job (\d+): (.*)", text))


def went_on(clone):
    """Whether the job that made the chunk began where another had stopped: then its saved state is used up."""
    return "goes on at batch" in clone.kept()


def test_a_job_that_is_cancelled_goes_on(clone, cluster, locally):
    clone.on_cluster(words())
    job = at_work(clone, cluster)
    cluster.run("scancel", job)
    clone.done()
    assert clone.data() == locally(words())
    assert "CANCELLED AT" in endings(clone)[job]
    assert went_on(clone)


def test_a_job_without_the_memory_it_needs_gets_more(clone, cluster, locally):
    small = words(hardware="hardware.mem_mb=400")
    clone.on_cluster(small)
    clone.done()
    assert clone.data() == locally(small)
    ended = endings(clone)
    assert ended
    assert all(re.search(r"exceeded (job )?memory limit", ending, re.IGNORECASE) for ending in ended.values())
    assert [memory for memory, _ in granted(cluster, ended)] == ["400M", "800M"][: len(ended)]


def test_a_job_without_the_time_it_needs_goes_on_with_more(clone, cluster, locally):
    short = words(hardware="hardware.runtime=1")
    clone.on_cluster(short)
    job = at_work(clone, cluster)
    cluster.run("scancel", "--signal=STOP", job)  # on a node of any speed; Slurm sends SIGCONT when the time is over
    clone.done()
    assert clone.data() == locally(short)
    assert "DUE TO TIME LIMIT" in endings(clone)[job]
    assert [time for _, time in granted(cluster, endings(clone))] == ["00:01:00"]
    assert "00:02:00" in [cluster.describe(entry["id"])["TimeLimit"] for entry in cluster.jobs("COMPLETED")]
    assert went_on(clone)


def test_a_job_on_a_node_that_fails_goes_on(clone, cluster, locally):
    clone.on_cluster(words())
    job = at_work(clone, cluster)
    cluster.run("scontrol", "update", "nodename=cpu1", "state=down", "reason=test")
    clone.eventually(lambda: cluster.describe(job)["JobState"] == "NODE_FAIL", "the node's failure")
    cluster.run("scontrol", "update", "nodename=cpu1", "state=resume", check=False)  # it may be back by itself
    clone.done()
    assert clone.data() == locally(words())
    assert "DUE TO NODE FAILURE" in endings(clone)[job]


def test_an_interrupted_workflow_ends_its_jobs_and_goes_on(clone, cluster, locally):
    clone.on_cluster(words())
    job = at_work(clone, cluster)
    os.killpg(clone.workflow.pid, signal.SIGINT)
    assert clone.workflow.wait(60) != 0
    assert "the same command goes on from there" in clone.said()
    assert cluster.describe(job)["JobState"] in ("CANCELLED", "COMPLETING")
    text = clone.psst("status", "one")
    assert "1 interrupted" in text
    assert "stopped by SIGTERM: its state is saved" in text
    clone.on_cluster(words())
    clone.done()
    assert clone.data() == locally(words())
    assert went_on(clone)


def test_jobs_outlive_a_killed_workflow_and_are_not_made_twice(clone, cluster, locally):
    long = words(40_000)
    clone.on_cluster(long)
    job = at_work(clone, cluster)
    os.killpg(clone.workflow.pid, signal.SIGKILL)
    clone.workflow.wait()
    clone.start("--profile", "slurm", "--unlock", "--config", *long)
    clone.done()
    clone.on_cluster(long)
    assert clone.workflow.wait(60) != 0
    assert f"Slurm jobs {job} of an earlier start still work at this sweep" in clone.said()
    clone.until(lambda: not cluster.jobs("RUNNING"), "the end of the job")
    clone.on_cluster(long)
    clone.done()
    assert not re.search(r"^simulate ", clone.said(), re.MULTILINE)
    assert clone.data() == locally(long)
    assert job in {entry["id"] for entry in cluster.jobs("COMPLETED")}
