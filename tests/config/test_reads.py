"""What decides nothing is refused with its reason, or told where it acts; what is said to decide nothing does not."""

import itertools

import numpy as np
import pytest

from psst_core.commands.audit import audit
from psst_core.commands.status import status
from psst_core.config.reads import reads
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.plan.cost import fit
from psst_core.plan.sweep_plan import make_plan
from psst_core.sweep.expand import expand
from psst_core.terminal.forecast import as_text, expected
from support.configurations import configuration
from support.integrating import integrate
from support.sweeps import run_sweep

NOISE = "network.populations.hh.mechanisms.noise"
EXCITATION = "network.projections.excitation"
CHAIN_CELLS = "stimulus.cells names the cells"
REFUSED = [
    ("coba_hh", "network.gaba=0.5,1,2", "no synapse of this network has the transmitter gaba"),
    ("coba_hh", "network.gaba=0.5", "excitation, inhibition have none; network.coupling scales them all"),
    ("lorenz", "network.ach=2", "it has no synapses"),
    ("lorenz", "network.coupling=1,2", "network.coupling: its 2 values would give identical runs"),
    ("lorenz", "network.coupling=2", "the network has no projections; leave it out"),
    ("lorenz", "network.scaling=none,in_degree", "no projection has a reference_in_degree"),
    ("lorenz", "run.seed=1,2", "nothing is drawn at random"),
    ("lorenz", "run.seed=7", "run.seed=7: would change nothing"),
    ("lorenz", "sweep.trials=3", "sweep.trials=3: they would be identical runs"),
    ("chain_of_three", "sweep.networks=2", "set sweep.networks=1, or make something differ"),
    ("lorenz", "stimulus=none,constant", "no population has a membrane for a current"),
    ("lorenz", "stimulus=constant", "no population has a membrane for a current"),
    ("lorenz", "network.populations.system.capacitance=1,2", "has equations of its own"),
    ("lorenz", "network.populations.system.share=1,2", "system is the only population"),
    ("lorenz", "solver.relative_tolerance=1e-6,1e-8", "solver=rk4 has no tolerance of that name"),
    ("lorenz", "solver=rk4,euler solver.relative_tolerance=1e-9", "1e-09: would change nothing"),
    ("chain_of_three", "stimulus.share=0.1,0.5", CHAIN_CELLS),
    ("chain_of_three", "stimulus.amplitude=0 stimulus.spread=0.1,0.2", "stimulus.amplitude=0"),
    ("f_i_curve", "stimulus.values=[1,2] network.size=2 stimulus.first=1,2", "values lists the currents"),
    ("chain_of_three", "network.coupling=0 network.ach=0.5,1", "as network.coupling=0"),
    ("coba_hh", "network.projections.exc_exc.reference_in_degree=5,10", "network.scaling=none"),
    ("coba_hh", "network.projections.exc_inh.connectivity.self_connections=false,true", "joins two populations"),
    (
        "noisy_cells",
        f"{NOISE}.sigma=0 {NOISE}.tau=1,2 sweep.trials=1",
        "mechanisms.noise.sigma=0",
    ),
    ("locust_coupling", "network=hodgkin_huxley", "end it by network.coupling=1.0, or end all axes"),
    ("lorenz", "hardware.lanes=1,2", "hardware.lanes: cannot be an axis; it says where and how runs are made"),
    ("lorenz", "hardware=cpu,gpu", "hardware: cannot be an axis"),
    ("lorenz", "recorder.interval=0.01,0.02", "says what is kept of the same runs"),
    ("lorenz", "analysis.background=100,200", "says how the same runs are measured"),
    ("lorenz", "numerics.share=0.1,0.2", "compares runs of one sweep with their twins"),
    ("lorenz", "sweep.trials=1,2", "says which runs there are; give one value"),
    ("lorenz", "figures=[raster],[spectra]", "names all that is drawn"),
    ("lorenz", "nonsense.size=1,2", "nonsense: no such key"),
]


