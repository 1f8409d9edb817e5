"""Every file tells where it comes from, and none of that enters what a run is."""

import json
import os
import subprocess

import pytest

from psst_core.attributes import file_units
from psst_core.commands.blame import PROVENANCE, SAME
from psst_core.config.checks import check
from psst_core.errors import PsstError
from psst_core.host.hardware import DRIVER, accelerators
from psst_core.plan.sweep_plan import axis_lines, make_plan
from psst_core.results.about import page
from psst_core.results.sweep_results import open_sweep
from psst_core.store import provenance
from psst_core.store.dataset import CIRCUMSTANCES, read
from psst_core.sweep.runs import Axis
from support.configurations import configuration
from support.made_up import made_up_sweep
from support.sweeps import TINY, run_sweep

ONE = TINY + "network.size=8 network.coupling=0 solver=rk4"


def test_a_checkout_is_known_by_its_commit_and_whether_it_is_changed(tmp_path, monkeypatch):
    monkeypatch.setattr(provenance, "CHECKOUT", tmp_path)
    assert provenance.checkout()["git_commit"].startswith("unknown: the code is no git checkout")
    assert "commit" not in provenance.source({})
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    for words in (["init", "-q"], ["commit", "-q", "--allow-empty", "-m", "begin"]):
        subprocess.run([*git, *words], cwd=tmp_path, check=True)
    commit = subprocess.run([*git, "rev-parse", "HEAD"], cwd=tmp_path, capture_output=True, text=True).stdout.strip()
    (tmp_path / "notes.txt").write_text("not ours")
    assert provenance.checkout() == {"git_commit": commit, "git_dirty": 0}
    (tmp_path / "conf").mkdir()
    (tmp_path / "conf" / "mine.yaml").write_text("ours")
    assert provenance.checkout() == {"git_commit": commit, "git_dirty": 1}
    assert provenance.source(provenance.checkout()).endswith(f", git commit {commit}, with changes")


def test_why_a_commit_is_unknown_is_told_and_recorded(tmp_path, monkeypatch):
    """A folder of another user, no git, no commit yet, a broken checkout; a worktree and a shallow clone are known."""
    checkout = tmp_path / "checkout"
    checkout.mkdir()
    monkeypatch.setattr(provenance, "CHECKOUT", checkout)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b"]
    subprocess.run([*git, "init", "-q"], cwd=checkout, check=True)
    assert provenance.checkout() == {"git_commit": "unknown: the checkout has no commit yet"}
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "begin"], cwd=checkout, check=True)
    known = provenance.checkout()
    for words, place in ((["worktree", "add", "-q"], "tree"), (["clone", "-q", "--depth=1"], "shallow")):
        source = [f"file://{checkout}"] if place == "shallow" else []
        subprocess.run([*git, *words, *source, tmp_path / place], cwd=checkout, capture_output=True, check=True)
        monkeypatch.setattr(provenance, "CHECKOUT", tmp_path / place)
        assert provenance.checkout() == known
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "shallow" / ".git"))
    monkeypatch.setattr(provenance, "CHECKOUT", checkout)
    assert provenance.checkout() == known
    with monkeypatch.context() as changed:
        changed.setenv("PATH", str(tmp_path))
        assert provenance.checkout() == {"git_commit": "unknown: git is not installed here"}
    if os.getuid() == 0:
        for file in (checkout, checkout / ".git"):
            os.chown(file, 1234, 1234)
        found = provenance.checkout()
        remedy = f"git config --global --add safe.directory {checkout}"
        assert found["git_commit"].startswith("unknown: ") and found["git_commit"].endswith(remedy)
        assert provenance.source(found).endswith(", commit unknown")
        plan = make_plan("chain_of_three", "", "mine", tmp_path / "results")
        assert f"warning: the commit of the code will not be recorded: {checkout} belongs to" in axis_lines(plan)[-1]
        subprocess.run(remedy.split(), env=os.environ | {"HOME": str(tmp_path)}, check=True)
        monkeypatch.setenv("HOME", str(tmp_path))
        assert provenance.checkout() == known
    (checkout / ".git" / "HEAD").write_text("")
    assert "unknown: " in provenance.checkout()["git_commit"]


