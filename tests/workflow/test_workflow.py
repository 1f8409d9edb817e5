"""The whole line through Snakemake, as a person types it."""

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import xarray as xr
import yaml

from psst_core.errors import PsstError
from psst_core.figures.spectra import Spectra
from psst_core.store.folder import Folder
from support.commands import SNAKEMAKE, psst, snakemake
from support.paths import ROOT
from support.sweeps import TINY

RAMP = """from dataclasses import dataclass

from psst_core.registry import parameter, register
from psst_core.model.stimuli.base import Stimulus


@register("stimulus", "ramp")
@dataclass
class Ramp(Stimulus):
    amplitude: float = parameter(0.0, "uA/cm2")

    def waveform(self, now, table):
        return self.amplitude * {}
"""
SWEEP = TINY.replace("networks=1", "networks=2") + "network.size=8,12 network.coupling=0,0.5 hardware.jobs=2"


def tiny(folder, *arguments, overrides=SWEEP, name="tiny"):
    given = ["experiment=locust_coupling", f"overrides={overrides}", f"name={name}"]
    return snakemake(folder, "--config", *given, *arguments)


def simulate_jobs(listing):
    """How many simulate jobs Snakemake's table of jobs counts."""
    found = re.search(r"^simulate +(\d+)$", listing, re.MULTILINE)
    return int(found[1]) if found else 0


def times(folder):
    return {file: file.stat().st_mtime_ns for file in folder.rglob("*.nc")}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("workflow")
    done = tiny(folder)
    assert done.returncode == 0, done.stderr
    (folder / "said").write_text(done.stderr)
    return folder


def test_a_sweep_tells_what_it_is_how_far_and_what_became_of_it(folder):
    """In runs and time; of Snakemake's jobs nothing but the line before it reads the workflow."""
    said = (folder / "said").read_text().splitlines()
    assert said[0].startswith("Using workflow specific profile") and said[1] == "tiny: 32 runs, of which 0 are there"
    assert any(re.match(r"  expected: \d+ s of one core, \d+ s with \d+ jobs? at once, then", line) for line in said)
    assert any(re.match(r"\d+ of 32 runs", line) for line in said)
    where = "Done: results/tiny/sweep.nc and results/tiny/figures/; where they come from: results/tiny/about.html"
    assert said[-2:] == [where, "tiny: 32 of 32 runs ok"]
    assert not [line for line in said if re.search(r"jobs\.\.\.|steps \(|Finished jobid|Elapsed|Provided cores", line)]


def test_the_cube_and_the_figures_are_there(folder):
    with xr.open_dataset(folder / "results" / "tiny" / "sweep.nc", decode_timedelta=False) as cube:
        assert dict(cube.sizes) == {"size": 2, "coupling": 2, "solver": 2, "network": 2, "trial": 2, "population": 2}
        assert (cube["status"] == 0).all()
    drawn = {file.name for file in (folder / "results" / "tiny" / "figures").iterdir()}
    names = ("rate_map", "power_map", "coupling_curves", "raster", "connectivity", "solver_difference")
    names += ("phase_diagram", "spectra")
    assert drawn == {f"{name}.{ending}" for name in names for ending in ("png", "svg")}
    assert len(list((folder / "results" / "chunks").glob("*.json"))) == 4
    assert not list((folder / "results").rglob(".*.nc"))


def test_again_there_is_nothing_to_be_done(folder):
    before = times(folder)
    done = tiny(folder)
    assert done.returncode == 0
    assert "Nothing to be done" in done.stderr
    assert times(folder) == before


