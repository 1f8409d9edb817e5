"""Boxes of current."""

from dataclasses import dataclass
from typing import ClassVar

from psst_core import tf
from psst_core.arrays import Number, Tensor
from psst_core.errors import PsstError
from psst_core.model.mechanisms import Clock
from psst_core.model.stimuli.base import Stimulus
from psst_core.registry import parameter, register, setting


@register("stimulus", "steps")
@dataclass
class Steps(Stimulus):
    """I(t) = amplitude · Σ_k levels_k for onsets_k ≤ t < offsets_k."""

    scaled: ClassVar[bool] = True
    amplitude: float = parameter(1.0, "1")
    onsets: list[float] = setting([], "ms", minimum=0)
    offsets: list[float] = setting([], "ms", minimum=0)
    levels: list[float] = setting([], "uA/cm2")

    def __post_init__(self) -> None:
        if not len(self.onsets) == len(self.offsets) == len(self.levels):
            raise PsstError(
                f"stimulus.onsets, .offsets and .levels have {len(self.onsets)}, {len(self.offsets)} and "
                f"{len(self.levels)} numbers; give one of each for every step"
            )
        for onset, offset in zip(self.onsets, self.offsets, strict=True):
            if onset >= offset:
                raise PsstError(f"stimulus.offsets={offset:g} ms: must come after its onset, {onset:g} ms")

    def waveform(self, now: Clock, table: Tensor) -> Number:
        current = tf.zeros_like(now.fraction)
        for onset, offset, level in zip(self.onsets, self.offsets, self.levels, strict=True):
            on = now.reached(onset) & ~now.reached(offset)
            current += tf.where(on, tf.ones_like(current) * level, tf.zeros_like(current))
        return self.amplitude * current
