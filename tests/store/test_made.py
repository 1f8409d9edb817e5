"""What lies in the folder of a sweep is tied to its plan by content: stale and edited files, earlier sweeps, clean."""

import os
import shutil
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import psst_core
from psst_core import open_sweep
from psst_core.commands.audit import audit
from psst_core.commands.clean import losses, unused
from psst_core.commands.cli import main
from psst_core.commands.status import status
from psst_core.drawing import draw_all
from psst_core.errors import PsstError
from psst_core.files import write_text
from psst_core.job.workers import simulate
from psst_core.outputs import stale, tasks
from psst_core.plan.ledger import foreign_run
from psst_core.plan.sweep_plan import claim, make_plan, unclaimed
from psst_core.results.error_estimate import estimate
from psst_core.results.gather import gather, gather_recipe
from psst_core.results.summary import write_summary
from psst_core.store.folder import CHUNKS, PLANS, Folder, SweepFolder
from psst_core.store.made import is_made, keep_edited, marking, recipe
from psst_core.store.manifest import read_claim
from support.configurations import changed
from support.sweeps import TINY, run_sweep

pytestmark = pytest.mark.usefixtures("compiled_once")
WORDS = TINY.replace("trials=2", "trials=1") + "network.size=8 solver=rk4 figures=[rate_map] hardware.jobs=1 "


def words(*couplings, more=""):
    return f"{WORDS} network.coupling={','.join(map(str, couplings))} {more}"


def swept(results, *couplings, name="s", more=""):
    return run_sweep(results, "locust_coupling", words(*couplings, more=more), name)


def couplings(results, *values, more=""):
    """Those of the cube of a sweep over these."""
    with swept(results, *values, more=more).cube as cube:
        return cube["coupling"].values.tolist()


def plan_of(results, *couplings, name="s", more=""):
    return make_plan("locust_coupling", words(*couplings, more=more), name, results)


