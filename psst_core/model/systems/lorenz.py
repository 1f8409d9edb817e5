"""Deterministic chaos."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.model.mechanisms import Clock, Relaxation, States, System
from psst_core.registry import parameter, register


@register("system", "lorenz")
@dataclass
class Lorenz(System):
    """x' = σ (y − x), y' = x (ρ − z) − y, z' = x y − β z.

    Lorenz 1963 (doi:10.1175/1520-0469(1963)020<0130:DNF>2.0.CO;2).
    """

    states: ClassVar[tuple[str, ...]] = ("x", "y", "z")
    sigma: float = parameter(10.0, "1/ms")
    beta: float = parameter(8.0 / 3.0, "1/ms")
    rho: float = parameter(28.0)

    def start(self) -> dict[str, float]:
        return {"x": 1.0, "y": 1.0, "z": 1.0}

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        return {
            "x": Relaxation(self.sigma * x["y"], self.sigma),
            "y": Relaxation(x["x"] * (self.rho - x["z"]), 1.0),
            "z": Relaxation(x["x"] * x["y"], self.beta),
        }
