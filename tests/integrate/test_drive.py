"""Charge: what a current delivers wherever its edges lie, under every solver, in both precisions, at any time."""

import json
from dataclasses import dataclass

import numpy as np
import pytest

from psst_core import tf
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.integrate.drive import Drive
from psst_core.integrate.integration import Integration
from psst_core.integrate.solvers.classical import RK4
from psst_core.keys import put
from psst_core.model.mechanisms import Relaxation, System
from psst_core.model.stimuli.base import Stimulus
from psst_core.registry import _CLASSES, names, parameter, register
from support.configurations import configuration
from support.integrating import integrate, program

SOLVERS, DT, CAPACITANCE, END = names("solver"), 0.05, 2.0, 20.0
EXACT = {"float64": 1e-12, "float32": END / DT * 2**-24}  # in single precision each step rounds the potential


@pytest.fixture(scope="module", autouse=True)
def pulse():
    """A stimulus of one's own, which knows nothing of steps and may differ in its times from run to run."""

    @register("stimulus", "pulse")
    @dataclass
    class Pulse(Stimulus):
        onset: float = parameter(0.0, "ms")
        offset: float = parameter(1.0, "ms")
        level: float = parameter(1.0, "uA/cm2")

        def waveform(self, now, table):
            on = now.reached(self.onset) & ~now.reached(self.offset)
            return self.level * tf.cast(on, tf.float64)

    yield
    del _CLASSES["stimulus"]["pulse"]


def membrane(stimulus, solver="rk4", precision="float64", dt=DT, **values):
    """A capacitor, charged by the stimulus from 0 mV."""
    config = configuration("f_i_curve", network__size=1, recorder__precision="float64", run__duration=END)
    adaptive = {"relative_tolerance": 1e-6, "absolute_tolerance": 1e-9} if solver == "dormand_prince" else {}
    hh = {"mechanisms": {}, "start": {"v": 0.0}, "capacitance": CAPACITANCE, "spike_threshold": 1e9}
    changes = {f"network.populations.hh.{key}": value for key, value in hh.items()}
    changes |= {"stimulus": Stimulus().__dict__ | stimulus, "recorder.window": [0.0, END]}
    changes |= {"run.dt": dt, "recorder.interval": dt, "solver.name": solver, "solver.precision": precision}
    changes |= {f"solver.{name}": value for name, value in adaptive.items()}
    return put(config, changes | values)


def charged(onsets, offsets, levels, t):
    """The potential of the capacitor at the times `t`, exactly."""
    on, off = np.array(onsets)[:, None], np.array(offsets)[:, None]
    return np.array(levels) @ np.clip(np.minimum(t, off) - on, 0, None) / CAPACITANCE


def random_boxes(count=16, seed=5):
    """Some longer than the run, some in one step or in neighbours, some on steps; overlapping, of either sign."""
    random = np.random.default_rng(seed)
    onsets = random.uniform(0, END, count).round(3)
    offsets = onsets + random.choice([1e-3, 0.007, 0.05, 0.06, 0.1, 3.0, 50.0], count)
    onsets[:3], offsets[:5] = [0.0, 1.0, 10.02], [0.1, 1.01, 10.04, 19.95, 20.0]
    onsets[3:5] = [10.01, 2.0]
    return onsets.tolist(), offsets.tolist(), random.uniform(-50, 50, count).round(2).tolist()


@pytest.mark.parametrize(
    "solver,precision",
    [(solver, "float64") for solver in SOLVERS]
    + [pytest.param(solver, "float32", marks=[pytest.mark.slow] * (solver != "rk4")) for solver in SOLVERS],
)
def test_charge_of_random_boxes(solver, precision):
    """At the end of every step."""
    boxes = random_boxes()
    steps = {"type": "steps", "amplitude": 1.0} | dict(zip(("onsets", "offsets", "levels"), boxes, strict=True))
    found = integrate([Run(membrane(steps, solver, precision))]).traces["hh.v"][0, 0]
    exact = charged(*boxes, np.arange(len(found)) * DT)
    np.testing.assert_allclose(found, exact, atol=EXACT[precision] * np.abs(exact).max(), rtol=0)
    assert np.abs(exact).max() > 10


@pytest.mark.parametrize("solver", SOLVERS)
def test_charge_of_random_pulses_that_differ_between_runs(solver):
    """The first of them is that of the issue: 1 mV at 1 µF."""
    random = np.random.default_rng(7)
    onset = np.append(10.0, random.uniform(0, END, 63).round(4))
    offset = onset + np.append(0.02, 10 ** random.uniform(-3, 0.5, 63))
    level = np.append(50.0, random.uniform(-50, 50, 63))
    varying = ["stimulus.onset", "stimulus.offset", "stimulus.level"]
    config = membrane({"type": "pulse", "onset": 0.0, "offset": 1.0, "level": 1.0}, solver)
    pulses = np.stack([onset, offset, level], axis=1).tolist()
    runs = [Run(put(config, dict(zip(varying, pulse, strict=True)))) for pulse in pulses]
    found = integrate(runs, varying).state()["hh.v"][0]
    exact = np.array([charged([on], [off], [high], END)[0] for on, off, high in pulses])
    np.testing.assert_allclose(found, exact, atol=1e-12, rtol=1e-12)
    assert found[0] * CAPACITANCE == pytest.approx(1.0, abs=1e-12)


