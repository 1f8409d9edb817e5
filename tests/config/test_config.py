"""Composition and its errors: every experiment composes, every wrong value is named with its key and a remedy."""

import pytest

from psst_core.config.checks import check
from psst_core.config.compose import compose, groups, resolve, update
from psst_core.config.schema import units
from psst_core.config.yaml_files import read_yaml
from psst_core.errors import PsstError
from psst_core.keys import get, put
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.expand import expand
from psst_core.written import Plain
from support.configurations import configuration

pytestmark = pytest.mark.usefixtures("no_results")


@pytest.mark.parametrize("experiment", groups()["experiment"])
def test_every_experiment_composes_and_plans(experiment):
    plan = make_plan(experiment)
    assert plan.name == experiment
    assert plan.config["description"]


@pytest.mark.parametrize("group", ["network", "stimulus", "solver", "recorder", "hardware", "sweep", "run"])
def test_every_choice_of_every_group_composes(group):
    for choice in groups()[group]:
        assert resolve(compose({"experiment": "locust_coupling", group: choice}))[group]


def test_defaults_are_filled_in_and_typed():
    config = configuration()
    sodium = get(config, "network.populations.pn.mechanisms.sodium")
    assert sodium == {
        "conductance": 100.0,
        "reversal": 50.0,
        "shift": -50.0,
        "celsius": 22.0,
        "type": "sodium",
    }
    assert isinstance(get(config, "network.projections.pn_ln.reference_in_degree"), float)


