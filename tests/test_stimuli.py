"""Waveforms in time and weights over cells."""

import numpy as np
import pytest
from conftest import configuration, integrate

from psst_core import tf
from psst_core.batch import Run
from psst_core.errors import PsstError
from psst_core.keys import put
from psst_core.mechanisms import Clock, in_steps
from psst_core.registry import build
from psst_core.seeds import generator
from psst_core.stimuli.base import Grid

SIZES = {"pn": 90, "ln": 30}


def waveform(stimulus, times, dt=0.01, precision="float64", duration=1000.0):
    table = tf.constant(stimulus.table(120, Grid(dt, duration)))
    zero = tf.constant(0.0, precision)
    clock = [Clock(tf.constant(round(t / dt), precision), zero, dt) for t in times]
    return np.array([np.ravel(stimulus.waveform(now, table))[0] for now in clock])


def weights(stimulus, trial=0):
    stimulus.check(SIZES, Grid(0.01, 1000.0))
    return stimulus.weights(SIZES, generator(1, "targets", trial), generator(1, "spread", trial))


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_odour_follows_its_equation(precision):
    times = np.array([0, 99.99, 100, 175, 599.99, 600, 750, 1000])
    rise, fall = 10 * (1 - np.exp(-(times - 100) / 75)), 9.996 * np.exp(-(times - 600) / 150)
    expected = np.where(times < 100, 0, np.where(times < 600, rise, fall))
    found = waveform(build("stimulus", {"type": "odour"}, ""), times, precision=precision)
    np.testing.assert_allclose(found, expected, rtol=1e-5 if precision == "float32" else 1e-12, atol=1e-5)


