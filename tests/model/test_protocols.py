"""Every mechanism under the protocols of the field, against frozen traces that other equations and SciPy made."""

import functools

import numpy as np
import pandas as pd
import pytest

from psst_core.integrate.batch import Run
from psst_core.keys import put, transmitters
from psst_core.model.mechanisms import Channel, Pool
from psst_core.registry import build, lookup, names
from support.configurations import configuration, with_values
from support.integrating import integrate
from support.paths import DATA

CLAMPED = sorted(file.stem.removeprefix("clamp_") for file in DATA.glob("clamp_*.csv"))
SYNAPSES = {"acetylcholine": 0.05, "gaba_a": 0.05, "gaba_b": 1000.0, "exponential": 0.02}
CELL = {"share": 1, "capacitance": 1.0, "spike_threshold": 0.0, "refractory": 0.0, "start": {}, "equations": None}
INTERVAL = 0.1


def frozen(name):
    """A table in tests/data: a column by its head, a row by its time where there is one."""
    table = pd.read_csv(DATA / f"{name}.csv")
    return table.set_index("time") if "time" in table else table


def alone(populations, duration, variables, **values):
    """One cell of each population; nothing acts but what `values` add."""
    config = configuration("f_i_curve", run__duration=duration, recorder__window=[0.0, duration])
    changes = {
        "network.size": sum(population["share"] for population in populations.values()),
        "network.populations": populations,
        "stimulus": {"type": "constant", "amplitude": 0.0},
        "recorder.variables": variables,
        "recorder.interval": INTERVAL,
    }
    found = put(config, changes | {key.replace("__", "."): value for key, value in values.items()})
    factors = dict.fromkeys(transmitters(found.network.synapses), 1.0)
    return put(found, {"network": factors | found["network"]})


def at(times):
    return np.round(np.asarray(times) / INTERVAL).astype(int)


@functools.cache
def clamped(solver):
    """A cell with every channel, whose capacitance holds v where it starts, for each potential: traces [time, run]."""
    parts = {name: build("mechanism", {"type": name}, "") for name in CLAMPED}
    cell = CELL | {
        "capacitance": 1e30,
        "start": {"v": 0.0} | {name: {"h": 1.0} for name, part in parts.items() if "h" in part.states},
        "mechanisms": {name: {"type": name} for name in parts},
    }
    variables = ["v", *(f"{name}.{state}" for name, part in parts.items() for state in part.states)]
    config = alone({"cell": cell}, 100.0, {"cell": variables}, solver__name=solver)
    potentials = [float(v) for v in frozen("clamp_leak").columns]
    traces = integrate(with_values(config, "network.populations.cell.start.v", potentials)).traces
    return {key.removeprefix("cell."): trace[:, 0].T for key, trace in traces.items()}


def test_every_channel_and_pool_has_evidence():
    """Its current, or concentration, under voltage clamp, in tests/data/clamp_NAME.csv."""
    classes = {name: lookup("mechanism", name, "") for name in names("mechanism")}
    shipped = {name: cls for name, cls in classes.items() if cls.__module__.startswith("psst_core.model")}
    assert sorted(name for name, cls in shipped.items() if issubclass(cls, Channel | Pool)) == CLAMPED


@pytest.mark.parametrize("channel", CLAMPED)
def test_currents_under_voltage_clamp(channel):
    """Exponential Euler is exact for gates under a clamp; what follows calcium is integrated by RK4."""
    part = build("mechanism", {"type": channel}, "")
    of_calcium = part.reads or isinstance(part, Pool)
    solver, tolerance = ("rk4", 1e-9) if of_calcium else ("exponential_euler", 1e-12)
    traces, reference = clamped(solver), frozen(f"clamp_{channel}")
    x = {state: traces[f"{channel}.{state}"][at(reference.index)] for state in part.states}
    v = traces["v"][at(reference.index)]
    assert np.abs(v - reference.columns.astype(float).to_numpy()).max() < 1e-12
    if channel == "calcium_pool":
        found = x["concentration"]
    else:
        conductance, source = part.membrane(x, {}, v, None)
        found = conductance * v - source
    largest = np.abs(reference.to_numpy()).max(axis=0)
    assert largest.max() > 0
    assert (np.abs(found - reference.to_numpy()) <= tolerance * largest).all()