@pytest.mark.parametrize(("experiment", "overrides", "message"), REFUSED, ids=lambda text: text[:50])
def test_what_changes_nothing_is_refused_with_the_reason(experiment, overrides, message):
    with pytest.raises(PsstError) as error:
        expand(experiment, overrides.split())
    assert message in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("experiment", "overrides"),
    [
        ("locust_coupling", "network=hodgkin_huxley network.coupling=1.0 solver=rk4"),
        ("locust_coupling", "network=hodgkin_huxley sweep=single"),
        ("lorenz", "sweep.trials=2 network.start_jitter=0.01 analysis.spectrum=[0,40]"),
        ("chain_of_three", "sweep.networks=2 stimulus.spread=0.1"),
        ("lorenz", "run.seed=1 network.coupling=1 analysis.spectrum=[0,40]"),
    ],
)
def test_the_remedies_work_and_what_stands_there_anyway_is_no_mistake(experiment, overrides):
    assert expand(experiment, overrides.split()).notes == ()


@pytest.mark.parametrize(
    ("experiment", "overrides", "rows", "runs", "note"),
    [
        (
            "lorenz",
            "solver=rk4,euler,dormand_prince solver.relative_tolerance=1e-6,1e-8",
            6,
            4,
            "solver.relative_tolerance decides nothing in 4 of 6 rows, where solver=euler has no tolerance of that "
            "name or solver=rk4 has no tolerance of that name",
        ),
        (
            "chain_of_three",
            "network.start_jitter=0,0.1 sweep.trials=3",
            6,
            4,
            "trials are identical in 3 of 6 rows, where nothing is drawn at random",
        ),
        (
            "chain_of_three",
            "network.coupling=0,1 network.gaba=0,1 network.ach=1,2",
            8,
            5,
            "network.gaba decides nothing in 4 of 8 rows, where network.coupling=0",
        ),
        (
            "noisy_cells",
            "network.populations.hh.mechanisms.noise.sigma=0,1 run.seed=1,2",
            16,
            9,
            "run.seed decides nothing in 8 of 16 rows",
        ),
        (
            "locust_coupling",
            "sweep=single network.scaling=none,in_degree network.projections.ln_ln.reference_in_degree=15,30",
            4,
            3,
            "reference_in_degree decides nothing in 2 of 4 rows, where network.scaling=none",
        ),
    ],
)
def test_where_an_axis_acts_is_told_and_identical_runs_are_one(experiment, overrides, rows, runs, note):
    sweep = expand(experiment, overrides.split())
    assert (len(sweep.runs), len({run.id for run in sweep.runs})) == (rows, runs)
    assert any(note in line for line in sweep.notes)
    assert f"{rows} rows are {runs} different runs; identical ones are made once" in sweep.notes
    by_id = sorted(sweep.runs, key=lambda run: run.id)
    for _, same in itertools.groupby(by_id, key=lambda run: run.id):
        first, *others = same
        assert all((run.config, run.drawn) == (first.config, first.drawn) for run in others)


def test_a_tolerance_counts_for_the_solvers_that_have_it():
    sweep = expand("lorenz", ["solver=rk4,euler,dormand_prince", "solver.relative_tolerance=1e-9"])
    told = (
        "solver.relative_tolerance decides nothing in 2 of 3 rows, where solver=euler has no tolerance of that name or "
        "solver=rk4 has no tolerance of that name"
    )
    assert told in sweep.notes
    assert [run.config.solver.relative_tolerance for run in sweep.runs] == [None, None, 1e-9]
    assert sweep.runs[0].id == expand("lorenz", ["solver=rk4"]).runs[0].id


def test_choices_that_are_equal_are_refused_by_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "solver").mkdir(parents=True)
    (tmp_path / "conf" / "solver" / "mine.yaml").write_text("name: rk4\nprecision: float64\n")
    with pytest.raises(PsstError, match="solver=rk4 and solver=mine mean the same"):
        expand("lorenz", ["solver=rk4,mine"])


def test_shipped_experiments_have_no_axis_that_changes_nothing():
    for experiment in ("locust_coupling", "locust_oscillation", "solver_order", "noisy_cells", "pendulum"):
        sweep = expand(experiment, ["scale=paper"] if experiment.startswith("locust") else [])
        assert len({run.id for run in sweep.runs}) == len(sweep.runs)
        assert not [note for note in sweep.notes if "spectrum" not in note]


def chain(**values):
    return configuration("chain_of_three", run__duration=4.0, run__dt=0.05, **values)