@pytest.mark.parametrize("dt", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_steps_switch_at_their_step(dt, precision):
    stimulus = build(
        "stimulus", {"type": "steps", "onsets": [300.0], "offsets": [600.0], "levels": [2.0], "amplitude": 3.0}, ""
    )
    times = [300 - dt, 300, 600 - dt, 600]
    assert waveform(stimulus, times, dt, precision).tolist() == [0, 6, 6, 0]


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_a_swept_edge_switches_at_the_same_step_as_a_fixed_one(precision):
    """In single precision time/dt is off by more than a millionth of a step."""
    dt = 0.01
    steps = np.arange(1, 100_000, 37)
    edges = tf.constant(np.array([round(step * dt, 2) for step in steps]), precision)
    zero = tf.constant(0.0, precision)
    assert bool(tf.reduce_all(Clock(tf.constant(steps, precision), zero, dt).reached(edges)))
    assert not bool(tf.reduce_any(Clock(tf.constant(steps - 1, precision), zero + 0.5, dt).reached(edges)))


def test_a_step_lies_before_the_edge_at_its_end():
    """With its last stage too; the next step lies behind it with all of its stages. So do the steps of adaptive solvers."""
    for fraction in (0.0, 0.5, 1.0):
        for step, expected in ((299, False), (300, True)):
            now = Clock(*tf.constant([float(step), fraction], tf.float64), 0.01)
            assert bool(now.reached(3.0)) is expected, (step, fraction)
    for middle, expected in ((0.29, False), (0.31, True)):
        for fraction in (0.0, 1.0):
            now = Clock(*tf.constant([300.0, fraction], tf.float64), 0.01, tf.constant(middle, tf.float64))
            assert bool(now.reached(3.003)) is expected


@pytest.mark.parametrize("precision", ["float32", "float64"])
def test_the_clock_is_right_to_the_last_step(precision):
    """Of 2^31; single precision alone would lose a stage from step 2^23 on, and the time of a step from 2^17."""
    last, dt = 2**31 - 2, 0.01
    for step, fraction in ((2**23 + 1, 0.5), (2**24 - 1, 1.0), (last, 0.5)):
        now = Clock(tf.constant(step), tf.constant(fraction, precision), dt)
        assert float(now.t) == np.dtype(precision).type((step + fraction) * dt)
        assert float(now.steps) == step + fraction
        for edge in (step - 1, step):
            assert now.reached(edge * dt) and now.reached(tf.constant(edge * dt, tf.float64))
        assert not now.reached((step + 1) * dt) and not now.reached(tf.constant((step + 1) * dt, tf.float64))
    for step in np.random.default_rng(1).integers(1, last, 200):
        assert in_steps(int(step) * dt, dt) == step == in_steps(round(int(step) * dt, 2), dt)
        assert in_steps((int(step) + 0.25) * dt, dt) != step


def test_a_mechanism_asks_for_steps_only():
    now = Clock(tf.constant(3), tf.constant(0.5, tf.float32), 0.05).within(tf.float32, whole=True)
    assert now.reached(0.15) and not now.reached(0.2)
    with pytest.raises(PsstError, match=r"now.reached\(10.02\): 10.02 ms lies between steps of run.dt=0.05 ms"):
        now.reached(10.02)


def test_a_third_of_the_cells_rounded_down():
    chosen = weights(build("stimulus", {"type": "odour", "share": 0.33}, ""))
    assert np.count_nonzero(chosen) == 39
    assert set(chosen) == {0.0, 1.0}
    other = weights(build("stimulus", {"type": "odour", "share": 0.33}, ""), trial=1)
    assert not np.array_equal(chosen, other)


def test_spread_is_log_normal_of_mean_one():
    stimulus = build("stimulus", {"type": "constant", "spread": 0.25}, "")
    found = stimulus.weights({"x": 200_000}, generator(1, "a"), generator(1, "b"))
    assert found.mean() == pytest.approx(1, abs=0.003)
    assert found.std() == pytest.approx(0.25, abs=0.003)
    assert np.log(found).std() == pytest.approx(np.sqrt(np.log1p(0.25**2)), abs=0.002)


def test_targets_by_population_and_cell():
    by_population = weights(build("stimulus", {"type": "constant", "populations": ["ln"]}, ""))
    assert np.flatnonzero(by_population).tolist() == list(range(90, 120))
    by_cell = weights(build("stimulus", {"type": "constant", "populations": ["ln"], "cells": [0, 29]}, ""))
    assert np.flatnonzero(by_cell).tolist() == [90, 119]


def test_per_cell():
    spaced = weights(build("stimulus", {"type": "per_cell", "first": 0.0, "last": 119.0}, ""))
    assert spaced.tolist() == list(range(120))
    listed = weights(build("stimulus", {"type": "per_cell", "values": [1.0, 2.0], "cells": [5, 3]}, ""))
    assert listed[5] == 1 and listed[3] == 2
    with pytest.raises(PsstError, match="3 numbers for 120 cells"):
        weights(build("stimulus", {"type": "per_cell", "values": [1.0, 2.0, 3.0]}, ""))


def test_steps_that_do_not_fit_together():
    with pytest.raises(PsstError, match="1, 1 and 0 numbers"):
        build("stimulus", {"type": "steps", "onsets": [1.0], "offsets": [2.0], "levels": []}, "")
    with pytest.raises(PsstError, match="after its onset"):
        build("stimulus", {"type": "steps", "onsets": [2.0], "offsets": [1.0], "levels": [1.0]}, "")


def test_samples_from_a_file_are_joined_by_straight_lines(tmp_path):
    np.savez(tmp_path / "current.npz", current=np.array([0.0, 10.0, 30.0]))
    stimulus = build("stimulus", {"type": "file", "path": str(tmp_path / "current.npz"), "interval": 2.0}, "")
    assert waveform(stimulus, [0, 1, 2, 3, 4, 9]).tolist() == [0, 5, 10, 20, 30, 30]
    with pytest.raises(PsstError, match="no variable"):
        build("stimulus", {"type": "file", "path": str(tmp_path / "current.npz"), "variable": "i"}, "").check(
            SIZES, Grid(0.01, 4.0)
        )


def test_a_constant_current_for_each_cell_from_a_file_equals_per_cell(tmp_path):
    """The f–I curve's currents, once as a function and once as a table [time, cell]."""
    config = configuration("f_i_curve", run__duration=30.0, recorder__window=[0.0, 30.0])
    np.savez(tmp_path / "current.npz", current=np.tile(np.linspace(0, 10, 20), (2, 1)))
    table = build("stimulus", {"type": "file", "path": str(tmp_path / "current.npz")}, "")
    stimulus = {"type": "file", "path": str(tmp_path / "current.npz")}
    function, file = integrate([Run(config)]), integrate([Run(put(config, {"stimulus": stimulus}))])
    np.testing.assert_allclose(file.traces["hh.v"], function.traces["hh.v"], rtol=1e-9)
    assert len(file.spike_step) > 0 and table.table(20, Grid(0.01, 30.0)).shape == (2, 20)
