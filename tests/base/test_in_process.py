"""A sweep in this process, and by `psst run`: the same files, of which either makes what is missing alone."""

import html
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import matplotlib
import pytest
import xarray as xr

import psst_core
from psst_core.errors import PsstError
from psst_core.store.folder import CHUNKS, LOGS, SAVED, Folder
from support.commands import psst
from support.sweeps import TINY

WORDS = TINY.replace("trials=2", "trials=1") + "network.size=8 solver=rk4 figures=[rate_map] hardware.jobs=1 "
TWINS = "numerics.check=halve_dt numerics.share=1 "


def made_here(folder, overrides, **settings):
    """The sweep `s` with these overrides, and what was said of it."""
    said = []
    sweep = psst_core.run_sweep(
        "locust_coupling", WORDS + overrides, "s", results=folder / "results", report=said.append, **settings
    )
    return sweep, said


def made_by_snakemake(folder, overrides):
    done = psst(folder, "run", "experiment=locust_coupling", "name=s", *(WORDS + overrides).split())
    assert done.returncode == 0, done.stderr
    return done.stderr.splitlines()


def program(folder, code):
    """A program of a person's own, started, with `run(words)`."""
    head = """
import psst_core
def run(words):
    return psst_core.run_sweep("locust_coupling", words, "s", figures=False)
"""
    return subprocess.Popen([sys.executable, "-c", head + code], cwd=folder, stdout=subprocess.PIPE, text=True)


def files(folder):
    """Of a results folder, with their times; what Snakemake remembers and the lock aside."""
    return {
        file: file.stat().st_mtime_ns
        for file in (folder / "results").rglob("*")
        if file.is_file() and file.name != ".lock" and "compiled" not in file.parts
    }


@pytest.mark.slow
def test_snakemake_and_this_process_take_each_others_files(tmp_path):
    """A sweep, made longer, and mended where a chunk was lost; after each the other has nothing to do."""
    overrides = TWINS + "network.coupling="
    made_by_snakemake(tmp_path, f"{overrides}0,0.5")
    first = files(tmp_path)
    sweep, said = made_here(tmp_path, f"{overrides}0,0.5")
    assert said[0].startswith("Nothing to be done: ") and said[-1] == "s: 2 of 2 runs ok"
    assert files(tmp_path) == first and sweep.cube["coupling"].values.tolist() == [0, 0.5]

    longer, said = made_here(tmp_path, f"{overrides}0,0.5,1")
    assert said[0] == "s: 3 runs, of which 2 are there" and said[-1] == "s: 3 of 3 runs ok"
    assert said[-2].startswith("Done: ") and longer.cube["coupling"].values.tolist() == [0, 0.5, 1]
    second = files(tmp_path)
    kept = {file for file in first if file.parent.name == CHUNKS}
    assert {file: second[file] for file in kept} == {file: first[file] for file in kept}
    assert {str(file.relative_to(tmp_path / "results")) for file in second if "before" not in file.parts} >= {
        "s/about.html",
        "s/error_estimate.nc",
        "s/figures/rate_map.png",
        "s/figures/rate_map.svg",
    }
    assert made_by_snakemake(tmp_path, f"{overrides}0,0.5,1")[1].startswith("Nothing to be done: ")
    assert files(tmp_path) == second

    lost = next(file for file in second if file.parent.name == CHUNKS and file.name.count(".") == 1)
    lost.with_suffix(".nc").unlink()
    made_here(tmp_path, f"{overrides}0,0.5,1")
    third = files(tmp_path)
    again = {lost.with_suffix(".nc"), *(tmp_path / "results" / "s").glob("*.nc")}
    assert all(third[file] > second[file] for file in again)
    assert made_by_snakemake(tmp_path, f"{overrides}0,0.5,1")[1].startswith("Nothing to be done: ")
    assert files(tmp_path) == third
    assert not any(log.stat().st_size for log in (tmp_path / "results" / LOGS).rglob("*.log"))


@pytest.mark.slow
def test_the_command_on_the_page_makes_the_sweep(tmp_path):
    """Pasted into a shell, where there is a figure and where there is none."""
    page = tmp_path / "results" / "s" / "about.html"
    for overrides in (
        "network.coupling=0 figures=[]",
        "network.ach=interval(0,2) sweep.sample.points=2 figures=[raster]",
    ):
        words = WORDS.replace("figures=[rate_map] ", "") + overrides
        psst_core.run_sweep("locust_coupling", words, "s", results=tmp_path / "results", report=lambda line: None)
        assert ("<img" in page.read_text()) == ("raster" in overrides)
        line, *of_chunks = re.findall(r"<pre>(psst run .*?)</pre>", page.read_text())
        assert len(of_chunks) == ("raster" in overrides)  # without coupling acetylcholine changes nothing
        path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
        command = ["sh", "-c", f"{html.unescape(line)} -- -n"]
        environment = os.environ | {"PATH": path}
        done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0 and "Nothing to be done" in done.stdout + done.stderr, done.stderr


def test_numbers_alone_then_what_people_look_at(tmp_path):
    """Also with a figure that Matplotlib shows in its own way, and one that a new plan of the sweep has no more."""
    before = matplotlib.get_backend()
    folder = tmp_path / "results" / "s"
    made_here(tmp_path, "network.coupling=0,0.5", figures=False)
    assert {file.name for file in folder.iterdir()} == {".made", "config.yaml", "plan.csv", "planned", "sweep.nc"}
    matplotlib.use("svg")
    try:
        made_here(tmp_path, "network.coupling=0,0.5")
        assert matplotlib.get_backend() == "svg"
    finally:
        matplotlib.use(before)
    assert {file.name for file in (folder / "figures").iterdir()} == {"rate_map.png", "rate_map.svg"}
    words = (WORDS + "network.coupling=0,0.5").replace("rate_map", "coupling_curves")
    psst_core.run_sweep("locust_coupling", words, "s", results=tmp_path / "results", report=lambda line: None)
    assert {file.name for file in (folder / "figures").iterdir()} == {"coupling_curves.png", "coupling_curves.svg"}


