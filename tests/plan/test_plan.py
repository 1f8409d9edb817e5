"""Packing: every run in exactly one batch, batches of equal shapes, chunks that share a program."""

import csv
import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from psst_core.config.compose import CONF, compose, resolve
from psst_core.errors import PsstError
from psst_core.keys import get
from psst_core.plan.cost import fit
from psst_core.plan.plausible import unusual_in
from psst_core.plan.sweep_plan import claim, make_plan
from psst_core.store.manifest import read_manifest
from psst_core.sweep.identity import Identity
from psst_core.terminal.forecast import as_text, expected

pytestmark = pytest.mark.usefixtures("no_results")


def members(plan):
    return [run.id for m in plan.manifests.values() for run in m.runs]


def batches(plan):
    return [len(batch) for m in plan.manifests.values() for batch in m.batches]


def test_the_default_experiment_is_a_few_jobs_for_each_program():
    plan = make_plan("locust_coupling", "hardware.jobs=2")
    assert len(plan.manifests) == 3 * 2
    assert sum(batches(plan)) == 432
    many = make_plan("locust_coupling", "hardware.jobs=24")
    assert 20 <= len(many.manifests) <= 36
    assert sorted(members(many)) == sorted(members(plan))


@settings(max_examples=15, deadline=None)
@given(st.integers(1, 9), st.integers(1, 9), st.integers(1, 3), st.integers(1, 7))
def test_every_run_is_in_exactly_one_batch(lanes, jobs, networks, trials):
    plan = make_plan(
        "locust_coupling",
        f"network.size=8,12 network.coupling=0,0.5 solver=rk4 stimulus.amplitude=5,10 sweep.networks={networks} "
        f"sweep.trials={trials} hardware.lanes={lanes} hardware.jobs={jobs} run.duration=100000",
    )
    assert sorted(members(plan)) == sorted(run.id for run in plan.sweep.runs)
    assert len(plan.manifests) >= min(jobs, len(plan.sweep.runs))
    for manifest in plan.manifests.values():
        assert all(1 <= len(batch) <= lanes for batch in manifest.batches)
        configs = [manifest.config_of(run) for run in manifest.runs]
        assert len({config["network"]["size"] for config in configs}) == 1
    for run, place in zip(plan.sweep.runs, plan.places, strict=True):
        assert plan.manifests[place.chunk].runs[place.position].id == run.id


def test_large_networks_share_a_batch_only_where_they_are_the_same():
    overrides = "solver=rk4 network.coupling=0,0.5 sweep.networks=3 sweep.trials=8 hardware.jobs=1 network.size="
    small, large = (make_plan("locust_coupling", f"{overrides}{size}") for size in (40, 2000))
    assert batches(small) == [48]
    for manifest in large.manifests.values():
        for batch in manifest.batches:
            assert len({run.network for run in batch}) == 1
    assert sum(batches(large)) == 48


def test_many_networks_are_one_job_and_one_program():
    plan = make_plan(
        "locust_coupling",
        "network.size=2000 solver=rk4 network.coupling=0.1 sweep.networks=50 sweep.trials=1 run.duration=600 "
        "network.projections.ln_ln.connectivity.probability=0.1,0.5 hardware.jobs=1 hardware.job_minutes=100000",
    )
    (manifest,) = plan.manifests.values()
    assert batches(plan) == [1] * 100
    assert manifest.lanes == 1


def test_what_is_claimed_stays_divided_as_it_was(tmp_path):
    overrides = "network.size=120 network.coupling=0.1,0.2 solver=rk4 "
    first = make_plan("locust_coupling", overrides, results=tmp_path)
    claim(first, tmp_path)
    slow = {precision: {n: 1e3 * us for n, us in table.items()} for precision, table in first.machine.costs.items()}
    (tmp_path / "machine.json").write_text(json.dumps(slow))
    again = make_plan("locust_coupling", overrides, results=tmp_path)
    narrow = make_plan("locust_coupling", overrides + "hardware.lanes=2", results=tmp_path)
    assert again.manifests == {chunk: read_manifest(tmp_path / "chunks" / f"{chunk}.json") for chunk in first.manifests}
    assert len(narrow.manifests) > len(first.manifests)


@pytest.fixture
def own_conf(tmp_path, monkeypatch):
    """A folder conf/ of one's own, where one starts."""
    for group in ("stimulus", "network"):
        (tmp_path / "conf" / group).mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path / "conf"


