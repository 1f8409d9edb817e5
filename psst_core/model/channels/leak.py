"""Leak current."""

from dataclasses import dataclass

from psst_core.model.mechanisms import Channel
from psst_core.registry import parameter, register


@register("mechanism", "leak")
@dataclass
class Leak(Channel):
    """An ohmic current g (v − E); also the potassium leak, with E = −95 mV."""

    conductance: float = parameter(0.15, "mS/cm2", minimum=0)
    reversal: float = parameter(-55.0, "mV")
