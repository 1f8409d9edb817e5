"""A constant current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core.arrays import Number, Tensor
from psst_core.model.mechanisms import Clock
from psst_core.model.stimuli.base import Stimulus
from psst_core.registry import parameter, register


@register("stimulus", "constant")
@dataclass
class Constant(Stimulus):
    """I(t) = amplitude."""

    scaled: ClassVar[bool] = True
    amplitude: float = parameter(0.0, "uA/cm2")

    def waveform(self, now: Clock, table: Tensor) -> Number:
        return self.amplitude
