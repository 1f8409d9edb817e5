"""The order of each solver on problems with closed solutions, what it conserves, and what is exact in it."""

import numpy as np
import pytest

from psst_core import tf
from psst_core.config.checks import check
from psst_core.errors import PsstError
from psst_core.integrate.batch import Run
from psst_core.keys import put
from psst_core.model.mechanisms import Clock, Relaxation
from psst_core.model.systems.exponential import Exponential
from psst_core.model.systems.linear_pair import LinearPair
from psst_core.model.systems.pendulum import Pendulum
from psst_core.registry import lookup, names
from support.configurations import configuration, with_values
from support.integrating import integrate, slope

FIXED = [name for name in names("solver") if not lookup("solver", name, "").adaptive]


class Logistic:
    """X' = x (1 − x), given as source x and decay x: the two frozen over an exponential step."""

    def field(self, x, now):
        return {"x": Relaxation(x["x"], x["x"])}

    def exact(self, start, t):
        return {"x": 1 / (1 + (1 / start["x"] - 1) * np.exp(-t))}


class Driven:
    """X' = cos t − x, from 1."""

    def field(self, x, now):
        return {"x": Relaxation(tf.cos(now.t) * tf.ones_like(x["x"]), 1.0)}

    def exact(self, start, t):
        return {"x": (np.cos(t) + np.sin(t) + np.exp(-t)) / 2}


PROBLEMS = {
    "logistic": (Logistic(), {"x": 0.2}),
    "driven": (Driven(), {"x": 1.0}),
    "exponential": (Exponential(rate=0.7), {"x": 1.0}),
    "linear_pair": (LinearPair(), {"x": 1.0, "y": 0.3}),
    "pendulum": (Pendulum(gravity_over_length=1.3), {"theta": 2.0, "omega": 0.0}),
}


def error(name, problem, steps, end=1.0):
    (system, start), solver, dt = PROBLEMS[problem], lookup("solver", name, "solver")(), end / steps

    @tf.function(jit_compile=True, autograph=False)
    def solve(state):
        def field(state, now):
            return {"p": system.field(state["p"], now)}

        def body(i, state):
            return i + 1, solver.step(field, state, tf.cast(i, tf.float64), dt)

        return tf.while_loop(lambda i, _: i < steps, body, (0, state), maximum_iterations=steps)[1]

    found = solve({"p": {key: tf.constant([[value]], tf.float64) for key, value in start.items()}})["p"]
    return max(abs(float(found[key][0, 0]) - value) for key, value in system.exact(start, end).items())


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", FIXED)
def test_order(name, problem):
    steps = [32, 64, 128]
    errors = [error(name, problem, n) for n in steps]
    if max(errors) < 1e-13:
        assert (name, problem) in {("exponential_euler", "exponential"), ("exponential_midpoint", "exponential")}
        return
    assert slope([1 / n for n in steps], errors) == pytest.approx(lookup("solver", name, "").order, abs=0.1)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_test_problems_solve_their_equations(problem):
    system, start = PROBLEMS[problem]
    assert system.exact(start, 0.0) == pytest.approx(start)
    for step in (30, 170):
        now = Clock(tf.constant(float(step), tf.float64), tf.constant(0.0, tf.float64), 0.01)
        t = step * 0.01
        x, before, after = (system.exact(start, time) for time in (t, t - 1e-6, t + 1e-6))
        x = {key: tf.constant([[value]], tf.float64) for key, value in x.items()}
        for key, relaxation in system.field(x, now).items():
            found = float(relaxation.field(x[key])[0, 0])
            assert found == pytest.approx((after[key] - before[key]) / 2e-6, rel=1e-6)


def test_exponential_euler_is_exact_for_constant_source_and_decay():
    solver = lookup("solver", "exponential_euler", "")()
    for decay in (0.0, 1e-9, 0.3, 1e3):
        x = tf.constant([[2.0]], tf.float64)
        found = solver.step(
            lambda state, now, d=decay: {"p": {"x": Relaxation(0.7, d)}},
            {"p": {"x": x}},
            tf.constant(0.0, tf.float64),
            0.5,
        )
        grown = 0.5 if decay == 0 else -np.expm1(-decay * 0.5) / decay
        assert float(found["p"]["x"][0, 0]) == pytest.approx(2.0 + grown * (0.7 - 2.0 * decay), rel=1e-13)


def pendulum(solver, **values):
    config = configuration("pendulum", **{"recorder__precision": "float64"} | values)
    named = configuration("solver_order", solver__name=solver)["solver"]
    tolerances = {"relative_tolerance": 1e-6, "absolute_tolerance": 1e-9} if solver == "dormand_prince" else {}
    return put(config, {"solver": named | tolerances})


