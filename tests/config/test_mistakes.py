"""Mistakes in overrides, files and tables: one paragraph in PSST's words, with key, value and what to write."""

import pytest

from psst_core.errors import PsstError
from psst_core.plan.sweep_plan import make_plan
from support.sweeps import run_sweep

FOREIGN = ("omegaconf", "hydra", "object_type", "mapping values", "viable", "token", "expected <", "NoneType", "while ")
OVERRIDES = [
    ("network.size=60,,120", "a value is missing beside a comma"),
    ("network.size=60,", "a value is missing beside a comma"),
    ("network.size=sixty", "network.size=sixty: must be a whole number"),
    ("network.size=[60,120]", "is a list where one number belongs; an axis is written network.size=60,120"),
    ("recorder.window=100", "must be a list, such as recorder.window=[100]"),
    ("coupling=0.5", "coupling: no such key (did you mean network.coupling?)"),
    ("coupling=0,0.5", "did you mean network.coupling?"),
    ("duration=200", "did you mean run.duration"),
    ("sodium.conductanc=3", ".conductance?)"),
    ("network.gaba=(1", "its brackets do not match"),
    ("0.5", "has no value; write it as key=value"),
    ("=0.5", "has no key"),
    ("network.gaba=1=2", "holds another ="),
    ("network.gaba=linspace(0,1)", "write linspace(first,last,count)"),
    ("network.gaba=linspaced(0,1,3)", "did you mean linspace?"),
    ("network.projections.pn_ln.pre=pnn", "there is no such population (did you mean pn?); there are: pn, ln"),
    ("network.projections.pn_ln.synapse=acch", "there is no such synapse (did you mean ach?)"),
    ("solver=rk5", "did you mean rk4?"),
    ("solver=[rk4,euler]", "an axis is written solver=rk4,euler"),
    ("sweep=[single]", "a choice is written sweep=single"),
    ("sweep.trials=[1,2]", "sweep.trials=[1,2]: is a list where one number belongs"),
    ("network.populations.pm.share=1", "did you mean network.populations.pn.share?"),
]
FILES = [
    ("network: {sise: 8}", "e.yaml: network.sise: no such key (did you mean size?)"),
    ("network: {size: sixty}", "e.yaml: network.size=sixty: must be a whole number"),
    ("network: {size: [60, 120]}", "an axis is written network.size=60,120"),
    ("network.size: 8", "no such key in a file; write {network: {size: …}}"),
    ("netwrk: {size: 8}", "did you mean network?"),
    ("network: {populations: {pn: {mechanisms: {sodium: {conductanse: 5}}}}}", "did you mean conductance?"),
    ("run: {dt: 0.01, dt: 0.02}", "line 2 has the duplicate key dt"),
    ("run:\n\tdt: 1", "line 3 cannot be read"),
    ("run: dt: 1", "line 2 cannot be read"),
    ("run:", "run=: needs keys with values"),
    ("run: {dt: !!float 1}", "line 2 has the tag !!float"),
    ("figures: raster", "must be a list, such as figures=[raster]"),
    ("network: {coupling: '0,5'}", "must be a number, with a decimal point: 0.5"),
    ("network: {coupling: 0,5}", "in braces a comma ends a value"),
    ("network: {coupling: 0.5, size:60}", "write a space behind the colon"),
    (
        "stimulus: {cells: [[0], [1]]}",
        "an axis is written stimulus.cells=[0],[1], in a file sweep: {axes:",
    ),
    ("sweep: {axes: {network.gaba: 0,1}}", "in braces a comma ends a value"),
    ("sweep: {axes: {network.gaba: range(0,1,0.5)}}", "write quotes around one with commas in it"),
    ("sweep: {axes: {solver: [[rk4, euler]]}}", "an axis is written solver=rk4,euler"),
    ("sweep: {axes: [1]}", "sweep.axes"),
    ("sweep: {axes: {network.gabba: '1,2'}}", "did you mean gaba?"),
    ("sweep: {network.gaba: '1,2'}", "an axis is written {axes: {network.gaba: …}}"),
    ("sweep: {where: gaba>1}", "must be a list, such as sweep.where=[gaba>1]"),
    ("recorder: {runs: {coupling: 0.5}}", "must be a list, such as recorder.runs.coupling=[0.5]"),
    ("defaults: [override /network: locust]", "did you mean locust_al?"),
    ("defaults: [override /netwrk: locust_al]", "did you mean network?"),
    ("defaults: [network: locust_al]", "write `override /network: locust_al`"),
    ("- a", "needs keys with values"),
    ("run: &r {dt: *r}", "holds itself"),
]
TABLES = [
    ("network.gaba;network.ach\n1;2\n", "has semicolons between its columns; write commas"),
    ("network.gaba\tnetwork.ach\n1\t2\n", "has tabs between its columns"),
    (",network.gaba\n0,1\n1,2\n", "its first column has no key"),
    ("Unnamed: 0,network.gaba\n0,1\n1,2\n", "its first column has no key"),
    ("0.5,1\n0.6,1\n", "begins with numbers (0.5, 1); write a first line of keys"),
    ("gaba\n1\n2\n", "did you mean network.gaba?"),
    ('network.gaba\n"0,5"\n', "with a decimal point: 0.5"),
    ("stimulus.cells,network.gaba\n[0,1],2\n", "a list stands in quotes there"),
    ("network.gaba\n0.5\n\n,\n", "point 2 has not one value for each"),
]


