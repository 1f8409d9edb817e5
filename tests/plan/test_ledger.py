"""No run is computed twice: extended and overlapping sweeps, deleted chunks, changed and reverted physics."""

import contextlib
import errno
import fcntl
import json
import shutil
import subprocess
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import psst_core.sweep.identity
from psst_core.commands.clean import unused
from psst_core.digest import digest
from psst_core.errors import PsstError
from psst_core.files import write_text
from psst_core.plan.sweep_plan import claim, make_plan
from psst_core.store.folder import Folder
from psst_core.store.manifest import read_manifest
from support.sweeps import TINY, run_sweep

SMALL = TINY.replace("trials=2", "trials=1") + "network.size=8 solver=rk4 "


def gaba(*values, coupling="0.2,0.5,1"):
    return f"{SMALL} network.coupling={coupling} network.gaba={','.join(map(str, values))}"


def made(folder):
    return {file: file.stat().st_mtime_ns for file in (folder / "chunks").glob("*.nc") if "summary" not in file.name}


def runs(file):
    return [run.id for run in read_manifest(file.with_suffix(".json")).runs]


def test_an_extended_grid_computes_its_new_runs_alone(tmp_path):
    first = run_sweep(tmp_path, "locust_coupling", gaba(0.1, 0.5, 1))
    kept, before = made(tmp_path), first.cube["firing_rate"].load()
    extended = run_sweep(tmp_path, "locust_coupling", gaba(0.1, 0.5, 1, 1.5, 2)).cube
    after = made(tmp_path)
    assert all(after[file] == time for file, time in kept.items())
    assert sum(len(runs(file)) for file in after.keys() - kept.keys()) == 6
    assert dict(extended.sizes) | {"coupling": 3, "gaba": 5} == dict(extended.sizes)
    assert (extended["status"] == 0).all()
    assert np.array_equal(extended["firing_rate"].sel(gaba=before["gaba"]), before)
    shrunk = run_sweep(tmp_path, "locust_coupling", gaba(0.5, 1)).cube
    assert made(tmp_path) == after and shrunk.sizes["gaba"] == 2
    assert np.array_equal(shrunk["firing_rate"], before.sel(gaba=[0.5, 1]))


def test_overlapping_experiments_share_runs(tmp_path):
    one = run_sweep(tmp_path, "locust_coupling", gaba(0.1, 0.5, coupling="0.5,1"), "one")
    kept = made(tmp_path)
    other = run_sweep(tmp_path, "locust_coupling", gaba(0.5, 1, coupling="1,2"), "other")
    assert sum(len(runs(file)) for file in made(tmp_path).keys() - kept.keys()) == 3
    there = {"coupling": 1, "gaba": 0.5}
    assert one.cube["run_id"].sel(there).item() == other.cube["run_id"].sel(there).item()
    assert one.run(**there).spike_time.tolist() == other.run(**there).spike_time.tolist()


def test_what_is_recorded_besides_needs_a_new_run(tmp_path):
    run_sweep(tmp_path, "locust_coupling", gaba(0.5, 1, coupling="1"))
    kept = made(tmp_path)
    sparse = gaba(0.5, 1, coupling="1") + " recorder.interval=1"
    assert len(make_plan("locust_coupling", sparse, results=tmp_path).finished) == 0
    assert len(make_plan("locust_coupling", gaba(0.5, 1, coupling="1"), results=tmp_path).finished) == len(kept)


def content(manifest):
    return replace(manifest, provenance={})


def test_a_deleted_chunk_is_claimed_again_and_none_of_its_neighbours(tmp_path):
    run_sweep(tmp_path, "locust_coupling", gaba(0.1, coupling="0.5,1"))
    run_sweep(tmp_path, "locust_coupling", gaba(0.1, 0.2, coupling="0.5,1"))
    (deleted, *others) = made(tmp_path)
    before = read_manifest(deleted.with_suffix(".json"))
    deleted.unlink()
    plan = make_plan("locust_coupling", gaba(0.1, 0.2, coupling="0.5,1"), results=tmp_path)
    assert plan.finished == {file.stem for file in others}
    assert content(plan.manifests[deleted.stem]) == content(before)


def test_a_lost_manifest_is_written_again(tmp_path):
    run_sweep(tmp_path, "locust_coupling", gaba(0.1, coupling="0.5,1"))
    (file,) = made(tmp_path)
    before = file.with_suffix(".json").read_text()
    file.with_suffix(".json").unlink()
    results = run_sweep(tmp_path, "locust_coupling", gaba(0.1, coupling="0.5,1"))
    assert json.loads(file.with_suffix(".json").read_text())["batches"] == json.loads(before)["batches"]
    assert results.run(coupling=1).spike_time.size


def test_an_unfinished_claim_is_kept_where_all_of_it_is_wanted(tmp_path):
    plan = make_plan("locust_coupling", gaba(0.1, 0.5), "first", tmp_path)
    claim(plan, tmp_path)
    more = make_plan("locust_coupling", gaba(0.1, 0.5, 1), "more", tmp_path)
    for chunk, manifest in plan.manifests.items():
        assert content(more.manifests[chunk]) == content(manifest)
    less = make_plan("locust_coupling", gaba(0.5, 1), "less", tmp_path)
    assert not plan.manifests.keys() & less.manifests.keys()
    assert sum(len(batch) for m in less.manifests.values() for batch in m.batches) == 6


