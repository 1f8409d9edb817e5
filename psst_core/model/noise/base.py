"""The base class of random inputs, with a grid in time of its own that does not depend on dt."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.errors import PsstError
from psst_core.model.mechanisms import Mechanism
from psst_core.registry import setting


@dataclass(kw_only=True)
class Sampled(Mechanism):
    """A mechanism that draws its random numbers at multiples of `interval`, a whole number of steps."""

    random: ClassVar[bool] = True
    interval: float = setting(0.1, "ms", minimum=1e-6)

    def check(self, dt: float) -> None:
        steps = self.interval / dt
        if round(steps) < 1 or abs(steps - round(steps)) > 1e-6:
            raise PsstError(f"interval={self.interval:g} ms: must be a multiple of run.dt={dt:g} ms")
