"""Charge: what a current delivers wherever its edges lie, under every solver, in both precisions, at any time."""

from dataclasses import dataclass

import numpy as np
import pytest
from conftest import configuration, integrate

from psst_core import tf
from psst_core.batch import Run
from psst_core.keys import put
from psst_core.registry import _CLASSES, names, parameter, register
from psst_core.stimuli.base import Stimulus

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
            return tf.where(on, self.level, tf.zeros_like(now.t))

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


def random_boxes(count=40, seed=5):
    """Some longer than the run, some in one step or in neighbours, some on steps; overlapping, of either sign."""
    random = np.random.default_rng(seed)
    onsets = random.uniform(0, END, count).round(3)
    offsets = onsets + random.choice([1e-3, 0.007, 0.05, 0.06, 0.1, 3.0, 50.0], count)
    onsets[:3], offsets[:5] = [0.0, 1.0, 10.02], [0.1, 1.01, 10.04, 19.95, 20.0]
    onsets[3:5] = [10.01, 2.0]
    return onsets.tolist(), offsets.tolist(), random.uniform(-50, 50, count).round(2).tolist()


@pytest.mark.parametrize("precision", EXACT)
@pytest.mark.parametrize("solver", SOLVERS)
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