@pytest.mark.slow
def test_a_deleted_chunk_is_made_again_and_no_other(folder):
    chunk, *others = sorted(file for file in (folder / "results" / "chunks").glob("*.nc") if "summary" not in file.name)
    kept = times(folder)
    with xr.open_dataset(chunk, decode_timedelta=False) as data:
        before = data.load()
    chunk.unlink()
    done = tiny(folder)
    assert done.returncode == 0, done.stderr
    assert all(times(folder)[file] == kept[file] for file in others)
    with xr.open_dataset(chunk, decode_timedelta=False) as data:
        for name in ("mean_potential", "spike_time", "spike_cell", "spike_run", "run_id"):
            assert np.array_equal(data[name].values, before[name].values), name


@pytest.mark.slow
def test_a_second_name_simulates_nothing_again(folder):
    kept = {file: time for file, time in times(folder).items() if file.parent.name == "chunks"}
    done = tiny(folder, name="second")
    assert done.returncode == 0, done.stderr
    assert "simulate" not in done.stderr
    assert all(times(folder)[file] == time for file, time in kept.items())


def test_the_plan_to_read_is_the_plan_that_snakemake_follows(folder):
    """With half of the runs there, a third of the rest new."""
    words = SWEEP.replace("0,0.5", "0,0.5,0.7").split()
    listed = tiny(folder, "-n", overrides=" ".join(words))
    shown = psst(folder, "plan", "--json", "name=tiny", *words)
    assert shown.returncode == 0, shown.stderr
    plan = json.loads(shown.stdout)
    assert (plan["runs"], plan["finished"]) == (48, 32)
    missing = sum(row["chunks"] - row["finished"] for row in plan["chunks"])
    assert simulate_jobs(listed.stdout + listed.stderr) == missing > 0
    assert plan["expected"]["core_hours"] > 0 and "finished jobs" in plan["expected"]["source"]
    text = psst(folder, "plan", "name=tiny", f"overrides={' '.join(words)}").stdout
    assert "tiny: 48 runs, of which 32 are there" in text and "expected:" in text


def test_a_script_that_is_touched_makes_nothing_anew(folder):
    for script in (ROOT / "workflow" / "scripts").glob("*.py"):
        os.utime(script)
    assert "Nothing to be done" in tiny(folder).stderr


def test_changed_code_of_a_figure_draws_that_figure_again(folder, tmp_path):
    """In a copy of PSST: one job draws, one writes the page that shows the figure, and one is that of the target."""
    for part in ("psst_core", "workflow", "conf"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=shutil.ignore_patterns("__pycache__"))
    with (tmp_path / "psst_core" / "figures" / "phase_diagram.py").open("a") as code:
        code.write("\n\nCHANGED = True\n")
    command = [Path(sys.executable).with_name("snakemake"), "-s", tmp_path / "workflow" / "Snakefile", "-n"]
    command += ["--directory", folder, "--config", f"overrides={SWEEP}", "name=tiny"]
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, env=environment)
    assert done.returncode == 0, done.stderr
    text = done.stdout + done.stderr
    assert re.search(r"^draw +1$", text, re.MULTILINE) and re.search(r"^total +3$", text, re.MULTILINE), text
    assert re.search(r"^describe +1$", text, re.MULTILINE), text


def test_a_report_of_what_is_there(folder):
    """Every figure and table once, with its caption; nothing is planned, drawn or simulated again."""
    before = times(folder)
    done = snakemake(folder, "--config", "experiment=report")
    assert done.returncode == 0 and "Nothing to be done" in done.stderr, done.stderr
    done = snakemake(folder, "--config", "experiment=report", "--report", "results/report.html")
    assert done.returncode == 0, done.stderr
    text = (folder / "results" / "report.html").read_text()
    categories = json.loads(re.search(r"var categories = (.*?);\n", text)[1])
    drawn = {str(file.relative_to(folder)) for file in (folder / "results" / "tiny" / "figures").glob("*.png")}
    tables = {str(file.relative_to(folder)) for file in (folder / "results" / "tiny" / "tables").glob("*.csv")}
    assert set(categories["tiny"]["Other"]) == drawn | tables | {"results/tiny/about.html"}
    caption = Spectra.caption.split("(")[0].strip()
    assert caption in text and times(folder) == before


