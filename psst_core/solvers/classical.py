"""The classical explicit methods (Hairer, Nørsett & Wanner 1993, doi:10.1007/978-3-540-78862-1, table II.1.1)."""

from psst_core.registry import register
from psst_core.solvers.base import RungeKutta, Tableau


@register("solver", "euler")
class Euler(RungeKutta):
    """x ← x + dt f(t, x)."""

    order = 1
    stages = 1
    tableau = Tableau(c=(0.0,), b=(1.0,))


@register("solver", "midpoint")
class Midpoint(RungeKutta):
    """Runge's method: the slope at the middle of the step."""

    order = 2
    stages = 2
    tableau = Tableau(c=(0.0, 0.5), b=(0.0, 1.0))


@register("solver", "heun")
class Heun(RungeKutta):
    """The mean of the slopes at both ends of the step."""

    order = 2
    stages = 2
    tableau = Tableau(c=(0.0, 1.0), b=(0.5, 0.5))


@register("solver", "rk4")
class RK4(RungeKutta):
    """Kutta's fourth-order method."""

    order = 4
    stages = 4
    tableau = Tableau(c=(0.0, 0.5, 0.5, 1.0), b=(1 / 6, 1 / 3, 1 / 3, 1 / 6))
