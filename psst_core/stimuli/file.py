"""A current from a file."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from psst_core import tf
from psst_core.datafiles import read_variable
from psst_core.errors import PsstError
from psst_core.mechanisms import Clock, Tensor
from psst_core.registry import data_file, parameter, register, setting
from psst_core.stimuli.base import Stimulus


@register("stimulus", "file")
@dataclass
class FromFile(Stimulus):
    """I(t) = amplitude · (samples every `interval` ms, joined by straight lines; the last one holds).

    The variable has the shape [time], or [time, cell] with a column for each cell of the network.
    """

    scaled: ClassVar[bool] = True
    amplitude: float = parameter(1.0, "1")
    path: str = data_file()
    variable: str = "current"
    interval: float = setting(1.0, "ms", minimum=1e-6)

    def table(self, n_cells: int) -> npt.NDArray[np.float64]:
        samples = read_variable(self.path, self.variable, "stimulus.path").values
        samples = samples[:, None] if samples.ndim == 1 else samples
        if samples.ndim != 2 or samples.shape[0] < 2 or samples.shape[1] not in (1, n_cells):
            raise PsstError(
                f"stimulus.path={self.path}: {self.variable} has the shape {samples.shape}; "
                f"must be [time] or [time, cell] with {n_cells} cells and at least two times"
            )
        return samples

    def waveform(self, now: Clock, table: Tensor) -> Tensor:
        last = table.shape[0] - 1
        position = tf.minimum(now.t / self.interval, tf.cast(last, now.fraction.dtype))
        row = tf.minimum(tf.cast(position, tf.int32), last - 1)
        between = position - tf.cast(row, position.dtype)
        pair = tf.slice(table, [row, 0], [2, table.shape[1]])
        return self.amplitude * (pair[0] + between * (pair[1] - pair[0]))[:, None]