@pytest.mark.usefixtures("tensorflow")
def test_what_is_said_to_be_unread_changes_no_bit():
    """Every such number of a configuration is another one."""
    config = chain(network__coupling=0.0, stimulus__onsets=[0.0, 1.0, 2.0], stimulus__offsets=[0.5, 1.5, 2.5])
    other = {
        "network.ach": 3.0,
        "network.gaba": 0.25,
        "network.scaling": "none",
        "network.projections.excitation.conductance": 2.0,
        "network.projections.inhibition.conductance": 0.1,
        "network.populations.hh.share": 5,
        "stimulus.share": 0.2,
        "run.seed": 17,
        "solver.relative_tolerance": 1e-3,
    }
    assert all(reads(config).why_not(key) is not None for key in other)
    read = ["network.coupling", "network.size", "stimulus.spread", "stimulus.cells", "run.dt", "solver.precision"]
    assert not any(reads(config).why_not(key) for key in [*read, "network.synapses.ach.beta", "network.start_jitter"])
    one, two = (integrate([Run(c)]) for c in (config, put(config, other)))
    for name, values in one.state().items():
        np.testing.assert_array_equal(values, two.state()[name], err_msg=name)


def spread(name, **numbers):
    return {"distribution": name} | numbers


def rule(name, **settings):
    return {"type": name, "self_connections": False} | settings


@pytest.mark.parametrize(
    ("values", "trials", "networks"),
    [
        ({}, False, False),
        ({"network.start_jitter": 0.01}, True, True),
        ({"stimulus.spread": 0.1}, True, True),
        ({"stimulus.cells": [], "stimulus.share": 0.5}, True, True),
        ({"stimulus.cells": [], "stimulus.share": 0.5, "stimulus.amplitude": 0.0}, False, False),
        ({f"{EXCITATION}.weight": spread("normal", mean=1.0, sd=0.5)}, False, True),
        ({f"{EXCITATION}.weight": spread("normal", mean=1.0, sd=0.0)}, False, False),
        ({"network.populations.hh.capacitance": spread("evenly_spaced", low=1.0, high=2.0)}, False, False),
        ({"network.populations.hh.start.v": spread("uniform", low=-70.0, high=-60.0)}, True, True),
        ({f"{EXCITATION}.connectivity": rule("probability", probability=0.5)}, False, True),
        ({f"{EXCITATION}.connectivity": rule("probability", probability=1.0)}, False, False),
        ({f"{EXCITATION}.connectivity": rule("fixed_in_degree", inputs=1)}, False, True),
        ({f"{EXCITATION}.connectivity": rule("fixed_in_degree", inputs=2)}, False, False),
        ({f"{EXCITATION}.connectivity": rule("all_to_all")}, False, False),
    ],
)
def test_what_differs_between_replicates(values, trials, networks):
    """As declared, and as drawn: the arrays of start, stimulus, connections and parameters."""
    config = put(chain(), values)
    same = reads(config).same
    assert ("trial" not in same, "network" not in same) == (trials, networks)

    def drawn(network, trial):
        from psst_core.integrate.batch import stimulus_weights
        from psst_core.model.network import Network, connect, draw_parameters, start_state

        own = draw_parameters(config, network)
        built = Network.from_config(own.network)
        start = start_state(built, own.network, 1, network, trial)
        weights = stimulus_weights(Run(config, network, trial), built.sizes) * config["stimulus"]["amplitude"]
        wired = {name: links.matrix(3, 3).tolist() for name, links in connect(built, 1, network).items()}
        return repr([{k: v.tolist() for k, v in start["hh"].items()}, weights.tolist(), wired, repr(own.network)])

    assert (len({drawn(0, trial) for trial in range(4)}) > 1) == trials
    assert (len({drawn(network, 0) for network in range(4)}) > 1) == networks


