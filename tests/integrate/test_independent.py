"""PSST beside SciPy's DOP853, whose equations and method are its own (workflow/references/)."""

import subprocess
import sys
from typing import Any

import numpy as np
import pandas as pd
import pytest
import xarray as xr

from psst_core import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import put
from support.commands import snakemake
from support.configurations import configuration
from support.integrating import integrate, slope
from support.paths import DATA, ROOT
from support.published import FI_COUNTS, crossings, locust

sys.path.insert(0, str(ROOT / "workflow" / "references"))
import dop853
from cases import CASES, Settings, arrays, chain, lobe, neurons
from compare import largest_shift, psst, spikes, thresholds

# Measured: 2.1e-4 mV over 200 ms of neurons and over 700 ms of the chain, at the spikes; 1e-11 mV before the first one.
BOUND = 5e-4


def largest(a: np.ndarray, b: np.ndarray) -> float:
    return float(np.abs(a - b).max())


def one_box(dt: float, duration: float, onset: float = 6.0) -> dict[str, Any]:
    """The chain with one box of current."""
    box = {"stimulus.onsets": [onset], "stimulus.offsets": [duration], "stimulus.levels": [6.0]}
    return put(chain(dt, duration), box)


def test_neurons_agree_with_scipy():
    config = neurons(0.01, 60.0)
    ours, theirs = psst(config), dop853.potentials(arrays(config))
    assert largest(ours, theirs) < BOUND
    fired, expected = (spikes(v, thresholds(config), 0.01) for v in (ours, theirs))
    assert [len(times) for times in fired] == [0, 2, 3, 4, 5]
    assert largest_shift(fired, expected) < 2e-6


def test_scipy_agrees_with_itself():
    """At another tolerance and another longest step: its own error is far below every bound here."""
    problem = arrays(neurons(0.01, 30.0))
    assert largest(dop853.potentials(problem), dop853.potentials(problem, 1e-12, 0.1)) < BOUND / 1000


@pytest.mark.parametrize("mechanism", ["leak", "sodium", "potassium"])
def test_a_conductance_wrong_by_1_percent_is_seen(mechanism):
    """As a shift of at least 1000 bounds."""
    config = neurons(0.01, 30.0)
    key = f"network.populations.hh.mechanisms.{mechanism}.conductance"
    right = config["network"]["populations"]["hh"]["mechanisms"][mechanism]["conductance"]
    assert largest(psst(put(config, {key: 1.01 * right})), dop853.potentials(arrays(config))) > 1000 * BOUND


@pytest.mark.parametrize(("make", "duration"), [(neurons, 20.0), (one_box, 16.0)], ids=["constant", "with an edge"])
def test_the_difference_falls_with_the_fourth_order_of_dt(make, duration):
    """Measured: 4.2 and 4.2."""
    dts = [0.02, 0.01, 0.005]
    configs = [make(dt, duration) for dt in dts]
    errors = [largest(psst(config), dop853.potentials(arrays(config))) for config in configs]
    assert slope(dts, errors) == pytest.approx(4.0, abs=0.3), errors


def test_the_chain_agrees_where_spikes_are_seen_alike():
    """Both programs see a spike at the end of the step: what is left is the solver's error."""
    config = one_box(0.01, 40.0)
    ours, theirs = psst(config), dop853.potentials(arrays(config))
    assert [len(times) for times in spikes(ours, thresholds(config), 0.01)] == [2, 2, 0]
    assert largest(ours, theirs) < BOUND


def test_a_synapse_waits_for_the_end_of_the_step_with_the_spike():
    """The second cell, at rest before, fires later than in continuous time by what the first one's spike has waited."""
    exact = spikes(dop853.potentials(arrays(one_box(0.00625, 50.0, 42.0)), 1e-10, seen=64), np.zeros(3), 0.00625)
    for dt in (0.025, 0.0125, 0.00625):
        late = spikes(psst(one_box(dt, 50.0, 42.0)), np.zeros(3), dt)[1][0] - exact[1][0]
        waited = dt * np.ceil(exact[0][0] / dt) - exact[0][0]
        assert dt / 2 < waited < dt
        assert late == pytest.approx(waited, abs=5e-4), dt


