"""An audit finds each planted fault and nothing in a clean sweep; every run can be traced back, and made again."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import netCDF4
import numpy as np
import pytest
import yaml

from psst_core.commands.audit import audit
from psst_core.commands.blame import blame, find
from psst_core.commands.cli import main
from psst_core.commands.status import status
from psst_core.digest import code_digest
from psst_core.plan.sweep_plan import claim, make_plan, records_digest
from psst_core.results.sweep_results import open_sweep
from psst_core.store.dataset import checksum
from psst_core.store.manifest import Manifest, read_manifest
from support.sweeps import TINY, run_sweep

WORDS = TINY + "network.size=8,12 network.coupling=0,0.5 solver=rk4"


@pytest.fixture(scope="module")
def clean(tmp_path_factory):
    folder = tmp_path_factory.mktemp("clean") / "results"
    run_sweep(folder, "locust_coupling", WORDS, "mine")
    return folder


@pytest.fixture
def results(clean, tmp_path):
    """A copy in which a fault can be planted."""
    shutil.copytree(clean, tmp_path / "results")
    return tmp_path / "results"


def chunks(results):
    return sorted((results / "chunks").glob("[0-9a-f]" * 16 + ".nc"))


def planned(results):
    return (results / "mine" / "planned").read_text().strip()


def rewrite(path, change, sealed=False):
    """Change a NetCDF file in place; `sealed`: with a checksum that fits again."""
    with netCDF4.Dataset(path, "r+") as file:
        change(file)
    if sealed:
        found = checksum(path)
        with netCDF4.Dataset(path, "r+") as file:
            file.checksum = found


def edit(path, change, sealed=False):
    """Change a manifest; `sealed`: with a digest that fits again."""
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(Manifest.of(manifest).text() if sealed else json.dumps(manifest))


def content(file):
    """The potentials in a chunk's file as they are stored; None where they cannot be read."""
    try:
        with netCDF4.Dataset(file) as opened:
            opened.set_auto_maskandscale(False)
            return opened["mean_potential"][:].tobytes()
    except (OSError, RuntimeError):
        return None


