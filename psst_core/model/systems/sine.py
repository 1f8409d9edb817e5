"""The benchmark system of the tutorial."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.model.mechanisms import Clock, Relaxation, States, System
from psst_core.registry import register


@register("system", "sine")
@dataclass
class Sine(System):
    """x' = sin(x t), a copy for each cell (Mohanta & Assisi 2019, doi:10.51628/001c.37893)."""

    states: ClassVar[tuple[str, ...]] = ("x",)

    def start(self) -> dict[str, float]:
        return {"x": 1.0}

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        return {"x": Relaxation(tf.sin(x["x"] * now.t), 0.0)}