def refused(overrides, message):
    with pytest.raises(PsstError) as error:
        make_plan("e" if "sweep.table" not in overrides and not overrides else "locust_coupling", overrides)
    text = str(error.value)
    assert message in text
    assert "\n" not in text and len(text) < 600
    assert not [word for word in FOREIGN if word in text]


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for group in ("experiment", "network", "solver"):
        (tmp_path / "conf" / group).mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize("override,message", OVERRIDES)
def test_overrides(here, override, message):
    refused(override, message)


@pytest.mark.parametrize("text,message", FILES)
def test_experiment_files(here, text, message):
    (here / "conf" / "experiment" / "e.yaml").write_text(f"# @package _global_\n{text}\n")
    refused("", message)


@pytest.mark.parametrize("text,message", TABLES)
def test_tables(here, text, message):
    (here / "points.csv").write_text(text)
    refused("sweep=single sweep.table=points.csv", message)


@pytest.mark.parametrize(
    "text,message",
    [
        ("axis: {network.gaba: '0,1'}", "mine.yaml: sweep.axis: no such key (did you mean axes?)"),
        ("network.gaba: '0,1'", "an axis is written {axes: {network.gaba: …}}"),
        ("axes: {gaba: '0,1'}", "did you mean network.gaba?"),
        ("trials: two", "mine.yaml: sweep.trials=two: must be a whole number"),
        ("sample: {pionts: 8}", "did you mean points?"),
    ],
)
def test_sweep_files(here, text, message):
    (here / "mine.yaml").write_text(text + "\n")
    refused("sweep=mine.yaml", message)


EXPERIMENT = """# @package _global_
defaults: [override /network: 001, override /stimulus: constant, override /sweep: single]
description: 007
run: {duration: 1e1, dt: 5e-2}
recorder: {window: [0, 10], variables: {hh: [v]}, runs: {network: [001, 1e3]}}
analysis: {spectrum: [0, 10]}
sweep:
  axes: {network: [001, 10_5, 1e3, true, null], solver: [10_5, rk4], stimulus.amplitude: [001, 010, 011]}
figures: []
"""


