"""What mechanisms, systems, stimuli and solvers may return, and what is said where they return something else."""

from dataclasses import dataclass

import numpy as np
import pytest

from psst_core import tf
from psst_core.config.checks import check
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.integrate.integration import Integration
from psst_core.integrate.program import Program
from psst_core.integrate.solvers.classical import RK4
from psst_core.model.mechanisms import Channel, Relaxation, System, towards
from psst_core.model.returned import uncompilable
from psst_core.model.stimuli.base import Stimulus
from psst_core.registry import parameter, register
from support.configurations import configuration
from support.integrating import Recorded

KEY = r"network\.populations\.hh\.mechanisms\.mine"


@register("mechanism", "mine")
@dataclass
class Mine(Channel):
    """A channel with a gate w that opens towards a half, and a held value that counts steps."""

    states = ("w",)
    held = {"steps": 0.0}  # noqa: RUF012
    conductance: float = parameter(0.1, "mS/cm2", minimum=0)
    reversal: float = parameter(-77.0, "mV")

    def start(self):
        return WRONG.get("start", lambda: {"w": 0.25})()

    def relaxations(self, x, cell):
        return WRONG.get("relaxations", lambda x: {"w": towards(0.5, 0.1)})(x["w"])

    def membrane(self, x, held, v, now):
        return WRONG.get("membrane", lambda w: (self.conductance * w, self.conductance * w * self.reversal))(x["w"])

    def after_step(self, x, held, event):
        return WRONG.get("after_step", lambda steps: {"steps": steps + 1.0})(held["steps"])


@register("system", "mine")
@dataclass
class OwnSystem(System):
    states = ("x",)

    def field(self, x, now):
        return WRONG.get("field", lambda x: {"x": Relaxation(1.0, 0.0)})(x["x"])


@register("stimulus", "mine")
@dataclass
class OwnStimulus(Stimulus):
    def waveform(self, now, table):
        return WRONG.get("waveform", lambda: now.t)()


@register("solver", "mine")
class OwnSolver(RK4):
    def advance(self, relaxations, state, memory, step, dt, until):
        found = super().advance(relaxations, state, memory, step, dt, until)
        return WRONG.get("advance", lambda after, memory: (after, memory))(*found)


WRONG = {}  # by method, what takes its place


@pytest.fixture(autouse=True)
def _right_again():
    yield
    WRONG.clear()


def run(system=False, **changes):
    """Ten steps of two cells with the mechanism, or of the system."""
    config = configuration("f_i_curve", run__duration=0.1, run__dt=0.01, recorder__window=[0.0, 0.1], network__size=2)
    config["recorder"]["interval"], config["analysis"]["spectrum"] = 0.01, [0.0, 0.1]
    population = config["network"]["populations"]["hh"]
    if system:
        population |= {"mechanisms": {}, "start": {}, "equations": {"type": "mine"}}
        config["recorder"]["variables"] = {}
    else:
        population["mechanisms"] = {"mine": {"type": "mine", "conductance": 0.1, "reversal": -77.0}}
        config["recorder"]["variables"] = {"hh": ["mine.w"]}
    config["stimulus"] = {"type": "mine", "populations": [], "cells": [], "share": 1.0, "spread": 0.0}
    config["solver"]["name"] = "mine"
    for key, value in changes.items():
        config["solver"][key] = value
    check(config)
    integration = Integration(Program(config, [], 1), [Run(config)])
    return Recorded(integration, list(integration.segments(10)))


def test_what_is_right_runs():
    recorded = run()
    w = recorded.traces["hh.mine.w"][0, 0]
    np.testing.assert_allclose(w, 0.5 - 0.25 * np.exp(-0.1 * 0.01 * np.arange(10)), rtol=1e-12)
    assert np.all(recorded.integration.carry[1][0]["hh"]["mine.steps"].numpy() == 10.0)
    np.testing.assert_allclose(run(system=True).state()["hh.x"], 0.1, rtol=1e-12)


def test_what_cannot_be_compiled_is_named():
    def told(steps):
        tf.print("steps", steps)
        return {"steps": steps}

    WRONG["after_step"] = told
    with pytest.raises(tf.errors.InvalidArgumentError) as error:
        run()
    said = str(uncompilable(error.value, ["plugins.told"]))
    assert said.startswith("plugins.told: uses TensorFlow's StringFormat, which cannot be compiled")
    assert uncompilable(ValueError("another"), []) is None