def test_changed_physics_is_computed_and_reverted_physics_is_found_again(tmp_path, monkeypatch):
    def plan(experiment="locust_coupling", overrides=None):
        text = gaba(0.5, coupling="1") if overrides is None else overrides
        return make_plan(experiment, text, results=tmp_path)

    run_sweep(tmp_path, "locust_coupling", gaba(0.5, coupling="1"))
    chain = {run.id for run in plan("chain_of_three", "").sweep.runs}
    assert plan().finished
    real = psst_core.sweep.identity.code_digest

    def changed(modules):
        return real(modules) + ("changed" if "psst_core.model.channels.calcium" in modules else "")

    with monkeypatch.context() as patch:
        patch.setattr(psst_core.sweep.identity, "code_digest", changed)
        assert not plan().finished
        assert {run.id for run in plan("chain_of_three", "").sweep.runs} == chain
    assert plan().finished


def test_a_claim_made_in_between_is_seen(tmp_path):
    late = make_plan("locust_coupling", gaba(0.5), results=tmp_path)
    claim(make_plan("locust_coupling", gaba(0.7), results=tmp_path), tmp_path)
    with pytest.raises(PsstError, match="changed while the sweep was planned; start again"):
        claim(late, tmp_path)


@pytest.mark.parametrize("text", ['{"chunk": ', "{}", "[1]", "1", "\0"])
def test_a_damaged_manifest_is_named(tmp_path, text):
    write_text(tmp_path / "chunks" / "notes.json", text)
    write_text(tmp_path / "chunks" / "0123456789abcdef.json", text)
    with pytest.raises(PsstError, match=r"0123456789abcdef\.json: .*damaged.*; delete it and start"):
        make_plan("locust_coupling", gaba(0.5), results=tmp_path)


def test_a_folder_is_planned_in_by_one_process_at_a_time(tmp_path):
    script = (
        f"from pathlib import Path\nfrom psst_core.store.folder import Folder\nFolder(Path({str(tmp_path)!r})).lock()"
    )
    with Folder(tmp_path).lock():
        other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
        assert other.returncode != 0 and "is in use by process" in other.stderr
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


@pytest.mark.parametrize(("number", "goes_on"), [(errno.ENOLCK, True), (errno.EOPNOTSUPP, True), (errno.EIO, False)])
def test_a_disk_without_locks_is_planned_in_all_the_same(tmp_path, monkeypatch, number, goes_on):
    def refuse(file, operation):
        raise OSError(number, "no locks here")

    monkeypatch.setattr(fcntl, "flock", refuse)
    with contextlib.nullcontext() if goes_on else pytest.raises(PsstError, match="cannot be written"):
        Folder(tmp_path).lock().close()


def test_clean_finds_what_no_sweep_uses_and_nothing_else(tmp_path):
    run_sweep(tmp_path, "locust_coupling", gaba(0.1, coupling="0.5,1"), "one")
    assert unused(tmp_path) == []
    kept = made(tmp_path)
    run_sweep(tmp_path, "locust_coupling", gaba(0.2, coupling="0.5,1"), "two")
    run_sweep(tmp_path, "locust_coupling", gaba(0.2, coupling="0.5,1") + " analysis.background=150", "two")
    old = unused(tmp_path)
    assert {file.name.count(".") for file in old if file.parent.name == "chunks"} == {3}  # the first summary
    shutil.rmtree(tmp_path / "two")
    of_two = {file.name.partition(".")[0] for file in made(tmp_path).keys() - kept.keys()}
    found = [file for file in unused(tmp_path) if file.parent.name == "chunks"]
    assert {file.name.partition(".")[0] for file in found} == of_two and len(found) == 4


@settings(max_examples=15, deadline=None)
@given(st.lists(st.sets(st.integers(0, 9), min_size=1), min_size=1, max_size=4), st.data())
def test_every_run_is_claimed_once_whatever_came_before(tmp_path_factory, sweeps, data):
    """Finished or not, in any order: what is finished is never claimed again, and every run has one place."""
    folder = tmp_path_factory.mktemp("ledger")
    finished: dict[str, str] = {}
    for values in sweeps:
        plan = make_plan("locust_coupling", gaba(*sorted(values), coupling="0.5,1"), "sweep", folder)
        claim(plan, folder)
        for run, place in zip(plan.sweep.runs, plan.places, strict=True):
            assert plan.manifests[place.chunk].runs[place.position].id == run.id
            assert finished.get(run.id, place.chunk) == place.chunk
        new = [run.id for c, m in plan.manifests.items() if c not in plan.finished for run in m.runs]
        assert not set(new) & finished.keys() and len(set(new)) == len(new)
        for chunk in plan.manifests.keys() - plan.finished:
            if data.draw(st.booleans()):
                (folder / "chunks" / f"{chunk}.nc").touch()
                finished |= dict.fromkeys((run.id for run in plan.manifests[chunk].runs), chunk)


def test_manifests_are_plain_json(tmp_path):
    plan = make_plan("locust_coupling", gaba(0.5) + " network.ach=interval(0,1) sweep.sample.points=3", "x", tmp_path)
    claim(plan, tmp_path)
    for chunk, manifest in plan.manifests.items():
        found = json.loads((tmp_path / "chunks" / f"{chunk}.json").read_text())
        assert found == {"chunk": chunk, "content": digest(manifest.data())} | manifest.data()


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "results").write_text("a file")
    with pytest.raises(PsstError, match=r"results.*cannot be written"):
        Folder(tmp_path / "results").lock()