def test_choices_that_look_like_numbers_stay_words(here):
    """From files, overrides and tables, along their own dimension and along `run`, to the selected run."""
    names = ["001", "10_5", "1e3", "true", "null"]
    for number, name in enumerate(names):
        text = f"defaults: [hodgkin_huxley]\nsize: 1\npopulations: {{hh: {{capacitance: 1.{number + 1}}}}}\n"
        (here / "conf" / "network" / f"{name}.yaml").write_text(text)
    (here / "conf" / "solver" / "10_5.yaml").write_text("name: euler\nprecision: float64\n")
    (here / "conf" / "experiment" / "e.yaml").write_text(EXPERIMENT)
    (here / "points.csv").write_text("network,solver\n001,10_5\n1e3,rk4\n")
    grid = run_sweep(here / "results", "e", "", "grid")
    assert grid.record["config"]["description"] == "007"
    assert grid.cube["network_choice"].values.tolist() == names and grid.cube["solver"].values.tolist() == [
        "10_5",
        "rk4",
    ]
    for number, name in enumerate(names):
        run = grid.run(network=name, solver="10_5", amplitude=10)
        assert run.config["network"]["populations"]["hh"]["capacitance"] == 1 + (number + 1) / 10
        assert run.config["solver"]["name"] == "euler"
    assert len(grid.select(network=0)) == 30 and len(grid.select(**grid.point(["network=001", "trial=0"]))) == 6
    assert grid.traces(network="1e3", amplitude=11).sizes["run"] == 2
    for wrong in (1, 1000.0, "1"):
        with pytest.raises(PsstError, match=r"there are: 001, 10_5, 1e3, true, null"):
            grid.select(network_choice=wrong)
    single = "".join(line for line in EXPERIMENT.splitlines(True) if not line.startswith(("sweep:", "  axes:")))
    (here / "conf" / "experiment" / "t.yaml").write_text(single)
    zipped = "sweep.zip=[[network,solver]] network=001,1e3 solver=10_5,rk4"
    for experiment, words in (("e", zipped), ("t", "sweep.table=points.csv")):
        plan = make_plan(experiment, f"{words} recorder.runs.network=[001]")
        together = {axis.name: axis.values for axis in plan.axes if axis.dimension == "run"}
        assert together == {"network_choice": ("001", "1e3"), "solver": ("10_5", "rk4")}
    found = run_sweep(here / "results", "e", f"{zipped} recorder.runs.network=[001]", "zip")
    assert found.run(network="1e3", amplitude=10).config["network"]["populations"]["hh"]["capacitance"] == 1.3
    assert found.cube["network_choice"].values.tolist() == ["001", "1e3"]
    for word in ("network=sort(10_5,001)", "network=glob(1*)"):
        plan = make_plan("e", f"{word} recorder.runs.network=[10_5]")
        (values,) = (axis.values for axis in plan.axes if axis.key == "network")
        assert values == (("001", "10_5") if "sort" in word else ("10_5", "1e3"))


def test_large_whole_numbers_are_found_exactly(here):
    (here / "conf" / "network" / "small.yaml").write_text("defaults: [hodgkin_huxley]\nsize: 1\n")
    text = EXPERIMENT.replace("network: 001", "network: small").replace(", runs: {network: [001, 1e3]}", "")
    axes = text.index("  axes")
    seeds = "2000000000, 2000000001, 9007199254740991, 9007199254740992"
    end = "figures: []\n"
    (here / "conf" / "experiment" / "e.yaml").write_text(
        text[:axes] + f"  axes: {{run.seed: [{seeds}], stimulus.amplitude: [0.1, 0.3]}}\n" + end
    )
    found = run_sweep(here / "results", "e", "network.start_jitter=0.01", "seeds")
    for seed in map(int, seeds.split(",")):
        assert found.run(run_seed=seed, amplitude=0.3).config["run"]["seed"] == seed
        assert found.select(run_seed=str(seed))["run_seed"].tolist() == [seed, seed]
    assert found.select(amplitude=0.1 + 0.2)["amplitude"].unique().tolist() == [0.3]
    for wrong in (
        {"run_seed": 2000000002},
        {"run_seed": 2000000000.5},
        {"amplitude": 0.3000001},
        {"amplitude": 0.3 + 1e-12},
    ):
        with pytest.raises(PsstError, match="not in the sweep"):
            found.select(**wrong)