BROKEN = [
    ("experiment", "nope", "experiment=nope", "locust_coupling"),
    ("solver=rk5", "solver=rk5", "did you mean rk4"),
    ("solver.name=rk5", "solver.name=rk5", "rk4"),
    ("solver.precision=float16", "solver.precision=float16", "float32"),
    ("network.sise=60", "network.sise", "did you mean size"),
    ("foo.bar=1", "foo", "network"),
    ("network.populations.pn.mechanisms.sodium.gmax=1", "sodium.gmax", "conductance"),
    ("network.size=-60", "network.size=-60", "between 1 and 10,000,000"),
    ("network.size=0", "network.size=0", "between 1 and 10,000,000"),
    ("network.size=61", "network.size=61", "multiple of 4"),
    ("network.size=60.5", "network.size=60.5", "must be a whole number"),
    ("network.size=many", "network.size=many", "must be a whole number"),
    ("network.coupling=-1", "network.coupling=-1", "at least 0"),
    ("network.coupling=nan", "network.coupling=nan", "finite"),
    ("network.coupling=0.1,inf", "network.coupling=inf", "finite"),
    ("run.dt=-0.01", "run.dt=-0.01", "at least"),
    ("run.dt=0", "run.dt=0", "at least"),
    ("run.duration=100.3", "run.duration=100.3", "100 or 100.5"),
    ("run.dt=0.03", "run.duration=1000", "999.99 or 1000.02"),
    ("recorder.interval=0.005", "recorder.interval=0.005", "run.dt=0.01"),
    ("recorder.interval=0.015", "recorder.interval=0.015", "0.01 or 0.02"),
    ("recorder.window=[600,100]", "recorder.window", "first below the second"),
    ("network.coupling=", "network.coupling", "must be a number"),
    ("run.dt=0.01 run.dt=0.02", "run.dt", "given twice"),
    ("solver=rk4 solver=euler,rk4", "solver", "given twice"),
    ("network.coupling=0.5,0.50", "network.coupling", "twice"),
    ("network.coupling=0.1,high", "network.coupling=high", "must be a number"),
    ("network.coupling=interval(1,0)", "network.coupling=interval(1,0)", "the first below the second"),
    ("hardware.lanes=8,16", "hardware.lanes", "cannot be an axis"),
    ("experiment=locust_coupling,chain_of_three", "experiment", "--config experiment="),
    ("experiment=chain_of_three", "experiment", "--config experiment="),
    ("description=a,b", "description", "cannot be an axis"),
    ("stimulus.type=constant", "stimulus.type=constant", "another file"),
    ("network.projections.pn_ln.connectivity.type=all_to_all", "connectivity.type=all_to_all", "another file"),
    ("network.populations.pn.start.v=abc", "network.populations.pn.start.v=abc", "number"),
    ("network.projections.pn_ln.reference_in_degree=45,null", "reference_in_degree", "not a number"),
    ("stimulus.offset=50", "stimulus.offset=50", "after stimulus.onset=100"),
    ("stimulus.cells=[1,1]", "stimulus.cells=[1, 1]", "twice"),
    ("run.duration=50", "recorder.window=[100.0, 600.0]", "set recorder.window=[0,50]"),
    ("recorder.window=[100.3,600]", "recorder.window=100.3", "multiple of recorder.interval=0.5"),
    ("analysis.band=[0,60]", "analysis.band=[0.0, 60.0]", "above 0"),
    ("recorder.interval=50", "analysis.band=[10.0, 60.0]", "within the 10 Hz"),
    ("recorder.interval=5", "analysis.background=200 Hz", "set analysis.background=100"),
    ("analysis.band=[10,1001]", "analysis.band=[10.0, 1001.0]", "within the 1000 Hz"),
    ("analysis.band=[60,10]", "analysis.band=[60.0, 10.0]", "the first below the second"),
    ("run.seed=99999999999999999999", "run.seed=99999999999999999999", "between 0 and"),
    ("run.duration=30000000", "run.duration=3e+07", "more than 2,147,483,648 steps"),
    ("sweep.trials=0", "sweep.trials=0", "between 1"),
    ("stimulus.populations=[pm]", "pm", "pn, ln"),
    ("stimulus.cells=[500]", "500", "between 0 and 59"),
    ("stimulus.share=1.5", "stimulus.share=1.5", "between 0 and 1"),
    ("network.projections.pn_ln.pre=pm", "network.projections.pn_ln.pre=pm", "pn, ln"),
    ("network.projections.pn_ln.connectivity.probability=2", "connectivity.probability=2", "between 0 and 1"),
    ("network.start_file=missing.npz", "network.start_file=missing.npz", "no such file"),
    ("network.synapses.ach.pulse=long", "pulse=long", "whole_steps"),
    ("network.scaling=size", "network.scaling=size", "in_degree or none"),
    ("figures=[pie]", "pie", "rate_map"),
    ("+network.extra=1", "+network.extra=1", "only key=value"),
    ("network", "network", "key=value"),
    ("sweep.axes=1", "sweep.axes", "by its own key"),
    ("network.size='60'", "'", "conf/experiment"),
    ("network.size=$HOME", "$", "conf/experiment"),
    ("network.size=60;ls", ";", "conf/experiment"),
    ("network.size=60 # half", "#", "conf/experiment"),
    ("network.size={a: 1}", "{", "conf/experiment"),
    ("network.size=`ls`", "`", "conf/experiment"),
    ("network.size=${run.dt}", "$", "conf/experiment"),
    ("network=locust_al,hodgkin_huxley", "populations", "one sweep for each"),
    ("run.duration=1e12", "run.duration=1e+12", "2,147,483,648 steps"),
    ("network.coupling=range(0,1e9,0.001)", "network.coupling=range(0,1e9,0.001)", "at most 1,000,000"),
    ("network.coupling=range(0,1,0)", "network.coupling=range(0,1,0)", "step not 0"),
    ("network.coupling=range(1,0,0.1)", "network.coupling", "empty"),
    ("network.coupling=range(0,1,0.001) stimulus.amplitude=range(0,1000,1)", "6,000,000 points", "at most"),
]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: case[0])
def test_bad_input_is_named_with_its_remedy(case):
    *given, wrong, remedy = case
    experiment, overrides = (given[1], "") if given[0] == "experiment" else ("locust_coupling", given[0])
    with pytest.raises(PsstError) as error:
        from psst_core.figures.chosen import available

        plan = make_plan(experiment, overrides)
        available(plan.figures, plan.axes, plan.config)
    assert wrong in str(error.value)
    assert remedy in str(error.value)
    assert len(str(error.value)) < 600


