"""Threshold and gain: values that are known, from numbers and from sweeps."""

import numpy as np
import pytest

from psst_core.drawing import save
from psst_core.errors import PsstError
from psst_core.figures.chosen import figure_of, undrawn
from psst_core.figures.gain import threshold_and_gain
from psst_core.sweep.expand import expand
from support.published import FI_COUNTS
from support.sweeps import run_sweep

FI = "stimulus=constant stimulus.amplitude=0,5,10,15,20 network.size=1 figures=[gain]"


def test_threshold_and_gain_of_a_line_that_begins_late():
    current = np.array([0.0, 1, 2, 3, 4])
    threshold, gain, points = threshold_and_gain(current, np.array([0.0, 0, 10, 15, 20]), 1.0)
    assert (threshold, points) == (2.0, 3) and gain == pytest.approx(5)
    assert threshold_and_gain(current, np.array([0.0, 0, 10, 15, 20]), 12.0)[0] == 3
    threshold, gain, points = threshold_and_gain(current, np.array([0.0, np.nan, np.nan, 0, 7]), 1.0)
    assert (threshold, points) == (4.0, 1) and np.isnan(gain)
    assert np.isnan(threshold_and_gain(current, np.zeros(5), 1.0)[:2]).all()
    assert threshold_and_gain(current, np.full(5, np.nan), 1.0)[2] == 0


def test_of_a_sweep_over_currents(tmp_path):
    """The neuron of the f-I curve, whose counts in 200 ms are frozen, one current a run."""
    results = run_sweep(tmp_path, "f_i_curve", FI)
    table = figure_of("gain", results.config).table(results)
    rates = results.cube["firing_rate"].squeeze().values
    firing = rates > 0
    assert table["threshold"].item() == results.cube["amplitude"].values[firing][0]
    slope = np.polyfit(results.cube["amplitude"].values[firing], rates[firing], 1)[0]
    assert table["gain"].item() == pytest.approx(slope) and 0 < slope < max(FI_COUNTS) / 0.2
    save("gain", results, [tmp_path / "gain.png"])


def test_it_says_what_it_needs():
    words = ["stimulus.amplitude=1,2"]
    sweep = expand("f_i_curve", ["run.dt=0.01,0.02", "figures=[gain]"])
    assert undrawn(["gain"], sweep.axes, sweep.config)["gain"] == "no axis stimulus.amplitude of several numbers"
    sweep = expand("f_i_curve", [*words, "analysis.measures.rates=null", "figures=[gain]"])
    assert "no measure of analysis.measures gives firing_rate" in undrawn(["gain"], sweep.axes, sweep.config)["gain"]
    for option, message in (("axis=amplitude", "must be the key of an axis"), ("least=0", "must be at least")):
        with pytest.raises(PsstError, match=rf"figure_options\.gain\.{option}.*{message}"):
            expand("f_i_curve", [*words, "figures=[gain]", f"figure_options.gain.{option}"])