@pytest.mark.parametrize("name", names("solver"))
def test_energy_of_the_pendulum(name):
    """Over six periods Euler's grows, the second order's drifts a little, the fourth order's stays."""
    recorded = integrate([Run(pendulum(name))])
    theta, omega = (recorded.traces[f"system.{variable}"][0, 0] for variable in ("theta", "omega"))
    energy = omega**2 / 2 - np.cos(theta)
    drift = np.abs(energy - energy[0]).max()
    if lookup("solver", name, "").order == 1:
        assert drift > 0.3 and energy[-1] > energy[0] + 0.3
    else:
        assert drift < {2: 5e-3, 3: 5e-4, 4: 1e-6}.get(lookup("solver", name, "").order, 1e-4)


def test_gates_and_open_fractions_stay_between_0_and_1():
    variables = ["sodium.m", "sodium.h", "potassium.n", "ach.open", "gaba.open"]
    config = configuration("chain_of_three", recorder__variables__hh=variables, run__duration=60.0)
    config = put(config, {"recorder.window": [0.0, 60.0], "recorder.interval": 0.05, "run.dt": 0.05})
    config = put(config, {"stimulus": configuration("f_i_curve")["stimulus"] | {"last": 60.0}})
    for solver in FIXED:
        traces = integrate([Run(put(config, {"solver.name": solver}))]).traces
        assert all(trace.min() >= 0.0 and trace.max() <= 1.0 for trace in traces.values()), solver
        assert traces["hh.sodium.m"].max() > 0.9


def dormand_prince(config, relative, absolute=1e-12):
    values = {"name": "dormand_prince", "relative_tolerance": relative, "absolute_tolerance": absolute}
    return put(config, {"solver": config["solver"] | values})


def test_dormand_prince_keeps_its_tolerance_at_any_dt():
    exact = Pendulum().exact({"theta": 2.0, "omega": 0.0}, 50.0 - 0.05)["theta"]
    found = {}
    for dt in (0.05, 5.0):
        config = pendulum("rk4", recorder__interval=dt, run__dt=dt)
        for relative in (1e-5, 1e-8, 1e-11):
            recorded = integrate([Run(dormand_prince(config, relative))])
            found[dt, relative] = recorded.traces["system.theta"][0, 0]
    for relative, bound in ((1e-5, 1e-2), (1e-8, 1e-5), (1e-11, 1e-8)):
        assert abs(found[0.05, relative][-1] - exact) < bound
        np.testing.assert_allclose(found[5.0, relative], found[0.05, relative][::100], atol=bound)
    assert abs(found[5.0, 1e-5][-1] - found[5.0, 1e-11][-1]) > 1e-7


def test_each_run_of_a_batch_chooses_its_own_steps():
    """A fast pendulum beside a slow one changes nothing in it beyond rounding."""
    config = dormand_prince(pendulum("rk4", recorder__interval=5.0, run__dt=5.0), 1e-8)
    key = "network.populations.system.equations.gravity_over_length"
    both = integrate(with_values(config, key, [1.0, 400.0]), [key]).traces["system.theta"]
    alone = integrate(with_values(config, key, [1.0]), [key]).traces["system.theta"]
    np.testing.assert_allclose(both[0], alone[0], atol=1e-11)


def test_dormand_prince_integrates_a_neuron():
    """Far below its tolerance's trace error lies RK4 at a small step."""
    config = configuration("f_i_curve", network__size=2, run__duration=30.0, stimulus__last=10.0)
    config = put(config, {"recorder.window": [0.0, 30.0], "recorder.precision": "float64"})
    fine = integrate([Run(put(config, {"run.dt": 0.005}))]).traces["hh.v"]
    adaptive = integrate([Run(dormand_prince(put(config, {"run.dt": 0.1}), 1e-9, 1e-9))])
    np.testing.assert_allclose(adaptive.traces["hh.v"], fine, atol=1e-4)
    assert np.ptp(fine) > 80


@pytest.mark.parametrize(
    "experiment,values,message",
    [
        ("chain_of_three", {}, r"network\.synapses\.ach acts at steps of run\.dt.*solver=rk4"),
        ("pendulum", {"solver.relative_tolerance": None}, r"solver\.relative_tolerance=None: give one"),
        ("pendulum", {"solver.relative_tolerance": -1.0}, r"relative_tolerance=-1: must be at least"),
        ("pendulum", {"solver.name": "rk4"}, r"relative_tolerance=1e-06: rk4 has none; leave it out"),
    ],
)
def test_what_an_adaptive_solver_cannot_serve_is_refused(experiment, values, message):
    config = put(dormand_prince(configuration(experiment), 1e-6), values)
    with pytest.raises(PsstError, match=message):
        check(config)