@pytest.mark.parametrize("overrides", [{"a": 1}, ["network.size=60"], 3, None])
def test_overrides_that_are_not_text_are_refused(overrides):
    with pytest.raises(PsstError, match="overrides="):
        make_plan("locust_coupling", overrides)


@pytest.mark.parametrize("name", ["../x", "a/b", "/tmp/x", "", ".", "..", ".hidden", "chunks", "a b", "ä", "x" * 101])
def test_a_name_that_leaves_the_results_folder_is_refused(name):
    with pytest.raises(PsstError, match="name="):
        make_plan("chain_of_three", "", name)


def test_interpolations_in_files_are_refused():
    config = compose({"experiment": "locust_coupling"})
    update(config, "description", "${run.dt}")
    with pytest.raises(PsstError, match="interpolations"):
        resolve(config)


def test_traces_are_asked_for_among_the_overrides():
    words = "recorder.variables.pn=[v,sodium.m] recorder.runs.network.coupling=[0.5] recorder.runs.trial=[0]"
    recorder = expand("locust_coupling", words.split()).config["recorder"]
    assert recorder["variables"] == {"pn": ["v", "sodium.m"]}
    assert recorder["runs"] == {"network.coupling": [0.5], "trial": [0]}
    for word, message in (
        ("recorder.variables=v", r"name what it is for, such as recorder\.variables\.pn=\[v\]"),
        ("recorder.variables.hh=[v]", "recorder.variables=hh: must be pn or ln"),
        ("recorder.variables.pn=[w]", r"recorder\.variables\.pn=w: must be v or"),
        (
            "recorder.variables.pn=v",
            r"recorder\.variables\.pn=v: must be a list, such as recorder\.variables\.pn=\[v\]",
        ),
    ):
        with pytest.raises(PsstError, match=message):
            expand("locust_coupling", [word])


def test_units_of_keys():
    config = configuration()
    assert units(config, "network.populations.pn.mechanisms.sodium.conductance") == "mS/cm2"
    assert units(config, "network.populations.pn.capacitance") == "uF/cm2"
    assert units(config, "network.projections.ln_ln.conductance") == "mS/cm2"
    assert units(config, "network.projections.ln_ln.connectivity.probability") == "1"
    assert units(config, "network.synapses.gaba.half") == "mV"
    assert units(config, "stimulus.onset") == "ms"
    assert units(config, "run.dt") == "ms"
    assert units(config, "solver") is None


def test_put_leaves_the_original_alone():
    config = configuration()
    changed = put(config, {"network.populations.pn.capacitance": 2.0})
    assert get(config, "network.populations.pn.capacitance") == 1.0
    assert get(changed, "network.populations.pn.capacitance") == 2.0
    check(changed)


def test_a_pool_needs_its_channel_and_a_reader_its_pool():
    config = configuration()
    mechanisms = get(config, "network.populations.ln.mechanisms")
    for missing, word in (("calcium", "ion pool"), ("calcium_pool", "add an ion pool")):
        left = {name: part for name, part in mechanisms.items() if name != missing}
        with pytest.raises(PsstError, match=word):
            check(put(config, {"network.populations.ln.mechanisms": left}))


def test_quotes_make_a_text_of_what_is_none_without_them(tmp_path):
    """Whichever of YAML's loaders reads: the one in C has another mark for a scalar without quotes."""
    (tmp_path / "x.yaml").write_text("a: null # none\nb: 'null'\nc: {d: 5, e: \"5\"}\n")
    found = read_yaml(tmp_path / "x.yaml")
    assert [isinstance(value, Plain) for value in (found["a"], found["b"], *found["c"].values())] == [True, False] * 2