CASES = {
    "a state that is none": ("after_step", lambda h: {"q": h}, "after_step of Mine .*returned q, .*there are w, steps"),
    "no tensor": ("after_step", lambda h: {"steps": 1.0}, r"after_step of Mine .*steps: is a float; .*\[2, 1\]"),
    "no dict": ("after_step", lambda h: h, "after_step of Mine .*returned a .*must return a dict"),
    "nothing": ("after_step", lambda h: None, "after_step of Mine .*returned None; it must return a dict"),
    "a shape": ("after_step", lambda h: {"steps": h[0]}, r"steps: has the shape \[1\]"),
    "a type": (
        "after_step",
        lambda h: {"steps": tf.cast(h, tf.float32)},
        "steps: is of float32; it must be of float64",
    ),
    "a truth value": ("after_step", lambda h: {"steps": h > 0}, "steps: is of bool; it must be of float64"),
    "an error": ("after_step", lambda h: {"steps": h / [][0]}, "after_step of Mine .*raised IndexError: list index"),
    "a condition": ("after_step", lambda h: {"steps": h if h[0, 0] > 0 else h + 1}, "has no truth value .*tf.where"),
    "a library's error": (
        "after_step",
        lambda h: {"steps": tf.reshape(h, [7])},
        "after_step of Mine .* raised ValueEr",
    ),
    "no relaxation": ("relaxations", lambda w: {"w": w}, "relaxations of Mine .*a .* for the state w; .*a Relaxation"),
    "a missing state": ("relaxations", lambda w: {}, "relaxations of Mine .*nothing for its state w"),
    "an extra state": (
        "relaxations",
        lambda w: {"w": towards(w, 1.0), "z": towards(w, 1.0)},
        "relaxations of Mine .*returned z, which is no state of it; its states are w",
    ),
    "a source along the wrong axis": (
        "relaxations",
        lambda w: {"w": Relaxation(tf.zeros([2], w.dtype), 0.0)},
        r"source of the state w: has the shape \[2\]; it must be a number, or a tensor of \[cell, run\]",
    ),
    "one number of two": ("membrane", lambda w: w, "membrane of Mine .*it must return a conductance and a source"),
    "words": ("membrane", lambda w: ("much", w), "membrane of Mine .*conductance: is a str"),
    "no source": ("membrane", lambda w: (w, None), "membrane of Mine .*source: is None"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mechanism_is_named_with_its_key_and_method(case):
    method, function, message = CASES[case]
    WRONG[method] = function
    with pytest.raises(PsstError, match=rf"{KEY}: .*{message}"):
        run()


@pytest.mark.parametrize(
    "found,message",
    [
        (lambda: {}, "start of Mine .*w is missing"),
        (lambda: {"w": 0.1, "u": 0.2}, "start of Mine .*u is no state of it; its states are w"),
        (lambda: None, "start of Mine .*returned None"),
        (lambda: {"w": "low"}, "start of Mine .*a str for the state w; it must be a number"),
        (lambda: {"w": float("nan")}, "start of Mine .*returned nan for the state w"),
        (
            lambda: {"w": 1 / 0},
            r"start of Mine .*raised ZeroDivisionError: division by zero \(.*test_returned\.py, line",
        ),
    ],
)
def test_wrong_starts_are_refused_in_the_plan(found, message):
    """By `check`, which a plan calls, without TensorFlow."""
    WRONG["start"] = found
    with pytest.raises(PsstError, match=rf"{KEY}: .*{message}"):
        run()


def test_systems_stimuli_and_solvers_too():
    WRONG["field"] = lambda x: {"x": x}
    with pytest.raises(PsstError, match=r"network\.populations\.hh\.equations: field of OwnSystem .*state x"):
        run(system=True)
    for wrong, message in {
        (lambda: None): r"stimulus: waveform of OwnStimulus .*returned None",
        (lambda: tf.zeros([2], tf.float64)): r"returned the shape \[2\]; it must be a number, \[1, run\]",
        (lambda: tf.zeros([], tf.float32)): "returned float32; it must be of float64",
        (lambda: {}["x"]): "stimulus: waveform of OwnStimulus .*raised KeyError: 'x'",
    }.items():
        WRONG.clear()
        WRONG["waveform"] = wrong
        with pytest.raises(PsstError, match=message):
            run()
    for found, message in {
        (lambda after, memory: after): "solver: advance of OwnSolver .*the state after the step, and its memory",
        (lambda after, memory: ({"hh": {}}, memory)): "returned none for hh; there are mine.w, v",
        (lambda after, memory: ({"hh": after["hh"] | {"v": 0.0}}, memory)): r"hh\.v: is a float",
    }.items():
        WRONG.clear()
        WRONG["advance"] = found
        with pytest.raises(PsstError, match=message):
            run()
