"""The cost model: what it recovers from jobs of known costs, what it says of its error, how it does on real ones."""

import json
import shutil
import subprocess
import sys
from dataclasses import replace

import netCDF4
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from psst_core.host.hardware import peak_memory, process_seconds, processor
from psst_core.plan.cost import LOBE, PREDICTED, SHIPPED, CostModel, Job, costs, features, fit, levels
from psst_core.plan.machine import REFERENCE, START_SECONDS, Machine
from psst_core.plan.sweep_plan import make_plan
from psst_core.store.manifest import Maker, Manifest, PlannedRun
from support.configurations import changed, configuration
from support.sweeps import TINY, run_sweep

TRUE = {
    "start": {"jobs": 9.0},
    "integration": {name: 3.0 * cost for name, cost in SHIPPED["integration"].items()},
    "memory": {name: 1.5 * cost for name, cost in SHIPPED["memory"].items()},
    "disk": {name: 0.5 * cost for name, cost in SHIPPED["disk"].items()},
}
RNG = np.random.default_rng(1)


def manifest(runs=24, batches=1, experiment="locust_coupling", **values):
    members = tuple(PlannedRun("0" * 16, 0, trial, {}, False) for trial in range(runs))
    config = configuration(experiment, **values)
    return Manifest(config, (), runs, (members,) * batches, "", Maker("tensorflow", "", "cpu"), {}, {})


LOCUST = manifest()


def varied(size=120, runs=24, solver="rk4", duration=1000.0):
    values = {"network.size": size, "solver.name": solver, "run.duration": duration}
    return changed(LOCUST, values, batches=((LOCUST.runs[0],) * runs,), lanes=runs)


def job(like, true=TRUE, noise=0.0, kind="here"):
    """A job of these costs."""
    work = features(like)
    took = {
        quantity: np.exp(noise * RNG.standard_normal()) * sum(cost * work[name] for name, cost in of.items())
        for quantity, of in true.items()
    }
    return Job(levels(like), work, took, kind)


def file(folder, name, like, true=TRUE, kind=None):
    """The attributes of such a job's file, without its numbers."""
    took = job(like, true).took
    (folder / "chunks").mkdir(parents=True, exist_ok=True)
    with netCDF4.Dataset(folder / "chunks" / f"{name:016x}.nc", "w") as data:
        data.setncatts(
            {
                "manifest": json.dumps(like.planned()),
                "hardware": json.dumps(like.config["hardware"]),
                "start_seconds": took["start"] - 1.0,
                "compile_seconds": 1.0,
                "job_seconds": took["start"] + took["integration"],
                "peak_memory": took["memory"],
                "processor": kind or processor(),
            }
        )


def model(jobs):
    return CostModel(tuple(jobs), SHIPPED, "").judged([LOCUST])


SEVERAL = [varied(size, runs, duration=ms) for size in (60, 120, 480) for runs in (1, 24, 64) for ms in (200.0, 3000.0)]


@pytest.mark.parametrize("quantity", TRUE)
def test_known_costs_are_recovered(quantity):
    """Where they are all as many times the shipped ones, exactly; and what is off by itself, where jobs tell it."""
    jobs = [job(like) for like in SEVERAL]
    found = costs(jobs, levels(LOCUST), quantity, SHIPPED[quantity])
    assert found == pytest.approx(list(TRUE[quantity].values()), rel=1e-6)
    if quantity == "integration":
        other = TRUE[quantity] | {"pair_stages": 9 * SHIPPED[quantity]["pair_stages"]}
        many = [job(like, TRUE | {quantity: other}) for like in 10 * SEVERAL]
        found = costs(many, levels(LOCUST), quantity, SHIPPED[quantity])
        assert found[-1] == pytest.approx(other["pair_stages"], rel=0.1)


def test_the_error_is_that_of_jobs_left_out():
    assert model([]).errors == {"seconds": None, "memory": None, "disk": None}
    assert all(error < 1e-6 for error in model([job(like) for like in SEVERAL]).errors.values())
    noisy = model([job(like, noise=0.2) for like in SEVERAL])
    assert all(0.03 < error < 0.4 for error in noisy.errors.values())
    one = model([job(LOCUST)])
    expected = sum(SHIPPED[q][name] * one.jobs[0].work[name] for q in PREDICTED["seconds"] for name in SHIPPED[q])
    took = one.jobs[0].took["start"] + one.jobs[0].took["integration"]
    assert one.errors["seconds"] == pytest.approx(1 - expected / took)


