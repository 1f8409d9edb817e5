"""Axes that move together, samples, tables and constraints; each wrong one is refused with its remedy."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psst_core.configuration import SampleConfig, SweepConfig
from psst_core.errors import PsstError
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.axes import METHODS, visit
from psst_core.sweep.constraint import holds
from psst_core.sweep.expand import expand
from psst_core.sweep.grammar import Interval

QUICK = ["network.size=8", "network.coupling=0.5", "solver=rk4", "sweep.networks=1", "sweep.trials=1"]


def sweep(*overrides):
    """A quick one; an override takes the place of its namesake."""
    chosen = {text.partition("=")[0] if "where" not in text else text: text for text in [*QUICK, *overrides]}
    return expand("locust_coupling", list(chosen.values()))


def points(found, *names):
    return [tuple(run.point[name] for name in names) for run in found.runs]


def test_zipped_axes_lie_along_one_dimension():
    found = sweep(
        "network.ach=0.5,1,2",
        "network.gaba=1,0.5,0.25",
        "sweep.zip=[network.ach,network.gaba]",
        "network.coupling=0.1,0.2",
    )
    assert {axis.name: axis.dimension for axis in found.axes} == {
        "ach": "run",
        "gaba": "run",
        "size": "size",
        "coupling": "coupling",
        "solver": "solver",
    }
    zipped = [(0, 0.5, 1.0), (1, 1.0, 0.5), (2, 2.0, 0.25)]
    assert points(found, "run", "ach", "gaba", "coupling") == [(*z, c) for z in zipped for c in (0.1, 0.2)]


def test_groups_and_short_names_can_be_zipped():
    found = sweep("solver=rk4,euler", "run.dt=0.02,0.005", "sweep.zip=[[solver,dt]]")
    assert points(found, "solver", "dt") == [("rk4", 0.02), ("euler", 0.005)]
    assert [(run.config["solver"]["name"], run.config["run"]["dt"]) for run in found.runs] == points(
        found, "solver", "dt"
    )


def test_a_sample_of_all_intervals_crosses_the_grid():
    found = sweep(
        "network.ach=interval(0,2)",
        "network.gaba=loginterval(0.01,1)",
        "stimulus.amplitude=5,10",
        "sweep.sample.points=16",
        "sweep.trials=2",
    )
    assert len(found.runs) == 16 * 2 * 2
    values = {axis.name: np.array(axis.values) for axis in found.axes}
    assert len(values["ach"]) == 16 and values["ach"].min() >= 0 and values["ach"].max() < 2
    halves = np.histogram(np.log(values["gaba"]), bins=4, range=(np.log(0.01), 0))[0]
    assert halves.tolist() == [4, 4, 4, 4]
    for run in found.runs:
        assert run.config["network"]["ach"] == values["ach"][run.point["run"]]


@pytest.mark.parametrize("method", METHODS)
def test_samples_are_uniform_and_repeatable(method):
    def drawn(points, seed=1):
        settings = SweepConfig(sample=SampleConfig(method, points, seed))
        axes = {"run.seed": Interval(1, 4, False), "network.gaba": Interval(0.1, 10, True)}
        return visit(axes, settings, lambda key: key == "run.seed").columns

    one = drawn(500)
    counts = np.bincount(one["run.seed"], minlength=5)
    assert counts[0] == 0 and counts[1:].min() > 90 and all(isinstance(value, int) for value in one["run.seed"])
    assert abs(np.log10(one["network.gaba"]).mean()) < 0.1
    assert drawn(500) == one and drawn(500, seed=2) != one
    if method != "latin_hypercube":
        assert {key: values[:300] for key, values in one.items()} == drawn(300)


def test_a_longer_sobol_sample_keeps_its_runs():
    few, many = (
        {run.id for run in sweep("network.gaba=interval(0,1)", f"sweep.sample.points={n}").runs} for n in (5, 9)
    )
    assert few < many


def test_a_table(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("network.gaba, solver,run.seed\n0.5,rk4,1\n\n1e-1,euler,7\n")
    found = expand("locust_coupling", [*QUICK[:2], *QUICK[3:], "sweep.table=points.csv", "sweep=single"])
    assert points(found, "gaba", "solver", "run_seed") == [(0.5, "rk4", 1), (0.1, "euler", 7)]
    assert {axis.dimension for axis in found.axes} == {"run"}
    assert "network.coupling" not in {axis.key for axis in found.axes}


def test_grid_zip_sample_and_table_multiply(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "points.csv").write_text("stimulus.spread\n0\n0.2\n0.4\n")
    found = sweep(
        "network.ach=0.5,1",
        "network.gaba=1,0.5",
        "sweep.zip=[[network.ach,network.gaba]]",
        "stimulus.amplitude=interval(5,15)",
        "sweep.sample.points=3",
        "sweep.table=points.csv",
        "network.coupling=0.1,0.2",
    )
    assert len(found.runs) == 2 * 3 * 3 * 2
    assert len({run.id for run in found.runs}) == len(found.runs)
    assert {len(axis.values) for axis in found.axes if axis.dimension == "run"} == {2 * 3 * 3}


def test_a_sweep_file_by_its_path(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text(
        "axes: {network.coupling: '0.1,0.2', solver: rk4, network.gaba: 'interval(0,1)'}\n"
        "sample: {points: 4}\nwhere: [gaba < 2 * coupling + 0.5]\ntrials: 3\n"
    )
    plan = make_plan("locust_coupling", "sweep=mine.yaml network.size=8 sweep.networks=2")
    same = make_plan(
        "locust_coupling",
        "sweep=single network.coupling=0.1,0.2 solver=rk4 network.gaba=interval(0,1) sweep.sample.points=4 "
        "sweep.where=gaba<2*coupling+0.5 sweep.trials=3 sweep.networks=2 network.size=8",
    )
    assert {run.id for run in plan.sweep.runs} == {run.id for run in same.sweep.runs}
    assert 0 < len(plan.sweep.runs) < 2 * 4 * 3 * 2 and len(plan.sweep.runs) % 6 == 0


def test_constraints_of_a_file_and_of_the_command_line_hold_together(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "mine.yaml").write_text("axes: {network.ach: '0,1,2', network.gaba: '0,1,2'}\nwhere: [ach > gaba]\n")
    found = expand("locust_coupling", ["sweep=mine.yaml", "network.size=8", "sweep.where=gaba>0"])
    assert points(found, "ach", "gaba") == [(2.0, 1.0)]


def test_values_are_what_was_written():
    assert points(sweep("network.gaba=0.1234567890123451,0.30000000000000004"), "gaba") == [
        (0.1234567890123451,),
        (0.30000000000000004,),
    ]
    assert points(sweep("network.size=8.0,12.0"), "size") == [(8,), (12,)]


def test_constraints_leave_holes_and_drop_what_nothing_has():
    found = sweep("network.ach=0,1,2", "network.gaba=0,1,2", "sweep.where=ach>gaba", "sweep.where=gaba<=1")
    assert points(found, "ach", "gaba") == [(1.0, 0.0), (2.0, 0.0), (2.0, 1.0)]
    assert {axis.name: axis.values for axis in found.axes if axis.name in ("ach", "gaba")} == {
        "ach": (1.0, 2.0),
        "gaba": (0.0, 1.0),
    }


COLUMNS = {
    "a": np.array([1.0, 2.0, 3.0]),
    "network.b": np.array([3.0, 2.0, 1.0]),
    "solver": np.array(["rk4", "euler", "rk4"], dtype=object),
}


@pytest.mark.parametrize(
    "text,where",
    [
        ("a < network.b", [True, False, False]),
        ("1 < a <= 3", [False, True, True]),
        ("a + network.b == 4 and a % 2 == 1", [True, False, True]),
        ("(a>2)or(solver==euler)", [False, True, True]),
        ("not solver != 'rk4'", [True, False, True]),
        ("-a * 2 / network.b >= -2", [True, True, False]),
    ],
)
def test_constraints(text, where):
    assert holds(text, COLUMNS).tolist() == where


@pytest.mark.parametrize(
    "text,message",
    [
        ("", "cannot be read"),
        ("a <", "cannot be read"),
        ("a", "is no comparison"),
        ("a and network.b", "a is no comparison"),
        ("c < 1", r"c is no axis.*there are: a, network\.b, solver"),
        ("solver < rk4", "solver is no number"),
        ("solver == 1", "compares a word with a number"),
        ("a in (1, 2)", "compare by <"),
        ("__import__('os').system('touch canary') == 0", "is not supported"),
        ("a.__class__ == 1", "is no axis"),
        ("[x for x in a] == 1", "is not supported"),
        ("(lambda: 1)() == 1", "is not supported"),
        ("f'{a}' == 1", "is not supported"),
        ("a ** 9 ** 9 < 1", "is not supported"),
        ("True", "is not supported"),
        ("(" * 300 + "a" + ")" * 300 + "<1", "cannot be read"),
        ("a<1 or " * 200 + "a<1", "at most 1,000"),
    ],
)
def test_what_is_no_constraint_is_refused(text, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PsstError, match=message):
        holds(text, COLUMNS)
    assert not list(tmp_path.iterdir())


FILES = {
    "empty.csv": "",
    "header.csv": "network.gaba\n",
    "ragged.csv": "network.gaba,network.ach\n1,2\n1\n",
    "twice.csv": "network.gaba,network.gaba\n1,2\n",
    "same.csv": "network.gaba,network.ach\n0.5,1\n0.25,1\n5e-1,1.0\n",
    "bom.csv": "\ufeffnetwork.gaba\r\n-1\r\n",
    "spread.csv": "stimulus.spread \n0.1\n",
    "five.yaml": "5\n",
    "text.csv": "network.gaba\nstrong\n",
    "unknown.csv": "network.gabba\n1\n",
    "coupling.csv": "network.coupling\n1\n",
    "binary.csv": "\0\x01",
    "duplicate.yaml": "axes: {network.gaba: 1, network.gaba: 2}\n",
    "unknown.yaml": "axis: {network.gaba: 1}\n",
    "list.yaml": "[1, 2]\n",
    "broken.yaml": "axes: {network.gaba: [1\n",
    "tag.yaml": "axes: !!python/object/apply:os.system ['touch canary']\n",
}
BROKEN = [
    ("network.gabba=0.1,0.2", "network.gabba: no such key (did you mean gaba?)"),
    ("network.gaba=[]", "network.gaba"),
    (
        "network.ach=1,2 network.gaba=1,2,3 sweep.zip=[network.ach,network.gaba]",
        "network.ach has 2, network.gaba has 3",
    ),
    ("network.ach=1,2 sweep.zip=[network.ach]", "needs two axes or more"),
    ("network.ach=1,2 sweep.zip=[network.ach,network.gaba]", "network.gaba is no axis"),
    ("network.ach=1,2 network.gaba=interval(0,1) sweep.zip=[network.ach,network.gaba]", "is an interval"),
    ("network.ach=1,2 network.gaba=1,2 sweep.zip=[[network.ach,network.gaba],[ach,gaba]]", "is named twice"),
    ("sweep=single run.seed=interval(1,3) sweep.sample.points=8", "fewer points"),
    ("sweep=single sweep.table=same.csv", "holds the point network.gaba=0.5, network.ach=1 more than once"),
    ("sweep=single sweep.where=gaba>1", "has no axis to compare"),
    ("sweep=single network.gaba=0,1 sweep.where=gaba>0 and gaba<2", "without spaces"),
    ("network.gaba=shuffle(1,2)", "leave it out"),
    ("sweep=single run.seed=interval(1.2,1.8)", "no whole number lies between 1.2 and 1.8"),
    ("sweep.table=spread.csv sweep.zip=[coupling,spread]", "spread is no axis"),
    ("network.ach=1,2 sweep.zip=[1,2]", "needs two axes or more"),
    ("sweep=five.yaml", "sweep=five.yaml"),
    ("network.gaba=0.1,0.2 sweep.where=gaba>1", "holds at none of the 108 points"),
    ("network.gaba=0.1,0.2 network.gaba=0.3", "network.gaba is given twice"),
    ("network.gaba=linspace(0,1,5000) network.ach=linspace(0,1,5000)", "at most 1,000,000"),
    ("network.gaba=interval(0,1) sweep.sample.points=90000 sweep.trials=100", "at most 1,000,000"),
    ("network.gaba=0.1,strong", "network.gaba=strong: must be a number"),
    ("network.gaba=interval(2,1)", "the first below the second"),
    ("network.gaba=loginterval(0,1)", "must be above 0"),
    ("network.gaba=interval(0,1) sweep.sample.points=0", "sweep.sample.points=0"),
    ("network.gaba=interval(0,1) sweep.sample.method=sobl", "did you mean sobol?"),
    ("network.gaba=interval(-1,1)", "network.gaba=-"),
    ("sweep.sample.points=8", "no axis is an interval"),
    ("solver=interval(0,1)", "solver"),
    ("hardware.lanes=interval(1,8) sweep.sample.points=1", "cannot be an axis"),
    ("sweep.table=none.csv", "sweep.table=none.csv: no such file"),
    ("sweep.table=empty.csv", "a first line of keys"),
    ("sweep.table=header.csv", "a line for each point"),
    ("sweep.table=ragged.csv", "point 2 has not one value for each of network.gaba, network.ach"),
    ("sweep.table=twice.csv", "two columns network.gaba"),
    ("sweep.table=text.csv", "network.gaba=strong: must be a number"),
    ("sweep.table=unknown.csv", "did you mean gaba?"),
    ("sweep.table=coupling.csv", "network.coupling: is a column of sweep.table=coupling.csv too"),
    ("sweep.table=text.csv network.gaba=1", "network.gaba: is a column of sweep.table=text.csv too"),
    ("sweep=single sweep.table=bom.csv", "network.gaba=-1: must be at least 0"),
    ("sweep.table=binary.csv", "binary.csv"),
    ("sweep=none.yaml", "sweep=none.yaml: no such file"),
    ("sweep=duplicate.yaml", "duplicate key network.gaba"),
    ("sweep=unknown.yaml", "sweep=unknown.yaml"),
    ("sweep=list.yaml", "sweep=list.yaml"),
    ("sweep=broken.yaml", "sweep=broken.yaml"),
    ("sweep=tag.yaml", "sweep=tag.yaml"),
]


@pytest.mark.parametrize("overrides,message", BROKEN, ids=lambda text: text[:60])
def test_a_broken_sweep_is_refused_in_one_paragraph(overrides, message, tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(PsstError) as error:
        make_plan("locust_coupling", overrides)
    assert message in str(error.value)
    assert "\n" not in str(error.value) and len(str(error.value)) < 600
    assert {file.name for file in tmp_path.iterdir()} == FILES.keys()


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(1, 4), max_size=4), st.integers(0, 4), st.integers(0, 5), st.booleans())
def test_the_number_of_points_is_the_product_of_dimensions(grid, zipped, sampled, constrained):
    axes = {f"g.x{i}": list(range(n)) for i, n in enumerate(grid)}
    settings = SweepConfig()
    if zipped:
        axes |= {"z.a": list(range(zipped)), "z.b": list(range(zipped))}
        settings.zip = ["z.a", "z.b"]
    if sampled:
        axes["s.x"] = Interval(0.0, 1.0, False)
        settings.sample.points = sampled
    if constrained and grid:
        settings.where = ["g.x0 > 0"]
        if grid[0] == 1:
            with pytest.raises(PsstError, match="holds at none"):
                visit(axes, settings, lambda key: False)
            return
    found = visit(axes, settings, lambda key: False)
    lengths = [*grid, zipped or 1, sampled or 1]
    if settings.where:
        lengths[0] -= 1
    assert len(found) == math.prod(lengths)
    columns = [np.array(found.columns[key])[found.places[found.dimensions[key]]] for key in found.columns]
    assert len(set(zip(*columns, strict=True))) == (len(found) if columns else 0)
    assert list(found.places) == list(dict.fromkeys(found.dimensions.values()))


def test_trials_are_the_same_random_numbers_at_every_point():
    found = sweep("network.gaba=interval(0,1)", "sweep.sample.points=4", "sweep.trials=3", "sweep.networks=2")
    replicates = list(itertools.product(range(2), range(3)))
    for number in range(4):
        runs = [run for run in found.runs if run.point["run"] == number]
        assert [(run.network, run.trial) for run in runs] == replicates
