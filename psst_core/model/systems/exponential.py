"""Exponential growth."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.model.mechanisms import Clock, Relaxation, States, System
from psst_core.registry import parameter, register


@register("system", "exponential")
@dataclass
class Exponential(System):
    """x' = r x; exact: x(t) = x(0) exp(r t)."""

    states: ClassVar[tuple[str, ...]] = ("x",)
    rate: float = parameter(5.0, "1/ms")

    def start(self) -> dict[str, float]:
        return {"x": 1.0}

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        return {"x": Relaxation(0.0, -self.rate)}

    def exact(self, start: Mapping[str, float], t: Array) -> dict[str, Array] | None:
        return {"x": start["x"] * np.exp(self.rate * t)}
