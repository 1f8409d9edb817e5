"""The order of each solver on problems with closed solutions, and what an exponential step does exactly."""

import numpy as np
import pytest

from psst_core import tf
from psst_core.mechanisms import Clock, Relaxation
from psst_core.registry import lookup, names


def logistic(state, now):
    """X' = x (1 − x), given as source x and decay x: the two frozen over an exponential step."""
    x = state["p"]["x"]
    return {"p": {"x": Relaxation(x, x)}}


def driven(state, now):
    """X' = cos t − x."""
    one = tf.ones_like(state["p"]["x"])
    return {"p": {"x": Relaxation(tf.cos(now.t) * one, 1.0)}}


PROBLEMS = {
    "logistic": (logistic, 0.2, lambda t: 1 / (1 + 4 * np.exp(-t))),
    "driven": (driven, 1.0, lambda t: (np.cos(t) + np.sin(t) + np.exp(-t)) / 2),
}


def error(name, problem, steps, end=2.0):
    field, start, exact = PROBLEMS[problem]
    solver, dt = lookup("solver", name, "solver")(), end / steps

    @tf.function(jit_compile=True, autograph=False)
    def solve(x):
        def body(i, state):
            return i + 1, solver.step(field, state, tf.cast(i, tf.float64), dt)

        return tf.while_loop(lambda i, _: i < steps, body, (0, {"p": {"x": x}}), maximum_iterations=steps)[1]

    return abs(float(solve(tf.constant([[start]], tf.float64))["p"]["x"][0, 0]) - exact(end))


@pytest.mark.parametrize("problem", PROBLEMS)
@pytest.mark.parametrize("name", names("solver"))
def test_order(name, problem):
    steps = np.array([32, 64, 128])
    errors = [error(name, problem, int(n)) for n in steps]
    slope = -np.polyfit(np.log(steps), np.log(errors), 1)[0]
    assert slope == pytest.approx(lookup("solver", name, "").order, abs=0.1)


@pytest.mark.parametrize("problem", PROBLEMS)
def test_the_test_problems_solve_their_equations(problem):
    field, start, exact = PROBLEMS[problem]
    assert exact(0.0) == pytest.approx(start)
    for step in (30, 170):
        now = Clock(tf.constant(float(step), tf.float64), tf.constant(0.0, tf.float64), 0.01)
        x, t = tf.constant([[exact(step * 0.01)]], tf.float64), step * 0.01
        slope = float(field({"p": {"x": x}}, now)["p"]["x"].field(x)[0, 0])
        assert slope == pytest.approx((exact(t + 1e-6) - exact(t - 1e-6)) / 2e-6, rel=1e-6)


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
