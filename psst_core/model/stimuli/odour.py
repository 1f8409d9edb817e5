"""A puff of odour, as the antennal lobe receives it."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.arrays import Number, Tensor
from psst_core.errors import PsstError
from psst_core.model.mechanisms import Clock
from psst_core.model.stimuli.base import Grid, Stimulus
from psst_core.registry import parameter, register


@register("stimulus", "odour")
@dataclass
class Odour(Stimulus):
    """Receptor current: rises from `onset` with τ = `rise`, falls from `offset` with τ = `fall`.

    I(t) = 0 before onset; a (1 − exp(−(t − onset)/rise)) until offset; then b exp(−(t − offset)/fall) with
    b = `decay_from` · a. The default 0.9996 of Mohanta & Assisi 2019 is for puffs of 500 ms; for a shorter one set
    decay_from to 1 − exp(−(offset − onset)/rise). a in µA/cm², times in ms.
    """

    scaled: ClassVar[bool] = True
    amplitude: float = parameter(10.0, "uA/cm2")
    onset: float = parameter(100.0, "ms", minimum=0)
    offset: float = parameter(600.0, "ms", minimum=0)
    rise: float = parameter(75.0, "ms", minimum=1e-3)
    fall: float = parameter(150.0, "ms", minimum=1e-3)
    decay_from: float = parameter(0.9996, "1", minimum=0)

    def check(self, sizes: dict[str, int], grid: Grid) -> None:
        super().check(sizes, grid)
        if self.offset <= self.onset:
            raise PsstError(f"stimulus.offset={self.offset:g} ms: must come after stimulus.onset={self.onset:g} ms")

    def waveform(self, now: Clock, table: Tensor) -> Number:
        t = now.t
        rising = 1.0 - tf.exp((self.onset - t) / self.rise)
        falling = self.decay_from * tf.exp((self.offset - t) / self.fall)
        late = tf.where(now.reached(self.offset), falling, rising)
        return self.amplitude * tf.where(now.reached(self.onset), late, tf.zeros_like(late))