def flipped_byte(results):
    """One that carries a part of the potentials."""
    file = chunks(results)[0]
    before, whole = content(file), file.read_bytes()
    for place in range(len(whole) // 3, len(whole), 101):
        data = bytearray(whole)
        data[place] ^= 0xFF
        file.write_bytes(data)
        if content(file) != before:
            return
    pytest.fail("no byte of the potentials was hit")


def truncated_file(results):
    os.truncate(chunks(results)[0], chunks(results)[0].stat().st_size // 2)


def swapped_chunks(results):
    one, other = chunks(results)
    one.rename(one.with_suffix(".x"))
    other.rename(one)
    one.with_suffix(".x").rename(other)


def edited_plan(results):
    file = results / "plans" / f"{planned(results)}.csv"
    file.write_text(file.read_text().replace(",0.5,", ",0.6,"))


def edited_copy_of_the_plan(results):
    file = results / "mine" / "plan.csv"
    file.write_text(file.read_text().replace(",0.5,", ",0.6,"))


def edited_manifest(results):
    edit(chunks(results)[0].with_suffix(".json"), lambda m: m["batches"][0][0].update(trial=7))


def renamed_manifest(results):
    edit(chunks(results)[0].with_suffix(".json"), lambda m: m["batches"][0][0].update(trial=7), True)


def edited_configuration(results):
    edit(chunks(results)[0].with_suffix(".json"), lambda m: m["config"]["stimulus"].update(amplitude=31.0), True)


def wrong_code(results):
    edit(chunks(results)[0].with_suffix(".json"), lambda m: m.update(code="0" * 16), True)


def nan_without_status(results):
    def change(file):
        file["mean_potential"][1, 0, 5] = np.nan

    rewrite(chunks(results)[0], change, sealed=True)


def measure_of_a_lost_run(results):
    summary = next((results / "chunks").glob("*.summary.nc"))

    def change(file):
        file["status"][0] = 1

    rewrite(summary, change, sealed=True)


def status_that_cannot_be(results):
    def change(file):
        file["status"][0] = 2

    rewrite(chunks(results)[0], change, sealed=True)


def other_runs(results):
    def change(file):
        file["run_id"][0] = "0" * 16

    rewrite(chunks(results)[0], change, sealed=True)


def duplicate_run(results):
    """The plan holds a run twice, its records renamed so that they fit their digest."""
    plans, old = results / "plans", planned(results)
    table, record = (plans / f"{old}.csv").read_text(), (plans / f"{old}.yaml").read_text()
    table += table.splitlines()[1] + "\n"
    new = records_digest({"csv": table, "yaml": record})
    (plans / f"{new}.csv").write_text(table)
    (plans / f"{new}.yaml").write_text(record)
    (results / "mine" / "planned").write_text(new)
    (results / "mine" / "plan.csv").write_text(table)


def missing_summary(results):
    next((results / "chunks").glob("*.summary.nc")).unlink()


def missing_chunk(results):
    chunks(results)[0].unlink()


def missing_cube(results):
    (results / "mine" / "sweep.nc").unlink()


def stale_cube(results):
    def change(file):
        file["firing_rate"][0] = file["firing_rate"][0] + 1

    rewrite(results / "mine" / "sweep.nc", change, sealed=True)


def foreign_file(results):
    (results / "chunks" / "notes.txt").write_text("mine")


def foreign_netcdf(results):
    file = chunks(results)[0]
    file.unlink()
    with netCDF4.Dataset(file, "w") as made:
        made.createDimension("run", 4)


def altered_attribute(results):
    def change(file):
        file["mean_potential"].units = "V"

    rewrite(chunks(results)[0], change)


def altered_seed(results):
    def change(file):
        file["seed"][0] = 99

    rewrite(chunks(results)[0], change)


FAULTS = {
    flipped_byte: r"\.nc: (damaged|changed since it was written)",
    truncated_file: r"\.nc: damaged",
    swapped_chunks: r"\.nc: is that of chunk",
    edited_plan: "edited, their digest is not their name",
    edited_copy_of_the_plan: r"plan\.csv: edited, or of an earlier plan",
    edited_manifest: r"\.json: changed since it was written, its digest is another",
    renamed_manifest: r"\.json: edited, its digest is not its name",
    edited_configuration: "is not what its configuration computes",
    wrong_code: "was made from another manifest than the one that is here, which was edited",
    nan_without_status: "not finite in run .* whose status is ok",
    measure_of_a_lost_run: "firing_rate is there for a run whose status is not ok",
    status_that_cannot_be: "a status that a finished run cannot have",
    other_runs: "holds other runs than its manifest",
    duplicate_run: "more than once",
    missing_summary: r"summary\.nc: missing",
    missing_chunk: r"\.nc: missing",
    missing_cube: r"sweep\.nc: missing",
    stale_cube: r"sweep\.nc: stale",
    foreign_file: r"notes\.txt: foreign",
    foreign_netcdf: "foreign or damaged, it has no checksum of ours",
    altered_attribute: "its checksum is another",
    altered_seed: "its checksum is another",
}


def test_a_clean_sweep_has_no_findings(clean):
    found = audit(clean, "mine")
    assert found.findings == []
    assert found.counts == {"ok": 8}
    assert found.undefined["isi_cv"] > 0 and found.undefined["firing_rate"] == 0


def test_the_bytes_are_looked_at_whatever_the_code_is_now(results, monkeypatch):
    """After a change of code every planted fault of bytes is still found; the ids are not computed again."""
    monkeypatch.setattr("psst_core.commands.audit.code_digest", lambda modules: "0" * 16)
    found = audit(results, "mine")
    assert found.findings == [] and found.counts == {"ok": 8}
    code = json.loads(chunks(results)[0].with_suffix(".json").read_text())["code"]
    assert found.notes == [f"8 runs made by other code (digest {code}), ids not recomputed"]
    altered_seed(results)
    missing_summary(results)
    assert len(audit(results, "mine").findings) >= 2


def test_what_is_not_made_yet_is_no_fault(results):
    more = make_plan("locust_coupling", WORDS.replace("8,12", "8,12,16,20,24"), "mine", results)
    claim(more, results)
    new = sorted(more.manifests.keys() - more.finished)
    logs = results / "logs" / "simulate"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / f"{new[0]}.log").write_text("2026-11-24 20:00:00 chunk abc: 25 %, 7 s left\n")
    found = audit(results, "mine")
    assert {note.partition(":")[0] for note in found.notes} == {"still running", "waiting"}
    assert found.counts == {"ok": 8, "not run": 12}
    assert all("plan.csv" in fault or "config.yaml" in fault for fault in found.findings)
    (logs / f"{new[1]}.log").write_text("Traceback (most recent call last):\n  …\nMemoryError: no memory\n")
    failed = [fault for fault in audit(results, "mine").findings if "its job failed (MemoryError: no memory)" in fault]
    assert len(failed) == 1 and new[1] in failed[0]


def test_a_list_elsewhere_finds_what_was_edited_and_sealed_again(results, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(results.parent)
    assert main(["audit", "mine", "--write-list", "kept/sums"]) == 0
    assert "SHA-256 of" in capsys.readouterr().out
    checked = subprocess.run(["sha256sum", "-c", "--strict", "kept/sums"], capture_output=True, text=True, check=False)
    assert checked.returncode == 0 and "results/mine/sweep.nc: OK" in checked.stdout
    assert main(["audit", "mine", "--list", "kept/sums"]) == 0

    def change(file):
        file["spike_time"][0] = file["spike_time"][0] + 0.5

    rewrite(chunks(results)[0], change, sealed=True)
    assert main(["audit", "mine"]) == 0
    capsys.readouterr()
    assert main(["audit", "mine", "--list", "kept/sums"]) == 1
    assert f"{chunks(Path('results'))[0]}: another file than kept/sums has" in capsys.readouterr().out
    (tmp_path / "kept" / "sums").write_text("garbage")
    assert main(["audit", "mine", "--list", "kept/sums"]) == 1
    assert "kept/sums, line 1: is no line of a checksum list" in capsys.readouterr().err
    missing_summary(results)
    assert main(["audit", "mine", "--write-list", "other"]) == 1 and not (tmp_path / "other").exists()


@pytest.mark.parametrize("fault", FAULTS, ids=lambda fault: fault.__name__)
def test_a_planted_fault_is_found(results, fault):
    fault(results)
    findings = audit(results, "mine").findings
    assert any(re.search(FAULTS[fault], finding) for finding in findings), findings
    assert all("\n" not in finding for finding in findings)


def test_an_audit_ends_with_one_where_it_finds_something(results, monkeypatch, capsys):
    monkeypatch.chdir(results.parent)
    assert main(["audit", "mine"]) == 0
    assert "8 ok" in capsys.readouterr().out
    missing_summary(results)
    assert main(["audit", "mine"]) == 1
    printed = capsys.readouterr()
    assert "missing" in printed.out and "finding" in printed.err


def test_a_run_knows_all_that_made_it(clean):
    sweep = open_sweep(clean / "mine")
    row = find(sweep, ["network.coupling=0.5", "size=12", "trial=1"])
    found = blame(sweep, row)
    assert found["point"] == {"size": 12, "coupling": 0.5, "solver": "rk4", "network": 0, "trial": 1}
    assert found["configuration"]["network"]["coupling"] == 0.5
    assert found["run_id"] == sweep.cube["run_id"].sel(coupling=0.5, size=12, trial=1).item()
    assert found["status"] == "ok" and found["seed"] == 1 and Path(found["chunk"]).exists()
    assert {"versions", "host", "processor", "xla_flags"} <= found["job"].keys()
    assert yaml.safe_load(yaml.safe_dump(found)) == found
    assert find(sweep, ["coupling=0.5"])["runs_there"] == 4


def test_a_run_is_made_again_to_the_bit(clean, tmp_path):
    """In a process of its own, as TensorFlow reads its flags once."""
    shutil.copytree(clean, tmp_path / "results")
    words = ["blame", "mine", "network.coupling=0.5", "network.size=8", "trial=1", "--reproduce"]
    script = f"from psst_core.commands.cli import main; raise SystemExit(main({words!r}))"

    def again():
        return subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)

    done = again()
    assert done.returncode == 0, done.stderr
    before = {file for file in (tmp_path / "results").rglob("*") if "compiled" not in file.parts}
    if "every bit agrees" not in done.stdout:
        assert "within 1e-06" in done.stdout
    assert before == {file for file in (tmp_path / "results").rglob("*") if "compiled" not in file.parts}
    for file in chunks(tmp_path / "results"):

        def change(opened):
            opened["mean_potential"][:] = opened["mean_potential"][:] + 1e-3

        rewrite(file, change)
    done = again()
    assert done.returncode == 1 and "differs" in done.stderr


def test_blame_says_what_it_cannot_find(clean, monkeypatch, capsys):
    monkeypatch.chdir(clean.parent)
    assert main(["blame", "mine", "network.coupling=0.7"]) == 1
    assert "coupling=0.7: not in the sweep" in capsys.readouterr().err
    assert main(["blame", "mine", "coupling"]) == 1
    assert "write key=value" in capsys.readouterr().err


def test_status_counts_runs_by_what_became_of_their_jobs(results, monkeypatch, capsys):
    monkeypatch.chdir(results.parent)
    assert status(results, "mine").runs["finished"] == 8
    assert main(["status", "mine", "--watch"]) == 0
    assert "mine: 8 finished" in capsys.readouterr().out
    more = make_plan("locust_coupling", WORDS.replace("8,12", "8,12,16,20,24"), "mine")
    claim(more, results)
    new = sorted(more.manifests.keys() - more.finished)
    logs = results / "logs" / "simulate"
    logs.mkdir(parents=True, exist_ok=True)
    (logs / f"{new[0]}.log").write_text("2026-11-24 20:00:00 chunk abc: 25 %, 7 s left\n")
    (logs / f"{new[1]}.log").write_text("Traceback (most recent call last):\n  …\nMemoryError: no memory\n")
    now = status(results, "mine")
    assert now.runs == {"finished": 8, "running": 4, "failed": 4, "interrupted": 0, "waiting": 4}
    assert now.jobs[new[1]] == "MemoryError: no memory"
    assert now.seconds_left >= 7 and now.error is not None
    os.utime(logs / f"{new[0]}.log", (0, 0))
    assert status(results, "mine").runs["interrupted"] == 4


def test_digests_of_manifests_are_the_names_of_their_chunks(clean):
    for file in chunks(clean):
        manifest = read_manifest(file.with_suffix(".json"))
        assert manifest.chunk == file.stem
        assert manifest.code != code_digest(("psst_core.integrate.program",))
