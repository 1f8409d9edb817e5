"""The classical explicit methods."""

from psst_core.integrate.solvers.base import RungeKutta, Tableau
from psst_core.registry import register


@register("solver", "euler")
class Euler(RungeKutta):
    """x ← x + dt f(t, x). Hairer, Nørsett & Wanner 1993, I.7 (doi:10.1007/978-3-540-78862-1)."""

    order = 1
    stages = 1
    tableau = Tableau(c=(0.0,), b=(1.0,))


@register("solver", "midpoint")
class Midpoint(RungeKutta):
    """Runge's method, the slope at the middle of the step: x ← x + dt f(t + dt/2, x + dt/2 f(t, x)).

    Hairer, Nørsett & Wanner 1993, II.1 (doi:10.1007/978-3-540-78862-1).
    """

    order = 2
    stages = 2
    tableau = Tableau(c=(0.0, 0.5), b=(0.0, 1.0))


@register("solver", "heun")
class Heun(RungeKutta):
    """The mean of the slopes at both ends of the step: x ← x + dt/2 (k₁ + k₂), k₁ = f(t, x), k₂ = f(t + dt, x + dt k₁).

    Heun 1900; Hairer, Nørsett & Wanner 1993, II.1 (doi:10.1007/978-3-540-78862-1).
    """

    order = 2
    stages = 2
    tableau = Tableau(c=(0.0, 1.0), b=(0.5, 0.5))


@register("solver", "rk4")
class RK4(RungeKutta):
    """Kutta's fourth-order method: x ← x + dt/6 (k₁ + 2k₂ + 2k₃ + k₄).

    k₁ = f(t, x), k₂ = f(t + dt/2, x + dt/2 k₁), k₃ = f(t + dt/2, x + dt/2 k₂), k₄ = f(t + dt, x + dt k₃). Hairer,
    Nørsett & Wanner 1993, table II.1.2 (doi:10.1007/978-3-540-78862-1).
    """

    order = 4
    stages = 4
    tableau = Tableau(c=(0.0, 0.5, 0.5, 1.0), b=(1 / 6, 1 / 3, 1 / 3, 1 / 6))