SWEEPS = {
    "the default": "",
    "a group whose choices differ in numbers alone": "stimulus=odour,strong solver=rk4",
    "networks that differ in numbers alone": "network=locust_al,stronger network.size=8 solver=rk4",
    "seeds, starts and connectivity": "run.seed=1,2 network.populations.pn.start.v=-70,-60 solver=rk4 network.size=8 "
    "network.coupling=0.1 network.projections.ln_ln.connectivity.probability=0.1,0.5",
    "two devices": "hardware=auto hardware.gpu_from=90 network.size=8,60",
    "lanes": "hardware.lanes=7 hardware.jobs=3 network.synapses.gaba.beta=0.1,0.2 network.size=8",
}


@pytest.mark.parametrize("overrides", SWEEPS)
def test_the_manifest_gives_each_run_what_its_id_says(own_conf, overrides):
    """The configuration that a job will use has the identity that was planned, for every run."""
    odour = (CONF / "stimulus" / "odour.yaml").read_text()
    (own_conf / "stimulus" / "strong.yaml").write_text(odour.replace("amplitude: 10.0", "amplitude: 20.0"))
    network = (CONF / "network" / "locust_al.yaml").read_text()
    (own_conf / "network" / "stronger.yaml").write_text(network.replace("conductance: 100.0", "conductance: 120.0"))
    plan = make_plan("locust_coupling", SWEEPS[overrides])
    assert len({run.id for run in plan.sweep.runs}) == len(plan.sweep.runs)
    for manifest in plan.manifests.values():
        for run in manifest.runs:
            assert Identity(manifest.config_of(run)).run_id({}, run.network, run.trial) == run.id


def test_an_unmade_chunk_takes_new_hardware_and_a_made_one_keeps_its_record(tmp_path):
    def claimed(megabytes):
        plan = make_plan("chain_of_three", f"hardware.mem_mb={megabytes}", "x", tmp_path)
        claim(plan, tmp_path)
        (chunk,) = plan.manifests
        return tmp_path / "chunks" / f"{chunk}.json"

    file = claimed(1000)
    assert claimed(8000) == file
    assert read_manifest(file).config["hardware"]["mem_mb"] == 8000
    file.with_suffix(".nc").touch()
    assert claimed(1000) == file
    assert read_manifest(file).config["hardware"]["mem_mb"] == 8000


def test_large_batches_are_sent_to_gpus_and_keep_their_runs(tmp_path):
    overrides = (
        "network.size=60,120 solver=rk4 network.coupling=0.1 sweep.networks=1 sweep.trials=200 hardware.gpu_lanes=128 "
    )
    on_cpus = make_plan("locust_coupling", overrides, results=tmp_path)
    plan = make_plan("locust_coupling", overrides + "hardware=auto hardware.gpu_from=10000", results=tmp_path)
    assert [run.id for run in plan.sweep.runs] == [run.id for run in on_cpus.sweep.runs]
    for manifest in plan.manifests.values():
        network, hardware = manifest.config.network, manifest.config.hardware
        assert hardware.device == {60: "cpu", 120: "auto"}[network.size]
        assert manifest.lanes <= {60: 64, 120: 128}[network.size]
    claim(plan, tmp_path)
    again = make_plan("locust_coupling", overrides + "hardware=auto hardware.gpu_from=10000", results=tmp_path)
    assert again.manifests == plan.manifests
    assert make_plan("locust_coupling", overrides, results=tmp_path).manifests != plan.manifests


def test_parameters_and_connectivity_do_not_split_a_chunk():
    plan = make_plan(
        "locust_coupling",
        "network.size=8 solver=rk4 network.coupling=0,1 network.synapses.gaba.beta=0.1,0.2 stimulus.spread=0,0.3 "
        "network.projections.ln_ln.connectivity.probability=0.1,0.5 sweep.networks=3 sweep.trials=1 "
        "hardware.jobs=1",
    )
    (manifest,) = plan.manifests.values()
    assert manifest.varying == ("network.synapses.gaba.beta",)
    assert [len(batch) for batch in manifest.batches] == [48]


@pytest.mark.parametrize("key", ["run.dt=0.01,0.02", "solver=rk4,euler", "solver.precision=float32,float64"])
def test_what_needs_another_program_splits_chunks(key):
    first = "" if key.startswith("solver=") else "solver=rk4 "
    overrides = f"{first}{key} network.size=8 network.coupling=0 sweep.networks=1 sweep.trials=1"
    assert len(make_plan("locust_coupling", overrides).manifests) == 2