def test_rows_of_one_run_are_made_once_and_stand_in_the_cube(tmp_path):
    """A trace that one of the rows asks for is kept for all; audit, status and the table agree."""
    overrides = "run.duration=2 recorder.window=[0,2] solver=rk4,dormand_prince solver.relative_tolerance=1e-6,1e-3 "
    overrides += "network.start_jitter=0,0.1 sweep.trials=2 recorder.runs.trial=[1] figures=[]"
    results = run_sweep(tmp_path, "lorenz", overrides)
    assert audit(tmp_path, "sweep").findings == []
    plan = make_plan("lorenz", overrides, "sweep", tmp_path)
    assert len(results.plan) == 16 and results.plan["run_id"].nunique() == 9
    assert sum(len(batch) for manifest in plan.manifests.values() for batch in manifest.batches) == 9
    assert (results.cube["status"] == 0).all() and results.cube.sizes["trial"] == 2
    text = as_text(plan, expected(plan, fit(tmp_path, list(plan.manifests.values()))))
    assert ": 9 runs, of which 9 are there" in text and "16 rows are 9 different runs" in text
    assert status(tmp_path, "sweep").runs["finished"] == 9
    potential = [
        results.run(relative_tolerance=tolerance, solver="rk4", start_jitter=0.1, trial=1).mean_potential
        for tolerance in (1e-6, 1e-3)
    ]
    np.testing.assert_array_equal(*potential)
    apart = [results.run(relative_tolerance=t, solver="dormand_prince", start_jitter=0.1) for t in (1e-6, 1e-3)]
    assert (apart[0].mean_potential != apart[1].mean_potential).any()
    assert results.traces(start_jitter=0.0, solver="rk4").sizes["run"] == 4


def test_a_sweep_on_the_command_line_takes_the_place_of_the_experiments_own():
    assert len(expand("excitability", ["sweep=single"]).runs) == 1
    assert expand("excitability", ["sweep=single"]).axes == ()
    two = expand("excitability", ["sweep=single", "network.populations.hh.mechanisms.sodium.conductance=80,100"])
    assert [axis.values for axis in two.axes] == [(80.0, 100.0)]
    assert len(expand("locust_oscillation", ["sweep=single", "scale=paper"]).runs) == 1
    other = expand("locust_oscillation", ["sweep=size_coupling_solver", "network.coupling=0.5"])
    assert [axis.key for axis in other.axes] == ["network.size", "network.coupling", "solver"]
    assert {run.config["run"]["duration"] for run in other.runs} == {600.0}


BEYOND = [
    ("locust_coupling", "run.duration=300", "set recorder.window=[100,300] or a longer run.duration"),
    ("locust_coupling", "run.duration=50", "begins when the run is over, at 50 ms; set recorder.window=[0,50]"),
    ("locust_coupling", "run.duration=500,1000", "recorder.window=[100.0, 600.0]: ends when the run is over"),
    ("locust_coupling", "analysis.spectrum=[200,1001]", "set analysis.spectrum=[200,1000]"),
    ("locust_coupling", "analysis.spectrum=[200.3,600]", "such as 200 or 200.5"),
    ("excitability", "run.duration=100 recorder.window=[0,100]", "set analysis.spectrum=[0,100]"),
]


@pytest.mark.parametrize(("experiment", "overrides", "message"), BEYOND, ids=lambda text: text[:40])
def test_what_ends_after_the_run_is_refused(experiment, overrides, message):
    with pytest.raises(PsstError) as error:
        expand(experiment, overrides.split())
    assert message in str(error.value)


def test_the_default_spectrum_beyond_the_run_is_told():
    (note,) = expand("lorenz").notes
    assert "analysis.spectrum=[200,600], the default, ends after the run, at 40 ms" in note
    (short,) = expand("linear_pair").notes
    assert "it is too short to measure them" in short and "set" not in short
    assert "set analysis.spectrum=[0,40]" in note and expand("lorenz", ["analysis.spectrum=[0,40]"]).notes == ()


def test_what_a_start_file_holds_is_read_from_there_alone(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name, v in {"low": [-70.0, -71.0, -72.0], "high": [-60.0, -61.0, -62.0]}.items():
        np.savez(f"{name}.npz", **{"hh.v": v})
    given = "network.start_file=low.npz"
    assert len({run.id for run in expand("chain_of_three", ["network.start_file=low.npz,high.npz"]).runs}) == 2
    assert len(expand("chain_of_three", [given, "network.start_jitter=0,0.1"]).runs) == 2
    with pytest.raises(PsstError, match=r"start\.v: .*network\.start_file holds hh\.v"):
        expand("chain_of_three", [given, "network.populations.hh.start.v=-60,-50"])