def test_a_second_workflow_in_the_folder_is_refused(folder):
    with Folder(folder / "results").lock():
        done = tiny(folder, name="third")
        cleaned = psst(folder, "clean", "--remove")
    assert done.returncode != 0 and "is in use by process" in done.stderr and "rule simulate" not in done.stderr
    assert cleaned.returncode == 1 and "is in use by process" in cleaned.stderr
    assert not (folder / "results" / "third").exists()


def test_a_folder_is_locked_as_long_as_a_workflow_runs(folder):
    command = [*SNAKEMAKE, "--directory", folder, "--config", "experiment=locust_coupling", "name=fourth"]
    logs = folder / "results" / "logs" / "simulate"
    before = set(logs.glob("*.log"))
    with subprocess.Popen([*command, f"overrides={SWEEP} run.seed=4"], stderr=subprocess.DEVNULL) as running:
        while set(logs.glob("*.log")) <= before and running.poll() is None:
            time.sleep(0.05)
        with pytest.raises(PsstError, match="is in use by process"):
            Folder(folder / "results").lock()
        assert running.wait() == 0
    Folder(folder / "results").lock().close()


@pytest.mark.slow
def test_a_sample_from_a_file_and_the_same_from_the_command_line(folder):
    (folder / "mine.yaml").write_text(
        "axes: {network.ach: 'interval(0,2)', network.gaba: 'loginterval(0.01,1)', solver: 'rk4,euler'}\n"
        "sample: {method: sobol, points: 4}\nwhere: [ach > gaba]\ntrials: 2\n"
    )
    start = " ".join(word for word in TINY.split() if "sweep" not in word) + " network.size=8 "
    done = tiny(folder, overrides=f"{start} sweep=mine.yaml", name="sample")
    assert done.returncode == 0, done.stderr
    words = "sweep=single network.ach=interval(0,2) network.gaba=loginterval(0.01,1) solver=rk4,euler "
    words += "sweep.sample.points=4 sweep.where=ach>gaba sweep.trials=2"
    again = tiny(folder, overrides=start + words, name="again")
    assert again.returncode == 0, again.stderr
    assert re.search(r"^again: (\d+) runs, of which \1 are there$", again.stderr, re.MULTILINE), again.stderr
    runs = []
    for name in ("sample", "again"):
        with xr.open_dataset(folder / "results" / name / "sweep.nc", decode_timedelta=False) as cube:
            runs.append(cube["run_id"].values.tolist())
            assert {name: cube.sizes[name] for name in ("run", "solver", "network", "trial")} == {
                "run": int((cube["ach"] > cube["gaba"]).sum()),
                "solver": 2,
                "network": 1,
                "trial": 2,
            }
            assert cube["ach"].dims == cube["gaba"].dims == ("run",)
            assert (cube["status"] == 0).all()
    assert runs[0] == runs[1]


WRONG = {
    "an unknown experiment": (["--config", "experiment=nope"], "experiment=nope: no such experiment"),
    "an unknown option": (["--config", "experimnt=chain_of_three"], "experimnt"),
    "a wrong value": (["--config", "overrides=network.size=-4"], "network.size=-4: must be between 1 and 10,000,000"),
    "a name outside": (["--config", "name=../../evil"], "name=../../evil"),
    "a sweep that is none": (["--config", "overrides=network.gaba=1,2 sweep.where=gaba>2"], "holds at none of the 108"),
    "forgotten quotes": (
        ["--config", "experiment=lorenz", "overrides=run.duration=60", "run.dt=0.5"],
        "write --config experiment=lorenz overrides='run.duration=60 run.dt=0.5'\n",
    ),
    "a second --config": (["--config", "name=a", "--config", "overrides=solver=rk4"], "--config: is given 2 times"),
    "a dict": (["--config", "overrides={network.size: 8}"], "conf/experiment"),
}


