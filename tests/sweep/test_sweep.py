"""Expansion of axes, and ids that depend on what is computed and on nothing else."""

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from psst_core.config.compose import compose, resolve, update
from psst_core.configuration import Config
from psst_core.digest import code_digest
from psst_core.errors import PsstError
from psst_core.sweep.expand import expand
from psst_core.sweep.identity import Identity, deciding_modules
from psst_core.sweep.requests import split_overrides
from support.paths import DATA

QUICK = ["network.size=8", "network.coupling=0.5", "solver=rk4", "sweep.networks=1", "sweep.trials=1"]


def ids(override=None):
    """Ids of a quick sweep; the override takes the place of its namesake."""
    chosen = {text.partition("=")[0]: text for text in [*QUICK, *([override] if override else [])]}
    return [run.id for run in expand("locust_coupling", list(chosen.values())).runs]


def test_the_default_experiment():
    sweep = expand("locust_coupling")
    assert [(axis.key, axis.name, len(axis.values)) for axis in sweep.axes] == [
        ("network.size", "size", 3),
        ("network.coupling", "coupling", 9),
        ("solver", "solver", 2),
    ]
    assert len(sweep.runs) == len({run.id for run in sweep.runs}) == 3 * 9 * 2 * 2 * 4


def test_a_single_value_keeps_its_axis_and_a_new_axis_is_added():
    sweep = expand("locust_coupling", ["network.size=60", "solver=rk4", "run.dt=0.01,0.02", "run.duration=700"])
    assert {axis.name: axis.values for axis in sweep.axes if axis.name != "coupling"} == {
        "size": (60,),
        "solver": ("rk4",),
        "dt": (0.01, 0.02),
    }
    assert all(run.config["run"]["duration"] == 700 for run in sweep.runs)


@pytest.mark.parametrize(
    "text,values",
    [
        ("0.1,0.2", (0.1, 0.2)),
        ("range(0,0.5,0.1)", (0.0, 0.1, 0.2, 0.3, 0.4)),
        ("choice(0.3,1e-3)", (0.3, 0.001)),
        ("1.5e-3,2", (0.0015, 2.0)),
    ],
)
def test_the_sweep_grammar(text, values):
    (axis,) = [axis for axis in expand("locust_coupling", [f"network.coupling={text}"]).axes if axis.name == "coupling"]
    assert axis.values == values


def test_names_of_dimensions_stay_apart():
    keys = ["network.synapses.ach.beta=0.1,0.2", "network.synapses.gaba.beta=0.1,0.2", "stimulus=odour,constant"]
    names = {axis.key: axis.name for axis in expand("locust_coupling", [*QUICK, *keys]).axes}
    assert names["network.synapses.ach.beta"] == "network_synapses_ach_beta"
    assert names["network.synapses.gaba.beta"] == "network_synapses_gaba_beta"
    assert names["stimulus"] == "stimulus"


@settings(max_examples=20, deadline=None)
@given(st.permutations(QUICK), st.sampled_from(["0.001", "1e-3", "1.0e-3", "0.00100"]))
def test_ids_do_not_depend_on_order_or_number_format(order, number):
    reference = [run.id for run in expand("locust_coupling", [*QUICK, "network.gaba=0.001"]).runs]
    assert [run.id for run in expand("locust_coupling", [*order, f"network.gaba={number}"]).runs] == reference


def run_id(config):
    return Identity(config).run_id({}, 0, 0)


def test_ids_do_not_depend_on_the_order_of_keys():
    config = resolve(compose({"experiment": "locust_coupling"}))

    def reversed_keys(node):
        if not isinstance(node, dict):
            return node
        return {key: reversed_keys(node[key]) for key in reversed(node)}

    turned = Config(reversed_keys(config))
    turned["network"]["populations"] = dict(reversed(turned["network"]["populations"].items()))
    assert run_id(config) == run_id(turned)