def test_the_antennal_lobe_agrees_with_scipy():
    """In steps of half the usual length. What is left comes from the jump of the A-type current's rate at −63 mV."""
    config = lobe(0.005, 32.0)
    ours, theirs = psst(config), dop853.potentials(arrays(config))
    fired, expected = (spikes(v, thresholds(config), 0.005) for v in (ours, theirs))
    assert sum(map(len, fired)) >= 1
    assert largest_shift(fired, expected) < 1e-6
    assert largest(ours, theirs) < 2e-5


def test_scipy_agrees_with_the_published_program():
    """The first cell of the chain to what an edge costs the published program, and the lobe's onset to rounding."""
    published = np.load(DATA / "chain_of_three.npz")["v"][:1150]
    found = dop853.potentials(arrays(chain(0.01, 115.0)))[::10]
    assert largest(found[:1000], published[:1000]) < 1e-5
    assert crossings(found[:, 0]) == pytest.approx(crossings(published[:, 0]), abs=0.01 / 5)
    assert len(crossings(found[:, 0])) == 1
    reference = np.load(DATA / "locust_odour.npz")
    odour = configuration()["stimulus"] | {"spread": 0.0, "cells": reference["input_cells"].tolist()}
    assert largest(dop853.potentials(arrays(locust(12.0, odour)))[::10], reference["v"][:120]) < 1e-5


def test_wrong_settings_are_refused_by_name():
    assert Settings.read("") == list(CASES)
    assert Settings.read("cases=[chain] peers=true")[:2] == ["chain", "brian2_chain"]
    for overrides, message in {
        "peer=true": "Key 'peer' not in 'Settings'",
        "cases=[chains]": "chains: no such case; there are neurons, chain",
        "cases=[]": "no case is left",
    }.items():
        with pytest.raises(PsstError, match=message):
            Settings.read(overrides)


@pytest.mark.slow
def test_scipy_counts_the_spikes_of_the_published_f_i_curve():
    config = configuration("f_i_curve")
    v = dop853.potentials(arrays(config), 1e-9, 0.2)
    assert [len(times) for times in spikes(v, thresholds(config), 0.01)] == FI_COUNTS


@pytest.mark.slow
def test_a_chain_with_spikes_converges_with_the_first_order_of_dt():
    """The largest shift of the second cell's 18 spikes; measured: 1.05."""
    dts = [0.05, 0.025, 0.0125, 0.00625]
    exact = spikes(dop853.potentials(arrays(chain(0.0125, 700.0)), 1e-9, 0.2, seen=16), np.zeros(3), 0.0125)
    errors = []
    for dt in dts:
        found = spikes(psst(chain(dt, 700.0)), np.zeros(3), dt)
        assert [len(times) for times in found] == [18, 18, 0]
        errors.append(largest(found[1], exact[1]))
    assert slope(dts, errors) == pytest.approx(1.0, abs=0.15), errors


def run(folder, overrides=""):
    words = [f"overrides={overrides}"] if overrides else []
    done = snakemake(folder, "--config", "experiment=references", *words)
    assert done.returncode == 0, done.stderr
    results = folder / "results" / "references"
    found = pd.read_csv(results / "references.csv")
    assert len(list((results / "figures").glob("*.png"))) == len(found)
    assert found.to_string(index=False, float_format="{:.3g}".format) in done.stderr
    return found.set_index(["network", "dt_ms"]), results


@pytest.mark.slow
def test_the_references_as_an_experiment_of_the_workflow(tmp_path):
    """At 0.01 ms RK4 is beyond its limit of stability at the lobe's spikes, which the table does not hide."""
    found, _ = run(tmp_path)
    v, shift = found["largest_v_difference_mV"], found["largest_spike_time_difference_ms"]
    assert (found["spikes_psst"] == found["spikes_reference"]).all() and (found["spikes_psst"] > 10).all()
    for network in ("Hodgkin-Huxley neurons", "chain of three"):
        assert v[network, 0.01] < BOUND and shift[network, 0.01] < 2e-6
    assert v["antennal lobe", 0.005] < 0.1 and shift["antennal lobe", 0.005] < 1e-3
    assert v["antennal lobe", 0.01] > 1.0


