"""Agreement with the published program, as far as rounding and chaos let any two programs agree."""

import numpy as np
import pytest

from psst_core.integrate.batch import Run
from support.configurations import configuration
from support.integrating import integrate
from support.paths import DATA
from support.published import FI_COUNTS, crossings, locust


def potentials(config):
    traces = integrate([Run(config)]).traces
    return np.concatenate([traces["pn.v"][0], traces["ln.v"][0]]).T


def test_f_i_curve_has_the_published_counts():
    recorded = integrate([Run(configuration("f_i_curve"))])
    assert np.bincount(recorded.spike_cell, minlength=20).tolist() == FI_COUNTS


def test_chain_of_three_spikes_as_published():
    """Its last stage, a sixth of a step, sees the current of the next; so does ours with edges that much earlier."""
    config = configuration("chain_of_three", network__synapses__ach__pulse="published")
    for edges in ("onsets", "offsets"):
        config["stimulus"][edges] = [time - config["run"]["dt"] / 6 for time in config["stimulus"][edges]]
    recorded = integrate([Run(config)])
    assert np.bincount(recorded.spike_cell, minlength=3).tolist() == [18, 18, 0]
    ours = recorded.traces["hh.v"][0].T
    theirs = np.load(DATA / "chain_of_three.npz")["v"]
    for cell in (0, 1):
        assert np.abs(crossings(ours[:, cell]) - crossings(theirs[:, cell])).max() < 0.02


def test_antennal_lobe_under_odour():
    reference = np.load(DATA / "locust_odour.npz")
    odour = configuration()["stimulus"] | {"spread": 0.0, "cells": reference["input_cells"].tolist()}
    difference = np.abs(potentials(locust(131.0, odour)) - reference["v"]).max(axis=1)
    assert difference[:1000].max() < 1e-5
    assert difference[:1300].max() < 1e-2


@pytest.fixture(scope="module")
def driven():
    reference = np.load(DATA / "locust_driven.npz")
    stimulus = {"type": "per_cell", "values": reference["drive"].tolist()}

    def difference(**projections):
        return np.abs(potentials(locust(25.1, stimulus, projections)) - reference["v"]).max(axis=1)

    return difference


def test_driven_antennal_lobe(driven):
    difference = driven()
    assert difference[:56].max() < 1e-5
    assert difference[:100].max() < 0.2
    assert difference[:250].max() < 1.0


@pytest.mark.parametrize("fault", ["no acetylcholine", "transposed", "0.35 onto local interneurons"])
def test_a_wrong_synapse_would_be_seen(driven, fault, tmp_path):
    key = "network.projections.pn_ln"
    weight = np.load(DATA / "locust_connectivity.npz")["pn_ln"]
    np.savez(tmp_path / "transposed.npz", weight=weight.T)
    faults = {
        "no acetylcholine": {f"{key}.conductance": 0.0},
        "0.35 onto local interneurons": {f"{key}.conductance": 0.35},
        "transposed": {
            f"{key}.pre": "ln",
            f"{key}.post": "pn",
            f"{key}.connectivity": {"type": "file", "path": str(tmp_path / "transposed.npz"), "variable": "weight"},
        },
    }
    difference = driven(**faults[fault])
    assert difference[:250].max() > 1.0