def test_overrides_without_a_name_go_to_a_name_of_their_own():
    assert make_plan("locust_coupling").name == "locust_coupling"
    one = make_plan("locust_coupling", "network.size=8 solver=rk4").name
    assert one.startswith("locust_coupling-")
    assert one == make_plan("locust_coupling", "solver=rk4 network.size=8").name
    assert one != make_plan("locust_coupling", "solver=rk4 network.size=12").name
    for name in (2026, "2026_11", "1e5", "007"):
        with pytest.raises(PsstError, match="begin it with a letter"):
            make_plan("locust_coupling", "network.size=8", name)


def test_a_default_name_is_that_of_the_files_content_too(own_conf, tmp_path):
    def name(text):
        (tmp_path / "mine.yaml").write_text(f"axes: {{network.gaba: '{text}'}}")
        return make_plan("locust_coupling", "sweep=mine.yaml network.size=8").name

    assert name("1,2") != name("1,3") and name("1,2") == name("1,2")


def test_claims_are_written_once_and_read_back(tmp_path):
    plan = make_plan("chain_of_three")
    claim(plan, tmp_path)
    ((chunk, manifest),) = plan.manifests.items()
    file = tmp_path / "chunks" / f"{chunk}.json"
    assert read_manifest(file) == manifest
    before = file.stat().st_mtime_ns
    claim(plan, tmp_path)
    assert file.stat().st_mtime_ns == before
    with open(tmp_path / "plans" / f"{plan.digest}.csv", newline="") as table:
        (row,) = csv.DictReader(table)
    assert row["chunk"] == chunk and row["run_id"] == plan.sweep.runs[0].id
    record = yaml.safe_load((tmp_path / "plans" / f"{plan.digest}.yaml").read_text())
    assert get(record["config"], "run.duration") == 700.0
    assert not list(tmp_path.rglob(".*"))


def test_traces_of_chosen_runs_only(tmp_path):
    experiment = "network.size=8 network.coupling=0,0.5 solver=rk4 sweep.networks=1 sweep.trials=2"
    plan = make_plan("locust_coupling", experiment)
    assert not any(run.traced for m in plan.manifests.values() for batch in m.batches for run in batch)
    chain = make_plan("chain_of_three")
    assert all(run.traced for m in chain.manifests.values() for batch in m.batches for run in batch)


SODIUM = "network.populations.pn.mechanisms.sodium"
SCALES = {
    f"{SODIUM}.reversal=-50000,50": f"{SODIUM}.reversal=-50000 mV: usual are -10000 to 10000 mV",
    f"{SODIUM}.conductance=1e6": f"{SODIUM}.conductance=1e+06 mS/cm2: usual are 0 to 1000 mS/cm2",
    "network.populations.ln.capacitance=0.001": "network.populations.ln.capacitance=0.001 uF/cm2: usual are 0.01 to",
    "run.duration=10000000": "run.duration=1e+07 ms: usual are 0 to 1e+06 ms",
    "stimulus.amplitude=1e9": "stimulus.amplitude=1e+09 uA/cm2: usual are",
    "network.populations.pn.start.v=-65000": "network.populations.pn.start.v=-65000 mV: usual are -500 to 500 mV",
    "run.dt=0.5 recorder.interval=0.5 solver=rk4": "run.dt=0.5 ms: network.populations.pn.mechanisms.potassium has g",
    "run.dt=0.01,0.2 solver=euler,exponential_euler recorder.interval=0.2": "run.dt=0.2 ms: network.popul",
}


@pytest.mark.parametrize("words", SCALES)
def test_a_plan_warns_of_scales_that_cannot_be_meant_and_refuses_none(words, tmp_path):
    plan = make_plan("locust_coupling", f"network.size=8 sweep=single {words}")
    found = expected(plan, fit(tmp_path, list(plan.manifests.values())))
    assert [line for line in found["warnings"] if line.startswith(SCALES[words])] == found["warnings"] != []
    assert f"  warning: {found['warnings'][0]}" in as_text(plan, found)


def test_no_shipped_experiment_is_warned_of():
    for file in sorted(CONF.glob("experiment/*.yaml")):
        assert not list(unusual_in(resolve(compose({"experiment": file.stem})), {})), file.stem
    config = resolve(compose({"experiment": "locust_coupling", "solver": "exponential_euler"}))
    assert not list(unusual_in(config, {"run.dt": [0.01, 0.2]}))


def test_the_description_names_axes_and_counts(tmp_path):
    plan = make_plan("locust_coupling", "hardware.jobs=2")
    text = as_text(plan, expected(plan, fit(tmp_path, list(plan.manifests.values()))))
    assert ": 432 runs, of which 0 are there" in text and len(plan.manifests) == 6
    assert "then" in text and "to gather and draw" in text
    assert "network.coupling: 0.0, 0.02" in text
