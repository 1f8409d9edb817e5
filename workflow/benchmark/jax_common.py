"""The shared part of the JAX programs: the solvers over pairs (source, decay), written out, and the setting of XLA."""

import os

import jax
import jax.numpy as jnp
from jax import lax, tree


def prepare(precision: str, flags: str = "") -> None:
    """Set one thread, the precision and further flags of XLA, before the first computation."""
    os.environ["XLA_FLAGS"] = f"--xla_cpu_multi_thread_eigen=false {flags} {os.environ.get('XLA_FLAGS', '')}"
    jax.config.update("jax_enable_x64", precision == "double")
    jax.config.update("jax_platforms", "cpu")


def is_pair(x):
    return isinstance(x, tuple)


def slopes(relaxations, x):
    return tree.map(lambda r, y: r[0] - r[1] * y, relaxations, x, is_leaf=is_pair)


def rk4(relaxations, x, step, dt):
    """Make one step of RK4; `relaxations(x, step)` gives pairs (source, decay), and time is counted in steps."""

    def field(x, step):
        return slopes(relaxations(x, step), x)

    def along(k, by):
        return tree.map(lambda y, slope: y + by * slope, x, k)

    k1 = field(x, step)
    k2 = field(along(k1, dt / 2), step + 0.5)
    k3 = field(along(k2, dt / 2), step + 0.5)
    k4 = field(along(k3, dt), step + 1)
    return tree.map(lambda y, a, b, c, d: y + dt / 6 * (a + 2 * b + 2 * c + d), x, k1, k2, k3, k4)


def rk4_in_a_loop(relaxations, x, step, dt):
    """Make one step of RK4 with the stages as a loop, which XLA compiles to fewer passes over memory."""

    def stage(carry, row):
        y, total = carry
        c, following, weight = row
        k = slopes(relaxations(y, step + c), y)
        y = tree.map(lambda y, slope: y + dt * following * slope, x, k)
        return (y, tree.map(lambda y, slope: y + dt * weight * slope, total, k)), None

    rows = jnp.array([[0, 1 / 2, 1 / 6], [1 / 2, 1 / 2, 1 / 3], [1 / 2, 1, 1 / 3], [1, 0, 1 / 6]], step.dtype)
    (_, total), _ = lax.scan(stage, (x, x), rows)
    return total


def exponential_euler(relaxations, x, step, dt):
    def relax(r, y):
        source, decay = r
        target = source / decay
        return target + (y - target) * jnp.exp(-dt * decay)

    return tree.map(relax, relaxations(x, step), x, is_leaf=is_pair)


SOLVERS = {"rk4": rk4, "exponential_euler": exponential_euler}
TUNED = SOLVERS | {"rk4": rk4_in_a_loop}