@pytest.mark.parametrize(
    ("neuron", "experiment", "population", "dt", "error"),
    [
        ("hodgkin_huxley", "f_i_curve", "hh", 0.01, 1e-5),
        ("projection_neuron", "locust_coupling", "pn", 0.005, 5e-4),
        ("local_interneuron", "locust_coupling", "ln", 0.01, 1e-5),
    ],
)
def test_spikes_of_isolated_neurons(neuron, experiment, population, dt, error):
    """The f–I curve, and each spike at the end of the step in which the reference crosses the threshold.

    The A-type current of projection neurons has a time constant that jumps at −63 mV, where RK4 loses its order.
    """
    reference = frozen(f"spikes_{neuron}")
    currents = [float(current) for current in reference.columns]
    cells = configuration(experiment)["network"]["populations"][population] | {"share": len(currents)}
    stimulus = {"type": "per_cell", "values": currents}
    recorded = integrate([Run(alone({"cells": cells}, 200.0, {}, stimulus=stimulus, run__dt=dt))])
    assert reference.count().max() >= 6 and reference.count().min() == 0
    for cell, current in enumerate(reference.columns):
        expected = reference[current].dropna().to_numpy()
        found = (recorded.spike_step[recorded.spike_cell == cell] + 1) * dt
        assert len(found) == len(expected), current
        late = found - expected
        assert ((late > -error) & (late < dt + error)).all(), current


@pytest.fixture(scope="module")
def transmitted():
    """One spike onto a passive cell through each kind of synapse: traces by variable."""
    neuron = configuration("f_i_curve")["network"]["populations"]["hh"]
    passive = {"leak": {"type": "leak", "conductance": 0.1, "reversal": -65.0}}
    posts = {f"to_{kind}": CELL | {"start": {"v": -65.0}, "mechanisms": passive} for kind in SYNAPSES}
    projections = {
        kind: {
            "pre": "pre",
            "post": f"to_{kind}",
            "synapse": kind,
            "conductance": full,
            "weight": 1.0,
            "reference_in_degree": None,
            "connectivity": {"type": "all_to_all"},
        }
        for kind, full in SYNAPSES.items()
    }
    variables = {post: ["v"] for post in posts} | {
        "pre": ["acetylcholine.open", "gaba_a.open", "gaba_b.receptor", "gaba_b.g_protein"],
        "to_exponential": ["v", "exponential.conductance"],
    }
    config = alone(
        {"pre": neuron | {"start": {"v": -30.0, "sodium": {"h": 0.5}}}, **posts},
        200.0,
        variables,
        network__synapses={kind: {"type": kind} for kind in SYNAPSES},
        network__projections=projections,
    )
    recorded = integrate([Run(config)])
    assert recorded.spike_cell.tolist() == [0]
    return {key: trace[0, 0] for key, trace in recorded.traces.items()}


@pytest.mark.parametrize("kind", SYNAPSES)
def test_one_spike_through_a_synapse(transmitted, kind):
    """The conductance, and the potential of the cell that receives it."""
    synapse = build("synapse", {"type": kind}, "")
    conductance, potential = (frozen(f"synapse_{what}")[kind] for what in ("conductance", "potential"))
    rows = at(conductance.index)
    if kind == "exponential":
        g = transmitted["to_exponential.exponential.conductance"][rows]
    else:
        g = SYNAPSES[kind] * synapse.conducting({x: transmitted[f"pre.{kind}.{x}"][rows] for x in synapse.states})
    received = transmitted[f"to_{kind}.v"][rows]
    tolerance = {"acetylcholine": 1e-7, "gaba_a": 1e-6, "gaba_b": 1e-9, "exponential": 1e-10}[kind]
    assert np.abs(g - conductance).max() < tolerance * conductance.max()
    assert np.abs(received - potential).max() < tolerance * np.abs(potential + 65.0).max()