def old(results, plan):
    return stale(results / plan.name, tasks(plan, results))


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Coupling 0 and 0.5, drawn."""
    results = tmp_path_factory.mktemp("made") / "results"
    swept(results, 0, 0.5)
    draw_all(results / "s", lambda line: None)
    return results


@pytest.fixture
def results(both, tmp_path):
    return shutil.copytree(both, tmp_path / "results")


def test_a_cube_is_that_of_its_plan_and_of_no_other(results):
    """Whatever their times are."""
    plan, other = plan_of(results, 0, 0.5), plan_of(results, 0.5)
    about = [results / "s" / "about.html"]  # the page is Snakemake's
    assert old(results, plan) == about
    for file in results.rglob("*"):
        os.utime(file, (0, 0) if file.suffix == ".nc" else None)
    assert old(results, plan) == about
    assert set(SweepFolder(results / "s").gathered) < set(old(results, other))
    assert unclaimed(other, results) and not unclaimed(plan, results)


def test_the_page_about_a_sweep_follows_its_figures_and_the_page_to_explore(results, monkeypatch):
    folder, plan = results / "s", plan_of(results, 0, 0.5)
    about, picture = folder / "about.html", folder / "figures" / "rate_map.png"
    psst_core.run_sweep("locust_coupling", words(0, 0.5), "s", results=results, report=lambda line: None)
    assert old(results, plan) == [] and "explore.html" not in about.read_text()
    picture.write_bytes(picture.read_bytes() + b" ")
    assert old(results, plan) == [picture, about]
    psst_core.run_sweep("locust_coupling", words(0, 0.5), "s", results=results, report=lambda line: None)
    assert old(results, plan) == []
    monkeypatch.chdir(results.parent)
    assert main(["explore", "s", "--runs", "0"]) == 0
    assert 'href="explore.html"' in about.read_text() and old(results, plan) == []
    (folder / "explore.html").unlink()
    assert old(results, plan) == [about]
    assert main(["draw", "s"]) == 0
    assert "explore.html" not in about.read_text() and old(results, plan) == []


def test_what_is_made_of_a_stale_cube_is_stale(results):
    folder, plan = results / "s", plan_of(results, 0, 0.5)
    drawn = [folder / "figures" / f"rate_map.{ending}" for ending in ("png", "svg")]
    data = bytearray((folder / "sweep.nc").read_bytes())
    data[len(data) // 2] ^= 1
    (folder / "sweep.nc").write_bytes(data)
    assert {folder / "sweep.nc", *drawn} < set(old(results, plan))
    time.sleep(1.0)  # a cube's history names the second in which it was gathered
    gather(folder, plan.digest)
    assert (folder / "sweep.edited.nc").read_bytes() == data
    assert set(drawn) < set(old(results, plan)) and folder / "sweep.nc" not in old(results, plan)


def test_marks_and_edited_files(tmp_path):
    file, text = tmp_path / "figures" / "a.svg", recipe(["code"])
    file.parent.mkdir()
    for content in ("one", "two", "three"):
        with marking(tmp_path, [file], text):
            file.write_text(content)
        assert is_made(tmp_path, file, text) and not is_made(tmp_path, file, recipe(["other code"]))
        file.write_text(f"{content}, by hand")
        assert not is_made(tmp_path, file, text)
    assert keep_edited(tmp_path, [file]) == [tmp_path / "figures" / "a.edited3.svg"]
    kept = {path.name: path.read_text() for path in file.parent.iterdir()}
    assert kept == {
        "a.edited.svg": "one, by hand",
        "a.edited2.svg": "two, by hand",
        "a.edited3.svg": "three, by hand",
    }
    with marking(tmp_path, [file], text):
        file.write_text("four")
    file.write_text("")  # cut to nothing: that is no edit
    assert keep_edited(tmp_path, [file]) == [] and not is_made(tmp_path, file, text)
    with pytest.raises(ZeroDivisionError), marking(tmp_path, [file], text):
        file.write_text(str(1 / 0))
    assert not is_made(tmp_path, file, text)


def test_a_plan_that_holds_all_old_runs_takes_the_place(results):
    assert couplings(results, 0, 0.5, 1) == couplings(results, 0, 0.5, 1, more="analysis.background=150") == [0, 0.5, 1]
    assert not (results / "s" / "before").exists()


def test_any_other_plan_moves_what_was_made(results, monkeypatch, capsys):
    folder, first = results / "s", Folder(results).planned("s")
    (folder / "notes.txt").write_text("mine")
    (folder / "figures" / "mine.png").write_text("mine")
    (folder / "figures" / "rate_map.svg").write_text("touched up by hand")
    with open_sweep(folder).cube as cube:
        rates = cube["firing_rate"].values
    plan = plan_of(results, 0.5)
    (line,) = claim(plan, results)
    place = folder / "before" / first
    assert str(place) in line
    moved = {str(file.relative_to(place)) for file in place.rglob("*") if file.is_file() and ".made" not in file.parts}
    assert moved == {"planned", "sweep.nc", "plan.csv", "config.yaml", "figures/rate_map.png", "figures/rate_map.svg"}
    files = (file for file in folder.rglob("*") if place not in file.parents and file.is_file())
    stayed = {str(file.relative_to(folder)) for file in files}
    assert stayed == {"planned", "notes.txt", "figures/mine.png"}
    assert couplings(results, 0.5) == [0.5]
    before = open_sweep(place)
    assert np.array_equal(before.cube["firing_rate"], rates) and before.run(coupling=0).spike_time.size
    before.cube.close()
    assert audit(results, f"s/before/{first}").findings == []
    assert status(results, f"s/before/{first}").runs["finished"] == 2
    monkeypatch.chdir(results.parent)
    name = f"s/before/{first}"
    for command in (["status", name], ["audit", name], ["gather", name], ["blame", name, "coupling=0"], ["draw", name]):
        assert main(command) == 0, capsys.readouterr().err
    assert (place / "figures" / "rate_map.edited.svg").read_text() == "touched up by hand"
    assert couplings(results, 0, 0.5) == [0, 0.5]  # again: its cube was that of 0.5 alone, which it holds
    assert len(list((folder / "before").iterdir())) == 1


def test_nothing_moves_where_nothing_was_made(tmp_path):
    claim(plan_of(tmp_path, 0), tmp_path)
    assert claim(plan_of(tmp_path, 1), tmp_path) == [] and not (tmp_path / "s" / "before").exists()


def test_an_estimate_goes_with_the_twins(tmp_path):
    swept(tmp_path, 0.5, more="numerics.check=halve_dt numerics.share=1")
    assert (tmp_path / "s" / "error_estimate.nc").exists()
    swept(tmp_path, 0.5, 1)
    assert not (tmp_path / "s" / "error_estimate.nc").exists() and not (tmp_path / "s" / "twins.csv").exists()


def test_cleaning_touches_files_of_its_own_naming_alone(results):
    mine = [results / name for name in ("chunks/notes.txt", "chunks/a.nc", "s/mine.nc", "plans/x.csv", "saved/b.zip")]
    mine += [results / "logs" / "simulate" / "mine.log", results / "mine" / "config.yaml", results / "s" / ".x.nc"]
    for file in mine:
        file.parent.mkdir(exist_ok=True, parents=True)
        file.write_text("mine")
    leftovers = [results / "s" / ".sweep.nc.0123abcd.nc", results / "s" / "figures" / ".rate_map.png.0123abcd.png"]
    leftovers += [results / "plans" / ".0123456789abcdef.csv.0123abcd.csv"]
    for file in leftovers:
        file.touch()
    assert unused(results) == []
    for file in [*mine, *leftovers]:
        os.utime(file, (time.time() - 90_000,) * 2)
    assert sorted(unused(results)) == sorted(leftovers)


def test_cleaning_says_which_sweep_loses_what(results, monkeypatch, capsys):
    first = Folder(results).planned("s")
    swept(results, 1)
    assert unused(results) == []
    found = unused(results, before=True)
    assert losses(results, found) == {"s": 1, f"s/before/{first}": 1}
    monkeypatch.chdir(results.parent)
    assert main(["clean", "--before", "--remove"]) == 0
    assert f"s/before/{first} lost 1 file of data" in capsys.readouterr().out
    assert not (results / "s" / "before").exists() and unused(results, before=True) == []
    assert audit(results, "s").findings == []


@pytest.mark.parametrize("lost", ["plans/{}.csv", "plans/{}.yaml"])
@pytest.mark.parametrize("how", ["deleted", "emptied", "garbled"])
def test_cleaning_refuses_where_a_record_is_lost_until_the_sweep_is_claimed_again(results, lost, how):
    plan = plan_of(results, 0, 0.5)
    file = results / lost.format(plan.digest)
    whole = file.read_bytes()
    if how == "deleted":
        file.unlink()
    else:
        file.write_bytes(b"" if how == "emptied" else whole.replace(b"0.5", b"0.4"))
    for command in (
        lambda: unused(results),
        lambda: gather(results / "s", plan.digest),
        lambda: estimate(results / "s", plan.digest),
        lambda: status(results, "s"),
    ):
        with pytest.raises(PsstError, match=f"plans/{plan.digest}.*start the sweep again"):
            command()
    assert unclaimed(plan, results)
    assert claim(plan, results) == [] and file.read_bytes() == whole and unused(results) == []
    gather(results / "s", plan.digest)


@pytest.mark.parametrize("made", ["about.html", "partial/sweep.nc"])
def test_cleaning_refuses_where_the_note_of_a_plan_is_lost(results, made):
    """Also where no more than one file of the sweep is left."""
    plan = plan_of(results, 0, 0.5)
    if made.startswith("partial"):
        gather(results / "s", plan.digest, partial=True)
    else:
        with marking(results / "s", [results / "s" / made], "0"):
            (results / "s" / made).write_text("made")
    for file in [*(results / "s").glob("*.*"), results / "s" / "planned"]:
        if file.is_file() and file.name != made:
            file.unlink()
    shutil.rmtree(results / "s" / ".made" / "figures", ignore_errors=True)
    with pytest.raises(PsstError, match="which chunks it uses is not known, so nothing is cleaned"):
        unused(results)
    assert claim(plan, results) == [] and unused(results) == []


def test_a_manifest_that_was_changed_is_named(results):
    file = next((results / CHUNKS).glob("*.json"))
    whole = file.read_text()
    changed = [whole.replace('"id": "', '"id": "0'), whole.replace('"lanes": ', '"lanes": 1')]
    for text in ("", "{}", "[]", whole[:100], *changed):
        file.write_text(text)
        with pytest.raises(PsstError, match=rf"{file.name}: .*delete it"):
            plan_of(results, 0, 0.5)
        with pytest.raises(PsstError, match=rf"{file.name}: "):
            read_claim(file)
    file.unlink()
    plan = plan_of(results, 0, 0.5)
    assert unclaimed(plan, results)
    claim(plan, results)
    assert read_claim(file).chunk == file.stem


def test_a_job_refuses_a_manifest_whose_runs_are_others(results):
    """Also where its digest, which covers the runs' ids and their values, is right."""
    file = next((results / CHUNKS).glob("*.json"))
    manifest = read_claim(file)
    assert foreign_run(manifest) is None
    first = manifest.runs[0]
    assert foreign_run(changed(manifest, {"run.dt": 0.02})) == first.id
    assert foreign_run(changed(manifest, {"solver.name": "euler"})) == first.id
    *others, last = manifest.batches[0]
    for number, key in enumerate(first.values):
        other = replace(last, values=last.values | {key: 0.1 + number})
        assert foreign_run(replace(manifest, batches=((*others, other), *manifest.batches[1:]))) == last.id
    write_text(file, changed(manifest, {"run.dt": 0.02}).text())
    with pytest.raises(PsstError, match=f"{file.name}: changed since it was written, run {first.id} is not what"):
        simulate(file, results / CHUNKS / "x.nc", print)


