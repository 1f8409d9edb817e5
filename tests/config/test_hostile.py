"""Configuration, overrides, names and files are data: hostile ones are refused, execute nothing and change nothing."""

import pickle
import subprocess
import sys

import numpy as np
import pytest

from psst_core.commands.cli import main
from psst_core.config.compose import CONF
from psst_core.errors import PsstError
from psst_core.figures.chosen import available
from psst_core.plan.sweep_plan import make_plan
from psst_core.results.gather import gather
from support.sweeps import TINY, run_sweep

WORDS = TINY + "network.size=8 network.coupling=0,0.5 solver=rk4"
CANARY = "touch canary"


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    folder = tmp_path_factory.mktemp("hostile")
    run_sweep(folder / "results", "locust_coupling", WORDS, "mine")
    return folder


@pytest.fixture
def here(made, monkeypatch):
    """Where earlier results lie, which stay as they are; no canary appears anywhere near."""
    monkeypatch.chdir(made)
    before = {file: file.read_bytes() for file in (made / "results").rglob("*") if file.is_file()}
    yield made
    assert before == {file: file.read_bytes() for file in (made / "results").rglob("*") if file.is_file()}
    assert not list(made.parent.rglob("canary*"))


VALUES = [
    "network.size=1e9",
    "network.size=nan",
    "network.size=-0",
    "network.size=9999999999999999999999",
    "network.coupling=-inf",
    "network.coupling=[1,2]",
    "network.coupling={a:1}",
    "network.coupling=null",
    "network.coupling=true",
    "run.dt=0",
    "run.dt=1e-300",
    "run.duration=inf",
    "run.seed=1.5",
    "run.seed=-1",
    "recorder.window=[0]",
    "solver.precision=float16",
    "solver.name=../../solver",
    "stimulus._target_=os.system",
    "network.populations.pn._target_=os.system",
    "network.populations.pn.mechanisms.sodium.type=leak",
    "network.synapses.ach.type=os.system",
    "network.start_file=/etc/passwd",
    "network.start_file=/dev/zero",
    "figures=[__init__]",
    "figures=[../../style]",
]
GRAMMAR = [
    "network.gaba=${oc.env:HOME}",
    "network.gaba=${eval:1}",
    f"network.gaba=$({CANARY})",
    f"network.gaba=`{CANARY}`",
    f"network.gaba=1;{CANARY}",
    f"network.gaba=1|{CANARY}",
    f"network.gaba=1&&{CANARY}",
    f"network.gaba=1\n{CANARY}",
    "network.gaba='1'",
    'network.gaba="1"',
    "network.gaba=1\\",
    "network.gaba=1#2",
    "network.gaba=\u200b1",
    "network.gaba=1\0",
    "+network.gaba=1",
    "++network.gaba=1",
    "~network.gaba",
    "network@stimulus=locust_al",
    "hydra.run.dir=canary",
    "hydra.searchpath=[file://canary]",
    "hydra/launcher=basic",
    "experiment=chain_of_three",
    "network=../network/locust_al",
    "network=/etc/passwd",
    "solver=glob([*)",
    "sweep.where=__import__('os').system('touch canary')",
    "sweep.where=().__class__",
    "sweep.table=/etc/passwd",
    "sweep.table=/dev/zero",
    "sweep=/etc/passwd.yaml",
]
NAMES = [
    "../canary",
    "/canary",
    "a/b",
    ".hidden",
    "..",
    "",
    " ",
    "-rf",
    "x" * 101,
    "chunks",
    "plans",
    "compiled",
    "canary\n",
    f"$({CANARY})",
    "é",
]
TABLES = [
    "network.gaba\n=cmd|' /C calc'!A0\n",
    "network.gaba\n__import__('os').system('touch canary')\n",
    "network.gaba\n${oc.env:HOME}\n",
    "network.gaba\nnan\n",
    "network.gaba\n1e999\n",
    "../network.gaba\n1\n",
    "_target_\nos.system\n",
    "network.gaba\n" + "9" * 5000 + "\n",
    "\x00\x00",
]
YAML = [
    "axes: !!python/object/apply:os.system ['touch canary']",
    "axes: !!python/name:os.system",
    "axes: {network.gaba: '${oc.env:HOME}'}",
    "axes: {network.gaba: {_target_: os.system}}",
    "_target_: os.system",
    "axes: &a {network.gaba: *a}",
    "a: &a [x,x,x,x,x,x,x,x]\nb: &b [*a,*a,*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b,*b]\naxes: {network.gaba: [*c,*c]}",
    "defaults: [/etc/passwd]",
    "axes: {network.gaba: '1,2'}\nwhere: [\"__import__('os').system('touch canary')\"]",
    "\x00",
]


@pytest.mark.parametrize("override", [*VALUES, *GRAMMAR], ids=repr)
def test_hostile_overrides(here, override):
    with pytest.raises(PsstError) as error:
        plan = make_plan("locust_coupling", f"sweep=single {override}" if "sweep=" not in override else override)
        available(plan.figures, plan.axes, plan.config)
    assert len(str(error.value)) < 1000


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_hostile_names(here, name):
    with pytest.raises(PsstError, match="name="):
        make_plan("chain_of_three", "", name)
    assert main(["gather", "--", name]) == 1
    assert main(["draw", "--partial", "--", name]) == 1