@pytest.mark.parametrize("wrong", WRONG)
def test_bad_input_stops_before_any_job(folder, wrong):
    arguments, message = WRONG[wrong]
    before = times(folder)
    done = snakemake(folder, *arguments)
    assert done.returncode != 0
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert "rule simulate" not in done.stderr
    assert times(folder) == before
    assert not (folder.parent / "evil").exists()


def test_a_dry_run_writes_nothing(tmp_path):
    done = tiny(tmp_path, "-n")
    assert done.returncode == 0, done.stderr
    assert "tiny: 32 runs, of which 0 are there" in done.stdout and "  expected: " in done.stdout
    assert simulate_jobs(done.stdout) == 4 and not (tmp_path / "results").exists()


def test_only_simulation_imports_tensorflow(folder):
    """Plan, summarise, gather and draw, each really done, in a process that must not see TensorFlow."""
    script = """
import sys
from pathlib import Path
from psst_core import make_plan, open_sweep
from psst_core.results.summary import summarise
from psst_core.store.dataset import read
from psst_core.drawing import save
from psst_core.figures.chosen import available
from psst_core.results.gather import gather
plan = make_plan("locust_coupling")
chunk = next(f for f in Path("results/chunks").glob("*.nc") if "summary" not in f.name)
summarise(read(chunk), plan.config)
gather(Path("results/tiny"), Path("results/tiny/planned").read_text().strip())
results = open_sweep("results/tiny")
for name in available(plan.figures, plan.axes, plan.config):
    save(name, results, [Path(f"results/{name}.png")])
assert "tensorflow" not in sys.modules and "keras" not in sys.modules
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_the_profiles_share_no_key_and_slurm_is_reached_by_its_name():
    profiles = ROOT / "workflow" / "profiles"
    default, slurm = (yaml.safe_load((profiles / name / "config.yaml").read_text()) for name in ("default", "slurm"))
    assert not set(default) & set(slurm)
    assert (ROOT / "slurm").resolve() == profiles / "slurm" / "config.yaml"


def test_a_manifest_is_all_that_a_job_reads(folder):
    """Its configuration resolved, its runs by id."""
    for file in (folder / "results" / "chunks").glob("*.json"):
        manifest = json.loads(file.read_text())
        assert manifest["chunk"] == file.stem
        assert {len(run["id"]) for batch in manifest["batches"] for run in batch} == {16}
        assert "sweep" not in manifest["config"]


@pytest.mark.slow
def test_failures_and_divergence_are_the_last_words(tmp_path):
    """Of a plugin that returns what it may not, mended; then of runs that all diverge."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "conf" / "stimulus").mkdir(parents=True)
    (tmp_path / "conf" / "stimulus" / "ramp.yaml").write_text("type: ramp\namplitude: 30.0\n")
    (tmp_path / "plugins" / "ramp.py").write_text(RAMP.format("[now.t, now.t]"))
    start = " ".join(word for word in TINY.split() if not word.startswith("stimulus"))
    start += " stimulus=ramp network.size=8 solver=rk4 network.coupling=0,1 figures=[]"
    done = tiny(tmp_path, overrides=start)
    *_, why, end = done.stderr.splitlines()
    assert done.returncode == 1 and "Traceback" not in done.stderr and "CalledProcessError" not in done.stderr
    assert why.startswith(
        "simulate of 4 runs (size=8, coupling=0, 1, solver=rk4): stimulus: waveform of Ramp (plugins.ramp)"
    )
    assert end.startswith("Stopped, as 1 job failed: 0 of 4 runs are there, to stay; mend what is named above")
    (tmp_path / "plugins" / "ramp.py").write_text(RAMP.format("now.t"))
    done = tiny(tmp_path, overrides=f"{start} run.dt=0.5 recorder.interval=0.5", name="far")
    *_, where, counts, remedy = done.stderr.splitlines()
    assert done.returncode == 0 and "  warning: run.dt=0.5 ms: " in done.stderr
    assert where.startswith("Made, without one run to use: results/far/sweep.nc")
    assert counts.startswith("far: 4 of 4 runs diverged (first at ") and "run.dt=0.01 in place of 0.5 ms" in remedy
    again = tiny(tmp_path, overrides=f"{start} run.dt=0.5 recorder.interval=0.5", name="far")
    assert again.stderr.splitlines()[-2:] == [counts, remedy] and psst(tmp_path, "status", "far").stdout.count(
        "diverged (first"
    )