def test_bad_input_and_another_process_are_refused(tmp_path):
    with pytest.raises(PsstError, match=r"network\.ach=-4: must be"):
        made_here(tmp_path, "network.ach=-4")
    assert not (tmp_path / "results").exists()
    with Folder(tmp_path / "results").lock(), pytest.raises(PsstError, match="is in use by process"):
        made_here(tmp_path, "")
    with Folder(tmp_path / "results").lock():
        assert not (tmp_path / "results" / "s").exists()


def test_a_job_that_fails_is_told_as_snakemake_tells_it(tmp_path):
    """With its log, by which `psst status` knows it; what is finished stays."""
    made_here(tmp_path, "network.coupling=0", figures=False)
    (chunk,) = (tmp_path / "results" / CHUNKS).glob("*[0-9a-f].json")
    chunk.with_suffix(".nc").write_bytes(b"no numbers")
    with pytest.raises(PsstError, match=r"summarise of 1 run.*\n.*Stopped, as 1 job failed: 1 of 1 run") as failed:
        made_here(tmp_path, "network.coupling=0", figures=False)
    (log,) = (tmp_path / "results" / LOGS / "summarise").glob("*.log")
    assert str(log) in str(failed.value) and "Traceback" in log.read_text()
    Folder(tmp_path / "results").lock().close()
    chunk.with_suffix(".nc").unlink()
    made_here(tmp_path, "network.coupling=0", figures=False)
    assert not log.exists()


def test_other_settings_of_tensorflow_are_for_another_process(tmp_path):
    """The numbers of a run do not depend on it; an error there is told here."""
    sweep, _ = made_here(tmp_path, "network.coupling=0,0.5 hardware.vector_width=128", figures=False)
    (chunk,) = (tmp_path / "results" / CHUNKS).glob("*[0-9a-f].json")
    with xr.open_dataset(chunk.with_suffix(".nc"), decode_timedelta=False) as data:
        assert "vector_width=128" in data.attrs["xla_flags"]
    assert (sweep.cube["status"] == 0).all()
    nonsense = "network.coupling=1 hardware.xla_flags=--no_such_flag"
    with pytest.raises(PsstError, match=r"simulate of 1 run \(.*coupling=1.*\): said nothing in its log; what"):
        made_here(tmp_path, nonsense, figures=False)


def test_a_program_that_has_tensorflow_itself_keeps_it_and_its_variables(tmp_path):
    code = f"""
import os, tensorflow
before = dict(os.environ)
print(run({WORDS!r} + 'network.coupling=0').cube.sizes["coupling"], os.environ == before)
"""
    running = program(tmp_path, code)
    said, _ = running.communicate(timeout=600)
    assert running.returncode == 0 and said.splitlines()[-1] == "1 True"


LONG = WORDS.replace("run.duration=20 ", "run.duration=60000 ") + "network.coupling=0.5"


@pytest.mark.parametrize("where", ["here", "in another process"])
def test_ctrl_c_saves_and_the_same_call_goes_on(tmp_path, where):
    code = f"run({LONG!r})" if where == "here" else f"import tensorflow\nrun({LONG!r})"
    running = program(tmp_path, code)
    chunks = tmp_path / "results" / LOGS / "simulate"
    while running.poll() is None and not any(" %" in log.read_text() for log in chunks.glob("*.log")):
        time.sleep(0.1)
    running.send_signal(signal.SIGINT)
    said, _ = running.communicate(timeout=600)
    assert running.returncode == -signal.SIGINT
    assert said.splitlines()[-1] == (
        "Stopped: 0 of 1 run is there, to stay; the state of 1 job at work is saved; "
        "the same command goes on from there."
    )
    (saved,) = (tmp_path / "results" / SAVED).iterdir()
    assert Folder(tmp_path / "results").state(saved.stem)[0] == "interrupted"


def test_the_import_is_light_and_names_what_there_is():
    code = """
import sys, psst_core
heavy = {"tensorflow", "xarray", "matplotlib", "pandas", "hydra", "numpy", "scipy"} & sys.modules.keys()
assert not heavy, heavy
assert {"run_sweep", "make_plan", "open_sweep", "PsstError"} <= set(dir(psst_core))
from psst_core import make_plan, open_sweep, run_sweep
assert psst_core.run_sweep is run_sweep and not {"tensorflow", "snakemake"} & sys.modules.keys()
assert not hasattr(psst_core, "no_such_name")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


RUN = {
    "a name twice": (["name=a", "name=b"], "psst: name=b: name=a stands there too; write one of them"),
    "a character": (["network.size={8}"], "would not survive the command line"),
    "a wrong value": (["network.size=-4"], "network.size=-4: must be between 1 and"),
    "a second --config": (["name=a", "--", "--config", "name=b"], "--config: is given 2 times"),
}


@pytest.mark.parametrize("wrong", RUN)
def test_psst_run_refuses_what_psst_plan_refuses(tmp_path, wrong):
    words, message = RUN[wrong]
    done = psst(tmp_path, "run", *words)
    assert done.returncode == 1 and message in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "results").exists()


def test_psst_run_passes_on_what_stands_behind_two_dashes(tmp_path):
    done = psst(tmp_path, "run", "experiment=locust_coupling", "name=s", *WORDS.split(), "--", "-n", "--quiet", "host")
    assert done.returncode == 0 and "s: 9 runs, of which 0 are there" in done.stdout
    assert not (tmp_path / "results").exists()