def test_without_jobs_the_figures_of_machine_hold(tmp_path):
    made = fit(tmp_path, [LOCUST])
    expected = START_SECONDS + Machine(1, REFERENCE).seconds(LOCUST.config, [24])
    assert made.seconds(LOCUST) == pytest.approx(expected, rel=0.2)
    assert made.jobs == ()
    assert "another machine" in made.source
    slow = {precision: {lanes: 10 * us for lanes, us in table.items()} for precision, table in REFERENCE.items()}
    (tmp_path / "machine.json").write_text(json.dumps(slow))
    measured = fit(tmp_path, [LOCUST])
    assert measured.seconds(LOCUST) - START_SECONDS == pytest.approx(
        10 * (made.seconds(LOCUST) - START_SECONDS), rel=0.1
    )
    assert "machine.json" in measured.source


def test_a_job_asks_for_more_than_is_expected_or_what_its_hardware_says():
    made = model([job(like) for like in SEVERAL])
    asked = made.request(LOCUST)
    assert 1.3 * made.memory(LOCUST) + 500 <= asked["mem_mb"] < 1.3 * made.memory(LOCUST) + 600
    assert 3 * made.seconds(LOCUST) / 60 + 5 <= asked["runtime"] < 3 * made.seconds(LOCUST) / 60 + 6
    assert asked["gpu"] == 0
    set_by_hand = changed(LOCUST, {f"hardware.{key}": value for key, value in (("mem_mb", 700), ("runtime", 9))})
    assert made.request(set_by_hand) == {"mem_mb": 700, "runtime": 9, "gpu": 0}
    for device in ("gpu", "auto"):
        assert made.request(changed(LOCUST, {"hardware.device": device}))["gpu"] == 1


def test_damaged_and_foreign_files_are_skipped(tmp_path):
    for i, like in enumerate(SEVERAL[:4]):
        file(tmp_path, i, like)
    chunks = tmp_path / "chunks"
    (chunks / f"{10:016x}.nc").write_bytes(b"no NetCDF")
    (chunks / f"{11:016x}.nc").write_bytes((chunks / f"{0:016x}.nc").read_bytes()[:900])
    (chunks / f"{12:016x}.nc").mkdir()
    (chunks / f"{13:016x}.nc").symlink_to("nowhere")
    shutil.copy(chunks / f"{0:016x}.nc", chunks / "summary.nc")
    broken = {"manifest": "[]", "no configuration": "{}", "no number": json.dumps(LOCUST.planned())}
    for i, text in enumerate(broken.values()):
        file(tmp_path, 20 + i, LOCUST)
        with netCDF4.Dataset(chunks / f"{20 + i:016x}.nc", "a") as data:
            data.manifest, data.job_seconds = text, "a while"
    with netCDF4.Dataset(chunks / f"{30:016x}.nc", "w") as data:
        data.title = "of an earlier PSST"
    made = fit(tmp_path, [LOCUST]).judged([LOCUST])
    assert len(made.jobs) == 4
    assert made.source == "fitted on 4 finished jobs on this kind of processor"
    assert made.errors["seconds"] is not None


def test_jobs_of_other_processors_count_only_without_others(tmp_path):
    for i, like in enumerate(SEVERAL):
        file(tmp_path, i, like, kind="Antikythera")
    made = fit(tmp_path, [LOCUST])
    assert len(made.jobs) == len(SEVERAL)
    assert "Antikythera" in made.source
    file(tmp_path, 99, LOCUST)
    assert len(fit(tmp_path, [LOCUST]).jobs) == 1
    gpu = changed(LOCUST, {"hardware.device": "gpu"})
    assert fit(tmp_path, [gpu]).jobs == ()


def test_a_kind_of_its_own_costs_its_own():
    """Plain systems are not taken for membranes, nor one precision or solver for another, but all help the unknown."""
    pendulum = manifest(experiment="pendulum")
    single, euler = changed(LOCUST, {"solver.precision": "float32"}), varied(solver="euler")
    times = {"pendulum": 40.0, "single": 2.0, "euler": 5.0, "locust": 3.0}
    kinds = {"pendulum": pendulum, "single": single, "euler": euler, "locust": LOCUST}
    scaled = {
        name: TRUE | {"integration": {k: times[name] * c for k, c in SHIPPED["integration"].items()}} for name in kinds
    }
    made = model([job(like, scaled[name]) for name, like in kinds.items()])
    for like, known in zip(kinds.values(), made.jobs, strict=True):
        assert made.seconds(like) == pytest.approx(known.took["start"] + known.took["integration"], rel=0.1)
    unknown = manifest(experiment="lorenz")
    assert made.seconds(unknown) > model([]).seconds(unknown)


