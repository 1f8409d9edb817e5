"""Sweeps on a cluster are those of this machine: the same data, from both partitions, accounted for."""

import time

import netCDF4
import pytest
import yaml

from psst_core.store.folder import Folder
from psst_core.store.manifest import read_manifest
from support.clone import Clone

pytestmark = pytest.mark.slurm

CUT = "run.duration=20 recorder.window=[0,20] analysis.spectrum=[0,20] stimulus.onset=0 stimulus.share=1 "
CUT += "stimulus.amplitude=30 stimulus.rise=1 sweep.networks=2 sweep.trials=2 network.size=8,12 network.coupling=0,0.5 "
CUT += "hardware.jobs=2 figures=[rate_map] "
# Of 8 runs with 12 cells each, and no fewer, a batch goes to a GPU.
BOTH = CUT + "hardware=auto hardware.gpu_from=90"


def words(overrides, name="sweep", experiment="locust_coupling"):
    return [f"experiment={experiment}", f"name={name}", f"overrides={overrides}"]


def chunks(clone):
    """By Slurm job, the cells, partition and GPUs that its chunk's file tells."""
    found = {}
    for path in Folder(clone.folder / "results").chunk_files():
        size = read_manifest(path.with_suffix(".json")).config["network"]["size"]
        with netCDF4.Dataset(path) as file:
            found[file.job_id] = (size, file.partition, getattr(file, "gpus", None))
    return found


def test_large_batches_go_to_gpus_and_the_data_are_the_same(clone, cluster, locally):
    clone.on_cluster(words(BOTH))
    clone.done()
    assert clone.data() == locally(words(BOTH))
    made = chunks(clone)
    assert {place[:2] for place in made.values()} == {(12, "gpu"), (8, "cpu")}
    assert all(gpus in (("0", "1") if partition == "gpu" else (None,)) for _, partition, gpus in made.values())
    records = {job["id"]: job for job in cluster.jobs("COMPLETED")}
    for number, (_, partition, gpus) in made.items():
        job = cluster.describe(number)
        assert (records[number]["partition"], job.get("TresPerJob")) == (partition, "gres:gpu:1" if gpus else None)
        assert job["TimeLimit"] != "01:00:00"
        assert 800 < int(job["MinMemoryNode"].removesuffix("M")) < 3000
    assert list((clone.folder / "results" / "sweep" / "figures").iterdir())


ARRIVING = {
    "run.duration": "20",
    "recorder.window": "[0,20]",
    "analysis.spectrum": "[0.0,2e1]",
    "analysis.background": "1.5e2",
    "network.size": "8",
    "network.coupling": "range(0,1,0.5)",
    "network.populations.pn.start.v": "-65.5,-6e1",
    "solver": "choice(rk4,exponential_euler)",
}


def test_numbers_lists_and_ranges_arrive_in_the_jobs(clone, cluster):
    given = " ".join(f"{key}={value}" for key, value in ARRIVING.items())
    clone.on_cluster(words(f"{given} sweep.networks=1 sweep.trials=1 hardware.jobs=1 figures=[]"))
    clone.done()
    points = {}
    for path in Folder(clone.folder / "results").manifest_files():
        manifest = read_manifest(path)
        config = manifest.config
        assert config["recorder"]["window"] == [0.0, 20.0]
        for run in manifest.runs:
            start = config["network"]["populations"]["pn"]["start"]["v"]
            values = {"network.populations.pn.start.v": start} | run.values
            key = (
                config["solver"]["name"],
                values["network.populations.pn.start.v"],
                run.values.get("network.coupling"),
            )
            points[key] = path.with_suffix(".nc").exists()
    assert points == {
        (solver, v, coupling): True
        for solver in ("rk4", "exponential_euler")
        for v in (-65.5, -60.0)
        for coupling in (0.0, 0.5)
    }


@pytest.mark.parametrize("wrong", ["network.size='8'", "network.size=$HOME", "network.size=`id`", "network.size=8;id"])
def test_what_would_not_arrive_is_refused_at_the_start(clone, cluster, wrong):
    before = {job["id"] for job in cluster.jobs()}
    clone.on_cluster(words(f"{CUT} {wrong}"))
    assert clone.workflow.wait(60) != 0
    assert "would not survive the command line" in clone.said()
    assert {job["id"] for job in cluster.jobs()} <= before  # Slurm forgets old ones


def test_what_a_chunk_costs_on_the_cluster(clone, locally):
    """Eight chunks, two at a time, there and here; the times are printed, not judged."""
    eight = words(CUT.replace("network.size=8,12", "network.size=8,12,16,20").replace("jobs=2", "jobs=1"), "eight")
    seconds = {}
    began = time.monotonic()
    clone.on_cluster(eight)
    clone.done()
    seconds["there"] = time.monotonic() - began
    began = time.monotonic()
    data = locally(eight)
    seconds["here"] = time.monotonic() - began
    assert clone.data() == data
    assert len(chunks(clone)) == 8
    print(f"\n8 chunks: {seconds['there']:.0f} s on the cluster, {seconds['here']:.0f} s here")


def test_a_site_sets_its_account_in_a_profile_of_its_own(accounting, tmp_path, locally):
    clone = Clone(tmp_path, accounting.environment)
    site = tmp_path / "site"
    site.mkdir()
    (site / "config.yaml").write_text(
        yaml.dump({"default-resources": ["slurm_account=lab"], "slurm-partition-config": "partitions.yaml"})
    )
    clone.on_cluster(words(BOTH), "--workflow-profile", "site")
    clone.done()
    assert clone.data() == locally(words(BOTH))
    rows = accounting.run("sacct", "-X", "-n", "-P", "-o", "JobID,Account,Partition,State,ElapsedRaw").splitlines()
    records = {number: rest for number, *rest in (row.split("|") for row in rows)}
    for number, (_, partition, _) in chunks(clone).items():
        assert records[number][:3] == ["lab", partition, "COMPLETED"]


def of_chunks(data):
    return {name: content for name, content in data.items() if name.startswith("chunks/")}


def test_a_chunk_is_made_by_two_workers_and_by_two_devices(clone, cluster, locally):
    """Four batches, two at a time: in a job with two tasks, in one with two logical devices, and one by one."""
    four = CUT.replace("8,12", "8").replace("figures=[rate_map]", "figures=[]").replace("jobs=2", "jobs=1")
    four += "solver=rk4 hardware.lanes=2"
    alone = of_chunks(locally(words(four)))
    (name,) = alone
    for several, tasks, cores in (("workers", "2", "1"), ("devices", "1", "2")):
        clone.on_cluster(words(f"{four} hardware.{several}=2"))
        clone.done()
        assert of_chunks(clone.data()) == alone
        (job,) = chunks(clone)
        found = cluster.describe(job)
        assert (found["NumTasks"], found["CPUs/Task"]) == (tasks, cores)
        (clone.folder / "results" / name).unlink()
