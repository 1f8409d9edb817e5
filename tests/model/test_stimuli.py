"""Waveforms in time and weights over cells."""

import numpy as np
import pytest
import xarray as xr

from psst_core import tf
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.model.mechanisms import Clock, in_steps
from psst_core.model.stimuli.base import Grid
from psst_core.registry import build
from psst_core.seeds import generator
from support.configurations import configuration
from support.integrating import integrate

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
    """With its last stage too; the next step lies behind it with all of its stages. So it is within dt, if adaptive."""
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


def from_file(path, between="linear", **settings):
    return build("stimulus", {"type": "file", "path": str(path), "between": between} | settings, "stimulus")


def netcdf(path, current, time=None, dims=("time",), units=None, time_units="ms", cell=None):
    """A file of a current, with whatever coordinates and units are given."""
    coordinates = {name: (name, np.asarray(x)) for name, x in (("time", time), ("cell", cell)) if x is not None}
    data = xr.Dataset({"current": (dims, np.asarray(current))}, coords=coordinates)
    if units:
        data["current"].attrs["units"] = units
    if time is not None and time_units:
        data["time"].attrs["units"] = time_units
    data.to_netcdf(path)
    return path


def test_samples_from_a_file_are_held_or_joined_by_straight_lines(tmp_path):
    np.savez(tmp_path / "current.npz", current=np.array([0.0, 10.0, 30.0]))
    linear, held = (from_file(tmp_path / "current.npz", way, interval=2.0) for way in ("linear", "held"))
    assert waveform(linear, [0, 1, 2, 3, 3.99], duration=4.0) == pytest.approx([0, 5, 10, 20, 29.9])
    assert waveform(held, [0, 1, 2, 3, 4, 5.99], duration=6.0).tolist() == [0, 0, 10, 10, 30, 30]


@pytest.mark.parametrize("time_units,scale", [("ms", 1.0), ("s", 1e-3), ("us", 1e3), (None, 1.0)])
def test_times_of_a_file_count(tmp_path, time_units, scale):
    """Every 0.1 ms, in whatever unit, and not every 1 ms; also where they are not evenly spaced."""
    time = np.array([0.0, 0.1, 0.2, 0.5])
    path = netcdf(tmp_path / "current.nc", [0.0, 10.0, 30.0, 0.0], time * scale, time_units=time_units)
    found = waveform(from_file(path), [0.05, 0.1, 0.15, 0.2, 0.35], duration=0.5)
    assert found == pytest.approx([5, 10, 20, 30, 15], rel=1e-12)
    np.savez(tmp_path / "current.npz", current=[0.0, 10.0, 30.0, 0.0], time=time)
    assert waveform(from_file(tmp_path / "current.npz"), [0.15, 0.35], duration=0.5) == pytest.approx([20, 15])


def test_dimensions_cells_and_units_of_a_file_count(tmp_path):
    """A transposed table is turned by its names, cells are found by their numbers, nA/mm² are converted."""
    current = np.arange(240.0).reshape(2, 120)
    tables = [
        netcdf(tmp_path / "plain.nc", current, [0.0, 1.0], ("time", "cell")),
        netcdf(tmp_path / "turned.nc", current.T, [0.0, 1.0], ("cell", "time")),
        netcdf(tmp_path / "numbered.nc", current[:, ::-1], [0.0, 1.0], ("time", "cell"), cell=np.arange(120)[::-1]),
        netcdf(tmp_path / "units.nc", 10 * current, [0.0, 1.0], ("time", "cell"), units="nA/mm2"),
    ]
    found = [from_file(path).table(120, Grid(0.1, 1.0)) for path in tables]
    assert found[0].shape == (1, 241) and found[0][0, 1:121].tolist() == list(range(120))
    for other in found[1:]:
        np.testing.assert_allclose(other, found[0], rtol=1e-12)


@pytest.mark.parametrize("between", ["held", "linear"])
def test_a_table_of_samples_at_any_time_has_their_integral(tmp_path, between):
    """Over every step, for samples that are finer and coarser than it, evenly spaced or not, on steps or not."""
    random, dt, duration = np.random.default_rng(3), 0.05, 8.0
    for spacing in (0.007, 0.05, 0.13, 1.7, None):
        time = np.arange(0, 12, spacing) if spacing else np.append(0, np.sort(random.uniform(0, 12, 100)))
        current = random.normal(size=(len(time), 3))
        table = from_file(netcdf(tmp_path / "current.nc", current, time, ("time", "cell")), between).table(
            3, Grid(dt, duration)
        )
        steps = np.arange(round(duration / dt))
        row = np.searchsorted(table[:, 0], steps, side="right") - 1
        found = table[row, 1:4] + (steps + 0.5 - table[row, 0])[:, None] * table[row, 4:]
        cuts = np.unique(np.concatenate([time, np.arange(len(steps) + 1) * dt]))
        middle = (cuts[:-1] + cuts[1:]) / 2
        if between == "linear":
            there = np.stack([np.interp(middle, time, cell) for cell in current.T], axis=1)
        else:
            there = current[np.searchsorted(time, middle, side="right") - 1]
        integral = np.concatenate([np.zeros((1, 3)), np.cumsum(np.diff(cuts)[:, None] * there, axis=0)])
        ends = integral[np.searchsorted(cuts, np.arange(len(steps) + 1) * dt)]
        np.testing.assert_allclose(found * dt, np.diff(ends, axis=0), atol=1e-12)
        assert len(table) <= min(2 * len(time) + 1, len(steps))