@pytest.mark.parametrize("table", TABLES, ids=repr)
def test_hostile_tables(here, tmp_path, table):
    (tmp_path / "points.csv").write_text(table)
    with pytest.raises(PsstError):
        make_plan("locust_coupling", f"sweep=single sweep.table={tmp_path}/points.csv")


@pytest.mark.parametrize("text", YAML, ids=repr)
def test_hostile_sweep_files(here, tmp_path, text):
    (tmp_path / "mine.yaml").write_text(text + "\n")
    with pytest.raises(PsstError):
        make_plan("locust_coupling", f"sweep={tmp_path}/mine.yaml")


STIMULI = [
    "type: !!python/object/apply:os.system ['touch canary']",
    "_target_: os.system\ntype: constant",
    "type: os.system",
    "type: constant\namplitude: ${oc.env:HOME}",
    'type: constant\namplitude: ${eval:\'__import__("os").system("touch canary")\'}',
    "type: constant\namplitude: !!python/name:os.system",
]


@pytest.mark.parametrize("text", STIMULI, ids=repr)
def test_hostile_configuration_files(here, tmp_path, monkeypatch, text):
    (tmp_path / "conf" / "stimulus").mkdir(parents=True)
    (tmp_path / "conf" / "stimulus" / "evil.yaml").write_text(text + "\n")
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PsstError):
        make_plan("locust_coupling", "stimulus=evil")
    assert not list(tmp_path.rglob("canary*"))


class _Evil:
    def __reduce__(self):
        import os

        return os.system, (CANARY,)


def pickled(path):
    np.savez(path, weights=np.array([_Evil()], dtype=object))


def pickle_itself(path):
    path.write_bytes(pickle.dumps(_Evil()))


def text(path):
    path.write_text("weights")


def empty(path):
    path.touch()


def not_finite(path):
    np.savez(path, weights=np.full((1, 2), np.nan))


def wrong_shape(path):
    np.savez(path, weights=np.ones((5, 5)))


def other_name(path):
    np.savez(path, w=np.ones((1, 1)))


def negative(path):
    np.savez(path, weights=-np.ones((1, 1)))


def truncated(path):
    np.savez(path.with_suffix(".npz"), weights=np.ones((1, 1)))
    path.write_bytes(path.with_suffix(".npz").read_bytes()[:-30])


@pytest.mark.parametrize(
    "write",
    [pickled, pickle_itself, text, empty, not_finite, wrong_shape, other_name, negative, truncated],
    ids=lambda write: write.__name__,
)
@pytest.mark.parametrize("ending", ["npz", "nc"])
def test_hostile_connectivity_files(here, tmp_path, monkeypatch, write, ending):
    (tmp_path / "conf" / "network").mkdir(parents=True)
    chain = (CONF / "network" / "chain_of_three.yaml").read_text()
    first = chain.index("connectivity:")
    own = chain[:first] + "connectivity: {type: file, path: weights." + ending + ", variable: weights}"
    (tmp_path / "conf" / "network" / "own.yaml").write_text(own + chain[first:][chain[first:].index("}") + 1 :])
    path = tmp_path / f"weights.{ending}"
    write(path if write in (pickle_itself, text, empty, truncated) or ending == "npz" else tmp_path / "other.npz")
    if not path.exists():
        (tmp_path / "other.npz").rename(path)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PsstError, match=r"weights\.(npz|nc)"):
        make_plan("chain_of_three", "network=own")
    assert not list(tmp_path.rglob("canary*"))


def test_hostile_result_files(here, tmp_path, monkeypatch):
    """What was damaged, exchanged or brought from elsewhere never enters a cube."""
    import shutil

    shutil.copytree(here / "results", tmp_path / "results")
    plan = (tmp_path / "results" / "mine" / "planned").read_text().strip()
    summary = next((tmp_path / "results" / "chunks").glob("*.summary.nc"))
    whole = summary.read_bytes()
    cube = tmp_path / "results" / "mine" / "sweep.nc"
    before = cube.read_bytes()
    for content in (b"", b"text", whole[: len(whole) // 2], pickle.dumps(_Evil()), cube.read_bytes()):
        summary.write_bytes(content)
        with pytest.raises(PsstError, match=r"summary\.nc"):
            gather(tmp_path / "results" / "mine", plan)
        assert cube.read_bytes() == before
    assert not list(tmp_path.rglob("canary*"))


ENVIRONMENT = {
    "XLA_FLAGS": f"--no_such_flag=$({CANARY})",
    "TF_XLA_FLAGS": f"; {CANARY}",
    "PYTHONBREAKPOINT": "os.system",
    "HYDRA_FULL_ERROR": f"$({CANARY})",
    "experiment": "../../canary",
    "SLURM_JOB_ID": f"$({CANARY})",
}


@pytest.mark.parametrize("variable", ENVIRONMENT)
def test_hostile_environment(here, monkeypatch, variable):
    """A plan in a process of its own is the same, but that a user's flags for XLA count, as text and no more."""
    script = "from psst_core import make_plan; print(sorted(make_plan('chain_of_three').manifests))"

    def planned():
        return subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout

    before = planned()
    monkeypatch.setenv(variable, ENVIRONMENT[variable])
    assert (planned() == before) == (variable != "XLA_FLAGS")
