"""The command psst, as a person types it."""

import json

import numpy as np
import pytest
import xarray as xr

from psst_core.commands.cli import main
from psst_core.plan.sweep_plan import claim, make_plan
from support.sweeps import TINY, run_sweep

WORDS = [*TINY.split(), "network.size=8,12", "network.coupling=0,0.5", "solver=rk4"]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_a_plan_names_axes_shapes_and_what_it_will_cost(here, capsys):
    words = [word.replace("network.coupling=0,", "network.coupling=0.2,") for word in WORDS]
    assert main(["plan", "name=mine", *words, "network.gaba=interval(0,1)", "sweep.sample.points=30"]) == 0
    text = capsys.readouterr().out
    for line in (
        "mine: 240 runs, of which 0 are there",
        "  network.size: 8, 12",
        "  30 points along run, of",
        "    network.gaba: 0.0",
        "  1 network x 2 trials",
        "no finished jobs yet",
    ):
        assert line in text
    assert not list(here.iterdir())


def test_a_plan_counts_what_is_there_and_fits_its_costs_on_it(here, capsys):
    run_sweep(here / "results", "locust_coupling", " ".join(WORDS))
    assert main(["plan", "--json", "name=more", *WORDS[:-3], "network.size=8,12,16", *WORDS[-2:]]) == 0
    plan = json.loads(capsys.readouterr().out)
    assert (plan["runs"], plan["finished"]) == (12, 8)
    assert [(row["cells"], row["runs"], row["chunks"] - row["finished"]) for row in plan["chunks"]] == [
        (8, 4, 0),
        (12, 4, 0),
        (16, 4, 1),
    ]
    cost = plan["expected"]
    assert "fitted on 2 finished jobs on this kind of processor" in cost["source"]
    assert 0 < cost["core_hours"] == pytest.approx(cost["wall_hours"])
    assert all(0 <= error < np.inf for error in cost["relative_errors"].values())
    assert [axis["values"] for axis in plan["axes"] if axis["name"] == "size"] == [[8, 12, 16]]


def test_what_is_finished_is_gathered_and_drawn_while_a_sweep_runs(here, capsys):
    run_sweep(here / "results", "locust_coupling", " ".join(WORDS), "mine")
    more = " ".join([*WORDS[:-2], "network.coupling=0,0.5,1", WORDS[-1], "figures=[rate_map]"])
    claim(make_plan("locust_coupling", more, "mine"), here / "results")
    assert main(["gather", "mine"]) == 1
    assert "chunks are not finished" in capsys.readouterr().err
    before = sorted((here / "results" / "chunks").iterdir())
    assert main(["draw", "mine", "--partial"]) == 0
    assert "partial/sweep.nc: 8 of 12 runs" in capsys.readouterr().out
    assert {file.name for file in (here / "results" / "mine" / "partial" / "figures").iterdir()} == {
        "rate_map.png",
        "rate_map.svg",
    }
    assert sorted((here / "results" / "chunks").iterdir()) == before
    with xr.open_dataset(here / "results" / "mine" / "partial" / "sweep.nc") as cube:
        assert cube.attrs["partial"] == "8 of 12 runs"
        assert (cube["status"].sel(coupling=1) == 2).all() and (cube["status"].sel(coupling=[0, 0.5]) == 0).all()
    missing = [file for file in before if file.suffix == ".json" and not file.with_suffix(".nc").exists()]
    log = here / "results" / "logs" / "simulate" / f"{missing[0].stem}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    log.write_text("Traceback (most recent call last):\nMemoryError\n")
    assert main(["gather", "mine", "--partial"]) == 0
    with xr.open_dataset(here / "results" / "mine" / "partial" / "sweep.nc") as cube:
        assert set(cube["status"].sel(coupling=1).values.ravel()) == ({4} if len(missing) == 1 else {2, 4})


def test_cleaning_lists_first_and_removes_on_request(here, capsys):
    run_sweep(here / "results", "locust_coupling", " ".join(WORDS), "mine")
    assert main(["clean", "--remove"]) == 0
    assert "removed 0 files" in capsys.readouterr().out
    run_sweep(here / "results", "locust_coupling", f"{' '.join(WORDS)} run.seed=2", "mine")
    kept = {file for file in (here / "results" / "chunks").iterdir() if file.stat().st_size}
    assert main(["clean"]) == 0
    assert "psst clean --before lists what sweeps in NAME/before/ keep" in capsys.readouterr().out
    assert main(["clean", "--before"]) == 0
    assert "psst clean --before --remove removes them" in capsys.readouterr().out
    assert kept == set((here / "results" / "chunks").iterdir())
    assert main(["clean", "--before", "--remove"]) == 0
    assert len(list((here / "results" / "chunks").glob("*.json"))) == 2
    assert main(["gather", "mine"]) == 0


@pytest.mark.parametrize(
    "words,message",
    [
        (["plan", "experiment=nope"], "experiment=nope: no such experiment"),
        (["plan", "network.size=-4"], "network.size=-4"),
        (["plan", "name=../x"], "name=../x"),
        (["gather", "nothing"], "nothing: no sweep of this name in results/; there are: none"),
        (["draw", "nothing"], "nothing: no sweep of this name in results/; there are: none"),
        (["draw", "../results"], "name=../results: must be letters"),
        (["gather", "chunks", "--partial"], "name=chunks"),
    ],
)
def test_errors_are_one_line(here, capsys, words, message):
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith("psst: ") and message in error and error.count("\n") == 1