@pytest.mark.parametrize("between", ["held", "linear"])
@pytest.mark.parametrize("solver", ["euler", "exponential_midpoint", "rk4"])
def test_charge_of_a_file(solver, between, tmp_path):
    """Of samples every 0.13 ms, more often than every other step."""
    current = np.random.default_rng(2).uniform(-50, 50, 160)
    np.savez(tmp_path / "current.npz", current=current)
    file = {"type": "file", "path": str(tmp_path / "current.npz"), "interval": 0.13, "between": between}
    found = integrate([Run(membrane(file, solver))]).traces["hh.v"][0, 0]
    time, ends = 0.13 * np.arange(161), DT * np.arange(len(found))
    cuts = np.unique(np.concatenate([time, ends]))
    there = np.interp(cuts, time[:-1], current) if between == "linear" else None
    mean = (
        (there[1:] + there[:-1]) / 2 if between == "linear" else current[np.searchsorted(time, cuts[:-1], "right") - 1]
    )
    charge = np.append(0, np.cumsum(mean * np.diff(cuts)))[np.searchsorted(cuts, ends)]
    np.testing.assert_allclose(found, charge / CAPACITANCE, atol=1e-11)
    assert np.ptp(charge) > 10


@pytest.mark.parametrize("precision", EXACT)
def test_charge_of_late_pulses(precision):
    """Up to the last step of all, where single precision alone has lost whole steps."""
    dt, steps = 0.01, 200
    for first in (2**23 + 1, 2**24 - 100, 2**31 - 2 - steps):
        config = membrane({"type": "pulse", "onset": 0.0, "offset": 1.0, "level": 1.0}, "rk4", precision, dt)
        onset = (first + np.array([10, 10.3, 30.2, 199.0])) * dt
        offset = onset + np.array([0.5, 0.013, 0.004, 0.005])
        keys = ["stimulus.onset", "stimulus.offset"]
        runs = [Run(put(config, dict(zip(keys, pulse, strict=True)))) for pulse in zip(onset, offset, strict=True)]
        late = Integration(program(json.dumps([config, keys, 8 if precision == "float64" else 16])), runs)
        late.step = first
        list(late.segments(first + steps))
        found = late.carry[0]["hh"]["v"].numpy()[0, :4]
        rounding = 2 * np.spacing(first * dt) / CAPACITANCE  # of the times themselves
        np.testing.assert_allclose(found, (offset - onset) / CAPACITANCE, rtol=EXACT[precision], atol=rounding)


def test_a_waveform_in_single_precision_is_refused():
    """It would round its numbers in silence."""

    class Rounded(Stimulus):
        def waveform(self, now, table):
            return tf.where(now.reached(1.0), 0.1, 0.0)

    with pytest.raises(PsstError, match=r"returned float32; it must be of float64.*tf.constant\(0.1, tf"):
        Drive(Rounded(), tf.zeros([1, 1], tf.float64), RK4(), 0.05, (1, 1))


def test_a_system_in_single_precision_keeps_time():
    """The force cos t, late; its time alone would be off by 0.8 steps in single precision."""

    @register("system", "driven")
    @dataclass
    class Driven(System):
        states = ("x",)
        speed: float = parameter(1.0, "1/ms")

        def field(self, x, now):
            return {"x": Relaxation(tf.cos(self.speed * now.t) * tf.ones_like(x["x"]), 0.0)}

    config = configuration("pendulum", solver__precision="float32", run__dt=0.01, recorder__interval=0.01)
    system = {"equations": {"type": "driven", "speed": 3.0}, "start": {}}
    config = put(config, {f"network.populations.system.{key}": value for key, value in system.items()})
    config = put(config, {"recorder.variables": {"system": ["x"]}, "solver.name": "rk4"})
    first, steps, key = 2**24 - 300, 250, "network.populations.system.equations.speed"
    for varying in ([], [key]):
        late = Integration(program(json.dumps([config, varying, 1])), [Run(config)])
        late.step = first
        traces = np.concatenate([s.traces["system.x"][0, 0] for s in late.segments(first + steps)])
        t = (first + np.arange(steps)) * 0.01
        np.testing.assert_allclose(traces, (np.sin(3 * t) - np.sin(3 * t[0])) / 3, atol=1e-5)
    del _CLASSES["system"]["driven"]


def test_charge_of_odours_that_begin_and_end_between_steps():
    """Simpson's rule, as RK4 is for a current, would be off by 1e-3 at the kinks."""
    random, keys = np.random.default_rng(4), ["stimulus.onset", "stimulus.offset"]
    onset, length = random.uniform(0, 8, 16).round(3), random.uniform(0.01, 9, 16).round(3)
    odour = {"type": "odour", "amplitude": 10.0, "rise": 5.0, "fall": 7.0, "decay_from": 0.8}
    config = membrane(odour | {"onset": 0.0, "offset": 1.0}, "rk4")
    runs = [
        Run(put(config, dict(zip(keys, (on, on + long), strict=True)))) for on, long in zip(onset, length, strict=True)
    ]
    found = integrate(runs, keys).state()["hh.v"][0] * CAPACITANCE
    falling = np.maximum(END - onset - length, 0)
    exact = 10 * (length - 5 * -np.expm1(-length / 5) + 0.8 * 7 * -np.expm1(-falling / 7))
    np.testing.assert_allclose(found, exact, rtol=1e-10)
