"""Two coupled linear equations."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from psst_core.arrays import Array
from psst_core.model.mechanisms import Clock, Relaxation, States, System
from psst_core.registry import register


@register("system", "linear_pair")
@dataclass
class LinearPair(System):
    """x' = x − y, y' = y − x; exact: x + y is constant, x − y grows as exp(2t)."""

    states: ClassVar[tuple[str, ...]] = ("x", "y")

    def start(self) -> dict[str, float]:
        return {"x": 1.0, "y": 0.0}

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        return {"x": Relaxation(-x["y"], -1.0), "y": Relaxation(-x["x"], -1.0)}

    def exact(self, start: Mapping[str, float], t: Array) -> dict[str, Array] | None:
        total, difference = start["x"] + start["y"], (start["x"] - start["y"]) * np.exp(2.0 * t)
        return {"x": (total + difference) / 2.0, "y": (total - difference) / 2.0}
