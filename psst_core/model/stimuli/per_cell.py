"""A constant current of its own for each cell."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from psst_core.arrays import Array, Number, Tensor
from psst_core.errors import PsstError
from psst_core.model.mechanisms import Clock
from psst_core.model.stimuli.base import Stimulus
from psst_core.registry import parameter, register, setting


@register("stimulus", "per_cell")
@dataclass
class PerCell(Stimulus):
    """I_i(t) = amplitude · x_i, with the x_i listed in `values`, or equally spaced from `first` to `last`."""

    scaled: ClassVar[bool] = True
    amplitude: float = parameter(1.0, "1")
    first: float = setting(0.0, "uA/cm2", per_run=True)
    last: float = setting(10.0, "uA/cm2", per_run=True)
    values: list[float] = setting([], "uA/cm2", per_run=True)

    def unread(self) -> dict[str, str]:
        listed = dict.fromkeys(("first", "last"), "values lists the currents") if self.values else {}
        return listed | super().unread()

    def waveform(self, now: Clock, table: Tensor) -> Number:
        return self.amplitude

    def amplitudes(self, n_targets: int) -> Array:
        if not self.values:
            return np.linspace(self.first, self.last, n_targets)
        if len(self.values) != n_targets:
            raise PsstError(f"stimulus.values has {len(self.values)} numbers for {n_targets} cells; give one for each")
        return np.asarray(self.values, dtype=float)