@given(
    st.lists(st.tuples(st.sampled_from([60, 120, 480]), st.integers(1, 64), st.floats(0.01, 100)), max_size=6),
    st.integers(1, 100),
    st.sampled_from([4, 60, 1000]),
)
def test_nothing_is_negative_and_more_runs_never_cost_less(known, runs, size):
    """Whatever the finished jobs took."""
    jobs = []
    for cells, members, factor in known:
        like = varied(cells, members)
        jobs.append(
            job(like, {q: {n: factor ** (i % 3) * c for i, (n, c) in enumerate(of.items())} for q, of in TRUE.items()})
        )
    made = CostModel(tuple(jobs), SHIPPED, "")
    few, more = varied(size, runs), varied(size, runs + 9)
    for predicted in (made.seconds, made.memory, made.disk):
        assert 0 < predicted(few) <= predicted(more)


def test_a_step_of_the_lobe_is_what_machine_measures():
    work = features(varied(runs=8, duration=1.0))
    assert {name: work[name] / (8 * 100) for name in LOBE} == LOBE


def test_traces_and_single_precision_are_counted():
    first, *others = LOCUST.batches[0]
    batches = ((replace(first, traced=True), *others), *LOCUST.batches[1:])
    traced = changed(LOCUST, {"recorder.variables": {"pn": ["v", "sodium.m"]}}, batches=batches)
    samples = traced.config["run"]["duration"] / traced.config["recorder"]["interval"]
    assert features(traced)["values"] - features(LOCUST)["values"] == 2 * 90 * samples
    single = features(changed(varied(runs=32), {"solver.precision": "float32"}))
    assert single["cell_steps"] == features(varied(runs=32))["cell_steps"] / 2


def test_of_many_files_about_a_hundred_are_read(tmp_path, monkeypatch):
    file(tmp_path, 0, LOCUST)
    for i in range(1, 450):
        shutil.copy(tmp_path / "chunks" / f"{0:016x}.nc", tmp_path / "chunks" / f"{i:016x}.nc")
    read = []
    monkeypatch.setattr(Job, "read", classmethod(lambda cls, path: read.append(path)))
    fit(tmp_path, [LOCUST])
    assert 90 <= len(set(read)) == len(read) <= 100


@pytest.mark.usefixtures("tensorflow")
def test_real_chunks_say_what_they_took_and_are_fitted(tmp_path):
    run_sweep(tmp_path, "locust_coupling", TINY + "network.size=8,12 network.coupling=0,0.5 solver=rk4")
    files = sorted((tmp_path / "chunks").glob("[0-9a-f]" * 16 + ".nc"))
    for path in files:
        with netCDF4.Dataset(path) as data:
            assert data.start_seconds >= 0
            assert data.compile_seconds > 0
            assert data.start_seconds + data.compile_seconds < data.job_seconds
            assert 100 < data.peak_memory <= peak_memory()
            assert data.processor == processor()
    wanted = list(
        make_plan("locust_coupling", TINY + "network.size=16 network.coupling=0,0.5 solver=rk4").manifests.values()
    )
    made = fit(tmp_path, wanted).judged(wanted)
    assert len(made.jobs) == len(files)
    assert all(error is not None for error in made.errors.values())
    assert made.memory(wanted[0]) == pytest.approx(peak_memory(), rel=0.5)
    assert made.disk(wanted[0]) == pytest.approx(files[0].stat().st_size, rel=0.5)


def test_a_process_knows_its_age():
    script = (
        "import time; time.sleep(0.3); from psst_core.host.hardware import process_seconds; print(process_seconds())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert 0.3 < float(done.stdout) < process_seconds()


def test_predictions_need_no_tensorflow(tmp_path):
    file(tmp_path, 0, LOCUST)
    script = """
import json, sys
from pathlib import Path
from psst_core.plan.cost import fit
from psst_core.store.manifest import Manifest
wanted = Manifest.of(json.loads(sys.stdin.read()))
model = fit(Path("."), [wanted])
assert len(model.jobs) == 1 and min(model.seconds(wanted), model.memory(wanted), model.disk(wanted)) > 0
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, cwd=tmp_path, input=LOCUST.text(), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