def test_a_chunk_under_another_name_is_not_summarised(results):
    file = next(path for path in (results / CHUNKS).glob("*.nc") if "summary" not in path.name)
    manifest = read_claim(file.with_suffix(".json"))
    first, *others = manifest.batches
    other = replace(manifest, batches=(first[1:], *others))
    target = file.with_name(f"{other.chunk}.nc")
    shutil.copy(file, target)
    write_text(target.with_suffix(".json"), other.text())
    with pytest.raises(PsstError, match=f"{target.name}: is not the file of this chunk"):
        write_summary(target, results.parent / "x.nc", manifest.config)
    assert not (results.parent / "x.nc").exists()


def test_records_of_a_plan_are_read_as_written(results):
    plan = plan_of(results, 0, 0.5)
    assert Folder(results).records(plan.digest) == plan.records
    for content in (b"", b"../../etc\n", b"\xff\xfe", b"0123456789ABCDEF"):
        (results / "s" / "planned").write_bytes(content)
        with pytest.raises(PsstError, match=r"(names no plan|no text in UTF-8).*; start the sweep again"):
            Folder(results).planned("s")
        assert unclaimed(plan, results)
    claim(plan, results)
    assert Folder(results).planned("s") == plan.digest and not (results / "s" / "before").exists()
    assert gather_recipe(plan.digest) != gather_recipe(16 * "0") and Path(results / PLANS).is_dir()