@pytest.fixture(scope="module")
def beside_brian2(tmp_path_factory):
    """The table and the folder of the workflow with Brian2 alone, which sets up its environment."""
    folder = tmp_path_factory.mktemp("brian2")
    return *run(folder, "cases=[] peers=true"), folder / "results" / "benchmark" / "peers" / "bin" / "python"


@pytest.mark.peers
def test_brian2_agrees_as_far_as_it_sums_synapses_alike(beside_brian2):
    """At every stage in the chain, once a step in the lobe: there the difference falls with dt."""
    found, results, _ = beside_brian2
    assert (found["spikes_psst"] == found["spikes_reference"]).all() and (found["spikes_psst"] > 10).all()
    assert found["largest_v_difference_mV"]["chain of three", 0.01] < 1e-8
    assert found["largest_spike_time_difference_ms"]["antennal lobe", 0.00125] < 0.05
    early = []
    for name in ("brian2_lobe", "brian2_lobe_fine"):
        with xr.open_dataset(results / f"{name}.nc") as data:
            early.append(float(data["difference"].sel(time=slice(0, 48)).max()))
    assert slope([0.005, 0.00125], early) == pytest.approx(1.0, abs=0.1), early


def measures(time, cell, window=(100.0, 500.0)):
    """Rate (Hz) and variation of intervals of the excitatory and of the inhibitory cells of a COBA-HH network."""
    inside = (time >= window[0]) & (time < window[1])
    found = []
    for first, last in ((0, 3200), (3200, 4000)):
        own = inside & (cell >= first) & (cell < last)
        order = np.lexsort((time[own], cell[own]))
        intervals = pd.DataFrame({"cell": cell[own][order], "time": time[own][order]}).groupby("cell")["time"].diff()
        by_cell = intervals.groupby(cell[own][order])
        variation = (by_cell.std(ddof=0) / by_cell.mean())[by_cell.count() >= 3]
        found += [1000.0 * own.sum() / (last - first) / (window[1] - window[0]), variation.mean()]
    return found


@pytest.mark.peers
def test_the_random_network_fires_as_in_brian2(beside_brian2, tmp_path):
    """Means over eight networks of each, every one drawn anew: they differ by less than three standard errors.

    Measured: rates 36.6 and 36.9 Hz (20 networks), in Brian2 38.1 and 38.1 (8); variation of intervals 1.52 and 1.52,
    in Brian2 1.54 and 1.55; between networks the rates vary by 2.7 and 1.0 Hz, in Brian2 by 3.4 and 1.7.
    """
    _, _, python = beside_brian2
    program = ROOT / "workflow" / "references" / "brian2_statistics.py"
    subprocess.run([python, program, tmp_path / "spikes.npz", "--networks", "8", "--duration", "500"], check=True)
    with np.load(tmp_path / "spikes.npz") as file:
        theirs = []
        for network in range(8):
            own = {name: file[f"{name}.network"] == network for name in ("exc", "inh")}
            time = np.concatenate([file[f"{name}.time"][own[name]] for name in own])
            cell = np.concatenate([file["exc.cell"][own["exc"]], 3200 + file["inh.cell"][own["inh"]]])
            theirs.append(measures(time, cell))
    config = configuration("coba_hh", run__duration=500.0, recorder__window=[0.0, 500.0])
    ours = []
    for network in range(8):
        recorded = integrate([Run(config, network)])
        ours.append(measures((recorded.spike_step + 1) * config["run"]["dt"], recorded.spike_cell))
    mean, other = np.mean(ours, axis=0), np.mean(theirs, axis=0)
    error = np.sqrt((np.var(ours, axis=0, ddof=1) + np.var(theirs, axis=0, ddof=1)) / 8)
    assert (3.0 * error < 0.15 * mean).all(), error
    assert (np.abs(mean - other) < 3.0 * error).all(), (mean, other, error)