def test_an_id_is_that_of_the_whole_configuration_however_it_came_about():
    """Swept, overridden, or taken from a choice of a group."""
    key = "network.populations.pn.mechanisms.sodium.conductance"
    swept = expand("locust_coupling", [*QUICK, f"{key}=90,100", "network.gaba=0.5,1", "run.seed=1,2"]).runs
    for run in swept:
        assert run.id == Identity(run.config).run_id({}, run.network, run.trial)
        assert all(run.value(name) == value for name, value in run.values.items())
    assert len({run.id for run in swept}) == len(swept)


@pytest.mark.parametrize("override", ["hardware.lanes=8", "hardware=gpu", "recorder.window=[0,100]", "figures=[]"])
def test_ids_do_not_depend_on_where_or_what_is_recorded(override):
    assert ids() == ids(override)


@pytest.mark.parametrize(
    "override",
    [
        "run.seed=2",
        "run.dt=0.02",
        "run.duration=900",
        "solver.precision=float32",
        "solver=euler",
        "network.populations.pn.mechanisms.sodium.conductance=101",
        "stimulus.spread=0.1",
        "network.start_jitter=0.02",
    ],
)
def test_ids_depend_on_what_is_computed(override):
    assert ids() != ids(override)


def test_ids_depend_on_the_content_of_files(tmp_path):
    start = (DATA / "locust_start.npz").read_bytes()
    one, two = tmp_path / "one.npz", tmp_path / "two.npz"
    one.write_bytes(start)
    two.write_bytes(start)
    config = compose({"experiment": "locust_coupling"})

    def identity(path):
        update(config, "network.start_file", str(path))
        return run_id(resolve(config))

    assert identity(one) == identity(two)
    two.write_bytes(start + b"\0")
    assert identity(one) != identity(two)


def test_code_counts_but_its_comments_do_not(tmp_path, monkeypatch):
    import psst_core.digest as digest_module

    source = tmp_path / "model.py"
    monkeypatch.syspath_prepend(tmp_path)

    def digest_of(text):
        source.write_text(text)
        digest_module._read.cache_clear()
        return code_digest(("model",))

    plain = digest_of("def f(x):\n    return 2 * x\n")
    assert digest_of('"""A module."""\n\n\ndef f(x):\n    """Twice."""\n    return 2*x  # twice\n') == plain
    assert digest_of("def f(x):\n    return 3 * x\n") != plain
    snippet = "class A:\n    x: int = 1\n\n    def f(self):\n        return f'{self.x} {3}'\n"
    assert digest_of(snippet) == "6d17d9a2a66ea29c"


def test_deciding_modules_are_those_in_use():
    locust = expand("locust_coupling", QUICK).config
    chain = expand("chain_of_three").config
    assert "psst_core.model.channels.calcium" in deciding_modules(locust)
    assert {"psst_core.model.kinetics", "psst_core.model.connectivity", "psst_core.model.stimuli.base"} <= set(
        deciding_modules(locust)
    )
    assert "psst_core.model.channels.calcium" not in deciding_modules(chain)
    assert {"psst_core.model.network", "psst_core.integrate.dynamics", "psst_core.integrate.solvers.classical"} <= set(
        deciding_modules(chain)
    )
    assert not {"psst_core.measures.oscillation", "psst_core.integrate.program"} & set(deciding_modules(locust))


@settings(max_examples=15, deadline=None)
@given(
    st.lists(st.sampled_from([4, 8, 12, 16]), min_size=1, max_size=3, unique=True),
    st.lists(st.sampled_from(["rk4", "euler", "midpoint"]), min_size=1, max_size=3, unique=True),
    st.integers(1, 3),
    st.integers(1, 3),
)
def test_the_number_of_runs_is_the_product_of_the_axes(sizes, solvers, networks, trials):
    overrides = [
        f"network.size={','.join(map(str, sizes))}",
        f"solver={','.join(solvers)}",
        "network.coupling=0,1",
        f"sweep.networks={networks}",
        f"sweep.trials={trials}",
    ]
    sweep = expand("locust_coupling", overrides)
    points = {(r.point["size"], r.point["solver"], r.point["coupling"], r.network, r.trial) for r in sweep.runs}
    assert points == set(itertools.product(sizes, solvers, (0.0, 1.0), range(networks), range(trials)))
    assert len(sweep.runs) == len(points)