@pytest.mark.slow
def test_an_extended_sweep_and_changed_physics_through_snakemake(tmp_path):
    """Six new runs of fifteen; a plugin's physics changed, then reverted."""
    (tmp_path / "plugins").mkdir()
    (tmp_path / "conf" / "stimulus").mkdir(parents=True)
    (tmp_path / "conf" / "stimulus" / "ramp.yaml").write_text("type: ramp\namplitude: 30.0\n")
    ramp = RAMP.format("now.t / 20.0")
    (tmp_path / "plugins" / "ramp.py").write_text(ramp)
    start = " ".join(word for word in TINY.split() if not word.startswith("stimulus"))
    start += " stimulus=ramp network.size=8 solver=rk4 sweep.trials=1 network.coupling=0.2,0.5,1 figures=[] "
    start = start.replace("sweep.trials=2 ", "", 1) + "network.gaba="

    def simulated(values):
        before = times(tmp_path)
        done = tiny(tmp_path, overrides=start + values)
        assert done.returncode == 0, done.stderr
        after = times(tmp_path)
        chunks = {file: time for file, time in before.items() if file.parent.name == "chunks"}
        assert all(after[file] == time for file, time in chunks.items())
        new = [
            file for file in after.keys() - chunks.keys() if file.parent.name == "chunks" and file.name.count(".") == 1
        ]
        with xr.open_dataset(tmp_path / "results" / "tiny" / "sweep.nc", decode_timedelta=False) as cube:
            assert cube.sizes["gaba"] == values.count(",") + 1 and (cube["status"] == 0).all()
            return sum(len(xr.open_dataset(file, decode_timedelta=False)["run"]) for file in new), cube["run_id"].values

    assert simulated("0.1,0.5,1")[0] == 9
    count, first = simulated("0.1,0.5,1,1.5,2")
    assert count == 6
    (tmp_path / "plugins" / "ramp.py").write_text(ramp.replace("/ 20.0", "/ 20.0  # ms"))
    assert simulated("0.1,0.5,1,1.5,2")[0] == 0
    (tmp_path / "plugins" / "ramp.py").write_text(RAMP.format("now.t / 10.0"))
    count, changed = simulated("0.1,0.5,1,1.5,2")
    assert count == 15 and not np.isin(changed, first).any()
    (tmp_path / "plugins" / "ramp.py").write_text(ramp)
    count, reverted = simulated("0.1,0.5,1,1.5,2")
    assert count == 0 and np.array_equal(reverted, first)


@pytest.mark.slow
def test_a_part_of_the_default_experiment_under_a_name(tmp_path):
    done = snakemake(
        tmp_path,
        "--config",
        "experiment=locust_coupling",
        "overrides=network.size=60 network.coupling=0.5,1 solver=rk4 run.duration=200 recorder.window=[100,200]",
        "name=mine",
    )
    assert done.returncode == 0, done.stderr
    with xr.open_dataset(tmp_path / "results" / "mine" / "sweep.nc", decode_timedelta=False) as cube:
        assert dict(cube.sizes) == {"size": 1, "coupling": 2, "solver": 1, "network": 2, "trial": 4, "population": 2}
        assert cube["coupling"].values.tolist() == [0.5, 1.0]
        assert (cube["status"] == 0).all()
