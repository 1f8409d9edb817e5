"""Faults between stages and on disk, through Snakemake: never a silent change or a traceback, and the remedy works."""

import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import xarray as xr

from psst_core.store.dataset import checksum
from psst_core.store.folder import Folder
from support.commands import SNAKEMAKE, psst, snakemake
from support.sweeps import TINY

pytestmark = pytest.mark.slow
WORDS = TINY.replace("trials=2", "trials=1") + "network.size=8 solver=rk4 figures=[rate_map] hardware.jobs=1 "


def sweep(folder, couplings, *arguments, name="s", more=""):
    words = f"overrides={WORDS} network.coupling={couplings} {more}"
    done = snakemake(folder, "--config", "experiment=locust_coupling", words, f"name={name}", *arguments)
    assert "Traceback" not in done.stderr, done.stderr
    return done


def couplings(folder, name="s"):
    with xr.open_dataset(folder / "results" / name / "sweep.nc", decode_timedelta=False) as cube:
        assert (cube["status"] == 0).all()
        return cube["coupling"].values.tolist()


def data(folder):
    """The content of every file of data and record, by name."""
    files = (file for file in (folder / "results").rglob("*") if file.is_file() and ".made" not in file.parts)
    found = {str(file.relative_to(folder)): file for file in files if ".edited" not in file.name}
    kept = {name: checksum(file) for name, file in found.items() if file.suffix == ".nc"}
    return kept | {name: file.read_bytes() for name, file in found.items() if file.suffix in (".csv", ".yaml", ".svg")}


def flip(file, random):
    """A bit of a file, somewhere."""
    content = bytearray(file.read_bytes())
    content[random.integers(len(content))] ^= 1 << random.integers(8)
    file.write_bytes(content)


LOOK = """
import sys, pathlib
from psst_core.store.dataset import damage
sys.exit(damage(pathlib.Path(sys.argv[1])) is not None)
"""


def flip_content(file, random):
    """A bit that the content of a NetCDF file has: some lie where nothing does."""
    whole = file.read_bytes()
    for _ in range(20):
        flip(file, random)
        if subprocess.run([sys.executable, "-c", LOOK, file], check=False).returncode == 1:
            return
        file.write_bytes(whole)
    raise AssertionError(f"{file}: no bit of it counts")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("faults") / "first"
    folder.mkdir()
    done = sweep(folder, "0,0.5")
    assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture
def folder(undisturbed, tmp_path):
    return shutil.copytree(undisturbed, tmp_path / "first", symlinks=True)


def test_a_cube_follows_its_plan_whatever_snakemake_remembers(folder):
    """Its memory lost; a second clone with the same results; times that say nothing."""
    first = Folder(folder / "results").planned("s")
    shutil.rmtree(folder / ".snakemake")
    listed = sweep(folder, "0.5", "-n")
    assert re.search(r"^gather +1$", listed.stdout + listed.stderr, re.MULTILINE) and couplings(folder) == [0, 0.5]
    done = sweep(folder, "0.5")
    assert done.returncode == 0 and couplings(folder) == [0.5], done.stderr
    assert f"s: had other runs before; what was made of them is in results/s/before/{first}/ now" in done.stderr
    assert psst(folder, "audit", f"s/before/{first}").returncode == 0
    assert psst(folder, "audit", "s").returncode == 0
    clone = folder.with_name("second")
    clone.mkdir()
    (clone / "results").symlink_to(folder / "results")
    assert sweep(clone, "0,0.5").returncode == 0 and couplings(folder) == [0, 0.5]
    assert sweep(folder, "0.5", "--rerun-triggers", "mtime").returncode == 0 and couplings(folder) == [0.5]
    assert sweep(clone, "0.5").returncode == 0 and couplings(folder) == [0.5]


def test_damaged_records_cubes_and_figures_are_made_anew(folder):
    """At one start: bits flipped in some, others cut to nothing, deleted, or with the times of another day."""
    results, before, random = folder / "results", data(folder), np.random.default_rng(17)
    plan = Folder(results).planned("s")
    for file in ("s/sweep.nc", f"plans/{plan}.yaml", "s/config.yaml"):
        flip(results / file, random)
    for file in ("s/planned", f"plans/{plan}.csv", "s/figures/rate_map.svg", "s/about.html"):
        (results / file).write_bytes(b"")
    next((results / "chunks").glob("*.summary.nc")).unlink()
    for command in ("status", "gather", "audit", "clean"):
        told = psst(folder, command, *(["s"] if command != "clean" else []))
        assert (
            told.returncode == 1 and "snakemake with the same words" in told.stderr and "Traceback" not in told.stderr
        )
    done = sweep(folder, "0,0.5")
    assert done.returncode == 0 and "sweep.edited.nc: what was changed by hand is kept here" in done.stderr, done.stderr
    assert data(folder) == before and not (results / "s" / "before").exists()
    audited = psst(folder, "audit", "s")
    assert audited.returncode == 0, audited.stderr
    assert "Nothing to be done" in sweep(folder, "0,0.5").stderr


def test_damaged_chunks_and_manifests_are_named_and_deleting_them_mends_it(folder):
    results, before, random = folder / "results", data(folder), np.random.default_rng(18)
    (manifest,) = (results / "chunks").glob("*.json")
    (summary,) = (results / "chunks").glob("*.summary.nc")
    chunk = manifest.with_suffix(".nc")
    for damaged in (chunk, summary):
        summary.unlink() if damaged == chunk else (results / "s" / "sweep.nc").unlink()
        flip_content(damaged, random)
        done = sweep(folder, "0,0.5")
        assert done.returncode != 0 and f"{damaged.relative_to(folder)}: " in done.stderr, done.stderr
        assert "delete it and start the sweep again" in done.stderr
        damaged.unlink()
        assert sweep(folder, "0,0.5").returncode == 0 and data(folder) == before
    flip(manifest, random)
    done = sweep(folder, "0,0.5")
    if done.returncode != 0:  # the bit was not in what no digest covers
        assert f"{manifest.relative_to(folder)}: " in done.stderr and "delete it" in done.stderr, done.stderr
    manifest.unlink()
    assert sweep(folder, "0,0.5").returncode == 0 and data(folder) == before


def test_what_is_finished_stays_when_snakemake_alone_is_interrupted(tmp_path):
    """Jobs are asked to save; the next start goes on from there. Logs that are removed meanwhile are no loss."""
    words = WORDS.replace("run.duration=20 ", "run.duration=200000 ").replace("network.size=8 ", "network.size=8,12 ")
    words = f"overrides={words} network.coupling=0.5 hardware.save_minutes=0.01"
    command = [*SNAKEMAKE, "-j1", "--config", "experiment=locust_coupling", words, "name=s"]
    saved, said = tmp_path / "results" / "saved", tmp_path / "said.log"

    def until_saved():
        with said.open("w") as log:
            job = subprocess.Popen(command, cwd=tmp_path, stdout=log, stderr=log, start_new_session=True)
        while job.poll() is None and not list(saved.glob("[0-9a-f]*.zip")):
            time.sleep(0.02)
        assert job.poll() is None, said.read_text()
        return job

    job = until_saved()
    shutil.rmtree(tmp_path / "results" / "logs")
    job.send_signal(signal.SIGINT)
    assert job.wait(timeout=300) != 0
    text = said.read_text()
    assert "Stopped: 0 of 2 runs are there, to stay; the state of" in text and "Traceback" not in text, text
    assert "the same command goes on from there" in text and list(saved.glob("[0-9a-f]*.zip"))