def test_split_overrides():
    assert split_overrides("network.size=60,120  solver=rk4") == ["network.size=60,120", "solver=rk4"]
    assert split_overrides("") == []


@pytest.mark.parametrize(
    "key,good,bad",
    [
        ("network.gaba", 0.5, -1),
        ("stimulus.rise", 5, -1),
        ("network.populations.pn.mechanisms.sodium.conductance", 90, -1),
        ("network.synapses.gaba.beta", 0.1, "nan"),
        ("network.projections.ln_ln.conductance", 0.1, -1),
        ("run.seed", 1, -1),
    ],
)
def test_every_value_of_an_axis_is_checked(key, good, bad):
    expand("locust_coupling", [*QUICK, f"{key}={good},{2 * good}"])
    with pytest.raises(PsstError, match=rf"{key}={bad}"):
        expand("locust_coupling", [*QUICK, f"{key}={good},{bad}"])


def test_numbers_of_one_part_are_checked_together():
    """Each is right with the first of the other."""
    spread = "network.populations.system.start.x"
    with pytest.raises(PsstError, match=rf"{spread}\.low=1\.5, high=1\.0"):
        expand("lorenz", [f"{spread}.low=0.5,1.5", f"{spread}.high=1.0,2.0"])


@pytest.mark.parametrize(
    "text,values",
    [
        ("network.gaba=linspace(0,1,5)", (0.0, 0.25, 0.5, 0.75, 1.0)),
        ("network.gaba=logspace(0.01,1,3)", (0.01, 0.1, 1.0)),
        ("run.seed=linspace(1,7,3)", (1, 4, 7)),
        ("solver=glob(*euler)", ("euler", "exponential_euler")),
        ("stimulus=glob([odour,none])", ("none", "odour")),
    ],
)
def test_axes_from_end_to_end_and_by_pattern(text, values):
    given = [override for override in QUICK if not override.startswith(text.partition("=")[0])]
    axis = next(axis for axis in expand("locust_coupling", [*given, text]).axes if axis.key == text.partition("=")[0])
    assert axis.values == values and [type(value) for value in axis.values] == [type(value) for value in values]


@pytest.mark.parametrize(
    "text,message",
    [
        ("network.gaba=logspace(0,1,3)", r"both ends must be above 0.*linspace\(first,last,count\)"),
        ("network.gaba=linspace(0,1)", r"linspace\(0,1\): write linspace\(first,last,count\)"),
        ("network.gaba=linspace(0,1,2000000)", r"a whole number between 1 and 1,000,000"),
        ("stimulus=glob(x*)", r"fits none of constant, none, odour"),
        ("network.gaba=glob(*)", r"it is no group"),
        ("network.gaba=range(1,0,0.1)", r"axis network\.gaba: is empty"),
    ],
)
def test_axes_that_cannot_be_are_refused(text, message):
    with pytest.raises(PsstError, match=message):
        expand("locust_coupling", [*QUICK, text])


def test_a_sweep_at_the_size_of_a_publication():
    small, paper = expand("long_run"), expand("long_run", ["scale=paper"])
    assert len(paper.runs) == 5 > len(small.runs) and paper.config["run"]["duration"] == 1000
    own = expand("locust_oscillation", ["scale=paper", "network.ach=1", "network.gaba=0.1,0.2", "sweep.networks=1"])
    assert {axis.name: len(axis.values) for axis in own.axes if axis.dimension != "run"} == {
        "ach": 1,
        "gaba": 2,
        "size": 3,
    }
    assert len(own.runs) == 2 * 3 * 3 * 4
    assert {run.id for run in small.runs} & {run.id for run in paper.runs}
    with pytest.raises(PsstError, match="scale=huge"):
        expand("long_run", ["scale=huge"])
