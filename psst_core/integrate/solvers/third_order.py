"""A method of order 3 with three stages."""

from psst_core.integrate.solvers.base import RungeKutta, Tableau
from psst_core.registry import register


@register("solver", "rk3")
class RK3(RungeKutta):
    """Heun's third-order method: x ← x + dt/4 (k₁ + 3k₃), k₂ = f(t + dt/3, x + dt/3 k₁), k₃ = f(t + 2dt/3, x + 2dt/3 k₂).

    Heun 1900; Hairer, Nørsett & Wanner 1993, II.1 (doi:10.1007/978-3-540-78862-1).
    """

    order = 3
    stages = 3
    tableau = Tableau(c=(0.0, 1 / 3, 2 / 3), b=(0.25, 0.0, 0.75))
