"""The mathematical pendulum."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import scipy

from psst_core import tf
from psst_core.arrays import Array
from psst_core.model.mechanisms import Clock, Relaxation, States, System
from psst_core.registry import parameter, register


@register("system", "pendulum")
@dataclass
class Pendulum(System):
    """θ' = ω, ω' = −(g/L) sin θ; the energy ω²/2 − (g/L) cos θ is constant.

    Exact, released at rest from θ₀ in (−π, π): sin(θ/2) = k sn(K(k²) + √(g/L) t; k²) with k = sin(θ₀/2)
    (DLMF 22.19.5, doi:10.1017/CBO9780511779398).
    """

    states: ClassVar[tuple[str, ...]] = ("theta", "omega")
    gravity_over_length: float = parameter(1.0, "1/ms2", minimum=1e-9)

    def start(self) -> dict[str, float]:
        return {"theta": 1.0, "omega": 0.0}

    def field(self, x: States, now: Clock) -> dict[str, Relaxation]:
        return {
            "theta": Relaxation(x["omega"], 0.0),
            "omega": Relaxation(-self.gravity_over_length * tf.sin(x["theta"]), 0.0),
        }

    def exact(self, start: Mapping[str, float], t: Array) -> dict[str, Array] | None:
        if np.any(start["omega"]) or np.any(np.abs(start["theta"]) >= np.pi):
            return None
        k, frequency = np.sin(np.asarray(start["theta"]) / 2.0), np.sqrt(self.gravity_over_length)
        sn, cn, dn, _ = scipy.special.ellipj(scipy.special.ellipk(k**2) + frequency * t, k**2)
        theta = 2.0 * np.arcsin(k * sn)
        return {"theta": theta, "omega": 2.0 * k * frequency * cn * dn / np.cos(theta / 2.0)}