@pytest.mark.parametrize(
    "file,settings,message",
    [
        ({}, {"between": ""}, "stimulus.between: must be held .* or linear"),
        ({}, {"interval": 2.0}, "stimulus.interval=2 ms: .* has times of its own, which are others; leave"),
        ({"time": None}, {}, "has no times; add the coordinate time .* or say .* stimulus.interval=1"),
        ({"time": [1.0, 2.0, 3.0]}, {}, "begin at 1 ms, the run at 0 ms; give it a first sample at 0 ms"),
        ({"time": [0.0, 2.0, 2.0]}, {}, "must increase, but 2 ms follows 2 ms"),
        ({"time": [0.0, 1.0, 1.5]}, {}, "ends at 1.5 ms, before run.duration=2 ms; add a sample at 2 ms"),
        ({"time": [0.0, 0.5, 1.0]}, {"between": "held"}, "ends at 1.5 ms with its last sample, before run.duration=2"),
        ({"time_units": "mV"}, {}, "its coordinate time has the unit 'mV'"),
        ({"units": "nA"}, {}, "has the unit 'nA', but must be in uA/cm2"),
        ({"dims": ("t",), "time": None}, {"interval": 1.0}, "has the dimensions .t.; name them time"),
        ({"current": np.ones((3, 5)), "dims": ("time", "cell")}, {}, "3 times and 5 cells; .* the 120 of the network"),
        ({"current": np.ones((5, 3)), "dims": ("post", "time")}, {}, "name them time, cell"),
    ],
)
def test_a_file_that_does_not_say_what_runs_is_refused(tmp_path, file, settings, message):
    path = netcdf(tmp_path / "current.nc", **{"current": [1.0, 2.0, 3.0], "time": [0.0, 1.0, 2.0]} | file)
    with pytest.raises(PsstError, match=message):
        from_file(path, **settings).check(SIZES, Grid(0.1, 2.0))


def test_an_adaptive_solver_takes_samples_at_steps(tmp_path):
    path = netcdf(tmp_path / "current.nc", [1.0, 2.0, 3.0], [0.0, 1.0, 2.0])
    from_file(path).check(SIZES, Grid(0.1, 2.0, adaptive=True))
    with pytest.raises(PsstError, match=r"has a sample at 1 ms, which is no multiple of run.dt=0.4 ms.*solver=rk4"):
        from_file(path).check(SIZES, Grid(0.4, 2.0, adaptive=True))


@pytest.mark.parametrize("adaptive", [False, True])
def test_times_in_single_precision_or_summed_up_are_those_of_the_steps(tmp_path, adaptive):
    """An adaptive solver takes them, a fixed one as straight lines too where they are decimal numbers."""
    count, dt = 20_000, 0.1
    current, plain = np.sin(np.arange(count)), np.arange(count) * dt
    grid = Grid(dt, 1999.0, adaptive)
    times = {"single": plain.astype("f4"), "seconds": (plain / 1000).astype("f4"), "sum": np.cumsum(np.full(count, dt))}
    times["sum"] -= times["sum"][0]
    expected = from_file(netcdf(tmp_path / "plain.nc", current, plain)).table(1, grid)
    for name, time in times.items():
        path = netcdf(tmp_path / f"{name}.nc", current, time, time_units="s" if name == "seconds" else "ms")
        found = from_file(path).table(1, grid)
        if adaptive or name != "sum":
            assert np.array_equal(found[:, 0], expected[:, 0])
            np.testing.assert_allclose(found, expected, atol=1e-6)
    np.savez(tmp_path / "single.npz", current=current, time=times["single"])
    assert np.array_equal(from_file(tmp_path / "single.npz").table(1, grid), expected)


def test_a_constant_current_for_each_cell_from_a_file_equals_per_cell(tmp_path):
    """The f–I curve's currents, once as a function and once as a table [time, cell]."""
    config = configuration("f_i_curve", run__duration=30.0, recorder__window=[0.0, 30.0])
    np.savez(tmp_path / "current.npz", current=np.tile(np.linspace(0, 10, 20), (2, 1)))
    file = {"type": "file", "path": str(tmp_path / "current.npz"), "interval": 30.0, "between": "linear"}
    function, file = integrate([Run(config)]), integrate([Run(put(config, {"stimulus": file}))])
    np.testing.assert_allclose(file.traces["hh.v"], function.traces["hh.v"], rtol=1e-9)
    assert len(file.spike_step) > 0