@pytest.mark.usefixtures("tensorflow")
def test_an_accelerator_is_known_by_its_name_and_driver():
    one = {"device_name": "NVIDIA H200", "compute_capability": (9, 0)}
    assert accelerators([]) == {} == accelerators()
    assert accelerators([one, one], "580.65") == {
        "accelerator": "2 x NVIDIA H200, compute capability 9.0",
        "driver": "580.65",
    }
    assert accelerators([one, {}], "1")["accelerator"] == "NVIDIA H200, compute capability 9.0; unknown name"
    assert accelerators([one])["driver"]
    for text, driver in {
        "NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.129.03  Thu Oct 19 18:56:32 UTC 2023": "535.129.03",
        "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  580.65.06  Release Build  (root@x)": "580.65.06",
    }.items():
        assert DRIVER.search(text)[1] == driver
    assert {"accelerator", "driver"} <= CIRCUMSTANCES and {"accelerator", "driver"} <= {*SAME} & {*PROVENANCE}


def test_a_page_says_whose_configuration_it_shows(tmp_path):
    results = made_up_sweep(tmp_path, [Axis("network.coupling", "coupling", (0.0, 0.5), "coupling")])
    text = (
        "Of the first run 0000000000000000, at network.coupling 0.0; other runs have other values of network.coupling"
    )
    assert text in page(results)
    with read(results.file) as cube:
        cube.load().to_netcdf(tmp_path / "alone.nc")
    assert "Of the first run, at network.coupling 0.0" in page(open_sweep(tmp_path / "alone.nc"))


def test_a_chunk_tells_who_made_it_where_from_what(tmp_path, monkeypatch):
    monkeypatch.setattr("psst_core.plan.sweep_plan.checkout", lambda: {"git_commit": "c0ffee", "git_dirty": 1})
    monkeypatch.setenv("SLURM_JOB_ID", "17")
    results = run_sweep(tmp_path, "locust_coupling", ONE, "mine")
    chunk = results.plan["chunk"].iloc[0]
    with read(results.home.chunk_file(chunk)) as file:
        made = file.attrs
        assert set(file["mean_potential"].coords) >= {"run_id", "network", "trial"}
        assert file["cell_population"].attrs["flag_meanings"] == "pn ln"
    assert (made["git_commit"], made["git_dirty"], made["job_id"]) == ("c0ffee", 1, "17")
    assert made["command"].startswith("psst run experiment=locust_coupling name=mine run.duration=20 ")
    assert made["command"] in made["history"]
    assert "provenance" not in json.loads(made["manifest"])
    assert made["host"] and json.loads(made["versions"])["psst-core"] and made["created"] in made["history"]
    with read(results.home.summary_file(chunk, results.record["analysis_digest"])) as summary:
        assert summary.attrs["git_commit"] == "c0ffee" and summary.attrs["chunk"] == chunk
        assert summary.attrs["history"].startswith(made["history"]) and "manifest" not in summary.attrs
    assert results.cube.attrs["source"] == made["source"] == "PSST 0.1.0, git commit c0ffee, with changes"


def test_where_a_plan_comes_from_names_no_chunk(tmp_path, monkeypatch):
    plans = []
    for commit in ("one", "other"):
        monkeypatch.setattr(
            "psst_core.plan.sweep_plan.checkout", lambda commit=commit: {"git_commit": commit, "git_dirty": 0}
        )
        plans.append(make_plan("locust_coupling", ONE, commit, tmp_path))
    assert plans[0].manifests.keys() == plans[1].manifests.keys() and plans[0].digest == plans[1].digest
    assert [next(iter(plan.manifests.values())).provenance["git_commit"] for plan in plans] == ["one", "other"]


@pytest.mark.parametrize(
    "unit,text",
    [("mS/cm2", "mS/cm^2"), ("mM", "(mmol/L)"), ("1/(ms mM)", "1/(ms (mmol/L))"), ("uM4", "(umol/L)^4"), ("mV", "mV")],
)
def test_units_in_files_are_those_that_udunits_and_pint_read(unit, text):
    assert file_units(unit) == text


def test_no_two_traces_have_one_name():
    config = configuration("chain_of_three", network__size=6)
    populations = config["network"]["populations"]
    populations["hh_ach"] = populations["hh"]
    config["recorder"]["variables"] = {"hh": ["ach.open"], "hh_ach": ["open"]}
    with pytest.raises(PsstError, match=r"hh\.ach\.open and hh_ach\.open have one name in files, trace_hh_ach_open"):
        check(config)
